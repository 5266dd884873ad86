//! One grant under a clock that is turned back and ahead: it is agreed late, begins late, is held, goes on, gets more time, is
//! returned, taken back, or left to a timer that comes late. The transitions are `domain::decide`, `evolve`, `due` and `judge`
//! themselves; only the clock is modelled, by the one promise that trusted time makes: no reading is before what is on record.
//! What must hold is judged from what was told at each step, apart from the state. Each safety rule, taken away, is missed.
#![expect(
    clippy::expect_used,
    reason = "a test: a broken assumption must stop it"
)]
#[path = "../search/mod.rs"]
mod search;
mod watch;
mod without;

use domain::{
    actor::{Actor, Context, Seed},
    catalog::{Environment, Freeze},
    command::{Attempt, Command},
    decide::{decide, usage::judge},
    due::next_due,
    event::Event,
    evolve::evolve,
    fixture::{BUNDLE, allow, ask, catalog, context, gateway, gateway_id, id, ids, text, world},
    grant::CredentialKind,
    ids::{AccountId, CredentialId, GrantId},
    request::{Ask, RequestKind, Start},
    state::State,
    time::Seconds,
    window::Window,
};
use stateright::{Checker, Model, Property};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;
use watch::{ASKED, Broken, FREEZE, MOST, READINGS, Reached, Told, WINDOW, World, at};
use without::{Without, move_end, without_rule};

/// How often each thing may happen.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Turns of the wall clock, each to any reading.
    turns: u8,
    holds: u8,
    /// Requests for more time.
    more: u8,
    credentials: usize,
}

const BOUNDS: Bounds = Bounds {
    turns: 3,
    holds: 1,
    more: 2,
    credentials: 1,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Turn(watch::Tick),
    LastConsent,
    Due,
    Issue,
    Hold,
    Resume,
    Return,
    Revoke,
    AskForMore,
}

struct Clocks(Bounds, Without);

fn small_world() -> State {
    let mut rules = catalog();
    let edit = rules.privileges.get_mut(&id("edit-flow"));
    let edit = edit.expect("it is there");
    edit.grant_seconds_max = Seconds::from_minutes(30 * u32::from(MOST));
    // NOW is ten o'clock in Berlin
    let minute = |tick: watch::Tick| 600 + 30 * tick;
    for window in &mut edit.windows {
        *window = Window {
            from_minute: minute(WINDOW.0),
            to_minute: minute(WINDOW.1),
            ..window.clone()
        };
    }
    rules.conflicts.clear();
    rules.freezes = vec![Freeze {
        why: "the books are closed".to_owned(),
        starts_at: at(FREEZE.0),
        ends_at: at(FREEZE.1),
        environments: [Environment::Production].into(),
        platforms: BTreeSet::new(),
    }];
    let mut state = world();
    state.learn(BUNDLE, Arc::new(rules));
    let taking_part = |name: &str| ["ada", "bob", "cyd", "dee"].contains(&name);
    let directory = &mut state.directory;
    directory.persons.retain(|id, _| taking_part(id.as_str()));
    directory.accounts.retain(|id, _| taking_part(id.as_str()));
    directory.delegations.clear();
    state
}

fn asked(start: Start, kind: RequestKind) -> Ask {
    Ask {
        targets: ids("nodered.invoices"),
        duration: Seconds::from_minutes(30 * u32::from(ASKED)),
        start,
        kind,
        ..ask("edit-flow")
    }
}

impl World {
    /// Sent, and one of two has consented.
    fn beginning(start: Start) -> Self {
        let world = Self {
            state: small_world(),
            wall: 0,
            recorded: 0,
            turns: 0,
            told: Told::Nothing,
            credentials: BTreeMap::new(),
            holds: 0,
            asked_for_more: 0,
            broken: BTreeSet::new(),
            reached: BTreeSet::new(),
        };
        let ask = asked(start, RequestKind::New);
        world.ask(Without::Nothing, ask).expect("it is sent")
    }

    fn ask(self, without: Without, ask: Ask) -> Option<Self> {
        let sent = self.give(without, "ada", &Command::SubmitRequest { ask })?;
        sent.approve(without, "bob")
    }

    /// A consent to the newest request.
    fn approve(self, without: Without, account: &'static str) -> Option<Self> {
        let requests = self.state.requests.values();
        let newest = requests.max_by_key(|request| request.number)?;
        let command = Command::ApproveRequest {
            request: newest.id,
            digest: newest.digest,
            narrowing: None,
            comment: text("fine"),
        };
        self.give(without, account, &command)
    }

    /// What trusted time says.
    fn reading(&self, without: Without) -> watch::Tick {
        if without == Without::Recorded {
            self.wall
        } else {
            self.wall.max(self.recorded)
        }
    }

    fn context(&self, account: &str, reading: watch::Tick) -> Context {
        let now = at(reading);
        let actor = match account {
            "system" => Actor::System,
            account => Actor::Person {
                account: id::<AccountId>(account),
                signed_in_at: now,
                second_factor: true,
            },
        };
        let steps = self.state.requests_numbered * 100 + self.credentials.len() as u64;
        Context {
            verdict: Some(allow()),
            seed: Seed(Uuid::from_u128(u128::from(steps))),
            ..context(actor, now)
        }
    }

    /// What is so now, or nothing if the broker refused and nothing else has changed either.
    fn give(mut self, without: Without, account: &'static str, command: &Command) -> Option<Self> {
        let reading = self.reading(without);
        let decision = decide(
            &self.as_seen_without(without, command),
            command,
            &self.context(account, reading),
        );
        // a refusal is an entry too
        let later = self.recorded < reading;
        self.recorded = self.recorded.max(reading);
        let Ok(mut events) = decision else {
            return later.then_some(self);
        };
        for event in &mut events {
            without_rule(without, event, reading);
            self.note(event, reading);
            evolve(&mut self.state, event, at(reading));
            if without == Without::HoldRunsOn && matches!(event, Event::GrantResumed { .. }) {
                self.move_end(ASKED);
            }
        }
        if self.wall < self.recorded {
            self.reached.insert(Reached::WorkedAfterFallBack);
        }
        self.compare();
        Some(self)
    }

    fn move_end(&mut self, by: watch::Tick) {
        for grant in self.state.grants.values_mut() {
            move_end(&mut grant.state, by);
        }
    }

    fn grant(&self) -> Option<GrantId> {
        self.state.grants.keys().next().copied()
    }

    /// Whether an enforcement point would let a use under this credential pass at this reading.
    fn lets_pass(&self, without: Without, credential: CredentialId, reading: watch::Tick) -> bool {
        let attempt = Attempt {
            gateway: gateway_id(),
            grant: self.grant(),
            credential: Some(credential),
            platform: id("nodered"),
            actions: [(id("flow.change"), id("nodered.invoices"))].into(),
            method: "PUT".to_owned(),
            path: "/flow/f1".to_owned(),
            destination: None,
            unmapped: Vec::new(),
        };
        let looks_at = match (without, &self.told) {
            (Without::OwnLook, Told::Active { begun, .. }) => *begun,
            _ => reading,
        };
        judge(&self.state, &attempt, &gateway(at(looks_at))).is_ok()
    }

    /// Whether this holds of each use that would pass, at each reading that there can be from here on.
    fn of_uses(&self, without: Without, holds: impl Fn(watch::Tick, watch::Tick) -> bool) -> bool {
        let earliest = if without == Without::Recorded {
            0
        } else {
            self.recorded
        };
        let mut readings = READINGS.into_iter().filter(|reading| *reading >= earliest);
        readings.all(|reading| {
            let mut credentials = self.credentials.iter();
            credentials.all(|(credential, ends)| {
                !self.lets_pass(without, *credential, reading) || holds(reading, *ends)
            })
        })
    }

    /// Whether the timers end what is over at each reading, and are asked in time.
    fn ends_are_due(&self, without: Without) -> bool {
        let Some(ends) = self.told.ends() else {
            return true;
        };
        let ends_it = |command: &Command| matches!(command, Command::ExpireGrant { .. });
        let mut over = READINGS.into_iter().filter(|reading| *reading >= ends);
        let asked_in_time = next_due(&self.state).is_some_and(|next| next <= at(ends));
        asked_in_time && over.all(|reading| self.due(without, reading).iter().any(ends_it))
    }
}

impl Model for Clocks {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        [Start::Now, Start::At(at(1)), Start::At(at(4))]
            .map(World::beginning)
            .into()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let bounds = self.0;
        // a broken promise is the end of a path, and so is what nothing can follow
        if !world.broken.is_empty() || world.told == Told::Ended {
            return;
        }
        if world.turns < bounds.turns {
            let others = READINGS.into_iter().filter(|to| *to != world.wall);
            actions.extend(others.map(Action::Turn));
        }
        if !world.state.requests.is_empty() {
            actions.push(Action::LastConsent);
        }
        actions.push(Action::Due);
        match world.told {
            Told::Active { .. } => {
                actions.extend([Action::Return, Action::Revoke]);
                if world.credentials.len() < bounds.credentials {
                    actions.push(Action::Issue);
                }
                if world.holds < bounds.holds {
                    actions.push(Action::Hold);
                }
                if world.asked_for_more < bounds.more {
                    actions.push(Action::AskForMore);
                }
            }
            Told::Held { .. } => {
                actions.extend([Action::Return, Action::Revoke, Action::Resume]);
            }
            Told::Scheduled { .. } => actions.push(Action::Return),
            Told::Nothing | Told::Ended => {}
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let without = self.1;
        let mut next = world.clone();
        let grant = next.grant();
        let comment = text("because");
        match action {
            Action::Turn(to) => {
                next.turns += 1;
                next.wall = to;
                Some(next)
            }
            Action::LastConsent => next.approve(without, "cyd"),
            Action::Due => {
                let commands = next.due(without, next.reading(without));
                let (first, rest) = commands.split_first()?;
                let begun = next.give(without, "system", first)?;
                rest.iter().try_fold(begun, |world, command| {
                    world.give(without, "system", command)
                })
            }
            Action::Issue => {
                let (grant, kind) = (grant?, CredentialKind::AccessToken);
                let command = Command::IssueCredential { grant, kind };
                next.give(without, "ada", &command)
            }
            Action::Hold => {
                next.holds += 1;
                let grant = grant?;
                next.give(without, "bob", &Command::HoldGrant { grant, comment })
            }
            Action::Resume => {
                let grant = grant?;
                next.give(without, "bob", &Command::ResumeGrant { grant, comment })
            }
            Action::Return => {
                let grant = grant?;
                next.give(without, "ada", &Command::ReturnGrant { grant })
            }
            Action::Revoke => {
                let grant = grant?;
                next.give(without, "bob", &Command::RevokeGrant { grant, comment })
            }
            Action::AskForMore => {
                next.asked_for_more += 1;
                let ask = asked(Start::Now, RequestKind::Extension(grant?));
                next.ask(without, ask)
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Vec::new();
        macro_rules! never {
            ($($name:expr => $broken:ident),* $(,)?) => {
                $(properties.push(Property::always($name, |_, w: &World| {
                    !w.broken.contains(&Broken::$broken)
                }));)*
            };
        }
        macro_rules! possible {
            ($($reached:ident),* $(,)?) => {
                $(properties.push(Property::sometimes(stringify!($reached), |_, w: &World| {
                    w.reached.contains(&Reached::$reached)
                }));)*
            };
        }
        never! {
            BACK => Back, "it ends once" => TwiceEnded, GAP => Gap, AHEAD => TooMuchAhead, HOLD => HoldLengthens,
            HOURS => OutsideHours, OUTLIVES => Outlives, REASON => WrongReason, EARLY => TooEarly,
        }
        properties.push(Property::always(USABLE, |model: &Self, w: &World| {
            w.of_uses(model.1, |reading, _| w.told.usable_at(reading))
        }));
        properties.push(Property::always(VOID, |model: &Self, w: &World| {
            w.of_uses(model.1, |reading, ends| reading < ends)
        }));
        properties.push(Property::always(AGAIN, |model: &Self, w: &World| {
            w.of_uses(model.1, |_, _| {
                w.told.ends().is_some_and(|e| w.recorded < e)
            })
        }));
        properties.push(Property::always(DUE, |model: &Self, w: &World| {
            w.ends_are_due(model.1)
        }));
        possible![
            Expired,
            Returned,
            Revoked,
            ExpiredOnHold,
            Extended,
            Resumed,
            Superseded,
            BegunLate,
            WorkedAfterFallBack,
        ];
        properties
    }
}

const BACK: &str = "what is over stays over";
const GAP: &str = "more time begins where the time before ends";
const AHEAD: &str = "no more lies ahead than may be lent at once";
const HOLD: &str = "a hold lengthens nothing";
const HOURS: &str = "it is active in its hours and outside freezes";
const OUTLIVES: &str = "no credential outlives its grant";
const REASON: &str = "it has expired exactly if its time was over";
const EARLY: &str = "nothing begins before its start";
const USABLE: &str = "it is used only between its beginning and its end, and not on hold";
const VOID: &str = "no credential is used after its own end";
const AGAIN: &str = "what the record has passed is not usable again";
const DUE: &str = "what is over is ended at the next look at the timers";

#[test]
fn however_the_clock_is_turned_no_promise_about_time_is_broken() {
    let checker = Clocks(BOUNDS, Without::Nothing)
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    #[expect(clippy::print_stdout, reason = "the bounds are part of what is proved")]
    {
        println!(
            "clock: {BOUNDS:?}, readings {READINGS:?} in half hours: {} unique states, all of them",
            checker.unique_state_count()
        );
    }
    let found: BTreeSet<&str> = checker.discoveries().into_keys().collect();
    assert_eq!(found, POSSIBLE.into());
    assert_eq!(checker.unique_state_count(), 13_672);
}

const POSSIBLE: [&str; 9] = [
    "Expired",
    "Returned",
    "Revoked",
    "ExpiredOnHold",
    "Extended",
    "Resumed",
    "Superseded",
    "BegunLate",
    "WorkedAfterFallBack",
];

/// Without the rule there is a way to break the promise.
#[track_caller]
fn caught(without: Without, promise: &'static str) {
    search::caught(Clocks(BOUNDS, without), without, promise);
}

#[test]
fn believing_a_clock_that_fell_back_is_caught() {
    caught(Without::Recorded, AGAIN);
}

#[test]
fn waiting_for_the_timer_before_a_use_is_refused_is_caught() {
    caught(Without::OwnLook, USABLE);
}

#[test]
fn resuming_what_is_over_is_caught() {
    caught(Without::OverIsOver, BACK);
}

#[test]
fn taking_back_what_has_expired_is_caught() {
    caught(Without::EndFirst, REASON);
}

#[test]
fn a_hold_that_stops_the_clock_is_caught() {
    caught(Without::HoldRunsOn, HOLD);
}

#[test]
fn a_hold_that_nobody_ends_is_caught() {
    caught(Without::HeldEnds, DUE);
}

#[test]
fn more_time_from_the_consent_on_is_caught() {
    caught(Without::NoGap, GAP);
}

#[test]
fn two_requests_for_more_time_that_add_up_are_caught() {
    caught(Without::AheadAtMost, AHEAD);
}

#[test]
fn a_credential_beyond_its_grant_is_caught() {
    caught(Without::CredentialEnd, OUTLIVES);
}

#[test]
fn beginning_outside_the_hours_is_caught() {
    caught(Without::LookAtStart, HOURS);
}

#[test]
fn beginning_before_the_start_is_caught() {
    caught(Without::StartTime, EARLY);
}

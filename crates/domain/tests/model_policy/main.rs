//! Every interleaving of a change of rules with a request that waits, a grant that is to begin and one that runs: bundles that lend
//! more, ask for more consent, or lend nothing, proposed and confirmed by two governors, one of whom has an alias, the other a
//! deputy. The transitions are `domain::decide`, `evolve` and `due` themselves. What must hold is judged from what each bundle
//! means and from who really agreed on it, apart from the state. Each safety rule, taken away, is found missing.
#![expect(
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test: a broken assumption must stop it"
)]
mod rules;
#[path = "../search/mod.rs"]
mod search;
mod watch;

use domain::{
    actor::{Actor, Context, Seed},
    command::Command,
    decide::{GOVERNANCE, decide},
    due::due,
    event::Event,
    evolve::evolve,
    fixture::{NOW, allow, ask, context, id, ids, text},
    ids::{AccountId, Digest, RequestId},
    refusal::Refused,
    request::{Ask, RequestKind, Start},
    state::State,
    time::{Seconds, Timestamp},
};
use rules::{BUNDLES, lent};
use stateright::{Checker, Model, Property};
use std::borrow::Cow;
use uuid::Uuid;
use watch::{Broken, Reached, World};

/// How often each thing may happen.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    proposals: u8,
    edits: u8,
    /// Hours: what is asked for later begins after the first.
    ticks: u8,
}

const BOUNDS: Bounds = Bounds {
    proposals: 2,
    edits: 1,
    ticks: 1,
};

/// Which safety rule is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Whoever proposed a bundle doesn't confirm it.
    SecondPerson,
    /// A confirmation names the bundle it confirms.
    Named,
    /// Rules aren't changed by deputies.
    OwnRight,
    /// What was only proposed isn't in force.
    Confirmed,
    /// The last consent asks what today's rules ask.
    TodaysSeats,
    /// The last consent asks whether today's rules mean more by the name.
    TodaysMeaning,
    /// What a grant gives was fixed when it was made.
    Fixed,
    /// What begins is looked at again.
    LookAtStart,
    /// More time is for what is still lent.
    SameForMoreTime,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Propose(&'static str, Digest),
    Confirm(&'static str, Digest),
    Submit(Start),
    AskForMore,
    Edit(RequestId),
    Approve(RequestId, &'static str),
    Tick,
}

struct Changes(Bounds, Without);

fn now(tick: u8) -> Timestamp {
    NOW.plus(Seconds::from_minutes(60 * u32::from(tick)))
}

/// Two hours, so that a grant still runs after the last tick.
fn asked(start: Start, kind: RequestKind) -> Ask {
    Ask {
        targets: ids("nodered.invoices"),
        duration: Seconds::from_minutes(120),
        start,
        kind,
        ..ask("edit-flow")
    }
}

impl World {
    fn context(&self, account: &str) -> Context {
        let now = now(self.tick);
        let actor = match account {
            "system" => Actor::System,
            account => Actor::Person {
                account: id::<AccountId>(account),
                signed_in_at: now,
                second_factor: true,
            },
        };
        Context {
            verdict: Some(allow()),
            seed: Seed(Uuid::from_u128(u128::from(self.state.requests_numbered))),
            ..context(actor, now)
        }
    }

    /// Whether the broker refused, or what is so now.
    fn give(mut self, without: Without, account: &'static str, command: &Command) -> Option<Self> {
        let seen = self.as_seen_without(without, command);
        let context = self.context(account);
        let mut decided = command.clone();
        if let (Without::Named, Command::ConfirmBundle { bundle }) = (without, &mut decided) {
            *bundle = self.state.proposed.as_ref()?.0;
        }
        let events = match decide(&seen, &decided, &context) {
            Ok(events) => events,
            Err(refused) => return self.told(command, &refused),
        };
        for event in &events {
            match (event, command) {
                (Event::BundleProposed { bundle, .. }, _) => {
                    self.named = Some((*bundle, rules::human(account)));
                    if without == Without::Confirmed {
                        self.state.bundle = Some(*bundle);
                    }
                }
                (Event::BundleAdopted { .. }, Command::ConfirmBundle { bundle }) => {
                    self.note_adoption(account, *bundle);
                }
                _ => self.note(event, account),
            }
            evolve(&mut self.state, event, context.now);
        }
        if without == Without::Fixed {
            self.follow_the_rules();
        }
        self.compare();
        Some(self)
    }

    /// A refusal that tells of changed rules is worth reaching.
    fn told(mut self, command: &Command, refused: &Refused) -> Option<Self> {
        let reached = match (command, refused) {
            (Command::ApproveRequest { .. }, Refused::RulesChanged { .. }) => Reached::ToldOfChange,
            (
                Command::SubmitRequest { .. } | Command::ApproveRequest { .. },
                Refused::ExtensionMismatch { .. },
            ) => Reached::NotExtended,
            _ => return None,
        };
        self.reached.insert(reached).then_some(self)
    }

    /// What a broker would do whose grants follow the rules in force.
    fn follow_the_rules(&mut self) {
        let today = self.state.catalog().and_then(|catalog| {
            let edit = catalog.privileges.get(&id("edit-flow"))?;
            Some(edit.actions.clone())
        });
        for grant in self.state.grants.values_mut() {
            if let Some(actions) = &today {
                grant.terms.actions.clone_from(actions);
            }
        }
    }

    /// The state as a broker without one of its rules would take it.
    fn as_seen_without(&self, without: Without, command: &Command) -> Cow<'_, State> {
        if without == Without::Nothing {
            return Cow::Borrowed(&self.state);
        }
        let mut state = self.state.clone();
        let sent_under = self.sent.as_ref().map(|sent| sent.under);
        match (without, command) {
            (Without::SecondPerson, Command::ConfirmBundle { .. }) => {
                if let Some((_, proposer)) = &mut state.proposed {
                    *proposer = id("somebody");
                }
            }
            (Without::OwnRight, Command::ProposeBundle { .. } | Command::ConfirmBundle { .. }) => {
                let deputy = state.directory.persons.get_mut(&id("fay"));
                let duties = &mut deputy.expect("a person").duties;
                duties.insert(id(GOVERNANCE));
            }
            (Without::TodaysSeats, Command::ApproveRequest { .. }) => {
                state.bundle = sent_under.or(state.bundle);
            }
            (Without::TodaysMeaning, Command::ApproveRequest { request, .. }) => {
                let today = state.bundle;
                if let Some(open) = state.requests.get_mut(request) {
                    open.bundle = today;
                }
            }
            (Without::LookAtStart, Command::ActivateGrant { .. }) => {
                state.bundle = self.given.as_ref().map(|given| given.under);
            }
            (
                Without::SameForMoreTime,
                Command::SubmitRequest { .. } | Command::ApproveRequest { .. },
            ) => {
                for grant in state.grants.values_mut() {
                    let today = lent(self.in_force);
                    grant.terms.actions = today.into_iter().map(id).collect();
                }
            }
            _ => {}
        }
        Cow::Owned(state)
    }
}

impl Model for Changes {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::beginning()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let bounds = self.0;
        // a broken promise is the end of a path: what follows from it says nothing new
        if !world.broken.is_empty() {
            return;
        }
        for bundle in BUNDLES {
            if world.proposals < bounds.proposals {
                actions.extend(["ada", "dee", "fay"].map(|by| Action::Propose(by, bundle)));
            }
            actions.extend(["ada-alias", "dee", "fay"].map(|by| Action::Confirm(by, bundle)));
        }
        if world.sent.is_none() {
            actions.push(Action::Submit(Start::Now));
            actions.push(Action::Submit(Start::At(now(1))));
        }
        for (request, open) in &world.state.requests {
            actions.extend(["bob", "cyd", "eve"].map(|by| Action::Approve(*request, by)));
            if world.edits < bounds.edits && open.ask.kind == RequestKind::New {
                actions.push(Action::Edit(*request));
            }
        }
        if !world.asked_for_more && !world.state.grants.is_empty() {
            actions.push(Action::AskForMore);
        }
        if world.tick < bounds.ticks {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let without = self.1;
        let mut next = world.clone();
        match action {
            Action::Propose(account, bundle) => {
                next.proposals += 1;
                next.give(without, account, &Command::ProposeBundle { bundle })
            }
            Action::Confirm(account, bundle) => {
                next.give(without, account, &Command::ConfirmBundle { bundle })
            }
            Action::Submit(start) => {
                let ask = asked(start, RequestKind::New);
                next.give(without, "ada", &Command::SubmitRequest { ask })
            }
            Action::AskForMore => {
                let grant = *next.state.grants.keys().next()?;
                let ask = asked(Start::Now, RequestKind::Extension(grant));
                let mut next = next.give(without, "ada", &Command::SubmitRequest { ask })?;
                next.asked_for_more = true;
                Some(next)
            }
            Action::Edit(request) => {
                next.edits += 1;
                let open = next.state.requests.get(&request)?;
                let (ask, revision) = (open.ask.clone(), open.revision);
                let command = Command::EditRequest {
                    request,
                    ask,
                    revision,
                };
                next.give(without, "ada-alias", &command)
            }
            Action::Approve(request, account) => {
                let digest = next.state.requests.get(&request)?.digest;
                let command = Command::ApproveRequest {
                    request,
                    digest,
                    narrowing: None,
                    comment: text("fine"),
                };
                next.give(without, account, &command)
            }
            Action::Tick => {
                next.tick += 1;
                let begins = |command: &Command| matches!(command, Command::ActivateGrant { .. });
                let commands = due(&next.state, now(next.tick));
                commands
                    .iter()
                    .filter(|command| begins(command))
                    .try_fold(next, |world, command| {
                        world.give(without, "system", command)
                    })
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = Vec::new();
        macro_rules! never {
            ($name:expr, $broken:ident) => {
                properties.push(Property::always($name, |_, w: &World| {
                    !w.broken.contains(&Broken::$broken)
                }));
            };
        }
        macro_rules! possible {
            ($($reached:ident),*) => {
                $(properties.push(Property::sometimes(stringify!($reached), |_, w: &World| {
                    w.reached.contains(&Reached::$reached)
                }));)*
            };
        }
        never!(ALONE, AdoptedAlone);
        never!(UNSEEN, AdoptedUnseen);
        never!(OTHERS, AdoptedByOthers);
        never!(HALF, HalfInForce);
        never!(MISSING, ConsentMissing);
        never!(MEANING, MoreThanConsented);
        never!(GAINED, Gained);
        never!(LENT, NoLongerLent);
        possible!(
            Adopted,
            AdoptedBack,
            GrantedAfterChange,
            ToldOfChange,
            BegunAfterChange,
            NotBegun,
            Extended,
            NotExtended
        );
        properties
    }
}

const ALONE: &str = "nobody adopts alone what they proposed";
const UNSEEN: &str = "what is adopted is what both named";
const OTHERS: &str = "only those who hold the duty themselves change the rules";
const HALF: &str = "what is in force was adopted";
const MISSING: &str = "every grant has the consents that the rules in force ask for";
const MEANING: &str = "nothing is lent that wasn't meant when it was asked for and consented to";
const GAINED: &str = "no grant gains by a change of the rules";
const LENT: &str = "nothing begins or goes on longer that isn't lent any more";

#[test]
fn no_order_of_changes_and_requests_breaks_a_promise() {
    let checker = Changes(BOUNDS, Without::Nothing)
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    #[expect(clippy::print_stdout, reason = "the bounds are part of what is proved")]
    {
        println!(
            "change of rules: {BOUNDS:?}, {} bundles: {} unique states, all of them",
            BUNDLES.len(),
            checker.unique_state_count()
        );
    }
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), 9_366);
}

/// Without the rule there is a way to break the promise.
#[track_caller]
fn caught(without: Without, promise: &'static str) {
    search::caught(Changes(BOUNDS, without), without, promise);
}

#[test]
fn letting_the_proposer_confirm_through_an_alias_is_caught() {
    caught(Without::SecondPerson, ALONE);
}

#[test]
fn confirming_whatever_was_proposed_last_is_caught() {
    caught(Without::Named, UNSEEN);
}

#[test]
fn letting_a_deputy_change_the_rules_is_caught() {
    caught(Without::OwnRight, OTHERS);
}

#[test]
fn ruling_by_what_was_only_proposed_is_caught() {
    caught(Without::Confirmed, HALF);
}

#[test]
fn counting_consents_by_the_rules_of_the_day_of_sending_is_caught() {
    caught(Without::TodaysSeats, MISSING);
}

#[test]
fn lending_what_the_name_means_today_is_caught() {
    caught(Without::TodaysMeaning, MEANING);
}

#[test]
fn grants_that_follow_the_rules_are_caught() {
    caught(Without::Fixed, GAINED);
}

#[test]
fn beginning_without_another_look_is_caught() {
    caught(Without::LookAtStart, LENT);
}

#[test]
fn more_time_for_what_is_no_longer_lent_is_caught() {
    caught(Without::SameForMoreTime, LENT);
}

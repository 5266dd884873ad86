//! Every interleaving of one grant with a credential in a target: workers that may die between the target and the record, a
//! target that fails or answers too late, holds and resumptions, a revocation at any moment, a clock that moves both ways. The
//! transitions are `domain::decide`, `evolve`, `react`, `outstanding` and `due` themselves; only the target and the workers are
//! modelled. Each safety rule, taken away, is found missing.
#![expect(
    clippy::print_stdout,
    reason = "the bounds and the number of states are part of the proof"
)]
use domain::{
    command::Command,
    decide::decide,
    due::due,
    effect::Effect,
    event::Event,
    evolve::evolve,
    fixture::{NOW, by, system, terms, text, world},
    grant::{CredentialState, Grant, GrantState},
    ids::{CredentialId, GrantId},
    react::{is_outstanding, outstanding, react},
    state::State,
    time::{Seconds, Timestamp},
};
use stateright::{Checker, Model, Property};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

/// How often each kind of trouble may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Bounds {
    crashes: u8,
    faults: u8,
    holds: u8,
    ticks_back: u8,
}

const BOUNDS: Bounds = Bounds {
    crashes: 2,
    faults: 2,
    holds: 1,
    ticks_back: 1,
};

/// Last reading of the clock, in hours; the grant lasts one.
const TICK_MAX: u8 = 1;

/// Which safety rule is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// The intent is put on record before the credential is made.
    IntentFirst,
    /// An intended credential counts as made when its grant ends.
    IntendedCounts,
    /// A removal is reported only after the target was read back.
    ReadBack,
    /// One credential is worked on at a time.
    OneAtATime,
    /// An effect is looked at again before work on it begins.
    SecondLook,
    /// What is outstanding is derived again after a crash.
    Outstanding,
}

#[derive(Clone, Debug, PartialEq)]
struct Ledger(State);

impl Hash for Ledger {
    /// What differs between states of this model; the directory and the catalog don't.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for grant in self.0.grants.values() {
            match &grant.state {
                GrantState::Scheduled { .. } => 0.hash(hasher),
                GrantState::Active { expires_at, .. } => (1, expires_at).hash(hasher),
                GrantState::Held { expires_at, .. } => (2, expires_at).hash(hasher),
                GrantState::Ended { reason, .. } => (3, *reason as u8).hash(hasher),
            }
            for credential in grant.credentials.values() {
                let state = match credential.state {
                    CredentialState::Intended => (0, 0),
                    CredentialState::Issued { expires_at } => (1, expires_at.0),
                    CredentialState::Removing { attempts } => (2, i64::from(attempts)),
                    CredentialState::Removed => (3, 0),
                };
                (credential.id, state).hash(hasher);
            }
        }
    }
}

/// What a worker knows of the effect in its hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hand {
    /// It has begun.
    Begun,
    /// The target answered: done.
    Done,
    /// The target failed, or its answer was lost.
    Unclear,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct World {
    /// Durable.
    ledger: Ledger,
    /// What exists in the target, whatever anybody knows of it.
    target: BTreeSet<CredentialId>,
    /// What waits for a worker; lost in a crash.
    queue: BTreeSet<Effect>,
    /// What workers are at; lost in a crash.
    hands: BTreeMap<Effect, Hand>,
    tick: u8,
    left: Bounds,
    /// The grant was seen ended.
    over: bool,
    /// It was seen active or held after that.
    back_again: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Person(Command),
    Tick,
    TickBack,
    Due,
    Take(Effect),
    /// The target does what it is asked.
    Touch(Effect),
    /// The target does it, and the answer is lost.
    TouchUnheard(Effect),
    /// The target refuses or is away.
    Miss(Effect),
    Report(Effect),
    Crash,
}

struct Provisioning(Without);

/// That of [`terms`]`(1, ..)`.
fn grant_id() -> GrantId {
    GrantId(uuid::Uuid::from_u64_pair(0x6, 1))
}

fn credential_of(effect: &Effect) -> CredentialId {
    match effect {
        Effect::Remove { credential, .. }
        | Effect::Provision { credential, .. }
        | Effect::Renew { credential, .. } => *credential,
        Effect::Contain { .. } | Effect::Forget { .. } | Effect::Notify(_) => {
            unreachable!("not about a credential")
        }
    }
}

impl World {
    fn grant(&self) -> Option<&Grant> {
        self.ledger.0.grants.get(&grant_id())
    }

    fn now(&self) -> Timestamp {
        NOW.plus(Seconds::from_minutes(60 * u32::from(self.tick)))
    }
}

impl Provisioning {
    /// Decides by the rules themselves and folds what follows.
    fn command(&self, world: &mut World, command: &Command) {
        let mut context = match command {
            Command::HoldGrant { .. }
            | Command::ResumeGrant { .. }
            | Command::RevokeGrant { .. } => by("bob", world.now()),
            _ => system(world.now()),
        };
        // ids that depend on what is there, not on the way it came about
        let issued = world.grant().map_or(0, |grant| grant.credentials.len());
        context.seed.0 = uuid::Uuid::from_u128(issued as u128);
        context.now = world.now();
        if let Ok(events) = decide(&world.ledger.0, command, &context) {
            self.fold(world, events);
        }
    }

    fn fold(&self, world: &mut World, events: Vec<Event>) {
        let now = world.now();
        for event in self.without_rule(world, events) {
            evolve(&mut world.ledger.0, &event, now);
            let effects = react(&world.ledger.0, &event);
            let lasting = |effect: &Effect| !matches!(effect, Effect::Notify(_));
            world.queue.extend(effects.into_iter().filter(lasting));
        }
        let ended = |grant: &Grant| matches!(grant.state, GrantState::Ended { .. });
        let now_over = world.grant().is_none_or(ended);
        world.back_again |= world.over && !now_over;
        world.over |= now_over;
    }

    /// What a broker would record that lacks the rule.
    fn without_rule(&self, world: &mut World, events: Vec<Event>) -> Vec<Event> {
        match self.0 {
            Without::IntentFirst => without_intent(world, events),
            Without::IntendedCounts => without_intended(world, events),
            Without::Nothing
            | Without::ReadBack
            | Without::OneAtATime
            | Without::SecondLook
            | Without::Outstanding => events,
        }
    }

    fn take(&self, world: &mut World, effect: &Effect) {
        world.queue.remove(effect);
        let unrecorded =
            self.0 == Without::IntentFirst && matches!(effect, Effect::Provision { .. });
        let blindly = self.0 == Without::SecondLook || unrecorded;
        if blindly || is_outstanding(&world.ledger.0, effect) {
            world.hands.insert(effect.clone(), Hand::Begun);
        }
    }

    fn touch(world: &mut World, effect: &Effect) {
        match effect {
            Effect::Provision { credential, .. } => {
                world.target.insert(*credential);
            }
            Effect::Remove { credential, .. } => {
                world.target.remove(credential);
            }
            Effect::Renew { .. }
            | Effect::Contain { .. }
            | Effect::Forget { .. }
            | Effect::Notify(_) => {}
        }
    }

    fn report(&self, world: &mut World, effect: &Effect) {
        let (grant, credential) = (grant_id(), credential_of(effect));
        let Some(hand) = world.hands.remove(effect) else {
            return;
        };
        let done = match hand {
            Hand::Done => true,
            Hand::Unclear | Hand::Begun => false,
        };
        let because = "no answer".to_owned();
        let removal = matches!(effect, Effect::Remove { .. });
        let command = if removal {
            let read_back = !world.target.contains(&credential);
            if (done && read_back) || self.0 == Without::ReadBack {
                Command::RecordRemoved {
                    grant,
                    credential,
                    read_back: "no such role".to_owned(),
                }
            } else {
                Command::RecordRemovalFailed {
                    grant,
                    credential,
                    because,
                }
            }
        } else if done {
            let ends_at = world.grant().and_then(|grant| grant.state.expires_at());
            Command::RecordProvisioned {
                grant,
                credential,
                expires_at: ends_at.unwrap_or(world.now()),
            }
        } else {
            Command::RecordProvisionFailed {
                grant,
                credential,
                because,
            }
        };
        self.command(world, &command);
    }
}

/// Work begins without a record of it; only what came of it is written down.
fn without_intent(world: &mut World, events: Vec<Event>) -> Vec<Event> {
    let mut kept = Vec::new();
    for event in events {
        if let Event::CredentialIntended {
            grant, credential, ..
        } = event
        {
            world.queue.insert(Effect::Provision { grant, credential });
        } else {
            kept.push(event);
        }
    }
    kept
}

/// A grant that ends forgets what was only intended, and closes if nothing else is left.
fn without_intended(world: &World, events: Vec<Event>) -> Vec<Event> {
    let Some(grant) = world.grant() else {
        return events;
    };
    let only_intended = |credential: &CredentialId| {
        let known = grant.credentials.get(credential);
        known.is_some_and(|known| known.state == CredentialState::Intended)
    };
    let ended = events.iter().find_map(|event| match event {
        Event::GrantEnded { reason, .. } => Some(*reason),
        _ => None,
    });
    let (Some(reason), before) = (ended, events.len()) else {
        return events;
    };
    let mut kept: Vec<Event> = events
        .into_iter()
        .filter(|event| match event {
            Event::CredentialRemovalIntended { credential, .. } => !only_intended(credential),
            _ => true,
        })
        .collect();
    let others_gone = grant
        .credentials
        .values()
        .all(|credential| credential.is_gone() || only_intended(&credential.id));
    if kept.len() < before && others_gone {
        kept.push(Event::GrantClosed {
            grant: grant.terms.id,
            reason,
            ended_at: world.now(),
            removed: Vec::new(),
        });
    }
    kept
}

impl Model for Provisioning {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut state = world();
        let terms = terms(1, "ada", "read-invoices");
        let starts_at = NOW;
        evolve(&mut state, &Event::GrantScheduled { terms, starts_at }, NOW);
        let mut world = World {
            ledger: Ledger(state),
            target: BTreeSet::new(),
            queue: BTreeSet::new(),
            hands: BTreeMap::new(),
            tick: 0,
            left: BOUNDS,
            over: false,
            back_again: false,
        };
        let activate = Command::ActivateGrant { grant: grant_id() };
        self.command(&mut world, &activate);
        // only these two take part: the smaller the directory, the faster the search
        let directory = &mut world.ledger.0.directory;
        directory
            .persons
            .retain(|person, _| ["ada", "bob"].contains(&person.as_str()));
        directory
            .accounts
            .retain(|account, _| account.as_str() == "bob");
        directory.delegations.clear();
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let grant = grant_id();
        let comment = || text("because");
        match world.grant().map(|grant| &grant.state) {
            Some(GrantState::Active { .. }) => {
                let comment = comment();
                actions.push(Action::Person(Command::RevokeGrant { grant, comment }));
                if world.left.holds > 0 {
                    let comment = text("what is this?");
                    actions.push(Action::Person(Command::HoldGrant { grant, comment }));
                }
            }
            Some(GrantState::Held { .. }) => {
                let why = comment();
                actions.push(Action::Person(Command::ResumeGrant {
                    grant,
                    comment: why,
                }));
                let comment = comment();
                actions.push(Action::Person(Command::RevokeGrant { grant, comment }));
            }
            Some(GrantState::Scheduled { .. } | GrantState::Ended { .. }) | None => {}
        }
        if !due(&world.ledger.0, world.now()).is_empty() {
            actions.push(Action::Due);
        }
        if world.tick < TICK_MAX && !world.over {
            actions.push(Action::Tick);
        }
        if world.tick > 0 && world.left.ticks_back > 0 {
            actions.push(Action::TickBack);
        }
        for effect in &world.queue {
            let credential = credential_of(effect);
            let busy = world.hands.keys().any(|e| credential_of(e) == credential);
            let free = !busy || self.0 == Without::OneAtATime;
            if free && !world.hands.contains_key(effect) {
                actions.push(Action::Take(effect.clone()));
            }
        }
        for (effect, hand) in &world.hands {
            if *hand == Hand::Begun {
                actions.push(Action::Touch(effect.clone()));
                if world.left.faults > 0 {
                    actions.push(Action::TouchUnheard(effect.clone()));
                    actions.push(Action::Miss(effect.clone()));
                }
            } else {
                actions.push(Action::Report(effect.clone()));
            }
        }
        if world.left.crashes > 0 && !(world.queue.is_empty() && world.hands.is_empty()) {
            actions.push(Action::Crash);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Person(command) => {
                if matches!(command, Command::HoldGrant { .. }) {
                    world.left.holds -= 1;
                }
                self.command(&mut world, &command);
            }
            Action::Tick => world.tick += 1,
            Action::TickBack => {
                world.tick -= 1;
                world.left.ticks_back -= 1;
            }
            Action::Due => {
                for command in due(&last.ledger.0, last.now()) {
                    self.command(&mut world, &command);
                }
            }
            Action::Take(effect) => self.take(&mut world, &effect),
            Action::Touch(effect) => {
                Self::touch(&mut world, &effect);
                world.hands.insert(effect, Hand::Done);
            }
            Action::TouchUnheard(effect) => {
                Self::touch(&mut world, &effect);
                world.left.faults -= 1;
                world.hands.insert(effect, Hand::Unclear);
            }
            Action::Miss(effect) => {
                world.left.faults -= 1;
                world.hands.insert(effect, Hand::Unclear);
            }
            Action::Report(effect) => self.report(&mut world, &effect),
            Action::Crash => {
                world.left.crashes -= 1;
                world.hands.clear();
                world.queue = if self.0 == Without::Outstanding {
                    BTreeSet::new()
                } else {
                    outstanding(&world.ledger.0).into_iter().collect()
                };
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what is in the target is on record", |_, world: &World| {
                world.target.iter().all(|credential| {
                    let known = world.grant().and_then(|g| g.credentials.get(credential));
                    known.is_some_and(|known| known.state != CredentialState::Removed)
                })
            }),
            Property::always(
                "what is not active is being taken back",
                |_, world: &World| {
                    let active = |grant: &Grant| matches!(grant.state, GrantState::Active { .. });
                    let mut credentials = world
                        .grant()
                        .filter(|grant| !active(grant))
                        .into_iter()
                        .flat_map(|grant| grant.credentials.values());
                    !credentials.any(domain::grant::Credential::is_live_in_target)
                },
            ),
            Property::always("nothing is left undone for ever", |_, world: &World| {
                let idle = world.queue.is_empty() && world.hands.is_empty();
                !idle || outstanding(&world.ledger.0).is_empty()
            }),
            Property::always("what ended and is gone is closed", |_, world: &World| {
                let ended = |grant: &Grant| matches!(grant.state, GrantState::Ended { .. });
                !world
                    .grant()
                    .is_some_and(|grant| ended(grant) && grant.is_gone())
            }),
            Property::always("what is over stays over", |_, world: &World| {
                !world.back_again
            }),
            Property::sometimes("closed after a crash", |_, world: &World| {
                world.grant().is_none() && world.left.crashes < BOUNDS.crashes
            }),
            Property::sometimes("closed after a hold", |_, world: &World| {
                world.grant().is_none() && world.left.holds == 0
            }),
        ]
    }
}

#[test]
fn every_interleaving_keeps_the_target_and_the_record_together() {
    let checker = Provisioning(Without::Nothing).checker().spawn_bfs().join();
    println!(
        "provisioning: {BOUNDS:?}, clock 0..={TICK_MAX}: {} unique states, {} in all, depth {}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

/// A step in a word or two, without ids.
fn short(action: &Action) -> String {
    let words = format!("{action:?}");
    let mut names = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    let (first, second) = (names.next().unwrap_or_default(), names.next());
    second.map_or(first.to_owned(), |second| format!("{first} {second}"))
}

/// Without the rule, the promise is broken: the search finds how.
#[track_caller]
fn caught(without: Without, promise: &'static str) {
    let checker = Provisioning(without)
        .checker()
        .finish_when(stateright::HasDiscoveries::AnyOf([promise].into()))
        .spawn_bfs()
        .join();
    let found = checker.assert_any_discovery(promise);
    let steps: Vec<String> = found.into_actions().iter().map(short).collect();
    println!("without {without:?}: {}", steps.join(", "));
}

#[test]
fn work_without_an_intent_on_record_leaves_an_orphan() {
    caught(Without::IntentFirst, "what is in the target is on record");
}

#[test]
fn an_end_that_forgets_what_was_only_intended_leaves_an_orphan() {
    caught(
        Without::IntendedCounts,
        "what is in the target is on record",
    );
}

#[test]
fn closing_without_reading_back_leaves_an_orphan() {
    caught(Without::ReadBack, "what is in the target is on record");
}

#[test]
fn two_workers_at_one_credential_leave_an_orphan() {
    caught(Without::OneAtATime, "what is in the target is on record");
}

#[test]
fn beginning_an_effect_that_was_overtaken_leaves_an_orphan() {
    caught(Without::SecondLook, "what is in the target is on record");
}

#[test]
fn a_restart_that_forgets_what_is_outstanding_leaves_work_undone() {
    caught(Without::Outstanding, "nothing is left undone for ever");
}

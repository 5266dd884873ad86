//! Every interleaving of consent in a small organisation: a requester with an alias and a deputy, security by a group in a group,
//! a data owner who also holds that duty, a manager who may stand in, edits, stale pages, late timers, a requester who changes
//! jobs. The transitions are `domain::decide`, `evolve` and `due` themselves; only people and the clock are modelled. What must
//! hold is judged from who really sits behind an account, apart from the state. Each safety rule, taken away, is found missing.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test: a broken assumption must stop it"
)]
mod organisation;
#[path = "../search/mod.rs"]
mod search;
mod truth;

use domain::{
    actor::{Actor, Context, Seed},
    catalog::Stage,
    command::{Command, DirectoryChange},
    decide::decide,
    due::due,
    event::Event,
    evolve::evolve,
    fixture::{NOW, allow, ask, context, id, ids, text},
    ids::{AccountId, RequestId},
    request::{Ask, Consent, Request},
    state::State,
    time::{Seconds, Timestamp},
};
use organisation::{HUMANS, WORLD, human, shadow};
use stateright::{Checker, Model, Property};
use std::collections::{BTreeMap, BTreeSet};
use truth::{Broken, Reached, World};
use uuid::Uuid;

/// How much may happen.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// `ada` asks first, then `bob`.
    requests: u8,
    edits: u8,
    /// Steps of the clock: after the first a request escalates, after the second it lapses.
    ticks: u8,
    /// Whether `ada` may lose the job role for which she asked.
    job_changes: u8,
}

/// One request and everything that can happen to it.
const ONE: Bounds = Bounds {
    requests: 1,
    edits: 1,
    ticks: 3,
    job_changes: 1,
};
/// Two requests of persons who approve each other's.
const TWO: Bounds = Bounds {
    requests: 2,
    edits: 0,
    ticks: 2,
    job_changes: 0,
};
/// As [`TWO`], for longer.
#[cfg(feature = "long-models")]
const TWO_FOR_LONGER: Bounds = Bounds { ticks: 3, ..TWO };
/// As [`TWO`], and one of both is edited.
#[cfg(feature = "long-models")]
const TWO_AND_AN_EDIT: Bounds = Bounds { edits: 1, ..TWO };

/// A step of the clock.
const TICK: Seconds = Seconds::from_minutes(270);

/// Which safety rule is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Rules are about persons, not accounts.
    Persons,
    /// Nobody uses the requester's own voice.
    RequestersVoice,
    /// One human fills one seat.
    OneHuman,
    /// A deputy and the person they stand for are one voice.
    OneVoice,
    /// A consent binds the digest that was seen.
    Digest,
    /// An edit voids the consents given.
    Voiding,
    /// Stages open in order.
    Stages,
    /// A request lapses at its time, even if the timer is late.
    Lapse,
    /// The last consent looks at the requester again.
    LastLook,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Submit(&'static str),
    Edit(RequestId, &'static str),
    Approve(RequestId, &'static str, usize),
    Withdraw(RequestId, &'static str),
    Deny(RequestId, &'static str),
    JobChange,
    Tick,
    /// The broker does what is due, some time after it fell due.
    Due,
}

struct Consents(Bounds, Without);

fn now(tick: u8) -> Timestamp {
    NOW.plus(Seconds(TICK.0 * u32::from(tick)))
}

impl World {
    fn context(&self, account: &str) -> Context {
        let now = now(self.tick);
        let sent = self.state.requests_numbered;
        let actor = match account {
            "system" => Actor::System,
            "operator" => Actor::Operator,
            account => Actor::Person {
                account: id::<AccountId>(account),
                signed_in_at: now,
                second_factor: true,
            },
        };
        Context {
            verdict: Some(allow()),
            seed: Seed(Uuid::from_u128(u128::from(sent))),
            ..context(actor, now)
        }
    }

    /// Whether the broker refused, or what is so now.
    fn give(mut self, without: Without, account: &'static str, command: &Command) -> Option<Self> {
        let seen = self.as_seen_without(without, account, command);
        let mut context = self.context(account);
        let mut command = command.clone();
        if let Command::ApproveRequest {
            request, digest, ..
        } = &mut command
        {
            match without {
                Without::Digest => *digest = self.state.requests.get(request)?.digest,
                Without::Lapse => context.now = NOW,
                _ => {}
            }
        }
        let events = decide(&seen, &command, &context).ok()?;
        for event in &events {
            self.note(event, account);
            let before = self.state.requests.clone();
            evolve(&mut self.state, event, context.now);
            if let (
                Without::Voiding,
                Event::RequestEdited {
                    request, digest, ..
                },
            ) = (without, event)
            {
                let kept = self.state.requests.get_mut(request)?;
                kept.consents.clone_from(&before[request].consents);
                kept.consents
                    .iter_mut()
                    .for_each(|consent| consent.digest = *digest);
            }
        }
        Some(self)
    }

    /// The state as a broker without one of its rules would take it.
    fn as_seen_without(&self, without: Without, account: &str, command: &Command) -> State {
        let mut state = self.state.clone();
        let Command::ApproveRequest { request, .. } = command else {
            return state;
        };
        match without {
            Without::Nothing | Without::Digest | Without::Voiding | Without::Lapse => {}
            Without::Persons => {
                shadow(&mut state, "ada");
                let alias = state.directory.accounts.get_mut(&id("ada-alias"));
                alias.expect("it is there").person = Some(id("shadow-ada"));
            }
            Without::RequestersVoice => {
                shadow(&mut state, "ada");
                let delegation = state.directory.delegations.get_mut(&id("ada-away"));
                delegation.expect("it is there").from = id("shadow-ada");
            }
            Without::OneHuman => forget(&mut state, *request, |consent| {
                if consent.by.as_str() == human(account) {
                    consent.by = id("shadow-mia");
                    consent.authority = id("shadow-mia");
                }
            }),
            Without::OneVoice => forget(&mut state, *request, |consent| {
                consent.authority = id("shadow-mia");
            }),
            Without::Stages => {
                let open = state
                    .requests
                    .get_mut(request)
                    .map(|request| &mut request.stages);
                if let Some(stages) = open {
                    let seats = stages
                        .iter()
                        .flat_map(|stage| stage.seats.clone())
                        .collect();
                    *stages = vec![Stage { seats }];
                }
            }
            Without::LastLook => {
                state.directory.persons = WORLD.directory.persons.clone();
            }
        }
        state
    }
}

/// Changes what the broker remembers of the consents to a request.
fn forget(state: &mut State, request: RequestId, change: impl Fn(&mut Consent)) {
    if let Some(open) = state.requests.get_mut(&request) {
        open.consents.iter_mut().for_each(&change);
    }
}

fn asked(minutes: u32) -> Ask {
    Ask {
        targets: ids("nodered.invoices"),
        duration: Seconds::from_minutes(minutes),
        ..ask("edit-flow")
    }
}

impl Consents {
    fn approve(
        &self,
        world: &World,
        request: RequestId,
        account: &'static str,
        seen: usize,
    ) -> Option<World> {
        let digest = *world.truths.get(&request)?.digests.get(seen - 1)?;
        let command = Command::ApproveRequest {
            request,
            digest,
            narrowing: None,
            comment: text("fine"),
        };
        let consents = world.state.requests.get(&request)?.consents.len();
        let mut next = world.clone().give(self.1, account, &command)?;
        let consent = match next.state.requests.get(&request) {
            Some(Request {
                consents: given, ..
            }) => given.get(consents)?.clone(),
            // it is granted: the consent is told by the same decision once more
            None => last_consent(world, self.1, account, &command)?,
        };
        next.note_consent(request, account, &consent, seen);
        Some(next)
    }
}

fn last_consent(
    world: &World,
    without: Without,
    account: &'static str,
    command: &Command,
) -> Option<Consent> {
    let seen = world.as_seen_without(without, account, command);
    let mut command = command.clone();
    let mut context = world.context(account);
    if let Command::ApproveRequest {
        request, digest, ..
    } = &mut command
    {
        *digest = world.state.requests.get(request)?.digest;
    }
    if without == Without::Lapse {
        context.now = NOW;
    }
    let events = decide(&seen, &command, &context).ok()?;
    events.into_iter().find_map(|event| match event {
        Event::RequestApproved { consent, .. } => Some(consent),
        _ => None,
    })
}

impl Model for Consents {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            state: WORLD.clone(),
            truths: BTreeMap::new(),
            tick: 0,
            edits: 0,
            job_changes: 0,
            broken: BTreeSet::new(),
            reached: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let bounds = self.0;
        // a broken promise is the end of a path: what follows from it says nothing new
        if !world.broken.is_empty() {
            return;
        }
        let sent = world.state.requests_numbered;
        if sent < u64::from(bounds.requests) {
            actions.push(Action::Submit(if sent == 0 { "ada" } else { "bob" }));
        }
        for (request, open) in &world.state.requests {
            for (account, _) in HUMANS {
                actions.extend(
                    (1..=open.revision as usize)
                        .map(|seen| Action::Approve(*request, account, seen)),
                );
            }
            if world.edits < bounds.edits {
                actions.push(Action::Edit(*request, "ada-alias"));
            }
            actions.push(Action::Withdraw(*request, "ada-alias"));
            actions.push(Action::Deny(*request, "eve"));
        }
        if world.job_changes < bounds.job_changes && sent > 0 {
            actions.push(Action::JobChange);
        }
        if world.tick < bounds.ticks {
            actions.push(Action::Tick);
        }
        if bounds.ticks > 0 {
            actions.push(Action::Due);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let without = self.1;
        let mut next = world.clone();
        match action {
            Action::Submit(account) => {
                next.give(without, account, &Command::SubmitRequest { ask: asked(60) })
            }
            Action::Edit(request, account) => {
                next.edits += 1;
                let revision = next.state.requests.get(&request)?.revision;
                next.give(
                    without,
                    account,
                    &Command::EditRequest {
                        request,
                        ask: asked(30),
                        revision,
                    },
                )
            }
            Action::Approve(request, account, seen) => self.approve(world, request, account, seen),
            Action::Withdraw(request, account) => {
                next.give(without, account, &Command::WithdrawRequest { request })
            }
            Action::Deny(request, account) => {
                let digest = next.state.requests.get(&request)?.digest;
                next.give(
                    without,
                    account,
                    &Command::DenyRequest {
                        request,
                        digest,
                        comment: text("no"),
                    },
                )
            }
            Action::JobChange => {
                next.job_changes += 1;
                let mut person = next.state.directory.persons.get(&id("ada"))?.clone();
                person.job_roles.clear();
                let change = DirectoryChange::Person {
                    person,
                    name: None,
                    mail: None,
                };
                next.give(without, "operator", &Command::ChangeDirectory { change })
            }
            Action::Tick => {
                next.tick += 1;
                Some(next)
            }
            Action::Due => {
                let of_requests = |command: &Command| {
                    matches!(
                        command,
                        Command::EscalateRequest { .. } | Command::ExpireRequest { .. }
                    )
                };
                let commands: Vec<Command> = due(&next.state, now(next.tick))
                    .into_iter()
                    .filter(of_requests)
                    .collect();
                if commands.is_empty() {
                    return None;
                }
                commands.iter().try_fold(next, |world, command| {
                    world.give(without, "system", command)
                })
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(OWN, |_, w: &World| !w.broken.contains(&Broken::OwnRequest)),
            Property::always(HUMAN, |_, w: &World| {
                !w.broken.contains(&Broken::HumanTwice)
            }),
            Property::always(VOICE, |_, w: &World| {
                !w.broken.contains(&Broken::VoiceTwice)
            }),
            Property::always(SEEN, |_, w: &World| !w.broken.contains(&Broken::Unseen)),
            Property::always(ORDER, |_, w: &World| {
                !w.broken.contains(&Broken::OutOfOrder)
            }),
            Property::always(LAPSED, |_, w: &World| {
                !w.broken.contains(&Broken::AfterLapse)
            }),
            Property::always(ELIGIBLE, |_, w: &World| {
                !w.broken.contains(&Broken::NotEligible)
            }),
            Property::always(COMPLETE, |_, w: &World| {
                !w.broken.contains(&Broken::Incomplete)
            }),
            Property::sometimes("granted", |_, w: &World| {
                w.reached.contains(&Reached::Granted)
            }),
            Property::sometimes("by a deputy", |_, w: &World| {
                w.reached.contains(&Reached::ByDeputy)
            }),
            Property::sometimes("by a manager", |_, w: &World| {
                w.reached.contains(&Reached::ByManager)
            }),
            Property::sometimes("after an edit", |_, w: &World| {
                w.reached.contains(&Reached::AfterEdit)
            }),
            Property::sometimes("lapsed", |_, w: &World| {
                w.reached.contains(&Reached::Lapsed)
            }),
        ]
    }
}

const OWN: &str = "nobody approves their own request";
const HUMAN: &str = "one human fills one seat";
const VOICE: &str = "one voice counts once";
const SEEN: &str = "a consent binds what was seen";
const ORDER: &str = "stages open in order";
const LAPSED: &str = "what has lapsed is granted to nobody";
const ELIGIBLE: &str = "who may no longer ask is granted nothing";
const COMPLETE: &str = "every grant has all its consents";

/// Looks at every state within the bounds. No promise is broken, and what should be possible is.
#[track_caller]
fn check(bounds: Bounds, states: usize, possible: &[&str]) {
    let checker = Consents(bounds, Without::Nothing)
        .checker()
        .threads(2)
        .spawn_bfs()
        .join();
    let found: BTreeSet<&str> = checker.discoveries().into_keys().collect();
    let unique = checker.unique_state_count();
    #[expect(clippy::print_stdout, reason = "the bounds are part of what is proved")]
    {
        println!(
            "consent: {} accounts, {bounds:?}: {unique} unique states, all of them",
            HUMANS.len()
        );
    }
    assert_eq!(found, possible.iter().copied().collect());
    assert_eq!(unique, states);
}

/// Without the rule there is a way to break the promise.
#[track_caller]
fn caught(without: Without, promise: &'static str) {
    search::caught(Consents(ONE, without), without, promise);
}

#[test]
fn whatever_happens_to_a_request_consent_keeps_its_promises() {
    let possible = [
        "granted",
        "by a deputy",
        "by a manager",
        "after an edit",
        "lapsed",
    ];
    check(ONE, 3_856, &possible);
}

#[test]
fn those_who_decide_about_each_others_requests_keep_them_too() {
    check(
        TWO,
        4_248,
        &["granted", "by a deputy", "by a manager", "lapsed"],
    );
}

#[test]
#[cfg(feature = "long-models")]
fn long_waiting_changes_nothing_for_two() {
    let possible = ["granted", "by a deputy", "by a manager", "lapsed"];
    check(TWO_FOR_LONGER, 9_967, &possible);
}

#[test]
#[cfg(feature = "long-models")]
fn long_search_with_an_edit_changes_nothing_for_two() {
    let possible = [
        "granted",
        "by a deputy",
        "by a manager",
        "after an edit",
        "lapsed",
    ];
    check(TWO_AND_AN_EDIT, 42_006, &possible);
}

#[test]
fn comparing_accounts_instead_of_persons_is_caught() {
    caught(Without::Persons, OWN);
}

#[test]
fn letting_a_deputy_use_the_requesters_voice_is_caught() {
    caught(Without::RequestersVoice, OWN);
}

#[test]
fn counting_one_human_twice_is_caught() {
    caught(Without::OneHuman, HUMAN);
}

#[test]
fn counting_a_deputy_beside_the_person_they_stand_for_is_caught() {
    caught(Without::OneVoice, VOICE);
}

#[test]
fn skipping_the_digest_is_caught() {
    caught(Without::Digest, SEEN);
}

#[test]
fn keeping_consents_over_an_edit_is_caught() {
    caught(Without::Voiding, COMPLETE);
}

#[test]
fn opening_all_stages_at_once_is_caught() {
    caught(Without::Stages, ORDER);
}

#[test]
fn waiting_for_the_timer_before_a_request_lapses_is_caught() {
    caught(Without::Lapse, LAPSED);
}

#[test]
fn not_looking_again_at_the_last_consent_is_caught() {
    caught(Without::LastLook, ELIGIBLE);
}

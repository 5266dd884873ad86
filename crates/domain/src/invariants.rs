//! The invariants of lending, over random sequences of everything that can happen to grants: commands of everybody, reports of
//! workers that come late or twice, clocks that jump both ways, policies that say anything. Numbers are those of the design.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each promise looks at the events it is about"
)]
use crate::{
    actor::{Actor, Context, Seed},
    command::{Command, DirectoryChange, UseOutcome},
    decide::{decide, grant::extended},
    directory::{Person, Standing},
    due::{due, next_due},
    effect::Effect,
    event::Event,
    evolve::evolve,
    fixture::{NOW, allow, by, context, deny, gateway, person, system, terms, text, world},
    grant::{CredentialKind, CredentialState, GrantState, GrantTerms, HoldReason},
    ids::{CredentialId, GrantId, UseId},
    react::{outstanding, react},
    state::State,
    story::{attempt, grant_id},
    time::{Seconds, Timestamp},
    verdict::{Outcome, Verdict},
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const GRANTS: u64 = 3;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// The last consent to a new grant was given: it begins so many minutes from now.
    Agreed(u64, &'static str, u32),
    /// The last consent to more time was given.
    More(u64, u32),
    /// The clock moves, forward or back.
    Clock(i64),
    /// The broker does what is due.
    Due,
    /// Somebody acts on a grant.
    Grant(u64, &'static str, What),
    /// A worker reports on the nth credential of a grant.
    Report(u64, usize, Report),
    /// Somebody tries to use a grant with its nth credential.
    Use(u64, usize, &'static str, Says),
    /// The outcome of a use is known.
    Used(u64, u64),
    /// A person may act, or may not.
    Standing(&'static str, Standing),
}

#[derive(Debug, Clone, Copy)]
enum What {
    Activate,
    Expire,
    Return,
    Revoke,
    Hold,
    Resume,
    Contain,
    Token,
}

#[derive(Debug, Clone, Copy)]
enum Report {
    /// Made; the target's own end is so many minutes from the start of this world.
    Made(u32),
    NotMade,
    Gone,
    NotGone,
}

/// What the policies say.
#[derive(Debug, Clone, Copy)]
enum Says {
    Yes,
    No,
    Error,
    Nothing,
}

fn verdict(says: Says) -> Option<Verdict> {
    match says {
        Says::Yes => Some(allow()),
        Says::No => Some(deny("any")),
        Says::Error => Some(Verdict {
            errors: vec!["any".to_owned()],
            ..allow()
        }),
        Says::Nothing => None,
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 1..=GRANTS;
    let who = || {
        select(vec![
            "system", "operator", "ada", "ann", "bob", "cyd", "eve", "leo",
        ])
    };
    let what = select(vec![
        What::Activate,
        What::Expire,
        What::Return,
        What::Revoke,
        What::Hold,
        What::Hold,
        What::Resume,
        What::Resume,
        What::Contain,
        What::Token,
        What::Token,
    ]);
    let report = prop_oneof![
        3 => select(vec![60, 30, 90, 120]).prop_map(Report::Made),
        1 => Just(Report::NotMade),
        3 => Just(Report::Gone),
        1 => Just(Report::NotGone),
    ];
    let privilege = select(vec!["edit-flow", "read-invoices", "edit-by-hook"]);
    let target = select(vec!["nodered.invoices", "nodered.payments"]);
    let says = select(vec![
        Says::Yes,
        Says::Yes,
        Says::Yes,
        Says::No,
        Says::Error,
        Says::Nothing,
    ]);
    let standing = select(vec![Standing::Active, Standing::Suspended]);
    let clock = select(vec![
        1_000, 60_000, 1_800_000, 3_600_000, -1_800_000, -7_200_000,
    ]);
    let step = prop_oneof![
        4 => (n(), privilege, select(vec![0, 0, 10])).prop_map(|(n, p, m)| Step::Agreed(n, p, m)),
        1 => (n(), select(vec![1, 30])).prop_map(|(n, m)| Step::More(n, m)),
        2 => clock.prop_map(Step::Clock),
        2 => Just(Step::Due),
        8 => (n(), who(), what).prop_map(|(n, who, what)| Step::Grant(n, who, what)),
        8 => (n(), 0..3_usize, report).prop_map(|(n, c, report)| Step::Report(n, c, report)),
        6 => (n(), 0..3_usize, target, says).prop_map(|(n, c, t, s)| Step::Use(n, c, t, s)),
        2 => (n(), select(vec![1, 9_000])).prop_map(|(n, bytes)| Step::Used(n, bytes)),
        1 => (select(vec!["ada", "bob"]), standing).prop_map(|(who, s)| Step::Standing(who, s)),
    ];
    vec(step, 1..60)
}

/// A world under watch: what was promised is noted apart from the state, event by event.
struct Watched {
    state: State,
    now: Timestamp,
    seeds: u64,
    over: BTreeSet<GrantId>,
    /// In a target, as far as anybody can know: intended or issued since it was last read back as gone.
    maybe_there: BTreeMap<CredentialId, GrantId>,
    intended: BTreeSet<CredentialId>,
    pending: BTreeSet<Effect>,
}

impl Watched {
    fn new() -> Self {
        Self {
            state: world(),
            now: NOW,
            seeds: 0,
            over: BTreeSet::new(),
            maybe_there: BTreeMap::new(),
            intended: BTreeSet::new(),
            pending: BTreeSet::new(),
        }
    }

    fn command(&mut self, command: &Command, context: Context) -> bool {
        self.seeds += 1;
        let context = Context {
            seed: Seed(Uuid::from_u64_pair(0x5eed, self.seeds)),
            ..context
        };
        match decide(&self.state, command, &context) {
            Ok(events) => {
                self.allows_only_what_is_active(&events, &context);
                self.fold(&events);
                true
            }
            Err(_) => false,
        }
    }

    /// Invariants 5, 9 and 11.
    fn allows_only_what_is_active(&self, events: &[Event], context: &Context) {
        for event in events {
            if let Event::UseAllowed { grant, .. } = event {
                let verdict = context.verdict.as_ref().expect("an allow needs a verdict");
                assert_eq!(verdict.outcome, Outcome::Allow);
                assert_eq!(verdict.errors, Vec::<String>::new());
                let grant = &self.state.grants[grant];
                assert!(matches!(grant.state, GrantState::Active { .. }));
                assert!(grant.state.expires_at() > Some(context.now));
                assert!(self.state.directory.may_act(&grant.terms.holder));
            }
        }
    }

    fn fold(&mut self, events: &[Event]) {
        for event in events {
            self.ended_stays_ended(event);
            self.closes_only_what_was_read_back(event);
            evolve(&mut self.state, event, self.now);
            self.answer(event);
            let effects = react(&self.state, event);
            assert!(effects.is_sorted(), "{effects:?}");
            let lasting = |effect: &Effect| !matches!(effect, Effect::Notify(_));
            self.pending.extend(effects.into_iter().filter(lasting));
        }
        self.nothing_in_a_target_but_under_an_active_grant();
        let pending: Vec<Effect> = self.pending.iter().cloned().collect();
        assert_eq!(outstanding(&self.state), pending, "after {events:?}");
    }

    /// Invariant 5: expired stays expired, and so does every other end.
    fn ended_stays_ended(&mut self, event: &Event) {
        match event {
            Event::GrantEnded { grant, .. } => assert!(self.over.insert(*grant), "ended twice"),
            Event::GrantScheduled { terms, .. } => assert!(!self.over.contains(&terms.id)),
            Event::GrantActivated { grant, .. }
            | Event::GrantExtended { grant, .. }
            | Event::GrantHeld { grant, .. }
            | Event::GrantResumed { grant, .. }
            | Event::UseAllowed { grant, .. }
            | Event::CredentialIntended { grant, .. } => {
                assert!(!self.over.contains(grant), "{event:?} after the end");
            }
            _ => {}
        }
    }

    /// Invariant 3: intent first, and closed only when everything was read back as gone.
    fn closes_only_what_was_read_back(&mut self, event: &Event) {
        match event {
            Event::CredentialIntended {
                grant, credential, ..
            } => {
                self.intended.insert(*credential);
                self.maybe_there.insert(*credential, *grant);
            }
            Event::CredentialIssued {
                grant,
                credential,
                kind,
                ..
            } if kind.lives_in_target() => {
                assert!(self.intended.contains(credential), "made without intent");
                self.maybe_there.insert(*credential, *grant);
            }
            Event::CredentialRemoved { credential, .. } => {
                self.maybe_there.remove(credential);
            }
            Event::GrantClosed { grant, removed, .. } => {
                assert!(self.over.contains(grant), "closed before it ended");
                let left: Vec<_> = self
                    .maybe_there
                    .iter()
                    .filter(|(_, g)| *g == grant)
                    .collect();
                assert!(left.is_empty(), "closed with {left:?}");
                let all: Vec<_> = self.state.grants[grant]
                    .credentials
                    .keys()
                    .copied()
                    .collect();
                assert_eq!(*removed, all);
            }
            _ => {}
        }
    }

    /// Invariants 3 and 5: what isn't active has nothing in a target that isn't being taken away, and nothing outlives its grant.
    fn nothing_in_a_target_but_under_an_active_grant(&self) {
        for grant in self.state.grants.values() {
            let active_until = match grant.state {
                GrantState::Active { expires_at, .. } => Some(expires_at),
                GrantState::Scheduled { .. }
                | GrantState::Held { .. }
                | GrantState::Ended { .. } => None,
            };
            for credential in grant.credentials.values() {
                assert!(active_until.is_some() || !credential.is_live_in_target());
                if let (Some(until), CredentialState::Issued { expires_at }) =
                    (active_until, credential.state)
                {
                    assert!(expires_at <= until, "a credential outlives its grant");
                }
            }
        }
    }

    /// What a result event answers. Written apart from `react` and `outstanding`: the two must agree with it.
    fn answer(&mut self, event: &Event) {
        let gives =
            |effect: &Effect| matches!(effect, Effect::Provision { .. } | Effect::Renew { .. });
        match event {
            Event::CredentialIssued { credential, .. }
            | Event::CredentialRemovalIntended { credential, .. } => {
                self.pending
                    .retain(|effect| !gives(effect) || of(effect) != Some(*credential));
            }
            Event::CredentialFailed { credential, .. } => self.pending.retain(|effect| {
                !matches!(effect, Effect::Provision { .. }) || of(effect) != Some(*credential)
            }),
            Event::CredentialRemoved { credential, .. } => {
                self.pending
                    .retain(|effect| of(effect) != Some(*credential));
            }
            Event::GrantEnded { grant, .. } => {
                self.pending
                    .retain(|effect| *effect != Effect::Contain { grant: *grant });
            }
            _ => {}
        }
    }

    /// Does what is due until nothing is; the broker's own commands are never refused.
    fn settle(&mut self) {
        for _ in 0..4 {
            let commands = due(&self.state, self.now);
            assert_eq!(
                commands.is_empty(),
                next_due(&self.state).is_none_or(|at| at > self.now)
            );
            let starts = commands
                .iter()
                .skip_while(|command| !matches!(command, Command::ActivateGrant { .. }));
            for command in starts {
                assert!(
                    matches!(command, Command::ActivateGrant { .. }),
                    "ends go first"
                );
            }
            if commands.is_empty() {
                return;
            }
            for command in commands {
                let mut context = system(self.now);
                context.verdict = None;
                assert!(self.command(&command, context), "{command:?} was refused");
            }
        }
        panic!("what is due never ends");
    }

    fn nth_credential(&self, n: u64, index: usize) -> Option<CredentialId> {
        let grant = self.state.grants.get(&grant_id(n))?;
        grant.credentials.keys().nth(index).copied()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Agreed(n, privilege, minutes) => self.agreed(*n, privilege, *minutes),
            Step::More(n, minutes) => {
                let request = terms(100 + n, "ada", "edit-flow").request;
                let more = Seconds::from_minutes(*minutes);
                let context = system(self.now);
                if let Ok(events) = extended(&self.state, grant_id(*n), request, more, &context) {
                    let ends_at = self.state.grants[&grant_id(*n)].state.expires_at();
                    assert!(ends_at > Some(self.now), "extended what is over");
                    self.fold(&events);
                }
            }
            Step::Clock(millis) => self.now = Timestamp(self.now.0 + millis),
            Step::Due => self.settle(),
            Step::Grant(n, who, what) => {
                let context = match *who {
                    "system" => system(self.now),
                    "operator" => context(Actor::Operator, self.now),
                    person => by(person, self.now),
                };
                self.command(&command(grant_id(*n), *what), context);
            }
            Step::Report(n, index, report) => {
                if let Some(credential) = self.nth_credential(*n, *index) {
                    let command = reported(grant_id(*n), credential, *report);
                    self.command(&command, system(self.now));
                }
            }
            Step::Use(n, index, target, says) => {
                if let Some(credential) = self.nth_credential(*n, *index) {
                    let attempt = attempt(*n, credential, "flow.change", target);
                    let context = Context {
                        verdict: verdict(*says),
                        ..gateway(self.now)
                    };
                    self.command(&Command::BeginUse { attempt }, context);
                }
            }
            Step::Used(n, bytes) => self.used(*n, *bytes),
            Step::Standing(who, standing) => {
                let person = Person {
                    standing: *standing,
                    ..person(who, "finance-analyst", "security")
                };
                let change = DirectoryChange::Person {
                    person,
                    name: None,
                    mail: None,
                };
                let operator = context(Actor::Operator, self.now);
                self.command(&Command::ChangeDirectory { change }, operator);
            }
        }
    }

    fn agreed(&mut self, n: u64, privilege: &str, minutes: u32) {
        let id = grant_id(n);
        if self.over.contains(&id) || self.state.grants.contains_key(&id) {
            return;
        }
        let holder = if n == 1 { "ada" } else { "ann" };
        let terms = GrantTerms {
            break_glass: n == 2,
            ..terms(n, holder, privilege)
        };
        let starts_at = self.now.plus(Seconds::from_minutes(minutes));
        self.fold(&[Event::GrantScheduled { terms, starts_at }]);
    }

    fn used(&mut self, n: u64, bytes: u64) {
        let open = |grant: &crate::grant::Grant| grant.open_uses.first().copied();
        let use_id: Option<UseId> = self.state.grants.get(&grant_id(n)).and_then(open);
        if let Some(use_id) = use_id {
            let command = Command::FinishUse {
                use_id,
                grant: grant_id(n),
                outcome: UseOutcome {
                    status: Some(200),
                    bytes,
                    rows: 0,
                    cut: false,
                },
            };
            assert!(self.command(&command, gateway(self.now)));
        }
    }
}

fn of(effect: &Effect) -> Option<CredentialId> {
    match effect {
        Effect::Remove { credential, .. }
        | Effect::Provision { credential, .. }
        | Effect::Renew { credential, .. } => Some(*credential),
        Effect::Contain { .. } | Effect::Forget { .. } | Effect::Notify(_) => None,
    }
}

fn command(grant: GrantId, what: What) -> Command {
    let comment = text("because");
    match what {
        What::Activate => Command::ActivateGrant { grant },
        What::Expire => Command::ExpireGrant { grant },
        What::Return => Command::ReturnGrant { grant },
        What::Revoke => Command::RevokeGrant { grant, comment },
        What::Hold => Command::HoldGrant { grant, comment },
        What::Resume => Command::ResumeGrant { grant, comment },
        What::Contain => Command::ContainGrant {
            grant,
            because: HoldReason::OutOfScope,
        },
        What::Token => Command::IssueCredential {
            grant,
            kind: CredentialKind::AccessToken,
        },
    }
}

fn reported(grant: GrantId, credential: CredentialId, report: Report) -> Command {
    match report {
        Report::Made(minutes) => Command::RecordProvisioned {
            grant,
            credential,
            expires_at: NOW.plus(Seconds::from_minutes(minutes)),
        },
        Report::NotMade => Command::RecordProvisionFailed {
            grant,
            credential,
            because: "any".to_owned(),
        },
        Report::Gone => Command::RecordRemoved {
            grant,
            credential,
            read_back: "gone".to_owned(),
        },
        Report::NotGone => Command::RecordRemovalFailed {
            grant,
            credential,
            because: "any".to_owned(),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn the_invariants_hold_whatever_happens(steps in steps()) {
        let mut world = Watched::new();
        for step in &steps {
            world.step(step);
        }
        // and in the end everything ends, and what workers read back as gone is closed
        world.now = Timestamp(NOW.0 + 365 * 24 * 3_600_000);
        world.settle();
        let removals = outstanding(&world.state);
        for effect in &removals {
            let Effect::Remove { grant, credential } = effect else {
                panic!("{effect:?} after everything ended")
            };
            let gone = reported(*grant, *credential, Report::Gone);
            prop_assert!(world.command(&gone, system(world.now)));
        }
        prop_assert!(world.state.grants.is_empty());
        prop_assert_eq!(outstanding(&world.state), []);
        // nothing is left to wait for but the alarms of reviews that nobody gave
        let alarms = world.state.reviews.values().map(|due| due.alarm_at);
        prop_assert_eq!(next_due(&world.state), alarms.min());
    }
}

/// Every kind of event there is, from the golden files.
fn every_event() -> Vec<Event> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn events_in_an_order_that_no_rule_gives_neither_panic_nor_bring_an_end_back(
        order in vec(any::<prop::sample::Index>(), 1..200)
    ) {
        let events = every_event();
        let mut state = world();
        let mut ended = None;
        for index in order {
            let event = index.get(&events);
            evolve(&mut state, event, NOW);
            let effects = react(&state, event);
            prop_assert!(effects.is_sorted());
            for effect in effects.iter().filter(|effect| !matches!(effect, Effect::Notify(_))) {
                prop_assert!(outstanding(&state).contains(effect), "{effect:?} is not outstanding");
            }
            let grant = state.grants.values().next();
            let now_ended = grant.and_then(|grant| match grant.state {
                GrantState::Ended { reason, at } => Some((reason, at)),
                GrantState::Scheduled { .. }
                | GrantState::Active { .. }
                | GrantState::Held { .. } => None,
            });
            prop_assert!(ended.is_none() || grant.is_none() || now_ended == ended);
            ended = now_ended;
        }
    }
}

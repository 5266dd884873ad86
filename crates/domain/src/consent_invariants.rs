//! The invariants of consent, over random worlds and random sequences of everything that people, policies, clocks and the
//! directory can do to requests. What must hold is noted apart from the state, event by event. Numbers are those of the design.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each promise looks at the events it is about"
)]
use crate::{
    actor::{Actor, Context, Seed},
    catalog::{Catalog, DataClass, Environment},
    command::{Command, DirectoryChange},
    decide::decide,
    directory::{Delegation, Standing},
    event::Event,
    evolve::evolve,
    fixture::{allow, ask, context, deny, id, ids, text},
    grant::GrantTerms,
    ids::{Digest, PersonId, RequestId},
    impact::Band,
    play::Play,
    request::{Ask, Consent, Narrowing, RequestKind, request_digest},
    seats::tests::{PEOPLE, any_play},
    state::State,
    time::{Seconds, Timestamp},
    verdict::Verdict,
};
use proptest::{prelude::*, sample::select};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody, by this account, does something about requests; the policies say something.
    Give(&'static str, Wish, Option<Verdict>),
    /// The clock moves on by so many minutes, and the broker does what is due.
    Wait(u32),
    /// A delegation is made.
    Delegate(usize, usize),
    /// A group gains or loses a member.
    Membership(usize, bool),
    /// A person may act, or may not.
    Standing(usize, Standing),
}

#[derive(Debug, Clone)]
enum Wish {
    Submit(&'static str, &'static str, u32, RequestKind),
    Edit(usize, u32, &'static str),
    Withdraw(usize),
    /// With the digest of now, or an older one.
    Approve(usize, bool, Option<(&'static str, u32)>),
    Deny(usize),
}

const ACCOUNTS: [&str; 10] = [
    "ada",
    "ada-alias",
    "ann",
    "bob",
    "cyd",
    "dee",
    "eve",
    "fay",
    "mia",
    "svc-build",
];
const BOTH: &str = "nodered.invoices nodered.invoices-test";

fn targets() -> impl Strategy<Value = &'static str> {
    select(vec!["nodered.invoices", "nodered.invoices-test", BOTH])
}

fn minutes() -> impl Strategy<Value = u32> {
    select(vec![0_u32, 20, 20, 60, 60, 60, 60, 240, 300])
}

fn submit() -> impl Strategy<Value = Wish> {
    let privilege = select(vec!["edit-flow", "edit-flow", "run-flow"]);
    let kind = prop_oneof![7 => Just(RequestKind::New), 1 => Just(RequestKind::BreakGlass)];
    (privilege, targets(), minutes(), kind).prop_map(|(p, t, m, k)| Wish::Submit(p, t, m, k))
}

fn wish() -> impl Strategy<Value = Wish> {
    let nth = || 0_usize..3;
    let narrowing = prop::option::weighted(0.2, (targets(), minutes()));
    prop_oneof![
        1 => submit(),
        2 => (nth(), minutes(), targets()).prop_map(|(n, m, t)| Wish::Edit(n, m, t)),
        1 => nth().prop_map(Wish::Withdraw),
        40 => (nth(), prop::bool::weighted(0.9), narrowing).prop_map(|(n, fresh, left)| Wish::Approve(n, fresh, left)),
        1 => nth().prop_map(Wish::Deny),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let error = Verdict {
        errors: vec!["any".to_owned()],
        ..allow()
    };
    let says = prop_oneof![
        20 => Just(Some(allow())),
        1 => Just(Some(deny("any"))),
        1 => Just(Some(error)),
        1 => Just(None),
    ]
    .boxed();
    let step = prop_oneof![
        30 => (select(ACCOUNTS.to_vec()), wish(), says.clone()).prop_map(|(who, wish, says)| Step::Give(who, wish, says)),
        10 => (select(vec!["ada", "ada-alias", "ann"]), submit(), says).prop_map(|(who, wish, says)| Step::Give(who, wish, says)),
        1 => select(vec![1_u32, 60, 480]).prop_map(Step::Wait),
        1 => (0_usize..8, 0_usize..8).prop_map(|(from, to)| Step::Delegate(from, to)),
        1 => (0_usize..8, any::<bool>()).prop_map(|(who, joins)| Step::Membership(who, joins)),
        1 => (0_usize..8, select(vec![Standing::Active, Standing::Suspended])).prop_map(|(who, s)| Step::Standing(who, s)),
    ];
    prop::collection::vec(step, 20..80)
}

/// What is known of a request from its events alone.
struct Noted {
    requester: PersonId,
    ask: Ask,
    digest: Digest,
    band: Band,
    consents: Vec<Consent>,
}

struct Watch {
    play: Play,
    noted: BTreeMap<RequestId, Noted>,
    digests: BTreeMap<RequestId, Vec<Digest>>,
    decisions: u64,
    granted: u32,
}

impl Watch {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Give(who, wish, verdict) => {
                if let Some(command) = self.command(wish) {
                    self.give(who, &command, verdict.as_ref());
                }
            }
            Step::Wait(minutes) => {
                self.play.wait(*minutes);
                for command in crate::due::due(&self.play.state, self.play.now) {
                    self.give("system", &command, None);
                }
            }
            Step::Delegate(from, to) => {
                let delegation = Delegation {
                    id: id("while-away"),
                    from: id(PEOPLE[*from]),
                    to: id(PEOPLE[*to]),
                    duties: BTreeSet::new(),
                    starts_at: Timestamp(0),
                    ends_at: Timestamp(i64::MAX),
                };
                self.change(DirectoryChange::Delegation(delegation));
            }
            Step::Membership(who, joins) => {
                let mut group = self.play.state.directory.groups[&id("soc")].clone();
                let member = crate::directory::Member::Person(id(PEOPLE[*who]));
                if *joins {
                    group.members.insert(member);
                } else {
                    group.members.remove(&member);
                }
                self.change(DirectoryChange::Group(group));
            }
            Step::Standing(who, standing) => {
                let mut person = self.play.state.directory.persons[&id(PEOPLE[*who])].clone();
                person.standing = *standing;
                self.change(DirectoryChange::Person {
                    person,
                    name: None,
                    mail: None,
                });
            }
        }
    }

    fn change(&mut self, change: DirectoryChange) {
        self.give("operator", &Command::ChangeDirectory { change }, None);
    }

    fn nth(&self, n: usize) -> Option<RequestId> {
        {
            let open = &self.play.state.requests;
            open.keys().nth(n % open.len().max(1)).copied()
        }
    }

    fn command(&self, wish: &Wish) -> Option<Command> {
        let asking = |privilege, targets, minutes: &u32, kind| Ask {
            targets: ids(targets),
            duration: Seconds::from_minutes(*minutes),
            kind,
            ..ask(privilege)
        };
        Some(match wish {
            Wish::Submit(privilege, targets, minutes, kind) => Command::SubmitRequest {
                ask: asking(privilege, targets, minutes, *kind),
            },
            Wish::Edit(n, minutes, targets) => {
                let request = self.nth(*n)?;
                Command::EditRequest {
                    request,
                    ask: asking("edit-flow", targets, minutes, RequestKind::New),
                    revision: self.play.state.requests[&request].revision,
                }
            }
            Wish::Withdraw(n) => Command::WithdrawRequest {
                request: self.nth(*n)?,
            },
            Wish::Approve(n, fresh, left) => {
                let request = self.nth(*n)?;
                let digests = &self.digests[&request];
                Command::ApproveRequest {
                    request,
                    digest: *if *fresh {
                        digests.last()?
                    } else {
                        digests.first()?
                    },
                    narrowing: left.map(|(targets, minutes)| Narrowing {
                        targets: ids(targets),
                        duration: Seconds::from_minutes(minutes),
                    }),
                    comment: text("fine"),
                }
            }
            Wish::Deny(n) => {
                let request = self.nth(*n)?;
                Command::DenyRequest {
                    request,
                    digest: self.play.state.requests[&request].digest,
                    comment: text("no"),
                }
            }
        })
    }

    fn give(&mut self, who: &str, command: &Command, verdict: Option<&Verdict>) {
        self.decisions += 1;
        let now = self.play.now;
        let context = Context {
            verdict: verdict.cloned(),
            seed: Seed(Uuid::from_u128(u128::from(self.decisions))),
            ..match who {
                "system" => context(Actor::System, now),
                "operator" => context(Actor::Operator, now),
                account => crate::fixture::by(account, now),
            }
        };
        let decided = decide(&self.play.state, command, &context);
        self.policies_only_tighten(command, &context, decided.is_ok());
        for event in decided.into_iter().flatten() {
            self.note(&event, &context);
            evolve(&mut self.play.state, &event, now);
        }
        self.play.now = Timestamp(now.0 + 1);
    }

    /// 11: what some verdict lets through, an allow lets through with the same events; what the domain refuses, none lets through.
    fn policies_only_tighten(&self, command: &Command, context: &Context, allowed: bool) {
        let with = |verdict| {
            let context = Context {
                verdict,
                ..context.clone()
            };
            decide(&self.play.state, command, &context)
        };
        if allowed {
            let as_given = with(context.verdict.clone());
            assert_eq!(as_given, with(Some(allow())));
        }
        if with(Some(allow())).is_err() {
            assert!(with(Some(deny("any"))).is_err() && with(None).is_err());
        }
    }

    fn note(&mut self, event: &Event, context: &Context) {
        let state = &self.play.state;
        match event {
            Event::RequestSubmitted {
                request,
                requester,
                ask,
                digest,
                impact,
                stages,
                ..
            } => {
                assert_eq!(*digest, request_digest(requester, ask, impact, stages, 1));
                self.digests.insert(*request, vec![*digest]);
                let noted = Noted {
                    requester: requester.clone(),
                    ask: ask.clone(),
                    digest: *digest,
                    band: impact.band,
                    consents: Vec::new(),
                };
                self.noted.insert(*request, noted);
            }
            Event::RequestEdited {
                request,
                ask,
                digest,
                impact,
                stages,
                revision,
                ..
            } => {
                let noted = self.noted.get_mut(request).expect("it was sent");
                assert_eq!(
                    *digest,
                    request_digest(&noted.requester, ask, impact, stages, *revision)
                );
                // 4: no two revisions have the same digest
                let digests = self.digests.entry(*request).or_default();
                assert!(!digests.contains(digest));
                digests.push(*digest);
                noted.ask = ask.clone();
                noted.digest = *digest;
                noted.band = impact.band;
                noted.consents.clear();
            }
            Event::RequestApproved {
                request, consent, ..
            } => self.note_consent(*request, consent, context),
            Event::GrantScheduled { terms, .. } => {
                let noted = &self.noted[&terms.request];
                check_grant(state, terms, noted);
                self.granted += u32::from(!terms.break_glass);
            }
            _ => {}
        }
    }

    fn note_consent(&mut self, request: RequestId, consent: &Consent, context: &Context) {
        let noted = self.noted.get_mut(&request).expect("it was sent");
        let Actor::Person { account, .. } = &context.actor else {
            panic!("only humans consent");
        };
        let directory = &self.play.state.directory;
        let human = directory
            .person_of(account)
            .expect("somebody answers for the account");
        // 1: whoever consents is the human behind the account, and neither asks nor stands for whoever asks
        assert_eq!(consent.by, human.id);
        assert_ne!(consent.by, noted.requester);
        assert_ne!(consent.authority, noted.requester);
        // 2: one human, one voice
        let same = |other: &Consent| other.by == consent.by || other.authority == consent.authority;
        assert!(!noted.consents.iter().any(same));
        // 4: what was seen is what is asked now
        assert_eq!(consent.digest, noted.digest);
        noted.consents.push(consent.clone());
    }
}

/// What must hold of every grant, from the events that led to it alone.
fn check_grant(state: &State, terms: &GrantTerms, noted: &Noted) {
    // 4: never more than was asked
    assert_eq!(terms.holder, noted.requester);
    assert_eq!(terms.privilege, noted.ask.privilege);
    assert!(terms.targets.is_subset(&noted.ask.targets) && !terms.targets.is_empty());
    assert!(terms.duration <= noted.ask.duration);
    let by: BTreeSet<PersonId> = noted
        .consents
        .iter()
        .map(|consent| consent.by.clone())
        .collect();
    assert_eq!(terms.approved_by, by);
    assert!(!by.contains(&terms.holder));
    if terms.break_glass {
        assert_eq!(noted.ask.kind, RequestKind::BreakGlass);
        return;
    }
    // 11: whatever the catalog says
    let catalog: &Catalog = state.catalog().expect("a bundle");
    let known = || {
        noted
            .ask
            .targets
            .iter()
            .map(|target| &catalog.targets[target])
    };
    let guarded = known().any(|t| {
        t.environment == Environment::Production || t.data_class >= DataClass::Confidential
    });
    if guarded {
        assert!(
            terms
                .approved_duties
                .is_superset(&ids("security data-owner")),
            "{terms:?}"
        );
        assert!(by.len() >= 2);
    }
    if noted.band == Band::Critical {
        assert!(by.len() >= 2);
    }
}

/// Random worlds as for the seats; the targets guarded or not, and impact bands at random.
fn any_world() -> impl Strategy<Value = Play> {
    (any_play(), any::<bool>(), any::<bool>(), any::<[u8; 3]>()).prop_map(
        |(mut play, production, restricted, mut bands)| {
            bands.sort_unstable();
            play.catalog(|catalog| {
                let target = catalog
                    .targets
                    .get_mut(&id("nodered.invoices"))
                    .expect("it is there");
                if production {
                    target.environment = Environment::Production;
                }
                if restricted {
                    target.data_class = DataClass::Restricted;
                }
                catalog.impact.bands = bands;
            });
            play
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn consent_keeps_its_invariants_whatever_people_and_policies_do(play in any_world(), steps in steps()) {
        let mut watch = Watch { play, noted: BTreeMap::new(), digests: BTreeMap::new(), decisions: 0, granted: 0 };
        for step in &steps {
            watch.step(step);
        }
    }
}

/// The property above says nothing if its worlds grant nothing (about half of them do): here is one that must.
#[test]
fn the_watch_sees_grants() {
    let play = Play::new();
    let mut watch = Watch {
        play,
        noted: BTreeMap::new(),
        digests: BTreeMap::new(),
        decisions: 0,
        granted: 0,
    };
    for (who, wish) in [
        ("ada", Wish::Submit("edit-flow", BOTH, 60, RequestKind::New)),
        ("ada-alias", Wish::Approve(0, true, None)),
        (
            "bob",
            Wish::Approve(0, true, Some(("nodered.invoices", 60))),
        ),
        ("ada", Wish::Edit(0, 60, BOTH)),
        ("bob", Wish::Approve(0, false, None)),
        ("cyd", Wish::Approve(0, true, None)),
        ("eve", Wish::Approve(0, true, None)),
    ] {
        watch.step(&Step::Give(who, wish, Some(allow())));
    }
    assert_eq!(watch.granted, 1);
}

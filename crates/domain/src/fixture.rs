//! A small world for tests: four persons who matter, two platforms, five privileges. It is part of the room so that the tests of
//! every other room speak of the same people, and it is built only for tests (feature `fixture`).
use crate::{
    actor::{Actor, Context, Seed},
    catalog::{
        Action, ActionKind, BreakGlassRule, Budget, Catalog, Conflict, DataClass, Eligibility,
        Environment, Lesson, Phase, Platform, Privilege, Provisioning, Question, Requirement,
        Route, RouteMeaning, SeatHolder, SeatRule, Stage, TableRight, Target, TargetFrom, Terms,
        TicketRule,
    },
    directory::{Account, Delegation, Directory, Group, Member, Person, Standing},
    grant::GrantTerms,
    ids::{Digest, GatewayId, GrantId, GrantNumber, PersonId, RequestId},
    impact::ImpactPolicy,
    request::{Ask, RequestKind, Start},
    state::State,
    text::Text,
    time::{Seconds, Timestamp},
    verdict::{Outcome, Verdict},
    window::{Day, Window},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::Arc,
};
use uuid::Uuid;

/// Monday, 23 November 2026, 09:00 UTC: ten o'clock in Berlin, inside every window of this world.
pub const NOW: Timestamp = Timestamp(1_795_424_400_000);

/// The digest that stands for this world's bundle.
pub const BUNDLE: Digest = Digest([0xb0; 32]);

/// An id that is known to be legal.
pub fn id<T: FromStr>(text: &str) -> T {
    let Ok(id) = text.parse() else {
        unreachable!("`{text}` is not a legal id")
    };
    id
}

/// A set of ids, separated by spaces.
pub fn ids<T: FromStr + Ord>(texts: &str) -> BTreeSet<T> {
    texts.split_whitespace().map(id).collect()
}

/// A text of as many characters as `words` has; equal words have equal commitments.
pub fn text(words: &str) -> Text {
    let mut commitment = [0; 32];
    for (slot, byte) in commitment.iter_mut().zip(words.bytes()) {
        *slot = byte;
    }
    Text {
        chars: u32::try_from(words.chars().count()).unwrap_or(u32::MAX),
        commitment: Digest(commitment),
    }
}

/// Policies that allow.
pub fn allow() -> Verdict {
    Verdict {
        outcome: Outcome::Allow,
        policies: vec!["all.permit".to_owned()],
        errors: Vec::new(),
    }
}

/// Policies that deny, by the name of one of them.
pub fn deny(policy: &str) -> Verdict {
    Verdict {
        outcome: Outcome::Deny,
        policies: vec![policy.to_owned()],
        errors: Vec::new(),
    }
}

/// The context of a person who signed in a minute ago through their account of the same name; policies allow.
pub fn by(person: &str, now: Timestamp) -> Context {
    context(
        Actor::Person {
            account: id(person),
            signed_in_at: Timestamp(now.0 - 60_000),
            second_factor: true,
        },
        now,
    )
}

/// The context of the broker itself; policies allow, where they are asked.
pub fn system(now: Timestamp) -> Context {
    context(Actor::System, now)
}

/// The context of the enforcement point [`gateway_id`]; policies allow.
pub fn gateway(now: Timestamp) -> Context {
    context(
        Actor::Gateway {
            gateway: gateway_id(),
        },
        now,
    )
}

/// The one enforcement point of this world.
pub fn gateway_id() -> GatewayId {
    id("front")
}

/// A context with policies that allow and a seed that depends on the time alone.
pub fn context(actor: Actor, now: Timestamp) -> Context {
    Context {
        actor,
        verdict: Some(allow()),
        seed: Seed(Uuid::from_u64_pair(
            0x5eed,
            u64::try_from(now.0).unwrap_or(0),
        )),
        now,
    }
}

/// The directory and catalog below, with the bundle in force and nothing asked yet.
pub fn world() -> State {
    let mut state = State {
        directory: directory(),
        bundle: Some(BUNDLE),
        ..State::default()
    };
    state.learn(BUNDLE, Arc::new(catalog()));
    state
}

/// - `ada`, `ann`: finance analysts, of whom `mia` is the manager; `ada` also signs in as `ada-alias`.
/// - `bob`, `eve`: security, by the group `soc`; `fay` is `bob`'s deputy.
/// - `cyd`: owner of the finance data; `dee`: governance owner of every privilege, with the duty `product-owner`.
/// - `leo`: was suspended. `svc-build`: an account nobody answers for.
pub fn directory() -> Directory {
    let persons = [
        person("ada", "finance-analyst", ""),
        person("ann", "finance-analyst", ""),
        person("bob", "security-analyst", ""),
        person("cyd", "controller", "data-owner"),
        person("dee", "governance-engineer", "product-owner"),
        person("eve", "security-analyst", ""),
        person("fay", "team-lead", ""),
        person("mia", "team-lead", ""),
        Person {
            standing: Standing::Suspended,
            ..person("leo", "finance-analyst", "security")
        },
    ];
    let account = |(account, of): (&str, Option<&PersonId>)| Account {
        id: id(account),
        person: of.cloned(),
    };
    let mut accounts: BTreeMap<_, _> = persons
        .iter()
        .map(|person| account((person.id.as_str(), Some(&person.id))))
        .map(|account| (account.id.clone(), account))
        .collect();
    let ada = id("ada");
    for extra in [("ada-alias", Some(&ada)), ("svc-build", None)] {
        let account = account(extra);
        accounts.insert(account.id.clone(), account);
    }
    let soc = Group {
        id: id("soc"),
        members: [Member::Person(id("bob")), Member::Account(id("eve"))].into(),
        duties: ids("security"),
    };
    let deputy = Delegation {
        id: id("bob-away"),
        from: id("bob"),
        to: id("fay"),
        duties: BTreeSet::new(),
        starts_at: Timestamp(0),
        ends_at: Timestamp(i64::MAX),
    };
    Directory {
        persons: persons
            .into_iter()
            .map(|person| (person.id.clone(), person))
            .collect(),
        accounts,
        groups: [(soc.id.clone(), soc)].into(),
        delegations: [(deputy.id.clone(), deputy)].into(),
    }
}

/// One active person with one job role, in the team `finance`, managed by `mia`, every lesson passed for a year.
pub fn person(name: &str, job_role: &str, duties: &str) -> Person {
    Person {
        id: id(name),
        job_roles: ids(job_role),
        team: Some(id("finance")),
        duties: ids(duties),
        training: [(
            id("finance-data"),
            Timestamp(NOW.0 + 365 * 24 * 3_600 * 1_000),
        )]
        .into(),
        standing: Standing::Active,
        manager: (name != "mia").then(|| id("mia")),
    }
}

/// Node-RED behind the gateway with a production and a test flow, and a database with one production table.
pub fn catalog() -> Catalog {
    let by_id = |privileges: Vec<Privilege>| {
        privileges
            .into_iter()
            .map(|privilege| (privilege.id.clone(), privilege))
            .collect()
    };
    let conflict = Conflict {
        id: id("change-and-release"),
        why: "whoever changes a flow must not release what it pays".to_owned(),
        privileges: ids("edit-flow release-payments"),
        duties: ids("payment-approver"),
    };
    let lesson = Lesson {
        id: id("finance-data"),
        title: "Working with finance data".to_owned(),
        minutes: 4,
    };
    Catalog {
        platforms: platforms(),
        targets: targets(),
        privileges: by_id(privileges()),
        conflicts: [(conflict.id.clone(), conflict)].into(),
        freezes: Vec::new(),
        lessons: [(lesson.id.clone(), lesson)].into(),
        impact: impact(),
        terms: Terms {
            escalate_after: Seconds::from_minutes(60),
            expire_after: Seconds::from_minutes(8 * 60),
            start_ahead_max: Seconds::from_minutes(14 * 24 * 60),
            review_within: Seconds::from_minutes(3 * 24 * 60),
            open_requests_max: 5,
            forget_after_leaving: Some(Seconds::from_minutes(30 * 24 * 60)),
        },
    }
}

fn impact() -> ImpactPolicy {
    let extra_security = SeatRule {
        id: id("second-look"),
        holders: vec![SeatHolder::Duty(id("security"))],
        count: 1,
        distinct: false,
    };
    ImpactPolicy {
        data_class: [0, 5, 20, 30],
        environment: [0, 5, 20],
        action: [0, 5, 15, 25, 30],
        breadth: (5, 15),
        duration: (2, 10),
        history: (10, 20),
        first_time: 5,
        training: 5,
        bands: [30, 60, 80],
        seats: [Vec::new(), Vec::new(), vec![extra_security]],
    }
}

fn platforms() -> BTreeMap<crate::ids::PlatformId, Platform> {
    let action = |(action, title, kind): (&str, &str, ActionKind)| {
        let action = Action {
            id: id(action),
            title: title.to_owned(),
            kind,
        };
        (action.id.clone(), action)
    };
    let route = |methods: &str, path: &str, meaning| Route {
        methods: methods.split_whitespace().map(str::to_owned).collect(),
        path: path.to_owned(),
        meaning,
        rows: None,
        destination: None,
    };
    let on_flow = |action: &str| RouteMeaning::Elevated {
        action: id(action),
        target: TargetFrom::Path("flow".to_owned()),
    };
    let nodered = Platform {
        id: id("nodered"),
        title: "Node-RED".to_owned(),
        actions: [
            ("flow.read", "read the flow", ActionKind::Read),
            ("flow.run", "run the flow by hand", ActionKind::Run),
            ("flow.change", "change the flow", ActionKind::Change),
        ]
        .map(action)
        .into(),
        routes: vec![
            route("GET", "/flow/{flow}", on_flow("flow.read")),
            route("PUT", "/flow/{flow}", on_flow("flow.change")),
            route("POST", "/flow/{flow}/run", on_flow("flow.run")),
            route("GET", "/red/*", RouteMeaning::Ambient),
        ],
    };
    let ledgerdb = Platform {
        id: id("ledgerdb"),
        title: "Finance database".to_owned(),
        actions: [
            ("rows.read", "read rows", ActionKind::Read),
            ("rows.change", "change rows", ActionKind::Change),
        ]
        .map(action)
        .into(),
        routes: Vec::new(),
    };
    [nodered, ledgerdb]
        .map(|platform| (platform.id.clone(), platform))
        .into()
}

fn targets() -> BTreeMap<crate::ids::TargetId, Target> {
    let target = |name: &str, native: &str, environment, data_class| {
        let platform = name.split('.').next().unwrap_or(name);
        Target {
            id: id(name),
            title: name.to_owned(),
            platform: id(platform),
            native: native.to_owned(),
            environment,
            project: id("q4-close"),
            data_class,
            data_owner: id("cyd"),
        }
    };
    let (test, production) = (Environment::Test, Environment::Production);
    [
        target(
            "nodered.invoices",
            "f1",
            production,
            DataClass::Confidential,
        ),
        target("nodered.invoices-test", "f2", test, DataClass::Internal),
        target("nodered.payments", "f3", production, DataClass::Restricted),
        target(
            "ledgerdb.invoices",
            "public.invoices",
            production,
            DataClass::Confidential,
        ),
    ]
    .map(|target| (target.id.clone(), target))
    .into()
}

/// Consent of one holder of a seat.
pub fn seat(name: &str, holder: SeatHolder) -> SeatRule {
    SeatRule {
        id: id(name),
        holders: vec![holder],
        count: 1,
        distinct: false,
    }
}

fn privileges() -> Vec<Privilege> {
    let edit = edit_flow();
    let run = Privilege {
        id: id("run-flow"),
        title: "Run the flow by hand".to_owned(),
        phase: Phase::RunTime,
        actions: ids("flow.read flow.run"),
        stages: vec![Stage {
            seats: vec![seat("owner", SeatHolder::DataOwner)],
        }],
        smaller: Vec::new(),
        break_glass: BreakGlassRule::Barred,
        ..edit.clone()
    };
    let hook = Privilege {
        id: id("edit-by-hook"),
        title: "Edit the flow in Node-RED itself".to_owned(),
        provisioning: Provisioning::NodeRedToken {
            permissions: ["flows.read", "flows.write"].map(str::to_owned).into(),
        },
        ..edit.clone()
    };
    let release = Privilege {
        id: id("release-payments"),
        title: "Release payments".to_owned(),
        phase: Phase::RunTime,
        actions: ids("flow.run"),
        targets: ids("nodered.payments"),
        smaller: Vec::new(),
        ..edit.clone()
    };
    let read = Privilege {
        id: id("read-invoices"),
        title: "Read invoices".to_owned(),
        phase: Phase::RunTime,
        platform: id("ledgerdb"),
        actions: ids("rows.read"),
        targets: ids("ledgerdb.invoices"),
        windows: Vec::new(),
        provisioning: Provisioning::PostgresRole {
            rights: [TableRight::Select].into(),
        },
        budget: Budget::default(),
        smaller: Vec::new(),
        ..edit.clone()
    };
    vec![edit, run, hook, release, read]
}

/// Build-time, behind the gateway: security and the data owner consent, in office hours, at most four hours.
pub fn edit_flow() -> Privilege {
    Privilege {
        id: id("edit-flow"),
        title: "Edit the flow".to_owned(),
        summary: "Change one flow and save it.".to_owned(),
        can: vec!["change and save the flow".to_owned()],
        cannot: vec!["share it".to_owned()],
        phase: Phase::BuildTime,
        platform: id("nodered"),
        actions: ids("flow.read flow.change"),
        targets: ids("nodered.invoices nodered.invoices-test"),
        owner: id("dee"),
        risk_controls: [(
            id("tested"),
            "I tried the change in the test flow.".to_owned(),
        )]
        .into(),
        eligibility: Eligibility {
            job_roles: ids("finance-analyst"),
            teams: BTreeSet::new(),
            training: ids("finance-data"),
        },
        stages: vec![Stage {
            seats: vec![
                seat("owner", SeatHolder::DataOwner),
                seat("security", SeatHolder::Duty(id("security"))),
            ],
        }],
        grant_seconds_max: Seconds::from_minutes(240),
        windows: vec![Window {
            zone: "Europe/Berlin".to_owned(),
            days: [
                Day::Monday,
                Day::Tuesday,
                Day::Wednesday,
                Day::Thursday,
                Day::Friday,
            ]
            .into(),
            from_minute: 8 * 60,
            to_minute: 18 * 60,
        }],
        template: vec![Question {
            id: id("goal"),
            label: "What do you want to achieve?".to_owned(),
            hint: "One sentence.".to_owned(),
            required: Requirement::Required,
            chars_min: 10,
            chars_max: 400,
        }],
        ticket: TicketRule {
            required: Requirement::Required,
            prefixes: ["INC-".to_owned()].into(),
        },
        provisioning: Provisioning::Gateway,
        budget: Budget {
            calls_max: Some(5),
            bytes_max: Some(10_000),
            rows_max: Some(100),
            destinations: BTreeSet::new(),
            refusals_max: Some(2),
        },
        smaller: vec![id("run-flow")],
        break_glass: BreakGlassRule::Allowed {
            grant_seconds_max: Seconds::from_minutes(30),
        },
    }
}

/// A complete ask for one hour of `privilege` on the first of its targets, starting now.
pub fn ask(privilege: &str) -> Ask {
    let catalog = catalog();
    let targets = catalog
        .privileges
        .get(&id(privilege))
        .and_then(|privilege| privilege.targets.first().cloned());
    Ask {
        privilege: id(privilege),
        targets: targets.into_iter().collect(),
        duration: Seconds::from_minutes(60),
        start: Start::Now,
        answers: [(id("goal"), text("match the invoices of October"))].into(),
        ticket: Some("INC-4711".to_owned()),
        confirmed: ids("tested"),
        kind: RequestKind::New,
    }
}

/// What `holder` would be lent for [`ask`]`(privilege)` on the word of `cyd` and `bob`; `n` tells grants apart.
pub fn terms(n: u64, holder: &str, privilege: &str) -> GrantTerms {
    let catalog = catalog();
    let Some(entry) = catalog.privileges.get(&id(privilege)) else {
        unreachable!("`{privilege}` is not in the catalog")
    };
    let ask = ask(privilege);
    GrantTerms {
        id: GrantId(Uuid::from_u64_pair(0x6, n)),
        number: GrantNumber(n),
        request: RequestId(Uuid::from_u64_pair(0x4, n)),
        holder: id(holder),
        privilege: ask.privilege,
        platform: entry.platform.clone(),
        targets: ask.targets,
        actions: entry.actions.clone(),
        duration: ask.duration,
        provisioning: entry.provisioning.clone(),
        budget: entry.budget.clone(),
        approved_by: ids("bob cyd"),
        approved_duties: ids("security data-owner"),
        impact: 40,
        break_glass: false,
    }
}

//! The seeded organisation for tests: its people, and a question of each kind about one of their requests.
use crate::{Bundle, bundle::BundleFiles, example};
use domain::{
    catalog::{ActionKind, DataClass, Environment, Phase},
    directory::{Delegation, Directory, Group, Member, Person, Standing},
    ids::RequestId,
    time::{Seconds, Timestamp},
    verdict::{Elevation, PolicyAction, PolicyQuestion, Session},
};
use std::{collections::BTreeMap, fmt::Debug, str::FromStr};
use uuid::Uuid;

/// 2026-11-23T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_435_200_000);

pub(crate) fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Ids with blanks between them.
pub(crate) fn ids<T: FromStr<Err: Debug> + Ord>(text: &str) -> std::collections::BTreeSet<T> {
    text.split_whitespace().map(id).collect()
}

/// The example bundle with some files changed, added, or (with `None`) left out.
pub(crate) fn files(changes: &[(&str, Option<&str>)]) -> BundleFiles {
    let example = example::files().unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = example
        .iter()
        .map(|(path, content)| (path.into(), content.into()))
        .collect();
    for (path, content) in changes {
        match content {
            Some(content) => files.insert((*path).into(), (*content).into()),
            None => files.remove(*path),
        };
    }
    BundleFiles::new(files).unwrap()
}

pub(crate) fn bundle(changes: &[(&str, Option<&str>)]) -> Bundle {
    Bundle::load(&files(changes)).unwrap()
}

fn person(name: &str, job_role: &str, duties: &str) -> Person {
    let lessons = ["finance-data", "safe-changes", "exporting-data"];
    Person {
        id: id(name),
        job_roles: ids(job_role),
        team: Some(id("finance")),
        duties: ids(duties),
        training: lessons
            .map(|lesson| (id(lesson), NOW.plus(Seconds(86_400))))
            .into(),
        standing: Standing::Active,
        manager: Some(id("t-weiss")),
    }
}

pub(crate) fn directory() -> Directory {
    let persons = [
        person("a-lindqvist", "finance-analyst", ""),
        person("j-costa", "operations-planner", ""),
        person("r-haddad", "finance-lead", "data-owner"),
        person("m-sato", "security-analyst", "security"),
        person("l-ito", "finance-lead", ""),
        person(
            "p-novak",
            "governance-engineer finance-analyst",
            "governance",
        ),
        person("o-danso", "auditor", "auditor"),
        person("t-weiss", "product-owner", "product-owner"),
        person("k-berg", "security-analyst", ""),
        person("u-stray", "finance-analyst", ""),
    ];
    let groups = [
        ("finance-leads", Member::Person(id("l-ito")), ""),
        ("night-shift", Member::Person(id("k-berg")), ""),
        (
            "security-on-call",
            Member::Group(id("night-shift")),
            "security",
        ),
    ];
    let group = |(name, member, duties): (&str, Member, &str)| Group {
        id: id(name),
        members: [member].into(),
        duties: ids(duties),
    };
    let stands_in = |name: &str, from: &str, to: &str| Delegation {
        id: id(name),
        from: id(from),
        to: id(to),
        duties: ids(""),
        starts_at: Timestamp(0),
        ends_at: NOW.plus(Seconds(60)),
    };
    let delegations = [
        stands_in("holiday", "r-haddad", "u-stray"),
        stands_in("own", "a-lindqvist", "j-costa"),
    ];
    Directory {
        persons: persons.map(|p| (p.id.clone(), p)).into(),
        groups: groups.map(group).map(|g| (g.id.clone(), g)).into(),
        delegations: delegations.map(|d| (d.id.clone(), d)).into(),
        accounts: BTreeMap::new(),
    }
}

/// `who` about A. Lindqvist's grant to edit a production flow: agreed by both, running for an hour.
pub(crate) fn question(action: PolicyAction, who: &str) -> PolicyQuestion {
    PolicyQuestion {
        action,
        principal: id(who),
        elevation: Elevation {
            request: RequestId(Uuid::from_u128(7)),
            grant: None,
            holder: id("a-lindqvist"),
            privilege: id("ledgerly-edit-production-flow"),
            phase: Phase::BuildTime,
            actions: ids("flow.change"),
            action_kind: ActionKind::Change,
            targets: ids("ledgerly.match-invoices"),
            environment: Environment::Production,
            data_class: DataClass::Confidential,
            data_owners: ids("r-haddad"),
            duration: Seconds(3_600),
            impact: 63,
            approved_by: ids("r-haddad m-sato"),
            approved_duties: ids("data-owner security"),
            active: true,
            held: false,
            break_glass: false,
            not_before: Some(NOW),
            expires_at: Some(NOW.plus(Seconds(3_600))),
        },
        session: Session {
            now: NOW.plus(Seconds(30)),
            signed_in_at: NOW,
            second_factor: true,
            frozen: false,
            in_window: true,
            risk: 0,
        },
    }
}

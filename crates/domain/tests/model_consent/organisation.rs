//! The small organisation, and who really sits behind its accounts.
use domain::{
    catalog::{Catalog, SeatHolder, SeatRule, Stage},
    directory::{Account, Delegation, Directory, Group, Member},
    fixture::{BUNDLE, catalog, id, ids, person, seat},
    ids::PersonId,
    state::State,
    time::Timestamp,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// Accounts, and the humans who really use them.
pub(crate) const HUMANS: [(&str, &str); 8] = [
    ("ada", "ada"),
    ("ada-alias", "ada"),
    ("bob", "bob"),
    ("cyd", "cyd"),
    ("dee", "dee"),
    ("eve", "eve"),
    ("fay", "fay"),
    ("mia", "mia"),
];

pub(crate) fn human(account: &str) -> &'static str {
    let found = HUMANS.iter().find(|(known, _)| *known == account);
    found.expect("a known account").1
}

/// The human whose voice this is; a shadow speaks for whoever casts it.
pub(crate) fn voice(person: &PersonId) -> &'static str {
    let name = person.as_str().trim_start_matches("shadow-");
    human(name)
}

pub(crate) static WORLD: LazyLock<State> = LazyLock::new(|| {
    let mut catalog: Catalog = catalog();
    let edit = catalog
        .privileges
        .get_mut(&id("edit-flow"))
        .expect("it is there");
    edit.windows.clear();
    edit.stages = vec![
        Stage {
            seats: vec![seat("owner", SeatHolder::DataOwner)],
        },
        Stage {
            seats: vec![SeatRule {
                count: 2,
                ..seat("security", SeatHolder::Duty(id("security")))
            }],
        },
    ];
    catalog.conflicts.clear();
    let mut state = State {
        directory: directory(),
        bundle: Some(BUNDLE),
        ..State::default()
    };
    state.learn(BUNDLE, Arc::new(catalog));
    state
});

/// `dee` stands for `ada`, `fay` for `bob`; `ada`, `bob`, `cyd` and `eve` are security, by groups in each other.
pub(crate) fn directory() -> Directory {
    let persons = ["ada", "bob", "cyd", "dee", "eve", "fay", "mia"]
        .map(|name| person(name, "finance-analyst", ""));
    let account = |(account, of): (&str, &str)| Account {
        id: id(account),
        person: Some(id(of)),
    };
    let group = |name: &str, members: &[Member], duties: &str| Group {
        id: id(name),
        members: members.iter().cloned().collect(),
        duties: ids(duties),
    };
    let inner = [
        Member::Person(id("bob")),
        Member::Account(id("eve")),
        Member::Group(id("outer")),
    ];
    let outer = [
        Member::Account(id("ada-alias")),
        Member::Person(id("cyd")),
        Member::Group(id("inner")),
    ];
    let delegation = |from: &str, to: &str| Delegation {
        id: id(&format!("{from}-away")),
        from: id(from),
        to: id(to),
        duties: BTreeSet::new(),
        starts_at: Timestamp(0),
        ends_at: Timestamp(i64::MAX),
    };
    Directory {
        persons: persons.map(|person| (person.id.clone(), person)).into(),
        accounts: HUMANS
            .map(account)
            .map(|account| (account.id.clone(), account))
            .into(),
        groups: [
            group("inner", &inner, ""),
            group("outer", &outer, "security"),
        ]
        .map(|group| (group.id.clone(), group))
        .into(),
        delegations: [delegation("ada", "dee"), delegation("bob", "fay")]
            .map(|delegation| (delegation.id.clone(), delegation))
            .into(),
    }
}

/// A person who looks like another to the broker.
pub(crate) fn shadow(state: &mut State, name: &str) {
    let mut copy = state.directory.persons[&id(name)].clone();
    copy.id = id(&format!("shadow-{name}"));
    copy.duties = ids("security");
    state.directory.persons.insert(copy.id.clone(), copy);
}

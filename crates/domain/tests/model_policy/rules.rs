//! Four bundles that mean different things by one privilege, and what each of them means, told apart from the catalogs.
use domain::{
    catalog::{Catalog, SeatHolder, SeatRule, Stage},
    decide::GOVERNANCE,
    fixture::{BUNDLE, catalog, id, ids, seat, world},
    ids::Digest,
    state::State,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

/// The bundle in force at the beginning: the owner of the data and one of security consent to reading and changing.
pub(crate) const OLD: Digest = BUNDLE;
/// As [`OLD`], and the flow may be run by hand as well.
pub(crate) const MORE: Digest = Digest([0xb1; 32]);
/// As [`OLD`], and two of security must consent.
pub(crate) const STRICT: Digest = Digest([0xb2; 32]);
/// The privilege isn't lent any more.
pub(crate) const NONE: Digest = Digest([0xb3; 32]);

/// Every bundle of this model.
pub(crate) const BUNDLES: [Digest; 4] = [OLD, MORE, STRICT, NONE];

/// What a bundle lends under the one name.
pub(crate) fn lent(bundle: Digest) -> BTreeSet<&'static str> {
    match bundle {
        MORE => ["flow.read", "flow.change", "flow.run"].into(),
        OLD | STRICT => ["flow.read", "flow.change"].into(),
        _ => BTreeSet::new(),
    }
}

/// Whether these humans are enough for a bundle.
pub(crate) fn enough(bundle: Digest, consents: &BTreeSet<&'static str>) -> bool {
    let owner = consents.contains("cyd");
    let security = consents.iter().filter(|by| ["bob", "eve"].contains(by));
    match bundle {
        OLD | MORE => owner && security.count() >= 1,
        STRICT => owner && security.count() >= 2,
        _ => false,
    }
}

/// Accounts that take part, and the humans who really use them.
pub(crate) fn human(account: &str) -> &'static str {
    match account {
        "ada" | "ada-alias" => "ada",
        "bob" => "bob",
        "cyd" => "cyd",
        "dee" => "dee",
        "eve" => "eve",
        "fay" => "fay",
        _ => "nobody",
    }
}

/// Humans who hold the duty of changing the rules in their own right.
pub(crate) const GOVERNORS: [&str; 2] = ["ada", "dee"];

fn rules(change: impl Fn(&mut Catalog)) -> Arc<Catalog> {
    let mut rules = catalog();
    let edit = rules.privileges.get_mut(&id("edit-flow"));
    edit.expect("it is there").windows.clear();
    rules.conflicts.clear();
    change(&mut rules);
    Arc::new(rules)
}

/// `ada` asks, and changes rules as `dee` does, for whom `fay` stands in.
pub(crate) static WORLD: LazyLock<State> = LazyLock::new(|| {
    let mut state = world();
    let directory = &mut state.directory;
    for name in GOVERNORS {
        let person = directory.persons.get_mut(&id(name)).expect("a person");
        person.duties.insert(id(GOVERNANCE));
    }
    let taking_part = ["ada", "bob", "cyd", "dee", "eve", "fay"];
    directory
        .persons
        .retain(|person, _| taking_part.contains(&person.as_str()));
    directory
        .accounts
        .retain(|account, _| human(account.as_str()) != "nobody");
    let away = directory.delegations.get_mut(&id("bob-away"));
    away.expect("it is there").from = id("dee");
    state.learn(OLD, rules(|_| ()));
    state.learn(
        MORE,
        rules(|catalog| {
            let edit = catalog.privileges.get_mut(&id("edit-flow"));
            edit.expect("it is there").actions = ids("flow.read flow.change flow.run");
        }),
    );
    state.learn(
        STRICT,
        rules(|catalog| {
            let edit = catalog.privileges.get_mut(&id("edit-flow"));
            let security = SeatRule {
                count: 2,
                ..seat("security", SeatHolder::Duty(id("security")))
            };
            let seats = vec![seat("owner", SeatHolder::DataOwner), security];
            edit.expect("it is there").stages = vec![Stage { seats }];
        }),
    );
    state.learn(
        NONE,
        rules(|catalog| {
            catalog.privileges.remove(&id("edit-flow"));
        }),
    );
    state
});

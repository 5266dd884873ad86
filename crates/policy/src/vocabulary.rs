//! The words of a bundle that facts about people are made of. A misspelt duty in the directory would be held by somebody and fill no
//! seat, so it is a mistake before it is a fact. Job roles, teams and lessons come from elsewhere, and the bundle need not know all of
//! them; but whoever misspelt one that it knows should hear of it.
use crate::{Bundle, Organisation, catalog::Kind, mistake::did_you_mean};
use domain::{
    catalog::Catalog,
    command::DirectoryChange,
    directory::{Delegation, Directory, Group, Member, Person},
    ids::{AccountId, DutyId, GroupId, PersonId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::Arc,
};

/// Duties that the broker knows by itself, whatever the bundle says.
const OF_THE_BROKER: [&str; 3] = ["auditor", "governance", "security"];

/// What a bundle calls duties, job roles, teams and lessons.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    organisation: Arc<Organisation>,
    catalog: Arc<Catalog>,
}

impl Vocabulary {
    /// That of `bundle`.
    pub fn of(bundle: &Bundle) -> Self {
        Self {
            organisation: Arc::clone(&bundle.organisation),
            catalog: Arc::clone(&bundle.catalog),
        }
    }

    /// Holds `changes` of the `present` directory, taken together, against the bundle.
    pub fn judge(&self, present: &Directory, changes: &[DirectoryChange]) -> Judged {
        let mut found = Findings {
            vocabulary: self,
            known: Ids::after(present, changes),
            judged: Judged::default(),
        };
        for change in changes {
            match change {
                DirectoryChange::Person { person, .. } => found.person(person),
                DirectoryChange::Account(account) => {
                    let whose = format!("the account `{}`", account.id);
                    found.persons(&whose, &account.person);
                }
                DirectoryChange::Group(group) => found.group(group),
                DirectoryChange::Delegation(delegation) => found.delegation(delegation),
                DirectoryChange::PersonRemoved(_)
                | DirectoryChange::AccountRemoved(_)
                | DirectoryChange::GroupRemoved(_)
                | DirectoryChange::DelegationRemoved(_) => {}
            }
        }
        found.judged
    }
}

/// What there is to say about facts, each in a sentence for whoever wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// Wrong: duties that the bundle doesn't know, delegations that can't hold.
    pub mistakes: Vec<String>,
    /// Persons, accounts and groups that are named and aren't there: wrong, unless they are still to come.
    pub missing: Vec<String>,
    /// Of no use: job roles, teams and lessons that nothing in the bundle asks for.
    pub unheard_of: Vec<String>,
}

/// Who and what is there once the changes are made.
struct Ids {
    persons: BTreeSet<PersonId>,
    accounts: BTreeSet<AccountId>,
    groups: BTreeSet<GroupId>,
}

impl Ids {
    fn after(present: &Directory, changes: &[DirectoryChange]) -> Self {
        let mut ids = Self {
            persons: present.persons.keys().cloned().collect(),
            accounts: present.accounts.keys().cloned().collect(),
            groups: present.groups.keys().cloned().collect(),
        };
        for change in changes {
            match change {
                DirectoryChange::Person { person, .. } => {
                    ids.persons.insert(person.id.clone());
                }
                DirectoryChange::Account(account) => {
                    ids.accounts.insert(account.id.clone());
                }
                DirectoryChange::Group(group) => {
                    ids.groups.insert(group.id.clone());
                }
                DirectoryChange::PersonRemoved(_)
                | DirectoryChange::AccountRemoved(_)
                | DirectoryChange::GroupRemoved(_)
                | DirectoryChange::Delegation(_)
                | DirectoryChange::DelegationRemoved(_) => {}
            }
        }
        ids
    }
}

struct Findings<'a> {
    vocabulary: &'a Vocabulary,
    known: Ids,
    judged: Judged,
}

impl Findings<'_> {
    fn person(&mut self, person: &Person) {
        let whose = format!("the person `{}`", person.id);
        let Vocabulary {
            organisation,
            catalog,
        } = self.vocabulary;
        let told = &mut self.judged.unheard_of;
        let (job_roles, teams) = (&organisation.job_roles, &organisation.teams);
        unknown(told, &whose, Kind::JobRole, &person.job_roles, job_roles);
        unknown(told, &whose, Kind::Team, &person.team, teams);
        let lessons = person.training.keys();
        unknown(told, &whose, Kind::Lesson, lessons, &catalog.lessons);
        self.duties(&whose, &person.duties);
        self.persons(&whose, &person.manager);
        if person.manager.as_ref() == Some(&person.id) {
            let told = format!(
                "{whose} is named as their own manager: name another person, or leave it out"
            );
            self.judged.mistakes.push(told);
        }
    }

    fn group(&mut self, group: &Group) {
        let whose = format!("the group `{}`", group.id);
        self.duties(&whose, &group.duties);
        for member in &group.members {
            match member {
                Member::Person(person) => self.persons(&whose, [person]),
                Member::Account(account) => {
                    let ids = &self.known.accounts;
                    missing(&mut self.judged.missing, &whose, "account", account, ids);
                }
                Member::Group(inner) => {
                    let ids = &self.known.groups;
                    missing(&mut self.judged.missing, &whose, "group", inner, ids);
                }
            }
        }
    }

    fn delegation(&mut self, delegation: &Delegation) {
        let whose = format!("the delegation `{}`", delegation.id);
        self.duties(&whose, &delegation.duties);
        self.persons(&whose, [&delegation.from, &delegation.to]);
        if delegation.from == delegation.to {
            self.judged.mistakes.push(format!(
                "{whose} is from `{0}` to `{0}`: nobody is their own deputy",
                delegation.from
            ));
        }
        if delegation.ends_at <= delegation.starts_at {
            let told = format!("{whose} ends before it starts: give it an end after its start");
            self.judged.mistakes.push(told);
        }
    }

    fn duties(&mut self, whose: &str, duties: &BTreeSet<DutyId>) {
        let known = &self.vocabulary.organisation.duties;
        let of_bundles = duties
            .iter()
            .filter(|duty| !OF_THE_BROKER.contains(&duty.as_str()));
        unknown(
            &mut self.judged.mistakes,
            whose,
            Kind::Duty,
            of_bundles,
            known,
        );
    }

    fn persons<'p>(&mut self, whose: &str, persons: impl IntoIterator<Item = &'p PersonId>) {
        for person in persons {
            missing(
                &mut self.judged.missing,
                whose,
                "person",
                person,
                &self.known.persons,
            );
        }
    }
}

fn unknown<'i, Id: Ord + Display + 'i, T>(
    told: &mut Vec<String>,
    whose: &str,
    kind: Kind,
    ids: impl IntoIterator<Item = &'i Id>,
    known: &BTreeMap<Id, T>,
) {
    for id in ids {
        if !known.contains_key(id) {
            let names: Vec<String> = known.keys().map(ToString::to_string).collect();
            let help = did_you_mean(&id.to_string(), names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("the bundle knows {}", quoted(&names)));
            told.push(format!(
                "{whose}: there is no {} `{id}`; {help}",
                kind.singular()
            ));
        }
    }
}

fn missing<Id: Ord + Display>(
    told: &mut Vec<String>,
    whose: &str,
    what: &str,
    id: &Id,
    known: &BTreeSet<Id>,
) {
    if !known.contains(id) {
        told.push(format!(
            "{whose}: there is no {what} `{id}`; put it on record first, or in the same file"
        ));
    }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() {
        "none".to_owned()
    } else {
        quoted.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, bundle, directory, id, ids};
    use domain::{directory::Account, time::Seconds};

    #[track_caller]
    fn check(changes: &[DirectoryChange], expected: &[&str]) {
        let vocabulary = Vocabulary::of(&bundle(&[]));
        let judged = vocabulary.judge(&directory(), changes);
        let told = [judged.mistakes, judged.missing, judged.unheard_of].concat();
        assert_eq!(told, expected);
    }

    fn person(change: impl FnOnce(&mut Person)) -> DirectoryChange {
        let mut person = directory().persons[&id("m-sato")].clone();
        person.job_roles = ids("finance-analyst");
        change(&mut person);
        DirectoryChange::Person {
            person,
            name: None,
            mail: None,
        }
    }

    fn group(members: &[Member], duties: &str) -> DirectoryChange {
        DirectoryChange::Group(Group {
            id: id("crew"),
            members: members.iter().cloned().collect(),
            duties: ids(duties),
        })
    }

    fn delegation(from: &str, to: &str, seconds: i64) -> DirectoryChange {
        DirectoryChange::Delegation(Delegation {
            id: id("away"),
            from: id(from),
            to: id(to),
            duties: ids(""),
            starts_at: NOW,
            ends_at: domain::time::Timestamp(NOW.0 + seconds * 1_000),
        })
    }

    #[test]
    fn words_that_the_bundle_does_not_know_are_told_with_the_nearest_it_knows() {
        check(
            &[
                person(|p| p.duties = ids("securty")),
                person(|p| p.job_roles = ids("finance-analist")),
                person(|p| p.team = Some(id("x"))),
                person(|p| {
                    p.training.insert(id("safe-change"), NOW.plus(Seconds(1)));
                }),
                group(&[], "securty"),
            ],
            &[
                "the person `m-sato`: there is no duty `securty`; did you mean `security`?",
                "the group `crew`: there is no duty `securty`; did you mean `security`?",
                "the person `m-sato`: there is no job role `finance-analist`; did you mean `finance-analyst`?",
                "the person `m-sato`: there is no team `x`; the bundle knows `finance`, `operations`",
                "the person `m-sato`: there is no lesson `safe-change`; did you mean `safe-changes`?",
            ],
        );
    }

    #[test]
    fn what_is_named_is_there_or_comes_with_it() {
        let account = |name: &str, person: &str| {
            DirectoryChange::Account(Account {
                id: id(name),
                person: Some(id(person)),
            })
        };
        check(
            &[
                account("zoe", "zoe"),
                group(
                    &[
                        Member::Person(id("zoe")),
                        Member::Account(id("zoe-admin")),
                        Member::Group(id("zoo")),
                    ],
                    "",
                ),
                person(|p| p.manager = Some(id("zoe"))),
                delegation("zoe", "m-sato", 60),
            ],
            &[
                "the account `zoe`: there is no person `zoe`; put it on record first, or in the same file",
                "the group `crew`: there is no person `zoe`; put it on record first, or in the same file",
                "the group `crew`: there is no account `zoe-admin`; put it on record first, or in the same file",
                "the group `crew`: there is no group `zoo`; put it on record first, or in the same file",
                "the person `m-sato`: there is no person `zoe`; put it on record first, or in the same file",
                "the delegation `away`: there is no person `zoe`; put it on record first, or in the same file",
            ],
        );
        check(
            &[
                delegation("zoe", "m-sato", 60),
                account("zoe-admin", "zoe"),
                group(
                    &[
                        Member::Person(id("zoe")),
                        Member::Account(id("zoe-admin")),
                        Member::Group(id("crew")),
                    ],
                    "security",
                ),
                person(|p| p.id = id("zoe")),
            ],
            &[],
        );
    }

    #[test]
    fn nobody_is_their_own_deputy_or_manager_and_a_delegation_holds_for_a_while() {
        check(
            &[
                delegation("m-sato", "m-sato", 60),
                delegation("m-sato", "k-berg", 0),
                person(|p| p.manager = Some(p.id.clone())),
            ],
            &[
                "the delegation `away` is from `m-sato` to `m-sato`: nobody is their own deputy",
                "the delegation `away` ends before it starts: give it an end after its start",
                "the person `m-sato` is named as their own manager: name another person, or leave it out",
            ],
        );
    }
}

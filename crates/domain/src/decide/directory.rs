//! Changes of the directory, put on record one by one. A fact that is on record already is no change, so an import can be run
//! again and adds nothing.
use super::grant::suspension;
use crate::{
    acting::operator_only, actor::Context, command::DirectoryChange, directory::Directory,
    event::Event, ids::PersonId, keeping::is_forgotten, refusal::Refused, state::State,
};

pub(super) fn change(
    state: &State,
    change: &DirectoryChange,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    operator_only(&context.actor)?;
    if is_known(&state.directory, change) {
        return Err(Refused::Repeated);
    }
    if let DirectoryChange::Person { person, .. } = change
        && is_forgotten(state, &person.id)
    {
        return Err(Refused::WasErased {
            person: person.id.clone(),
        });
    }
    let mut events = vec![Event::DirectoryChanged {
        change: change.clone(),
    }];
    // whoever may no longer act can't go on using what they were lent, in any target
    if let Some(person) = barred(change) {
        events.extend(suspension(state, person));
    }
    Ok(events)
}

/// Who may not act any more after this change.
fn barred(change: &DirectoryChange) -> Option<&PersonId> {
    match change {
        DirectoryChange::Person { person, .. } if !person.is_active() => Some(&person.id),
        DirectoryChange::PersonRemoved(person) => Some(person),
        DirectoryChange::Person { .. }
        | DirectoryChange::Account(_)
        | DirectoryChange::AccountRemoved(_)
        | DirectoryChange::Group(_)
        | DirectoryChange::GroupRemoved(_)
        | DirectoryChange::Delegation(_)
        | DirectoryChange::DelegationRemoved(_) => None,
    }
}

fn is_known(directory: &Directory, change: &DirectoryChange) -> bool {
    match change {
        // a name or address is a body: whether it is new can't be told from here
        DirectoryChange::Person { person, name, mail } => {
            name.is_none() && mail.is_none() && directory.persons.get(&person.id) == Some(person)
        }
        DirectoryChange::PersonRemoved(id) => !directory.persons.contains_key(id),
        DirectoryChange::Account(account) => directory.accounts.get(&account.id) == Some(account),
        DirectoryChange::AccountRemoved(id) => !directory.accounts.contains_key(id),
        DirectoryChange::Group(group) => directory.groups.get(&group.id) == Some(group),
        DirectoryChange::GroupRemoved(id) => !directory.groups.contains_key(id),
        DirectoryChange::Delegation(delegation) => {
            directory.delegations.get(&delegation.id) == Some(delegation)
        }
        DirectoryChange::DelegationRemoved(id) => !directory.delegations.contains_key(id),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        command::{Command, DirectoryChange},
        fixture::{id, person, text},
        play::Play,
    };

    /// What the operator is told when these changes come one after the other.
    #[track_caller]
    fn check(changes: &[DirectoryChange], expected: &[&str]) {
        let mut play = Play::new();
        let give = |change: &DirectoryChange| {
            play.give(
                "operator",
                &Command::ChangeDirectory {
                    change: change.clone(),
                },
            )
        };
        let told: Vec<String> = changes.iter().map(give).collect();
        assert_eq!(told, expected);
    }

    const AGAIN: &str = "no: this was recorded already";

    #[test]
    fn each_fact_is_recorded_once_and_a_name_may_be_new() {
        let zoe = |name| DirectoryChange::Person {
            person: person("zoe", "finance-analyst", ""),
            name,
            mail: None,
        };
        check(
            &[
                zoe(None),
                zoe(None),
                zoe(Some(text("Zoe"))),
                DirectoryChange::PersonRemoved(id("zoe")),
                zoe(None),
            ],
            &[
                "directory-changed",
                AGAIN,
                "directory-changed",
                "directory-changed",
                "directory-changed",
            ],
        );
        let gone = || {
            [
                DirectoryChange::PersonRemoved(id("zoe")),
                DirectoryChange::AccountRemoved(id("zoe")),
                DirectoryChange::GroupRemoved(id("zoo")),
                DirectoryChange::DelegationRemoved(id("zoe-away")),
            ]
        };
        check(&gone(), &[AGAIN; 4]);
        let known = Play::new().state.directory;
        check(
            &[
                DirectoryChange::Account(known.accounts[&id("ada")].clone()),
                DirectoryChange::Group(known.groups[&id("soc")].clone()),
                DirectoryChange::Delegation(known.delegations[&id("bob-away")].clone()),
            ],
            &[AGAIN; 3],
        );
    }

    #[test]
    fn the_directory_comes_from_the_operator() {
        let change = DirectoryChange::PersonRemoved(id("bob"));
        assert_eq!(
            Play::new().give("ada", &Command::ChangeDirectory { change }),
            "no: this is done by the broker itself or its operator, not by a person"
        );
    }
}

//! Changes of the directory, put on record one by one. A fact that is on record already is no change, so an import can be run
//! again and adds nothing.
use crate::{
    acting::operator_only, actor::Context, command::DirectoryChange, directory::Directory,
    event::Event, refusal::Refused, state::State,
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
    Ok(vec![Event::DirectoryChanged {
        change: change.clone(),
    }])
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

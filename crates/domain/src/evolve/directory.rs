//! What is remembered of people and of the bundle in force.
use crate::{command::DirectoryChange, directory::Directory, ids::Digest, state::State};

pub(super) fn adopted(state: &mut State, bundle: Digest) {
    state.bundle = Some(bundle);
    state.proposed = None;
}

pub(super) fn changed(directory: &mut Directory, change: &DirectoryChange) {
    match change {
        DirectoryChange::Person { person, .. } => {
            directory.persons.insert(person.id.clone(), person.clone());
        }
        DirectoryChange::PersonRemoved(person) => {
            directory.persons.remove(person);
        }
        DirectoryChange::Account(account) => {
            directory
                .accounts
                .insert(account.id.clone(), account.clone());
        }
        DirectoryChange::AccountRemoved(account) => {
            directory.accounts.remove(account);
        }
        DirectoryChange::Group(group) => {
            directory.groups.insert(group.id.clone(), group.clone());
        }
        DirectoryChange::GroupRemoved(group) => {
            directory.groups.remove(group);
        }
        DirectoryChange::Delegation(delegation) => {
            directory
                .delegations
                .insert(delegation.id.clone(), delegation.clone());
        }
        DirectoryChange::DelegationRemoved(delegation) => {
            directory.delegations.remove(delegation);
        }
    }
}

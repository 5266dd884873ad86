//! What is remembered of people and of the bundle in force.
use crate::{
    command::DirectoryChange,
    ids::{Digest, PersonId},
    state::State,
    time::Timestamp,
};

pub(super) fn adopted(state: &mut State, bundle: Digest) {
    state.bundle = Some(bundle);
    state.proposed = None;
}

pub(super) fn changed(state: &mut State, change: &DirectoryChange, at: Timestamp) {
    let directory = &mut state.directory;
    match change {
        DirectoryChange::Person { person, .. } => {
            state.departed.remove(&person.id);
            directory.persons.insert(person.id.clone(), person.clone());
        }
        DirectoryChange::PersonRemoved(person) => {
            if directory.persons.remove(person).is_some() {
                state.departed.insert(person.clone(), at);
            }
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

pub(super) fn erasure_intended(state: &mut State, person: &PersonId) {
    state.departed.remove(person);
    if !state.erased.contains(person) {
        state.erasing.insert(person.clone());
    }
}

pub(super) fn erased(state: &mut State, person: &PersonId) {
    state.erasing.remove(person);
    state.histories.remove(person);
    state.erased.insert(person.clone());
}

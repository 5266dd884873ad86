//! What must be kept and what may be forgotten. The log keeps every decision for ever; what can be forgotten are people's words,
//! by destroying the key under which they are sealed. Nobody is forgotten while somebody still needs their words: open work of
//! theirs, a review of it, or a legal hold.
use crate::{
    ids::{LegalHoldId, PersonId},
    refusal::Refused,
    state::State,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Words that must be kept, whatever the retention says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    /// Its name.
    pub id: LegalHoldId,
    /// Whose words.
    pub covers: LegalScope,
}

/// Whose words a legal hold keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalScope {
    /// Everybody's.
    Everybody,
    /// Those of these persons.
    Persons(BTreeSet<PersonId>),
}

impl LegalHold {
    /// Whether this person's words are kept by it.
    pub fn covers(&self, person: &PersonId) -> bool {
        match &self.covers {
            LegalScope::Everybody => true,
            LegalScope::Persons(persons) => persons.contains(person),
        }
    }
}

/// Passes if nobody needs the words of `person` any more.
///
/// # Errors
///
/// What still needs them.
pub fn forgettable(state: &State, person: &PersonId) -> Result<(), Refused> {
    if is_forgotten(state, person) {
        return Err(Refused::Repeated);
    }
    if state.directory.persons.contains_key(person) {
        return Err(Refused::StillInDirectory {
            person: person.clone(),
        });
    }
    let mut holds = state.legal_holds.values();
    if let Some(hold) = holds.find(|hold| hold.covers(person)) {
        return Err(Refused::UnderLegalHold {
            person: person.clone(),
            hold: hold.id.clone(),
        });
    }
    let needed_by = needed_by(state, person);
    if needed_by.is_empty() {
        Ok(())
    } else {
        Err(Refused::StillConcerned {
            person: person.clone(),
            needed_by,
        })
    }
}

/// Whether this person was erased, or is being erased: nothing new is written about them.
pub fn is_forgotten(state: &State, person: &PersonId) -> bool {
    state.erasing.contains(person) || state.erased.contains(person)
}

/// Open work that a reader of it could not understand without the words of `person`.
fn needed_by(state: &State, person: &PersonId) -> Vec<String> {
    let requests = state
        .requests
        .values()
        .filter(|request| request.requester == *person)
        .map(|request| format!("request {}", request.number));
    let grants = state
        .grants
        .values()
        .filter(|grant| grant.terms.holder == *person)
        .map(|grant| format!("grant {}", grant.terms.number));
    let reviews = state
        .reviews
        .values()
        .filter(|review| review.holder == *person)
        .map(|_| "a review that is due".to_owned());
    requests.chain(grants).chain(reviews).collect()
}

/// Persons whose words the organisation's own retention gives up at `now`.
pub fn lapsed(state: &State, now: Timestamp) -> impl Iterator<Item = &PersonId> {
    let given_up = until(state).into_iter();
    given_up
        .filter(move |(_, at)| *at <= now)
        .map(|(person, _)| person)
}

/// The earliest instant at which [`lapsed`] names somebody.
pub fn next_lapse(state: &State) -> Option<Timestamp> {
    until(state).into_iter().map(|(_, at)| at).min()
}

/// Whoever left and is needed by nobody, with the instant at which their words are given up.
fn until(state: &State) -> Vec<(&PersonId, Timestamp)> {
    let terms = state.catalog().map(|catalog| &catalog.terms);
    let Some(after) = terms.and_then(|terms| terms.forget_after_leaving) else {
        return Vec::new();
    };
    if state.quarantine.is_some() {
        return Vec::new();
    }
    let requesters = state.requests.values().map(|request| &request.requester);
    let holders = state.grants.values().map(|grant| &grant.terms.holder);
    let reviewed = state.reviews.values().map(|review| &review.holder);
    let needed: BTreeSet<&PersonId> = requesters.chain(holders).chain(reviewed).collect();
    let is_held = |person: &PersonId| state.legal_holds.values().any(|hold| hold.covers(person));
    state
        .departed
        .iter()
        .filter(|(person, _)| !needed.contains(person) && !is_held(person))
        .map(|(person, left_at)| (person, left_at.plus(after)))
        .collect()
}

//! Who stands over somebody's grant: may take it back while it runs, and look back at it when it is over. Owners do, security
//! does, and so do their deputies; but nobody does so on the word of the holder, or looks back at what they let happen.
use crate::{
    grant::GrantTerms,
    ids::{GrantId, PersonId, PrivilegeId, TargetId},
    path::SECURITY,
    seats::{DATA_OWNER, GOVERNANCE_OWNER},
    state::{ReviewDue, State},
    time::Timestamp,
};
use std::collections::BTreeSet;

impl State {
    /// Whether `person` may take a grant of `terms` back: on their own word as an owner or security, or on that of somebody
    /// they stand for.
    pub fn may_revoke(&self, person: &PersonId, terms: &GrantTerms, now: Timestamp) -> bool {
        !self
            .words_of_owners(person, &terms.privilege, &terms.targets, now)
            .is_empty()
            || !self.words_of_security(person, now).is_empty()
    }

    /// Whether `person` may put a grant on hold: security's word counts.
    pub fn may_hold(&self, person: &PersonId, now: Timestamp) -> bool {
        !self.words_of_security(person, now).is_empty()
    }

    /// Whether `person` may let a held grant of `terms` go on: security's word counts, unless it is the holder's own.
    pub fn may_resume(&self, person: &PersonId, terms: &GrantTerms, now: Timestamp) -> bool {
        let mut words = self.words_of_security(person, now);
        words.remove(&terms.holder);
        *person != terms.holder && !words.is_empty()
    }

    /// Whether `person` may say what the use was that `due` is about. The holder's manager and the owners may, and once it was
    /// escalated security too; never the holder, nor who approved it, nor anybody on the word of one of them.
    pub fn may_review(&self, person: &PersonId, due: &ReviewDue, now: Timestamp) -> bool {
        if !self.directory.may_act(person) || due.involves(person) {
            return false;
        }
        let mut words = self.words_of_owners(person, &due.privilege, &due.targets, now);
        let holder = self.directory.persons.get(&due.holder);
        if holder.is_some_and(|holder| holder.manager.as_ref() == Some(person)) {
            words.insert(person.clone());
        }
        if due.escalated {
            words.extend(self.words_of_security(person, now));
        }
        words.iter().any(|word| !due.involves(word))
    }

    /// Everybody who [may review](Self::may_review) at `now`.
    pub fn reviewers(&self, due: &ReviewDue, now: Timestamp) -> BTreeSet<PersonId> {
        let persons = self.directory.persons.keys();
        persons
            .filter(|person| self.may_review(person, due, now))
            .cloned()
            .collect()
    }

    /// Whether the use of a grant is over, so that it can be looked back at.
    pub fn is_over(&self, grant: GrantId) -> bool {
        self.grants
            .get(&grant)
            .is_none_or(crate::grant::Grant::has_ended)
    }

    /// The owners of `privilege` or of the data of `targets` on whose word `person` acts at `now`.
    fn words_of_owners(
        &self,
        person: &PersonId,
        privilege: &PrivilegeId,
        targets: &BTreeSet<TargetId>,
        now: Timestamp,
    ) -> BTreeSet<PersonId> {
        let Some(catalog) = self.catalog() else {
            return BTreeSet::new();
        };
        let governs = |who: &PersonId| {
            catalog
                .privileges
                .get(privilege)
                .is_some_and(|p| p.owner == *who)
        };
        let answers = |who: &PersonId| catalog.data_owners(targets).contains(who);
        let mut words = BTreeSet::new();
        if governs(person) || answers(person) {
            words.insert(person.clone());
        }
        for delegation in self.directory.standing_for(person, now) {
            let passes = |name: &str| name.parse().is_ok_and(|duty| delegation.covers(&duty));
            let from = &delegation.from;
            if (governs(from) && passes(GOVERNANCE_OWNER)) || (answers(from) && passes(DATA_OWNER))
            {
                words.insert(from.clone());
            }
        }
        words
    }

    /// Those who hold the duty of security on whose word `person` acts at `now`.
    fn words_of_security(&self, person: &PersonId, now: Timestamp) -> BTreeSet<PersonId> {
        let Ok(security) = SECURITY.parse() else {
            return BTreeSet::new();
        };
        let mut words = BTreeSet::new();
        if self.directory.holds(person, &security) {
            words.insert(person.clone());
        }
        let stood_for = self.directory.standing_for(person, now);
        words.extend(
            stood_for
                .filter(|d| d.covers(&security) && self.directory.holds(&d.from, &security))
                .map(|d| d.from.clone()),
        );
        words
    }
}

#[cfg(test)]
mod tests;

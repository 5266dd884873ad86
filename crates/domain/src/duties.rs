//! Who holds which duty, and where it comes from. Groups nest and may be cyclic; a walk visits each group once. A deputy uses the
//! duty of somebody who holds it in their own right: a deputy of a deputy has nothing to use.
use crate::{
    directory::{Delegation, Directory, Member, Person},
    ids::{AccountId, DelegationId, DutyId, GroupId, PersonId},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where a duty comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// It is the person's own.
    InPerson,
    /// Membership of this group brings it, directly or through groups in it.
    Group(GroupId),
    /// Somebody who holds it has delegated it.
    Deputy {
        /// By which delegation.
        delegation: DelegationId,
        /// Whose duty it is.
        of: PersonId,
    },
}

impl Directory {
    /// The human behind a login, if anybody answers for it.
    pub fn person_of(&self, account: &AccountId) -> Option<&Person> {
        let person = self.accounts.get(account)?.person.as_ref()?;
        self.persons.get(person)
    }

    /// Known and free to act.
    pub fn may_act(&self, person: &PersonId) -> bool {
        self.persons.get(person).is_some_and(Person::is_active)
    }

    /// All known humans in a group, however deep.
    pub fn members(&self, group: &GroupId) -> BTreeSet<PersonId> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![group];
        let mut found = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            for member in self.groups.get(id).into_iter().flat_map(|g| &g.members) {
                match member {
                    Member::Group(inner) => waiting.push(inner),
                    Member::Person(person) => {
                        found.extend(self.persons.get(person).map(|p| p.id.clone()));
                    }
                    Member::Account(account) => {
                        found.extend(self.person_of(account).map(|p| p.id.clone()));
                    }
                }
            }
        }
        found
    }

    /// All groups a human is in, however deep.
    pub fn groups_of(&self, person: &PersonId) -> BTreeSet<GroupId> {
        let mut inside: BTreeMap<&GroupId, Vec<&GroupId>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for (id, group) in &self.groups {
            for member in &group.members {
                match member {
                    Member::Group(inner) => inside.entry(inner).or_default().push(id),
                    Member::Person(of) if of == person => waiting.push(id),
                    Member::Person(_) => {}
                    Member::Account(account) => {
                        if self.person_of(account).is_some_and(|of| of.id == *person) {
                            waiting.push(id);
                        }
                    }
                }
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if seen.insert(id.clone()) {
                waiting.extend(inside.get(id).into_iter().flatten());
            }
        }
        seen
    }

    /// The duties a human holds in their own right, in person or through groups.
    pub fn duties(&self, person: &PersonId) -> BTreeMap<DutyId, BTreeSet<Source>> {
        let mut duties: BTreeMap<DutyId, BTreeSet<Source>> = BTreeMap::new();
        let Some(known) = self.persons.get(person) else {
            return duties;
        };
        for duty in &known.duties {
            let sources = duties.entry(duty.clone()).or_default();
            sources.insert(Source::InPerson);
        }
        for id in self.groups_of(person) {
            for duty in self.groups.get(&id).into_iter().flat_map(|g| &g.duties) {
                let sources = duties.entry(duty.clone()).or_default();
                sources.insert(Source::Group(id.clone()));
            }
        }
        duties
    }

    /// The duties a human may use at `now`: their own, and those of the persons they stand for.
    pub fn duties_at(
        &self,
        person: &PersonId,
        now: Timestamp,
    ) -> BTreeMap<DutyId, BTreeSet<Source>> {
        let mut duties = self.duties(person);
        for delegation in self.standing_for(person, now) {
            for duty in self.duties(&delegation.from).into_keys() {
                if delegation.covers(&duty) {
                    duties.entry(duty).or_default().insert(Source::Deputy {
                        delegation: delegation.id.clone(),
                        of: delegation.from.clone(),
                    });
                }
            }
        }
        duties
    }

    /// Whether a human holds a duty in their own right.
    pub fn holds(&self, person: &PersonId, duty: &DutyId) -> bool {
        self.duties(person).contains_key(duty)
    }

    /// Everybody who holds a duty in their own right.
    pub fn holders(&self, duty: &DutyId) -> BTreeSet<PersonId> {
        let mut found: BTreeSet<PersonId> = self
            .persons
            .values()
            .filter(|person| person.duties.contains(duty))
            .map(|person| person.id.clone())
            .collect();
        for (id, group) in &self.groups {
            if group.duties.contains(duty) {
                found.extend(self.members(id));
            }
        }
        found
    }

    /// Delegations that let `person` decide for somebody else at `now`. Nobody stands for a person who may not act: what they
    /// could not do, their deputy can't.
    pub fn standing_for(
        &self,
        person: &PersonId,
        now: Timestamp,
    ) -> impl Iterator<Item = &Delegation> {
        self.running(now).filter(move |d| d.to == *person)
    }

    /// Delegations that let somebody else decide for `person` at `now`.
    pub fn deputies(&self, person: &PersonId, now: Timestamp) -> impl Iterator<Item = &Delegation> {
        self.running(now).filter(move |d| d.from == *person)
    }

    fn running(&self, now: Timestamp) -> impl Iterator<Item = &Delegation> {
        self.delegations.values().filter(move |d| {
            d.starts_at <= now
                && now < d.ends_at
                && d.from != d.to
                && self.may_act(&d.from)
                && self.may_act(&d.to)
        })
    }
}

impl Delegation {
    /// Whether this duty is among those delegated.
    pub fn covers(&self, duty: &DutyId) -> bool {
        self.is_full() || self.duties.contains(duty)
    }

    /// Whether everything is delegated.
    pub fn is_full(&self) -> bool {
        self.duties.is_empty()
    }
}

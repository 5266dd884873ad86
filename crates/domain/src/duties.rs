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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        directory::{Account, Group, Standing},
        fixture::{NOW, id, ids, person},
        play::Play,
    };
    use proptest::prelude::*;

    #[test]
    fn a_duty_tells_where_it_comes_from() {
        let mut play = Play::new();
        play.group("team", "&soc @ada-alias", "reader");
        play.duty("bob", "reader");
        let told = |name: &str| {
            let duties = play.state.directory.duties_at(&id(name), NOW);
            let of = |(duty, sources): (&DutyId, &BTreeSet<Source>)| format!("{duty}: {sources:?}");
            duties.iter().map(of).collect::<Vec<_>>().join("; ")
        };
        let group = |name: &str| format!("Group(GroupId(\"{name}\"))");
        let (soc, team) = (group("soc"), group("team"));
        let by = "delegation: DelegationId(\"bob-away\"), of: PersonId(\"bob\")";
        assert_eq!(
            told("bob"),
            format!("reader: {{InPerson, {team}}}; security: {{{soc}}}")
        );
        assert_eq!(told("ada"), format!("reader: {{{team}}}"));
        assert_eq!(
            told("fay"),
            format!("reader: {{Deputy {{ {by} }}}}; security: {{Deputy {{ {by} }}}}")
        );
        assert_eq!(told("nobody"), "");
    }

    #[test]
    fn a_delegation_holds_from_its_start_to_before_its_end_and_between_people_who_may_act() {
        let mut play = Play::new();
        let holds = |play: &Play, now| {
            let directory = &play.state.directory;
            let stands_for: Vec<_> = directory
                .standing_for(&id("fay"), now)
                .map(|d| d.from.clone())
                .collect();
            let deputies: Vec<_> = directory
                .deputies(&id("bob"), now)
                .map(|d| d.to.clone())
                .collect();
            assert_eq!(stands_for.is_empty(), deputies.is_empty());
            !deputies.is_empty()
        };
        let delegation = play
            .state
            .directory
            .delegations
            .get_mut(&id("bob-away"))
            .unwrap();
        delegation.starts_at = NOW;
        delegation.ends_at = Timestamp(NOW.0 + 10);
        let at = |offset| Timestamp(NOW.0 + offset);
        assert_eq!(
            [-1, 0, 9, 10].map(|offset| holds(&play, at(offset))),
            [false, true, true, false]
        );
        for name in ["bob", "fay"] {
            let mut play = play.clone();
            play.person(name, |person| person.standing = Standing::Suspended);
            assert!(!holds(&play, NOW));
        }
    }

    #[test]
    fn a_delegation_of_some_duties_passes_on_no_others() {
        let mut play = Play::new();
        play.duty("bob", "reader");
        play.state
            .directory
            .delegations
            .get_mut(&id("bob-away"))
            .unwrap()
            .duties = ids("reader");
        let duties = play.state.directory.duties_at(&id("fay"), NOW);
        assert_eq!(duties.into_keys().collect::<BTreeSet<_>>(), ids("reader"));
    }

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn member() -> impl Strategy<Value = Member> {
        let name = prop::sample::select(NAMES.to_vec());
        (name, 0..3).prop_map(|(name, kind)| match kind {
            0 => Member::Person(id(name)),
            1 => Member::Account(id(name)),
            _ => Member::Group(id(name)),
        })
    }

    prop_compose! {
        /// Groups that nest at random, cycles included; account `a` belongs to person `b` and so on, and `e` to nobody.
        fn any_directory()(groups in prop::collection::vec(prop::collection::btree_set(member(), 0..5), NAMES.len())) -> Directory {
            let persons = NAMES.map(|name| (id(name), person(name, "", "")));
            let accounts = NAMES.iter().zip(NAMES.iter().skip(1).map(Some).chain([None]));
            let accounts = accounts.map(|(account, of)| Account { id: id(account), person: of.map(|of| id(of)) });
            let groups = NAMES.iter().zip(groups).map(|(name, members)| Group { id: id(name), members, duties: ids(&format!("duty-{name}")) });
            Directory {
                persons: persons.into(),
                accounts: accounts.map(|account| (account.id.clone(), account)).collect(),
                groups: groups.map(|group| (group.id.clone(), group)).collect(),
                delegations: BTreeMap::new(),
            }
        }
    }

    /// Members by looking again and again until nothing is added: slow, and plainly right.
    fn members_naively(directory: &Directory) -> BTreeMap<GroupId, BTreeSet<PersonId>> {
        let mut members: BTreeMap<GroupId, BTreeSet<PersonId>> = BTreeMap::new();
        loop {
            let before = members.clone();
            for (id, group) in &directory.groups {
                let mut all = BTreeSet::new();
                for member in &group.members {
                    match member {
                        Member::Person(person) => all.extend([person.clone()]),
                        Member::Account(account) => {
                            all.extend(directory.accounts[account].person.clone());
                        }
                        Member::Group(inner) => {
                            all.extend(before.get(inner).into_iter().flatten().cloned());
                        }
                    }
                }
                members.entry(id.clone()).or_default().extend(all);
            }
            if members == before {
                return members;
            }
        }
    }

    proptest! {
        #[test]
        fn nested_and_cyclic_groups_flatten_as_the_slow_way_says(directory in any_directory()) {
            let slow = members_naively(&directory);
            for (group, members) in &slow {
                prop_assert_eq!(&directory.members(group), members);
                let duty = id(&format!("duty-{group}"));
                prop_assert_eq!(&directory.holders(&duty), members);
            }
            for person in directory.persons.keys() {
                let inside = slow.iter().filter(|(_, members)| members.contains(person));
                let groups: BTreeSet<GroupId> = inside.map(|(group, _)| group.clone()).collect();
                prop_assert_eq!(&directory.groups_of(person), &groups);
                let duties: BTreeSet<DutyId> = groups.iter().map(|group| id(&format!("duty-{group}"))).collect();
                prop_assert_eq!(directory.duties(person).into_keys().collect::<BTreeSet<_>>(), duties);
            }
        }
    }
}

//! What policies know of a person, read from the directory: groups however nested, duties in person and by membership, and whom
//! they stand in for. Cedar gets the finished sets, so that no policy depends on the order or the loops of the directory.
use domain::{
    directory::{Directory, Member, Person},
    ids::{DutyId, GroupId, LessonId, PersonId},
    time::Timestamp,
};
use std::collections::BTreeSet;

/// A person's standing among people at a moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ties<'d> {
    /// Every group they are in, directly, through a login, or through other groups.
    pub(crate) groups: BTreeSet<&'d GroupId>,
    /// Duties held in person or by a group.
    pub(crate) duties: BTreeSet<&'d DutyId>,
    /// Whom they stand in for at this moment.
    pub(crate) deputy_for: BTreeSet<&'d PersonId>,
    /// Duties they may use on behalf of those persons.
    pub(crate) deputy_duties: BTreeSet<&'d DutyId>,
    /// Lessons that count at this moment.
    pub(crate) lessons: BTreeSet<&'d LessonId>,
}

/// The ties of `person` at `now`. What somebody may use as a deputy of `holder` is left out: nobody lends a voice to their own
/// request.
pub(crate) fn ties<'d>(
    directory: &'d Directory,
    person: &'d Person,
    holder: &PersonId,
    now: Timestamp,
) -> Ties<'d> {
    let groups = groups(directory, &person.id);
    let duties = duties(directory, person, &groups);
    let mut deputy_for = BTreeSet::new();
    let mut deputy_duties = BTreeSet::new();
    let standing_in = directory.delegations.values().filter(|delegation| {
        delegation.to == person.id
            && delegation.from != *holder
            && delegation.starts_at <= now
            && now < delegation.ends_at
    });
    for delegation in standing_in {
        let Some(absent) = directory.persons.get(&delegation.from) else {
            continue;
        };
        deputy_for.insert(&absent.id);
        let theirs = duties_of(directory, absent);
        deputy_duties.extend(
            theirs
                .into_iter()
                .filter(|duty| delegation.duties.is_empty() || delegation.duties.contains(*duty)),
        );
    }
    let lessons = person
        .training
        .iter()
        .filter(|(_, until)| now < **until)
        .map(|(lesson, _)| lesson)
        .collect();
    Ties {
        groups,
        duties,
        deputy_for,
        deputy_duties,
        lessons,
    }
}

fn duties_of<'d>(directory: &'d Directory, person: &'d Person) -> BTreeSet<&'d DutyId> {
    duties(directory, person, &groups(directory, &person.id))
}

fn duties<'d>(
    directory: &'d Directory,
    person: &'d Person,
    groups: &BTreeSet<&'d GroupId>,
) -> BTreeSet<&'d DutyId> {
    let by_group = groups
        .iter()
        .filter_map(|group| directory.groups.get(*group))
        .flat_map(|group| &group.duties);
    person.duties.iter().chain(by_group).collect()
}

/// Groups grow until a round adds none: a loop of groups adds nothing the second time.
fn groups<'d>(directory: &'d Directory, person: &PersonId) -> BTreeSet<&'d GroupId> {
    let is_them = |member: &Member| match member {
        Member::Person(id) => id == person,
        Member::Account(id) => directory
            .accounts
            .get(id)
            .is_some_and(|account| account.person.as_ref() == Some(person)),
        Member::Group(_) => false,
    };
    let mut found: BTreeSet<&GroupId> = BTreeSet::new();
    let mut fresh: Vec<&GroupId> = directory
        .groups
        .values()
        .filter(|group| group.members.iter().any(is_them))
        .map(|group| &group.id)
        .collect();
    while let Some(inner) = fresh.pop() {
        if found.insert(inner) {
            let inside = Member::Group(inner.clone());
            let around = directory.groups.values();
            fresh.extend(
                around
                    .filter(|group| group.members.contains(&inside))
                    .map(|group| &group.id),
            );
        }
    }
    found
}

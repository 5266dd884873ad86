//! What policies know of a person, read from the directory: groups however nested, duties in person and by membership, whom they
//! stand in for and whom they manage. Cedar gets the finished sets, so that no policy depends on the order or the loops of the
//! directory.
use domain::{
    directory::{Directory, Person},
    ids::{DutyId, GroupId, LessonId, PersonId},
    time::Timestamp,
    verdict::Elevation,
};
use std::collections::BTreeSet;

/// A person's standing among people at a moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ties<'d> {
    /// Every group they are in, directly, through a login, or through other groups.
    pub(crate) groups: BTreeSet<GroupId>,
    /// Duties held in person or by a group.
    pub(crate) duties: BTreeSet<&'d DutyId>,
    /// Whom they stand in for at this moment.
    pub(crate) deputy_for: BTreeSet<&'d PersonId>,
    /// Duties they may use on behalf of those persons.
    pub(crate) deputy_duties: BTreeSet<&'d DutyId>,
    /// Data owners in question whose manager they are.
    pub(crate) manager_of: BTreeSet<&'d PersonId>,
    /// Lessons that count at this moment.
    pub(crate) lessons: BTreeSet<&'d LessonId>,
}

/// The ties of `person` at `now`. What somebody may use as a deputy of the holder is left out: nobody lends a voice to their own
/// request.
pub(crate) fn ties<'d>(
    directory: &'d Directory,
    person: &'d Person,
    elevation: &'d Elevation,
    now: Timestamp,
) -> Ties<'d> {
    let groups = directory.groups_of(&person.id);
    let duties = duties(directory, person, &groups);
    let mut deputy_for = BTreeSet::new();
    let mut deputy_duties = BTreeSet::new();
    let standing_in = directory.standing_for(&person.id, now);
    for delegation in standing_in.filter(|delegation| delegation.from != elevation.holder) {
        if let Some(absent) = directory.persons.get(&delegation.from) {
            deputy_for.insert(&absent.id);
            let theirs = self::duties(directory, absent, &directory.groups_of(&absent.id));
            deputy_duties.extend(theirs.into_iter().filter(|duty| delegation.covers(duty)));
        }
    }
    let manages = |owner: &&PersonId| {
        let known = directory.persons.get(*owner);
        known.is_some_and(|known| known.manager.as_ref() == Some(&person.id))
    };
    let counting = person.training.iter().filter(|(_, until)| now < **until);
    Ties {
        groups,
        duties,
        deputy_for,
        deputy_duties,
        manager_of: elevation.data_owners.iter().filter(manages).collect(),
        lessons: counting.map(|(lesson, _)| lesson).collect(),
    }
}

fn duties<'d>(
    directory: &'d Directory,
    person: &'d Person,
    groups: &BTreeSet<GroupId>,
) -> BTreeSet<&'d DutyId> {
    let by_group = groups
        .iter()
        .filter_map(|group| directory.groups.get(group))
        .flat_map(|group| &group.duties);
    person.duties.iter().chain(by_group).collect()
}

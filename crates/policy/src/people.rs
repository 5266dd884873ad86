//! What policies know of a person, read from the directory: groups however nested, duties in person and by membership, whom they
//! stand in for and whom they manage. Cedar gets the finished sets, so that no policy depends on the order or the loops of the
//! directory.
use domain::{
    directory::{Directory, Person},
    ids::{DutyId, GroupId, JobRole, LessonId, PersonId, TeamId},
    time::Timestamp,
    verdict::{Elevation, PolicyQuestion},
};
use std::collections::BTreeSet;

/// What policies know of one person at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: PersonId,
    pub(crate) suspended: bool,
    pub(crate) job_roles: BTreeSet<JobRole>,
    pub(crate) team: Option<TeamId>,
    pub(crate) manager: Option<PersonId>,
    /// Every group they are in, directly, through a login, or through other groups.
    pub(crate) groups: BTreeSet<GroupId>,
    /// Duties held in person or by a group.
    pub(crate) duties: BTreeSet<DutyId>,
    /// Whom they stand in for at this moment.
    pub(crate) deputy_for: BTreeSet<PersonId>,
    /// Duties they may use on behalf of those persons.
    pub(crate) deputy_duties: BTreeSet<DutyId>,
    /// Data owners in question whose manager they are.
    pub(crate) manager_of: BTreeSet<PersonId>,
    /// Lessons that count at this moment.
    pub(crate) lessons: BTreeSet<LessonId>,
}

/// The persons a policy can look into: who acts, who holds, and, if anything looks there, the manager of who acts.
pub(crate) fn in_question(
    directory: &Directory,
    question: &PolicyQuestion,
    managers: bool,
) -> Vec<Facts> {
    let PolicyQuestion {
        principal,
        elevation,
        session,
        ..
    } = question;
    let mut persons = vec![principal];
    if elevation.holder != *principal {
        persons.push(&elevation.holder);
    }
    let known = directory.persons.get(principal).filter(|_| managers);
    let manager = known.and_then(|person| known_manager(directory, person));
    persons.extend(manager.filter(|manager| !persons.contains(manager)));
    let facts = |id: &PersonId| match directory.persons.get(id) {
        Some(person) => facts(directory, person, elevation, session.now),
        None => stranger(id),
    };
    persons.into_iter().map(facts).collect()
}

/// What somebody may use as a deputy of the holder is left out: nobody lends a voice to their own request.
fn facts(directory: &Directory, person: &Person, elevation: &Elevation, now: Timestamp) -> Facts {
    let groups = directory.groups_of(&person.id);
    let duties = duties(directory, person, &groups);
    let mut deputy_for = BTreeSet::new();
    let mut deputy_duties = BTreeSet::new();
    let standing_in = directory.standing_for(&person.id, now);
    for delegation in standing_in.filter(|delegation| delegation.from != elevation.holder) {
        if let Some(absent) = directory.persons.get(&delegation.from) {
            deputy_for.insert(absent.id.clone());
            let theirs = self::duties(directory, absent, &directory.groups_of(&absent.id));
            deputy_duties.extend(theirs.into_iter().filter(|duty| delegation.covers(duty)));
        }
    }
    let manages = |owner: &&PersonId| {
        let known = directory.persons.get(*owner);
        known.is_some_and(|known| known.manager.as_ref() == Some(&person.id))
    };
    let counting = person.training.iter().filter(|(_, until)| now < **until);
    Facts {
        id: person.id.clone(),
        suspended: !person.is_active(),
        job_roles: person.job_roles.clone(),
        team: person.team.clone(),
        manager: known_manager(directory, person).cloned(),
        groups,
        duties,
        deputy_for,
        deputy_duties,
        manager_of: elevation
            .data_owners
            .iter()
            .filter(manages)
            .cloned()
            .collect(),
        lessons: counting.map(|(lesson, _)| lesson.clone()).collect(),
    }
}

/// Somebody the directory doesn't know (any more) is taken for suspended, so that others can still act on what they left.
fn stranger(id: &PersonId) -> Facts {
    Facts {
        id: id.clone(),
        suspended: true,
        job_roles: BTreeSet::new(),
        team: None,
        manager: None,
        groups: BTreeSet::new(),
        duties: BTreeSet::new(),
        deputy_for: BTreeSet::new(),
        deputy_duties: BTreeSet::new(),
        manager_of: BTreeSet::new(),
        lessons: BTreeSet::new(),
    }
}

fn known_manager<'p>(directory: &Directory, person: &'p Person) -> Option<&'p PersonId> {
    let manager = person.manager.as_ref();
    manager.filter(|manager| directory.persons.contains_key(*manager))
}

fn duties(directory: &Directory, person: &Person, groups: &BTreeSet<GroupId>) -> BTreeSet<DutyId> {
    let by_group = groups
        .iter()
        .filter_map(|group| directory.groups.get(group))
        .flat_map(|group| &group.duties);
    person.duties.iter().chain(by_group).cloned().collect()
}

//! What the organisation calls its duties, groups, job roles, teams, projects and lessons: ids with titles, so that a misspelt duty in a
//! seat is a mistake here and not a seat that nobody can fill.
use super::{
    known::Kind,
    read::{Node, Table, by_id},
};
use domain::{
    catalog::Lesson,
    ids::{DutyId, GroupId, JobRole, LessonId, ProjectId, TeamId},
};
use std::collections::BTreeMap;

/// Titles of the organisation's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Organisation {
    /// Duties that approve, watch or answer for something.
    pub duties: BTreeMap<DutyId, String>,
    /// Groups that seats or policies name.
    pub groups: BTreeMap<GroupId, String>,
    /// What people are employed to do.
    pub job_roles: BTreeMap<JobRole, String>,
    /// Organisational units.
    pub teams: BTreeMap<TeamId, String>,
    /// Bodies of work.
    pub projects: BTreeMap<ProjectId, String>,
}

/// Adds what one file says.
pub(super) fn read(
    root: &Table<'_>,
    to: &mut Organisation,
    lessons: &mut BTreeMap<LessonId, Lesson>,
) {
    to.duties
        .extend(by_id(root.find("duties"), (Kind::Duty, ""), title));
    to.groups
        .extend(by_id(root.find("groups"), (Kind::Group, ""), title));
    to.job_roles
        .extend(by_id(root.find("job-roles"), (Kind::JobRole, ""), title));
    to.teams
        .extend(by_id(root.find("teams"), (Kind::Team, ""), title));
    to.projects
        .extend(by_id(root.find("projects"), (Kind::Project, ""), title));
    lessons.extend(by_id(root.find("lesson"), (Kind::Lesson, ""), lesson));
}

fn title<Id>(_: &Id, node: &Node<'_>) -> Option<String> {
    node.text().map(str::to_owned)
}

fn lesson(id: &LessonId, node: &Node<'_>) -> Option<Lesson> {
    let table = node.table(format!("the lesson `{id}`"))?;
    let title = table.text("title");
    let minutes = table.must("minutes", |node| node.number(1, 480));
    table.close();
    Some(Lesson {
        id: id.clone(),
        title: title?,
        minutes: minutes?,
    })
}

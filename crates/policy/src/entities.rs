//! From the domain's values to Cedar's entities, built natively for each question. Times from outside are bounded here: arithmetic on
//! them in a policy can then never overflow, and an overflow would be an error, and an error a refusal.
use crate::{
    model::{Names, uid},
    people::{Ties, ties},
};
use cedar_policy::{
    Context, ContextCreationError, Entity, EntityAttrEvaluationError, EntityTypeName, EntityUid,
    RestrictedExpression,
};
use domain::{
    catalog::{ActionKind, Catalog, DataClass, Environment, Phase, Privilege},
    directory::{Directory, Person},
    ids::PersonId,
    time::Timestamp,
    verdict::{Elevation, PolicyQuestion, Session},
};
use jiff::fmt::temporal::DateTimePrinter;
use std::collections::BTreeSet;

/// First instant that policies can be told of: the start of the year 1970, UTC.
pub(crate) const EARLIEST: Timestamp = Timestamp(0);
/// Last instant that policies can be told of: the end of the year 9998, UTC.
pub(crate) const LATEST: Timestamp = Timestamp(253_370_764_799_999);

/// Why something could not be given to the policies.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("an attribute can't be given to the policies")]
    Attribute(#[source] Box<EntityAttrEvaluationError>),
    #[error("the circumstances can't be given to the policies")]
    Context(#[source] Box<ContextCreationError>),
}

type Built = Result<Entity, BuildError>;
type Pair = (String, RestrictedExpression);

/// What the circumstances are.
pub(crate) fn context(session: &Session) -> Result<Context, BuildError> {
    Context::from_pairs([
        pair("now", instant(session.now)),
        pair("signedInAt", instant(session.signed_in_at)),
        pair("secondFactor", truth(session.second_factor)),
        pair("frozen", truth(session.frozen)),
        pair("inWindow", truth(session.in_window)),
        pair("risk", number(session.risk)),
    ])
    .map_err(|error| BuildError::Context(Box::new(error)))
}

/// The persons a policy can look into: who acts, who holds, and the manager of who acts.
pub(crate) fn persons(
    names: &Names,
    directory: &Directory,
    question: &PolicyQuestion,
) -> Result<Vec<Entity>, BuildError> {
    let holder = &question.elevation.holder;
    let now = question.session.now;
    let managed_by = directory
        .persons
        .get(&question.principal)
        .and_then(|person| known_manager(directory, person));
    let mut seen: Vec<&PersonId> = vec![&question.principal];
    if holder != &question.principal {
        seen.push(holder);
    }
    if let Some(manager) = managed_by.filter(|manager| !seen.contains(manager)) {
        seen.push(manager);
    }
    seen.into_iter()
        .map(|id| match directory.persons.get(id) {
            Some(known) => person(
                names,
                directory,
                known,
                &ties(directory, known, &question.elevation, now),
            ),
            None => stranger(names, id),
        })
        .collect()
}

fn known_manager<'d>(directory: &Directory, person: &'d Person) -> Option<&'d PersonId> {
    person
        .manager
        .as_ref()
        .filter(|manager| directory.persons.contains_key(*manager))
}

fn person(names: &Names, directory: &Directory, person: &Person, ties: &Ties<'_>) -> Built {
    let mut pairs = vec![
        pair("suspended", truth(!person.is_active())),
        pair("jobRoles", set(&names.job_role, &person.job_roles)),
        pair("duties", set(&names.duty, &ties.duties)),
        pair("deputyFor", set(&names.person, &ties.deputy_for)),
        pair("deputyDuties", set(&names.duty, &ties.deputy_duties)),
        pair("managerOf", set(&names.person, &ties.manager_of)),
        pair("lessons", set(&names.lesson, &ties.lessons)),
    ];
    if let Some(team) = &person.team {
        pairs.push(pair("team", one(&names.team, team)));
    }
    if let Some(manager) = known_manager(directory, person) {
        pairs.push(pair("manager", one(&names.person, manager)));
    }
    let groups = ties
        .groups
        .iter()
        .map(|group| uid(&names.group, group.as_str()));
    build(uid(&names.person, person.id.as_str()), pairs, groups)
}

/// Somebody the directory doesn't know (any more) is taken for suspended, so that others can still act on what they left.
fn stranger(names: &Names, id: &PersonId) -> Built {
    let none = BTreeSet::<&PersonId>::new;
    let pairs = [
        pair("suspended", truth(true)),
        pair("jobRoles", set(&names.job_role, &none())),
        pair("duties", set(&names.duty, &none())),
        pair("deputyFor", set(&names.person, &none())),
        pair("deputyDuties", set(&names.duty, &none())),
        pair("managerOf", set(&names.person, &none())),
        pair("lessons", set(&names.lesson, &none())),
    ];
    build(uid(&names.person, id.as_str()), pairs, [])
}

/// One entry of the catalog; it doesn't change while the bundle is in force.
pub(crate) fn privilege(names: &Names, privilege: &Privilege) -> Built {
    let who = &privilege.eligibility;
    let pairs = [
        pair("owner", one(&names.person, &privilege.owner)),
        pair("phase", one(&names.phase, phase_name(privilege.phase))),
        pair("jobRoles", set(&names.job_role, &who.job_roles)),
        pair("teams", set(&names.team, &who.teams)),
        pair("lessons", set(&names.lesson, &who.training)),
        pair("longestSeconds", number(privilege.grant_seconds_max.0)),
    ];
    build(
        uid(&names.privilege, privilege.id.as_str()),
        pairs,
        [uid(&names.platform, privilege.platform.as_str())],
    )
}

/// The request or grant in question.
pub(crate) fn elevation(names: &Names, catalog: &Catalog, elevation: &Elevation) -> Built {
    let mut pairs = vec![
        pair("holder", one(&names.person, &elevation.holder)),
        pair("privilege", one(&names.privilege, &elevation.privilege)),
        pair("phase", one(&names.phase, phase_name(elevation.phase))),
        pair("targets", set(&names.target, &elevation.targets)),
        pair("actions", set(&names.platform_action, &elevation.actions)),
        pair(
            "actionKind",
            one(&names.action_kind, kind_name(elevation.action_kind)),
        ),
        pair(
            "environment",
            one(&names.environment, environment_name(elevation.environment)),
        ),
        pair(
            "dataClass",
            one(&names.data_class, class_name(elevation.data_class)),
        ),
        pair("dataOwners", set(&names.person, &elevation.data_owners)),
        pair("seconds", number(elevation.duration.0)),
        pair("impact", number(elevation.impact)),
        pair("approvedBy", set(&names.person, &elevation.approved_by)),
        pair(
            "approvedDuties",
            set(&names.duty, &elevation.approved_duties),
        ),
        pair("active", truth(elevation.active)),
        pair("held", truth(elevation.held)),
        pair("breakGlass", truth(elevation.break_glass)),
    ];
    if let Some(at) = elevation.not_before {
        pairs.push(pair("notBefore", instant(at)));
    }
    if let Some(at) = elevation.expires_at {
        pairs.push(pair("expiresAt", instant(at)));
    }
    build(
        elevation_uid(names, elevation),
        pairs,
        around(names, catalog, elevation),
    )
}

/// The name of the request or grant in question.
pub(crate) fn elevation_uid(names: &Names, elevation: &Elevation) -> EntityUid {
    uid(&names.elevation, elevation.request.to_string())
}

/// What an elevation is in: its privilege, its targets, and what those are in.
fn around(names: &Names, catalog: &Catalog, elevation: &Elevation) -> BTreeSet<EntityUid> {
    let mut around = BTreeSet::from([uid(&names.privilege, elevation.privilege.as_str())]);
    if let Some(privilege) = catalog.privileges.get(&elevation.privilege) {
        around.insert(uid(&names.platform, privilege.platform.as_str()));
    }
    for id in &elevation.targets {
        around.insert(uid(&names.target, id.as_str()));
        if let Some(target) = catalog.targets.get(id) {
            around.insert(uid(&names.project, target.project.as_str()));
            around.insert(uid(&names.platform, target.platform.as_str()));
        }
    }
    around
}

fn build(
    uid: EntityUid,
    pairs: impl IntoIterator<Item = Pair>,
    parents: impl IntoIterator<Item = EntityUid>,
) -> Built {
    Entity::new(
        uid,
        pairs.into_iter().collect(),
        parents.into_iter().collect(),
    )
    .map_err(|error| BuildError::Attribute(Box::new(error)))
}

fn pair(name: &str, value: RestrictedExpression) -> Pair {
    (name.to_owned(), value)
}

fn truth(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn number(value: impl Into<i64>) -> RestrictedExpression {
    RestrictedExpression::new_long(value.into())
}

fn one(name: &EntityTypeName, id: impl AsRef<str>) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(name, id))
}

fn set<T: AsRef<str>>(name: &EntityTypeName, ids: &BTreeSet<T>) -> RestrictedExpression {
    RestrictedExpression::new_set(ids.iter().map(|id| one(name, id)))
}

/// An instant as Cedar reads it, cut to what Cedar can calculate with.
fn instant(at: Timestamp) -> RestrictedExpression {
    let bounded = at.clamp(EARLIEST, LATEST);
    let mut text = String::new();
    if let Ok(at) = jiff::Timestamp::from_millisecond(bounded.0) {
        // writing to a `String` can't fail; an empty text would be an error in Cedar, so a refusal
        let printed = DateTimePrinter::new()
            .precision(Some(3))
            .print_timestamp(&at, &mut text);
        if printed.is_err() {
            text.clear();
        }
    }
    RestrictedExpression::new_datetime(text)
}

/// The schema's name of a phase.
pub(crate) fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::BuildTime => "build-time",
        Phase::RunTime => "run-time",
    }
}

/// The schema's name of a kind of action.
pub(crate) fn kind_name(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Read => "read",
        ActionKind::Run => "run",
        ActionKind::Change => "change",
        ActionKind::Export => "export",
        ActionKind::Administer => "administer",
    }
}

/// The schema's name of an environment.
pub(crate) fn environment_name(environment: Environment) -> &'static str {
    match environment {
        Environment::Development => "development",
        Environment::Test => "test",
        Environment::Production => "production",
    }
}

/// The schema's name of a classification.
pub(crate) fn class_name(class: DataClass) -> &'static str {
    match class {
        DataClass::Public => "public",
        DataClass::Internal => "internal",
        DataClass::Confidential => "confidential",
        DataClass::Restricted => "restricted",
    }
}

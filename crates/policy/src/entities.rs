//! From the domain's values to Cedar's entities, built natively for each question. Times from outside are bounded here: arithmetic on
//! them in a policy can then never overflow, and an overflow would be an error, and an error a refusal.
use crate::{
    model::{Names, uid},
    people::Facts,
};
use cedar_policy::{
    Context, ContextCreationError, Entity, EntityAttrEvaluationError, EntityTypeName, EntityUid,
    RestrictedExpression,
};
use domain::{
    catalog::{ActionKind, Catalog, DataClass, Environment, Phase, Privilege},
    time::Timestamp,
    verdict::{Elevation, Session},
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

/// Which attributes somebody could look at; the others need not be built.
#[derive(Debug, Clone)]
pub(crate) enum Needed {
    All,
    /// These, by name; whose they are doesn't matter.
    Named(BTreeSet<String>),
}

impl Needed {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

/// Attributes under construction.
struct Attributes<'n> {
    needed: &'n Needed,
    pairs: Vec<Pair>,
}

impl<'n> Attributes<'n> {
    fn new(needed: &'n Needed) -> Self {
        Self {
            needed,
            pairs: Vec::new(),
        }
    }

    fn and(mut self, name: &str, value: impl FnOnce() -> RestrictedExpression) -> Self {
        if self.needed.has(name) {
            self.pairs.push((name.to_owned(), value()));
        }
        self
    }

    fn maybe<T>(
        self,
        name: &str,
        value: Option<T>,
        write: impl FnOnce(T) -> RestrictedExpression,
    ) -> Self {
        match value {
            Some(value) => self.and(name, || write(value)),
            None => self,
        }
    }

    fn build(self, uid: EntityUid, parents: impl IntoIterator<Item = EntityUid>) -> Built {
        Entity::new(
            uid,
            self.pairs.into_iter().collect(),
            parents.into_iter().collect(),
        )
        .map_err(|error| BuildError::Attribute(Box::new(error)))
    }
}

/// What the circumstances are.
pub(crate) fn context(session: &Session, needed: &Needed) -> Result<Context, BuildError> {
    let attributes = Attributes::new(needed)
        .and("now", || instant(session.now))
        .and("signedInAt", || instant(session.signed_in_at))
        .and("secondFactor", || truth(session.second_factor))
        .and("frozen", || truth(session.frozen))
        .and("inWindow", || truth(session.in_window))
        .and("risk", || number(session.risk));
    Context::from_pairs(attributes.pairs).map_err(|error| BuildError::Context(Box::new(error)))
}

/// One person.
pub(crate) fn person(names: &Names, facts: &Facts, needed: &Needed) -> Built {
    Attributes::new(needed)
        .and("suspended", || truth(facts.suspended))
        .and("jobRoles", || set(&names.job_role, &facts.job_roles))
        .maybe("team", facts.team.as_ref(), |team| one(&names.team, team))
        .maybe("manager", facts.manager.as_ref(), |manager| {
            one(&names.person, manager)
        })
        .and("duties", || set(&names.duty, &facts.duties))
        .and("deputyFor", || set(&names.person, &facts.deputy_for))
        .and("deputyDuties", || set(&names.duty, &facts.deputy_duties))
        .and("managerOf", || set(&names.person, &facts.manager_of))
        .and("lessons", || set(&names.lesson, &facts.lessons))
        .build(
            uid(&names.person, &facts.id),
            facts.groups.iter().map(|group| uid(&names.group, group)),
        )
}

/// One entry of the catalog; it doesn't change while the bundle is in force.
pub(crate) fn privilege(names: &Names, privilege: &Privilege) -> Built {
    let who = &privilege.eligibility;
    Attributes::new(&Needed::All)
        .and("owner", || one(&names.person, &privilege.owner))
        .and("phase", || one(&names.phase, phase_name(privilege.phase)))
        .and("jobRoles", || set(&names.job_role, &who.job_roles))
        .and("teams", || set(&names.team, &who.teams))
        .and("lessons", || set(&names.lesson, &who.training))
        .and("longestSeconds", || number(privilege.grant_seconds_max.0))
        .build(
            uid(&names.privilege, &privilege.id),
            [uid(&names.platform, &privilege.platform)],
        )
}

/// The request or grant in question.
pub(crate) fn elevation(
    names: &Names,
    catalog: &Catalog,
    elevation: &Elevation,
    needed: &Needed,
) -> Built {
    let kind = kind_name(elevation.action_kind);
    let environment = environment_name(elevation.environment);
    let class = class_name(elevation.data_class);
    Attributes::new(needed)
        .and("holder", || one(&names.person, &elevation.holder))
        .and("privilege", || one(&names.privilege, &elevation.privilege))
        .and("phase", || one(&names.phase, phase_name(elevation.phase)))
        .and("targets", || set(&names.target, &elevation.targets))
        .and("actions", || {
            set(&names.platform_action, &elevation.actions)
        })
        .and("actionKind", || one(&names.action_kind, kind))
        .and("environment", || one(&names.environment, environment))
        .and("dataClass", || one(&names.data_class, class))
        .and("dataOwners", || set(&names.person, &elevation.data_owners))
        .and("seconds", || number(elevation.duration.0))
        .and("impact", || number(elevation.impact))
        .and("approvedBy", || set(&names.person, &elevation.approved_by))
        .and("approvedDuties", || {
            set(&names.duty, &elevation.approved_duties)
        })
        .and("active", || truth(elevation.active))
        .and("held", || truth(elevation.held))
        .and("breakGlass", || truth(elevation.break_glass))
        .maybe("notBefore", elevation.not_before, instant)
        .maybe("expiresAt", elevation.expires_at, instant)
        .build(
            elevation_uid(names, elevation),
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

//! The catalog in force: what may be lent, on what, on which terms.
use super::{extract::Named, problem::Problem, wire::PersonOut};
use crate::{
    app::Shared,
    names::{Names, catalog as in_force},
    trouble::Trouble,
    viewer::{Caller, Viewer},
    words::kebab,
};
use axum::{Json, extract::State};
use domain::{
    catalog::{BreakGlassRule, Catalog, Privilege, Requirement, SeatHolder, SeatRule},
    directory::Directory,
    ids::PrivilegeId,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The catalog in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CatalogOut {
    /// Digest of the bundle it comes from.
    bundle: Option<String>,
    platforms: Vec<PlatformOut>,
    targets: Vec<TargetOut>,
    lessons: Vec<LessonOut>,
}

/// A governed system.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlatformOut {
    id: String,
    title: String,
    /// Where it is reached, if it is behind a gateway.
    origin: Option<String>,
    actions: Vec<ActionOut>,
}

/// One thing that can be done in a platform.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionOut {
    id: String,
    title: String,
    /// `read`, `run`, `change`, `export` or `administer`.
    kind: String,
}

/// One governed thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TargetOut {
    id: String,
    title: String,
    platform: String,
    /// `development`, `test` or `production`.
    environment: String,
    project: String,
    /// `public`, `internal`, `confidential` or `restricted`.
    data_class: String,
    data_owner: PersonOut,
}

/// A lesson that unlocks privileges.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LessonOut {
    id: String,
    title: String,
    minutes: u32,
}

/// One catalog entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrivilegeOut {
    id: String,
    title: String,
    summary: String,
    can: Vec<String>,
    cannot: Vec<String>,
    /// `build-time` or `run-time`.
    phase: String,
    platform: String,
    actions: Vec<String>,
    targets: Vec<String>,
    owner: PersonOut,
    /// Statements the requester confirms.
    risk_controls: Vec<StatementOut>,
    stages: Vec<StageOut>,
    grant_seconds_max: u32,
    template: Vec<QuestionOut>,
    ticket_required: bool,
    ticket_prefixes: Vec<String>,
    /// Privileges that do less and may be enough.
    smaller: Vec<String>,
    /// Longest emergency loan; null where it is barred.
    break_glass_seconds_max: Option<u32>,
    /// Whether your job role, team and lessons fit.
    fits: bool,
    /// What is missing if they don't.
    missing: Vec<String>,
}

/// A statement about risk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatementOut {
    id: String,
    text: String,
}

/// One approval step of the catalog; impact may add seats.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StageOut {
    seats: Vec<SeatRuleOut>,
}

/// Consents needed from some holders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatRuleOut {
    id: String,
    count: u8,
    /// Who may fill it: `duty:security`, `group:...`, `data-owner` or `governance-owner`.
    holders: Vec<String>,
}

/// One question of the template.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuestionOut {
    id: String,
    label: String,
    hint: String,
    required: bool,
    chars_min: u32,
    chars_max: u32,
}

/// What keeps somebody from asking, in plain words; empty if nothing does.
pub(crate) fn missing(
    catalog: &Catalog,
    directory: &Directory,
    viewer: &Viewer,
    privilege: &Privilege,
) -> Vec<String> {
    let Some(person) = directory.persons.get(&viewer.person) else {
        return vec!["you are not in the directory".to_owned()];
    };
    let wanted = &privilege.eligibility;
    let mut missing = Vec::new();
    if person.job_roles.is_disjoint(&wanted.job_roles) {
        let roles: Vec<String> = wanted
            .job_roles
            .iter()
            .map(|role| role.as_str().replace('-', " "))
            .collect();
        missing.push(format!(
            "it is for the job role {}",
            crate::names::listed(&roles, "or")
        ));
    }
    let in_team = person
        .team
        .as_ref()
        .is_some_and(|team| wanted.teams.contains(team));
    if !wanted.teams.is_empty() && !in_team {
        missing.push("it is for another team".to_owned());
    }
    for lesson in &wanted.training {
        let passed = person
            .training
            .get(lesson)
            .is_some_and(|until| viewer.now < *until);
        if !passed {
            let title = catalog.lessons.get(lesson).map_or_else(
                || format!("the lesson `{lesson}`"),
                |lesson| {
                    format!(
                        "the lesson \u{201c}{}\u{201d} ({} minutes)",
                        lesson.title, lesson.minutes
                    )
                },
            );
            missing.push(title);
        }
    }
    missing
}

fn holder(holder: &SeatHolder) -> String {
    match holder {
        SeatHolder::Duty(duty) => format!("duty:{duty}"),
        SeatHolder::Group(group) => format!("group:{group}"),
        SeatHolder::DataOwner => "data-owner".to_owned(),
        SeatHolder::GovernanceOwner => "governance-owner".to_owned(),
    }
}

fn seat(rule: &SeatRule) -> SeatRuleOut {
    SeatRuleOut {
        id: rule.id.to_string(),
        count: rule.count,
        holders: rule.holders.iter().map(holder).collect(),
    }
}

impl PrivilegeOut {
    fn of(names: &Names, missing: Vec<String>, privilege: &Privilege) -> Self {
        let stage = |stage: &domain::catalog::Stage| StageOut {
            seats: stage.seats.iter().map(seat).collect(),
        };
        let question = |question: &domain::catalog::Question| QuestionOut {
            id: question.id.to_string(),
            label: question.label.clone(),
            hint: question.hint.clone(),
            required: question.required == Requirement::Required,
            chars_min: question.chars_min,
            chars_max: question.chars_max,
        };
        let controls = privilege
            .risk_controls
            .iter()
            .map(|(id, text)| StatementOut {
                id: id.to_string(),
                text: text.clone(),
            });
        Self {
            id: privilege.id.to_string(),
            title: privilege.title.clone(),
            summary: privilege.summary.clone(),
            can: privilege.can.clone(),
            cannot: privilege.cannot.clone(),
            phase: kebab(&privilege.phase),
            platform: privilege.platform.to_string(),
            actions: privilege.actions.iter().map(ToString::to_string).collect(),
            targets: privilege.targets.iter().map(ToString::to_string).collect(),
            owner: PersonOut::of(names, &privilege.owner),
            risk_controls: controls.collect(),
            stages: privilege.stages.iter().map(stage).collect(),
            grant_seconds_max: privilege.grant_seconds_max.0,
            template: privilege.template.iter().map(question).collect(),
            ticket_required: privilege.ticket.required == Requirement::Required,
            ticket_prefixes: privilege.ticket.prefixes.iter().cloned().collect(),
            smaller: privilege.smaller.iter().map(ToString::to_string).collect(),
            break_glass_seconds_max: match &privilege.break_glass {
                BreakGlassRule::Barred => None,
                BreakGlassRule::Allowed { grant_seconds_max } => Some(grant_seconds_max.0),
            },
            fits: missing.is_empty(),
            missing,
        }
    }
}

#[utoipa::path(get, path = "/api/v1/catalog", tag = "catalog", responses(
    (status = 200, body = CatalogOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Platforms, targets and lessons of the catalog in force.
pub(crate) async fn catalog(
    State(portal): State<Shared>,
    _: Caller,
) -> Result<Json<CatalogOut>, Trouble> {
    let names = Names::load(&portal)?;
    let catalog = in_force(&portal).ok_or(Trouble::NotFound)?;
    let platforms = catalog.platforms.values().map(|platform| PlatformOut {
        id: platform.id.to_string(),
        title: platform.title.clone(),
        origin: portal.app.gateways.get(&platform.id).cloned(),
        actions: platform
            .actions
            .values()
            .map(|action| ActionOut {
                id: action.id.to_string(),
                title: action.title.clone(),
                kind: kebab(&action.kind),
            })
            .collect(),
    });
    let targets = catalog.targets.values().map(|target| TargetOut {
        id: target.id.to_string(),
        title: target.title.clone(),
        platform: target.platform.to_string(),
        environment: kebab(&target.environment),
        project: target.project.to_string(),
        data_class: kebab(&target.data_class),
        data_owner: PersonOut::of(&names, &target.data_owner),
    });
    let lessons = catalog.lessons.values().map(|lesson| LessonOut {
        id: lesson.id.to_string(),
        title: lesson.title.clone(),
        minutes: lesson.minutes,
    });
    Ok(Json(CatalogOut {
        bundle: portal
            .app
            .engine
            .read(|state| state.bundle.map(|bundle| bundle.to_string())),
        platforms: platforms.collect(),
        targets: targets.collect(),
        lessons: lessons.collect(),
    }))
}

#[utoipa::path(get, path = "/api/v1/privileges", tag = "catalog", responses(
    (status = 200, body = Vec<PrivilegeOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Everything that may be lent, and whether it fits you.
pub(crate) async fn privileges(
    State(portal): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<PrivilegeOut>>, Trouble> {
    let names = Names::load(&portal)?;
    let catalog = in_force(&portal).ok_or(Trouble::NotFound)?;
    let out = portal.app.engine.read(|state| {
        let out = |privilege| {
            let missing = missing(&catalog, &state.directory, &caller.viewer, privilege);
            PrivilegeOut::of(&names, missing, privilege)
        };
        catalog.privileges.values().map(out).collect()
    });
    Ok(Json(out))
}

#[utoipa::path(get, path = "/api/v1/privileges/{id}", tag = "catalog", params(("id" = String, Path)), responses(
    (status = 200, body = PrivilegeOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// One catalog entry.
pub(crate) async fn privilege(
    State(portal): State<Shared>,
    caller: Caller,
    Named(id): Named<PrivilegeId>,
) -> Result<Json<PrivilegeOut>, Trouble> {
    let names = Names::load(&portal)?;
    let catalog = in_force(&portal).ok_or(Trouble::NotFound)?;
    let privilege = catalog.privileges.get(&id).ok_or(Trouble::NotFound)?;
    let missing = portal
        .app
        .engine
        .read(|state| missing(&catalog, &state.directory, &caller.viewer, privilege));
    Ok(Json(PrivilegeOut::of(&names, missing, privilege)))
}

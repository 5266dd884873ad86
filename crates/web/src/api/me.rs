//! Who the caller is, and who others are.
use super::{problem::Problem, wire::PersonOut};
use crate::{app::Shared, names::Names, trouble::Trouble, viewer::Caller};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// Who you are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeOut {
    person: PersonOut,
    account: String,
    /// Duties you may use now, those of people you stand in for included.
    duties: Vec<String>,
    job_roles: Vec<String>,
    team: Option<String>,
}

#[utoipa::path(get, path = "/api/v1/me", tag = "people", responses(
    (status = 200, body = MeOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Who you are.
pub(crate) async fn me(
    State(portal): State<Shared>,
    caller: Caller,
) -> Result<Json<MeOut>, Trouble> {
    let names = Names::load(&portal)?;
    let viewer = caller.viewer;
    let (job_roles, team) = portal.app.engine.read(|state| {
        let known = state.directory.persons.get(&viewer.person);
        known.map_or_else(Default::default, |person| {
            let roles: Vec<String> = person.job_roles.iter().map(ToString::to_string).collect();
            (roles, person.team.as_ref().map(ToString::to_string))
        })
    });
    Ok(Json(MeOut {
        person: PersonOut::of(&names, &viewer.person),
        account: viewer.account.to_string(),
        duties: viewer.duties.iter().map(ToString::to_string).collect(),
        job_roles,
        team,
    }))
}

#[utoipa::path(get, path = "/api/v1/people", tag = "people", responses(
    (status = 200, body = Vec<PersonOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Who is who: ids and names, nothing else.
pub(crate) async fn people(
    State(portal): State<Shared>,
    _: Caller,
) -> Result<Json<Vec<PersonOut>>, Trouble> {
    let names = Names::load(&portal)?;
    let out = names.people().map(|(id, name)| PersonOut {
        id: id.to_string(),
        name: name.clone(),
    });
    Ok(Json(out.collect()))
}

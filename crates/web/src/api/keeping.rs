//! Forgetting people, and legal holds that keep it from happening; by whoever runs the server.
use super::{
    bundles::answer,
    extract::{Named, Nothing, Operated, must_operate},
    problem::Problem,
    wire::DoneOut,
};
use crate::{
    app::Shared,
    submit::{Wish, submit},
    trouble::Trouble,
};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use domain::{
    actor::Actor,
    command::Command,
    ids::{LegalHoldId, PersonId},
    keeping::{LegalHold, LegalScope},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Whose words a legal hold keeps.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldIn {
    /// Those of these persons; left out: everybody's.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    persons: Option<BTreeSet<PersonId>>,
}

/// A legal hold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoldOut {
    id: String,
    /// Whose words it keeps; `null`: everybody's.
    persons: Option<Vec<String>>,
}

impl HoldOut {
    fn of(hold: &LegalHold) -> Self {
        Self {
            id: hold.id.to_string(),
            persons: match &hold.covers {
                LegalScope::Everybody => None,
                LegalScope::Persons(persons) => {
                    Some(persons.iter().map(ToString::to_string).collect())
                }
            },
        }
    }
}

#[utoipa::path(post, path = "/api/v1/people/{person}/erase", tag = "directory", request_body = Nothing,
    params(("person" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Forgets somebody who left the directory: the key of their words is destroyed for ever; with an operator's token.
pub(crate) async fn erase(
    State(portal): State<Shared>,
    Named(person): Named<PersonId>,
    wanted: Operated<Nothing>,
) -> Result<Response, Trouble> {
    let command = Command::ErasePerson { person };
    let done = submit(&portal, Wish::plain(Actor::Operator, command, wanted.key)).await?;
    Ok(answer(&done))
}

#[utoipa::path(get, path = "/api/v1/legal-holds", tag = "directory", responses(
    (status = 200, body = Vec<HoldOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// The legal holds in place; with an operator's token.
pub(crate) async fn holds(
    State(portal): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Vec<HoldOut>>, Trouble> {
    must_operate(&portal, &headers)?;
    let holds = portal
        .app
        .engine
        .read(|state| state.legal_holds.values().map(HoldOut::of).collect());
    Ok(Json(holds))
}

#[utoipa::path(put, path = "/api/v1/legal-holds/{hold}", tag = "directory", request_body = HoldIn,
    params(("hold" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Places a legal hold, or replaces one of that name: nobody it covers is erased; with an operator's token.
pub(crate) async fn place(
    State(portal): State<Shared>,
    Named(id): Named<LegalHoldId>,
    Operated { body, key }: Operated<HoldIn>,
) -> Result<Response, Trouble> {
    let covers = match body.persons {
        None => LegalScope::Everybody,
        Some(persons) if persons.is_empty() => {
            return Err(Trouble::Unusable {
                message: "a legal hold on nobody keeps nothing: name persons, or leave `persons` out for everybody".to_owned(),
            });
        }
        Some(persons) => LegalScope::Persons(persons),
    };
    let hold = LegalHold { id, covers };
    let command = Command::PlaceLegalHold { hold };
    let done = submit(&portal, Wish::plain(Actor::Operator, command, key)).await?;
    Ok(answer(&done))
}

#[utoipa::path(delete, path = "/api/v1/legal-holds/{hold}", tag = "directory",
    params(("hold" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Lifts a legal hold; with an operator's token.
pub(crate) async fn lift(
    State(portal): State<Shared>,
    Named(hold): Named<LegalHoldId>,
    wanted: Operated<Nothing>,
) -> Result<Response, Trouble> {
    let command = Command::LiftLegalHold { hold };
    let done = submit(&portal, Wish::plain(Actor::Operator, command, wanted.key)).await?;
    Ok(answer(&done))
}

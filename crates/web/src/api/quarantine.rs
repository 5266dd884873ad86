//! The quarantine of a restored copy: how far its comparison with the targets is, and how an operator lifts it.
use super::{
    bundles::answer,
    extract::{Sent, Strict, must_operate},
    problem::Problem,
    wire::DoneOut,
};
use crate::{
    app::Shared,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    words::rfc3339,
};
use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::HeaderMap,
    response::Response,
};
use domain::{
    actor::Actor, command::Command, ids::PersonId, quarantine::Comparison, state::State as Rules,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Under whose key an operator's words are sealed: an operator is no person of the directory.
const OPERATOR: &str = "remit.operator";

/// Whether nothing is given for now, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantineOut {
    /// Whether there is one.
    quarantined: bool,
    /// Since when (RFC 3339).
    since: Option<String>,
    /// How many entries the log had when it was copied.
    copied: Option<u64>,
    /// Platforms that must still be compared with the copy.
    waiting: Vec<String>,
    /// Platforms in which nothing is left that the copy can't explain.
    reconciled: Vec<String>,
    /// What is being ended, by the platforms' own names.
    strays: Vec<String>,
}

/// Why the quarantine is lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiftIn {
    reason: String,
}

#[utoipa::path(get, path = "/api/v1/quarantine", tag = "quarantine", responses(
    (status = 200, body = QuarantineOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Whether this server is a restored copy in quarantine, and how far it is; with an operator's token.
pub(crate) async fn quarantine(
    State(portal): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<QuarantineOut>, Trouble> {
    must_operate(&portal, &headers)?;
    Ok(Json(portal.app.engine.read(told)))
}

fn told(state: &Rules) -> QuarantineOut {
    let quarantine = state.quarantine.as_ref();
    let (mut reconciled, mut strays) = (Vec::new(), Vec::new());
    let platforms = quarantine.map(|quarantine| &quarantine.platforms);
    for (platform, comparison) in platforms.into_iter().flatten() {
        match comparison {
            Comparison::Reconciled { .. } => reconciled.push(platform.to_string()),
            Comparison::Open { strays: found } => strays.extend(found.iter().cloned()),
        }
    }
    QuarantineOut {
        quarantined: quarantine.is_some(),
        since: quarantine.map(|quarantine| rfc3339(quarantine.began_at)),
        copied: quarantine.map(|quarantine| quarantine.copied),
        // those that the rules in force ask for too, though nothing is connected to them
        waiting: state
            .unreconciled()
            .iter()
            .map(ToString::to_string)
            .collect(),
        reconciled,
        strays,
    }
}

#[utoipa::path(post, path = "/api/v1/quarantine/lift", tag = "quarantine", request_body = LiftIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Lets things be given again after every target was compared with the copy; with an operator's token.
pub(crate) async fn lift(
    State(portal): State<Shared>,
    request: Request,
) -> Result<Response, Trouble> {
    let (parts, body) = request.into_parts();
    must_operate(&portal, &parts.headers)?;
    let sent = Sent::of(&parts)?;
    let strict: Strict<LiftIn> =
        Strict::from_request(Request::from_parts(parts, body), &portal).await?;
    let key = sent.key("operator", &strict.bytes)?;
    let author: PersonId = OPERATOR.parse().map_err(|_| Trouble::NotFound)?;
    let (comment, bodies) = seal(&portal, &author, &strict.body.reason)?;
    let wish = Wish {
        bodies,
        ..Wish::plain(Actor::Operator, Command::LiftQuarantine { comment }, key)
    };
    let done = submit(&portal, wish).await?;
    Ok(answer(&done))
}

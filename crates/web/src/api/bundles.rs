//! Bundles: the one in force, and how two people put another in its place.
use super::{
    extract::{Nothing, Sent, Write},
    problem::Problem,
    requests::replayed,
    wire::DoneOut,
};
use crate::{
    app::Shared,
    submit::{Done, Wish, submit},
    trouble::Trouble,
    viewer::{Caller, Viewer, Watch},
    words::rfc3339,
};
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequestParts, Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use domain::{command::Command, ids::Digest};
use ledger::Digest as Sha256;
use serde::Serialize;
use std::str::FromStr;
use utoipa::ToSchema;

/// Most bytes of a packed bundle.
const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The bundle in force, and the one that waits for its second person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BundlesOut {
    in_force: Option<String>,
    proposed: Option<String>,
    proposed_by: Option<String>,
}

fn must_govern(viewer: &Viewer) -> Result<(), Trouble> {
    viewer.must_watch(
        &[Watch::Governance, Watch::Auditor, Watch::Security],
        "governance",
    )
}

#[utoipa::path(get, path = "/api/v1/bundles", tag = "bundles", responses(
    (status = 200, body = BundlesOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Which bundle is in force, and which waits.
pub(crate) async fn bundles(
    State(portal): State<Shared>,
    caller: Caller,
) -> Result<Json<BundlesOut>, Trouble> {
    must_govern(&caller.viewer)?;
    Ok(Json(portal.app.engine.read(|state| {
        BundlesOut {
            in_force: state.bundle.map(|bundle| bundle.to_string()),
            proposed: state
                .proposed
                .as_ref()
                .map(|(bundle, _)| bundle.to_string()),
            proposed_by: state.proposed.as_ref().map(|(_, by)| by.to_string()),
        }
    })))
}

#[utoipa::path(post, path = "/api/v1/bundles/propose", tag = "bundles",
    params(("X-Bundle-Digest" = String, Header, description = "The bundle's hash, as `remit catalog check` prints it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    request_body(content = String, content_type = "application/octet-stream", description = "The packed bundle"),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Proposes another bundle; a second person confirms it.
pub(crate) async fn propose(
    State(portal): State<Shared>,
    request: Request,
) -> Result<Response, Trouble> {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &portal).await?;
    must_govern(&caller.viewer)?;
    let sent = Sent::of(&parts)?;
    let digest = parts
        .headers
        .get("x-bundle-digest")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| Digest::from_str(text).ok())
        .ok_or_else(|| Trouble::Unreadable {
            message:
                "the header `X-Bundle-Digest` must carry the bundle's hash, 64 hexadecimal digits"
                    .to_owned(),
        })?;
    let bytes: Bytes = axum::body::to_bytes(body, BUNDLE_BYTES_MAX)
        .await
        .map_err(|_| Trouble::TooLarge)?;
    if parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind != "application/octet-stream")
    {
        return Err(Trouble::WrongMedia {
            expected: "application/octet-stream",
        });
    }
    let key = sent.key(
        caller.viewer.account.as_str(),
        Sha256::of(&bytes).as_bytes(),
    )?;
    let command = Command::ProposeBundle { bundle: digest };
    let wish = Wish {
        blobs: vec![bytes.to_vec()],
        ..Wish::plain(caller.session.actor(), command, key)
    };
    let done = submit(&portal, wish).await?;
    Ok(answer(&done))
}

#[utoipa::path(post, path = "/api/v1/bundles/{digest}/confirm", tag = "bundles", request_body = Nothing,
    params(("digest" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = DoneOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Agrees to the proposed bundle, as the second person.
pub(crate) async fn confirm(
    State(portal): State<Shared>,
    super::extract::Named(bundle): super::extract::Named<Digest>,
    write: Write<Nothing>,
) -> Result<Response, Trouble> {
    must_govern(&write.caller.viewer)?;
    let command = Command::ConfirmBundle { bundle };
    let done = submit(
        &portal,
        Wish::plain(write.caller.session.actor(), command, write.key),
    )
    .await?;
    Ok(answer(&done))
}

/// A plain answer to a write.
pub(crate) fn answer(done: &Done) -> Response {
    let mut response = Json(DoneOut {
        entry: done.entry,
        at: rfc3339(done.at),
    })
    .into_response();
    replayed(&mut response, done);
    response
}

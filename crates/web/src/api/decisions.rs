//! Consent, refusal, questions and answers.
use super::{
    extract::{CommentIn, Named, Write},
    problem::Problem,
    requests::{after, visible},
    wire::{Live, RequestDone, RequestOut},
};
use crate::{
    app::{Portal, Shared},
    names::Names,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    viewer::{Caller, Viewer},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use domain::{
    command::Command,
    ids::{Digest, RequestNumber, TargetId},
    request::Narrowing,
    text::Text,
    time::Seconds,
};
use engine::views::RequestRow;
use ledger::SealedBody;
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A yes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveIn {
    /// `digest` of the request as you read it: what your consent binds.
    #[schema(value_type = String, min_length = 64, max_length = 64)]
    digest: Digest,
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    comment: String,
    /// What you leave of it, if less.
    #[serde(default)]
    narrowing: Option<NarrowingIn>,
}

/// What an approver leaves of a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NarrowingIn {
    /// Still allowed targets; all of them if left out.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    targets: Option<BTreeSet<TargetId>>,
    /// Still allowed duration; all of it if left out.
    #[serde(default)]
    duration_seconds: Option<u32>,
}

/// A no.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DenyIn {
    /// `digest` of the request as you read it.
    #[schema(value_type = String, min_length = 64, max_length = 64)]
    digest: Digest,
    /// Why, and what to do instead.
    #[schema(min_length = 1, max_length = 2000)]
    comment: String,
}

/// A question or an answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextIn {
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// Requests that this person could decide now, the most urgent first.
pub(crate) fn queue(portal: &Portal, viewer: &Viewer) -> Result<Vec<RequestRow>, Trouble> {
    let mut waiting = portal.app.engine.read(|state| {
        let mine = state
            .requests
            .values()
            .filter(|request| viewer.could_decide(state, request));
        mine.map(|request| (request.expires_at, request.number))
            .collect::<Vec<_>>()
    });
    waiting.sort_unstable();
    let views = portal.app.engine.views();
    let mut rows = Vec::new();
    for (_, number) in waiting {
        let row = views
            .request(number)
            .map_err(|error| portal.unread(&error))?;
        rows.extend(row);
    }
    Ok(rows)
}

#[utoipa::path(get, path = "/api/v1/approvals", tag = "decisions", responses(
    (status = 200, body = Vec<RequestOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Requests that wait for you, the most urgent first.
pub(crate) async fn approvals(
    State(portal): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<RequestOut>>, Trouble> {
    let rows = queue(&portal, &caller.viewer)?;
    let names = Names::load(&portal)?;
    let out = portal.app.engine.read(|state| {
        let out = |row| RequestOut::of(&names, row, &Live::of(state, &caller.viewer, row));
        rows.iter().map(out).collect()
    });
    Ok(Json(out))
}

/// What is left of a request if only these parts are allowed.
pub(crate) fn narrowing(
    row: &RequestRow,
    targets: Option<BTreeSet<TargetId>>,
    duration: Option<Seconds>,
) -> Option<Narrowing> {
    if targets.is_none() && duration.is_none() {
        return None;
    }
    Some(Narrowing {
        targets: targets.unwrap_or_else(|| row.targets.clone()),
        duration: duration.unwrap_or(row.duration),
    })
}

#[utoipa::path(post, path = "/api/v1/requests/{number}/approve", tag = "decisions", request_body = ApproveIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Consents.
pub(crate) async fn approve(
    State(portal): State<Shared>,
    Named(number): Named<RequestNumber>,
    write: Write<ApproveIn>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &write.caller.viewer, number)?;
    let (comment, bodies) = seal(&portal, &write.caller.viewer.person, &write.body.comment)?;
    let narrowed = write.body.narrowing.as_ref().and_then(|left| {
        narrowing(
            &row,
            left.targets.clone(),
            left.duration_seconds.map(Seconds),
        )
    });
    let command = Command::ApproveRequest {
        request: row.id,
        digest: write.body.digest,
        narrowing: narrowed,
        comment,
    };
    carry_out(&portal, write, command, bodies, number).await
}

#[utoipa::path(post, path = "/api/v1/requests/{number}/deny", tag = "decisions", request_body = DenyIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Says no.
pub(crate) async fn deny(
    State(portal): State<Shared>,
    Named(number): Named<RequestNumber>,
    write: Write<DenyIn>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &write.caller.viewer, number)?;
    let (comment, bodies) = seal(&portal, &write.caller.viewer.person, &write.body.comment)?;
    let command = Command::DenyRequest {
        request: row.id,
        digest: write.body.digest,
        comment,
    };
    carry_out(&portal, write, command, bodies, number).await
}

#[utoipa::path(post, path = "/api/v1/requests/{number}/questions", tag = "decisions", request_body = TextIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Asks the requester something.
pub(crate) async fn question(
    State(portal): State<Shared>,
    Named(number): Named<RequestNumber>,
    write: Write<TextIn>,
) -> Result<Response, Trouble> {
    talk(&portal, write, number, |request, text| {
        Command::AskRequester { request, text }
    })
    .await
}

#[utoipa::path(post, path = "/api/v1/requests/{number}/answers", tag = "decisions", request_body = TextIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Answers the approvers.
pub(crate) async fn answer(
    State(portal): State<Shared>,
    Named(number): Named<RequestNumber>,
    write: Write<TextIn>,
) -> Result<Response, Trouble> {
    talk(&portal, write, number, |request, text| {
        Command::AnswerApprovers { request, text }
    })
    .await
}

async fn talk(
    portal: &Portal,
    write: Write<TextIn>,
    number: RequestNumber,
    command: impl FnOnce(domain::ids::RequestId, Text) -> Command,
) -> Result<Response, Trouble> {
    let row = visible(portal, &write.caller.viewer, number)?;
    let (text, bodies) = seal(portal, &write.caller.viewer.person, &write.body.text)?;
    carry_out(portal, write, command(row.id, text), bodies, number).await
}

async fn carry_out<T>(
    portal: &Portal,
    write: Write<T>,
    command: Command,
    bodies: Vec<SealedBody>,
    number: RequestNumber,
) -> Result<Response, Trouble> {
    let wish = Wish {
        bodies,
        ..Wish::plain(write.caller.session.actor(), command, write.key)
    };
    let done = submit(portal, wish).await?;
    after(portal, &write.caller.viewer, number, &done, StatusCode::OK)
}

/// A comment with the command it belongs to.
pub(crate) fn commented(
    portal: &Portal,
    viewer: &Viewer,
    comment: &CommentIn,
) -> Result<(Text, Vec<SealedBody>), Trouble> {
    seal(portal, &viewer.person, &comment.comment)
}

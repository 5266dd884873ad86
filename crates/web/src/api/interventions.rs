//! What others than the holder do to a grant: end it, hold it, let it go on.
use super::{
    decisions::commented,
    extract::{CommentIn, Named, Write},
    grants::{after, visible},
    problem::Problem,
    wire::GrantDone,
};
use crate::{
    app::{Portal, Shared},
    submit::{Wish, submit},
    trouble::Trouble,
};
use axum::{extract::State, response::Response};
use domain::{
    command::Command,
    ids::{GrantId, GrantNumber},
    text::Text,
};

#[utoipa::path(post, path = "/api/v1/grants/{number}/revoke", tag = "grants", request_body = CommentIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = GrantDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Ends somebody's grant, for good.
pub(crate) async fn revoke(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<CommentIn>,
) -> Result<Response, Trouble> {
    intervene(&portal, number, write, |grant, comment| {
        Command::RevokeGrant { grant, comment }
    })
    .await
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/hold", tag = "grants", request_body = CommentIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = GrantDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Holds a grant; its clock runs on.
pub(crate) async fn hold(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<CommentIn>,
) -> Result<Response, Trouble> {
    intervene(&portal, number, write, |grant, comment| {
        Command::HoldGrant { grant, comment }
    })
    .await
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/resume", tag = "grants", request_body = CommentIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = GrantDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Lets a held grant go on.
pub(crate) async fn resume(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<CommentIn>,
) -> Result<Response, Trouble> {
    intervene(&portal, number, write, |grant, comment| {
        Command::ResumeGrant { grant, comment }
    })
    .await
}

async fn intervene(
    portal: &Portal,
    number: GrantNumber,
    write: Write<CommentIn>,
    command: impl FnOnce(GrantId, Text) -> Command,
) -> Result<Response, Trouble> {
    let row = visible(portal, &write.caller.viewer, number)?;
    let (comment, bodies) = commented(portal, &write.caller.viewer, &write.body)?;
    let wish = Wish {
        bodies,
        ..Wish::plain(
            write.caller.session.actor(),
            command(row.id, comment),
            write.key,
        )
    };
    let done = submit(portal, wish).await?;
    after(portal, &write.caller.viewer, number, &done)
}

//! Post-use reviews: was the use what the purpose said?
use super::{
    extract::{Named, Write},
    grants::{after, visible},
    problem::Problem,
    wire::{GrantDone, GrantOut},
};
use crate::{
    app::{Portal, Shared},
    names::Names,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    viewer::{Caller, Viewer},
};
use axum::{Json, extract::State, response::Response};
use domain::{
    command::{Command, ReviewFinding},
    ids::GrantNumber,
};
use engine::views::{GrantFilter, GrantRow, Page};
use serde::Deserialize;
use utoipa::ToSchema;

/// Grants looked at in one go.
const GRANTS: usize = 200;
/// Most goes; who has more open reviews than lie within these works off the newest first.
const GOES_MAX: usize = 25;

/// The answer of a review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewIn {
    /// `as-stated` or `questioned`.
    #[schema(value_type = String)]
    finding: ReviewFinding,
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    comment: String,
}

/// Grants whose use this person should look at, the most urgent first.
pub(crate) fn waiting(portal: &Portal, viewer: &Viewer) -> Result<Vec<GrantRow>, Trouble> {
    let due = portal.app.engine.read(|state| state.reviews.clone());
    let views = portal.app.engine.views();
    let mut found: Vec<GrantRow> = Vec::new();
    let mut before = None;
    for _ in 0..GOES_MAX {
        if found.len() >= due.len() {
            break;
        }
        let page = Page {
            before,
            limit: GRANTS,
        };
        let paged = views
            .grants(&GrantFilter::default(), page)
            .map_err(|error| portal.unread(&error))?;
        found.extend(
            paged
                .rows
                .into_iter()
                .filter(|row| due.contains_key(&row.id)),
        );
        before = paged.next;
        if before.is_none() {
            break;
        }
    }
    portal
        .app
        .engine
        .read(|state| found.retain(|row| viewer.could_review(state, row)));
    found.sort_by_key(|row| due.get(&row.id).map(|due| due.due_at));
    Ok(found)
}

#[utoipa::path(get, path = "/api/v1/reviews", tag = "reviews", responses(
    (status = 200, body = Vec<GrantOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Grants whose use waits for your review, the most urgent first.
pub(crate) async fn due(
    State(portal): State<Shared>,
    caller: Caller,
) -> Result<Json<Vec<GrantOut>>, Trouble> {
    let names = Names::load(&portal)?;
    let rows = waiting(&portal, &caller.viewer)?;
    let out = rows
        .iter()
        .map(|row| GrantOut::of(&portal, &names, &caller.viewer, row));
    Ok(Json(out.collect()))
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/review", tag = "reviews", request_body = ReviewIn,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = GrantDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Says whether a use was what the purpose said.
pub(crate) async fn review(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<ReviewIn>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &write.caller.viewer, number)?;
    let (comment, bodies) = seal(&portal, &write.caller.viewer.person, &write.body.comment)?;
    let command = Command::ReviewGrant {
        grant: row.id,
        finding: write.body.finding,
        comment,
    };
    let wish = Wish {
        bodies,
        ..Wish::plain(write.caller.session.actor(), command, write.key)
    };
    let done = submit(&portal, wish).await?;
    after(&portal, &write.caller.viewer, number, &done)
}

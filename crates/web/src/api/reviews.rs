//! Post-use reviews: was the use what the purpose said?
use super::{
    extract::{Named, Write},
    grants::{after, visible},
    problem::Problem,
    wire::{GrantDone, GrantOut, PersonOut},
};
use crate::{
    app::{Portal, Shared},
    names::Names,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    viewer::{Caller, Viewer},
    words::rfc3339,
};
use axum::{Json, extract::State, response::Response};
use domain::{
    command::{Command, ReviewFinding},
    ids::{GrantNumber, PersonId},
    state::State as Rules,
    time::Timestamp,
};
use engine::views::{GrantFilter, GrantRow, Page, ReviewStanding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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

/// A review that can be given now.
#[derive(Debug)]
pub(crate) struct OpenReview {
    escalated: bool,
    reviewers: BTreeSet<PersonId>,
}

impl OpenReview {
    pub(crate) fn of(state: &Rules, now: Timestamp, row: &GrantRow) -> Option<Self> {
        let due = state
            .reviews
            .get(&row.id)
            .filter(|_| state.is_over(row.id))?;
        Some(Self {
            escalated: due.escalated,
            reviewers: state.reviewers(due, now),
        })
    }
}

/// Where the review of a use stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReviewOut {
    /// `not-due`, `due` or `given`.
    pub(crate) standing: String,
    pub(crate) due_at: Option<String>,
    /// Nobody gave it in time, or nobody could: security may give it too, and an alarm is raised again and again.
    pub(crate) escalated: bool,
    /// Who may give it now; empty unless it is due, and while the use goes on.
    pub(crate) reviewers: Vec<PersonOut>,
    pub(crate) by: Option<PersonOut>,
    pub(crate) questioned: Option<bool>,
    pub(crate) comment: Option<String>,
}

impl ReviewOut {
    pub(crate) fn of(names: &Names, open: Option<&OpenReview>, review: &ReviewStanding) -> Self {
        let mut out = Self {
            standing: "not-due".to_owned(),
            due_at: None,
            escalated: open.is_some_and(|open| open.escalated),
            reviewers: open.map_or_else(Vec::new, |open| PersonOut::all(names, &open.reviewers)),
            by: None,
            questioned: None,
            comment: None,
        };
        match review {
            ReviewStanding::NotDue => {}
            ReviewStanding::Due { by } => {
                "due".clone_into(&mut out.standing);
                out.due_at = Some(rfc3339(*by));
            }
            ReviewStanding::Given {
                by,
                questioned,
                comment,
            } => {
                "given".clone_into(&mut out.standing);
                out.by = Some(PersonOut::of(names, by));
                out.questioned = Some(*questioned);
                out.comment.clone_from(comment);
            }
        }
        out
    }
}

/// Grants whose use is to be looked back at, whoever may, the most urgent first.
pub(crate) fn open_reviews(portal: &Portal) -> Result<Vec<GrantRow>, Trouble> {
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
    found.sort_by_key(|row| due.get(&row.id).map(|due| due.due_at));
    Ok(found)
}

/// Grants whose use this person should look at, the most urgent first.
pub(crate) fn waiting(portal: &Portal, viewer: &Viewer) -> Result<Vec<GrantRow>, Trouble> {
    let mut found = open_reviews(portal)?;
    portal
        .app
        .engine
        .read(|state| found.retain(|row| viewer.could_review(state, row)));
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

//! Uses that wait for this person's review.
use super::{
    chrome::{Chrome, Part, html},
    parts::used,
};
use crate::{
    api::waiting,
    app::Shared,
    guard::Nonce,
    names::Names,
    trouble::Trouble,
    viewer::Visitor,
    words::{self, When},
};
use askama::Template;
use axum::{Extension, extract::State, http::StatusCode, response::Response};
use domain::ids::GrantNumber;
use engine::views::{GrantRow, ReviewStanding};

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "reviews.html")]
pub(crate) struct ReviewsPage {
    pub(crate) chrome: Chrome,
    pub(crate) rows: Vec<ReviewLine>,
}

/// One use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReviewLine {
    pub(crate) number: GrantNumber,
    pub(crate) title: String,
    pub(crate) targets: String,
    pub(crate) who: String,
    pub(crate) used: String,
    pub(crate) due: When,
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let due = |row: &GrantRow| match row.review {
        ReviewStanding::Due { by } => by,
        ReviewStanding::NotDue | ReviewStanding::Given { .. } => visitor.viewer.now,
    };
    let rows = waiting(&portal, &visitor.viewer)?;
    let line = |row: &GrantRow| ReviewLine {
        number: row.number,
        title: names.privilege(&row.privilege),
        targets: names.targets(&row.targets),
        who: names.person(&row.holder),
        used: used(row),
        due: words::when(due(row), &portal.app.zone),
    };
    let page = ReviewsPage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Reviews),
        rows: rows.iter().map(line).collect(),
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

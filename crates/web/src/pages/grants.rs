//! The list of grants: one's own; everybody's for people who watch.
use super::{
    chrome::{Chrome, Part, html},
    parts::{Choice, GrantLine},
    requests::{ROWS, tabs},
};
use crate::{
    api::{cursor, read_cursor},
    app::Shared,
    guard::Nonce,
    names::Names,
    trouble::Trouble,
    viewer::Visitor,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use engine::views::{GrantFilter, Page};
use serde::Deserialize;

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "grants.html")]
pub(crate) struct GrantsPage {
    pub(crate) chrome: Chrome,
    pub(crate) heading: &'static str,
    pub(crate) tabs: Vec<Choice>,
    pub(crate) rows: Vec<GrantLine>,
    pub(crate) next: Option<String>,
    pub(crate) empty: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    show: String,
    #[serde(default)]
    cursor: String,
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let viewer = &visitor.viewer;
    let (show, tabs) = tabs("/grants", &asked.show, viewer.sees_all());
    let filter = GrantFilter {
        holder: (!show.starts_with("everybody")).then(|| viewer.person.clone()),
        open: show.ends_with("waiting").then_some(true),
        ..GrantFilter::default()
    };
    let page = Page {
        before: read_cursor(&asked.cursor),
        limit: ROWS,
    };
    let paged = portal
        .app
        .engine
        .views()
        .grants(&filter, page)
        .map_err(|error| portal.unread(&error))?;
    let line = |row| GrantLine::of(&portal, &names, row, viewer.now);
    let page = GrantsPage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Grants),
        heading: "Extra access",
        tabs,
        rows: paged.rows.iter().map(line).collect(),
        next: paged
            .next
            .map(|before| format!("/grants?show={show}&cursor={}", cursor(before))),
        empty: "No extra access is in this list.".to_owned(),
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

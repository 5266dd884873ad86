//! The list of requests: one's own; everybody's for people who watch.
use super::{
    chrome::{Chrome, Part, html},
    parts::{Choice, RequestLine},
};
use crate::{
    api::{Live, cursor, read_cursor},
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
use engine::views::{Page, RequestFilter};
use serde::Deserialize;

/// The list; also the queue of approvals.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "requests.html")]
pub(crate) struct RequestsPage {
    pub(crate) chrome: Chrome,
    pub(crate) heading: &'static str,
    pub(crate) decide: bool,
    pub(crate) tabs: Vec<Choice>,
    pub(crate) rows: Vec<RequestLine>,
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

/// Rows of one page.
pub(crate) const ROWS: usize = 25;

/// The choices above a list: whose, and whether those that wait or all.
pub(crate) fn tabs(path: &str, show: &str, sees_all: bool) -> (String, Vec<Choice>) {
    let mut names = vec![("waiting", "Mine that wait"), ("mine", "All of mine")];
    if path == "/grants" {
        names = vec![("waiting", "Mine, live"), ("mine", "All of mine")];
    }
    if sees_all {
        names.push((
            "everybody-waiting",
            if path == "/grants" {
                "Everybody's, live"
            } else {
                "Everybody's that wait"
            },
        ));
        names.push(("everybody", "Everybody's"));
    }
    let chosen = names
        .iter()
        .map(|(value, _)| *value)
        .find(|value| *value == show)
        .unwrap_or("mine");
    let choice = |(value, label): &(&str, &str)| {
        Choice::new(format!("{path}?show={value}"), *label, *value == chosen)
    };
    (chosen.to_owned(), names.iter().map(choice).collect())
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let viewer = &visitor.viewer;
    let (show, tabs) = tabs("/requests", &asked.show, viewer.sees_all());
    let filter = RequestFilter {
        requester: (!show.starts_with("everybody")).then(|| viewer.person.clone()),
        pending: show.ends_with("waiting").then_some(true),
        privilege: None,
    };
    let page = Page {
        before: read_cursor(&asked.cursor),
        limit: ROWS,
    };
    let paged = portal
        .app
        .engine
        .views()
        .requests(&filter, page)
        .map_err(|error| portal.unread(&error))?;
    let rows = portal.app.engine.read(|state| {
        let line = |row: &engine::views::RequestRow| {
            let live = Live::of(state, viewer, row);
            RequestLine::of(&portal, &names, row, &live.seats, row.sent_at)
        };
        paged.rows.iter().map(line).collect()
    });
    let page = RequestsPage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Requests),
        heading: "Requests",
        decide: false,
        tabs,
        rows,
        next: paged
            .next
            .map(|before| format!("/requests?show={show}&cursor={}", cursor(before))),
        empty: "No request is in this list.".to_owned(),
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

//! Home: what needs this person now.
use super::{
    alarms::{self, AlarmWords},
    chrome::{Chrome, Part, html},
    parts::{GrantLine, waiting_for},
};
use crate::{
    api::{Live, queue, waiting},
    app::{Portal, Shared},
    guard::Nonce,
    names::Names,
    trouble::Trouble,
    viewer::Visitor,
    words::{self, When},
};
use askama::Template;
use axum::{Extension, extract::State, http::StatusCode, response::Response};
use engine::views::{GrantFilter, Page, RequestFilter, ReviewStanding};

/// Home.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) chrome: Chrome,
    pub(crate) calm: bool,
    pub(crate) alarms: Vec<AlarmWords>,
    pub(crate) grants: Vec<GrantLine>,
    pub(crate) decisions: Vec<Item>,
    pub(crate) requests: Vec<Item>,
    pub(crate) reviews: Vec<Item>,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) number: String,
    pub(crate) title: String,
    pub(crate) who: String,
    pub(crate) until: When,
}

const SHOWN_MAX: usize = 20;

fn grants(portal: &Portal, visitor: &Visitor, names: &Names) -> Result<Vec<GrantLine>, Trouble> {
    let filter = GrantFilter {
        holder: Some(visitor.viewer.person.clone()),
        open: Some(true),
        ..GrantFilter::default()
    };
    let page = Page {
        before: None,
        limit: SHOWN_MAX,
    };
    let paged = portal
        .app
        .engine
        .views()
        .grants(&filter, page)
        .map_err(|error| portal.unread(&error))?;
    let line = |row| GrantLine::of(portal, names, row, visitor.viewer.now);
    Ok(paged.rows.iter().map(line).collect())
}

fn requests(portal: &Portal, visitor: &Visitor, names: &Names) -> Result<Vec<Item>, Trouble> {
    let filter = RequestFilter {
        requester: Some(visitor.viewer.person.clone()),
        pending: Some(true),
        privilege: None,
    };
    let page = Page {
        before: None,
        limit: SHOWN_MAX,
    };
    let paged = portal
        .app
        .engine
        .views()
        .requests(&filter, page)
        .map_err(|error| portal.unread(&error))?;
    let items = portal.app.engine.read(|state| {
        let item = |row: &engine::views::RequestRow| Item {
            number: row.number.to_string(),
            title: names.privilege(&row.privilege),
            who: waiting_for(names, &Live::of(state, &visitor.viewer, row).seats),
            until: words::when(row.expires_at, &portal.app.zone),
        };
        paged.rows.iter().map(item).collect()
    });
    Ok(items)
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let zone = &portal.app.zone;
    let decisions = queue(&portal, &visitor.viewer)?;
    let reviews = waiting(&portal, &visitor.viewer)?;
    let due = |row: &engine::views::GrantRow| match row.review {
        ReviewStanding::Due { by } => by,
        ReviewStanding::NotDue | ReviewStanding::Given { .. } => visitor.viewer.now,
    };
    let mut page = HomePage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Home),
        calm: false,
        alarms: portal
            .app
            .engine
            .read(|state| alarms::concerning(&names, state, &visitor.viewer)),
        grants: grants(&portal, &visitor, &names)?,
        decisions: decisions
            .iter()
            .map(|row| Item {
                number: row.number.to_string(),
                title: names.privilege(&row.privilege),
                who: names.person(&row.requester),
                until: words::when(row.expires_at, zone),
            })
            .collect(),
        requests: requests(&portal, &visitor, &names)?,
        reviews: reviews
            .iter()
            .map(|row| Item {
                number: row.number.to_string(),
                title: names.privilege(&row.privilege),
                who: names.person(&row.holder),
                until: words::when(due(row), zone),
            })
            .collect(),
    };
    page.calm = page.alarms.is_empty()
        && page.grants.is_empty()
        && page.decisions.is_empty()
        && page.requests.is_empty()
        && page.reviews.is_empty();
    Ok(html(&portal, StatusCode::OK, &page))
}

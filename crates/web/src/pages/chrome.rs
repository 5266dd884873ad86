//! What stands around every page: menu, who is signed in, the nonce of its scripts.
use crate::{
    app::{Mode, Portal},
    assets,
    guard::Nonce,
    names::Names,
    sessions::Session,
    trouble::Trouble,
    viewer::{Viewer, Visitor, Watch},
    words,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::time::Timestamp;

/// One entry of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NavItem {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    pub(crate) on: bool,
}

/// Around every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chrome {
    pub(crate) nonce: String,
    pub(crate) version: &'static str,
    pub(crate) nav: Vec<NavItem>,
    /// Who is signed in, if anybody.
    pub(crate) person: Option<String>,
    /// What forms of this session carry.
    pub(crate) token: String,
    pub(crate) zone: String,
    pub(crate) demo: bool,
}

/// Parts of the portal, for the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Home,
    Catalog,
    Requests,
    Approvals,
    Grants,
    Reviews,
    Security,
    Evidence,
    /// None of them.
    Other,
}

fn nav(viewer: &Viewer, on: Part) -> Vec<NavItem> {
    let watches = viewer.has(Watch::Security);
    let searches = viewer.sees_all();
    let all = [
        ("/", "Home", Part::Home, true),
        ("/catalog", "Ask for access", Part::Catalog, true),
        ("/requests", "Requests", Part::Requests, true),
        ("/approvals", "Approvals", Part::Approvals, true),
        ("/grants", "Access", Part::Grants, true),
        ("/reviews", "Reviews", Part::Reviews, true),
        ("/security", "Security", Part::Security, watches),
        ("/evidence", "Evidence", Part::Evidence, searches),
    ];
    all.into_iter()
        .filter(|(_, _, _, shown)| *shown)
        .map(|(href, label, part, _)| NavItem {
            href,
            label,
            on: part == on,
        })
        .collect()
}

/// `Europe/Berlin (UTC+01:00)`.
fn zone(portal: &Portal, now: Timestamp) -> String {
    let text = words::when(now, &portal.app.zone).text;
    let offset = text
        .split_once(" (")
        .map_or("", |(_, offset)| offset)
        .trim_end_matches(')');
    let name = portal.app.zone.iana_name().unwrap_or("the server's zone");
    format!("{name} ({offset})")
}

impl Chrome {
    /// For somebody signed in.
    pub(crate) fn of(
        portal: &Portal,
        nonce: &Nonce,
        visitor: &Visitor,
        names: &Names,
        on: Part,
    ) -> Self {
        Self {
            person: Some(names.person(&visitor.viewer.person)),
            nav: nav(&visitor.viewer, on),
            token: visitor.session.form_token.clone(),
            ..Self::bare(portal, nonce)
        }
    }

    /// For nobody.
    pub(crate) fn bare(portal: &Portal, nonce: &Nonce) -> Self {
        Self {
            nonce: nonce.0.clone(),
            version: assets::version(),
            nav: Vec::new(),
            person: None,
            token: String::new(),
            zone: zone(portal, portal.app.engine.now()),
            demo: portal.app.mode == Mode::Demo,
        }
    }

    /// For samples.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            nonce: "NONCE".to_owned(),
            version: "VERSION",
            nav: vec![NavItem {
                href: "/",
                label: "Home",
                on: true,
            }],
            person: Some("Mia Lindqvist".to_owned()),
            token: "TOKEN".to_owned(),
            zone: "Europe/Berlin (UTC+01:00)".to_owned(),
            demo: true,
        }
    }
}

/// A page as an answer.
pub(crate) fn html(portal: &Portal, status: StatusCode, page: &impl askama::Template) -> Response {
    match page.render() {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => portal.failed(&error).into_response(),
    }
}

/// The text of a part of a page.
pub(crate) fn rendered(portal: &Portal, part: &impl askama::Template) -> Result<String, Trouble> {
    part.render().map_err(|error| portal.failed(&error))
}

/// After a form was taken: on to a page, so that a reload sends nothing twice.
pub(crate) fn on_to(address: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// What a form must carry back: the session's token, and a number that makes sending it twice harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) token: String,
    pub(crate) once: String,
}

impl Hidden {
    pub(crate) fn of(portal: &Portal, session: &Session) -> Self {
        Self {
            token: session.form_token.clone(),
            once: crate::tokens::random_text(&*portal.app.random),
        }
    }
}

//! The page for trouble: what happened, what was kept, what to do, and a reference.
use super::chrome::{Chrome, Part, html};
use crate::{
    app::Shared,
    guard::{Nonce, cookie},
    names::Names,
    sessions::Door,
    trouble::{Trouble, Words},
    viewer::{COOKIE, Viewer, Visitor},
};
use askama::Template;
use axum::{
    http::{HeaderMap, header},
    response::Response,
};

/// The page for trouble.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) chrome: Chrome,
    pub(crate) words: Words,
    pub(crate) back: String,
}

/// The way back to where the form was, if it was one of our own pages.
fn back(portal: &Shared, headers: &HeaderMap) -> String {
    let referer = headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let path = referer.strip_prefix(&portal.app.origin).unwrap_or("/");
    if path.starts_with('/') && !path.starts_with("//") {
        path.to_owned()
    } else {
        "/".to_owned()
    }
}

fn chrome(portal: &Shared, nonce: &Nonce, headers: &HeaderMap) -> Chrome {
    let now = portal.app.engine.now();
    let session =
        cookie(headers, COOKIE).and_then(|secret| portal.sessions.find(secret, Door::Portal, now));
    let visitor = session.and_then(|session| {
        let viewer = portal
            .app
            .engine
            .read(|state| Viewer::of(state, &session.account, now))?;
        Some(Visitor { session, viewer })
    });
    // Names may be what could not be read: then the page does without.
    match (visitor, Names::load(portal)) {
        (Some(visitor), Ok(names)) => Chrome::of(portal, nonce, &visitor, &names, Part::Other),
        _ => Chrome::bare(portal, nonce),
    }
}

/// The page for some trouble.
pub(crate) fn page(
    portal: &Shared,
    nonce: &Nonce,
    headers: &HeaderMap,
    trouble: &Trouble,
) -> Response {
    let page = ErrorPage {
        chrome: chrome(portal, nonce, headers),
        words: trouble.words(),
        back: back(portal, headers),
    };
    html(portal, trouble.status(), &page)
}

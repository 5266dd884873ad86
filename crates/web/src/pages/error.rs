//! The page for trouble: what happened, what was kept, what to do, and a reference.
use super::{
    chrome::{Chrome, Part, html},
    resume, sign_in,
};
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

/// Who is signed in, if anybody.
fn visitor(portal: &Shared, headers: &HeaderMap) -> Option<Visitor> {
    let now = portal.app.engine.now();
    let session = portal
        .sessions
        .find(cookie(headers, COOKIE)?, Door::Portal, now)?;
    let viewer = portal
        .app
        .engine
        .read(|state| Viewer::of(state, &session.account, now))?;
    Some(Visitor { session, viewer })
}

fn chrome(portal: &Shared, nonce: &Nonce, headers: &HeaderMap) -> Chrome {
    // Names may be what could not be read: then the page does without.
    match (visitor(portal, headers), Names::load(portal)) {
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
    if let Trouble::Interrupted(unsent) = trouble {
        return match visitor(portal, headers) {
            Some(visitor) => resume::page(portal, nonce, &visitor, unsent, trouble.status()),
            None => sign_in::again(portal, nonce, unsent, trouble),
        };
    }
    let page = ErrorPage {
        chrome: chrome(portal, nonce, headers),
        words: trouble.words(),
        back: back(portal, headers),
    };
    html(portal, trouble.status(), &page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::{Failure, Refusal};
    use domain::time::Seconds;
    use std::fmt::Write as _;

    fn samples() -> Vec<Trouble> {
        let failed = |what| Trouble::Failed {
            reference: "4bf92f35".to_owned(),
            what,
        };
        vec![
            Trouble::NotFound,
            Trouble::SignedOut,
            Trouble::TooMany { wait: Seconds(60) },
            Trouble::NotYours { needs: "security" },
            Trouble::Foreign,
            Trouble::Refused(Box::new(Refusal {
                entry: Some(48_211),
                rule: "own-request".to_owned(),
                message: "`ada` filed this request and cannot approve it".to_owned(),
                why: "Nobody decides about their own request.".to_owned(),
                fix: vec!["Leave it to the others who can decide.".to_owned()],
            })),
            Trouble::Stale,
            Trouble::KeyReused,
            Trouble::TooLarge,
            failed(Failure::Stopping),
            failed(Failure::ClockDoubtful),
            failed(Failure::Unknown),
            failed(Failure::Busy),
            failed(Failure::Full),
            failed(Failure::Unreadable),
        ]
    }

    #[test]
    fn every_trouble_says_what_happened_and_what_to_do() {
        let mut told = String::new();
        for trouble in samples() {
            let page = ErrorPage {
                chrome: Chrome::sample(),
                words: trouble.words(),
                back: "/requests".to_owned(),
            };
            let html = page.render().unwrap();
            assert_eq!(html.matches("<h1").count(), 1);
            let words = trouble.words();
            let title = words.title.replace('\'', "&#39;");
            assert!(html.contains(&format!(">{title}</h1>")), "{html}");
            let _ = writeln!(
                told,
                "{} {}\n  {}\n  {}",
                trouble.status().as_u16(),
                words.title,
                words.detail,
                words.fix.join(" ")
            );
        }
        insta::assert_snapshot!(told);
    }
}

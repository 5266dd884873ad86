//! Signing in and out.
use super::{
    chrome::{Chrome, html, on_to},
    form::{Fields, Knock, Posted},
    resume,
};
use crate::{
    api::{admitted, factors},
    app::{Mode, Portal, Shared},
    guard::Nonce,
    sessions::{Door, LIFE},
    sign_in::{DemoAccount, SignIn},
    trouble::{Interruption, Trouble, Unsent},
    viewer::{COOKIE, Viewer, Visitor},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use domain::ids::AccountId;
use serde::Deserialize;

/// The page to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignInPage {
    pub(crate) chrome: Chrome,
    pub(crate) error: Option<String>,
    pub(crate) account: String,
    pub(crate) next: String,
    pub(crate) demo: Vec<DemoAccount>,
    /// A form that waits for somebody to sign in.
    pub(crate) unsent: Option<Unsent>,
}

/// Before the names of a waiting form's fields, on the form to sign in.
const KEPT: &str = "kept.";

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
}

/// Only an address of our own is ever gone to.
fn own(next: &str) -> String {
    let safe = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/\\")
        && next.chars().all(|c| c.is_ascii_graphic());
    if safe {
        next.to_owned()
    } else {
        "/".to_owned()
    }
}

fn context(portal: &Portal, nonce: &Nonce, next: &str) -> SignInPage {
    let demo = match (&portal.app.sign_in, portal.app.mode) {
        (SignIn::Demo(accounts), Mode::Demo) => accounts.clone(),
        (SignIn::Demo(_), Mode::Serve) | (SignIn::Accounts(_), _) => Vec::new(),
    };
    SignInPage {
        chrome: Chrome::bare(portal, nonce),
        error: None,
        account: String::new(),
        next: own(next),
        demo,
        unsent: None,
    }
}

/// The page to sign in again, with a form that waits meanwhile.
pub(crate) fn again(
    portal: &Portal,
    nonce: &Nonce,
    unsent: &Unsent,
    trouble: &Trouble,
) -> Response {
    let words = trouble.words();
    let page = SignInPage {
        error: Some(format!("{}. {}", words.title, words.detail)),
        unsent: Some(unsent.clone()),
        ..context(portal, nonce, "/")
    };
    html(portal, trouble.status(), &page)
}

/// The form that waited, as the form to sign in has carried it.
fn waited(fields: &Fields) -> Option<Unsent> {
    let to = fields.one("kept-to");
    (!to.is_empty()).then(|| Unsent {
        to: own(to),
        fields: fields.pairs(KEPT),
        why: Interruption::SignedOut,
    })
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Query(asked): Query<Asked>,
) -> Response {
    html(
        &portal,
        StatusCode::OK,
        &context(&portal, &nonce, &asked.next),
    )
}

fn cookie(portal: &Portal, value: &str, seconds: u32) -> Option<HeaderValue> {
    let secure = if portal.is_tls() { "; Secure" } else { "" };
    let text =
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).ok()
}

pub(crate) async fn enter(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Knock(fields): Knock,
) -> Result<Response, Trouble> {
    let named = fields.one("account");
    let factors = factors(fields.one("second_factor") == "yes");
    let admitted = match named.parse::<AccountId>() {
        Ok(account) => admitted(&portal, &account, fields.one("password"), factors)
            .await
            .map(|()| account),
        Err(_) => Err(Trouble::WrongSignIn),
    };
    match admitted {
        Ok(account) => {
            let now = portal.app.engine.now();
            let viewer = portal
                .app
                .engine
                .read(|state| Viewer::of(state, &account, now));
            let (secret, session) = portal.sessions.open(account, factors, Door::Portal, now);
            let mut response = match (waited(&fields), viewer) {
                (Some(unsent), Some(viewer)) => {
                    let visitor = Visitor { session, viewer };
                    resume::page(&portal, &nonce, &visitor, &unsent, StatusCode::OK)
                }
                (None, _) | (_, None) => on_to(&own(fields.one("next"))),
            };
            if let Some(cookie) = cookie(&portal, &secret, LIFE.0) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(trouble @ (Trouble::WrongSignIn | Trouble::TooMany { .. })) => {
            let words = trouble.words();
            let page = SignInPage {
                error: Some(format!("{}. {}", words.title, words.detail)),
                account: engine::body::clean(named).chars().take(64).collect(),
                unsent: waited(&fields),
                ..context(&portal, &nonce, fields.one("next"))
            };
            Ok(html(&portal, trouble.status(), &page))
        }
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn leave(State(portal): State<Shared>, posted: Posted) -> Response {
    portal.sessions.close(&posted.visitor.session.id);
    portal.app.codes.forget(&posted.visitor.session.id);
    portal.streams.look();
    let mut response = on_to("/sign-in");
    if let Some(cookie) = cookie(&portal, "", 0) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        assert_eq!(own("/requests/R-1?a=b"), "/requests/R-1?a=b");
        for bad in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "javascript:1",
        ] {
            assert_eq!(own(bad), "/", "{bad:?}");
        }
    }
}

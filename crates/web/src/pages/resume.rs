//! A form whose session was over when it was sent: after signing in, what was written is shown again, and is sent if it still holds.
use super::chrome::{Chrome, Hidden, Part, html};
use crate::{app::Portal, guard::Nonce, names::Names, trouble::Unsent, viewer::Visitor};
use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use domain::time::Seconds;

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "resume.html")]
pub(crate) struct ResumePage {
    pub(crate) chrome: Chrome,
    pub(crate) hidden: Hidden,
    pub(crate) who: String,
    pub(crate) to: String,
    pub(crate) fields: Vec<(String, String)>,
    /// What was filled in, with labels.
    pub(crate) written: Vec<(String, String)>,
    pub(crate) button: String,
}

/// Where the form goes, and what the button that sends it says. A request is only looked at again: its own page has the button
/// that sends it.
fn deed(to: &str) -> (String, String) {
    let parts: Vec<&str> = to.split('/').skip(1).collect();
    let said = match parts.as_slice() {
        ["requests"] | ["requests", _, "edit"] => {
            return ("/requests/check".to_owned(), "Go on".to_owned());
        }
        ["requests", number, "approve"] => format!("Approve {number}"),
        ["requests", number, "deny"] => format!("Do not approve {number}"),
        ["requests", number, "ask" | "answer"] => format!("Send it about {number}"),
        ["grants", number, "revoke"] => format!("End {number} now"),
        ["grants", number, "hold"] => format!("Hold {number}"),
        ["grants", number, "resume"] => format!("Let {number} go on"),
        ["grants", number, "review"] => format!("Send the review of {number}"),
        _ => "Send it now".to_owned(),
    };
    (to.to_owned(), said)
}

/// A field that somebody filled in, as they would call it.
fn filled_in((name, value): &(String, String)) -> Option<(String, String)> {
    let (label, text) = match name.as_str() {
        "seconds" => {
            let time = value.parse().map(|seconds| Seconds(seconds).to_string());
            ("For how long", time.unwrap_or_else(|_| value.clone()))
        }
        "target" => ("On what", value.clone()),
        "comment" => ("Comment", value.clone()),
        "text" => ("Your words", value.clone()),
        "ticket" => ("Ticket", value.clone()),
        "start" => ("Start", value.clone()),
        "verdict" => ("Verdict", value.clone()),
        answer => (answer.strip_prefix("answer.")?, value.clone()),
    };
    let text = engine::body::clean(&text);
    (!text.is_empty()).then(|| (label.to_owned(), text))
}

/// The page for a form that was not sent.
pub(crate) fn page(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    unsent: &Unsent,
    status: StatusCode,
) -> Response {
    let names = match Names::load(portal) {
        Ok(names) => names,
        Err(trouble) => return trouble.into_response(),
    };
    let (to, button) = deed(&unsent.to);
    let page = ResumePage {
        chrome: Chrome::of(portal, nonce, visitor, &names, Part::Other),
        hidden: Hidden::of(portal, &visitor.session),
        who: names.person(&visitor.viewer.person),
        to,
        fields: unsent.fields.clone(),
        written: unsent.fields.iter().filter_map(filled_in).collect(),
        button,
    };
    html(portal, status, &page)
}

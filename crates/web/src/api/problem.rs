//! Problem details (RFC 9457), with the rule that said no, why it exists and what would be allowed.
use crate::trouble::{Trouble, Words, of_response};
use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request got no for an answer (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Which kind of problem; the same for the same cause.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The same for the same kind.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What was found, here.
    pub(crate) detail: String,
    /// Which rule said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// Why the rule exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// What would be allowed, or what to do.
    pub(crate) fix: Vec<String>,
    /// What to tell the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// The entry that recorded the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
}

impl Problem {
    fn of(trouble: &Trouble) -> Self {
        let words: Words = trouble.words();
        Self {
            kind: format!("urn:remit:problem:{}", words.slug),
            title: words.title.to_owned(),
            status: trouble.status().as_u16(),
            detail: words.detail,
            rule: words.rule,
            why: words.why,
            fix: words.fix,
            reference: words.reference,
            entry: words.entry,
        }
    }
}

/// Gives trouble the shape of a problem document.
pub(crate) async fn dress(response: Response) -> Response {
    if response.status().is_success() || response.status().is_redirection() {
        return response;
    }
    let Some(trouble) = of_response(&response) else {
        return response;
    };
    let mut dressed = (trouble.status(), Json(Problem::of(&trouble))).into_response();
    let headers = dressed.headers_mut();
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    if trouble == Trouble::SignedOut {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"remit\""),
        );
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    dressed
}

//! `If-None-Match` (RFC 9110, section 13.1.2): whoever has read something already is told that it is still so, without its body.
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

/// Answers 304 where the caller named the version that is still there.
pub(crate) async fn unless_known(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = reads.then(|| tags(request.headers()));
    let response = next.run(request).await;
    match known {
        Some(known) if response.status() == StatusCode::OK && names(&known, &response) => {
            let (mut parts, _) = response.into_parts();
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::empty())
        }
        _ => response,
    }
}

/// The versions a caller knows; weak ones are compared as strong ones, as the RFC says for reads.
fn tags(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/").to_owned())
        .collect()
}

fn names(known: &[String], response: &Response) -> bool {
    let tag = response.headers().get(header::ETAG);
    let Some(tag) = tag.and_then(|tag| tag.to_str().ok()) else {
        return false;
    };
    known.iter().any(|known| known == tag || known == "*")
}

//! What stands around every answer: security headers, and for forms the proof that they came from our own pages. Three things
//! must each be right before a form is taken: the cookie (SameSite=Strict, so no other site can send it), the origin that the
//! browser vouches for, and a token that only a page of the same session knew.
use crate::{app::Shared, tokens::random_text};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// What an answer's scripts must carry to run.
#[derive(Debug, Clone)]
pub(crate) struct Nonce(pub(crate) String);

/// Gives each answer its headers, and each request the nonce for its page.
pub(crate) async fn headers(
    State(portal): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let nonce = random_text(&*portal.app.random);
    request.extensions_mut().insert(Nonce(nonce.clone()));
    let mut response = next.run(request).await;
    let policy = content_security_policy(&nonce, portal.app.gateways.values());
    let headers = response.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    for (name, value) in fixed {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if portal.is_tls() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

fn content_security_policy<'a>(nonce: &str, gateways: impl Iterator<Item = &'a String>) -> String {
    let mut policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types htmx relative-time default; form-action 'self'"
    );
    for origin in gateways {
        policy.push(' ');
        policy.push_str(origin);
    }
    policy
}

/// Whether the browser vouches that a form was sent by one of our own pages.
pub(crate) fn is_own_origin(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let fetch_site = text(&HeaderName::from_static("sec-fetch-site"));
    if fetch_site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match text(&header::ORIGIN) {
        Some(sent) => sent == origin,
        // A browser that sends no Origin with a POST must at least say where the form came from.
        None => fetch_site == Some("same-origin"),
    }
}

/// A cookie of the request, by name; `None` if it is sent twice, as somebody who can plant cookies would.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The bearer token of the request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouched(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        is_own_origin(&headers, "http://localhost:8080")
    }

    #[test]
    fn a_form_is_taken_only_from_our_own_pages() {
        assert!(vouched(&[("origin", "http://localhost:8080")]));
        assert!(vouched(&[
            ("origin", "http://localhost:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(vouched(&[("sec-fetch-site", "same-origin")]));
        assert!(!vouched(&[]));
        assert!(!vouched(&[("origin", "null")]));
        assert!(!vouched(&[("origin", "http://localhost:8081")]));
        assert!(!vouched(&[
            ("origin", "http://nodered.localhost:8080"),
            ("sec-fetch-site", "same-site")
        ]));
        assert!(!vouched(&[
            ("origin", "http://localhost:8080"),
            ("sec-fetch-site", "cross-site")
        ]));
        assert!(!vouched(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_cookie_sent_twice_counts_as_none() {
        let headers =
            |text| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
        assert_eq!(
            cookie(&headers("a=1; remit_session=x"), "remit_session"),
            Some("x")
        );
        assert_eq!(
            cookie(
                &headers("remit_session=x; remit_session=y"),
                "remit_session"
            ),
            None
        );
    }
}

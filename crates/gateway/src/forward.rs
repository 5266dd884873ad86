//! What is sent on and what comes back: hop-by-hop headers stay on their hop, our own cookie and tokens stay here, the platform's
//! own credential is added last so that nothing a caller sends can stand in its place.
use crate::{path::ParsedPath, session, site::Site};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::combinators::BoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::time::Duration;

/// Bodies in both directions.
pub type Body = BoxBody<Bytes, BodyError>;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub struct BodyError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl BodyError {
    /// For this reason.
    pub fn new(because: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(because.into())
    }
}

/// Calls platforms, and the server; keeps connections open for the next call.
pub(crate) type UpstreamClient = Client<HttpsConnector<HttpConnector>, Body>;

/// A client that checks `https` against the system's certificates.
///
/// # Errors
/// [`std::io::Error`] if those can't be read.
pub(crate) fn client() -> Result<UpstreamClient, std::io::Error> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(Duration::from_secs(5)));
    http.set_nodelay(true);
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(https))
}

/// Headers that concern one hop only (RFC 9110 §7.6.1), those that name us to the platform, and those by which some platforms
/// let a caller mean another method, path or host than the one that was decided on.
const NOT_FORWARDED: [HeaderName; 19] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::EXPECT,
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Whether headers are those of a WebSocket handshake (RFC 6455 §4.1).
pub fn is_websocket(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

fn strip_hop_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in NOT_FORWARDED.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Where `path` is at the site.
///
/// # Errors
/// [`http::Error`] if the parts don't make a URI; they always do for a parsed path and a checked query.
pub fn upstream_uri(
    site: &Site,
    path: &ParsedPath,
    query: Option<&str>,
) -> Result<Uri, http::Error> {
    let mut target = path.to_string();
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = site.upstream.clone().into_parts();
    parts.path_and_query = Some(target.parse()?);
    Uri::from_parts(parts).map_err(Into::into)
}

/// The request as the platform gets it.
///
/// # Errors
/// [`http::Error`] if the URI can't be made.
pub fn request(
    site: &Site,
    uri: Uri,
    method: Method,
    mut headers: HeaderMap,
    body: Body,
) -> Result<Request<Body>, http::Error> {
    let websocket = is_websocket(&method, &headers);
    strip_hop_headers(&mut headers);
    let cookies: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(session::without_ours)
        .collect();
    headers.remove(header::COOKIE);
    if let Ok(rest) = HeaderValue::from_str(&cookies.join("; "))
        && !rest.is_empty()
    {
        headers.insert(header::COOKIE, rest);
    }
    headers.remove(header::AUTHORIZATION);
    // what is compressed can't be counted; what is conditional can't be told apart from nothing
    headers.remove(header::ACCEPT_ENCODING);
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    if let Some(authority) = uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        headers.insert(header::HOST, host.clone());
        // a platform that checks its own origin must see its own
        if headers.contains_key(header::ORIGIN)
            && let Ok(origin) = HeaderValue::from_str(&format!(
                "{}://{authority}",
                uri.scheme_str().unwrap_or("http")
            ))
        {
            headers.insert(header::ORIGIN, origin);
        }
    }
    if let Some(credential) = &site.credential {
        headers.insert(credential.header.clone(), credential.value.clone());
    }
    let mut request = Request::builder().method(method).uri(uri).body(body)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Prepares the platform's response headers for the caller.
pub fn response_headers(headers: &mut HeaderMap, site: &Site, public_origin: &str) {
    strip_hop_headers(headers);
    let ours = |value: &HeaderValue| value.as_bytes().starts_with(session::COOKIE.as_bytes());
    if headers.get_all(header::SET_COOKIE).iter().any(ours) {
        let kept: Vec<HeaderValue> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter(|v| !ours(v))
            .cloned()
            .collect();
        headers.remove(header::SET_COOKIE);
        for value in kept {
            headers.append(header::SET_COOKIE, value);
        }
    }
    let origin = format!(
        "{}://{}",
        site.upstream.scheme_str().unwrap_or("http"),
        site.upstream
            .authority()
            .map_or("", http::uri::Authority::as_str)
    );
    let moved = headers
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| location.strip_prefix(&origin))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .and_then(|rest| HeaderValue::from_str(&format!("{public_origin}{rest}")).ok());
    if let Some(location) = moved {
        headers.insert(header::LOCATION, location);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Empty};

    fn site() -> Site {
        Site::new(
            "desk".parse().unwrap(),
            "http://127.0.0.1:9",
            Some((header::AUTHORIZATION, "Bearer platform")),
        )
        .unwrap()
    }

    fn sent(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let uri = upstream_uri(&site(), &ParsedPath::parse("/a").unwrap(), Some("b=c")).unwrap();
        let body = Empty::new().map_err(|never| match never {}).boxed();
        request(&site(), uri, Method::GET, map, body)
            .unwrap()
            .headers()
            .clone()
    }

    #[test]
    fn the_platform_gets_its_own_credential_and_none_of_ours() {
        let headers = sent(&[
            ("authorization", "Bearer ours"),
            ("cookie", "remit_gateway=x; a=b"),
            ("cookie", "c=d"),
        ]);
        assert_eq!(headers["authorization"], "Bearer platform");
        assert_eq!(headers["cookie"], "a=b; c=d");
        assert_eq!(headers["host"], "127.0.0.1:9");
    }

    #[test]
    fn headers_of_one_hop_stay_there_with_those_they_name() {
        let headers = sent(&[
            ("connection", "keep-alive, x-secret"),
            ("x-secret", "1"),
            ("transfer-encoding", "chunked"),
            ("x", "y"),
        ]);
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x", "host", "authorization"]);
    }

    #[test]
    fn a_caller_cannot_take_away_the_platforms_credential_by_naming_it() {
        assert_eq!(
            sent(&[("connection", "authorization")])["authorization"],
            "Bearer platform"
        );
    }

    #[test]
    fn a_redirect_to_the_platform_leads_through_the_gateway() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, "http://127.0.0.1:9/x".parse().unwrap());
        response_headers(&mut headers, &site(), "http://desk.localhost:8080");
        assert_eq!(headers["location"], "http://desk.localhost:8080/x");
        headers.insert(header::LOCATION, "http://127.0.0.1:99/x".parse().unwrap());
        response_headers(&mut headers, &site(), "http://desk.localhost:8080");
        assert_eq!(headers["location"], "http://127.0.0.1:99/x");
    }
}

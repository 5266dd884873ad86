//! What handlers of the API take in: strict JSON (a misspelt field is refused, not ignored), short numbers in paths, and the
//! idempotency key of a write.
use crate::{
    app::{BODY_BYTES_MAX, Shared},
    guard, submit,
    trouble::Trouble,
    viewer::Caller,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use engine::IdempotencyKey;
use serde::{Deserialize, de::DeserializeOwned};
use std::str::FromStr;
use utoipa::ToSchema;

/// The header that makes a repeated write harmless.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// No fields.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A comment.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentIn {
    /// Why; recorded, and shown to those concerned.
    #[schema(min_length = 1, max_length = 2000)]
    pub(crate) comment: String,
}

/// A JSON body with nothing unknown in it.
#[derive(Debug)]
pub(crate) struct Strict<T> {
    pub(crate) body: T,
    pub(crate) bytes: Bytes,
}

impl<T: DeserializeOwned> Strict<T> {
    async fn read(request: Request, limit: usize) -> Result<Self, Trouble> {
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = axum::body::to_bytes(request.into_body(), limit)
            .await
            .map_err(|_| Trouble::TooLarge)?;
        let kind = kind
            .as_ref()
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("");
        let essence = kind.split(';').next().unwrap_or("").trim();
        if !essence.eq_ignore_ascii_case("application/json") && !bytes.is_empty() {
            return Err(Trouble::WrongMedia {
                expected: "application/json",
            });
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let body = serde_json::from_slice(text).map_err(|error| Trouble::Unreadable {
            message: error.to_string(),
        })?;
        Ok(Self { body, bytes })
    }
}

impl<T: DeserializeOwned> FromRequest<Shared> for Strict<T> {
    type Rejection = Trouble;
    async fn from_request(request: Request, _: &Shared) -> Result<Self, Trouble> {
        Self::read(request, BODY_BYTES_MAX).await
    }
}

/// A write by somebody signed in.
#[derive(Debug)]
pub(crate) struct Write<T> {
    pub(crate) caller: Caller,
    pub(crate) body: T,
    pub(crate) key: Option<IdempotencyKey>,
}

impl<T: DeserializeOwned> FromRequest<Shared> for Write<T> {
    type Rejection = Trouble;
    async fn from_request(request: Request, portal: &Shared) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, portal).await?;
        let sent = Sent::of(&parts)?;
        let strict: Strict<T> =
            Strict::read(Request::from_parts(parts, body), BODY_BYTES_MAX).await?;
        let key = sent.key(caller.viewer.account.as_str(), &strict.bytes)?;
        Ok(Self {
            caller,
            body: strict.body,
            key,
        })
    }
}

/// A write by whoever runs the server, with an operator's token.
#[derive(Debug)]
pub(crate) struct Operated<T> {
    pub(crate) body: T,
    pub(crate) key: Option<IdempotencyKey>,
}

/// Passes with an operator's token.
pub(crate) fn must_operate(portal: &Shared, headers: &HeaderMap) -> Result<(), Trouble> {
    let token = guard::bearer(headers).ok_or(Trouble::SignedOut)?;
    let tokens = &portal.app.operator_tokens;
    if tokens.iter().any(|hash| hash.admits(token)) {
        Ok(())
    } else {
        Err(Trouble::SignedOut)
    }
}

impl<T: DeserializeOwned> FromRequest<Shared> for Operated<T> {
    type Rejection = Trouble;
    async fn from_request(request: Request, portal: &Shared) -> Result<Self, Trouble> {
        must_operate(portal, request.headers())?;
        let (parts, body) = request.into_parts();
        let sent = Sent::of(&parts)?;
        let strict: Strict<T> =
            Strict::read(Request::from_parts(parts, body), BODY_BYTES_MAX).await?;
        let key = sent.key("operator", &strict.bytes)?;
        Ok(Self {
            body: strict.body,
            key,
        })
    }
}

/// The idempotency key of a request, and what it covers beside the body.
#[derive(Debug)]
pub(crate) struct Sent {
    key: Option<String>,
    what: String,
}

impl Sent {
    pub(crate) fn of(parts: &Parts) -> Result<Self, Trouble> {
        let key = match parts.headers.get(&KEY) {
            None => None,
            Some(value) => {
                Some(
                    value
                        .to_str()
                        .map(str::to_owned)
                        .map_err(|_| Trouble::Unreadable {
                            message: "the idempotency key is not visible ASCII".to_owned(),
                        })?,
                )
            }
        };
        Ok(Self {
            key,
            what: format!("{} {}", parts.method, parts.uri),
        })
    }

    pub(crate) fn key(
        self,
        principal: &str,
        body: &[u8],
    ) -> Result<Option<IdempotencyKey>, Trouble> {
        self.key
            .map(|key| submit::key(principal, &key, &[self.what.as_bytes(), body]))
            .transpose()
    }
}

/// A number or id in a path; one that can't be read names nothing.
#[derive(Debug)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<Shared> for Named<T> {
    type Rejection = Trouble;
    async fn from_request_parts(parts: &mut Parts, portal: &Shared) -> Result<Self, Trouble> {
        let Path(text) = Path::<String>::from_request_parts(parts, portal)
            .await
            .map_err(|_| Trouble::NotFound)?;
        text.parse().map(Self).map_err(|_| Trouble::NotFound)
    }
}

/// A query string with nothing unknown in it.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Trouble;
    async fn from_request_parts(parts: &mut Parts, portal: &Shared) -> Result<Self, Trouble> {
        Query::<T>::from_request_parts(parts, portal)
            .await
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Trouble::Unreadable {
                message: format!("the query of the address: {}", engine::chain(&error)),
            })
    }
}

/// Refuses a change that was based on something older than `etag`.
pub(crate) fn unchanged(headers: &HeaderMap, etag: &str) -> Result<(), Trouble> {
    let Some(wanted) = headers.get(header::IF_MATCH) else {
        return Ok(());
    };
    let wanted = wanted.to_str().unwrap_or("");
    let matches = wanted == "*" || wanted.split(',').any(|one| one.trim() == etag);
    if matches { Ok(()) } else { Err(Trouble::Stale) }
}

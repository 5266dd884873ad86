//! Access tokens of programs (RFC 9068): only `at+jwt`, only `EdDSA` or ES256, only keys of the server's own set, only for this
//! platform. The token names a credential; whether that still counts is the server's answer, not the token's.
use domain::{
    ids::{CredentialId, GrantId, PlatformId},
    time::Timestamp,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde::Deserialize;

/// Longest accepted token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// Claims as they came in; nothing has been checked but their form.
#[derive(Debug, Deserialize)]
struct UnverifiedClaims {
    exp: i64,
    jti: CredentialId,
    grant: GrantId,
}

/// What a good token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    /// Which grant.
    pub grant: GrantId,
    /// Which credential.
    pub credential: CredentialId,
}

/// Why a token is refused. The caller is told no more than that it isn't good; the words are for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or too long.
    #[error("the bearer token is not a readable JWT")]
    Unreadable,
    /// `typ` is not `at+jwt`.
    #[error("the bearer token is not of type `at+jwt`")]
    Type,
    /// `alg` is none of ours, or not the one its key is for.
    #[error("the bearer token is not signed with EdDSA or ES256")]
    Algorithm,
    /// `kid` is missing or unknown.
    #[error("the bearer token names no key of this server")]
    Key,
    /// Signature, issuer, audience or claims.
    #[error("the bearer token's signature, issuer, audience or claims are not right")]
    Claims,
    /// Too old.
    #[error("the bearer token has expired")]
    Expired,
}

/// Checks `token` for `platform` with the server's published keys.
///
/// # Errors
/// [`TokenError`] for anything but a good token.
pub fn verify(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    platform: &PlatformId,
    now: Timestamp,
) -> Result<Presented, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Unreadable);
    }
    let header = decode_header(token).map_err(|_| TokenError::Unreadable)?;
    if !header.typ.as_deref().is_some_and(|typ| {
        typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
    }) {
        return Err(TokenError::Type);
    }
    if !matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256) {
        return Err(TokenError::Algorithm);
    }
    // an extension that must be understood isn't (RFC 7515 §4.1.11)
    if header.crit.is_some() {
        return Err(TokenError::Unreadable);
    }
    let jwk = header
        .kid
        .as_deref()
        .and_then(|kid| keys.find(kid))
        .ok_or(TokenError::Key)?;
    let key = DecodingKey::from_jwk(jwk).map_err(|_| TokenError::Key)?;
    let mut rules = Validation::new(header.alg);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[platform.as_str()]);
    rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    // the time is an argument here; the library would read a clock of its own
    rules.validate_exp = false;
    let claims = decode::<UnverifiedClaims>(token, &key, &rules)
        .map_err(|_| TokenError::Claims)?
        .claims;
    if now.0 >= claims.exp.saturating_mul(1_000) {
        return Err(TokenError::Expired);
    }
    Ok(Presented {
        grant: claims.grant,
        credential: claims.jti,
    })
}

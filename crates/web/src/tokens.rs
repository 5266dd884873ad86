//! Access tokens (RFC 9068) for programs: signed here, verified by every enforcement point from the published key set. A token
//! never outlives its grant, and its `jti` is the credential's id, so the ledger names every token there ever was.
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    ids::{CredentialId, GrantId, PersonId, PlatformId},
    time::Timestamp,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What an access token says (RFC 9068 §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed it.
    pub iss: String,
    /// For which platform.
    pub aud: PlatformId,
    /// Who holds the grant.
    pub sub: PersonId,
    /// Through which login it was fetched.
    pub client_id: String,
    /// When, in seconds since the Unix epoch.
    pub iat: i64,
    /// First second at which it is void; never after the end of the grant.
    pub exp: i64,
    /// The credential's id.
    pub jti: CredentialId,
    /// The grant it stands for.
    pub grant: GrantId,
}

/// What a token is wanted for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which credential.
    pub credential: CredentialId,
    /// Under which grant.
    pub grant: GrantId,
    /// Of which platform.
    pub platform: PlatformId,
    /// Whose.
    pub holder: PersonId,
    /// Through which login it is fetched.
    pub account: String,
    /// First instant at which the grant is over.
    pub grant_expires_at: Timestamp,
}

/// A signed token and when it ends.
#[derive(Clone)]
pub struct Issued {
    /// The compact JWT. A secret: never recorded, shown once.
    pub token: String,
    /// First instant at which it is void.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why a key can't sign tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not a key of the right kind.
    #[error("the token key is not an Ed25519 private key in PKCS #8 PEM")]
    NotAKey(#[source] jsonwebtoken::errors::Error),
    /// Signing failed.
    #[error("the token could not be signed")]
    NotSigned(#[source] jsonwebtoken::errors::Error),
    /// The key set could not be written as JSON.
    #[error("the key set could not be written")]
    NotWritten(#[source] serde_json::Error),
}

/// Longest life of a token, in seconds: a program fetches a new one while its grant lasts.
pub const TOKEN_SECONDS_MAX: i64 = 15 * 60;

/// Signs access tokens with one Ed25519 key.
#[derive(Clone)]
pub struct Issuer {
    name: String,
    kid: String,
    key: EncodingKey,
    key_set: Arc<str>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.name)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer that calls itself `name` (the portal's origin) and signs with `pem`, an Ed25519 key in PKCS #8.
    ///
    /// # Errors
    /// [`TokenError`] if the key can't be read.
    pub fn new(name: &str, pem: &str) -> Result<Self, TokenError> {
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(TokenError::NotAKey)?;
        let mut public =
            jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(TokenError::NotAKey)?;
        // RFC 7638: the key's id is its own thumbprint, so it can't be given to another key by mistake.
        let kid = public
            .thumbprint(jwk::ThumbprintHash::SHA256)
            .map_err(TokenError::NotAKey)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(jwk::PublicKeyUse::Signature);
        let set = jwk::JwkSet { keys: vec![public] };
        let key_set = serde_json::to_string(&set)
            .map_err(TokenError::NotWritten)?
            .into();
        Ok(Self {
            name: name.to_owned(),
            kid,
            key,
            key_set,
        })
    }

    /// The public half, as a JSON Web Key Set (RFC 7517 §5).
    pub fn key_set(&self) -> Arc<str> {
        Arc::clone(&self.key_set)
    }

    /// Who signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Signs a token that ends with the grant, or after [`TOKEN_SECONDS_MAX`] if that is sooner.
    ///
    /// # Errors
    /// [`TokenError::NotSigned`] if the key fails.
    pub fn issue(&self, wanted: Wanted, now: Timestamp) -> Result<Issued, TokenError> {
        let iat = now.0.div_euclid(1000);
        // INVARIANT: rounded down, so that no token is good in the second in which its grant ends.
        let exp = wanted
            .grant_expires_at
            .0
            .div_euclid(1000)
            .min(iat.saturating_add(TOKEN_SECONDS_MAX));
        let claims = Claims {
            iss: self.name.clone(),
            aud: wanted.platform,
            sub: wanted.holder,
            client_id: wanted.account,
            iat,
            exp,
            jti: wanted.credential,
            grant: wanted.grant,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        let token =
            jsonwebtoken::encode(&header, &claims, &self.key).map_err(TokenError::NotSigned)?;
        Ok(Issued {
            token,
            expires_at: Timestamp(exp.saturating_mul(1000)),
        })
    }
}

/// 256 random bits as text that fits a URL, a header and a cookie.
pub(crate) fn random_text(random: &dyn engine::ports::Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// How long the key set may be kept.
pub(crate) const KEY_SET_CACHE: &str = "public, max-age=300";

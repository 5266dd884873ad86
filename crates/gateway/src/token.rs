//! Access tokens of programs (RFC 9068): only `at+jwt`, only `EdDSA` or ES256, only keys of the server's own set, only for this
//! platform. The token names a credential; whether that still counts is the server's answer, not the token's.
use domain::{
    ids::{CredentialId, GrantId, PlatformId},
    time::Timestamp,
};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};
use serde::Deserialize;
use std::collections::BTreeMap;

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

/// The server's published keys, read once. Each is good for one algorithm, whatever a token says.
#[derive(Clone)]
pub struct Keys(BTreeMap<String, (Algorithm, DecodingKey)>);

impl Keys {
    /// Reads a JSON Web Key Set (RFC 7517 §5); keys that are for neither algorithm of ours, or have no name, are left out.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it isn't one.
    pub fn read(set: &str) -> Result<Self, serde_json::Error> {
        let set: JwkSet = serde_json::from_str(set)?;
        let read = |jwk: &Jwk| {
            let algorithm = algorithm_of(jwk)?;
            let key = DecodingKey::from_jwk(jwk).ok()?;
            Some((jwk.common.key_id.clone()?, (algorithm, key)))
        };
        Ok(Self(set.keys.iter().filter_map(read).collect()))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        _ => None,
    }
}

/// Checks `token` for `platform` with the server's published keys.
///
/// # Errors
/// [`TokenError`] for anything but a good token.
pub fn verify(
    token: &str,
    keys: &Keys,
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
    let (algorithm, key) = header
        .kid
        .as_deref()
        .and_then(|kid| keys.0.get(kid))
        .ok_or(TokenError::Key)?;
    if *algorithm != header.alg {
        return Err(TokenError::Algorithm);
    }
    let mut rules = Validation::new(header.alg);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[platform.as_str()]);
    rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    // the time is an argument here; the library would read a clock of its own
    rules.validate_exp = false;
    let claims = decode::<UnverifiedClaims>(token, key, &rules)
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

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp(1_780_000_000_000);
    const EXP: i64 = 1_780_000_600;
    const ED: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    const OTHER_ED: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKawlk0m66YYOL3ce036bFdBQI7aeGxuM3SaGnEtLCMW\n-----END PRIVATE KEY-----\n";
    const EC: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNKrsQmxnfZTLEQQz\nMoMhMXVhpSkBPof9XKJzJTnmZIOhRANCAARFyRrcn46caILZAverqkWg34tGf0Fv\n8W6Ad7Uygi9XuDXErdnmZIIKy6I/v5+nY4jMrmR+4FlMknFdkgbMUEwx\n-----END PRIVATE KEY-----\n";

    fn signing(algorithm: Algorithm, pem: &str) -> EncodingKey {
        match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(),
            _ => EncodingKey::from_ed_pem(pem.as_bytes()).unwrap(),
        }
    }

    fn public(kid: &str, algorithm: Algorithm, pem: &str) -> Value {
        let mut key = Jwk::from_encoding_key(&signing(algorithm, pem), algorithm).unwrap();
        key.common.key_id = Some(kid.to_owned());
        serde_json::to_value(key).unwrap()
    }

    fn keys() -> Keys {
        let secret = json!({"kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0"});
        let set = json!({"keys": [
            public("ed", Algorithm::EdDSA, ED), public("ec", Algorithm::ES256, EC), secret,
        ]});
        Keys::read(&set.to_string()).unwrap()
    }

    fn header(algorithm: Algorithm, kid: &str) -> Header {
        let mut header = Header::new(algorithm);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(kid.to_owned());
        header
    }

    fn claims() -> Value {
        json!({
            "iss": "http://portal.localhost", "aud": "desk", "sub": "ada", "exp": EXP,
            "jti": "01890a5d-ac96-774b-bcce-b302099a8058", "grant": "01890a5d-ac96-774b-bcce-b302099a8057",
        })
    }

    fn with(edit: impl FnOnce(&mut Value)) -> Value {
        let mut claims = claims();
        edit(&mut claims);
        claims
    }

    fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> String {
        encode(header, claims, key).unwrap()
    }

    fn good() -> String {
        signed(
            &header(Algorithm::EdDSA, "ed"),
            &claims(),
            &signing(Algorithm::EdDSA, ED),
        )
    }

    #[track_caller]
    fn check(token: &str, expected: &str) {
        let verified = verify(
            token,
            &keys(),
            "http://portal.localhost",
            &"desk".parse().unwrap(),
            NOW,
        );
        let actual = verified.map_or_else(
            |error| error.to_string(),
            |presented| format!("{} {}", presented.grant, presented.credential),
        );
        assert_eq!(actual, expected, "{token}");
    }

    const GOOD: &str = "01890a5d-ac96-774b-bcce-b302099a8057 01890a5d-ac96-774b-bcce-b302099a8058";
    const UNREADABLE: &str = "the bearer token is not a readable JWT";
    const TYPE: &str = "the bearer token is not of type `at+jwt`";
    const ALGORITHM: &str = "the bearer token is not signed with EdDSA or ES256";
    const KEY: &str = "the bearer token names no key of this server";
    const CLAIMS: &str = "the bearer token's signature, issuer, audience or claims are not right";

    #[test]
    fn a_token_of_either_key_is_good() {
        check(&good(), GOOD);
        let ec = signing(Algorithm::ES256, EC);
        check(
            &signed(&header(Algorithm::ES256, "ec"), &claims(), &ec),
            GOOD,
        );
    }

    #[test]
    fn only_the_algorithm_of_the_named_key_counts() {
        // what the library won't sign is written by hand; its signature is never looked at
        let by_hand = |alg: &str, kid: &str| {
            let header = json!({"alg": alg, "typ": "at+jwt", "kid": kid}).to_string();
            let part = |text: &str| encode_part(text.as_bytes());
            format!(
                "{}.{}.{}",
                part(&header),
                part(&claims().to_string()),
                part("x")
            )
        };
        check(&by_hand("none", "ed"), UNREADABLE);
        check(&by_hand("RS256", "ed"), ALGORITHM);
        check(&by_hand("ES384", "ec"), ALGORITHM);
        let shared = EncodingKey::from_secret(b"secret");
        check(
            &signed(&header(Algorithm::HS256, "secret"), &claims(), &shared),
            ALGORITHM,
        );
        check(
            &signed(&header(Algorithm::HS256, "ed"), &claims(), &shared),
            ALGORITHM,
        );
        let (ed, ec) = (signing(Algorithm::EdDSA, ED), signing(Algorithm::ES256, EC));
        check(
            &signed(&header(Algorithm::EdDSA, "ec"), &claims(), &ed),
            ALGORITHM,
        );
        check(
            &signed(&header(Algorithm::ES256, "ed"), &claims(), &ec),
            ALGORITHM,
        );
        check(&by_hand("EdDSA", "secret"), KEY);
    }

    #[test]
    fn only_a_key_of_the_server_counts() {
        let other = signing(Algorithm::EdDSA, OTHER_ED);
        check(
            &signed(&header(Algorithm::EdDSA, "ed"), &claims(), &other),
            CLAIMS,
        );
        check(
            &signed(&header(Algorithm::EdDSA, "unknown"), &claims(), &other),
            KEY,
        );
        let mut nameless = header(Algorithm::EdDSA, "");
        nameless.kid = None;
        check(
            &signed(&nameless, &claims(), &signing(Algorithm::EdDSA, ED)),
            KEY,
        );
        let mut own_key = header(Algorithm::EdDSA, "unknown");
        own_key.jwk = Some(Jwk::from_encoding_key(&other, Algorithm::EdDSA).unwrap());
        check(&signed(&own_key, &claims(), &other), KEY);
    }

    #[test]
    fn only_an_access_token_for_this_platform_counts() {
        let key = signing(Algorithm::EdDSA, ED);
        for typ in [Some("JWT"), Some("dpop+jwt"), None] {
            let mut header = header(Algorithm::EdDSA, "ed");
            header.typ = typ.map(str::to_owned);
            check(&signed(&header, &claims(), &key), TYPE);
        }
        let mut long_form = header(Algorithm::EdDSA, "ed");
        long_form.typ = Some("application/AT+JWT".to_owned());
        check(&signed(&long_form, &claims(), &key), GOOD);
        let mut critical = header(Algorithm::EdDSA, "ed");
        critical.crit = Some(vec!["exp".to_owned()]);
        check(&signed(&critical, &claims(), &key), UNREADABLE);
        let refused = |claims: &Value| {
            check(
                &signed(&header(Algorithm::EdDSA, "ed"), claims, &key),
                CLAIMS,
            );
        };
        refused(&with(|claims| claims["aud"] = json!("other")));
        refused(&with(|claims| claims["aud"] = json!(["other", "DESK"])));
        refused(&with(|claims| claims["iss"] = json!("http://evil.example")));
        refused(&with(|claims| claims["grant"] = json!("7")));
        refused(&with(|claims| claims["exp"] = json!("never")));
        for missing in ["aud", "iss", "exp", "sub", "jti", "grant"] {
            refused(&with(|claims| {
                claims.as_object_mut().unwrap().remove(missing);
            }));
        }
    }

    #[test]
    fn an_old_token_is_refused_from_its_last_second_on() {
        let key = signing(Algorithm::EdDSA, ED);
        let ending = |exp: i64| {
            let claims = with(|claims| claims["exp"] = json!(exp));
            signed(&header(Algorithm::EdDSA, "ed"), &claims, &key)
        };
        let now = NOW.0 / 1_000;
        check(&ending(now + 1), GOOD);
        check(&ending(now), "the bearer token has expired");
        check(&ending(1), "the bearer token has expired");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for token in ["", ".", "..", "a.b.c", "x", "é.é.é"] {
            check(token, UNREADABLE);
        }
        let good = good();
        check(
            &format!("{good}{}", "a".repeat(TOKEN_BYTES_MAX)),
            UNREADABLE,
        );
        check(&format!("{good}.x"), UNREADABLE);
        let (head, signature) = good.rsplit_once('.').unwrap();
        check(&format!("{head}."), CLAIMS);
        check(head, UNREADABLE);
        let mut bits = signature.to_owned();
        let first = if bits.starts_with('A') { "B" } else { "A" };
        bits.replace_range(0..1, first);
        check(&format!("{head}.{bits}"), CLAIMS);
    }

    /// Base64 for URLs, without padding (RFC 4648 §5).
    fn encode_part(bytes: &[u8]) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let group = (0..3).fold(0_usize, |group, n| {
                group << 8 | usize::from(chunk.get(n).copied().unwrap_or(0))
            });
            for n in 0..=chunk.len() {
                text.push(char::from(LETTERS[group >> (18 - 6 * n) & 63]));
            }
        }
        text
    }
}

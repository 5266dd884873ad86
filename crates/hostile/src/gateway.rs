//! What comes to the enforcement point from browsers and programs.
use crate::text;
use domain::time::Timestamp;
use gateway::{
    node_red::Document,
    path::{ParsedPath, check_query},
    route::bounded,
    session::without_ours,
    token::{Keys, verify},
};

/// The published keys of a server that nobody has the private half of (RFC 8037 appendix A).
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","alg":"EdDSA","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A path that is read is forwarded in one form, which reads the same.
pub(crate) fn request_path(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Ok(parsed) = ParsedPath::parse(path) {
        let forwarded = parsed.to_string();
        let again = ParsedPath::parse(&forwarded).map(|again| again.to_string());
        assert_eq!(
            again.ok().as_deref(),
            Some(forwarded.as_str()),
            "a path reads in two ways"
        );
        let plain = |segment: &String| segment != ".." && segment != "." && !segment.contains('/');
        assert!(
            parsed.segments().iter().all(plain),
            "a path climbs: {forwarded}"
        );
    }
    if check_query(query).is_ok() {
        assert!(query.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    assert!(bounded(text).chars().all(|c| !c.is_control()));
}

/// No token is good that the server didn't sign, and no set of keys breaks whoever reads it.
pub(crate) fn bearer_token(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (Ok(keys), Ok(platform)) = (Keys::read(KEYS), "nodered".parse()) else {
        return;
    };
    let verdict = verify(
        text,
        &keys,
        "https://remit.example",
        &platform,
        Timestamp(0),
    );
    assert!(verdict.is_err(), "a token that nobody signed is good");
    let _ = Keys::read(text);
}

/// Our own cookies are taken out, however often that is done.
pub(crate) fn cookies(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Some(left) = without_ours(text) {
        assert_eq!(
            without_ours(&left),
            Some(left.clone()),
            "a cookie of ours was left"
        );
    }
}

/// A document that is read differs in nothing from itself.
pub(crate) fn node_red_document(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else {
        return;
    };
    if let Ok(document) = Document::read(&value) {
        let none = document.changes(&document);
        assert_eq!(none, document.changes(&document.clone()));
    }
}

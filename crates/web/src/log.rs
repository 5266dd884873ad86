//! The log itself, as C2SP tlog-tiles wants it served: anybody with a verifier can follow it. For signed-in auditors, and for
//! holders of a read token.
use crate::{
    app::{Portal, Shared},
    guard,
    sessions::Door,
    tokens,
    trouble::Trouble,
    viewer::{COOKIE, Viewer, Watch},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use engine::ports::StoredHashes;
use ledger::tile::{TileId, TileKind, entries_bundle, tile_bytes};

const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
const NEVER: HeaderValue = HeaderValue::from_static("no-store");

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/cosigned", get(cosigned))
        .route("/log/tile/{*path}", get(tile))
        .route("/.well-known/jwks.json", get(key_set))
}

fn may_read(portal: &Portal, headers: &HeaderMap) -> Result<(), Trouble> {
    let now = portal.app.engine.now();
    let bearer = guard::bearer(headers);
    if let Some(token) = bearer
        && portal.app.read_tokens.iter().any(|hash| hash.admits(token))
    {
        return Ok(());
    }
    let session = match bearer {
        Some(token) => portal.sessions.find(token, Door::Api, now),
        None => guard::cookie(headers, COOKIE)
            .and_then(|cookie| portal.sessions.find(cookie, Door::Portal, now)),
    };
    let session = session.ok_or(Trouble::SignedOut)?;
    let viewer = portal
        .app
        .engine
        .read(|state| Viewer::of(state, &session.account, now))
        .ok_or(Trouble::SignedOut)?;
    viewer.must_watch(&[Watch::Auditor, Watch::Security], "auditor or security")
}

/// `GET /log/checkpoint`: the newest signed head, by the log's own signature alone, so that followers see every entry at once.
async fn checkpoint(State(portal): State<Shared>, headers: HeaderMap) -> Result<Response, Trouble> {
    may_read(&portal, &headers)?;
    let head = portal
        .app
        .engine
        .reader()
        .head()
        .map_err(|error| portal.unread(&error))?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, NEVER)],
        head.checkpoint,
    )
        .into_response())
}

/// `GET /log/cosigned`: the newest signed head that enough witnesses cosigned. It may lag behind the newest, and there is none without
/// witnesses.
async fn cosigned(State(portal): State<Shared>, headers: HeaderMap) -> Result<Response, Trouble> {
    may_read(&portal, &headers)?;
    let witnesses = portal.app.witnesses.as_ref();
    let cosigned = witnesses
        .and_then(|witnesses| witnesses.cosigned())
        .ok_or(Trouble::NotFound)?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok((
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, NEVER)],
        cosigned.note,
    )
        .into_response())
}

/// `GET /log/tile/...`: hashes or entries. Full tiles never change; a partial one is served at its own width only.
async fn tile(
    State(portal): State<Shared>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    may_read(&portal, &headers)?;
    let tile: TileId = format!("tile/{path}")
        .parse()
        .map_err(|_| Trouble::NotFound)?;
    let reader = portal.app.engine.reader();
    let head = reader.head().map_err(|error| portal.unread(&error))?;
    if !tile.is_within(head.tree.size) {
        return Err(Trouble::NotFound);
    }
    let bytes = match tile.kind() {
        TileKind::Hashes { .. } => {
            tile_bytes(&StoredHashes(&*reader), tile).map_err(|error| portal.failed(&error))?
        }
        TileKind::Entries => {
            let leaves = reader
                .leaves(tile.first(), usize::from(tile.width()))
                .map_err(|error| portal.unread(&error))?;
            entries_bundle(&leaves).map_err(|error| portal.failed(&error))?
        }
    };
    let kind = HeaderValue::from_static("application/octet-stream");
    // What a width names never changes either: the log only grows.
    Ok((
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, FOREVER),
        ],
        bytes,
    )
        .into_response())
}

/// `GET /.well-known/jwks.json`: the keys that sign access tokens (RFC 7517 §5).
async fn key_set(State(portal): State<Shared>) -> Response {
    let kind = HeaderValue::from_static("application/jwk-set+json");
    let cache = HeaderValue::from_static(tokens::KEY_SET_CACHE);
    let body = portal.app.issuer.key_set().to_string();
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)],
        body,
    )
        .into_response()
}

//! Where Node-RED asks about a token (`adminAuth.tokens` in its settings file): the answer is the grant's state at this moment.
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use connectors::node_red::{NodeRedTokens, permissions};
use domain::{
    grant::{CredentialKind, CredentialState, GrantState},
    ids::{CredentialId, PlatformId},
    state::State as Rules,
    time::Timestamp,
};
use engine::Engine;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use web::TokenHash;

/// Who may ask about tokens.
#[derive(Debug, Clone)]
pub(crate) struct Hooks {
    tokens: Arc<NodeRedTokens>,
    admitted: BTreeMap<PlatformId, TokenHash>,
}

impl Hooks {
    /// Nobody yet.
    pub(crate) fn new(tokens: Arc<NodeRedTokens>) -> Self {
        Self {
            tokens,
            admitted: BTreeMap::new(),
        }
    }

    /// Lets a platform ask with the secret that has this hash.
    pub(crate) fn admit(&mut self, platform: PlatformId, secret: TokenHash) {
        self.admitted.insert(platform, secret);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    token: String,
}

/// `POST /hooks/node-red/token`.
pub(crate) fn router(engine: Engine, hooks: Hooks) -> Router {
    Router::new()
        .route("/hooks/node-red/token", post(token))
        .with_state((engine, hooks))
}

async fn token(
    State((engine, hooks)): State<(Engine, Hooks)>,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Response {
    let secret = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let platform = secret.and_then(|secret| {
        hooks
            .admitted
            .iter()
            .find(|(_, hash)| hash.admits(secret))
            .map(|(platform, _)| platform)
    });
    let Some(platform) = platform else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let now = engine.now();
    let known = hooks
        .tokens
        .recognise(&asked.token)
        .and_then(|credential| engine.read(|state| user(state, platform, credential, now)));
    match known {
        Some(user) => Json(user).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The user that Node-RED is to take the token's bearer for: named by the grant, so that its audit lines name it too.
fn user(
    state: &Rules,
    platform: &PlatformId,
    credential: CredentialId,
    now: Timestamp,
) -> Option<serde_json::Value> {
    let grant = state
        .grants
        .values()
        .find(|grant| grant.credentials.contains_key(&credential))?;
    let issued = grant.credentials.get(&credential)?;
    let counts = state.quarantine.is_none()
        && grant.terms.platform == *platform
        && matches!(issued.kind, CredentialKind::NodeRedToken)
        && matches!(issued.state, CredentialState::Issued { expires_at } if now < expires_at)
        && matches!(grant.state, GrantState::Active { expires_at, .. } if now < expires_at);
    counts.then(|| serde_json::json!({ "username": grant.terms.number.to_string(), "permissions": permissions(&grant.terms.provisioning) }))
}

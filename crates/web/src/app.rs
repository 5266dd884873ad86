//! What the portal is made of, and the router that ties its parts together.
use crate::{
    api, assets,
    codes::Codes,
    enforcement, fresh, guard,
    live::Streams,
    log, pages,
    sessions::Sessions,
    sign_in::{Attempts, SignIn},
    tokens::Issuer,
    trouble::Trouble,
};
use axum::{Router, extract::DefaultBodyLimit, middleware};
use domain::ids::{GatewayId, PlatformId};
use engine::{Engine, ports::Random, witnesses::Witnesses};
use ledger::Digest;
use std::{collections::BTreeMap, fmt, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Most bytes of a request's body.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Everything the portal needs.
pub struct App {
    /// Decides and records.
    pub engine: Engine,
    /// How people prove who they are.
    pub sign_in: SignIn,
    /// What kind of server this is; pages say so.
    pub mode: Mode,
    /// The portal's own origin, as browsers see it: `https://remit.example` or `http://localhost:8080`.
    pub origin: String,
    /// Signs access tokens.
    pub issuer: Arc<Issuer>,
    /// One-time codes, shared with the gateway in the same process.
    pub codes: Arc<Codes>,
    /// Origins of the platforms behind a gateway, for the "Open" button: `http://nodered.localhost:8081`.
    pub gateways: BTreeMap<PlatformId, String>,
    /// Enforcement points that run alone, and the hash of the token each brings.
    pub gateway_tokens: BTreeMap<GatewayId, TokenHash>,
    /// Tokens that may read `/log`.
    pub read_tokens: Vec<TokenHash>,
    /// Tokens that may change the directory: whoever runs the server.
    pub operator_tokens: Vec<TokenHash>,
    /// For session ids and one-time codes.
    pub random: Arc<dyn Random>,
    /// Cancelled when the server stops: pages that follow what happens let go.
    pub stop: CancellationToken,
    /// The log's witnesses, if it has any.
    pub witnesses: Option<Arc<Witnesses>>,
    /// In which zone times are shown.
    pub zone: jiff::tz::TimeZone,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("mode", &self.mode)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// What kind of server this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A seeded organisation to try things in.
    Demo,
    /// For real.
    Serve,
}

/// The SHA-256 of a token: configuration never holds the token itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(Digest);

impl TokenHash {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`ledger::digest::DigestError`] if they are not.
    pub fn parse(text: &str) -> Result<Self, ledger::digest::DigestError> {
        text.parse().map(Self)
    }

    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Digest::of(token.as_bytes()))
    }

    /// Whether this is the hash of `token`. Comparing digests tells an attacker nothing about the token.
    pub fn admits(&self, token: &str) -> bool {
        *self == Self::of(token)
    }
}

/// The app and what lives as long as the router.
pub(crate) struct Portal {
    pub(crate) app: App,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
    pub(crate) streams: Streams,
}

/// What handlers share.
pub(crate) type Shared = Arc<Portal>;

impl Portal {
    /// A reference under which something is logged.
    pub(crate) fn reference(&self) -> String {
        let mut bytes = [0; 4];
        self.app.random.fill(&mut bytes);
        format!("{:08x}", u32::from_be_bytes(bytes))
    }

    /// Logs a failed read and gives the user its reference.
    pub(crate) fn unread(&self, error: &engine::ports::ReadError) -> Trouble {
        self.failed(error)
    }

    /// Logs what failed and gives the user its reference.
    pub(crate) fn failed(&self, error: &dyn std::error::Error) -> Trouble {
        Trouble::failed(self.reference(), error)
    }

    /// Whether cookies must not travel over plain HTTP.
    pub(crate) fn is_tls(&self) -> bool {
        self.app.origin.starts_with("https://")
    }
}

/// The portal, the API, the log and the API for enforcement points.
pub fn router(app: App) -> Router {
    let sessions = Sessions::new(Arc::clone(&app.random));
    let portal: Shared = Arc::new(Portal {
        app,
        sessions,
        attempts: Attempts::default(),
        streams: Streams::default(),
    });
    let machines = Router::new()
        .merge(api::router())
        .merge(log::router())
        .merge(enforcement::router())
        .layer(middleware::from_fn(fresh::unless_known))
        .layer(middleware::map_response(api::problem::dress));
    Router::new()
        .merge(pages::router(&portal))
        .merge(pages::live())
        .merge(machines)
        .merge(assets::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&portal),
            guard::headers,
        ))
        .with_state(portal)
}

//! What an enforcement point and the server say to each other, in one process or over HTTP. The server decides and records; the
//! enforcement point maps traffic to actions, forwards what was allowed and cuts what no longer is.
use crate::ports::{Eventually, GrantSignal};
use domain::{
    catalog::Route,
    command::{Attempt, UseOutcome},
    ids::{CredentialId, GrantId, PersonId, PlatformId, TargetId, UseId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// How long an enforcement point may go on with what it last heard, in milliseconds (DESIGN: streams, web sockets, cached state).
pub const LEASE_MS: u64 = 2_000;

/// What an enforcement point needs to know of one platform, from the bundle in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformMap {
    /// Which platform.
    pub platform: PlatformId,
    /// What people call it.
    pub title: String,
    /// First match decides; no match is refused.
    pub routes: Vec<Route>,
    /// Targets by the platform's own name for them.
    pub targets: BTreeMap<String, TargetId>,
}

/// The answer before a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begun {
    /// Recorded and allowed: forward it.
    Allowed {
        /// Which use.
        use_id: UseId,
        /// Under which grant.
        grant: GrantId,
        /// The entry that recorded the intent.
        entry: u64,
        /// First instant at which the grant is over.
        expires_at: Timestamp,
    },
    /// Refused, and recorded where it is known whose attempt it was.
    Refused(Denial),
}

/// A refusal in the user's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Which rule.
    pub rule: String,
    /// What was found.
    pub message: String,
    /// Why the rule exists.
    pub why: String,
    /// What would be allowed.
    pub fix: Vec<String>,
    /// The entry that recorded it, if it was.
    pub entry: Option<u64>,
}

/// What came of a use, told before the response is passed on where it was held back to be counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Which use.
    pub use_id: UseId,
    /// Under which grant.
    pub grant: GrantId,
    /// What came of it.
    pub outcome: UseOutcome,
}

/// The answer after a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The entry that recorded the outcome.
    pub entry: u64,
    /// Set if this use made the grant unusable (over budget): a response that was held back must not be passed on.
    pub stopped: Option<Denial>,
}

/// A browser's one-time code, and how it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WayIn {
    /// The code. A secret, good once.
    pub code: String,
    /// The host it was posted to, without its port.
    pub host: String,
    /// The origin of the page that posted it, as the browser vouches: a page of somebody else could bring somebody else's code.
    pub origin: String,
}

/// A browser's one-time code, exchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// Which grant.
    pub grant: GrantId,
    /// The gateway session's credential.
    pub credential: CredentialId,
    /// Whose.
    pub holder: PersonId,
    /// For which platform.
    pub platform: PlatformId,
    /// First instant at which the grant is over.
    pub expires_at: Timestamp,
}

/// Whether a grant may be used right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which grant.
    pub grant: GrantId,
    /// Whether it is active.
    pub usable: bool,
    /// First instant at which it is over, if it runs.
    pub expires_at: Option<Timestamp>,
}

/// The server couldn't be asked, or couldn't answer: deny.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the decision point could not be asked: {because}")]
pub struct Unreachable {
    /// In plain words, without secrets.
    pub because: String,
}

/// Hears what came of telling what came of a use.
pub type Then = Box<dyn FnOnce(Result<Finished, Unreachable>) + Send>;

/// Who decides and records for an enforcement point.
pub trait Authority: Send + Sync + 'static {
    /// The platform's routes and targets, from the bundle in force.
    fn platform<'a>(
        &'a self,
        platform: &'a PlatformId,
    ) -> Eventually<'a, Result<Arc<PlatformMap>, Unreachable>>;
    /// Keys that sign access tokens, as a JSON Web Key Set (RFC 7517 §5).
    fn token_keys(&self) -> Eventually<'_, Result<Arc<str>, Unreachable>>;
    /// Decides on a use and records it durably.
    fn begin(&self, attempt: Attempt) -> Eventually<'_, Result<Begun, Unreachable>>;
    /// Records what came of it.
    fn finish(&self, finish: Finish) -> Eventually<'_, Result<Finished, Unreachable>>;
    /// As [`Authority::finish`], for whoever has no time to wait: `then` is called with what it would return.
    fn finish_then(self: Arc<Self>, finish: Finish, then: Then) {
        tokio::spawn(async move { then(self.finish(finish).await) });
    }
    /// Exchanges a one-time code; `None` if it is unknown, used, too old, for another host, or wasn't posted by the portal.
    fn redeem(&self, way_in: WayIn) -> Eventually<'_, Result<Option<Redeemed>, Unreachable>>;
    /// Whether a grant may be used right now.
    fn lease(&self, grant: GrantId) -> Eventually<'_, Result<Lease, Unreachable>>;
    /// Grants that stop or start being usable, as it happens. A receiver that lags must ask [`Authority::lease`].
    fn signals(&self) -> tokio::sync::broadcast::Receiver<GrantSignal>;
}

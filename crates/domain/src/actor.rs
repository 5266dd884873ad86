//! Who acts, as the engine established it, and the other inputs of a decision that aren't in the state.
use crate::{
    ids::{AccountId, GatewayId, PersonId},
    time::Timestamp,
    verdict::Verdict,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A human, through one of their logins.
    Person {
        /// Which login; the person is looked up in the directory, never taken from the caller.
        account: AccountId,
        /// When they signed in.
        signed_in_at: Timestamp,
        /// Whether a second factor was used.
        second_factor: bool,
    },
    /// A registered enforcement point, on behalf of a grant's holder.
    Gateway {
        /// Which.
        gateway: GatewayId,
    },
    /// Whoever runs the server, at its command line.
    Operator,
    /// The broker itself: timers and workers.
    System,
}

/// Inputs of one decision beside state and command. All of it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Who acts.
    pub actor: Actor,
    /// What the policies said; `None` where policies aren't asked (the broker's own timers and workers).
    pub verdict: Option<Verdict>,
    /// Random bits from which the ids of this decision are derived.
    pub seed: Seed,
    /// Trusted time.
    pub now: Timestamp,
}

/// 16 random bytes; ids of a decision are derived from them, so a replay mints the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub Uuid);

/// A human who was found in the directory behind an [`Actor::Person`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// Who.
    pub person: PersonId,
    /// Through which login.
    pub account: AccountId,
}

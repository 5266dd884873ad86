//! What the rules ask of policy and what they get back. Policy can only tighten: an allow here is needed, never enough.
use crate::{
    catalog::{ActionKind, DataClass, Environment, Phase},
    ids::{ActionId, DutyId, GrantId, PersonId, PrivilegeId, RequestId, TargetId},
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A question to the policies of the bundle in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyQuestion {
    /// What somebody wants to do.
    pub action: PolicyAction,
    /// Who.
    pub principal: PersonId,
    /// With what.
    pub elevation: Elevation,
    /// Under which circumstances; one shape for every action.
    pub session: Session,
}

/// Actions that policies decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyAction {
    /// Ask for a privilege.
    Request,
    /// Take one in an emergency.
    BreakGlass,
    /// Consent.
    Approve,
    /// Put a scheduled grant into effect.
    Activate,
    /// Use a grant.
    Perform,
    /// Hold, resume or revoke somebody's grant.
    Intervene,
    /// Review a past use.
    Review,
}

/// The request or grant in question, as policies see it: one entity type for its whole life, so that rules across actions can be proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elevation {
    /// The request behind it.
    pub request: RequestId,
    /// The grant, once there is one.
    pub grant: Option<GrantId>,
    /// Who asks or holds.
    pub holder: PersonId,
    /// What is lent.
    pub privilege: PrivilegeId,
    /// Build-time or run-time.
    pub phase: Phase,
    /// Its actions; for [`PolicyAction::Perform`] just the one performed.
    pub actions: BTreeSet<ActionId>,
    /// The farthest-reaching of them.
    pub action_kind: ActionKind,
    /// Its targets; for [`PolicyAction::Perform`] just the one used.
    pub targets: BTreeSet<TargetId>,
    /// The most delicate environment among them.
    pub environment: Environment,
    /// The most delicate classification among them.
    pub data_class: DataClass,
    /// Who answers for their data.
    pub data_owners: BTreeSet<PersonId>,
    /// For how long.
    pub duration: Seconds,
    /// Impact score.
    pub impact: u8,
    /// Who consented so far.
    pub approved_by: BTreeSet<PersonId>,
    /// With which duties.
    pub approved_duties: BTreeSet<DutyId>,
    /// Whether the grant is active now.
    pub active: bool,
    /// Whether it is held.
    pub held: bool,
    /// Whether it was taken in an emergency.
    pub break_glass: bool,
    /// First instant at which it may be used, if known.
    pub not_before: Option<Timestamp>,
    /// First instant at which it is over, if known.
    pub expires_at: Option<Timestamp>,
}

/// The circumstances, set by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Now.
    pub now: Timestamp,
    /// When the person last signed in.
    pub signed_in_at: Timestamp,
    /// Whether a second factor was used.
    pub second_factor: bool,
    /// Whether a change freeze covers the targets.
    pub frozen: bool,
    /// Whether the windows of the privilege are open.
    pub in_window: bool,
    /// Live behaviour score, 0 to 100.
    pub risk: u8,
}

/// What the policies said. Recorded, and compared on replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether they allow it.
    pub outcome: Outcome,
    /// The policies that decided, by `@id`, sorted.
    pub policies: Vec<String>,
    /// Policies that failed to evaluate, by `@id`, sorted. Any of them makes the outcome [`Outcome::Deny`].
    pub errors: Vec<String>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

//! A grant: scheduled, active, held, ended. It ends exactly once, with an end reason, and it closes only when every credential
//! has been read back as gone.
use crate::{
    catalog::{Budget, Provisioning},
    command::Attempt,
    ids::{
        ActionId, CredentialId, DutyId, GrantId, GrantNumber, PersonId, PlatformId, PrivilegeId,
        RequestId, TargetId, UseId,
    },
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is lent, to whom, on whose word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its terms.
    pub terms: GrantTerms,
    /// Where it stands.
    pub state: GrantState,
    /// What was issued under it.
    pub credentials: BTreeMap<CredentialId, Credential>,
    /// What was done with it.
    pub usage: Usage,
    /// Uses whose outcome isn't known yet.
    pub open_uses: BTreeSet<UseId>,
    /// Counts extensions; part of what a fixed credential's end is checked against.
    pub extensions: u32,
}

/// The terms of a grant, fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantTerms {
    /// Which.
    pub id: GrantId,
    /// The number people use.
    pub number: GrantNumber,
    /// What led to it.
    pub request: RequestId,
    /// Who may use it.
    pub holder: PersonId,
    /// What is lent.
    pub privilege: PrivilegeId,
    /// Of which platform.
    pub platform: PlatformId,
    /// On what.
    pub targets: BTreeSet<TargetId>,
    /// Which actions.
    pub actions: BTreeSet<ActionId>,
    /// For how long from activation.
    pub duration: Seconds,
    /// How it is put into effect.
    pub provisioning: Provisioning,
    /// How much use is within the purpose.
    pub budget: Budget,
    /// Who consented.
    pub approved_by: BTreeSet<PersonId>,
    /// With which duties.
    pub approved_duties: BTreeSet<DutyId>,
    /// Impact score of the request.
    pub impact: u8,
    /// Whether it was taken in an emergency.
    pub break_glass: bool,
}

/// Where a grant stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantState {
    /// Agreed, not begun.
    Scheduled {
        /// When it begins.
        starts_at: Timestamp,
    },
    /// Usable.
    Active {
        /// When it began.
        since: Timestamp,
        /// First instant at which it is over.
        expires_at: Timestamp,
    },
    /// Not usable for now; its clock runs on.
    Held {
        /// When it began.
        since: Timestamp,
        /// First instant at which it is over.
        expires_at: Timestamp,
        /// When it was held.
        held_at: Timestamp,
        /// Why.
        because: HoldReason,
    },
    /// Over for ever. It stays here until every credential is read back as gone.
    Ended {
        /// Why.
        reason: EndReason,
        /// When.
        at: Timestamp,
    },
}

/// Why a grant is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// A human held it.
    ByHuman,
    /// More was used than its budget.
    OverBudget,
    /// Too many attempts outside its scope.
    OutOfScope,
    /// Its holder may not act at present.
    HolderSuspended,
}

/// Why a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// Its time was over.
    Expired,
    /// Its holder gave it back.
    Returned,
    /// A human took it back.
    Revoked,
    /// A rule took it back: policy violation.
    Contained,
    /// A newer grant replaced it, or it could not be put into effect.
    Superseded,
}

/// Something issued under a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Which.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// Where it stands.
    pub state: CredentialState,
}

/// What a credential is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// A signed access token (RFC 9068), known by its `jti`, which is the credential's id.
    AccessToken,
    /// A browser session at the gateway.
    GatewaySession,
    /// A database role.
    PostgresRole {
        /// Its name.
        role: String,
    },
    /// A token that Node-RED asks about.
    NodeRedToken,
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialState {
    /// It is about to be made; it may exist in the target.
    Intended,
    /// It was made.
    Issued {
        /// First instant at which it is void by itself.
        expires_at: Timestamp,
    },
    /// It is being taken back; `attempts` tries failed so far.
    Removing {
        /// Failed tries.
        attempts: u32,
    },
    /// The target was read back: it is gone.
    Removed,
}

/// What was done with a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Allowed uses that did something; using the platform at all (an ambient route) is none.
    pub calls: u64,
    /// Bytes of responses.
    pub bytes: u64,
    /// Rows read.
    pub rows: u64,
    /// Refused uses that reached outside the scope.
    pub refusals: u64,
}

/// Most credentials one grant ever has: its revocation certificate names them all and must fit into one entry of the ledger.
pub const CREDENTIALS_MAX: usize = 64;

/// How much earlier than its grant a credential may end by itself without being renewed: targets keep whole seconds.
pub const RENEWAL_SLACK: Seconds = Seconds(1);

impl HoldReason {
    /// Whether the hold is the first half of a containment: the grant ends, nobody can let it go on.
    pub fn contains(self) -> bool {
        match self {
            Self::OverBudget | Self::OutOfScope => true,
            Self::ByHuman | Self::HolderSuspended => false,
        }
    }
}

impl CredentialKind {
    /// Whether something exists in a target that must be made and taken away there.
    ///
    /// An access token and a gateway session exist nowhere but in their holder's hands; the enforcement point asks for the
    /// state of the grant whenever one is presented. So they are void the moment the grant is not active, and count as
    /// removed by definition: no effect, no read-back.
    pub fn lives_in_target(&self) -> bool {
        match self {
            Self::PostgresRole { .. } | Self::NodeRedToken => true,
            Self::AccessToken | Self::GatewaySession => false,
        }
    }
}

impl Credential {
    /// Whether it may exist in a target and isn't being taken away yet: made, or about to be made.
    pub fn is_live_in_target(&self) -> bool {
        self.kind.lives_in_target()
            && match self.state {
                CredentialState::Intended | CredentialState::Issued { .. } => true,
                CredentialState::Removing { .. } | CredentialState::Removed => false,
            }
    }
}

impl Credential {
    /// Whether nothing of it is left in any target: it was read back as gone, or never lived in one.
    pub fn is_gone(&self) -> bool {
        self.state == CredentialState::Removed || !self.kind.lives_in_target()
    }
}

impl Grant {
    /// Whether nothing of it is left in any target.
    pub fn is_gone(&self) -> bool {
        self.credentials.values().all(Credential::is_gone)
    }

    /// Whether it is over for ever, though something of it may still be in a target.
    pub fn has_ended(&self) -> bool {
        match self.state {
            GrantState::Ended { .. } => true,
            GrantState::Scheduled { .. } | GrantState::Active { .. } | GrantState::Held { .. } => {
                false
            }
        }
    }
}

impl GrantState {
    /// The first instant at which it is over, while it runs.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Active { expires_at, .. } | Self::Held { expires_at, .. } => Some(*expires_at),
            Self::Scheduled { .. } | Self::Ended { .. } => None,
        }
    }
}

/// What of an attempt lies outside the terms of a grant, in plain words; empty if nothing does.
pub fn outside(terms: &GrantTerms, attempt: &Attempt) -> Vec<String> {
    let mut found = attempt.unmapped.clone();
    if attempt.platform != terms.platform {
        found.push(format!("the platform `{}`", attempt.platform));
    }
    for (action, target) in &attempt.actions {
        if !terms.actions.contains(action) {
            found.push(format!("the action `{action}` on `{target}`"));
        } else if !terms.targets.contains(target) {
            found.push(format!("the target `{target}`"));
        }
    }
    let declared = &terms.budget.destinations;
    if let Some(destination) = &attempt.destination
        && !declared.is_empty()
        && !declared.contains(destination)
    {
        found.push(format!("the destination `{destination}`"));
    }
    found
}

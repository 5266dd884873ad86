//! What must be done outside because of an event. Effects are derived, never stored: after a crash they are derived again from
//! the state, so whoever carries them out must be able to do them twice.
use crate::{
    event::Alarm,
    ids::{CredentialId, GrantId, RequestId},
};

/// Something to do outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Take a credential away and read the target back. Goes before everything else.
    Remove {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
    },
    /// Make a credential in its target.
    Provision {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
    },
    /// End a held grant, as the rule says.
    Contain {
        /// Which grant.
        grant: GrantId,
    },
    /// Tell approvers, requester or holder that something waits for them or has happened.
    Notify(Notice),
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// Approvers: a request waits.
    RequestWaits(RequestId),
    /// Requester: it was decided.
    RequestDecided(RequestId),
    /// Holder: the grant changed.
    GrantChanged(GrantId),
    /// Security: now.
    Alarm(String),
}

impl Notice {
    /// The notice for an alarm.
    pub fn of(alarm: &Alarm) -> Self {
        Self::Alarm(match alarm {
            Alarm::BreakGlass { grant, holder } => {
                format!("break-glass by `{holder}`: grant {grant}")
            }
            Alarm::PolicyError { policies } => {
                format!("policies failed to evaluate: {}", policies.join(", "))
            }
            Alarm::RemovalOverdue {
                grant,
                credential,
                attempts,
            } => {
                format!(
                    "credential {credential} of grant {grant} is still there after {attempts} attempts"
                )
            }
            Alarm::Contained { grant, because } => {
                format!("grant {grant} was contained: {because:?}")
            }
        })
    }
}

//! What must be done outside because of an event. Effects are derived, never stored: after a crash they are derived again from
//! the state, so whoever carries them out must be able to do them twice.
use crate::{
    event::Alarm,
    ids::{CredentialId, GrantId, PersonId, RequestId},
};

/// Something to do outside. The order is the order of work: what takes power away goes before what gives it.
///
/// Whoever carries effects out keeps two promises, each of which keeps a credential from being made after its removal was read
/// back: one credential is worked on at a time, and before work on an effect begins, [`crate::react::is_outstanding`] is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Take a credential away and read the target back. Goes before everything else.
    Remove {
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
    /// Make a credential in its target.
    Provision {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
    },
    /// Move the target's own end of a credential to the end of its grant, which was extended. The secret stays as it is.
    Renew {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
    },
    /// Destroy the key of somebody's words.
    Forget {
        /// Whose.
        person: PersonId,
    },
    /// Tell approvers, requester or holder that something waits for them or has happened.
    Notify(Notice),
}

/// What people are told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// Approvers: a request waits.
    RequestWaits(RequestId),
    /// Requester: an approver asks something.
    RequesterAsked(RequestId),
    /// Requester: it was decided.
    RequestDecided(RequestId),
    /// Holder: the grant changed.
    GrantChanged(GrantId),
    /// Reviewers: somebody must say whether the use was what the purpose said.
    ReviewDue(GrantId),
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
            Alarm::WitnessesMissing {
                answering,
                needed,
                silent,
            } => {
                format!(
                    "{answering} witnesses cosign the log and {needed} are needed; silent: {}",
                    silent.join(", ")
                )
            }
            Alarm::LogContradicted { witness, found } => {
                format!("witness `{witness}` contradicts the log: {found}")
            }
            Alarm::Contained { grant, because } => {
                format!("grant {grant} was contained: {because:?}")
            }
            Alarm::Unreviewed {
                grant,
                holder,
                reviewers,
            } if reviewers.is_empty() => format!(
                "nobody may review what `{holder}` did under grant {grant}: name a manager, an owner or somebody for security who took no part in it"
            ),
            Alarm::Unreviewed {
                grant,
                holder,
                reviewers,
            } => {
                let names: Vec<String> = reviewers.iter().map(|who| format!("`{who}`")).collect();
                format!(
                    "nobody has reviewed what `{holder}` did under grant {grant}; these may: {}",
                    names.join(", ")
                )
            }
        })
    }
}

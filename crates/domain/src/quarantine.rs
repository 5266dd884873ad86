//! What a restored copy must do before it gives anything: it doesn't know what happened after it was made. So every target is
//! compared with it, what the copy can't explain is ended there, and what nothing outside confirms is ended here. Taking away
//! goes on all the while.
use crate::{
    catalog::Provisioning,
    grant::{CredentialKind, CredentialState, Grant, GrantState},
    ids::{CredentialId, GrantId, PlatformId},
    state::State,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Nothing is given while there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// How many entries the log had when it was copied.
    pub copied: u64,
    /// Since when.
    pub began_at: Timestamp,
    /// How far the comparison with each platform is.
    pub platforms: BTreeMap<PlatformId, Comparison>,
}

/// How far the comparison of one platform with the copy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// It goes on; these are in the platform, the copy can't explain them, and they are being ended.
    Open {
        /// By the platform's own names.
        strays: BTreeSet<String>,
    },
    /// Nothing is in the platform that the copy can't explain.
    Reconciled {
        /// When that was read back.
        at: Timestamp,
    },
}

impl State {
    /// The database roles that a grant explains: made, about to be made, or being taken away; on whatever platform, because
    /// roles belong to a whole server.
    pub fn explained_roles(&self) -> BTreeMap<&str, (GrantId, CredentialId)> {
        let mut explained = BTreeMap::new();
        for grant in self.grants.values() {
            for credential in grant.credentials.values() {
                let there = match credential.state {
                    CredentialState::Intended
                    | CredentialState::Issued { .. }
                    | CredentialState::Removing { .. } => true,
                    CredentialState::Removed => false,
                };
                if let (CredentialKind::PostgresRole { role }, true) = (&credential.kind, there) {
                    explained.insert(role.as_str(), (grant.terms.id, credential.id));
                }
            }
        }
        explained
    }

    /// Platforms that must still be compared with this copy: those it was connected to, and those in which the rules in force
    /// make things that stay there by themselves.
    pub fn unreconciled(&self) -> BTreeSet<PlatformId> {
        let Some(quarantine) = &self.quarantine else {
            return BTreeSet::new();
        };
        let lasting = self.catalog().into_iter().flat_map(|catalog| {
            catalog
                .privileges
                .values()
                .filter(|privilege| match privilege.provisioning {
                    Provisioning::PostgresRole { .. } => true,
                    Provisioning::Gateway | Provisioning::NodeRedToken { .. } => false,
                })
                .map(|privilege| &privilege.platform)
        });
        quarantine
            .platforms
            .keys()
            .chain(lasting)
            .filter(|platform| {
                !matches!(
                    quarantine.platforms.get(*platform),
                    Some(Comparison::Reconciled { .. })
                )
            })
            .cloned()
            .collect()
    }
}

/// Whether nothing outside can tell that a grant of the copy still counts: it may have been taken back after the copy was made.
/// Only a database role that is found where it was made confirms its grant. What hasn't begun, is held, or lives in this state
/// alone (a gateway's session, a token that Node-RED asks about) is asked for again.
pub fn unconfirmed(grant: &Grant) -> bool {
    match grant.state {
        GrantState::Scheduled { .. } | GrantState::Held { .. } => true,
        GrantState::Active { .. } => !grant.credentials.values().any(|credential| {
            credential.is_live_in_target()
                && matches!(credential.kind, CredentialKind::PostgresRole { .. })
        }),
        GrantState::Ended { .. } => false,
    }
}

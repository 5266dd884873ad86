//! Everything the rules remember: a fold of the ledger's events. It holds open work only; what is finished lives in projections.
use crate::{
    catalog::Catalog,
    directory::Directory,
    grant::{Grant, GrantTerms},
    ids::{Digest, GrantId, LegalHoldId, PersonId, PlatformId, PrivilegeId, RequestId, TargetId},
    keeping::LegalHold,
    quarantine::Quarantine,
    request::{History, Request},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Counts the forms that the serialised state has had. Raise it whenever that form changes, or what some event makes of a state: a
/// snapshot of another layout is not used.
pub const LAYOUT: u32 = 2;

/// The state of all open work. It is serialised for snapshots only, which are thrown away when its form changes; it holds no
/// words of anybody, as the leaves of the log hold none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Who is who.
    pub directory: Directory,
    /// Catalogs of known bundles. They are inputs, not events: the engine teaches them before a bundle is adopted, and again
    /// after the state was read from a snapshot.
    #[serde(skip)]
    pub catalogs: BTreeMap<Digest, Arc<Catalog>>,
    /// The bundle in force.
    pub bundle: Option<Digest>,
    /// The bundle that waits for its second person.
    pub proposed: Option<(Digest, PersonId)>,
    /// Requests nobody has finished.
    pub requests: BTreeMap<RequestId, Request>,
    /// Grants that are not closed.
    pub grants: BTreeMap<GrantId, Grant>,
    /// Reviews nobody has given.
    pub reviews: BTreeMap<GrantId, ReviewDue>,
    /// What rules read of the past, per person.
    pub histories: BTreeMap<PersonId, History>,
    /// Last position read in each platform's own log.
    pub activity_read: BTreeMap<PlatformId, String>,
    /// Nothing is given while there is one: this state comes from a copy that wasn't compared with the world yet.
    pub quarantine: Option<Quarantine>,
    /// Who left the directory, and when; nobody who was erased.
    pub departed: BTreeMap<PersonId, Timestamp>,
    /// Whose key is to be destroyed.
    pub erasing: BTreeSet<PersonId>,
    /// Whose key was destroyed; their ids are not used again.
    pub erased: BTreeSet<PersonId>,
    /// Words that must be kept.
    pub legal_holds: BTreeMap<LegalHoldId, LegalHold>,
    /// Requests numbered so far.
    pub requests_numbered: u64,
    /// Grants numbered so far.
    pub grants_numbered: u64,
}

/// A review that somebody must give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewDue {
    /// Whose use.
    pub holder: PersonId,
    /// Who may not review it: they approved it.
    pub approved_by: BTreeSet<PersonId>,
    /// What was lent: its governance owner may review.
    pub privilege: PrivilegeId,
    /// On what: their data owners may review.
    pub targets: BTreeSet<TargetId>,
    /// By when.
    pub due_at: Timestamp,
    /// Whether nobody did in time, or nobody could: from then on security may.
    pub escalated: bool,
    /// When the alarm about it is raised, or raised again.
    pub alarm_at: Timestamp,
}

impl ReviewDue {
    /// The review of a grant of `terms`, due at `due_at`.
    pub fn of(terms: &GrantTerms, due_at: Timestamp) -> Self {
        Self {
            holder: terms.holder.clone(),
            approved_by: terms.approved_by.clone(),
            privilege: terms.privilege.clone(),
            targets: terms.targets.clone(),
            due_at,
            escalated: false,
            alarm_at: due_at,
        }
    }

    /// Whether `person` used the grant or let it be used.
    pub fn involves(&self, person: &PersonId) -> bool {
        self.holder == *person || self.approved_by.contains(person)
    }
}

impl State {
    /// Makes a bundle's catalog known, so that it can be adopted.
    pub fn learn(&mut self, bundle: Digest, catalog: Arc<Catalog>) {
        self.catalogs.insert(bundle, catalog);
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.bundle
            .and_then(|bundle| self.catalogs.get(&bundle))
            .map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::Command, fixture::ask, play::Play};

    /// One request is taken back, another denied, and a third granted, used and given back.
    fn finished(rounds: usize) -> State {
        let mut play = Play::new();
        for _ in 0..rounds {
            play.submit("ada", &ask("edit-flow"));
            let request = play.request();
            play.give("ada", &Command::WithdrawRequest { request });
            play.submit("ada", &ask("edit-flow"));
            play.deny("bob");
            play.submit("ada", &ask("edit-flow"));
            play.approve("cyd");
            play.approve("bob");
            let grant = play.grant();
            let returned = play.give("ada", &Command::ReturnGrant { grant });
            assert_eq!(returned, "grant-ended; grant-closed");
        }
        play.state
    }

    #[test]
    fn finished_work_leaves_counters_and_nothing_else() {
        let (few, mut many) = (finished(1), finished(60));
        assert_eq!((many.requests_numbered, many.grants_numbered), (180, 60));
        many.requests_numbered = few.requests_numbered;
        many.grants_numbered = few.grants_numbered;
        for history in many.histories.values_mut() {
            for held in history.held.values_mut() {
                assert_eq!(*held, 60);
                *held = 1;
            }
        }
        assert_eq!(many, few);
    }
}

//! What is remembered of grants: those that are not closed. An ended one stays until every credential is read back as gone;
//! what rules read of the past is counted per person.
use crate::{
    command::{Attempt, UseOutcome},
    grant::{
        Credential, CredentialKind, CredentialState, EndReason, Grant, GrantState, GrantTerms,
        HoldReason, Usage, outside,
    },
    ids::{CredentialId, GrantId, UseId},
    state::{ReviewDue, State},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn scheduled(state: &mut State, terms: &GrantTerms, starts_at: Timestamp) {
    state.grants_numbered = state.grants_numbered.max(terms.number.0);
    let fresh = Grant {
        terms: terms.clone(),
        state: GrantState::Scheduled { starts_at },
        credentials: BTreeMap::new(),
        usage: Usage::default(),
        open_uses: BTreeSet::new(),
        extensions: 0,
    };
    state.grants.entry(terms.id).or_insert(fresh);
}

pub(super) fn activated(state: &mut State, id: GrantId, expires_at: Timestamp, at: Timestamp) {
    let Some(grant) = state.grants.get_mut(&id) else {
        return;
    };
    match grant.state {
        GrantState::Scheduled { .. } => {
            grant.state = GrantState::Active {
                since: at,
                expires_at,
            };
            let history = state
                .histories
                .entry(grant.terms.holder.clone())
                .or_default();
            let held = history
                .held
                .entry(grant.terms.privilege.clone())
                .or_default();
            *held = held.saturating_add(1);
        }
        GrantState::Active { .. } | GrantState::Held { .. } | GrantState::Ended { .. } => {}
    }
}

pub(super) fn extended(state: &mut State, id: GrantId, until: Timestamp) {
    let Some(grant) = state.grants.get_mut(&id) else {
        return;
    };
    match &mut grant.state {
        GrantState::Active { expires_at, .. } | GrantState::Held { expires_at, .. } => {
            *expires_at = until.max(*expires_at);
            grant.extensions = grant.extensions.saturating_add(1);
        }
        GrantState::Scheduled { .. } | GrantState::Ended { .. } => {}
    }
}

pub(super) fn held(state: &mut State, id: GrantId, because: HoldReason, at: Timestamp) {
    let Some(grant) = state.grants.get_mut(&id) else {
        return;
    };
    match grant.state {
        GrantState::Active { since, expires_at } => {
            grant.state = GrantState::Held {
                since,
                expires_at,
                held_at: at,
                because,
            };
        }
        GrantState::Scheduled { .. } | GrantState::Held { .. } | GrantState::Ended { .. } => {}
    }
}

pub(super) fn resumed(state: &mut State, id: GrantId) {
    let Some(grant) = state.grants.get_mut(&id) else {
        return;
    };
    match grant.state {
        GrantState::Held {
            since, expires_at, ..
        } => grant.state = GrantState::Active { since, expires_at },
        GrantState::Scheduled { .. } | GrantState::Active { .. } | GrantState::Ended { .. } => {}
    }
}

pub(super) fn ended(state: &mut State, id: GrantId, reason: EndReason, at: Timestamp) {
    let Some(grant) = state.grants.get_mut(&id) else {
        return;
    };
    match grant.state {
        GrantState::Scheduled { .. } | GrantState::Active { .. } | GrantState::Held { .. } => {
            grant.state = GrantState::Ended { reason, at };
            if reason == EndReason::Contained {
                let history = state
                    .histories
                    .entry(grant.terms.holder.clone())
                    .or_default();
                history.violations = history.violations.saturating_add(1);
            }
        }
        // INVARIANT: a grant ends exactly once; the first reason stands
        GrantState::Ended { .. } => {}
    }
}

pub(super) fn closed(state: &mut State, id: GrantId) {
    let over = state
        .grants
        .get(&id)
        .is_some_and(|grant| matches!(grant.state, GrantState::Ended { .. }));
    if over {
        state.grants.remove(&id);
    }
}

pub(super) fn review_due(state: &mut State, id: GrantId, due_at: Timestamp) {
    if let Some(grant) = state.grants.get(&id) {
        let due = ReviewDue::of(&grant.terms, due_at);
        state.reviews.insert(id, due);
    }
}

pub(super) fn review_escalated(state: &mut State, id: GrantId, again_at: Timestamp) {
    if let Some(due) = state.reviews.get_mut(&id) {
        due.escalated = true;
        due.alarm_at = again_at;
    }
}

type Of = (GrantId, CredentialId);

fn credential_mut(state: &mut State, (grant, credential): Of) -> Option<&mut Credential> {
    state
        .grants
        .get_mut(&grant)?
        .credentials
        .get_mut(&credential)
}

pub(super) fn intended(state: &mut State, (grant, id): Of, kind: &CredentialKind) {
    if let Some(grant) = state.grants.get_mut(&grant) {
        grant.credentials.entry(id).or_insert_with(|| Credential {
            id,
            kind: kind.clone(),
            state: CredentialState::Intended,
        });
    }
}

pub(super) fn issued(
    state: &mut State,
    (grant, id): Of,
    kind: &CredentialKind,
    expires_at: Timestamp,
) {
    if let Some(grant) = state.grants.get_mut(&grant) {
        // one that is being taken away, or was read back as gone, is in the target after all: the intent to take it away
        // that stands beside this event counts again
        let issued = CredentialState::Issued { expires_at };
        grant
            .credentials
            .entry(id)
            .or_insert_with(|| Credential {
                id,
                kind: kind.clone(),
                state: issued,
            })
            .state = issued;
    }
}

pub(super) fn failed(state: &mut State, of: Of) {
    if let Some(credential) = credential_mut(state, of) {
        match credential.state {
            // nobody tries again, yet it may exist: it is to be taken away
            CredentialState::Intended => {
                credential.state = CredentialState::Removing { attempts: 0 };
            }
            // it could not be renewed, and ends by itself
            CredentialState::Issued { .. }
            | CredentialState::Removing { .. }
            | CredentialState::Removed => {}
        }
    }
}

pub(super) fn removal_intended(state: &mut State, of: Of) {
    if let Some(credential) = credential_mut(state, of) {
        match credential.state {
            CredentialState::Intended | CredentialState::Issued { .. } => {
                credential.state = CredentialState::Removing { attempts: 0 };
            }
            CredentialState::Removing { .. } | CredentialState::Removed => {}
        }
    }
}

pub(super) fn removal_failed(state: &mut State, of: Of, tries: u32) {
    if let Some(credential) = credential_mut(state, of) {
        match &mut credential.state {
            CredentialState::Removing { attempts } => *attempts = tries,
            CredentialState::Intended
            | CredentialState::Issued { .. }
            | CredentialState::Removed => {}
        }
    }
}

pub(super) fn removed(state: &mut State, of: Of) {
    if let Some(credential) = credential_mut(state, of) {
        credential.state = CredentialState::Removed;
    }
}

pub(super) fn use_allowed(state: &mut State, id: GrantId, use_id: UseId, metered: bool) {
    if let Some(grant) = state.grants.get_mut(&id) {
        grant.open_uses.insert(use_id);
        if metered {
            grant.usage.calls = grant.usage.calls.saturating_add(1);
        }
    }
}

pub(super) fn use_refused(state: &mut State, id: Option<GrantId>, attempt: &Attempt) {
    let Some(grant) = id.and_then(|id| state.grants.get_mut(&id)) else {
        return;
    };
    // only what the holder's own credential reaches for counts: nobody can have another's grant contained
    let own = attempt
        .credential
        .is_some_and(|credential| grant.credentials.contains_key(&credential));
    let active = matches!(grant.state, GrantState::Active { .. });
    if own && active && !outside(&grant.terms, attempt).is_empty() {
        grant.usage.refusals = grant.usage.refusals.saturating_add(1);
    }
}

pub(super) fn use_finished(state: &mut State, id: GrantId, use_id: UseId, outcome: &UseOutcome) {
    if let Some(grant) = state.grants.get_mut(&id)
        && grant.open_uses.remove(&use_id)
    {
        grant.usage.bytes = grant.usage.bytes.saturating_add(outcome.bytes);
        grant.usage.rows = grant.usage.rows.saturating_add(outcome.rows);
    }
}

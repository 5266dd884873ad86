//! From an event to what must be done outside because of it.
//!
//! INVARIANT: what [`outstanding`] derives from the state alone is what [`react`] asked for after each event, less what result
//! events have answered since. So a crash loses no effect: after the restart the state says what is still to be done. Notices
//! are the exception: they are a courtesy, have no result event, and are not sent again.
use crate::{
    effect::{Effect, Notice},
    event::Event,
    grant::{Credential, CredentialState, Grant, GrantState, RENEWAL_SLACK},
    ids::{CredentialId, GrantId},
    request::TurnKind,
    state::State,
};

/// What must be done because of `event`, in the order of work; `state_after` is the state with the event folded in.
pub fn react(state_after: &State, event: &Event) -> Vec<Effect> {
    let notice = |notice| vec![Effect::Notify(notice)];
    match event {
        Event::RequestSubmitted { request, .. }
        | Event::RequestEdited { request, .. }
        | Event::RequestApproved { request, .. }
        | Event::RequestEscalated { request, .. } => {
            if state_after.requests.contains_key(request) {
                notice(Notice::RequestWaits(*request))
            } else {
                Vec::new()
            }
        }
        Event::RequestDiscussed { request, turn } => notice(match turn.kind {
            TurnKind::Question => Notice::RequesterAsked(*request),
            TurnKind::Answer => Notice::RequestWaits(*request),
        }),
        Event::RequestDenied { request, .. } | Event::RequestExpired { request } => {
            notice(Notice::RequestDecided(*request))
        }
        Event::GrantScheduled { terms, .. } => notice(Notice::RequestDecided(terms.request)),
        Event::GrantExtended { grant, request, .. } => {
            let mut effects = changed(state_after, *grant);
            effects.push(Effect::Notify(Notice::RequestDecided(*request)));
            effects.sort();
            effects
        }
        Event::GrantActivated { grant, .. }
        | Event::GrantHeld { grant, .. }
        | Event::GrantResumed { grant, .. }
        | Event::GrantEnded { grant, .. } => changed(state_after, *grant),
        Event::CredentialIntended {
            grant, credential, ..
        }
        | Event::CredentialIssued {
            grant, credential, ..
        }
        | Event::CredentialFailed {
            grant, credential, ..
        }
        | Event::CredentialRemovalIntended { grant, credential }
        | Event::CredentialRemovalFailed {
            grant, credential, ..
        } => of_credential(state_after, *grant, *credential),
        Event::ReviewDue { grant, .. } => notice(Notice::ReviewDue(*grant)),
        Event::AlarmRaised { alarm } => notice(Notice::of(alarm)),
        Event::BundleAdopted { .. }
        | Event::BundleProposed { .. }
        | Event::DirectoryChanged { .. }
        | Event::RequestWithdrawn { .. }
        | Event::GrantClosed { .. }
        | Event::CredentialRemoved { .. }
        | Event::UseAllowed { .. }
        | Event::UseRefused { .. }
        | Event::UseFinished { .. }
        | Event::ActivityRecorded { .. }
        | Event::GrantReviewed { .. } => Vec::new(),
    }
}

/// Every effect that the state implies, in the order of work: what is to be done after a restart.
pub fn outstanding(state: &State) -> Vec<Effect> {
    let mut effects: Vec<Effect> = state.grants.values().flat_map(implied).collect();
    effects.sort();
    effects
}

fn changed(state: &State, id: GrantId) -> Vec<Effect> {
    let mut effects: Vec<Effect> = state
        .grants
        .get(&id)
        .into_iter()
        .flat_map(implied)
        .collect();
    effects.push(Effect::Notify(Notice::GrantChanged(id)));
    effects.sort();
    effects
}

fn of_credential(state: &State, grant: GrantId, credential: CredentialId) -> Vec<Effect> {
    state
        .grants
        .get(&grant)
        .and_then(|grant| Some((grant, grant.credentials.get(&credential)?)))
        .and_then(|(grant, credential)| wanted(grant, credential))
        .into_iter()
        .collect()
}

fn implied(grant: &Grant) -> impl Iterator<Item = Effect> {
    let contain = match grant.state {
        GrantState::Held { because, .. } if because.contains() => Some(Effect::Contain {
            grant: grant.terms.id,
        }),
        GrantState::Scheduled { .. }
        | GrantState::Active { .. }
        | GrantState::Held { .. }
        | GrantState::Ended { .. } => None,
    };
    let credentials = grant
        .credentials
        .values()
        .filter_map(|credential| wanted(grant, credential));
    contain.into_iter().chain(credentials)
}

/// What is to be done about one credential. Power is given only while the grant is active, and taken away in any state.
fn wanted(grant: &Grant, credential: &Credential) -> Option<Effect> {
    if !credential.kind.lives_in_target() {
        return None;
    }
    let (grant_id, credential_id) = (grant.terms.id, credential.id);
    let active_until = match grant.state {
        GrantState::Active { expires_at, .. } => Some(expires_at),
        GrantState::Scheduled { .. } | GrantState::Held { .. } | GrantState::Ended { .. } => None,
    };
    match credential.state {
        CredentialState::Removing { .. } => Some(Effect::Remove {
            grant: grant_id,
            credential: credential_id,
        }),
        CredentialState::Intended => active_until.map(|_| Effect::Provision {
            grant: grant_id,
            credential: credential_id,
        }),
        CredentialState::Issued { expires_at } => active_until
            .filter(|until| expires_at.plus(RENEWAL_SLACK) <= *until)
            .map(|_| Effect::Renew {
                grant: grant_id,
                credential: credential_id,
            }),
        CredentialState::Removed => None,
    }
}

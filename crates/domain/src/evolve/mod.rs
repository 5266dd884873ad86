//! From an event to the next state: the only way in which anything is remembered, so that a replay remembers the same.
//!
//! Total: an event that the rules would not have produced here (a forged log, a bug) changes nothing and never panics. It isn't
//! silently accepted either: a replay decides every command again and names the first entry that differs. What is over stays
//! over: no event of any kind brings an ended grant back.
mod directory;
mod grant;
mod quarantine;
mod request;

use crate::{event::Event, state::State, time::Timestamp};

/// Folds one event, recorded at `at`, into `state`.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per event: the list is the point"
)]
pub fn evolve(state: &mut State, event: &Event, at: Timestamp) {
    match event {
        Event::BundleAdopted { bundle, .. } => directory::adopted(state, *bundle),
        Event::BundleProposed { bundle, by } => {
            state.proposed = Some((*bundle, by.clone()));
        }
        Event::DirectoryChanged { change } => directory::changed(state, change, at),
        Event::RequestSubmitted { .. } => request::submitted(state, event, at),
        Event::RequestEdited { .. } => request::edited(state, event),
        Event::RequestWithdrawn { request }
        | Event::RequestDenied { request, .. }
        | Event::RequestExpired { request } => request::closed(state, *request),
        Event::RequestApproved {
            request,
            consent,
            narrowed,
        } => request::approved(state, *request, consent, narrowed.as_ref()),
        Event::RequestDiscussed { request, turn } => request::discussed(state, *request, turn),
        Event::RequestEscalated { request, .. } => request::escalated(state, *request),
        Event::GrantScheduled { terms, starts_at } => {
            request::closed(state, terms.request);
            grant::scheduled(state, terms, *starts_at);
        }
        Event::GrantActivated { grant, expires_at } => {
            grant::activated(state, *grant, *expires_at, at);
        }
        Event::GrantExtended {
            grant,
            request,
            expires_at,
        } => {
            request::closed(state, *request);
            grant::extended(state, *grant, *expires_at);
        }
        Event::GrantHeld { grant, because, .. } => grant::held(state, *grant, *because, at),
        Event::GrantResumed { grant, .. } => grant::resumed(state, *grant),
        Event::GrantEnded { grant, reason, .. } => grant::ended(state, *grant, *reason, at),
        Event::GrantClosed { grant, .. } => grant::closed(state, *grant),
        Event::CredentialIntended {
            grant,
            credential,
            kind,
        } => grant::intended(state, (*grant, *credential), kind),
        Event::CredentialIssued {
            grant,
            credential,
            kind,
            expires_at,
        } => grant::issued(state, (*grant, *credential), kind, *expires_at),
        Event::CredentialFailed {
            grant, credential, ..
        } => grant::failed(state, (*grant, *credential)),
        Event::CredentialRemovalIntended { grant, credential } => {
            grant::removal_intended(state, (*grant, *credential));
        }
        Event::CredentialRemovalFailed {
            grant,
            credential,
            attempts,
            ..
        } => grant::removal_failed(state, (*grant, *credential), *attempts),
        Event::CredentialRemoved {
            grant, credential, ..
        } => grant::removed(state, (*grant, *credential)),
        Event::UseAllowed {
            use_id,
            grant,
            metered,
            ..
        } => grant::use_allowed(state, *grant, *use_id, *metered),
        Event::UseRefused { grant, attempt, .. } => grant::use_refused(state, *grant, attempt),
        Event::UseFinished {
            use_id,
            grant,
            outcome,
        } => grant::use_finished(state, *grant, *use_id, outcome),
        Event::ActivityRecorded { activity } => {
            let read = state
                .activity_read
                .entry(activity.platform.clone())
                .or_default();
            if activity.source > *read {
                read.clone_from(&activity.source);
            }
        }
        Event::ReviewDue { grant, due_at, .. } => grant::review_due(state, *grant, *due_at),
        Event::ReviewEscalated {
            grant, again_at, ..
        } => grant::review_escalated(state, *grant, *again_at),
        Event::GrantReviewed { grant, .. } => {
            state.reviews.remove(grant);
        }
        Event::QuarantineBegun { copied, platforms } => {
            quarantine::begun(state, *copied, platforms, at);
        }
        Event::StraysFound { platform, names } => {
            quarantine::strays_found(state, platform, names);
        }
        Event::StrayEnded { platform, name, .. } => quarantine::stray_ended(state, platform, name),
        Event::PlatformReconciled { platform } => quarantine::reconciled(state, platform, at),
        Event::QuarantineLifted { .. } => state.quarantine = None,
        Event::ErasureIntended { person } => directory::erasure_intended(state, person),
        Event::PersonErased { person } => directory::erased(state, person),
        Event::LegalHoldPlaced { hold } => {
            state.legal_holds.insert(hold.id.clone(), hold.clone());
        }
        Event::LegalHoldLifted { hold } => {
            state.legal_holds.remove(hold);
        }
        // told, not remembered: what it tells of is in the event beside it
        Event::AlarmRaised { .. }
        | Event::WitnessesAnswering { .. }
        | Event::CredentialMissing { .. } => {}
    }
}

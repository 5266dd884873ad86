//! What is remembered of requests: open ones only. A request that was decided, taken back or left to lapse lives in the ledger
//! and its projections.
use crate::{
    event::Event,
    ids::RequestId,
    request::{Consent, Narrowing, Request, Turn},
    state::State,
    time::Timestamp,
};

pub(super) fn submitted(state: &mut State, event: &Event, at: Timestamp) {
    let Event::RequestSubmitted {
        request,
        number,
        requester,
        account,
        ask,
        digest,
        impact,
        stages,
        escalate_at,
        expires_at,
    } = event
    else {
        return;
    };
    state.requests_numbered = state.requests_numbered.max(number.0);
    let fresh = Request {
        id: *request,
        number: *number,
        requester: requester.clone(),
        account: account.clone(),
        ask: ask.clone(),
        bundle: state.bundle,
        digest: *digest,
        revision: 1,
        impact: impact.clone(),
        stages: stages.clone(),
        narrowed: None,
        consents: Vec::new(),
        conversation: Vec::new(),
        sent_at: at,
        escalate_at: *escalate_at,
        escalated: false,
        expires_at: *expires_at,
    };
    state.requests.entry(*request).or_insert(fresh);
}

pub(super) fn edited(state: &mut State, event: &Event) {
    let Event::RequestEdited {
        request,
        ask,
        digest,
        revision,
        impact,
        stages,
        voided: _,
        escalate_at,
        expires_at,
    } = event
    else {
        return;
    };
    let in_force = state.bundle;
    let Some(open) = state.requests.get_mut(request) else {
        return;
    };
    // INVARIANT: a consent binds one revision; nothing of the earlier ones counts for this one
    open.consents.clear();
    open.narrowed = None;
    open.ask = ask.clone();
    open.bundle = in_force;
    open.digest = *digest;
    open.revision = *revision;
    open.impact = impact.clone();
    open.stages.clone_from(stages);
    open.escalate_at = *escalate_at;
    open.escalated = false;
    open.expires_at = *expires_at;
}

pub(super) fn approved(
    state: &mut State,
    request: RequestId,
    consent: &Consent,
    narrowed: Option<&Narrowing>,
) {
    if let Some(open) = state.requests.get_mut(&request) {
        open.consents.push(consent.clone());
        if let Some(narrowed) = narrowed {
            open.narrowed = Some(narrowed.clone());
        }
    }
}

pub(super) fn discussed(state: &mut State, request: RequestId, turn: &Turn) {
    if let Some(open) = state.requests.get_mut(&request) {
        open.conversation.push(turn.clone());
    }
}

pub(super) fn escalated(state: &mut State, request: RequestId) {
    if let Some(open) = state.requests.get_mut(&request) {
        open.escalated = true;
    }
}

pub(super) fn closed(state: &mut State, request: RequestId) {
    state.requests.remove(&request);
}

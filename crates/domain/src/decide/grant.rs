//! The life of a grant after it was agreed.
use crate::{
    actor::Context,
    event::Event,
    grant::{GrantTerms, HoldReason},
    ids::GrantId,
    refusal::Refused,
    state::State,
    text::Text,
};

/// What follows when a grant begins at `context.now`: `GrantActivated`, then the intents of its credentials (ids from
/// `context.uuid(16)` up). Also called by the last consent and by break-glass, where the grant is not yet in `state`.
pub fn activation(_state: &State, terms: &GrantTerms, context: &Context) -> Vec<Event> {
    vec![Event::GrantActivated {
        grant: terms.id,
        expires_at: context.now.plus(terms.duration),
    }]
}

pub(super) fn activate(
    _state: &State,
    _grant: GrantId,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn expire(
    _state: &State,
    _grant: GrantId,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn give_back(
    _state: &State,
    _grant: GrantId,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn revoke(
    _state: &State,
    _grant: GrantId,
    _comment: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn hold(
    _state: &State,
    _grant: GrantId,
    _comment: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn resume(
    _state: &State,
    _grant: GrantId,
    _comment: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn contain(
    _state: &State,
    _grant: GrantId,
    _because: HoldReason,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

//! Use of a grant at an enforcement point. A refused use is an event too (`UseRefused`), so this reads the verdict itself: see
//! `super::allowed`.
use crate::{
    actor::Context,
    command::{Activity, Attempt, UseOutcome},
    event::Event,
    ids::{GrantId, UseId},
    refusal::Refused,
    state::State,
};

pub(super) fn begin(
    _state: &State,
    _attempt: &Attempt,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn finish(
    _state: &State,
    _of: (GrantId, UseId),
    _outcome: &UseOutcome,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn activity(
    _state: &State,
    _activity: &Activity,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

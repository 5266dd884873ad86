//! Questions, answers, and what happens when nobody answers.
use crate::{
    actor::Context, event::Event, ids::RequestId, refusal::Refused, state::State, text::Text,
};

pub(super) fn ask(
    _state: &State,
    _request: RequestId,
    _text: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn answer(
    _state: &State,
    _request: RequestId,
    _text: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn escalate(
    _state: &State,
    _request: RequestId,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn expire(
    _state: &State,
    _request: RequestId,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

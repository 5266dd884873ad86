//! Asking: sending, changing and taking back a request.
use crate::{
    actor::Context, event::Event, ids::RequestId, refusal::Refused, request::Ask, state::State,
};

pub(super) fn submit(
    _state: &State,
    _ask: &Ask,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn edit(
    _state: &State,
    _request: RequestId,
    _ask: &Ask,
    _revision: u32,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn withdraw(
    _state: &State,
    _request: RequestId,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

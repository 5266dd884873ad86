//! Changes of the directory, put on record one by one.
use crate::{
    actor::Context, command::DirectoryChange, event::Event, refusal::Refused, state::State,
};

pub(super) fn change(
    _state: &State,
    _change: &DirectoryChange,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

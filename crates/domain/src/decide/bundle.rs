//! Which rules are in force: the first bundle is genesis, every later one takes two persons.
use crate::{actor::Context, event::Event, ids::Digest, refusal::Refused, state::State};

pub(super) fn adopt_genesis(
    _state: &State,
    _bundle: Digest,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn propose(
    _state: &State,
    _bundle: Digest,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn confirm(
    _state: &State,
    _bundle: Digest,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

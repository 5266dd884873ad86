//! Looking back: was the use what the purpose said?
use crate::{
    actor::Context, command::ReviewFinding, event::Event, ids::GrantId, refusal::Refused,
    state::State, text::Text,
};

pub(super) fn review(
    _state: &State,
    _grant: GrantId,
    _finding: ReviewFinding,
    _comment: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

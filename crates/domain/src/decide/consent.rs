//! Yes and no.
use crate::{
    actor::Context,
    event::Event,
    ids::{Digest, RequestId},
    refusal::Refused,
    request::Narrowing,
    state::State,
    text::Text,
};

/// A consent, as it was given.
#[expect(dead_code, reason = "read by the rules of consent")]
pub(super) struct Yes<'a> {
    pub(super) digest: Digest,
    pub(super) narrowing: Option<&'a Narrowing>,
    pub(super) comment: &'a Text,
}

pub(super) fn approve(
    _state: &State,
    _request: RequestId,
    _yes: &Yes<'_>,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn deny(
    _state: &State,
    _request: RequestId,
    _digest: Digest,
    _comment: &Text,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

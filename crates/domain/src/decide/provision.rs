//! Credentials: intended, made, taken back, read back.
use crate::{
    actor::Context,
    event::Event,
    grant::CredentialKind,
    ids::{CredentialId, GrantId},
    refusal::Refused,
    state::State,
    time::Timestamp,
};

pub(super) fn issue(
    _state: &State,
    _grant: GrantId,
    _kind: &CredentialKind,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn provisioned(
    _state: &State,
    _of: (GrantId, CredentialId),
    _expires_at: Timestamp,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn provision_failed(
    _state: &State,
    _of: (GrantId, CredentialId),
    _because: &str,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn removed(
    _state: &State,
    _of: (GrantId, CredentialId),
    _read_back: &str,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

pub(super) fn removal_failed(
    _state: &State,
    _of: (GrantId, CredentialId),
    _because: &str,
    _context: &Context,
) -> Result<Vec<Event>, Refused> {
    Err(Refused::NotForPersons)
}

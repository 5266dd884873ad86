//! Credentials: intended, made, taken back, read back. Workers report here; each report may come twice, late, or after the grant
//! has ended, and none of that may leave anything behind in a target.
use super::{
    ending::{closing, ending},
    grant::{CREDENTIAL_IDS, live},
};
use crate::{
    acting::{acting, broker_only},
    actor::Context,
    event::{Alarm, Event},
    grant::{
        CREDENTIALS_MAX, Credential, CredentialKind, CredentialState, EndReason, Grant, GrantState,
    },
    ids::{CredentialId, GrantId},
    refusal::Refused,
    state::State,
    time::Timestamp,
};

/// From this many failed tries to take a credential away, security is told at each.
pub const REMOVAL_OVERDUE_FROM: u32 = 3;

pub(super) fn issue(
    state: &State,
    grant: GrantId,
    kind: &CredentialKind,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    if kind.lives_in_target() {
        return Err(Refused::NotOnDemand);
    }
    let grant = live(state, grant)?;
    if grant.terms.holder != person {
        return Err(Refused::NotTheHolder { person });
    }
    if grant.terms.approved_by.contains(&person) {
        return Err(Refused::ApproverUses { person });
    }
    let expires_at = match grant.state {
        GrantState::Active { expires_at, .. } if context.now < expires_at => expires_at,
        GrantState::Active { expires_at, .. } => {
            return Err(Refused::Over {
                ended_at: expires_at,
            });
        }
        GrantState::Scheduled { starts_at } => return Err(Refused::NotBegun { starts_at }),
        GrantState::Held { .. } => return Err(Refused::OnHold),
        GrantState::Ended { at, .. } => return Err(Refused::Over { ended_at: at }),
    };
    if grant.credentials.len() >= CREDENTIALS_MAX {
        return Err(Refused::TooManyCredentials {
            max: CREDENTIALS_MAX,
        });
    }
    // INVARIANT: no credential outlives its grant
    Ok(vec![Event::CredentialIssued {
        grant: grant.terms.id,
        credential: CredentialId(context.uuid(CREDENTIAL_IDS)),
        kind: kind.clone(),
        expires_at,
    }])
}

pub(super) fn provisioned(
    state: &State,
    of: (GrantId, CredentialId),
    expires_at: Timestamp,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let (grant, credential) = known(state, of)?;
    let made = Event::CredentialIssued {
        grant: grant.terms.id,
        credential: credential.id,
        kind: credential.kind.clone(),
        expires_at,
    };
    let active_until = match grant.state {
        GrantState::Active { expires_at, .. } => Some(expires_at),
        GrantState::Scheduled { .. } | GrantState::Held { .. } | GrantState::Ended { .. } => None,
    };
    match (credential.state, active_until) {
        (CredentialState::Issued { expires_at: same }, _) if same == expires_at => {
            Err(Refused::Repeated)
        }
        (CredentialState::Intended | CredentialState::Issued { .. }, Some(ends_at)) => {
            if expires_at <= ends_at {
                Ok(vec![made])
            } else {
                Err(Refused::Outlives { ends_at })
            }
        }
        // held, ended or given up meanwhile: it is in the target now, so it is to be taken away (again)
        (
            CredentialState::Intended
            | CredentialState::Issued { .. }
            | CredentialState::Removing { .. }
            | CredentialState::Removed,
            _,
        ) => Ok(vec![
            made,
            Event::CredentialRemovalIntended {
                grant: grant.terms.id,
                credential: credential.id,
            },
        ]),
    }
}

pub(super) fn provision_failed(
    state: &State,
    of: (GrantId, CredentialId),
    because: &str,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let (grant, credential) = known(state, of)?;
    let mut events = vec![Event::CredentialFailed {
        grant: grant.terms.id,
        credential: credential.id,
        because: because.to_owned(),
    }];
    match (credential.state, &grant.state) {
        // it may exist all the same: the end takes it back like any other
        (CredentialState::Intended, GrantState::Active { .. }) => {
            events.extend(ending(state, grant, EndReason::Superseded, None, context));
        }
        // a renewal that failed takes nothing away: the credential ends by itself, earlier than its grant
        (
            CredentialState::Intended
            | CredentialState::Issued { .. }
            | CredentialState::Removing { .. }
            | CredentialState::Removed,
            GrantState::Scheduled { .. }
            | GrantState::Active { .. }
            | GrantState::Held { .. }
            | GrantState::Ended { .. },
        ) => {}
    }
    Ok(events)
}

pub(super) fn removed(
    state: &State,
    of: (GrantId, CredentialId),
    read_back: &str,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let (grant, credential) = removing(state, of)?;
    let mut events = vec![Event::CredentialRemoved {
        grant: grant.terms.id,
        credential: credential.id,
        read_back: read_back.to_owned(),
    }];
    let others_gone = grant
        .credentials
        .values()
        .filter(|other| other.id != credential.id)
        .all(Credential::is_gone);
    match grant.state {
        GrantState::Ended { reason, at } if others_gone => {
            events.push(closing(grant, reason, at));
        }
        GrantState::Scheduled { .. }
        | GrantState::Active { .. }
        | GrantState::Held { .. }
        | GrantState::Ended { .. } => {}
    }
    Ok(events)
}

pub(super) fn removal_failed(
    state: &State,
    of: (GrantId, CredentialId),
    because: &str,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let (grant, credential) = removing(state, of)?;
    let attempts = match credential.state {
        CredentialState::Removing { attempts } => attempts.saturating_add(1),
        CredentialState::Intended | CredentialState::Issued { .. } | CredentialState::Removed => {
            return Err(Refused::NotRemoving);
        }
    };
    let (grant, credential) = (grant.terms.id, credential.id);
    let mut events = vec![Event::CredentialRemovalFailed {
        grant,
        credential,
        attempts,
        because: because.to_owned(),
    }];
    if attempts >= REMOVAL_OVERDUE_FROM {
        events.push(Event::AlarmRaised {
            alarm: Alarm::RemovalOverdue {
                grant,
                credential,
                attempts,
            },
        });
    }
    Ok(events)
}

fn known(
    state: &State,
    (grant, credential): (GrantId, CredentialId),
) -> Result<(&Grant, &Credential), Refused> {
    // ended grants count: they stay until everything is read back
    let grant = state
        .grants
        .get(&grant)
        .ok_or(Refused::NoLiveGrant { grant })?;
    let credential = grant
        .credentials
        .get(&credential)
        .filter(|credential| credential.kind.lives_in_target())
        .ok_or(Refused::CredentialUnknown)?;
    Ok((grant, credential))
}

fn removing(state: &State, of: (GrantId, CredentialId)) -> Result<(&Grant, &Credential), Refused> {
    let (grant, credential) = known(state, of)?;
    match credential.state {
        CredentialState::Removing { .. } => Ok((grant, credential)),
        CredentialState::Removed => Err(Refused::Repeated),
        CredentialState::Intended | CredentialState::Issued { .. } => Err(Refused::NotRemoving),
    }
}

#[cfg(test)]
mod tests;

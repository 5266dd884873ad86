//! The life of a grant after it was agreed: it begins, is held and goes on, and ends.
//!
//! A hold makes credentials in targets unusable too, in the simplest sound way: they are taken away, and a resumed grant gets a
//! new one. Suspending them in place would need a second kind of read-back in every target. The clock runs on meanwhile.
use super::ending::{Hand, ending, holding, policy_alarm};
use crate::{
    acting::{acting, broker_only},
    actor::{Actor, Context},
    asking::{Lends, Look},
    catalog::Provisioning,
    event::Event,
    grant::{
        CREDENTIALS_MAX, CredentialKind, EndReason, Grant, GrantState, GrantTerms, HoldReason,
    },
    ids::{CredentialId, GrantId, PersonId, RequestId},
    refusal::Refused,
    request::{Ask, RequestKind, Start},
    state::State,
    text::Text,
    time::Seconds,
};
use std::collections::{BTreeMap, BTreeSet};

/// The first of a decision's ids that are credentials.
pub(super) const CREDENTIAL_IDS: u32 = 16;

/// What follows when a grant begins at `context.now`: `GrantActivated`, then the intents of its credentials (ids from
/// `context.uuid(16)` up). Also called by the last consent and by break-glass, where the grant is not yet in `state`.
pub fn activation(_state: &State, terms: &GrantTerms, context: &Context) -> Vec<Event> {
    let mut events = vec![Event::GrantActivated {
        grant: terms.id,
        expires_at: context.now.plus(terms.duration),
    }];
    events.extend(intent(terms, context));
    events
}

/// The same grant ends `duration` later than it would have: no gap, no new credential. For the last consent to an extension.
///
/// # Errors
///
/// Refuses if the grant isn't active at `context.now`: what is over stays over, and what is held is extended by nobody.
pub fn extended(
    state: &State,
    grant: GrantId,
    request: RequestId,
    duration: Seconds,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    match state.grants.get(&grant).map(|grant| &grant.state) {
        Some(GrantState::Active { expires_at, .. }) if context.now < *expires_at => {
            Ok(vec![Event::GrantExtended {
                grant,
                request,
                expires_at: expires_at.plus(duration),
            }])
        }
        Some(
            GrantState::Scheduled { .. }
            | GrantState::Active { .. }
            | GrantState::Held { .. }
            | GrantState::Ended { .. },
        )
        | None => Err(Refused::NothingToExtend { grant }),
    }
}

/// What follows when `person` may no longer act, or is gone: their active grants are held at once.
pub fn suspension(state: &State, person: &PersonId) -> Vec<Event> {
    state
        .grants
        .values()
        .filter(|grant| grant.terms.holder == *person)
        .filter(|grant| matches!(grant.state, GrantState::Active { .. }))
        .flat_map(|grant| holding(grant, HoldReason::HolderSuspended, None, None))
        .collect()
}

pub(super) fn activate(
    state: &State,
    grant: GrantId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let grant = live(state, grant)?;
    match grant.state {
        GrantState::Scheduled { starts_at } if context.now < starts_at => {
            return Err(Refused::TooEarly { due_at: starts_at });
        }
        GrantState::Scheduled { .. } => {}
        GrantState::Active { .. } | GrantState::Held { .. } | GrantState::Ended { .. } => {
            return Err(Refused::Repeated);
        }
    }
    // consent was given to what was true then; what is true now decides
    match still_allowed(state, &grant.terms, context) {
        Ok(()) => Ok(activation(state, &grant.terms, context)),
        Err(refused) => {
            let mut events = ending(state, grant, EndReason::Superseded, None, context);
            events.extend(policy_alarm(&refused));
            Ok(events)
        }
    }
}

pub(super) fn expire(
    state: &State,
    grant: GrantId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let grant = live(state, grant)?;
    match grant.state.expires_at() {
        Some(expires_at) if expires_at <= context.now => {
            Ok(ending(state, grant, EndReason::Expired, None, context))
        }
        Some(due_at) => Err(Refused::TooEarly { due_at }),
        None => Err(not_begun(grant)),
    }
}

pub(super) fn give_back(
    state: &State,
    grant: GrantId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let grant = live(state, grant)?;
    if grant.terms.holder != person {
        return Err(Refused::NotTheHolder { person });
    }
    let by = Hand {
        by: Some(person),
        comment: None,
    };
    Ok(ending(state, grant, EndReason::Returned, Some(by), context))
}

pub(super) fn revoke(
    state: &State,
    grant: GrantId,
    comment: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let grant = live(state, grant)?;
    let hand = Hand {
        by: revoker(state, grant, context)?,
        comment: Some(comment.clone()),
    };
    Ok(ending(
        state,
        grant,
        EndReason::Revoked,
        Some(hand),
        context,
    ))
}

pub(super) fn hold(
    state: &State,
    grant: GrantId,
    comment: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let grant = live(state, grant)?;
    if !state.may_hold(&person, context.now) {
        return Err(Refused::NotToIntervene { person });
    }
    match grant.state {
        GrantState::Active { expires_at, .. } if context.now < expires_at => {
            let comment = Some(comment.clone());
            Ok(holding(grant, HoldReason::ByHuman, Some(person), comment))
        }
        GrantState::Active { expires_at, .. } => Err(Refused::Over {
            ended_at: expires_at,
        }),
        GrantState::Held { .. } => Err(Refused::OnHold),
        GrantState::Scheduled { .. } | GrantState::Ended { .. } => Err(not_begun(grant)),
    }
}

pub(super) fn resume(
    state: &State,
    grant: GrantId,
    comment: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let grant = live(state, grant)?;
    if grant.terms.holder == person && state.may_hold(&person, context.now) {
        return Err(Refused::OwnGrant { person });
    }
    if !state.may_resume(&person, &grant.terms, context.now) {
        return Err(Refused::NotToIntervene { person });
    }
    match grant.state {
        GrantState::Held { because, .. } if because.contains() => {
            return Err(Refused::BeingContained);
        }
        GrantState::Held { expires_at, .. } if expires_at <= context.now => {
            return Err(Refused::Over {
                ended_at: expires_at,
            });
        }
        GrantState::Held { .. } => {}
        GrantState::Scheduled { .. } | GrantState::Active { .. } | GrantState::Ended { .. } => {
            return Err(Refused::NotOnHold);
        }
    }
    if !state.directory.may_act(&grant.terms.holder) {
        return Err(Refused::Suspended {
            person: grant.terms.holder.clone(),
        });
    }
    let fresh = intent(&grant.terms, context);
    if fresh.is_some() && grant.credentials.len() >= CREDENTIALS_MAX {
        return Err(Refused::TooManyCredentials {
            max: CREDENTIALS_MAX,
        });
    }
    let mut events = vec![Event::GrantResumed {
        grant: grant.terms.id,
        by: person,
        comment: comment.clone(),
    }];
    events.extend(fresh);
    Ok(events)
}

pub(super) fn contain(
    state: &State,
    grant: GrantId,
    because: HoldReason,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let grant = live(state, grant)?;
    match grant.state {
        GrantState::Held { because: held, .. } if held.contains() && held == because => {
            Ok(ending(state, grant, EndReason::Contained, None, context))
        }
        GrantState::Scheduled { .. }
        | GrantState::Active { .. }
        | GrantState::Held { .. }
        | GrantState::Ended { .. } => Err(Refused::NotOnHold),
    }
}

/// The grant, unless it is over.
pub(super) fn live(state: &State, grant: GrantId) -> Result<&Grant, Refused> {
    let known = state
        .grants
        .get(&grant)
        .ok_or(Refused::NoLiveGrant { grant })?;
    match known.state {
        GrantState::Ended { at, .. } => Err(Refused::Over { ended_at: at }),
        GrantState::Scheduled { .. } | GrantState::Active { .. } | GrantState::Held { .. } => {
            Ok(known)
        }
    }
}

fn not_begun(grant: &Grant) -> Refused {
    match grant.state {
        GrantState::Scheduled { starts_at } => Refused::NotBegun { starts_at },
        GrantState::Active { .. } => Refused::NotOnHold,
        GrantState::Held { .. } => Refused::OnHold,
        GrantState::Ended { at, .. } => Refused::Over { ended_at: at },
    }
}

/// The durable intent that must be on record before anything is made in a target.
fn intent(terms: &GrantTerms, context: &Context) -> Option<Event> {
    let id = context.uuid(CREDENTIAL_IDS);
    let kind = match terms.provisioning {
        Provisioning::Gateway => return None,
        Provisioning::PostgresRole { .. } => {
            let [.., a, b, c] = *id.as_bytes();
            CredentialKind::PostgresRole {
                role: format!("remit_g{}_{a:02x}{b:02x}{c:02x}", terms.number.0),
            }
        }
        Provisioning::NodeRedToken { .. } => CredentialKind::NodeRedToken,
    };
    Some(Event::CredentialIntended {
        grant: terms.id,
        credential: CredentialId(id),
        kind,
    })
}

/// Whoever may take a grant back: security, the data owner of a target, the governance owner, their deputies, the operator.
fn revoker(state: &State, grant: &Grant, context: &Context) -> Result<Option<PersonId>, Refused> {
    if context.actor == Actor::Operator {
        return Ok(None);
    }
    let person = acting(state, &context.actor)?.person;
    if state.may_revoke(&person, &grant.terms, context.now) {
        return Ok(Some(person));
    }
    Err(Refused::NotToIntervene { person })
}

/// What consent can't promise: that the rules about person, time and world still say yes when the time has come.
fn still_allowed(state: &State, terms: &GrantTerms, context: &Context) -> Result<(), Refused> {
    let ask = Ask {
        privilege: terms.privilege.clone(),
        targets: terms.targets.clone(),
        duration: terms.duration,
        start: Start::Now,
        answers: BTreeMap::new(),
        ticket: None,
        confirmed: BTreeSet::new(),
        kind: if terms.break_glass {
            RequestKind::BreakGlass
        } else {
            RequestKind::New
        },
    };
    let look = Look::at(state, &terms.holder, &ask, None, context.now)?;
    look.check_again()?;
    if !Lends::from(terms).is_within(&Lends::from(look.privilege)) {
        return Err(Refused::RulesChanged {
            request: terms.request,
        });
    }
    // policies rule over what people want; the clock wants nothing, but if they were asked, they are heard
    match &context.verdict {
        Some(verdict) => super::allowed(Some(verdict)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

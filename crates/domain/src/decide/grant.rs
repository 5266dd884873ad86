//! The life of a grant after it was agreed. Every way out passes through [`ending`]: the end, then an intent to take back each
//! credential that may exist, or the closing at once if nothing is left.
//!
//! A hold makes credentials in targets unusable too, in the simplest sound way: they are taken away, and a resumed grant gets a
//! new one. Suspending them in place would need a second kind of read-back in every target. The clock runs on meanwhile.
use crate::{
    acting::{acting, broker_only},
    actor::{Actor, Context},
    catalog::Provisioning,
    event::{Alarm, Event},
    grant::{
        CREDENTIALS_MAX, CredentialKind, EndReason, Grant, GrantState, GrantTerms, HoldReason,
    },
    ids::{CredentialId, GrantId, PersonId, RequestId},
    refusal::Refused,
    state::State,
    text::Text,
    time::{Seconds, Timestamp},
};

/// The duty that may step into any grant.
pub(super) const SECURITY: &str = "security";

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
    if !is_security(state, &person, context.now) {
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
    if !is_security(state, &person, context.now) {
        return Err(Refused::NotToIntervene { person });
    }
    if grant.terms.holder == person {
        return Err(Refused::OwnGrant { person });
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
    if !may_act(state, &grant.terms.holder) {
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

/// Whose hand ended a grant, and their words.
#[derive(Debug)]
pub(super) struct Hand {
    /// Who; `None` is the operator.
    pub(super) by: Option<PersonId>,
    /// Why.
    pub(super) comment: Option<Text>,
}

/// The one way out. A grant whose time is over has expired, whoever ends it; a broken rule stays on record as such.
pub(super) fn ending(
    state: &State,
    grant: &Grant,
    wish: EndReason,
    hand: Option<Hand>,
    context: &Context,
) -> Vec<Event> {
    let id = grant.terms.id;
    let over = grant
        .state
        .expires_at()
        .is_some_and(|expires_at| expires_at <= context.now);
    let (reason, hand) = match (&grant.state, wish) {
        (GrantState::Held { because, .. }, _) if because.contains() => (EndReason::Contained, hand),
        (_, EndReason::Contained) => (EndReason::Contained, hand),
        _ if over => (EndReason::Expired, None),
        _ => (wish, hand),
    };
    let (by, comment) = hand.map_or((None, None), |hand| (hand.by, hand.comment));
    let mut events = vec![Event::GrantEnded {
        grant: id,
        reason,
        by,
        comment,
    }];
    events.extend(contained_alarm(grant, reason));
    events.extend(review(state, grant, context.now));
    events.extend(removals(grant));
    if grant.is_gone() {
        events.push(closing(grant, reason, context.now));
    }
    events
}

/// Not usable from here on: the hold, then an intent to take back each credential that may exist in a target.
pub(super) fn holding(
    grant: &Grant,
    because: HoldReason,
    by: Option<PersonId>,
    comment: Option<Text>,
) -> Vec<Event> {
    let mut events = vec![Event::GrantHeld {
        grant: grant.terms.id,
        because,
        by,
        comment,
    }];
    events.extend(removals(grant));
    events
}

/// The revocation certificate.
pub(super) fn closing(grant: &Grant, reason: EndReason, ended_at: Timestamp) -> Event {
    Event::GrantClosed {
        grant: grant.terms.id,
        reason,
        ended_at,
        removed: grant.credentials.keys().copied().collect(),
    }
}

/// A policy that could not be evaluated is told at once.
pub(super) fn policy_alarm(refused: &Refused) -> Option<Event> {
    if let Refused::PolicyFailed { policies } = refused {
        let policies = policies.clone();
        return Some(Event::AlarmRaised {
            alarm: Alarm::PolicyError { policies },
        });
    }
    None
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

/// Known and free to act.
pub(super) fn may_act(state: &State, person: &PersonId) -> bool {
    let known = state.directory.persons.get(person);
    known.is_some_and(crate::directory::Person::is_active)
}

fn not_begun(grant: &Grant) -> Refused {
    match grant.state {
        GrantState::Scheduled { starts_at } => Refused::NotBegun { starts_at },
        GrantState::Active { .. } => Refused::NotOnHold,
        GrantState::Held { .. } => Refused::OnHold,
        GrantState::Ended { at, .. } => Refused::Over { ended_at: at },
    }
}

fn removals(grant: &Grant) -> impl Iterator<Item = Event> {
    // INVARIANT: an intended credential counts as made: its worker may have died between the target and the record
    grant
        .credentials
        .values()
        .filter(|credential| credential.is_live_in_target())
        .map(|credential| Event::CredentialRemovalIntended {
            grant: grant.terms.id,
            credential: credential.id,
        })
}

fn contained_alarm(grant: &Grant, reason: EndReason) -> Option<Event> {
    match grant.state {
        GrantState::Held { because, .. } if reason == EndReason::Contained => {
            Some(Event::AlarmRaised {
                alarm: Alarm::Contained {
                    grant: grant.terms.id,
                    because,
                },
            })
        }
        GrantState::Scheduled { .. }
        | GrantState::Active { .. }
        | GrantState::Held { .. }
        | GrantState::Ended { .. } => None,
    }
}

/// The mandatory review of an emergency or of high impact. It is due from the end, not from the closing: a target that
/// doesn't answer must not keep anybody from looking.
fn review(state: &State, grant: &Grant, now: Timestamp) -> Option<Event> {
    let used = match grant.state {
        GrantState::Active { .. } | GrantState::Held { .. } => true,
        GrantState::Scheduled { .. } | GrantState::Ended { .. } => false,
    };
    let catalog = state.catalog()?;
    let [_, high, _] = catalog.impact.bands;
    let must = used && (grant.terms.break_glass || grant.terms.impact >= high);
    must.then(|| Event::ReviewDue {
        grant: grant.terms.id,
        holder: grant.terms.holder.clone(),
        due_at: now.plus(catalog.terms.review_within),
    })
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

fn is_security(state: &State, person: &PersonId, _now: Timestamp) -> bool {
    let known = state.directory.persons.get(person);
    known.is_some_and(|known| known.duties.iter().any(|duty| duty.as_str() == SECURITY))
}

/// Whoever may take a grant back: security, the data owner of a target, the governance owner, the operator.
fn revoker(state: &State, grant: &Grant, context: &Context) -> Result<Option<PersonId>, Refused> {
    if context.actor == Actor::Operator {
        return Ok(None);
    }
    let person = acting(state, &context.actor)?.person;
    let owns = state
        .catalog()
        .is_some_and(|catalog| catalog.owns(&person, &grant.terms.privilege, &grant.terms.targets));
    if owns || is_security(state, &person, context.now) {
        return Ok(Some(person));
    }
    Err(Refused::NotToIntervene { person })
}

/// What consent can't promise: the holder may still act, the privilege still exists, and the policies of today say yes.
fn still_allowed(state: &State, terms: &GrantTerms, context: &Context) -> Result<(), Refused> {
    if !may_act(state, &terms.holder) {
        return Err(Refused::Suspended {
            person: terms.holder.clone(),
        });
    }
    super::allowed(context.verdict.as_ref())
}

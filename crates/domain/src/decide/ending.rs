//! Ends and holds, put together in one place: every way out of a grant passes through [`ending`], which ends it, has every
//! credential that may exist taken back, and closes it at once if nothing is left.
use super::review::opened;
use crate::{
    actor::Context,
    event::{Alarm, Event},
    grant::{EndReason, Grant, GrantState, HoldReason},
    ids::PersonId,
    refusal::Refused,
    state::{ReviewDue, State},
    text::Text,
    time::Timestamp,
};

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
fn review(state: &State, grant: &Grant, now: Timestamp) -> Vec<Event> {
    let used = match grant.state {
        GrantState::Active { .. } | GrantState::Held { .. } => true,
        GrantState::Scheduled { .. } | GrantState::Ended { .. } => false,
    };
    let id = grant.terms.id;
    let Some(catalog) = state.catalog().filter(|_| used) else {
        return Vec::new();
    };
    // an extension may have moved the end past the time that was set when the grant was taken
    if let Some(known) = state.reviews.get(&id).filter(|known| now < known.due_at) {
        return opened(state, id, known, now);
    }
    let [_, high, _] = catalog.impact.bands;
    if !(grant.terms.break_glass || grant.terms.impact >= high) {
        return Vec::new();
    }
    let due = ReviewDue::of(&grant.terms, now.plus(catalog.terms.review_within));
    let mut events = vec![Event::ReviewDue {
        grant: id,
        holder: due.holder.clone(),
        due_at: due.due_at,
    }];
    events.extend(opened(state, id, &due, now));
    events
}

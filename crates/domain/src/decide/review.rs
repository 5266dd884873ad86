//! Looking back: was the use what the purpose said? Asked of somebody who neither used the grant nor let it be used.
use crate::{
    acting::{acting, broker_only},
    actor::Context,
    command::ReviewFinding,
    event::{Alarm, Event},
    ids::{GrantId, PersonId},
    refusal::Refused,
    state::{ReviewDue, State},
    text::Text,
    time::{Seconds, Timestamp},
};

/// The shortest pause between two alarms about one review: a catalog that wants reviews at once must not fill the log.
const PAUSE_MIN: Seconds = Seconds::from_minutes(60);

pub(super) fn review(
    state: &State,
    grant: GrantId,
    finding: ReviewFinding,
    comment: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let due = state.reviews.get(&grant).ok_or(Refused::NoReviewDue)?;
    // nobody can say what the use was while it goes on
    if !state.is_over(grant) {
        return Err(Refused::NoReviewDue);
    }
    if !state.may_review(&person, due, context.now) {
        return Err(Refused::NotAReviewer { person });
    }
    Ok(vec![Event::GrantReviewed {
        grant,
        by: person,
        finding,
        comment: comment.clone(),
    }])
}

/// A review that nobody gave in time: security may give it too, and everybody concerned is told, again and again.
pub(super) fn escalate(
    state: &State,
    grant: GrantId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let due = state.reviews.get(&grant).ok_or(Refused::NoReviewDue)?;
    if !state.is_over(grant) {
        return Err(Refused::NoReviewDue);
    }
    if context.now < due.alarm_at {
        return Err(Refused::TooEarly {
            due_at: due.alarm_at,
        });
    }
    Ok(escalation(state, grant, due, context.now))
}

/// A use is over and must be looked back at. Who could is looked for at once: a review that nobody may give doesn't wait for
/// its time to run out.
pub(super) fn opened(state: &State, grant: GrantId, due: &ReviewDue, now: Timestamp) -> Vec<Event> {
    if state.reviewers(due, now).is_empty() {
        escalation(state, grant, due, now)
    } else {
        Vec::new()
    }
}

/// INVARIANT: the alarm is raised again after as long as a review may take, so that no review is ever open in silence.
fn escalation(state: &State, grant: GrantId, due: &ReviewDue, now: Timestamp) -> Vec<Event> {
    let escalated = ReviewDue {
        escalated: true,
        ..due.clone()
    };
    let reviewers: Vec<PersonId> = state.reviewers(&escalated, now).into_iter().collect();
    let pause = state
        .catalog()
        .map_or(PAUSE_MIN, |catalog| catalog.terms.review_within);
    let alarm = Alarm::Unreviewed {
        grant,
        holder: due.holder.clone(),
        reviewers: reviewers.clone(),
    };
    vec![
        Event::ReviewEscalated {
            grant,
            to: reviewers,
            again_at: now.plus(pause.max(PAUSE_MIN)),
        },
        Event::AlarmRaised { alarm },
    ]
}

#[cfg(test)]
mod tests;

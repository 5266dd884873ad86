//! Looking back: was the use what the purpose said? Asked of somebody who neither used the grant nor let it be used.
use crate::{
    acting::acting,
    actor::Context,
    command::ReviewFinding,
    event::Event,
    grant::{Grant, GrantState},
    ids::GrantId,
    refusal::Refused,
    state::State,
    text::Text,
};

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
    let ended = |grant: &Grant| matches!(grant.state, GrantState::Ended { .. });
    if !state.grants.get(&grant).is_none_or(ended) {
        return Err(Refused::NoReviewDue);
    }
    let manages = state
        .directory
        .persons
        .get(&due.holder)
        .is_some_and(|holder| holder.manager.as_ref() == Some(&person));
    let owns = state
        .catalog()
        .is_some_and(|catalog| catalog.owns(&person, &due.privilege, &due.targets));
    let involved = due.holder == person || due.approved_by.contains(&person);
    if involved || !(manages || owns) {
        return Err(Refused::NotAReviewer { person });
    }
    Ok(vec![Event::GrantReviewed {
        grant,
        by: person,
        finding,
        comment: comment.clone(),
    }])
}

#[cfg(test)]
mod tests;

//! Questions, answers, and what happens when nobody answers.
use super::{consent::has_a_say, open_request};
use crate::{
    acting::{acting, broker_only},
    actor::Context,
    event::Event,
    ids::{PersonId, RequestId},
    refusal::Refused,
    request::{Turn, TurnKind},
    seats::Case,
    state::State,
    text::Text,
};
use std::collections::BTreeSet;

pub(super) fn ask(
    state: &State,
    id: RequestId,
    text: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let by = acting(state, &context.actor)?.person;
    let request = open_request(state, id, context.now)?;
    has_a_say(state, request, &by, context)?;
    Ok(turn(id, by, TurnKind::Question, text, context))
}

pub(super) fn answer(
    state: &State,
    id: RequestId,
    text: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let by = acting(state, &context.actor)?.person;
    let request = open_request(state, id, context.now)?;
    if request.requester != by {
        return Err(Refused::NotTheRequester { person: by });
    }
    Ok(turn(id, by, TurnKind::Answer, text, context))
}

fn turn(
    request: RequestId,
    by: PersonId,
    kind: TurnKind,
    text: &Text,
    context: &Context,
) -> Vec<Event> {
    let turn = Turn {
        by,
        kind,
        text: text.clone(),
        at: context.now,
    };
    vec![Event::RequestDiscussed { request, turn }]
}

/// Tells everybody again who could fill an open seat, and from now on lets the manager of a silent data owner stand in.
pub(super) fn escalate(
    state: &State,
    id: RequestId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let request = open_request(state, id, context.now)?;
    if request.escalated {
        return Err(Refused::Repeated);
    }
    if context.now < request.escalate_at {
        return Err(Refused::TooEarly {
            due_at: request.escalate_at,
        });
    }
    let case = Case {
        escalated: true,
        ..Case::of(state, request, context.now)?
    };
    let open = case.open_seats().into_iter();
    let to: BTreeSet<PersonId> = open.flat_map(|seat| seat.candidates).collect();
    Ok(vec![Event::RequestEscalated {
        request: id,
        to: to.into_iter().collect(),
    }])
}

pub(super) fn expire(
    state: &State,
    id: RequestId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    let missing = Refused::NoOpenRequest { request: id };
    let request = state.requests.get(&id).ok_or(missing)?;
    if context.now < request.expires_at {
        return Err(Refused::TooEarly {
            due_at: request.expires_at,
        });
    }
    Ok(vec![Event::RequestExpired { request: id }])
}

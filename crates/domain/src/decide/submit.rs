//! Asking: sending, changing and taking back a request. An emergency is sent, granted and begun in one decision.
use super::{agreed::Agreed, open_request};
use crate::{
    acting::acting,
    actor::Context,
    asking::Look,
    event::Event,
    ids::{RequestId, RequestNumber},
    refusal::Refused,
    request::{Ask, RequestKind, request_digest},
    state::State,
};
use std::collections::BTreeSet;

pub(super) fn submit(state: &State, ask: &Ask, context: &Context) -> Result<Vec<Event>, Refused> {
    let acting = acting(state, &context.actor)?;
    let look = Look::at(state, &acting.person, ask, None, context.now)?;
    look.check()?;
    let plan = look.plan();
    let terms = &look.catalog.terms;
    let agreed = Agreed {
        look: &look,
        request: RequestId(context.uuid(0)),
        impact: plan.impact.score,
        approved_by: BTreeSet::new(),
        approved_duties: BTreeSet::new(),
    };
    let follows = if look.is_break_glass() {
        agreed.carry_out_in_emergency(context)?
    } else if look.case(&plan.stages).consents_needed() == 0 {
        agreed.carry_out(context)?
    } else {
        Vec::new()
    };
    let digest = request_digest(&acting.person, ask, &plan.impact, &plan.stages, 1);
    let mut events = vec![Event::RequestSubmitted {
        request: agreed.request,
        number: RequestNumber(state.requests_numbered.saturating_add(1)),
        requester: acting.person,
        account: acting.account,
        ask: ask.clone(),
        digest,
        impact: plan.impact,
        stages: plan.stages,
        escalate_at: context.now.plus(terms.escalate_after),
        expires_at: context.now.plus(terms.expire_after),
    }];
    events.extend(follows);
    Ok(events)
}

pub(super) fn edit(
    state: &State,
    id: RequestId,
    ask: &Ask,
    revision: u32,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let request = open_request(state, id, context.now)?;
    if request.requester != person {
        return Err(Refused::NotTheRequester { person });
    }
    if request.revision != revision {
        return Err(Refused::Stale { request: id });
    }
    if ask.kind == RequestKind::BreakGlass {
        return Err(Refused::BreakGlassBarred {
            privilege: ask.privilege.clone(),
        });
    }
    let look = Look::at(state, &person, ask, Some(id), context.now)?;
    look.check()?;
    let plan = look.plan();
    let revision = revision.saturating_add(1);
    let digest = request_digest(&person, ask, &plan.impact, &plan.stages, revision);
    let agreed = Agreed {
        look: &look,
        request: id,
        impact: plan.impact.score,
        approved_by: BTreeSet::new(),
        approved_duties: BTreeSet::new(),
    };
    let follows = if look.case(&plan.stages).consents_needed() == 0 {
        agreed.carry_out(context)?
    } else {
        Vec::new()
    };
    let terms = &look.catalog.terms;
    let mut events = vec![Event::RequestEdited {
        request: id,
        ask: ask.clone(),
        digest,
        revision,
        impact: plan.impact,
        stages: plan.stages,
        voided: request
            .consents
            .iter()
            .map(|consent| consent.by.clone())
            .collect(),
        escalate_at: context.now.plus(terms.escalate_after),
        expires_at: context.now.plus(terms.expire_after),
    }];
    events.extend(follows);
    Ok(events)
}

pub(super) fn withdraw(
    state: &State,
    id: RequestId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let request = open_request(state, id, context.now)?;
    if request.requester != person {
        return Err(Refused::NotTheRequester { person });
    }
    Ok(vec![Event::RequestWithdrawn { request: id }])
}

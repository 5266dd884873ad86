//! Yes and no. A yes binds the exact request by its digest, fills one seat of the open stage, and may leave less of the request
//! than was asked. The last one makes the grant, after looking once more at what may have changed since the request was sent.
use super::{agreed::Agreed, open_request};
use crate::{
    acting::acting,
    actor::Context,
    asking::Look,
    catalog::Stage,
    event::Event,
    ids::{Digest, PersonId, RequestId},
    path::{SECURITY, consent_path},
    refusal::Refused,
    request::{Ask, Consent, Narrowing, Request, RequestKind},
    seats::{Case, Offer, duty_of},
    state::State,
    text::Text,
    time::Seconds,
};

/// A consent, as it was given.
pub(super) struct Yes<'a> {
    pub(super) digest: Digest,
    pub(super) narrowing: Option<&'a Narrowing>,
    pub(super) comment: &'a Text,
}

pub(super) fn approve(
    state: &State,
    id: RequestId,
    yes: &Yes<'_>,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let person = acting(state, &context.actor)?.person;
    let request = open_request(state, id, context.now)?;
    if request.requester == person {
        return Err(Refused::OwnRequest { person });
    }
    if request.digest != yes.digest {
        return Err(Refused::Stale { request: id });
    }
    let narrowed = yes.narrowing.map(|n| narrow(request, n)).transpose()?;
    let mut after = request.clone();
    after.narrowed = narrowed.clone().or(after.narrowed);
    let consent = seat(state, &after, &person, yes, context)?;
    after.consents.push(consent.clone());

    let mut events = vec![Event::RequestApproved {
        request: id,
        consent,
        narrowed,
    }];
    let case = Case::of(state, &after, context.now)?;
    if case.open_stage().is_none() {
        events.extend(conclude(state, &after, &case, context)?);
    }
    Ok(events)
}

/// What is left of a request when this approver takes away too.
fn narrow(request: &Request, narrowing: &Narrowing) -> Result<Narrowing, Refused> {
    let within = narrowing.targets.is_subset(&request.ask.targets)
        && narrowing.duration <= request.ask.duration;
    if !within {
        return Err(Refused::NotNarrower);
    }
    if matches!(request.ask.kind, RequestKind::Extension(_))
        && narrowing.targets != request.ask.targets
    {
        // the end of a grant moves for all of its targets or for none
        return Err(Refused::NotNarrower);
    }
    let left = Narrowing {
        targets: narrowing
            .targets
            .intersection(request.targets())
            .cloned()
            .collect(),
        duration: narrowing.duration.min(request.duration()),
    };
    if left.targets.is_empty() {
        return Err(Refused::NoTarget);
    }
    if left.duration < Seconds::from_minutes(1) {
        return Err(Refused::TooShort);
    }
    Ok(left)
}

/// Finds the authority with which this human fills a seat, without taking somebody that only a later stage's seat can use.
fn seat(
    state: &State,
    request: &Request,
    person: &PersonId,
    yes: &Yes<'_>,
    context: &Context,
) -> Result<Consent, Refused> {
    let case = Case::of(state, request, context.now)?;
    let offers = case.offers(person);
    let Some(first) = offers.first() else {
        return Err(no_offer(&case, request, person));
    };
    let consent = |offer: &Offer| Consent {
        by: person.clone(),
        authority: offer.authority.clone(),
        stage: offer.stage,
        seats: offer.seats.clone(),
        duties: offer.seats.values().flatten().filter_map(duty_of).collect(),
        digest: yes.digest,
        comment: yes.comment.clone(),
        at: context.now,
    };
    let mut needed_later = None;
    for offer in &offers {
        let mut consents = request.consents.clone();
        consents.push(consent(offer));
        let after = Case {
            consents: &consents,
            ..case.clone()
        };
        match after.quorum() {
            Ok(()) => return Ok(consent(offer)),
            Err(Refused::QuorumImpossible { seat, .. }) => {
                needed_later = needed_later.or(Some(seat));
            }
            Err(other) => return Err(other),
        }
    }
    match needed_later {
        // others can fill this seat, nobody else that one
        Some(seat) if case.quorum().is_ok() => Err(Refused::NeededLater {
            person: person.clone(),
            seat,
        }),
        // the request can't be completed by those there are today; a word given is still worth recording
        Some(_) | None => Ok(consent(first)),
    }
}

fn no_offer(case: &Case<'_>, request: &Request, person: &PersonId) -> Refused {
    let person = person.clone();
    if case.consented(&person) {
        Refused::AlreadyApproved { person }
    } else if case.only_for_requester(&person) {
        Refused::OwnRequestByDelegation {
            person,
            authority: request.requester.clone(),
        }
    } else {
        Refused::NoSeat { person }
    }
}

fn conclude(
    state: &State,
    request: &Request,
    case: &Case<'_>,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let id = Some(request.id);
    let as_asked = Look::at(state, &request.requester, &request.ask, id, context.now)?;
    if !still_enough(&as_asked, request) || as_asked.means_more_than(request) {
        return Err(Refused::RulesChanged {
            request: request.id,
        });
    }
    let left = Ask {
        targets: request.targets().clone(),
        duration: request.duration(),
        ..request.ask.clone()
    };
    let look = Look {
        ask: &left,
        ..as_asked
    };
    look.check_again()?;
    let agreed = Agreed {
        look: &look,
        request: request.id,
        impact: request.impact.score,
        approved_by: request.consents.iter().map(|c| c.by.clone()).collect(),
        approved_duties: case.duties_seated(),
    };
    agreed.carry_out(context)
}

/// Whether every seat that today's rules would ask for was asked for when the request was sent.
fn still_enough(look: &Look<'_>, request: &Request) -> bool {
    let owners = look.catalog.data_owners(&look.ask.targets);
    let today = consent_path(
        look.catalog,
        look.privilege,
        &look.facts(),
        request.impact.band,
        &owners,
    );
    let seats = |stages: &'_ [Stage]| -> Vec<_> {
        stages
            .iter()
            .flat_map(|stage| stage.seats.clone())
            .collect()
    };
    let then = seats(&request.stages);
    seats(&today).iter().all(|needed| {
        then.iter().any(|seat| {
            seat.id == needed.id
                && seat.holders == needed.holders
                && seat.distinct == needed.distinct
                && seat.count >= needed.count
        })
    })
}

pub(super) fn deny(
    state: &State,
    id: RequestId,
    digest: Digest,
    comment: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let by = acting(state, &context.actor)?.person;
    let request = open_request(state, id, context.now)?;
    has_a_say(state, request, &by, context)?;
    if request.digest != digest {
        return Err(Refused::Stale { request: id });
    }
    Ok(vec![Event::RequestDenied {
        request: id,
        by,
        comment: comment.clone(),
    }])
}

/// Passes for those who could fill a seat, who filled one, and who watch over everything that is lent.
pub(super) fn has_a_say(
    state: &State,
    request: &Request,
    person: &PersonId,
    context: &Context,
) -> Result<(), Refused> {
    if request.requester == *person {
        return Err(Refused::OwnRequest {
            person: person.clone(),
        });
    }
    let case = Case::of(state, request, context.now)?;
    let duties = state.directory.duties_at(person, context.now);
    let watches = duties.keys().any(|duty| duty.as_str() == SECURITY);
    let mut open = case.open_seats().into_iter();
    if watches || case.consented(person) || open.any(|seat| seat.candidates.contains(person)) {
        Ok(())
    } else {
        Err(no_offer(&case, request, person))
    }
}

#[cfg(test)]
mod tests;

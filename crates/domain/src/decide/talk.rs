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
    // a privilege that has left the catalog has nobody to ask: the request escalates to nobody, and its timer is done
    let to = Case::of(state, request, context.now).map(|case| could_decide(&case));
    Ok(vec![Event::RequestEscalated {
        request: id,
        to: to.unwrap_or_default().into_iter().collect(),
    }])
}

/// Everybody who could fill an open seat of an escalated request.
fn could_decide(case: &Case<'_>) -> BTreeSet<PersonId> {
    let escalated = Case {
        escalated: true,
        ..case.clone()
    };
    let open = escalated.open_seats().into_iter();
    open.flat_map(|seat| seat.candidates).collect()
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

#[cfg(test)]
mod tests {
    use crate::{
        command::Command,
        fixture::{ask, text},
        play::Play,
    };

    fn asked() -> Play {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        play
    }

    #[test]
    fn approvers_ask_and_the_requester_answers() {
        let mut play = asked();
        let request = play.request();
        let question = Command::AskRequester {
            request,
            text: text("which month?"),
        };
        let answer = Command::AnswerApprovers {
            request,
            text: text("October"),
        };
        assert_eq!(
            play.give("ann", &question),
            "no: `ann` holds no duty that this stage of the request needs"
        );
        assert_eq!(
            play.give("ada", &question),
            "no: `ada` filed this request and cannot approve it"
        );
        assert_eq!(play.give("cyd", &question), "request-discussed");
        assert_eq!(play.give("cyd", &answer), "no: `cyd` is not the requester");
        assert_eq!(play.give("ada-alias", &answer), "request-discussed");
        let turns = &play.state.requests[&request].conversation;
        let told: Vec<String> = turns
            .iter()
            .map(|t| format!("{} {:?} {}", t.by, t.kind, t.text.chars))
            .collect();
        assert_eq!(told, ["cyd Question 12", "ada Answer 7"]);
    }

    #[test]
    fn a_request_escalates_once_and_not_before_its_time() {
        let mut play = asked();
        let escalate = Command::EscalateRequest {
            request: play.request(),
        };
        assert_eq!(
            play.give("bob", &escalate),
            "no: this is done by the broker itself or its operator, not by a person"
        );
        assert_eq!(play.give("system", &escalate), "no: it is not time yet");
        assert_eq!(
            play.approve("mia"),
            "no: `mia` holds no duty that this stage of the request needs"
        );
        play.wait(60);
        assert_eq!(
            play.give("system", &escalate),
            "escalated to bob+cyd+eve+fay+mia"
        );
        assert_eq!(
            play.give("system", &escalate),
            "no: this was recorded already"
        );
    }

    #[test]
    fn a_timer_is_done_even_if_the_privilege_has_left_the_catalog() {
        let mut play = asked();
        let request = play.request();
        play.catalog(|catalog| catalog.privileges.clear());
        play.wait(60);
        let escalate = Command::EscalateRequest { request };
        assert_eq!(play.give("system", &escalate), "escalated to ");
        play.wait(8 * 60);
        let expire = Command::ExpireRequest { request };
        assert_eq!(play.give("system", &expire), "request-expired");
    }

    #[test]
    fn after_escalation_the_manager_of_a_data_owner_stands_in_as_one_voice_with_them() {
        let mut play = asked();
        play.wait(60);
        play.give(
            "system",
            &Command::EscalateRequest {
                request: play.request(),
            },
        );
        assert_eq!(play.approve("mia"), "mia as cyd for owner");
        assert_eq!(
            play.approve("cyd"),
            "no: `cyd` holds no duty that this stage of the request needs"
        );
        assert!(
            play.approve("eve")
                .contains("by eve+mia with data-owner+security")
        );
    }

    #[test]
    fn a_manager_never_stands_in_for_the_requester() {
        let mut play = Play::new();
        play.catalog(|catalog| {
            for target in catalog.targets.values_mut() {
                target.data_owner = crate::fixture::id("ada");
            }
        });
        assert_eq!(
            play.submit("ada", &ask("edit-flow")),
            "no: not enough people could fill the seat `owner`: 1 more are needed"
        );
    }

    #[test]
    fn a_request_lapses_at_its_time_and_not_before() {
        let mut play = asked();
        let expire = Command::ExpireRequest {
            request: play.request(),
        };
        play.wait(8 * 60 - 1);
        assert_eq!(play.give("system", &expire), "no: it is not time yet");
        play.wait(1);
        assert_eq!(
            play.give("ada", &expire),
            "no: this is done by the broker itself or its operator, not by a person"
        );
        assert_eq!(play.give("system", &expire), "request-expired");
        assert!(
            play.give("system", &expire)
                .starts_with("no: there is no open request")
        );
    }
}

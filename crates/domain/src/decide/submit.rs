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

#[cfg(test)]
mod tests {
    use crate::{
        command::Command,
        fixture::{NOW, ask, deny, id, ids, text, world},
        grant::{EndReason, GrantState},
        play::Play,
        request::{Ask, RequestKind, Start},
        state::State,
        time::{Seconds, Timestamp},
        verdict::Verdict,
    };
    use std::sync::Arc;

    /// `ada` sends the ask for `edit-flow`, changed; everything else is as in the small world.
    #[track_caller]
    fn check(change: impl Fn(&mut Ask), expected: &str) {
        check_in(|_| (), change, expected);
    }

    #[track_caller]
    fn check_in(world_change: impl Fn(&mut State), change: impl Fn(&mut Ask), expected: &str) {
        let mut play = Play::new();
        world_change(&mut play.state);
        let mut ask = ask("edit-flow");
        change(&mut ask);
        assert_eq!(play.submit("ada", &ask), expected);
    }

    fn catalog(state: &mut State, change: impl Fn(&mut crate::catalog::Catalog)) {
        for catalog in state.catalogs.values_mut() {
            change(Arc::make_mut(catalog));
        }
    }

    #[test]
    fn a_complete_ask_is_sent() {
        check(|_| (), "R-1 by ada, impact 55, needs owner*1+security*1");
    }

    #[test]
    fn an_ask_is_refused_for_what_it_asks() {
        check(
            |a| a.privilege = id("fly"),
            "no: there is no privilege `fly` in the catalog",
        );
        check(
            |a| a.targets = ids("nodered.payments"),
            "no: `nodered.payments` is not a target of this privilege",
        );
        check(|a| a.targets = ids(""), "no: no target is named");
        check(
            |a| a.duration = Seconds(59),
            "no: a loan of less than one minute is of no use",
        );
        check(
            |a| a.duration = Seconds::from_minutes(300),
            "no: 5 hours is longer than the 4 hours this privilege is lent for at most",
        );
        check(
            |a| a.start = Start::At(NOW.plus(Seconds::from_minutes(15 * 24 * 60))),
            "no: the start is more than 14 days ahead",
        );
        check(
            |a| a.start = Start::At(NOW.plus(Seconds::from_minutes(7 * 60 + 30))),
            "no: the whole time does not lie in an allowed window of this privilege",
        );
    }

    #[test]
    fn an_ask_is_refused_for_how_it_is_filled_in() {
        check(|a| a.answers.clear(), "no: the answer `goal` is missing");
        check(
            |a| {
                a.answers.insert(id("goal"), text("fix it"));
            },
            "no: the answer `goal` has 6 characters; 10 to 400 are needed",
        );
        check(
            |a| {
                a.answers.insert(id("mood"), text("fine"));
            },
            "no: `mood` is not a question of this privilege",
        );
        check(|a| a.ticket = None, "no: a ticket number is missing");
        check(
            |a| a.ticket = Some("INC-<b>".to_owned()),
            "no: `INC-b` does not look like a ticket of this privilege",
        );
        check(
            |a| a.ticket = Some("CHG-1".to_owned()),
            "no: `CHG-1` does not look like a ticket of this privilege",
        );
        check(
            |a| a.confirmed.clear(),
            "no: the risk control `tested` is not confirmed",
        );
    }

    #[test]
    fn an_ask_is_refused_for_who_asks() {
        let mut play = Play::new();
        let ask = ask("edit-flow");
        assert_eq!(
            play.submit("cyd", &ask),
            "no: none of your job roles may ask for `edit-flow`"
        );
        assert_eq!(play.submit("leo", &ask), "no: `leo` may not act at present");
        assert_eq!(
            play.submit("svc-build", &ask),
            "no: account `svc-build` belongs to no person"
        );
        assert_eq!(
            play.submit("nobody", &ask),
            "no: account `nobody` belongs to no person"
        );
        assert_eq!(
            play.submit("system", &ask),
            "no: this is done by a person, not by the broker, its operator or an enforcement point"
        );
        check_in(
            |s| {
                catalog(s, |c| {
                    c.privileges
                        .get_mut(&id("edit-flow"))
                        .unwrap()
                        .eligibility
                        .teams = ids("it");
                });
            },
            |_| (),
            "no: your team may not ask for `edit-flow`",
        );
        check_in(
            |s| {
                s.directory
                    .persons
                    .get_mut(&id("ada"))
                    .unwrap()
                    .training
                    .insert(id("finance-data"), NOW);
            },
            |_| (),
            "no: the lesson `finance-data` is missing or no longer counts",
        );
    }

    #[test]
    fn what_is_kept_apart_is_refused_while_the_other_is_held_asked_for_or_watched_over() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        let told = "no: `release-payments` may not be held together with `edit-flow` (rule `change-and-release`)";
        assert_eq!(play.submit("ada-alias", &ask("release-payments")), told);
        play.approve("bob");
        play.approve("cyd");
        assert!(play.state.requests.is_empty());
        assert_eq!(play.submit("ada", &ask("release-payments")), told);
        check_in(
            |s| {
                s.directory
                    .persons
                    .get_mut(&id("ada"))
                    .unwrap()
                    .duties
                    .insert(id("payment-approver"));
            },
            |_| (),
            "no: whoever holds the duty `payment-approver` may not hold `edit-flow` (rule `change-and-release`)",
        );
    }

    #[test]
    fn a_freeze_stops_what_changes_things() {
        let freeze = |state: &mut State| {
            catalog(state, |c| {
                c.freezes.push(crate::catalog::Freeze {
                    why: "year-end close".to_owned(),
                    starts_at: NOW.plus(Seconds::from_minutes(59)),
                    ends_at: NOW.plus(Seconds::from_minutes(600)),
                    environments: [crate::catalog::Environment::Production].into(),
                    platforms: ids("nodered"),
                });
            });
        };
        check_in(freeze, |_| (), "no: a change freeze is on: year-end close");
        check_in(
            freeze,
            |a| a.targets = ids("nodered.invoices-test"),
            "R-1 by ada, impact 25, needs owner*1+security*1",
        );
        check_in(
            freeze,
            |a| a.duration = Seconds::from_minutes(59),
            "R-1 by ada, impact 55, needs owner*1+security*1",
        );
        let mut play = Play::new();
        freeze(&mut play.state);
        assert_eq!(
            play.submit(
                "ada",
                &Ask {
                    start: Start::Now,
                    ..ask("run-flow")
                }
            ),
            "R-1 by ada, impact 45, needs owner*1+security*1"
        );
    }

    #[test]
    fn a_quorum_that_cannot_be_met_is_told_before_sending() {
        check_in(
            |s| s.directory.groups.clear(),
            |_| (),
            "no: not enough people could fill the seat `security`: 1 more are needed",
        );
        check_in(
            |s| {
                s.directory.persons.get_mut(&id("cyd")).unwrap().standing =
                    crate::directory::Standing::Suspended;
            },
            |_| (),
            "no: not enough people could fill the seat `owner`: 1 more are needed",
        );
    }

    #[test]
    fn nobody_has_more_open_requests_than_the_terms_allow() {
        let mut play = Play::new();
        for _ in 0..5 {
            play.submit("ada", &ask("edit-flow"));
        }
        assert_eq!(
            play.submit("ada", &ask("edit-flow")),
            "no: you have 5 open requests already; 5 is the most"
        );
        assert_eq!(play.state.requests.len(), 5);
    }

    #[test]
    fn the_domain_speaks_first_and_policies_only_tighten() {
        let mut play = Play::new();
        let send = |ask| Command::SubmitRequest { ask };
        let no = Some(deny("ask.office-only"));
        let failed = Some(Verdict {
            errors: vec!["ask.risk".to_owned()],
            ..crate::fixture::allow()
        });
        assert_eq!(
            play.give_with("cyd", &send(ask("edit-flow")), no.clone()),
            "no: none of your job roles may ask for `edit-flow`"
        );
        assert_eq!(
            play.give_with("ada", &send(ask("edit-flow")), no),
            "no: the policies say no: ask.office-only"
        );
        assert_eq!(
            play.give_with("ada", &send(ask("edit-flow")), failed),
            "no: a policy could not be evaluated: ask.risk"
        );
        assert_eq!(
            play.give_with("ada", &send(ask("edit-flow")), None),
            "no: a policy could not be evaluated: no verdict"
        );
        assert!(play.state.requests.is_empty());
    }

    #[test]
    fn an_edit_voids_consents_and_makes_another_digest() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        let id = play.request();
        let before = play.state.requests[&id].digest;
        play.approve("bob");
        let edit = |revision| Command::EditRequest {
            request: id,
            ask: ask("edit-flow"),
            revision,
        };
        assert_eq!(play.give("ann", &edit(1)), "no: `ann` is not the requester");
        assert_eq!(
            play.give("ada", &edit(2)),
            "no: the request has changed since you saw it"
        );
        assert_eq!(play.give("ada-alias", &edit(1)), "revision 2, voids bob");
        assert_eq!(play.state.requests[&id].consents, []);
        assert_ne!(play.state.requests[&id].digest, before);
        let yes = Command::ApproveRequest {
            request: id,
            digest: before,
            narrowing: None,
            comment: text("fine"),
        };
        assert_eq!(
            play.give("bob", &yes),
            "no: the request has changed since you saw it"
        );
        let emergency = Ask {
            kind: RequestKind::BreakGlass,
            ..ask("edit-flow")
        };
        let edit = Command::EditRequest {
            request: id,
            ask: emergency,
            revision: 2,
        };
        assert_eq!(
            play.give("ada", &edit),
            "no: `edit-flow` may not be taken as break-glass"
        );
    }

    #[test]
    fn only_the_requester_takes_a_request_back() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        let withdraw = Command::WithdrawRequest {
            request: play.request(),
        };
        assert_eq!(
            play.give("bob", &withdraw),
            "no: `bob` is not the requester"
        );
        assert_eq!(play.give("ada", &withdraw), "request-withdrawn");
        assert!(
            play.give("ada", &withdraw)
                .starts_with("no: there is no open request")
        );
    }

    #[test]
    fn an_emergency_is_granted_at_once_tells_everybody_and_must_be_reviewed() {
        let emergency = |minutes| Ask {
            kind: RequestKind::BreakGlass,
            duration: Seconds::from_minutes(minutes),
            ..ask("edit-flow")
        };
        let mut play = Play::new();
        assert_eq!(
            play.submit("ada", &emergency(31)),
            "no: 31 minutes is longer than the 30 minutes this privilege is lent for at most"
        );
        assert_eq!(
            play.submit(
                "ada",
                &Ask {
                    kind: RequestKind::BreakGlass,
                    ..ask("run-flow")
                }
            ),
            "no: `run-flow` may not be taken as break-glass"
        );
        play.wait(12 * 60);
        assert_eq!(
            play.submit("ada", &emergency(30)),
            "R-1 by ada, impact 55, needs owner*1+security*1; \
             G-1 for ada on nodered.invoices for 30 minutes at 12 hours by  with ; \
             active until 750 minutes; alarm-raised; review-due"
        );
        let grant = play.grant();
        assert!(play.state.requests.is_empty());
        assert_eq!(
            play.state.reviews[&grant].due_at,
            play.now
                .plus(Seconds::from_minutes(30 + 3 * 24 * 60))
                .minus_one()
        );
    }

    impl Timestamp {
        fn minus_one(self) -> Self {
            Self(self.0 - 1)
        }
    }

    #[test]
    fn what_needs_nobody_is_granted_at_once() {
        let mut play = Play::of(world());
        catalog(&mut play.state, |c| {
            let run = c.privileges.get_mut(&id("run-flow")).unwrap();
            run.stages.clear();
        });
        let ask = Ask {
            targets: ids("nodered.invoices-test"),
            ..ask("run-flow")
        };
        assert_eq!(
            play.submit("ada", &ask),
            "R-1 by ada, impact 15, needs ; G-1 for ada on nodered.invoices-test for 1 hour at 0 seconds by  with ; \
             active until 1 hour"
        );
    }

    #[test]
    fn more_time_is_a_new_decision_on_the_same_grant_without_a_gap() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        play.approve("bob");
        play.approve("cyd");
        let grant = play.grant();
        play.wait(30);
        let more = |minutes| Ask {
            kind: RequestKind::Extension(grant),
            duration: Seconds::from_minutes(minutes),
            ..ask("edit-flow")
        };
        assert_eq!(
            play.submit("ann", &more(60)),
            "no: an extension is for the same privilege and targets as its grant, and for its holder"
        );
        assert_eq!(
            play.submit(
                "ada",
                &Ask {
                    targets: ids("nodered.invoices-test"),
                    ..more(60)
                }
            ),
            "no: an extension is for the same privilege and targets as its grant, and for its holder"
        );
        assert!(
            play.submit("ada", &more(211))
                .ends_with("is longer than the 4 hours this privilege is lent for at most")
        );
        // the points of the duration are those of three hours in all
        assert_eq!(
            play.submit("ada", &more(120)),
            "R-2 by ada, impact 54, needs owner*1+security*1"
        );
        play.approve("bob");
        assert_eq!(
            play.approve("cyd"),
            "cyd as cyd for owner; extended until 3 hours"
        );
        assert_eq!(play.state.grants.len(), 1);
        assert!(matches!(
            play.state.grants[&grant].state,
            GrantState::Active { .. }
        ));
        let ended = GrantState::Ended {
            reason: EndReason::Returned,
            at: play.now,
        };
        play.state.grants.get_mut(&grant).unwrap().state = ended;
        assert_eq!(play.submit("ada", &more(60)), "no: the grant is over");
    }
}

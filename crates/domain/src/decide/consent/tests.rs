//! Who may say yes, who may not, and what the last yes makes.
use crate::{
    catalog::{SeatHolder, SeatRule, Stage},
    command::Command,
    directory::Standing,
    fixture::{NOW, allow, ask, deny, id, ids, seat, text},
    ids::PersonId,
    play::Play,
    request::{Ask, Narrowing, RequestKind, Start},
    time::Seconds,
};
use std::collections::BTreeSet;

/// `ada` asks for `edit-flow` in the small world, changed.
fn asked(change: impl Fn(&mut Play)) -> Play {
    let mut play = Play::new();
    change(&mut play);
    play.submit("ada", &ask("edit-flow"));
    play
}

/// What is told when these persons approve, one after the other.
#[track_caller]
fn check(change: impl Fn(&mut Play), approvers: &str, expected: &[&str]) {
    let mut play = asked(change);
    let told: Vec<String> = approvers
        .split_whitespace()
        .map(|who| play.approve(who))
        .collect();
    assert_eq!(told, expected);
}

const GRANTED: &str = "cyd as cyd for owner; G-1 for ada on nodered.invoices for 1 hour at 0 seconds by bob+cyd with \
                       data-owner+security; active until 1 hour";

#[test]
fn the_last_consent_makes_the_grant() {
    check(|_| (), "bob cyd", &["bob as bob for security", GRANTED]);
}

#[test]
fn nobody_approves_their_own_request_through_any_account() {
    let all = |play: &mut Play| {
        play.duty("ada", "security");
        play.duty("ada", "data-owner");
    };
    let no = "no: `ada` filed this request and cannot approve it";
    check(all, "ada ada-alias", &[no, no]);
}

#[test]
fn nobody_approves_their_own_request_through_nested_or_cyclic_groups() {
    let nested = |play: &mut Play| {
        play.group("inner", "@ada-alias &outer", "");
        play.group("outer", "&inner mia", "security");
    };
    check(
        nested,
        "ada-alias mia",
        &[
            "no: `ada` filed this request and cannot approve it",
            "mia as mia for security",
        ],
    );
}

#[test]
fn nobody_approves_their_own_request_through_a_delegate() {
    let to_mia = |play: &mut Play| {
        play.duty("ada", "security");
        play.delegate("ada", "mia", "");
    };
    check(
        to_mia,
        "mia",
        &["no: `mia` acts here for `ada`, who filed this request"],
    );
    // and not as somebody else's delegate either
    check(
        |play| play.delegate("bob", "ada", ""),
        "ada",
        &["no: `ada` filed this request and cannot approve it"],
    );
}

#[test]
fn a_deputy_and_the_person_they_stand_for_are_one_voice() {
    let two = |play: &mut Play| {
        let security = SeatRule {
            count: 2,
            ..seat("security", SeatHolder::Duty(id("security")))
        };
        play.stages(&[&[seat("owner", SeatHolder::DataOwner), security]]);
    };
    check(
        two,
        "fay bob eve",
        &[
            "fay as bob for security",
            "no: `bob` holds no duty that this stage of the request needs",
            "eve as eve for security",
        ],
    );
}

#[test]
fn a_deputy_of_a_deputy_has_nothing_to_use() {
    check(
        |play| play.delegate("fay", "dee", ""),
        "dee fay",
        &[
            "no: `dee` holds no duty that this stage of the request needs",
            "fay as bob for security",
        ],
    );
}

#[test]
fn one_human_fills_one_seat() {
    check(
        |play| play.duty("cyd", "security"),
        "cyd cyd bob",
        &[
            "cyd as cyd for owner+security",
            "no: `cyd` has already approved this request",
            "bob as bob for security; G-1 for ada on nodered.invoices for 1 hour at 0 seconds by bob+cyd with \
             data-owner+security; active until 1 hour",
        ],
    );
}

#[test]
fn seats_across_distinct_groups_take_one_human_from_each() {
    let groups = |play: &mut Play| {
        play.group("red", "mia dee", "");
        play.group("blue", "mia fay", "");
        let across = SeatRule {
            id: id("both"),
            holders: vec![SeatHolder::Group(id("red")), SeatHolder::Group(id("blue"))],
            count: 2,
            distinct: true,
        };
        play.stages(&[&[across]]);
    };
    // mia first counts for either group, and moves to blue when dee comes for red
    check(
        groups,
        "mia dee",
        &["mia as mia for both", "dee as dee for both"],
    );
    check(
        |play| {
            groups(play);
            play.group("blue", "mia", "");
        },
        "dee mia",
        &["dee as dee for both", "mia as mia for both"],
    );
    let mut play = Play::new();
    groups(&mut play);
    play.group("blue", "", "");
    assert_eq!(
        play.submit("ada", &ask("edit-flow")),
        "no: not enough people could fill the seat `both`: 1 more are needed"
    );
}

#[test]
fn stages_open_in_order() {
    let two = |play: &mut Play| {
        play.stages(&[
            &[seat("security", SeatHolder::Duty(id("security")))],
            &[seat("owner", SeatHolder::DataOwner)],
        ]);
    };
    check(
        two,
        "cyd bob cyd",
        &[
            "no: `cyd` holds no duty that this stage of the request needs",
            "bob as bob for security",
            GRANTED,
        ],
    );
}

#[test]
fn an_earlier_stage_takes_nobody_whom_only_a_later_one_can_use() {
    let two = |play: &mut Play| {
        play.duty("cyd", "security");
        play.stages(&[
            &[seat("security", SeatHolder::Duty(id("security")))],
            &[seat("owner", SeatHolder::DataOwner)],
        ]);
    };
    check(
        two,
        "cyd bob cyd",
        &[
            "no: the seat `owner` of a later stage needs `cyd`, and others can fill this one",
            "bob as bob for security",
            GRANTED,
        ],
    );
}

#[test]
fn every_data_owner_consents() {
    let mut play = Play::new();
    play.catalog(|c| {
        c.targets
            .get_mut(&id("nodered.invoices-test"))
            .unwrap()
            .data_owner = id("dee");
    });
    let both = Ask {
        targets: ids("nodered.invoices nodered.invoices-test"),
        ..ask("edit-flow")
    };
    play.submit("ada", &both);
    assert_eq!(play.approve("bob"), "bob as bob for security");
    assert_eq!(play.approve("cyd"), "cyd as cyd for owner");
    assert_eq!(
        play.approve("dee"),
        "dee as dee for owner; G-1 for ada on nodered.invoices+nodered.invoices-test for 1 hour at 0 seconds by \
         bob+cyd+dee with data-owner+security; active until 1 hour"
    );
}

fn less(targets: &str, minutes: u32) -> Narrowing {
    Narrowing {
        targets: ids(targets),
        duration: Seconds::from_minutes(minutes),
    }
}

#[test]
fn an_approver_takes_away_and_never_adds() {
    let both = Ask {
        targets: ids("nodered.invoices nodered.invoices-test"),
        ..ask("edit-flow")
    };
    let mut play = Play::new();
    play.submit("ada", &both);
    let no = "no: an approver may take away from a request, never add to it";
    assert_eq!(play.approve_for("bob", less("nodered.invoices", 61)), no);
    assert_eq!(play.approve_for("bob", less("nodered.payments", 60)), no);
    assert_eq!(
        play.approve_for("bob", less("", 60)),
        "no: no target is named"
    );
    assert_eq!(
        play.approve_for("bob", less("nodered.invoices nodered.invoices-test", 0)),
        "no: a loan of less than one minute is of no use"
    );
    assert_eq!(
        play.approve_for("bob", less("nodered.invoices", 60)),
        "bob as bob for security, leaves nodered.invoices for 1 hour"
    );
    assert_eq!(
        play.approve_for("cyd", less("nodered.invoices nodered.invoices-test", 20)),
        "cyd as cyd for owner, leaves nodered.invoices for 20 minutes; G-1 for ada on nodered.invoices for 20 minutes \
         at 0 seconds by bob+cyd with data-owner+security; active until 20 minutes"
    );
}

#[test]
fn what_two_approvers_leave_is_what_both_leave() {
    let both = Ask {
        targets: ids("nodered.invoices nodered.invoices-test"),
        ..ask("edit-flow")
    };
    let mut play = Play::new();
    play.submit("ada", &both);
    play.approve_for("bob", less("nodered.invoices", 60));
    assert_eq!(
        play.approve_for("cyd", less("nodered.invoices-test", 60)),
        "no: no target is named"
    );
}

#[test]
fn a_consent_binds_what_was_seen() {
    let mut play = asked(|_| ());
    let yes = Command::ApproveRequest {
        request: play.request(),
        digest: crate::ids::Digest([7; 32]),
        narrowing: None,
        comment: text("fine"),
    };
    assert_eq!(
        play.give("bob", &yes),
        "no: the request has changed since you saw it"
    );
}

#[test]
fn a_later_start_is_kept_and_a_past_one_is_now() {
    let mut play = Play::new();
    let in_an_hour = Start::At(NOW.plus(Seconds::from_minutes(60)));
    play.submit(
        "ada",
        &Ask {
            start: in_an_hour,
            ..ask("edit-flow")
        },
    );
    play.approve("bob");
    assert_eq!(
        play.approve("cyd"),
        "cyd as cyd for owner; G-1 for ada on nodered.invoices for 1 hour at 1 hour by bob+cyd with data-owner+security"
    );
    play.submit(
        "ann",
        &Ask {
            start: in_an_hour,
            ..ask("edit-flow")
        },
    );
    play.approve("bob");
    play.wait(90);
    assert_eq!(
        play.approve("cyd"),
        "cyd as cyd for owner; G-2 for ann on nodered.invoices for 1 hour at 5400 seconds by bob+cyd with \
         data-owner+security; active until 9000 seconds"
            .replace("5400 seconds", "90 minutes")
            .replace("9000 seconds", "150 minutes")
    );
}

#[test]
fn what_may_have_changed_is_looked_at_again_by_the_last_consent() {
    #[track_caller]
    fn check(change: impl Fn(&mut Play), expected: &str) {
        let mut play = asked(|_| ());
        play.approve("bob");
        change(&mut play);
        assert_eq!(play.approve("cyd"), expected);
        assert_eq!(play.state.grants.len(), 0);
    }
    let ada = id::<PersonId>("ada");
    check(
        |play| {
            play.state
                .directory
                .persons
                .get_mut(&ada)
                .unwrap()
                .job_roles
                .clear();
        },
        "no: none of your job roles may ask for `edit-flow`",
    );
    check(
        |play| {
            play.state
                .directory
                .persons
                .get_mut(&ada)
                .unwrap()
                .training
                .clear();
        },
        "no: the lesson `finance-data` is missing or no longer counts",
    );
    check(
        |play| {
            play.state.directory.persons.get_mut(&ada).unwrap().standing = Standing::Suspended;
        },
        "no: `ada` may not act at present",
    );
    check(
        |play| play.duty("ada", "payment-approver"),
        "no: whoever holds the duty `payment-approver` may not hold `edit-flow` (rule `change-and-release`)",
    );
    check(
        |play| play.wait(7 * 60 + 30),
        "no: the whole time does not lie in an allowed window of this privilege",
    );
    check(
        |play| play.catalog(|c| drop(c.privileges.remove(&id("edit-flow")))),
        "no: there is no privilege `edit-flow` in the catalog",
    );
    check(
        |play| {
            play.catalog(|c| {
                let edit = c.privileges.get_mut(&id("edit-flow")).unwrap();
                edit.stages.push(Stage {
                    seats: vec![seat("product", SeatHolder::GovernanceOwner)],
                });
            });
        },
        "no: the rules have changed since this request was sent",
    );
}

#[test]
fn policies_tighten_consent() {
    let mut play = asked(|_| ());
    let request = play.request();
    let yes = Command::ApproveRequest {
        request,
        digest: play.state.requests[&request].digest,
        narrowing: None,
        comment: text("fine"),
    };
    let told = "no: the policies say no: approve.not-own";
    assert_eq!(
        play.give_with("bob", &yes, Some(deny("approve.not-own"))),
        told
    );
    // an allow is needed, never enough
    let told = "no: `ada` filed this request and cannot approve it";
    assert_eq!(play.give_with("ada", &yes, Some(allow())), told);
}

#[test]
fn those_who_have_a_say_deny() {
    let mut play = asked(|play| play.group("audit", "mia", "auditor"));
    assert_eq!(
        play.deny("mia"),
        "no: `mia` holds no duty that this stage of the request needs"
    );
    assert_eq!(
        play.deny("ada-alias"),
        "no: `ada` filed this request and cannot approve it"
    );
    play.approve("cyd");
    for who in ["cyd", "fay", "eve"] {
        assert_eq!(play.clone().deny(who), "request-denied");
    }
    play.deny("bob");
    assert_eq!(play.state.requests.len(), 0);
}

#[test]
fn a_request_whose_time_is_over_takes_no_more_consent() {
    let mut play = asked(|_| ());
    play.approve("bob");
    play.wait(8 * 60);
    assert!(
        play.approve("cyd")
            .starts_with("no: there is no open request")
    );
}

#[test]
fn more_time_is_consented_to_for_all_targets_or_none() {
    let mut play = Play::new();
    let both = Ask {
        targets: ids("nodered.invoices nodered.invoices-test"),
        ..ask("edit-flow")
    };
    play.submit("ada", &both);
    play.approve("bob");
    play.approve("cyd");
    let kind = RequestKind::Extension(play.grant());
    play.submit("ada", &Ask { kind, ..both });
    let no = "no: an approver may take away from a request, never add to it";
    assert_eq!(play.approve_for("bob", less("nodered.invoices", 60)), no);
    play.approve_for("bob", less("nodered.invoices nodered.invoices-test", 30));
    assert_eq!(
        play.approve("cyd"),
        "cyd as cyd for owner; extended until 90 minutes"
    );
}

#[test]
fn the_seats_of_the_grant_are_those_that_humans_fill() {
    let play = asked(|play| play.duty("cyd", "security"));
    let mut play = play;
    play.approve("cyd");
    play.approve("eve");
    let terms = &play.state.grants[&play.grant()].terms;
    assert_eq!(terms.approved_by, ids::<PersonId>("cyd eve"));
    assert_eq!(
        terms.approved_duties,
        BTreeSet::from([id("data-owner"), id("security")])
    );
}

#[test]
fn two_requests_for_more_time_are_not_longer_together_than_one_may_be() {
    let mut play = asked(|_| ());
    play.approve("bob");
    play.approve("cyd");
    let more = Ask {
        kind: RequestKind::Extension(play.grant()),
        duration: Seconds::from_minutes(120),
        ..ask("edit-flow")
    };
    play.submit("ada", &more);
    let first = play.request();
    play.submit("ada", &more);
    play.approve("bob");
    assert_eq!(
        play.approve("cyd"),
        "cyd as cyd for owner; extended until 3 hours"
    );
    assert_eq!(play.request(), first);
    play.approve("bob");
    let told = play.approve("cyd");
    assert!(
        told.ends_with("is longer than the 4 hours this privilege is lent for at most"),
        "{told}"
    );
}

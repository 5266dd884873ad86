//! The life of a grant, case by case.
use crate::{
    actor::Actor,
    catalog::{Catalog, Environment, Freeze},
    command::{Command, DirectoryChange},
    decide::grant::{extended, suspension},
    directory::{Person, Standing},
    event::Event,
    fixture::{BUNDLE, NOW, by, catalog, context, deny, id, ids, person, system, terms},
    grant::{CredentialKind, HoldReason},
    story::{Story, grant_id, hold, resume, revoke, tell},
    time::{Seconds, Timestamp},
    verdict::Verdict,
};
use std::{collections::BTreeSet, sync::Arc};

const ACTIVATE: Command = Command::ActivateGrant { grant: grant_id(1) };
const EXPIRE: Command = Command::ExpireGrant { grant: grant_id(1) };
const GIVE_BACK: Command = Command::ReturnGrant { grant: grant_id(1) };

fn contain(because: HoldReason) -> Command {
    Command::ContainGrant {
        grant: grant_id(1),
        because,
    }
}

/// What comes of `command` given by `who` (a person, `system` or `operator`), so many minutes later.
#[track_caller]
fn check(story: &mut Story, minutes: u32, who: &str, command: &Command, expected: &str) {
    story.minutes_later(minutes);
    let context = match who {
        "system" => system(story.now),
        "operator" => context(Actor::Operator, story.now),
        person => by(person, story.now),
    };
    assert_eq!(story.act(&context, command), expected);
}

/// `ada` will be lent `read-invoices` for an hour, half an hour from now.
fn scheduled() -> Story {
    let mut story = Story::new();
    let starts_at = story.now.plus(Seconds::from_minutes(30));
    let terms = terms(1, "ada", "read-invoices");
    story.fold(&[Event::GrantScheduled { terms, starts_at }]);
    story
}

fn suspended(name: &str) -> Event {
    Event::DirectoryChanged {
        change: DirectoryChange::Person {
            person: Person {
                standing: Standing::Suspended,
                ..person(name, "finance-analyst", "")
            },
            name: None,
            mail: None,
        },
    }
}

#[test]
fn a_scheduled_grant_begins_at_its_time_and_its_clock_starts_then() {
    let story = &mut scheduled();
    check(
        story,
        0,
        "ada",
        &ACTIVATE,
        "no: this is done by the broker itself or its operator, not by a person",
    );
    check(story, 29, "system", &ACTIVATE, "no: it is not time yet");
    check(
        story,
        1,
        "system",
        &ACTIVATE,
        "grant-activated expires_at=+90m; credential-intended remit_g1_",
    );
    check(
        story,
        0,
        "system",
        &ACTIVATE,
        "no: this was recorded already",
    );
}

#[test]
fn what_is_not_allowed_at_its_start_ends_without_ever_beginning() {
    let superseded =
        "grant-ended reason=superseded; grant-closed ended_at=+30m reason=superseded removed=0";
    let mut story = scheduled();
    story.fold(&[suspended("ada")]);
    check(&mut story, 30, "system", &ACTIVATE, superseded);

    let mut story = scheduled();
    story.minutes_later(30);
    let mut denied = system(story.now);
    denied.verdict = Some(deny("activate.freeze"));
    assert_eq!(story.act(&denied, &ACTIVATE), superseded);

    let mut story = scheduled();
    story.minutes_later(30);
    let mut failed = system(story.now);
    failed.verdict = Some(Verdict {
        errors: vec!["activate.freeze".to_owned()],
        ..deny("activate.freeze")
    });
    assert_eq!(
        story.act(&failed, &ACTIVATE),
        format!("{superseded}; alarm-raised policy-error")
    );
}

/// What comes of a start after `change` made another world of it.
fn started_after(change: fn(&mut Catalog, &mut Person)) -> String {
    let mut story = Story::new();
    let starts_at = story.now.plus(Seconds::from_minutes(30));
    let terms = terms(1, "ada", "edit-flow");
    story.fold(&[Event::GrantScheduled { terms, starts_at }]);
    let mut catalog = catalog();
    change(
        &mut catalog,
        story.state.directory.persons.get_mut(&id("ada")).unwrap(),
    );
    story.state.learn(BUNDLE, Arc::new(catalog));
    story.minutes_later(30);
    let mut unasked = system(story.now);
    unasked.verdict = None;
    story.act(&unasked, &ACTIVATE)
}

#[test]
fn what_has_changed_since_consent_decides_at_the_start() {
    let superseded =
        "grant-ended reason=superseded; grant-closed ended_at=+30m reason=superseded removed=0";
    let changes: [fn(&mut Catalog, &mut Person); 6] = [
        |_, ada| ada.job_roles = ids("controller"),
        |_, ada| ada.training.clear(),
        |_, ada| ada.duties = ids("payment-approver"),
        |catalog, _| {
            let privilege = catalog.privileges.get_mut(&id("edit-flow")).unwrap();
            privilege.windows[0].days.clear();
        },
        |catalog, _| {
            catalog.freezes = vec![Freeze {
                why: "year-end".to_owned(),
                starts_at: NOW,
                ends_at: Timestamp(i64::MAX),
                environments: [Environment::Production].into(),
                platforms: BTreeSet::new(),
            }];
        },
        |catalog, _| {
            let privilege = catalog.privileges.get_mut(&id("edit-flow")).unwrap();
            privilege.actions = ids("flow.read");
        },
    ];
    for change in changes {
        assert_eq!(started_after(change), superseded);
    }
    assert_eq!(started_after(|_, _| {}), "grant-activated expires_at=+90m");
}

#[test]
fn whoever_is_suspended_or_gone_finds_their_grants_on_hold() {
    let leave = |change| Command::ChangeDirectory { change };
    let gone = leave(DirectoryChange::PersonRemoved(id("ada")));
    let Event::DirectoryChanged { change } = suspended("ada") else {
        unreachable!()
    };
    for change in [gone, leave(change)] {
        let story = &mut Story::lent(1, "ada", "read-invoices");
        let held =
            "directory-changed; grant-held because=holder-suspended; credential-removal-intended";
        check(story, 5, "operator", &change, held);
        check(
            story,
            0,
            "bob",
            &resume(1),
            "no: `ada` may not act at present",
        );
        check(story, 55, "system", &EXPIRE, "grant-ended reason=expired");
    }
}

#[test]
fn a_role_is_named_after_its_grant_and_cannot_be_guessed() {
    let story = Story::lent(877, "ada", "read-invoices");
    let grant = &story.state.grants[&grant_id(877)];
    let kinds: Vec<_> = grant.credentials.values().map(|c| c.kind.clone()).collect();
    let role = "remit_g877_5a6ea0".to_owned();
    assert_eq!(kinds, [CredentialKind::PostgresRole { role }]);
}

#[test]
fn a_grant_expires_at_its_end_not_before_and_only_by_the_broker() {
    let story = &mut Story::lent(1, "ada", "edit-flow");
    check(story, 59, "system", &EXPIRE, "no: it is not time yet");
    check(
        story,
        1,
        "operator",
        &EXPIRE,
        "no: this is done by the broker itself or its operator, not by a person",
    );
    check(
        story,
        0,
        "system",
        &EXPIRE,
        "grant-ended reason=expired; grant-closed ended_at=+60m reason=expired removed=0",
    );
    check(
        story,
        0,
        "system",
        &EXPIRE,
        "no: there is no live grant 00000000-0000-0006-0000-000000000001",
    );
    check(
        &mut scheduled(),
        30,
        "system",
        &EXPIRE,
        "no: the grant has not begun",
    );
}

#[test]
fn an_end_takes_back_what_may_exist_before_the_grant_closes() {
    let story = &mut Story::lent(1, "ada", "read-invoices");
    check(
        story,
        60,
        "system",
        &EXPIRE,
        "grant-ended reason=expired; credential-removal-intended",
    );
    check(story, 1, "bob", &revoke(1), "no: the grant is over");
}

#[test]
fn only_the_holder_gives_a_grant_back() {
    let story = &mut Story::lent(1, "ada", "edit-flow");
    check(
        story,
        5,
        "ann",
        &GIVE_BACK,
        "no: `ann` is not the holder of this grant",
    );
    check(
        story,
        0,
        "bob",
        &GIVE_BACK,
        "no: `bob` is not the holder of this grant",
    );
    check(
        story,
        0,
        "ada-alias",
        &GIVE_BACK,
        "grant-ended by=ada reason=returned; grant-closed ended_at=+5m reason=returned removed=0",
    );
    check(
        &mut scheduled(),
        5,
        "ada",
        &GIVE_BACK,
        "grant-ended by=ada reason=returned; grant-closed ended_at=+5m reason=returned removed=0",
    );
}

#[test]
fn security_owners_and_the_operator_revoke_and_nobody_else_does() {
    let ended = |by: &str| {
        format!(
            "grant-ended {by}reason=revoked; grant-closed ended_at=+5m reason=revoked removed=0"
        )
    };
    for (who, by) in [
        ("bob", "by=bob "),
        ("fay", "by=fay "),
        ("cyd", "by=cyd "),
        ("dee", "by=dee "),
        ("operator", ""),
    ] {
        check(
            &mut Story::lent(1, "ada", "edit-flow"),
            5,
            who,
            &revoke(1),
            &ended(by),
        );
    }
    let story = &mut Story::lent(1, "ada", "edit-flow");
    check(
        story,
        5,
        "ann",
        &revoke(1),
        "no: `ann` may not step into this grant",
    );
    check(
        story,
        0,
        "mia",
        &revoke(1),
        "no: `mia` may not step into this grant",
    );
    check(
        story,
        0,
        "leo",
        &revoke(1),
        "no: `leo` may not act at present",
    );
    check(
        story,
        0,
        "svc-build",
        &revoke(1),
        "no: account `svc-build` belongs to no person",
    );
    check(
        story,
        0,
        "system",
        &revoke(1),
        "no: this is done by a person, not by the broker, its operator or an enforcement point",
    );
}

#[test]
fn whoever_ends_a_grant_after_its_time_finds_it_expired() {
    let expired = "grant-ended reason=expired; grant-closed ended_at=+60m reason=expired removed=0";
    check(
        &mut Story::lent(1, "ada", "edit-flow"),
        60,
        "bob",
        &revoke(1),
        expired,
    );
    check(
        &mut Story::lent(1, "ada", "edit-flow"),
        60,
        "ada",
        &GIVE_BACK,
        expired,
    );
}

#[test]
fn a_hold_takes_back_what_is_in_a_target_and_a_resumed_grant_gets_a_new_one() {
    let story = &mut Story::lent(1, "ada", "read-invoices");
    check(
        story,
        5,
        "cyd",
        &hold(1),
        "no: `cyd` may not step into this grant",
    );
    check(
        story,
        0,
        "bob",
        &hold(1),
        "grant-held because=by-human by=bob; credential-removal-intended",
    );
    check(story, 0, "bob", &hold(1), "no: the grant is on hold");
    check(
        story,
        5,
        "ada",
        &resume(1),
        "no: `ada` may not step into this grant",
    );
    check(
        story,
        0,
        "eve",
        &resume(1),
        "grant-resumed by=eve; credential-intended remit_g1_",
    );
    check(story, 0, "eve", &resume(1), "no: the grant is not on hold");
    check(
        story,
        50,
        "system",
        &EXPIRE,
        "grant-ended reason=expired; credential-removal-intended",
    );
}

#[test]
fn a_hold_never_stops_the_clock() {
    let story = &mut Story::lent(1, "ada", "edit-flow");
    check(
        story,
        50,
        "bob",
        &hold(1),
        "grant-held because=by-human by=bob",
    );
    check(story, 10, "bob", &resume(1), "no: the grant is over");
    check(
        story,
        0,
        "system",
        &EXPIRE,
        "grant-ended reason=expired; grant-closed ended_at=+60m reason=expired removed=0",
    );
    check(
        &mut Story::lent(1, "ada", "edit-flow"),
        60,
        "bob",
        &hold(1),
        "no: the grant is over",
    );
    check(
        &mut scheduled(),
        0,
        "bob",
        &hold(1),
        "no: the grant has not begun",
    );
}

#[test]
fn nobody_lets_their_own_grant_or_that_of_a_suspended_person_go_on() {
    let story = &mut Story::new();
    let bob = story.state.directory.persons.get_mut(&id("bob")).unwrap();
    bob.job_roles.insert(id("finance-analyst"));
    story.lend(terms(1, "bob", "edit-flow"));
    check(
        story,
        5,
        "eve",
        &hold(1),
        "grant-held because=by-human by=eve",
    );
    check(
        story,
        0,
        "bob",
        &resume(1),
        "no: `bob` holds this grant and cannot let it go on",
    );

    let story = &mut Story::lent(1, "ada", "read-invoices");
    let held = suspension(&story.state, &id("ada"));
    assert_eq!(
        tell(&held),
        "grant-held because=holder-suspended; credential-removal-intended"
    );
    story.fold(&held);
    story.fold(&[suspended("ada")]);
    check(
        story,
        5,
        "bob",
        &resume(1),
        "no: `ada` may not act at present",
    );
}

#[test]
fn a_grant_held_by_a_rule_is_contained_and_cannot_be_resumed() {
    let story = &mut Story::lent(1, "ada", "read-invoices");
    check(
        story,
        5,
        "system",
        &contain(HoldReason::OverBudget),
        "no: the grant is not on hold",
    );
    story.fold(&[Event::GrantHeld {
        grant: grant_id(1),
        because: HoldReason::OverBudget,
        by: None,
        comment: None,
    }]);
    check(
        story,
        0,
        "bob",
        &resume(1),
        "no: the grant broke its terms and is being ended",
    );
    check(
        story,
        0,
        "system",
        &contain(HoldReason::OutOfScope),
        "no: the grant is not on hold",
    );
    check(
        story,
        90,
        "system",
        &contain(HoldReason::OverBudget),
        "grant-ended reason=contained; alarm-raised contained; credential-removal-intended",
    );
    let history = &story.state.histories[&id("ada")];
    assert_eq!(history.violations, 1);
}

#[test]
fn an_extension_moves_the_end_of_the_same_grant_without_a_gap() {
    let mut story = Story::lent(1, "ada", "read-invoices");
    let request = terms(9, "ada", "read-invoices").request;
    let more = |story: &Story| {
        let context = system(story.now);
        match extended(
            &story.state,
            grant_id(1),
            request,
            Seconds::from_minutes(30),
            &context,
        ) {
            Ok(events) => tell(&events),
            Err(refused) => format!("no: {refused}"),
        }
    };
    story.minutes_later(59);
    assert_eq!(more(&story), "grant-extended expires_at=+90m");
    story.fold(&[Event::GrantExtended {
        grant: grant_id(1),
        request,
        expires_at: story.now.plus(Seconds::from_minutes(31)),
    }]);
    check(&mut story, 1, "system", &EXPIRE, "no: it is not time yet");
    story.minutes_later(30);
    assert_eq!(
        more(&story),
        "no: an extension needs a grant that is active now"
    );
    check(
        &mut story,
        0,
        "system",
        &EXPIRE,
        "grant-ended reason=expired; credential-removal-intended",
    );
}

#[test]
fn overlapping_grants_of_one_person_do_not_end_each_other() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    story.minutes_later(30);
    story.lend(terms(2, "ada", "edit-flow"));
    check(
        &mut story,
        30,
        "system",
        &EXPIRE,
        "grant-ended reason=expired; grant-closed ended_at=+60m reason=expired removed=0",
    );
    assert!(story.state.grants.contains_key(&grant_id(2)));
}

#[test]
fn emergencies_and_high_impact_are_reviewed_from_their_end_on() {
    for (break_glass, impact, review) in [(true, 0, true), (false, 60, true), (false, 59, false)] {
        let mut story = Story::new();
        story.lend(crate::grant::GrantTerms {
            impact,
            break_glass,
            ..terms(1, "ada", "edit-flow")
        });
        let review = if review {
            "review-due due_at=+4325m holder=ada; "
        } else {
            ""
        };
        let expected = format!(
            "grant-ended by=ada reason=returned; {review}grant-closed ended_at=+5m reason=returned removed=0"
        );
        check(&mut story, 5, "ada", &GIVE_BACK, &expected);
    }
}

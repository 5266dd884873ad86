//! Use of a grant, case by case.
use crate::{
    actor::{Actor, Context},
    command::{Activity, Attempt, Command, FinishedUse, UseOutcome},
    event::Event,
    fixture::{by, deny, gateway, id, system, terms},
    grant::{CredentialKind, GrantTerms},
    ids::UseId,
    story::{Story, attempt, grant_id, hold},
    time::Timestamp,
    verdict::Verdict,
};

const ALLOWED: &str = "use-allowed holder=ada metered=true";

/// `ada` may edit the flow for an hour and holds a token for it.
fn elevated() -> Story {
    with_token(terms(1, "ada", "edit-flow"))
}

fn with_token(terms: GrantTerms) -> Story {
    let holder = terms.holder.clone();
    let mut story = Story::new();
    story.lend(terms);
    let issue = Command::IssueCredential {
        grant: grant_id(1),
        kind: CredentialKind::AccessToken,
    };
    let told = story.person(holder.as_str(), &issue);
    assert_eq!(told, "credential-issued expires_at=+60m access-token");
    story
}

fn change(story: &Story) -> Attempt {
    attempt(1, story.credential(1), "flow.change", "nodered.invoices")
}

fn begin(attempt: Attempt) -> Command {
    Command::BeginUse { attempt }
}

#[track_caller]
fn check(story: &mut Story, attempt: Attempt, expected: &str) {
    assert_eq!(story.front(&begin(attempt)), expected);
}

/// Begins and finishes one use with an answer of so many bytes and rows.
fn used(story: &mut Story, bytes: u64, rows: u64) -> String {
    let attempt = change(story);
    assert_eq!(story.front(&begin(attempt)), ALLOWED);
    let use_id = *story.state.grants[&grant_id(1)].open_uses.last().unwrap();
    story.front(&finish(use_id, bytes, rows))
}

fn finish(use_id: UseId, bytes: u64, rows: u64) -> Command {
    Command::FinishUse {
        use_id,
        grant: grant_id(1),
        outcome: UseOutcome {
            status: Some(200),
            bytes,
            rows,
            cut: false,
        },
    }
}

/// Begins so many uses and tells of all of them at once, each with so many rows.
fn used_together(story: &mut Story, rows: &[u64]) -> String {
    let uses = rows.iter().map(|rows| {
        let attempt = change(story);
        assert_eq!(story.front(&begin(attempt)), ALLOWED);
        let open = &story.state.grants[&grant_id(1)].open_uses;
        (*open.last().unwrap(), *rows)
    });
    let uses: Vec<_> = uses.collect();
    story.front(&finish_all(&uses))
}

fn finish_all(uses: &[(UseId, u64)]) -> Command {
    let uses = uses.iter().map(|(use_id, rows)| FinishedUse {
        use_id: *use_id,
        outcome: UseOutcome {
            status: Some(200),
            bytes: 10,
            rows: *rows,
            cut: false,
        },
    });
    Command::FinishUses {
        grant: grant_id(1),
        uses: uses.collect(),
    }
}

#[test]
fn uses_that_end_together_count_as_if_each_had_been_told_alone() {
    let (together, alone) = (&mut elevated(), &mut elevated());
    let told = used_together(together, &[3, 4]);
    let one_by_one = [used(alone, 10, 3), used(alone, 10, 4)].join("; ");
    assert_eq!(told, one_by_one);
    let usage = |story: &Story| story.state.grants[&grant_id(1)].usage;
    assert_eq!(usage(together), usage(alone));
    assert_eq!(usage(together).rows, 7);
    assert!(together.state.grants[&grant_id(1)].open_uses.is_empty());
}

#[test]
fn of_uses_that_end_together_all_are_told_or_none() {
    let story = &mut elevated();
    let attempt = change(story);
    assert_eq!(story.front(&begin(attempt)), ALLOWED);
    let open = *story.state.grants[&grant_id(1)].open_uses.last().unwrap();
    let unknown = UseId(uuid::Uuid::nil());
    let repeated = story.front(&finish_all(&[]));
    for uses in [&[(open, 1), (open, 1)], &[(open, 1), (unknown, 1)]] {
        assert_eq!(story.front(&finish_all(uses)), repeated);
    }
    assert!(repeated.starts_with("no: "), "{repeated}");
    assert_eq!(story.state.grants[&grant_id(1)].usage.rows, 0);
    assert_eq!(
        story.person("ada", &finish_all(&[(open, 1)])),
        "no: only a registered enforcement point does this"
    );
}

#[test]
fn uses_that_together_go_over_the_budget_end_the_grant() {
    let mut terms = terms(1, "ada", "edit-flow");
    terms.budget.rows_max = Some(6);
    let story = &mut with_token(terms);
    let told = used_together(story, &[3, 4]);
    assert!(told.ends_with("grant-held because=over-budget"), "{told}");
}

#[test]
fn a_use_within_the_terms_is_allowed_until_the_very_end() {
    let story = &mut elevated();
    check(story, change(story), ALLOWED);
    story.minutes_later(59);
    check(story, change(story), ALLOWED);
    story.now = Timestamp(story.now.0 + 59_999);
    check(story, change(story), ALLOWED);
    story.now = Timestamp(story.now.0 + 1);
    check(story, change(story), "use-refused rule=over");
}

#[test]
fn a_clock_that_falls_back_brings_no_ended_grant_back() {
    let story = &mut elevated();
    let late = change(story);
    story.minutes_later(60);
    let expire = Command::ExpireGrant { grant: grant_id(1) };
    assert_eq!(
        story.broker(&expire),
        "grant-ended reason=expired; grant-closed ended_at=+60m reason=expired removed=1"
    );
    story.now = Timestamp(story.now.0 - 3_000_000);
    check(story, late, "no: no grant of this person covers this");
}

#[test]
fn only_the_enforcement_point_that_asks_begins_a_use() {
    let story = &mut elevated();
    let refused = "no: only a registered enforcement point does this";
    let command = begin(change(story));
    let other = Context {
        actor: Actor::Gateway {
            gateway: id("back"),
        },
        ..gateway(story.now)
    };
    for context in [by("ada", story.now), system(story.now), other] {
        assert_eq!(story.act(&context, &command), refused);
    }
    let finished = finish(UseId(uuid::Uuid::nil()), 0, 0);
    assert_eq!(story.person("ada", &finished), refused);
}

#[test]
fn a_use_needs_a_credential_of_the_grant() {
    let story = &mut elevated();
    let mut none = change(story);
    none.credential = None;
    check(story, none, "use-refused rule=credential");
    let mut foreign = change(story);
    foreign.credential = Some(crate::ids::CredentialId(uuid::Uuid::nil()));
    check(story, foreign, "use-refused rule=credential");
    let mut unknown = change(story);
    unknown.grant = None;
    check(story, unknown, "no: no grant of this person covers this");
    assert_eq!(story.state.grants[&grant_id(1)].usage.refusals, 0);
}

#[test]
fn a_credential_past_its_own_end_is_void_even_if_the_grant_was_extended() {
    let story = &mut elevated();
    story.fold(&[Event::GrantExtended {
        grant: grant_id(1),
        request: terms(9, "ada", "edit-flow").request,
        expires_at: story.now.plus(crate::time::Seconds::from_minutes(120)),
    }]);
    story.minutes_later(60);
    check(story, change(story), "use-refused rule=over");
}

#[test]
fn a_held_grant_cannot_be_used_and_its_token_works_again_once_resumed() {
    let story = &mut elevated();
    story.person("bob", &hold(1));
    check(story, change(story), "use-refused rule=on-hold");
    story.person("bob", &crate::story::resume(1));
    check(story, change(story), ALLOWED);
}

#[test]
fn a_suspended_holder_uses_nothing() {
    let story = &mut elevated();
    story.state.directory.persons.remove(&id("ada"));
    check(story, change(story), "use-refused rule=standing");
}

#[test]
fn whoever_approved_a_grant_never_uses_it() {
    let story = &mut elevated();
    let grant = story.state.grants.get_mut(&grant_id(1)).unwrap();
    grant.terms.approved_by.insert(id("ada"));
    check(story, change(story), "use-refused rule=approver-uses");
}

#[test]
fn every_action_and_target_lies_within_the_terms() {
    let outside: [fn(&mut Attempt); 5] = [
        |attempt| attempt.actions = [(id("flow.run"), id("nodered.invoices"))].into(),
        |attempt| attempt.actions = [(id("flow.change"), id("nodered.payments"))].into(),
        |attempt| {
            attempt
                .actions
                .insert((id("flow.change"), id("nodered.payments")));
        },
        |attempt| attempt.platform = id("ledgerdb"),
        |attempt| attempt.unmapped.push("a new tab".to_owned()),
    ];
    for reach in outside {
        let story = &mut elevated();
        let mut attempt = change(story);
        reach(&mut attempt);
        check(story, attempt, "use-refused rule=scope");
        assert_eq!(story.state.grants[&grant_id(1)].usage.refusals, 1);
    }
}

#[test]
fn data_goes_to_declared_destinations_only() {
    let mut terms = terms(1, "ada", "edit-flow");
    terms.budget.destinations = ["bank.example".to_owned()].into();
    let story = &mut with_token(terms);
    let mut attempt = change(story);
    attempt.destination = Some("bank.example".to_owned());
    check(story, attempt.clone(), ALLOWED);
    attempt.destination = Some("elsewhere.example".to_owned());
    check(story, attempt.clone(), "use-refused rule=destination");
    attempt.unmapped.push("a new tab".to_owned());
    check(story, attempt, "use-refused rule=scope");
}

#[test]
fn policies_must_say_yes_and_an_error_is_told_at_once() {
    let story = &mut elevated();
    let command = begin(change(story));
    let now = story.now;
    let with = |verdict| Context {
        verdict,
        ..gateway(now)
    };
    let failed = Verdict {
        errors: vec!["perform.fresh".to_owned()],
        ..crate::fixture::allow()
    };
    for (verdict, expected) in [
        (Some(deny("perform.fresh")), "use-refused rule=policy"),
        (
            None,
            "use-refused rule=policy-failed; alarm-raised policy-error",
        ),
        (
            Some(failed),
            "use-refused rule=policy-failed; alarm-raised policy-error",
        ),
    ] {
        assert_eq!(story.act(&with(verdict), &command), expected);
    }
    assert_eq!(story.state.grants[&grant_id(1)].usage.refusals, 0);
}

#[test]
fn an_ambient_route_needs_an_active_grant_and_spends_no_call() {
    let story = &mut elevated();
    let mut page = change(story);
    page.actions.clear();
    let silent = Context {
        verdict: None,
        ..gateway(story.now)
    };
    assert_eq!(
        story.act(&silent, &begin(page.clone())),
        "use-allowed holder=ada metered=false"
    );
    assert_eq!(story.state.grants[&grant_id(1)].usage.calls, 0);
    story.person("bob", &hold(1));
    check(story, page, "use-refused rule=on-hold");
}

#[test]
fn repeated_reaching_out_of_scope_holds_the_grant_for_containment() {
    let story = &mut elevated();
    let mut attempt = change(story);
    attempt.unmapped.push("a new tab".to_owned());
    check(story, attempt.clone(), "use-refused rule=scope");
    check(story, attempt.clone(), "use-refused rule=scope");
    check(
        story,
        attempt,
        "use-refused rule=scope; grant-held because=out-of-scope",
    );
}

#[test]
fn calls_within_the_budget_only() {
    let story = &mut elevated();
    for _ in 0..5 {
        assert_eq!(used(story, 10, 1), "use-finished");
    }
    check(story, change(story), "use-refused rule=budget");
    let usage = story.state.grants[&grant_id(1)].usage;
    assert_eq!((usage.calls, usage.bytes, usage.rows), (5, 50, 5));
}

#[test]
fn more_bytes_or_rows_than_the_budget_hold_the_grant_for_containment() {
    let held = "use-finished; grant-held because=over-budget";
    assert_eq!(used(&mut elevated(), 10_001, 0), held);
    assert_eq!(used(&mut elevated(), 0, 101), held);
    let story = &mut elevated();
    assert_eq!(used(story, 10_000, 100), "use-finished");
    check(story, change(story), "use-refused rule=budget");
}

#[test]
fn an_outcome_counts_once_and_is_recorded_even_after_the_grant_closed() {
    let story = &mut elevated();
    check(story, change(story), ALLOWED);
    let use_id = *story.state.grants[&grant_id(1)].open_uses.last().unwrap();
    assert_eq!(story.front(&finish(use_id, 1, 1)), "use-finished");
    let twice = story.front(&finish(use_id, 1, 1));
    assert_eq!(twice, "no: this was recorded already");
    story.person("ada", &Command::ReturnGrant { grant: grant_id(1) });
    assert_eq!(story.front(&finish(use_id, 1, 1)), "use-finished");
}

#[test]
fn a_line_of_a_platforms_log_is_recorded_once() {
    let mut story = elevated();
    let line = |source: &str| Command::RecordActivity {
        activity: Activity {
            platform: id("ledgerdb"),
            grant: None,
            action: "select".to_owned(),
            object: "public.invoices".to_owned(),
            detail: None,
            data_class: None,
            happened_at: Timestamp(0),
            source: source.to_owned(),
        },
    };
    let repeated = "no: this was recorded already";
    for (source, expected) in [
        ("0009", "activity-recorded"),
        ("0009", repeated),
        ("0008", repeated),
        ("0010", "activity-recorded"),
    ] {
        assert_eq!(story.broker(&line(source)), expected, "{source}");
    }
    let refused = "no: this is done by the broker itself or its operator, not by a person";
    assert_eq!(story.person("bob", &line("0011")), refused);
}

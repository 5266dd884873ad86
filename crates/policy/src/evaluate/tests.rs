//! The example bundle's verdicts, one line for each case, and what happens when policies can't be asked.
use super::*;
use crate::{
    Bundle,
    fixture::{NOW, bundle, directory, files, id, ids, question},
};
use PolicyAction::{Activate, Approve, BreakGlass, Intervene, Perform, Request, Review};
use domain::{
    catalog::{ActionKind, DataClass, Environment, Phase},
    directory::Standing,
    time::{Seconds, Timestamp},
    verdict::{Elevation, Session},
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// The example's policies, read once.
fn example() -> &'static Evaluator {
    static EXAMPLE: LazyLock<Evaluator> = LazyLock::new(|| Evaluator::new(&bundle(&[])));
    &EXAMPLE
}

/// The verdict in one line.
fn said(verdict: &Verdict) -> String {
    let outcome = match verdict.outcome {
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
    };
    let mut line = format!("{outcome}: {}", verdict.policies.join(", "));
    if !verdict.errors.is_empty() {
        line = format!("{line} errors: {}", verdict.errors.join(", "));
    }
    line
}

fn change(
    question: PolicyQuestion,
    change: impl FnOnce(&mut Elevation, &mut Session),
) -> PolicyQuestion {
    let mut question = question;
    change(&mut question.elevation, &mut question.session);
    question
}

/// One line for each question.
fn table(questions: &[(&str, PolicyQuestion)]) -> String {
    let (evaluator, directory) = (example(), directory());
    let line = |(case, question): &(&str, PolicyQuestion)| {
        format!(
            "{case} -> {}",
            said(&evaluator.evaluate(&directory, question))
        )
    };
    questions.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_job_role_is_lent_to_and_nobody_else() {
    let asks = |who: &str, privilege: &str| {
        change(question(Request, who), |elevation, _| {
            elevation.holder = id(who);
            elevation.privilege = id(privilege);
        })
    };
    insta::assert_snapshot!(table(&[
        ("analyst edits a flow", asks("a-lindqvist", "ledgerly-edit-production-flow")),
        ("planner edits a flow", asks("j-costa", "ledgerly-edit-production-flow")),
        ("planner exports", asks("j-costa", "ledgerly-export-suppliers")),
        ("security edits a flow", asks("m-sato", "ledgerly-edit-production-flow")),
        ("governance edits a flow", asks("p-novak", "ledgerly-edit-production-flow")),
        ("for somebody else", question(Request, "j-costa")),
        ("for too long", change(asks("a-lindqvist", "ledgerly-run-flow"), |e, _| e.duration = Seconds(3_601))),
        ("with old lessons", change(asks("a-lindqvist", "ledgerly-read-suppliers"), |_, s| s.now = NOW.plus(Seconds(86_400)))),
    ]), @r"
    analyst edits a flow -> allow: request.anybody
    planner edits a flow -> allow: request.anybody
    planner exports -> deny: obtain.job-role
    security edits a flow -> deny: obtain.job-role
    governance edits a flow -> deny: obtain.not-administrator
    for somebody else -> deny: remit.not-permitted
    for too long -> deny: obtain.longest
    with old lessons -> deny: obtain.lessons
    ");
}

#[test]
fn consent_comes_from_others_whose_duty_it_is() {
    let approves = |who: &str| {
        change(question(Approve, who), |elevation, _| {
            elevation.active = false;
            elevation.approved_by = ids("r-haddad");
        })
    };
    let late = |who: &str| change(approves(who), |_, s| s.now = NOW.plus(Seconds(60)));
    insta::assert_snapshot!(table(&[
        ("security", approves("m-sato")),
        ("security through nested groups", approves("k-berg")),
        ("governance owner", approves("p-novak")),
        ("group that can fill a seat", approves("l-ito")),
        ("manager of the data owner", approves("t-weiss")),
        ("deputy of the data owner", approves("u-stray")),
        ("deputy when it is over", late("u-stray")),
        ("whoever asked", approves("a-lindqvist")),
        ("deputy of whoever asked", approves("j-costa")),
        ("whoever approved already", approves("r-haddad")),
    ]), @r"
    security -> allow: approve.duty-holders
    security through nested groups -> allow: approve.duty-holders
    governance owner -> allow: approve.duty-holders
    group that can fill a seat -> allow: approve.duty-holders
    manager of the data owner -> allow: approve.duty-holders
    deputy of the data owner -> allow: approve.duty-holders
    deputy when it is over -> deny: remit.not-permitted
    whoever asked -> deny: approve.not-own
    deputy of whoever asked -> deny: remit.not-permitted
    whoever approved already -> deny: approve.not-twice
    ");
}

#[test]
fn only_the_holder_uses_a_grant_while_it_runs_and_both_agreed() {
    let uses = |who: &str| question(Perform, who);
    let when = |f: fn(&mut Elevation, &mut Session)| change(uses("a-lindqvist"), f);
    insta::assert_snapshot!(table(&[
        ("the holder", uses("a-lindqvist")),
        ("somebody else", uses("j-costa")),
        ("an approver", uses("m-sato")),
        ("holder who approved", when(|e, _| e.approved_by = ids("a-lindqvist m-sato"))),
        ("not active", when(|e, _| e.active = false)),
        ("held", when(|e, _| { e.active = false; e.held = true; })),
        ("too early", when(|_, s| s.now = Timestamp(NOW.0 - 1))),
        ("last moment", when(|_, s| s.now = Timestamp(NOW.0 + 3_599_999))),
        ("expired", when(|_, s| s.now = Timestamp(NOW.0 + 3_600_000))),
        ("without an end", when(|e, _| e.expires_at = None)),
        ("security alone agreed", when(|e, _| e.approved_duties = ids("security"))),
        ("data owner alone agreed", when(|e, _| e.approved_duties = ids("data-owner"))),
        ("one agreed, test and internal", when(|e, _| {
            e.approved_duties = ids("product-owner");
            e.environment = Environment::Test;
            e.data_class = DataClass::Internal;
        })),
        ("one agreed, test and confidential", when(|e, _| {
            e.approved_duties = ids("product-owner");
            e.environment = Environment::Test;
        })),
        ("critical without security", when(|e, _| {
            e.approved_duties = ids("product-owner");
            e.environment = Environment::Test;
            e.data_class = DataClass::Internal;
            e.impact = 80;
        })),
        ("change in a freeze", when(|_, s| s.frozen = true)),
        ("reading in a freeze", when(|e, s| { s.frozen = true; e.action_kind = ActionKind::Read; })),
        ("outside the window", when(|_, s| s.in_window = false)),
        ("unusual activity", when(|_, s| s.risk = 80)),
        ("nearly unusual activity", when(|_, s| s.risk = 79)),
        ("build-time runs", when(|e, _| e.action_kind = ActionKind::Run)),
        ("run-time changes", when(|e, _| e.phase = Phase::RunTime)),
    ]), @r"
    the holder -> allow: perform.holder
    somebody else -> deny: remit.not-permitted
    an approver -> deny: use.not-approver
    holder who approved -> deny: use.not-approver
    not active -> deny: perform.active
    held -> deny: perform.active, use.not-held
    too early -> deny: perform.not-early
    last moment -> allow: perform.holder
    expired -> deny: perform.not-expired
    without an end -> deny: perform.not-expired
    security alone agreed -> deny: use.two-people
    data owner alone agreed -> deny: use.two-people
    one agreed, test and internal -> allow: perform.holder
    one agreed, test and confidential -> deny: use.two-people
    critical without security -> deny: use.critical-needs-security
    change in a freeze -> deny: use.freeze
    reading in a freeze -> allow: perform.holder
    outside the window -> deny: use.window
    unusual activity -> deny: all.risk
    nearly unusual activity -> allow: perform.holder
    build-time runs -> deny: perform.build-time-does-not-run
    run-time changes -> deny: perform.run-time-does-not-change
    ");
}

#[test]
fn an_emergency_needs_no_consent_and_still_has_its_limits() {
    let emergency = |action| {
        change(question(action, "a-lindqvist"), |e, s| {
            e.privilege = id("ledgerly-administer");
            e.approved_by = ids("");
            e.approved_duties = ids("");
            e.break_glass = true;
            s.frozen = true;
            s.in_window = false;
        })
    };
    insta::assert_snapshot!(table(&[
        ("taken", emergency(BreakGlass)),
        ("for somebody else", change(emergency(BreakGlass), |e, _| e.holder = id("j-costa"))),
        ("not as an emergency", change(emergency(BreakGlass), |e, _| e.break_glass = false)),
        ("for nine hours", change(emergency(BreakGlass), |e, _| e.duration = Seconds(32_400))),
        ("begun", emergency(Activate)),
        ("used", emergency(Perform)),
        ("used when held", change(emergency(Perform), |e, _| e.held = true)),
        ("used when expired", change(emergency(Perform), |e, _| e.expires_at = Some(NOW))),
    ]), @r"
    taken -> allow: break-glass.anybody
    for somebody else -> deny: remit.not-permitted
    not as an emergency -> deny: remit.not-permitted
    for nine hours -> deny: break-glass.eight-hours, obtain.longest
    begun -> allow: activate.holder
    used -> allow: perform.holder
    used when held -> deny: use.not-held
    used when expired -> deny: perform.not-expired
    ");
}

#[test]
fn others_step_in_and_look_back() {
    insta::assert_snapshot!(table(&[
        ("security steps in", question(Intervene, "k-berg")),
        ("data owner steps in", question(Intervene, "r-haddad")),
        ("governance owner steps in", question(Intervene, "p-novak")),
        ("auditor steps in", question(Intervene, "o-danso")),
        ("holder steps in", question(Intervene, "a-lindqvist")),
        ("for a holder who left", change(question(Intervene, "k-berg"), |e, _| e.holder = id("gone"))),
        ("manager looks back", question(Review, "t-weiss")),
        ("auditor looks back", question(Review, "o-danso")),
        ("approver looks back", question(Review, "m-sato")),
        ("holder looks back", question(Review, "a-lindqvist")),
        ("anybody looks back", question(Review, "j-costa")),
    ]), @r"
    security steps in -> allow: intervene.watchers
    data owner steps in -> allow: intervene.watchers
    governance owner steps in -> allow: intervene.watchers
    auditor steps in -> deny: remit.not-permitted
    holder steps in -> deny: intervene.not-own
    for a holder who left -> allow: intervene.watchers
    manager looks back -> allow: review.reviewers
    auditor looks back -> allow: review.reviewers
    approver looks back -> deny: review.not-approver
    holder looks back -> deny: review.not-own
    anybody looks back -> deny: remit.not-permitted
    ");
}

#[test]
fn whoever_is_suspended_or_unknown_does_nothing() {
    let (evaluator, mut directory) = (example(), directory());
    let holder = directory.persons.get_mut(&id("a-lindqvist")).unwrap();
    holder.standing = Standing::Suspended;
    let told = |who: &str| said(&evaluator.evaluate(&directory, &question(Perform, who)));
    assert_eq!(told("a-lindqvist"), "deny: all.suspended");
    assert_eq!(told("nobody"), "deny:  errors: remit.unknown-person");
}

#[test]
fn what_changes_between_two_questions_is_seen_at_once() {
    let (evaluator, mut directory) = (Evaluator::new(&bundle(&[])), directory());
    let asked = question(Perform, "a-lindqvist");
    assert_eq!(
        said(&evaluator.evaluate(&directory, &asked)),
        "allow: perform.holder"
    );
    let held = change(asked.clone(), |e, _| e.held = true);
    assert_eq!(
        said(&evaluator.evaluate(&directory, &held)),
        "deny: use.not-held"
    );
    assert_eq!(
        said(&evaluator.evaluate(&directory, &asked)),
        "allow: perform.holder"
    );
    let holder = directory.persons.get_mut(&id("a-lindqvist")).unwrap();
    holder.standing = Standing::Suspended;
    assert_eq!(
        said(&evaluator.evaluate(&directory, &asked)),
        "deny: all.suspended"
    );
}

#[test]
fn a_privilege_that_is_not_in_the_catalog_is_a_no() {
    let asked = change(question(Request, "a-lindqvist"), |e, _| {
        e.privilege = id("other");
    });
    let verdict = example().evaluate(&directory(), &asked);
    assert_eq!(said(&verdict), "deny:  errors: remit.not-asked");
}

#[test]
fn a_policy_that_fails_denies_and_is_named() {
    let failing = r#"
        @id("perform.overflow")
        @why("It can't be calculated.")
        @fix("Nothing helps.")
        forbid (principal, action == Remit::Action::"perform", resource)
        when { resource.impact * 9223372036854775807 > 100 };
    "#;
    let evaluator = Evaluator::new(&bundle(&[("policies/failing.cedar", Some(failing))]));
    let verdict = evaluator.evaluate(&directory(), &question(Perform, "a-lindqvist"));
    assert_eq!(said(&verdict), "deny:  errors: perform.overflow");
    let early = change(question(Perform, "a-lindqvist"), |e, _| e.active = false);
    let verdict = evaluator.evaluate(&directory(), &early);
    assert_eq!(
        said(&verdict),
        "deny: perform.active errors: perform.overflow"
    );
}

#[test]
fn times_from_outside_never_make_a_policy_fail() {
    let calculating = r#"
        @id("perform.fresh")
        @why("The sign-in is old.")
        @fix("Sign in again.")
        forbid (principal, action == Remit::Action::"perform", resource)
        unless { context.now.durationSince(context.signedInAt) < duration("1h") };
    "#;
    let evaluator = Evaluator::new(&bundle(&[("policies/fresh.cedar", Some(calculating))]));
    for signed_in_at in [i64::MIN, -1, 0, i64::MAX] {
        for expires_at in [i64::MIN, i64::MAX] {
            let asked = change(question(Perform, "a-lindqvist"), |e, s| {
                s.signed_in_at = Timestamp(signed_in_at);
                e.expires_at = Some(Timestamp(expires_at));
            });
            let verdict = evaluator.evaluate(&directory(), &asked);
            assert_eq!(verdict.errors, Vec::<String>::new());
        }
    }
}

#[test]
fn a_verdict_explains_itself() {
    let told = |id: &str| {
        let reasons = example().explain(&[id.to_owned()]);
        let [Reason { rule, why, fix }] = reasons.as_slice() else {
            panic!("one reason for one policy");
        };
        format!("{rule}: {why} {}", fix.as_deref().unwrap_or("-"))
    };
    insta::assert_snapshot!(
        ["use.two-people", "perform.holder", NOT_PERMITTED, NOT_ASKED, UNKNOWN_PERSON, "other"]
            .map(told)
            .join("\n"),
        @r"
        use.two-people: Production systems and confidential data are opened by two people: security, and whoever answers for the data. Wait for the missing consent; the people concerned have been asked.
        perform.holder: You hold a grant for this. -
        remit.not-permitted: No rule of your organisation allows this. -
        remit.not-asked: The rules could not be asked, and without their answer nothing is allowed. Tell whoever runs the broker; nothing was changed.
        remit.unknown-person: The directory doesn't know who acts. Ask whoever runs the directory to add you.
        other: This rule is not in the bundle in force. -
        "
    );
}

#[test]
fn every_action_has_one_permit() {
    let bundle = bundle(&[]);
    let permits = |about: &ModelAction| {
        let policies = speaking_about(&bundle.rules.policies, about);
        let permits = policies
            .policies()
            .filter(|p| p.effect() == cedar_policy::Effect::Permit);
        permits.count()
    };
    let counts: Vec<usize> = bundle.model.actions.values().map(permits).collect();
    assert_eq!(counts, [1; 7]);
}

/// The example with a permit that fails, and with a forbid that fails.
static FAILING: LazyLock<(Evaluator, Evaluator)> = LazyLock::new(|| {
    let with = |effect: &str| {
        let failing = format!(
            "@id(\"fails\") @why(\"w\") @fix(\"f\") {effect} (principal, action, resource) \
             when {{ (resource.seconds + 1) * 9223372036854775807 * 2 == 0 }};"
        );
        Evaluator::new(&bundle(&[("policies/failing.cedar", Some(&failing))]))
    };
    (with("permit"), with("forbid"))
});

/// All that varies in a question.
fn any_question() -> impl Strategy<Value = PolicyQuestion> {
    let actions = proptest::sample::select(vec![
        Request, BreakGlass, Approve, Activate, Perform, Intervene, Review,
    ]);
    let people = || {
        proptest::sample::select(vec![
            "a-lindqvist",
            "j-costa",
            "r-haddad",
            "m-sato",
            "k-berg",
            "p-novak",
            "nobody",
        ])
    };
    let flags = any::<[bool; 6]>();
    let times = (any::<i64>(), any::<i64>(), any::<i64>());
    (
        actions,
        people(),
        people(),
        flags,
        times,
        any::<(u8, u8, u32)>(),
    )
        .prop_map(|(action, who, holder, flags, times, numbers)| {
            change(question(action, who), |e, s| {
                e.holder = id(holder);
                [
                    e.active,
                    e.held,
                    e.break_glass,
                    s.frozen,
                    s.in_window,
                    s.second_factor,
                ] = flags;
                s.now = Timestamp(times.0);
                s.signed_in_at = Timestamp(times.1);
                e.expires_at = Some(Timestamp(times.2));
                (e.impact, s.risk, e.duration) = (numbers.0, numbers.1, Seconds(numbers.2));
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_example_can_always_be_asked_and_answers_alike(asked in any_question()) {
        let (evaluator, directory) = (example(), directory());
        let verdict = evaluator.evaluate(&directory, &asked);
        if asked.principal.as_str() != "nobody" {
            prop_assert_eq!(&verdict.errors, &Vec::<String>::new());
        }
        prop_assert_eq!(&verdict, &evaluator.evaluate(&directory, &asked));
    }

    #[test]
    fn with_a_failing_policy_nothing_is_allowed(asked in any_question(), permits in any::<bool>()) {
        let failing = if permits { &FAILING.0 } else { &FAILING.1 };
        let verdict = failing.evaluate(&directory(), &asked);
        prop_assert_eq!(verdict.outcome, Outcome::Deny);
        prop_assert!(!verdict.errors.is_empty());
    }

    #[test]
    fn looking_only_at_relevant_policies_changes_no_verdict(asked in any_question()) {
        let (evaluator, directory) = (example(), directory());
        let verdict = evaluator.evaluate(&directory, &asked);
        if let Some(direct) = evaluator.as_cedar(&directory, &asked).filter(|_| asked.principal.as_str() != "nobody") {
            let response = Authorizer::new().is_authorized(&direct.request, evaluator.policies(), &direct.entities);
            let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
            policies.sort();
            if policies.is_empty() {
                policies.push(NOT_PERMITTED.to_owned());
            }
            prop_assert_eq!(verdict.policies, policies);
        }
    }

    #[test]
    fn nobody_approves_or_reviews_their_own(asked in any_question()) {
        let own = change(asked, |e, _| e.holder = id("r-haddad"));
        let own = PolicyQuestion { principal: id("r-haddad"), ..own };
        let evaluator = example();
        for action in [Approve, Intervene, Review] {
            let verdict = evaluator.evaluate(&directory(), &PolicyQuestion { action, ..own.clone() });
            prop_assert_eq!(verdict.outcome, Outcome::Deny);
        }
    }
}

#[test]
fn the_files_decide_the_digest() {
    let one = Bundle::load(&files(&[])).unwrap();
    let other = Bundle::load(&files(&[("README.md", Some("other"))])).unwrap();
    assert_eq!(one.digest, crate::bundle::hash(&files(&[])));
    assert_ne!(one.digest, other.digest);
}

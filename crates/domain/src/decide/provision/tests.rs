//! Credentials, case by case.
use crate::{
    command::Command,
    fixture::{id, terms},
    grant::{CREDENTIALS_MAX, CredentialKind},
    ids::CredentialId,
    story::{Story, grant_id, hold, resume, revoke},
    time::{Seconds, Timestamp},
};

/// `ada` was lent `read-invoices` for an hour; a role for it is about to be made.
fn intended() -> (Story, CredentialId) {
    let story = Story::lent(1, "ada", "read-invoices");
    let credential = story.credential(1);
    (story, credential)
}

fn made_until(credential: CredentialId, expires_at: Timestamp) -> Command {
    Command::RecordProvisioned {
        grant: grant_id(1),
        credential,
        expires_at,
    }
}

/// Made, and refused by the target itself when the hour of the grant is over.
fn made(credential: CredentialId) -> Command {
    made_until(
        credential,
        crate::fixture::NOW.plus(Seconds::from_minutes(60)),
    )
}

fn not_made(credential: CredentialId) -> Command {
    Command::RecordProvisionFailed {
        grant: grant_id(1),
        credential,
        because: "connection refused".to_owned(),
    }
}

fn gone(credential: CredentialId) -> Command {
    Command::RecordRemoved {
        grant: grant_id(1),
        credential,
        read_back: "no such role".to_owned(),
    }
}

fn not_gone(credential: CredentialId) -> Command {
    Command::RecordRemovalFailed {
        grant: grant_id(1),
        credential,
        because: "connection refused".to_owned(),
    }
}

fn token(kind: CredentialKind) -> Command {
    Command::IssueCredential {
        grant: grant_id(1),
        kind,
    }
}

#[track_caller]
fn check(story: &mut Story, report: &Command, expected: &str) {
    assert_eq!(story.broker(report), expected);
}

const MADE: &str = "credential-issued expires_at=+60m remit_g1_";
const MADE_TOO_LATE: &str =
    "credential-issued expires_at=+60m remit_g1_; credential-removal-intended";
const GONE: &str = "credential-removed read_back=no such role";
const CLOSED: &str =
    "credential-removed read_back=no such role; grant-closed ended_at=+0m reason=revoked removed=1";

#[test]
fn a_role_is_intended_made_taken_back_and_read_back() {
    let (mut story, role) = intended();
    check(
        &mut story,
        &gone(role),
        "no: the credential is not being taken away",
    );
    check(&mut story, &made(role), MADE);
    check(&mut story, &made(role), "no: this was recorded already");
    story.person("bob", &revoke(1));
    check(&mut story, &gone(role), CLOSED);
    check(
        &mut story,
        &gone(role),
        "no: there is no live grant 00000000-0000-0006-0000-000000000001",
    );
}

#[test]
fn workers_report_and_nobody_else() {
    let (mut story, role) = intended();
    let refused = "no: this is done by the broker itself or its operator, not by a person";
    for report in [made(role), not_made(role), gone(role), not_gone(role)] {
        assert_eq!(story.person("ada", &report), refused);
        assert_eq!(story.front(&report), refused);
    }
    let stranger = CredentialId(uuid::Uuid::nil());
    check(
        &mut story,
        &made(stranger),
        "no: the credential is not one of this grant",
    );
}

#[test]
fn no_credential_outlives_its_grant() {
    let (mut story, role) = intended();
    let late = Timestamp(crate::fixture::NOW.0 + 3_600_001);
    check(
        &mut story,
        &made_until(role, late),
        "no: a credential must not outlive its grant",
    );
}

#[test]
fn what_is_made_after_the_end_is_taken_away_again() {
    let (mut story, role) = intended();
    story.person("bob", &revoke(1));
    check(&mut story, &made(role), MADE_TOO_LATE);
    check(&mut story, &gone(role), CLOSED);
}

#[test]
fn what_is_made_during_a_hold_is_taken_away_again() {
    let (mut story, role) = intended();
    story.person("bob", &hold(1));
    check(&mut story, &made(role), MADE_TOO_LATE);
    check(&mut story, &gone(role), GONE);
    check(&mut story, &made(role), MADE_TOO_LATE);
    check(&mut story, &gone(role), GONE);
    check(&mut story, &gone(role), "no: this was recorded already");
}

#[test]
fn an_old_role_is_still_taken_away_after_the_grant_was_resumed_with_a_new_one() {
    let (mut story, role) = intended();
    check(&mut story, &made(role), MADE);
    story.person("bob", &hold(1));
    story.person("bob", &resume(1));
    check(&mut story, &gone(role), GONE);
    let second = story.credential(1);
    check(&mut story, &made(second), MADE);
    story.person("bob", &revoke(1));
    check(
        &mut story,
        &gone(second),
        "credential-removed read_back=no such role; grant-closed ended_at=+0m reason=revoked removed=2",
    );
}

#[test]
fn a_grant_that_cannot_be_put_into_effect_ends_and_what_may_exist_is_taken_back() {
    let (mut story, role) = intended();
    check(
        &mut story,
        &not_made(role),
        "credential-failed because=connection refused; grant-ended reason=superseded; credential-removal-intended",
    );
    check(
        &mut story,
        &not_made(role),
        "credential-failed because=connection refused",
    );
    check(
        &mut story,
        &gone(role),
        "credential-removed read_back=no such role; grant-closed ended_at=+0m reason=superseded removed=1",
    );
}

#[test]
fn a_renewal_moves_the_end_of_a_credential_and_one_that_fails_takes_nothing_away() {
    let (mut story, role) = intended();
    check(&mut story, &made(role), MADE);
    let later = story.now.plus(Seconds::from_minutes(90));
    check(
        &mut story,
        &made_until(role, later),
        "no: a credential must not outlive its grant",
    );
    story.fold(&[crate::event::Event::GrantExtended {
        grant: grant_id(1),
        request: terms(9, "ada", "read-invoices").request,
        expires_at: later,
    }]);
    check(
        &mut story,
        &not_made(role),
        "credential-failed because=connection refused",
    );
    check(
        &mut story,
        &made_until(role, later),
        "credential-issued expires_at=+90m remit_g1_",
    );
}

#[test]
fn a_removal_is_tried_for_ever_and_security_is_told_from_the_third_failure_on() {
    let (mut story, role) = intended();
    check(
        &mut story,
        &not_gone(role),
        "no: the credential is not being taken away",
    );
    story.person("bob", &revoke(1));
    for attempt in 1..=5 {
        let alarm = if attempt < 3 {
            ""
        } else {
            "; alarm-raised removal-overdue"
        };
        let expected = format!(
            "credential-removal-failed attempts={attempt} because=connection refused{alarm}"
        );
        check(&mut story, &not_gone(role), &expected);
    }
    assert_eq!(
        crate::react::outstanding(&story.state),
        [crate::effect::Effect::Remove {
            grant: grant_id(1),
            credential: role
        }]
    );
    check(&mut story, &gone(role), CLOSED);
}

#[test]
fn tokens_and_sessions_are_issued_to_the_holder_while_the_grant_is_active() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    let token = token(CredentialKind::AccessToken);
    let not_holder = "no: `bob` is not the holder of this grant";
    assert_eq!(story.person("bob", &token), not_holder);
    story.minutes_later(10);
    let issued = "credential-issued expires_at=+60m access-token";
    assert_eq!(story.person("ada", &token), issued);
    story.person("bob", &hold(1));
    assert_eq!(story.person("ada", &token), "no: the grant is on hold");
    story.person("bob", &resume(1));
    story.minutes_later(50);
    assert_eq!(story.person("ada", &token), "no: the grant is over");
}

#[test]
fn nothing_that_lives_in_a_target_is_issued_on_demand() {
    let mut story = Story::lent(1, "ada", "read-invoices");
    let refused = "no: only access tokens and gateway sessions are issued on demand";
    let role = CredentialKind::PostgresRole {
        role: "postgres".to_owned(),
    };
    assert_eq!(story.person("ada", &token(role)), refused);
    assert_eq!(
        story.person("ada", &token(CredentialKind::NodeRedToken)),
        refused
    );
}

#[test]
fn a_token_is_gone_the_moment_its_grant_ends() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    story.person("ada", &token(CredentialKind::GatewaySession));
    assert_eq!(
        story.person("bob", &revoke(1)),
        "grant-ended by=bob reason=revoked; grant-closed ended_at=+0m reason=revoked removed=1"
    );
}

#[test]
fn whoever_approved_a_grant_gets_no_credential_for_it() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    let grant = story.state.grants.get_mut(&grant_id(1)).unwrap();
    grant.terms.approved_by.insert(id("ada"));
    assert_eq!(
        story.person("ada", &token(CredentialKind::AccessToken)),
        "no: `ada` approved this grant and cannot use it"
    );
}

#[test]
fn credentials_of_one_grant_are_counted_so_that_its_certificate_fits_one_entry() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    let token = token(CredentialKind::AccessToken);
    for _ in 0..CREDENTIALS_MAX {
        story.person("ada", &token);
    }
    let refused = "no: a grant has at most 64 credentials";
    assert_eq!(story.person("ada", &token), refused);
}

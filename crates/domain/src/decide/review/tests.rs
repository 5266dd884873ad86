//! Reviews, case by case.
use crate::{
    command::{Command, ReviewFinding},
    due::{due, next_due},
    event::Event,
    fixture::{NOW, id, terms, text},
    grant::GrantTerms,
    story::{Story, grant_id},
    time::Seconds,
};

/// `ada` used an emergency grant that `cyd` approved, and gave it back.
fn used() -> Story {
    let mut story = Story::new();
    story.lend(GrantTerms {
        approved_by: [id("cyd")].into(),
        break_glass: true,
        ..terms(1, "ada", "edit-flow")
    });
    story.person("ada", &Command::ReturnGrant { grant: grant_id(1) });
    story
}

fn review() -> Command {
    Command::ReviewGrant {
        grant: grant_id(1),
        finding: ReviewFinding::AsStated,
        comment: text("the change matches the ticket"),
    }
}

#[track_caller]
fn check(story: &mut Story, who: &str, expected: &str) {
    assert_eq!(story.person(who, &review()), expected);
}

#[test]
fn the_holders_manager_or_an_owner_reviews_once() {
    check(
        &mut used(),
        "mia",
        "grant-reviewed by=mia finding=as-stated",
    );
    let story = &mut used();
    check(story, "dee", "grant-reviewed by=dee finding=as-stated");
    check(story, "dee", "no: no review of this grant is due");
}

#[test]
fn neither_the_holder_nor_an_approver_nor_a_stranger_reviews() {
    let story = &mut used();
    check(story, "ada", "no: `ada` cannot review this grant");
    check(story, "cyd", "no: `cyd` cannot review this grant");
    check(story, "ann", "no: `ann` cannot review this grant");
    check(story, "bob", "no: `bob` cannot review this grant");
    let ada = story.state.directory.persons.get_mut(&id("ada")).unwrap();
    ada.manager = Some(id("ada"));
    check(story, "ada", "no: `ada` cannot review this grant");
}

#[test]
fn a_use_is_reviewed_when_it_is_over_not_while_it_goes_on() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    story.fold(&[Event::ReviewDue {
        grant: grant_id(1),
        holder: id("ada"),
        due_at: story.now,
    }]);
    check(&mut story, "mia", "no: no review of this grant is due");
    story.person("ada", &Command::ReturnGrant { grant: grant_id(1) });
    check(&mut story, "mia", "grant-reviewed by=mia finding=as-stated");
}

const ESCALATE: Command = Command::EscalateReview { grant: grant_id(1) };
const DAYS_3: u32 = 3 * 24 * 60;

#[test]
fn a_review_that_nobody_gives_is_escalated_to_security_and_alarms_until_it_is_given() {
    let mut story = used();
    assert_eq!(story.broker(&ESCALATE), "no: it is not time yet");
    check(&mut story, "eve", "no: `eve` cannot review this grant");
    story.minutes_later(DAYS_3);
    let told = |story: &mut Story, again: u32| {
        assert_eq!(due(&story.state, story.now), [ESCALATE]);
        assert_eq!(
            story.broker(&ESCALATE),
            format!("review-escalated again_at=+{again}m; alarm-raised unreviewed")
        );
        assert_eq!(due(&story.state, story.now), []);
    };
    told(&mut story, 2 * DAYS_3);
    story.minutes_later(DAYS_3);
    told(&mut story, 3 * DAYS_3);
    assert_eq!(
        next_due(&story.state),
        Some(NOW.plus(Seconds::from_minutes(3 * DAYS_3)))
    );
    check(&mut story, "cyd", "no: `cyd` cannot review this grant");
    check(&mut story, "eve", "grant-reviewed by=eve finding=as-stated");
    assert_eq!(next_due(&story.state), None);
    assert_eq!(
        story.broker(&ESCALATE),
        "no: no review of this grant is due"
    );
}

#[test]
fn a_review_that_nobody_may_give_alarms_as_soon_as_the_use_is_over() {
    let mut story = Story::new();
    let ada = story.state.directory.persons.get_mut(&id("ada")).unwrap();
    ada.manager = None;
    story.lend(GrantTerms {
        approved_by: [id("cyd"), id("dee")].into(),
        break_glass: true,
        ..terms(1, "ada", "edit-flow")
    });
    assert_eq!(
        story.person("ada", &Command::ReturnGrant { grant: grant_id(1) }),
        "grant-ended by=ada reason=returned; review-due due_at=+4320m holder=ada; review-escalated again_at=+4320m; \
         alarm-raised unreviewed; grant-closed ended_at=+0m reason=returned removed=0"
    );
    check(&mut story, "bob", "grant-reviewed by=bob finding=as-stated");
}

#[test]
fn an_extended_emergency_is_reviewed_from_its_own_end_on() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    story.fold(&[Event::ReviewDue {
        grant: grant_id(1),
        holder: id("ada"),
        due_at: story.now,
    }]);
    assert_eq!(
        due(&story.state, story.now),
        [],
        "no alarm while the use goes on"
    );
    let grant = story.state.grants.get_mut(&grant_id(1)).unwrap();
    grant.terms.break_glass = true;
    let told = story
        .minutes_later(5)
        .person("ada", &Command::ReturnGrant { grant: grant_id(1) });
    assert!(told.contains("review-due due_at=+4325m"), "{told}");
}

#[test]
fn only_the_broker_escalates() {
    let mut story = used();
    story.minutes_later(DAYS_3);
    assert_eq!(
        story.person("eve", &ESCALATE),
        "no: this is done by the broker itself or its operator, not by a person"
    );
}

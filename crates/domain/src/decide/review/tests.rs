//! Reviews, case by case.
use crate::{
    command::{Command, ReviewFinding},
    event::Event,
    fixture::{id, terms, text},
    grant::GrantTerms,
    story::{Story, grant_id},
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

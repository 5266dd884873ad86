//! Who stands over a grant, case by case, and over random organisations.
use super::*;
use crate::{
    command::{Command, ReviewFinding},
    decide::decide,
    directory::{Delegation, Standing},
    due::{due, next_due},
    event::Event,
    evolve::evolve,
    fixture::{NOW, by, id, ids, system, terms, text},
    story::{Story, grant_id, hold, resume, revoke},
    time::Seconds,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// `to` stands for `from` with these duties; with none, in everything.
fn stands_for(state: &mut State, to: &str, from: &str, duties: &str) {
    let delegation = Delegation {
        id: id(&format!("{from}-to-{to}")),
        from: id(from),
        to: id(to),
        duties: ids(duties),
        starts_at: Timestamp(0),
        ends_at: Timestamp(i64::MAX),
    };
    state
        .directory
        .delegations
        .insert(delegation.id.clone(), delegation);
}

#[test]
fn a_deputy_revokes_as_their_principal_could() {
    for (from, duties, may) in [
        ("cyd", "", true),
        ("cyd", "data-owner", true),
        ("cyd", "governance-owner", false),
        ("dee", "governance-owner", true),
        ("dee", "data-owner", false),
        ("bob", "security", true),
        ("bob", "data-owner", false),
        ("mia", "", false),
    ] {
        let mut story = Story::lent(1, "ada", "edit-flow");
        stands_for(&mut story.state, "ann", from, duties);
        let expected = if may {
            "grant-ended by=ann reason=revoked; grant-closed ended_at=+0m reason=revoked removed=0"
        } else {
            "no: `ann` may not step into this grant"
        };
        assert_eq!(story.person("ann", &revoke(1)), expected, "{from} {duties}");
    }
}

#[test]
fn nobody_lets_a_grant_go_on_for_its_holder() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    let ada = story.state.directory.persons.get_mut(&id("ada")).unwrap();
    ada.duties.insert(id("security"));
    stands_for(&mut story.state, "ann", "ada", "security");
    story.person("eve", &hold(1));
    assert_eq!(
        story.person("ada", &resume(1)),
        "no: `ada` holds this grant and cannot let it go on"
    );
    assert_eq!(
        story.person("ann", &resume(1)),
        "no: `ann` may not step into this grant"
    );
    stands_for(&mut story.state, "ann", "eve", "security");
    assert_eq!(story.person("ann", &resume(1)), "grant-resumed by=ann");
}

#[test]
fn nobody_reviews_on_the_word_of_who_used_it_or_let_it_be_used() {
    let mut story = Story::lent(1, "ada", "edit-flow");
    stands_for(&mut story.state, "ann", "cyd", "");
    stands_for(&mut story.state, "eve", "dee", "");
    let due = ReviewDue {
        escalated: true,
        ..ReviewDue::of(&terms(1, "ada", "edit-flow"), NOW)
    };
    // `cyd` and `bob` approved it: neither they nor `ann` and `fay`, who stand for them
    assert_eq!(story.state.reviewers(&due, NOW), ids("dee eve mia"));
}

const PEOPLE: [&str; 9] = [
    "ada", "ann", "bob", "cyd", "dee", "eve", "fay", "mia", "leo",
];

fn someone() -> impl Strategy<Value = &'static str> {
    select(PEOPLE.to_vec())
}

prop_compose! {
    /// A used emergency grant in an organisation where anybody may be anybody's manager or deputy, approver or suspended.
    fn any_use()(
        holder in select(vec!["ada", "ann"]),
        approvers in vec(someone(), 0..8),
        manager in proptest::option::of(someone()),
        deputies in vec((someone(), someone(), select(vec!["", "data-owner", "governance-owner", "security"])), 0..5),
        suspended in vec(someone(), 0..6),
    ) -> (Story, &'static str) {
        let mut story = Story::new();
        for (to, from, duties) in deputies {
            stands_for(&mut story.state, to, from, duties);
        }
        if let Some(person) = story.state.directory.persons.get_mut(&id(holder)) {
            person.manager = manager.map(id);
        }
        story.lend(GrantTerms {
            approved_by: approvers.into_iter().map(id).collect(),
            break_glass: true,
            ..terms(1, holder, "edit-flow")
        });
        for who in suspended.into_iter().filter(|who| *who != holder) {
            if let Some(person) = story.state.directory.persons.get_mut(&id(who)) {
                person.standing = Standing::Suspended;
            }
        }
        (story, holder)
    }
}

fn review() -> Command {
    Command::ReviewGrant {
        grant: grant_id(1),
        finding: ReviewFinding::AsStated,
        comment: text("the change matches the ticket"),
    }
}

/// How the events of a step tell of an alarm about the review, if they do.
fn alarmed(events: &[Event]) -> bool {
    let escalated = |event: &Event| matches!(event, Event::ReviewEscalated { .. });
    let raised = |event: &Event| matches!(event, Event::AlarmRaised { .. });
    assert_eq!(
        events.iter().any(escalated),
        events.iter().any(raised),
        "escalation and alarm go together"
    );
    events.iter().any(escalated)
}

proptest! {
    #[test]
    fn no_review_is_ever_open_in_silence((mut story, holder) in any_use(), rounds in 1_usize..4) {
        story.minutes_later(60);
        let expire = Command::ExpireGrant { grant: grant_id(1) };
        let events = decide(&story.state, &expire, &system(story.now)).unwrap();
        story.fold(&events);
        let open = story.state.reviews[&grant_id(1)].clone();
        prop_assert_eq!(
            alarmed(&events),
            open.escalated,
            "an alarm at the end and an escalation are one"
        );
        let ordinary = ReviewDue { escalated: false, ..open.clone() };
        prop_assert_eq!(open.escalated, story.state.reviewers(&ordinary, story.now).is_empty());
        for _ in 0..rounds {
            let at = next_due(&story.state);
            prop_assert!(at.is_some_and(|at| at > story.now), "there is always a next alarm");
            story.now = at.unwrap_or(story.now);
            for command in due(&story.state, story.now) {
                let events = decide(&story.state, &command, &system(story.now)).unwrap();
                prop_assert!(alarmed(&events));
                for event in &events {
                    evolve(&mut story.state, event, story.now);
                }
            }
            prop_assert!(story.state.reviews[&grant_id(1)].escalated);
        }
        prop_assert!(story.now >= NOW.plus(Seconds::from_minutes(60)), "{}", holder);
    }

    #[test]
    fn whoever_is_named_as_reviewer_may_review_and_nobody_else((mut story, holder) in any_use(), late in any::<bool>()) {
        story.minutes_later(60).broker(&Command::ExpireGrant { grant: grant_id(1) });
        if late {
            story.minutes_later(3 * 24 * 60).broker(&Command::EscalateReview { grant: grant_id(1) });
        }
        let open = story.state.reviews[&grant_id(1)].clone();
        let named = story.state.reviewers(&open, story.now);
        prop_assert!(!named.contains(&id(holder)), "the holder never reviews");
        prop_assert!(named.is_disjoint(&open.approved_by), "who approved it never reviews");
        for person in PEOPLE {
            let may = decide(&story.state, &review(), &by(person, story.now)).is_ok();
            prop_assert_eq!(may, named.contains(&id(person)), "{}", person);
        }
    }
}

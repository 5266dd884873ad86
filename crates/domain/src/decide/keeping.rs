//! Forgetting people, and legal holds that keep it from happening. Forgetting takes two entries: the first one bars everything new
//! about the person and makes the destruction of their key owed; the second one is written once the key is destroyed.
use crate::{
    acting::{broker_only, operator_only},
    actor::Context,
    event::Event,
    ids::{LegalHoldId, PersonId},
    keeping::{LegalHold, forgettable},
    refusal::Refused,
    state::State,
};

pub(super) fn erase(
    state: &State,
    person: &PersonId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    operator_only(&context.actor)?;
    forgettable(state, person)?;
    Ok(vec![Event::ErasureIntended {
        person: person.clone(),
    }])
}

pub(super) fn erased(
    state: &State,
    person: &PersonId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    if !state.erasing.contains(person) {
        return Err(Refused::NotBeingErased {
            person: person.clone(),
        });
    }
    Ok(vec![Event::PersonErased {
        person: person.clone(),
    }])
}

pub(super) fn place(
    state: &State,
    hold: &LegalHold,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    operator_only(&context.actor)?;
    if state.legal_holds.get(&hold.id) == Some(hold) {
        return Err(Refused::Repeated);
    }
    Ok(vec![Event::LegalHoldPlaced { hold: hold.clone() }])
}

pub(super) fn lift(
    state: &State,
    hold: &LegalHoldId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    operator_only(&context.actor)?;
    if !state.legal_holds.contains_key(hold) {
        return Err(Refused::NoLegalHold { hold: hold.clone() });
    }
    Ok(vec![Event::LegalHoldLifted { hold: hold.clone() }])
}

#[cfg(test)]
mod tests {
    use crate::{
        command::{Command, DirectoryChange},
        due::{due, next_due},
        fixture::{ask, id, person},
        keeping::{LegalHold, LegalScope},
        play::Play,
        react::outstanding,
    };
    use proptest::prelude::*;

    fn gone(name: &str) -> Command {
        let change = DirectoryChange::PersonRemoved(id(name));
        Command::ChangeDirectory { change }
    }

    fn erase(name: &str) -> Command {
        Command::ErasePerson { person: id(name) }
    }

    fn recorded(name: &str) -> Command {
        Command::RecordErased { person: id(name) }
    }

    fn hold(name: &str, covers: LegalScope) -> Command {
        let hold = LegalHold {
            id: id(name),
            covers,
        };
        Command::PlaceLegalHold { hold }
    }

    #[track_caller]
    fn check(play: &mut Play, who: &str, command: &Command, expected: &str) {
        assert_eq!(play.give(who, command), expected);
    }

    #[test]
    fn whoever_left_is_forgotten_in_two_steps_and_never_comes_back() {
        let mut play = Play::new();
        check(
            &mut play,
            "operator",
            &erase("ada"),
            "no: `ada` is in the directory",
        );
        check(&mut play, "operator", &gone("ada"), "directory-changed");
        check(
            &mut play,
            "bob",
            &erase("ada"),
            "no: this is done by the broker itself or its operator, not by a person",
        );
        check(
            &mut play,
            "system",
            &recorded("ada"),
            "no: `ada` is not being erased",
        );
        check(&mut play, "operator", &erase("ada"), "erasure-intended");
        assert_eq!(outstanding(&play.state).len(), 1);
        check(
            &mut play,
            "operator",
            &erase("ada"),
            "no: this was recorded already",
        );
        check(
            &mut play,
            "operator",
            &recorded("ada"),
            "no: this is done by the broker itself or its operator, not by a person",
        );
        check(&mut play, "system", &recorded("ada"), "person-erased");
        assert_eq!(outstanding(&play.state), []);
        let back = DirectoryChange::Person {
            person: person("ada", "finance-analyst", ""),
            name: None,
            mail: None,
        };
        check(
            &mut play,
            "operator",
            &Command::ChangeDirectory { change: back },
            "no: `ada` was erased",
        );
    }

    #[test]
    fn open_work_keeps_its_words() {
        let mut play = Play::new();
        let submit = Command::SubmitRequest {
            ask: ask("edit-flow"),
        };
        assert!(play.give("ada", &submit).starts_with("R-1 by ada"));
        check(&mut play, "operator", &gone("ada"), "directory-changed");
        check(
            &mut play,
            "operator",
            &erase("ada"),
            "no: the words of `ada` are still needed: request R-1",
        );
    }

    #[test]
    fn a_legal_hold_is_stronger_than_any_wish_to_forget() {
        let mut play = Play::new();
        check(&mut play, "operator", &gone("ada"), "directory-changed");
        check(
            &mut play,
            "operator",
            &hold("case-7", LegalScope::Persons([id("ann")].into())),
            "legal-hold-placed",
        );
        check(
            &mut play,
            "operator",
            &hold("case-8", LegalScope::Everybody),
            "legal-hold-placed",
        );
        check(
            &mut play,
            "operator",
            &hold("case-8", LegalScope::Everybody),
            "no: this was recorded already",
        );
        check(
            &mut play,
            "operator",
            &erase("ada"),
            "no: the words of `ada` are kept by the legal hold `case-8`",
        );
        play.wait(31 * 24 * 60);
        assert_eq!(due(&play.state, play.now), []);
        let lift = Command::LiftLegalHold { hold: id("case-8") };
        check(
            &mut play,
            "ada",
            &lift,
            "no: this is done by the broker itself or its operator, not by a person",
        );
        check(&mut play, "operator", &lift, "legal-hold-lifted");
        check(
            &mut play,
            "operator",
            &lift,
            "no: there is no legal hold `case-8`",
        );
        assert_eq!(due(&play.state, play.now), [erase("ada")]);
    }

    #[test]
    fn the_retention_forgets_whoever_left_when_its_time_has_come() {
        let mut play = Play::new();
        assert_eq!(next_due(&play.state), None);
        check(&mut play, "operator", &gone("ada"), "directory-changed");
        let left_at = play.state.departed[&id("ada")];
        let days = |days: i64| crate::time::Timestamp(left_at.0 + days * 86_400_000);
        assert_eq!(next_due(&play.state), Some(days(30)));
        assert_eq!(due(&play.state, crate::time::Timestamp(days(30).0 - 1)), []);
        assert_eq!(due(&play.state, days(30)), [erase("ada")]);
        play.wait(30 * 24 * 60);
        check(&mut play, "system", &erase("ada"), "erasure-intended");
        assert_eq!(next_due(&play.state), None);
    }

    proptest! {
        #[test]
        fn nobody_is_erased_who_is_there_needed_or_held(steps in proptest::collection::vec((0..7_u8, 0..3_u8), 1..40)) {
            let mut play = Play::new();
            for (step, who) in steps {
                let name = ["ada", "ann", "bob"][usize::from(who)];
                let given_by = if step == 0 { name } else if step == 3 { "system" } else { "operator" };
                let command = match step {
                    0 => Command::SubmitRequest { ask: ask("edit-flow") },
                    1 => gone(name),
                    2 => erase(name),
                    3 => recorded(name),
                    4 => hold("case", LegalScope::Persons([id(name)].into())),
                    5 => Command::LiftLegalHold { hold: id("case") },
                    _ => {
                        let back = DirectoryChange::Person { person: person(name, "finance-analyst", ""), name: None, mail: None };
                        Command::ChangeDirectory { change: back }
                    }
                };
                let before = play.state.clone();
                let told = play.give(given_by, &command);
                if told == "erasure-intended" {
                    prop_assert!(!before.directory.persons.contains_key(&id(name)));
                    prop_assert!(before.requests.values().all(|request| request.requester != id(name)));
                    prop_assert!(before.legal_holds.values().all(|hold| !hold.covers(&id(name))));
                }
                prop_assert!(play.state.erasing.is_disjoint(&play.state.erased));
                for person in play.state.erasing.union(&play.state.erased) {
                    prop_assert!(!play.state.directory.persons.contains_key(person));
                    prop_assert!(!play.state.departed.contains_key(person));
                }
                prop_assert!(before.erased.is_subset(&play.state.erased));
            }
        }
    }
}

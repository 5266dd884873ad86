//! What the clock alone brings about. The engine asks at every turn, with a trusted reading of its own clock: for ends the later
//! reading, for starts the earlier one. Ends come first: nothing else is decided before what is over has ended.
use crate::{
    command::Command,
    grant::{Grant, GrantState},
    ids::GrantId,
    keeping::{lapsed, next_lapse},
    quarantine::{Quarantine, unconfirmed},
    request::Request,
    state::State,
    time::Timestamp,
};

/// Commands of the broker itself that are due at `now`: ends of grants, then requests and alarms of reviews, then starts of
/// grants, then what is to be forgotten.
pub fn due(state: &State, now: Timestamp) -> Vec<Command> {
    let (ends, starts): (Vec<_>, Vec<_>) = state
        .grants
        .values()
        .filter_map(|grant| grant_next(grant, state.quarantine.as_ref()))
        .filter(|next| next.at <= now)
        .partition(|next| next.turn == Turn::End);
    let requests = state
        .requests
        .values()
        .filter_map(|request| request_due(request, now));
    let reviews = alarms(state)
        .filter(|(at, _)| *at <= now)
        .map(|(_, grant)| Command::EscalateReview { grant });
    let ends = ends.into_iter().map(|next| next.command);
    let starts = starts.into_iter().map(|next| next.command);
    let forgotten = lapsed(state, now).map(|person| Command::ErasePerson {
        person: person.clone(),
    });
    ends.chain(requests)
        .chain(reviews)
        .chain(starts)
        .chain(forgotten)
        .collect()
}

/// The earliest instant at which [`due`] gives something.
pub fn next_due(state: &State) -> Option<Timestamp> {
    let quarantine = state.quarantine.as_ref();
    let grants = state
        .grants
        .values()
        .filter_map(|grant| grant_next(grant, quarantine));
    grants
        .map(|next| next.at)
        .chain(state.requests.values().map(request_next))
        .chain(alarms(state).map(|(at, _)| at))
        .chain(next_lapse(state))
        .min()
}

/// When the alarm of each review is raised that could be given.
fn alarms(state: &State) -> impl Iterator<Item = (Timestamp, GrantId)> {
    let reviews = state.reviews.iter();
    reviews
        .filter(|(grant, _)| state.is_over(**grant))
        .map(|(grant, due)| (due.alarm_at, *grant))
}

struct Next {
    at: Timestamp,
    turn: Turn,
    command: Command,
}

#[derive(PartialEq, Eq)]
enum Turn {
    End,
    Start,
}

/// In a quarantine, what nothing confirms ends at once, unless it would have ended before by itself. Nothing starts.
fn grant_next(grant: &Grant, quarantine: Option<&Quarantine>) -> Option<Next> {
    let next = by_the_clock(grant);
    match quarantine {
        Some(quarantine) if unconfirmed(grant) => next
            .filter(|next| next.turn == Turn::End && next.at <= quarantine.began_at)
            .or(Some(Next {
                at: quarantine.began_at,
                turn: Turn::End,
                command: Command::EndUnconfirmed {
                    grant: grant.terms.id,
                },
            })),
        Some(_) | None => next,
    }
}

fn by_the_clock(grant: &Grant) -> Option<Next> {
    let id = grant.terms.id;
    match grant.state {
        GrantState::Scheduled { starts_at } => Some(Next {
            at: starts_at,
            turn: Turn::Start,
            command: Command::ActivateGrant { grant: id },
        }),
        // a broken rule stays on record as such, even if the time ran out meanwhile
        GrantState::Held {
            held_at, because, ..
        } if because.contains() => Some(Next {
            at: held_at,
            turn: Turn::End,
            command: Command::ContainGrant { grant: id, because },
        }),
        GrantState::Active { expires_at, .. } | GrantState::Held { expires_at, .. } => Some(Next {
            at: expires_at,
            turn: Turn::End,
            command: Command::ExpireGrant { grant: id },
        }),
        GrantState::Ended { .. } => None,
    }
}

fn request_due(request: &Request, now: Timestamp) -> Option<Command> {
    let request_id = request.id;
    if request.expires_at <= now {
        Some(Command::ExpireRequest {
            request: request_id,
        })
    } else if !request.escalated && request.escalate_at <= now {
        Some(Command::EscalateRequest {
            request: request_id,
        })
    } else {
        None
    }
}

fn request_next(request: &Request) -> Timestamp {
    if request.escalated {
        request.expires_at
    } else {
        request.escalate_at.min(request.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Event,
        fixture::{NOW, ask, terms},
        grant::HoldReason,
        story::{Story, grant_id},
        time::Seconds,
    };

    fn minutes(minutes: u32) -> Timestamp {
        NOW.plus(Seconds::from_minutes(minutes))
    }

    /// Names of the commands due so many minutes after the start of this world.
    #[track_caller]
    fn check(story: &Story, at: u32, expected: &str) {
        let commands: Vec<String> = due(&story.state, minutes(at))
            .iter()
            .map(|command| format!("{command:?}"))
            .map(|command| command.split(' ').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(commands.join(" "), expected);
    }

    #[test]
    fn ends_come_before_requests_and_requests_before_starts() {
        let mut story = Story::lent(1, "ada", "edit-flow");
        let submit = Command::SubmitRequest {
            ask: ask("run-flow"),
        };
        story.person("ann", &submit);
        story.fold(&[Event::GrantScheduled {
            terms: terms(2, "ann", "read-invoices"),
            starts_at: minutes(30),
        }]);
        assert_eq!(next_due(&story.state), Some(minutes(30)));
        check(&story, 29, "");
        check(&story, 30, "ActivateGrant");
        check(&story, 60, "ExpireGrant EscalateRequest ActivateGrant");
        check(&story, 480, "ExpireGrant ExpireRequest ActivateGrant");
    }

    #[test]
    fn a_request_is_escalated_once_and_then_expires() {
        let mut story = Story::new();
        let submit = Command::SubmitRequest {
            ask: ask("edit-flow"),
        };
        story.person("ada", &submit);
        assert_eq!(next_due(&story.state), Some(minutes(60)));
        story.minutes_later(60);
        for command in due(&story.state, story.now) {
            story.broker(&command);
        }
        assert_eq!(next_due(&story.state), Some(minutes(480)));
        story.minutes_later(420);
        for command in due(&story.state, story.now) {
            assert_eq!(story.broker(&command), "request-expired");
        }
        assert_eq!(next_due(&story.state), None);
    }

    #[test]
    fn a_broken_rule_is_contained_at_once_even_after_the_time_is_over() {
        let mut story = Story::lent(1, "ada", "edit-flow");
        story.minutes_later(59).fold(&[Event::GrantHeld {
            grant: grant_id(1),
            because: HoldReason::OutOfScope,
            by: None,
            comment: None,
        }]);
        assert_eq!(next_due(&story.state), Some(minutes(59)));
        check(&story, 59, "ContainGrant");
        check(&story, 90, "ContainGrant");
    }

    #[test]
    fn in_a_quarantine_what_was_over_before_has_expired_and_nothing_starts() {
        let mut story = Story::lent(1, "ada", "edit-flow");
        story.fold(&[Event::GrantScheduled {
            terms: terms(2, "ann", "read-invoices"),
            starts_at: minutes(30),
        }]);
        for (began_after, at, expected) in [
            (59, 59, "EndUnconfirmed EndUnconfirmed"),
            (60, 60, "ExpireGrant EndUnconfirmed"),
            (61, 61, "ExpireGrant EndUnconfirmed"),
            (61, 60, "ExpireGrant"),
        ] {
            story.state.quarantine = Some(Quarantine {
                copied: 1,
                began_at: minutes(began_after),
                platforms: std::collections::BTreeMap::new(),
            });
            check(&story, at, expected);
        }
    }

    #[test]
    fn a_grant_held_by_a_human_expires_on_its_clock() {
        let mut story = Story::lent(1, "ada", "edit-flow");
        story.person("bob", &crate::story::hold(1));
        check(&story, 59, "");
        check(&story, 60, "ExpireGrant");
    }
}

//! What the clock alone brings about. The engine asks at every turn, with a trusted reading of its own clock: for ends the later
//! reading, for starts the earlier one. Ends come first: nothing else is decided before what is over has ended.
use crate::{
    command::Command,
    grant::{Grant, GrantState},
    request::Request,
    state::State,
    time::Timestamp,
};

/// Commands of the broker itself that are due at `now`: ends of grants, then requests, then starts of grants.
pub fn due(state: &State, now: Timestamp) -> Vec<Command> {
    let (ends, starts): (Vec<_>, Vec<_>) = state
        .grants
        .values()
        .filter_map(grant_next)
        .filter(|next| next.at <= now)
        .partition(|next| next.turn == Turn::End);
    let requests = state
        .requests
        .values()
        .filter_map(|request| request_due(request, now));
    let ends = ends.into_iter().map(|next| next.command);
    let starts = starts.into_iter().map(|next| next.command);
    ends.chain(requests).chain(starts).collect()
}

/// The earliest instant at which [`due`] gives something.
pub fn next_due(state: &State) -> Option<Timestamp> {
    let grants = state.grants.values().filter_map(grant_next);
    grants
        .map(|next| next.at)
        .chain(state.requests.values().map(request_next))
        .min()
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

fn grant_next(grant: &Grant) -> Option<Next> {
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

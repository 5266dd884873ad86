//! Random lives: what people, platforms, clocks and disks may do, in any order.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]
use domain::{
    actor::Actor,
    command::{Command, UseOutcome},
    event::Event,
    fixture,
    ids::{CredentialId, GrantId, UseId},
    request::{Ask, RequestKind, Start},
    state::State,
    time::{Seconds, Timestamp},
};
use engine::Answer;
use proptest::prelude::*;
use testkit::{Fault, Trouble, World, person};

const MINUTE: i64 = 60_000;

/// One thing that happens; numbers choose among people and among what there is.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Ask(u8, u8, u8),
    Decide(u8, u8, bool),
    Withdraw(u8),
    Intervene(u8, u8, u8),
    Use(u8),
    Finish(u64),
    Wait(u16),
    Turn(i32),
    Trouble(bool),
    Fault(bool),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = any::<u8>;
    let step = prop_oneof![
        4 => (n(), n(), n()).prop_map(|(a, b, c)| Step::Ask(a, b, c)),
        8 => (n(), n(), prop::bool::weighted(0.9)).prop_map(|(a, b, c)| Step::Decide(a, b, c)),
        1 => n().prop_map(Step::Withdraw),
        2 => (n(), n(), n()).prop_map(|(a, b, c)| Step::Intervene(a, b, c)),
        3 => n().prop_map(Step::Use),
        2 => (0..20_000_u64).prop_map(Step::Finish),
        2 => (0..200_u16).prop_map(Step::Wait),
        1 => (-40_000_i32..40_000).prop_map(Step::Turn),
        1 => any::<bool>().prop_map(Step::Trouble),
        1 => any::<bool>().prop_map(Step::Fault),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the steps chose from.
#[derive(Default)]
pub(crate) struct Seen {
    credentials: Vec<(GrantId, CredentialId)>,
    uses: Vec<(GrantId, UseId)>,
}

fn pick<T: Copy>(items: &[T], n: u8) -> Option<T> {
    items.get(usize::from(n) % items.len().max(1)).copied()
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm per kind of command: the list is the point"
)]
fn command(state: &State, seen: &Seen, now: Timestamp, step: &Step) -> Option<(Actor, Command)> {
    let requests: Vec<_> = state.requests.keys().copied().collect();
    let grants: Vec<_> = state.grants.keys().copied().collect();
    let comment = fixture::text("so be it");
    match *step {
        Step::Ask(who, what, how) => {
            let privilege = ["edit-flow", "read-invoices"][usize::from(what % 2)];
            let (kind, duration) = match (how % 8, pick(&grants, how)) {
                (0, _) => (RequestKind::BreakGlass, 30),
                (1, Some(grant)) => (RequestKind::Extension(grant), 60),
                _ => (RequestKind::New, 60),
            };
            let start = match how % 5 {
                0 => Start::At(Timestamp(now.0 + 20 * MINUTE)),
                _ => Start::Now,
            };
            let ask = Ask {
                kind,
                start,
                duration: Seconds::from_minutes(duration),
                ..fixture::ask(privilege)
            };
            let who = ["ada", "ann", "leo"][usize::from(who % 3)];
            Some((person(who), Command::SubmitRequest { ask }))
        }
        Step::Decide(who, which, yes) => {
            let request = pick(&requests, which)?;
            let digest = state.requests[&request].digest;
            let who = ["bob", "cyd", "eve", "ada"][usize::from(who % 4)];
            let command = if yes {
                Command::ApproveRequest {
                    request,
                    digest,
                    narrowing: None,
                    comment,
                }
            } else {
                Command::DenyRequest {
                    request,
                    digest,
                    comment,
                }
            };
            Some((person(who), command))
        }
        Step::Withdraw(which) => {
            let request = pick(&requests, which)?;
            Some((person("ada"), Command::WithdrawRequest { request }))
        }
        Step::Intervene(who, which, how) => {
            let grant = pick(&grants, which)?;
            let who = ["ada", "ann", "bob", "eve"][usize::from(who % 4)];
            let command = match how % 4 {
                0 => Command::HoldGrant { grant, comment },
                1 => Command::ResumeGrant { grant, comment },
                2 => Command::RevokeGrant { grant, comment },
                _ => Command::ReturnGrant { grant },
            };
            Some((person(who), command))
        }
        Step::Use(which) => {
            let kind = domain::grant::CredentialKind::GatewaySession;
            match pick(&seen.credentials, which) {
                Some((grant, credential)) if which % 4 != 0 => {
                    Some((gateway(), testkit::attempt(grant, credential)))
                }
                _ => {
                    let grant = pick(&grants, which)?;
                    let holder = state.grants[&grant].terms.holder.to_string();
                    Some((person(&holder), Command::IssueCredential { grant, kind }))
                }
            }
        }
        Step::Finish(bytes) => {
            let (grant, use_id) = *seen.uses.last()?;
            let outcome = UseOutcome {
                status: Some(200),
                bytes,
                rows: bytes % 7,
                cut: false,
            };
            let command = Command::FinishUse {
                use_id,
                grant,
                outcome,
            };
            Some((gateway(), command))
        }
        Step::Wait(_) | Step::Turn(_) | Step::Trouble(_) | Step::Fault(_) => None,
    }
}

fn gateway() -> Actor {
    Actor::Gateway {
        gateway: fixture::gateway_id(),
    }
}

pub(crate) async fn take(world: &World, seen: &mut Seen, step: &Step) {
    match *step {
        Step::Wait(minutes) => world.ports.clock.advance(i64::from(minutes) * MINUTE),
        Step::Turn(ms) => world.ports.clock.turn(i64::from(ms)),
        Step::Trouble(done) => world.ports.platform.trouble(&[if done {
            Trouble::DoneYetFails
        } else {
            Trouble::Fails
        }]),
        Step::Fault(stored) => world.ports.log.fail_next(&[if stored {
            Fault::StoredYetFailed
        } else {
            Fault::NotStored
        }]),
        Step::Ask(..)
        | Step::Decide(..)
        | Step::Withdraw(_)
        | Step::Intervene(..)
        | Step::Use(_)
        | Step::Finish(_) => {
            let now = world.engine.now();
            let Some((actor, command)) = world.engine.read(|state| command(state, seen, now, step))
            else {
                return;
            };
            // a failed commit or a doubtful clock is part of the game
            if let Ok(Answer::Done { events, .. }) = world.submit(actor, command).await {
                for event in events {
                    match event {
                        Event::CredentialIssued {
                            grant, credential, ..
                        } => seen.credentials.push((grant, credential)),
                        Event::UseAllowed { use_id, grant, .. } => seen.uses.push((grant, use_id)),
                        _ => {}
                    }
                }
            }
        }
    }
}

//! The state is a fold of the log: what a restart finds is what the engine had, whatever was done; and a start on a log that isn't
//! whole, or under a bundle that it hasn't adopted, is refused.
#![expect(
    clippy::unwrap_used,
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
use proptest::{prelude::*, test_runner::TestRunner};
use testkit::{Fault, MemoryLog, Trouble, World, WorldPorts, bundle, person, strict_bundle};

const MINUTE: i64 = 60_000;

/// One thing that happens; numbers choose among people and among what there is.
#[derive(Debug, Clone)]
enum Step {
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

fn steps() -> impl Strategy<Value = Vec<Step>> {
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
struct Seen {
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

async fn take(world: &World, seen: &mut Seen, step: &Step) {
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

#[test]
fn a_restart_finds_the_state_that_was_there_whatever_was_done() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: 24,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            runtime.block_on(async {
                let world = World::start().await;
                let mut seen = Seen::default();
                for step in &steps {
                    take(&world, &mut seen, step).await;
                }
                let engine = world.engine.clone();
                let ports = world.stop().await;
                let before = engine.read(Clone::clone);
                let entries = ports.projector.entries();
                prop_assert_eq!(entries.len() as u64, engine.health().entries);
                prop_assert!(entries.is_sorted_by_key(|recorded| recorded.at));
                // nothing is due at once after the restart, so that only the fold is compared
                ports.clock.turn(-1_000_000_000);
                let log = MemoryLog::of(ports.log.stored());
                let ports = WorldPorts { log, ..ports };
                let (engine, running) = ports.start(bundle()).unwrap();
                prop_assert_eq!(engine.read(Clone::clone), before);
                running.stop().await;
                Ok(())
            })
        })
        .unwrap();
}

async fn start_error(change: impl FnOnce(&mut testkit::Stored)) -> String {
    let ports = World::start().await.stop().await;
    let mut stored = ports.log.stored();
    change(&mut stored);
    let log = MemoryLog::of(stored);
    let ports = WorldPorts { log, ..ports };
    ports.start(bundle()).unwrap_err().to_string()
}

#[tokio::test]
async fn a_log_with_a_changed_entry_is_not_started_on() {
    let changed = start_error(|stored| {
        let text = String::from_utf8(stored.leaves[3].clone()).unwrap();
        stored.leaves[3] = text.replace("security", "insecurity").into_bytes();
    });
    assert_eq!(
        changed.await,
        "the log is damaged: its entries do not hash to its signed head"
    );
}

#[tokio::test]
async fn a_log_that_was_cut_is_not_started_on() {
    let cut = start_error(|stored| {
        let (last, nodes) = (stored.leaves.len() - 1, stored.hashes.len());
        stored.leaves.truncate(last);
        let kept = ledger::tree::stored_count(last as u64);
        stored
            .hashes
            .truncate(usize::try_from(kept).unwrap().min(nodes));
    });
    assert_eq!(
        cut.await,
        "the log is damaged: its signed checkpoint speaks of another head"
    );
}

#[tokio::test]
async fn a_log_signed_by_another_key_is_not_started_on() {
    let other = start_error(|stored| {
        let other = ledger::Signer::from_seed("test.example/remit".parse().unwrap(), &[8; 32]);
        let mut tree = ledger::Tree::new();
        for leaf in &stored.leaves {
            tree.append(leaf);
        }
        stored.checkpoint = other.sign(&tree.head());
    });
    assert_eq!(
        other.await,
        "the checkpoint of the log is not to be trusted"
    );
}

#[tokio::test]
async fn a_bundle_that_the_log_has_not_adopted_is_not_served() {
    let ports = World::start().await.stop().await;
    let (given, in_force) = (
        policy::bundle::hash(&strict_bundle()),
        policy::bundle::hash(&bundle()),
    );
    assert_eq!(
        ports.start(strict_bundle()).unwrap_err().to_string(),
        format!(
            "the bundle given is `{given}` and the log has adopted `{in_force}`: have one person propose it with `remit bundle \
             propose DIR` and another confirm it with `remit bundle confirm {given}`, or serve the adopted one"
        )
    );
}

#[tokio::test]
async fn the_first_start_adopts_its_bundle_as_genesis_or_leaves_no_trace() {
    let ports = WorldPorts::default();
    ports.log.fail_next(&[Fault::NotStored]);
    assert_eq!(
        ports.start(bundle()).unwrap_err().to_string(),
        "the first entry could not be made durable"
    );
    assert_eq!(ports.log.stored().leaves.len(), 0);
    let (engine, running) = ports.start(bundle()).unwrap();
    assert_eq!(
        engine.read(|state| state.bundle),
        Some(policy::bundle::hash(&bundle()))
    );
    running.stop().await;
    let broken =
        policy::bundle::BundleFiles::new([("catalog/a.toml".to_owned(), b"x".to_vec())].into());
    let error = WorldPorts::default().start(broken.unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("can't be used"), "{error}");
}

#[tokio::test]
async fn projections_of_another_log_are_not_followed() {
    let ports = World::start().await.stop().await;
    let ports = WorldPorts {
        log: MemoryLog::default(),
        ..ports
    };
    assert_eq!(
        ports.start(bundle()).unwrap_err().to_string(),
        "the projections have followed 23 entries and the log has 0: if the log is the right one, delete the file of the \
         projections and start again"
    );
}

#[tokio::test]
async fn projections_that_fail_catch_up_later() {
    let world = World::start().await;
    world.ports.projector.set_failing(true);
    world.ask("ada", "edit-flow").await;
    let entries = world.engine.health().entries;
    assert!(world.engine.health().projected < entries);
    world.ports.projector.set_failing(false);
    world.ask("ann", "edit-flow").await;
    world.engine.settled(entries).await;
    assert_eq!(world.engine.health().projected, entries + 1);
}

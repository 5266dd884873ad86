//! A start from a snapshot finds what a start from the first entry finds, wherever the snapshot was taken; a snapshot that was changed is
//! not used; and what was taken on its word is read again afterwards.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]
mod life;

use domain::{
    actor::Actor,
    command::{Command, DirectoryChange},
    fixture,
    ids::PersonId,
    state::State,
};
use engine::Engine;
use life::{Seen, steps, take};
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::Cell;
use testkit::{MemoryLog, MemoryProjector, MemorySnapshots, World, WorldPorts, bundle};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What a start on these ports finds, and that it is what the whole log comes to: the engine looks for itself.
async fn found(ports: &WorldPorts) -> State {
    let (engine, running) = ports.start(bundle()).unwrap();
    let state = engine.read(Clone::clone);
    read_again(&engine).await;
    running.stop().await;
    state
}

async fn read_again(engine: &Engine) {
    while engine.health().unchecked > 0 {
        assert!(engine.health().running, "the check found a difference");
        tokio::task::yield_now().await;
    }
}

/// A world that takes a snapshot after each few entries.
async fn world(snapshot_every: u64) -> World {
    let ports = WorldPorts {
        snapshot_every,
        ..World::start().await.stop().await
    };
    World::on(ports)
}

#[test]
fn a_start_from_any_snapshot_finds_what_a_start_from_the_first_entry_finds() {
    let runtime = runtime();
    let config = ProptestConfig {
        cases: 12,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    };
    // a life that ends in doubt about its last commit leaves none
    let found_any = Cell::new(0);
    TestRunner::new(config)
        .run(&(steps(), 1..9_u64), |(steps, every)| {
            runtime.block_on(async {
                let world = world(every).await;
                let mut seen = Seen::default();
                for step in &steps {
                    take(&world, &mut seen, step).await;
                }
                let before = world.engine.clone();
                let ports = world.stop().await;
                let before = before.read(Clone::clone);
                // nothing is due at once after the restart, so that only the fold is compared
                ports.clock.turn(-1_000_000_000);
                let taken = ports.snapshots.all();
                found_any.set(found_any.get() + taken.len());
                // each life another part of them
                for (size, snapshot) in taken.into_iter().skip(steps.len() % 4).step_by(4) {
                    let log = MemoryLog::of(ports.log.stored());
                    let snapshots = MemorySnapshots::default();
                    snapshots.replace([(size, snapshot)].into());
                    let ports = WorldPorts {
                        log,
                        snapshots,
                        snapshot_every: u64::MAX,
                        projector: MemoryProjector::default(),
                        ..ports.clone()
                    };
                    prop_assert_eq!(found(&ports).await, before.clone(), "from {}", size);
                }
                Ok(())
            })
        })
        .unwrap();
    assert!(found_any.get() > 0, "no snapshots at all");
}

/// Ports of a world that was stopped after some work, with one snapshot of all its entries.
async fn stopped() -> WorldPorts {
    let world = world(u64::MAX).await;
    world.grant("ada", "edit-flow").await;
    let ports = WorldPorts {
        snapshot_every: 1,
        ..world.stop().await
    };
    let (_, running) = ports.start(bundle()).unwrap();
    running.stop().await;
    let kept = ports.snapshots.all();
    assert_eq!(
        kept.keys().copied().collect::<Vec<_>>(),
        [ports.log.stored().leaves.len() as u64]
    );
    ports
}

/// The same with this entry changed on the disk.
fn with_changed_entry(ports: &WorldPorts, entry: usize) -> WorldPorts {
    let mut stored = ports.log.stored();
    let text = String::from_utf8(stored.leaves[entry].clone()).unwrap();
    assert!(text.contains("security"), "{text}");
    stored.leaves[entry] = text.replace("security", "insecurity").into_bytes();
    WorldPorts {
        log: MemoryLog::of(stored),
        ..ports.clone()
    }
}

async fn goes_down(engine: &Engine) {
    while engine.health().running {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_entry_that_was_changed_before_the_snapshot_stops_the_server_and_the_next_start_names_it()
 {
    let ports = with_changed_entry(&stopped().await, 3);
    let (engine, running) = ports.start(bundle()).unwrap();
    goes_down(&engine).await;
    assert!(!running.is_alive());
    let entries = engine.health().entries;
    let command = Command::ChangeDirectory {
        change: DirectoryChange::PersonRemoved(fixture::id("leo")),
    };
    let given = domain::command::Given {
        actor: Actor::Operator,
        command,
    };
    let refused = engine.submit(engine::Submission::of(given)).await;
    assert!(refused.is_err(), "{refused:?}");
    running.stop().await;
    assert_eq!(ports.log.stored().leaves.len() as u64, entries);
    assert_eq!(ports.snapshots.all().len(), 0);
    assert_eq!(
        ports.start(bundle()).unwrap_err().to_string(),
        "the log is damaged: its entries do not hash to its signed head"
    );
}

#[tokio::test]
async fn a_changed_snapshot_costs_time_and_nothing_else() {
    let ports = stopped().await;
    let expected = found(&ports).await;
    let kept = ports.snapshots.all();
    for place in [0, 63, 64, 100, 1_000] {
        let mut spoiled = kept.clone();
        for snapshot in spoiled.values_mut() {
            snapshot[place] ^= 4;
        }
        ports.snapshots.replace(spoiled);
        let (engine, running) = ports.start(bundle()).unwrap();
        assert_eq!(engine.health().unchecked, 0, "it was used");
        assert_eq!(engine.read(Clone::clone), expected);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_snapshot_of_another_log_is_not_used() {
    let ports = stopped().await;
    let other = WorldPorts {
        random: std::sync::Arc::new(testkit::SeededRandom::new(2)),
        ..WorldPorts::default()
    };
    let world = World::begun(other).await;
    world.grant("ada", "edit-flow").await;
    let other = WorldPorts {
        snapshots: ports.snapshots.clone(),
        ..world.stop().await
    };
    assert!(other.log.stored().leaves.len() >= ports.log.stored().leaves.len());
    let (engine, running) = other.start(bundle()).unwrap();
    assert_eq!(engine.health().unchecked, 0, "it was used");
    running.stop().await;
}

#[tokio::test]
async fn a_damaged_log_is_not_started_on_whatever_a_snapshot_says() {
    let ports = stopped().await;
    let (engine, running) = WorldPorts {
        snapshot_every: u64::MAX,
        ..ports.clone()
    }
    .start(bundle())
    .unwrap();
    let change = DirectoryChange::GroupRemoved(fixture::id("nobody"));
    let given = domain::command::Given {
        actor: Actor::Operator,
        command: Command::ChangeDirectory { change },
    };
    let done = engine.submit(engine::Submission::of(given)).await;
    assert!(done.is_ok(), "{done:?}");
    running.stop().await;
    // the last entry is beyond the snapshot
    let mut stored = ports.log.stored();
    let last = stored.leaves.last_mut().unwrap();
    let text = String::from_utf8(last.clone()).unwrap();
    *last = text.replace("nobody", "somebody").into_bytes();
    let ports = WorldPorts {
        log: MemoryLog::of(stored),
        ..ports
    };
    assert_eq!(
        ports.start(bundle()).unwrap_err().to_string(),
        "the log is damaged: its entries do not hash to its signed head"
    );
}

async fn settled(ports: &WorldPorts, holds: impl Fn(&MemorySnapshots) -> bool) {
    while !holds(&ports.snapshots) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_is_erased_is_in_no_snapshot_but_by_their_id() {
    let world = world(1).await;
    let ann: PersonId = fixture::id("ann");
    world.grant("ann", "edit-flow").await;
    settled(&world.ports, |snapshots| !snapshots.all().is_empty()).await;
    world.advance(2 * 60 * 60_000).await;
    world
        .until("the grant is over", |world| {
            world.engine.read(|state| state.grants.is_empty())
        })
        .await;
    assert!(
        world
            .engine
            .read(|state| state.histories.contains_key(&ann))
    );
    let change = DirectoryChange::PersonRemoved(ann.clone());
    world
        .done(Actor::Operator, Command::ChangeDirectory { change })
        .await;
    let person = ann.clone();
    world
        .done(Actor::Operator, Command::ErasePerson { person })
        .await;
    world
        .until("the key is destroyed", |world| {
            world.engine.read(|state| state.erased.contains(&ann))
        })
        .await;
    let size = world.engine.health().entries;
    let ports = world.stop().await;
    let kept = ports.snapshots.all();
    assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [size]);
    let text = String::from_utf8_lossy(&kept[&size][64..]).into_owned();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(state["state"]["histories"].get("ann"), None);
    assert_eq!(state["state"]["erased"], serde_json::json!(["ann"]));
}

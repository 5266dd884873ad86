//! The state is a fold of the log: what a restart finds is what the engine had, whatever was done; and a start on a log that isn't
//! whole, or under a bundle that it hasn't adopted, is refused.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]
mod life;

use life::{Seen, steps, take};
use proptest::{prelude::*, test_runner::TestRunner};
use testkit::{Fault, MemoryLog, World, WorldPorts, bundle, strict_bundle};

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

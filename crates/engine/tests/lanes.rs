//! What takes power away goes first, however much else waits.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    fixture,
};
use engine::{Answer, Engine, Submission};
use testkit::{World, person};

fn submit(engine: &Engine, actor: Actor, command: Command) -> tokio::task::JoinHandle<u64> {
    let engine = engine.clone();
    tokio::spawn(async move {
        let given = Given { actor, command };
        match engine.submit(Submission::of(given)).await.unwrap() {
            Answer::Done { entry, .. } | Answer::Refused { entry, .. } => entry,
        }
    })
}

#[tokio::test]
async fn a_revocation_overtakes_a_flood() {
    let world = World::start().await;
    let grant = world.break_glass("ada", "edit-flow").await.id;
    let before = world.ports.log.stored().batches.len();
    world.stand_still().await;
    let flood = |n: usize| {
        let change = DirectoryChange::GroupRemoved(fixture::id(&format!("g{n}")));
        let command = Command::ChangeDirectory { change };
        submit(&world.engine, Actor::Operator, command)
    };
    let flooded: Vec<_> = (0..2_000).map(flood).collect();
    world.waiting(2_000).await;
    let comment = fixture::text("the task is over");
    let revoke = Command::RevokeGrant { grant, comment };
    let revoked = submit(&world.engine, person("bob"), revoke);
    world.waiting(2_001).await;
    world.ports.log.open_gate();
    let revoked = revoked.await.unwrap();
    for flooded in flooded {
        assert!(flooded.await.unwrap() > revoked);
    }
    let batches = world.ports.log.stored().batches.split_off(before);
    // the one under way, then the revocation by itself: it shares neither the wait nor the fate of the others
    assert_eq!(batches.get(1), Some(&1), "{batches:?}");
}

#[tokio::test]
async fn a_flood_is_committed_in_batches() {
    let world = World::start().await;
    let before = world.ports.log.stored().batches.len();
    let flooded: Vec<_> = (0..3_000)
        .map(|n| {
            let change = DirectoryChange::GroupRemoved(fixture::id(&format!("g{n}")));
            let command = Command::ChangeDirectory { change };
            submit(&world.engine, Actor::Operator, command)
        })
        .collect();
    for flooded in flooded {
        flooded.await.unwrap();
    }
    let batches = world.ports.log.stored().batches.split_off(before);
    assert_eq!(batches.iter().sum::<usize>(), 3_000);
    assert!(batches.iter().all(|batch| *batch <= 1_000), "{batches:?}");
    assert!(batches.len() < 300, "{} batches", batches.len());
}

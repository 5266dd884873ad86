//! Forgetting somebody: their key is destroyed and that is on record, whatever comes between, and whatever copy of the log is put
//! back later.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    fixture,
    ids::PersonId,
};
use engine::{Failed, Submission, ports::KeyStore, record::Recorded};
use ledger::{SealedBody, leaf::Leaf};
use testkit::{MemoryLog, World, WorldPorts, bundle};

fn leo() -> PersonId {
    fixture::id("leo")
}

/// Leo's name, sealed under his key.
fn named(world: &World) -> (Command, Vec<SealedBody>) {
    let mut writer = world.engine.body_writer("leo");
    let name = writer.write("Leo Lindqvist", 100).unwrap();
    let person = fixture::directory().persons.remove(&leo()).unwrap();
    let change = DirectoryChange::Person {
        person,
        name: Some(name),
        mail: None,
    };
    (Command::ChangeDirectory { change }, writer.finish())
}

async fn say(world: &World, (command, bodies): (Command, Vec<SealedBody>)) -> Result<(), Failed> {
    let given = Given {
        actor: Actor::Operator,
        command,
    };
    let submission = Submission {
        bodies,
        ..Submission::of(given)
    };
    world.engine.submit(submission).await.map(drop)
}

async fn leaves(world: &World) {
    let change = DirectoryChange::PersonRemoved(leo());
    let gone = Command::ChangeDirectory { change };
    world.done(Actor::Operator, gone).await;
}

async fn erase(world: &World) {
    let command = Command::ErasePerson { person: leo() };
    world.done(Actor::Operator, command).await;
}

async fn is_erased(world: &World) {
    let erased = |world: &World| world.state().erased.contains(&leo());
    world.until("the key is destroyed", erased).await;
}

fn kinds(log: &MemoryLog) -> Vec<String> {
    let decoded = |bytes: &Vec<u8>| Leaf::decode(bytes).unwrap().kind;
    log.stored().leaves.iter().map(decoded).collect()
}

#[tokio::test]
async fn the_key_is_destroyed_and_the_entry_says_so() {
    let world = World::start().await;
    say(&world, named(&world)).await.unwrap();
    assert!(world.ports.keys.key("leo").unwrap().is_some());
    leaves(&world).await;
    erase(&world).await;
    is_erased(&world).await;
    assert!(world.ports.keys.key("leo").unwrap().is_none());
    let stored = world.ports.log.stored();
    let last = (stored.leaves.len() - 1) as u64;
    let recorded = Recorded::from_bytes(last, stored.leaves.last().unwrap()).unwrap();
    assert_eq!(recorded.kind, "record-erased");
    assert_eq!(recorded.record.erased, ["leo"]);
}

#[tokio::test]
async fn words_that_were_sealed_before_do_not_come_after() {
    let world = World::start().await;
    let late = named(&world);
    leaves(&world).await;
    erase(&world).await;
    let failed = say(&world, late).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "`leo` was erased: nothing new is written about them"
    );
}

#[tokio::test]
async fn a_key_that_could_not_be_destroyed_is_destroyed_after_the_restart() {
    let world = World::start().await;
    say(&world, named(&world)).await.unwrap();
    leaves(&world).await;
    world.ports.keys.refuse_to_erase(true);
    erase(&world).await;
    let ports = world.stop().await;
    assert_eq!(kinds(&ports.log).last().unwrap(), "erase-person");
    assert!(ports.keys.key("leo").unwrap().is_some());
    ports.keys.refuse_to_erase(false);
    let (engine, running) = ports.start(bundle()).unwrap();
    while !engine.read(|state| state.erased.contains(&leo())) {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    assert!(ports.keys.key("leo").unwrap().is_none());
    assert_eq!(kinds(&ports.log).last().unwrap(), "record-erased");
}

#[tokio::test]
async fn an_older_copy_of_the_log_does_not_bring_anybody_back() {
    let world = World::start().await;
    say(&world, named(&world)).await.unwrap();
    let older = world.ports.log.stored();
    leaves(&world).await;
    erase(&world).await;
    is_erased(&world).await;
    let ports = WorldPorts {
        log: MemoryLog::of(older),
        projector: testkit::MemoryProjector::default(),
        ..world.stop().await
    };
    let (engine, running) = ports.start(bundle()).unwrap();
    while !engine.read(|state| state.erased.contains(&leo())) {
        tokio::task::yield_now().await;
    }
    assert!(engine.read(|state| !state.directory.persons.contains_key(&leo())));
    running.stop().await;
    let kinds = kinds(&ports.log);
    let end: Vec<&str> = kinds.iter().rev().take(3).map(String::as_str).collect();
    assert_eq!(end, ["record-erased", "erase-person", "change-directory"]);
}

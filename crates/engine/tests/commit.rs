//! What is promised is durable: nobody is answered before the commit, nobody gets a yes from a commit that failed, and a command
//! with a key is done once.
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    fixture,
    ids::{GroupId, PersonId},
};
use engine::{Answer, Failed, IdempotencyKey, Submission};
use ledger::digest::Digest;
use std::time::Duration;
use testkit::{Fault, World, person};

fn remove_group(name: &str) -> Command {
    let group: GroupId = fixture::id(name);
    Command::ChangeDirectory {
        change: DirectoryChange::GroupRemoved(group),
    }
}

fn keyed(key: &str, content: &str) -> Submission {
    let mut submission = Submission::of(Given {
        actor: Actor::Operator,
        command: remove_group(content),
    });
    submission.idempotency = Some(IdempotencyKey {
        principal: "operator".to_owned(),
        key: key.to_owned(),
        fingerprint: Digest::of(content.as_bytes()),
    });
    submission
}

fn told(answer: &Result<Answer, Failed>) -> String {
    match answer {
        Ok(Answer::Done {
            entry, repeated, ..
        }) => format!("done {entry} {repeated}"),
        Ok(Answer::Refused { entry, refused, .. }) => format!("refused {entry} {}", refused.rule),
        Err(failed) => failed.to_string(),
    }
}

#[tokio::test]
async fn nobody_is_answered_before_the_commit() {
    let world = World::start().await;
    world.ports.log.close_gate();
    let engine = world.engine.clone();
    let mut asked = tokio::spawn(async move { engine.submit(keyed("k", "soc")).await });
    let log = world.ports.log.clone();
    tokio::task::spawn_blocking(move || log.wait_for_commit())
        .await
        .unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), &mut asked).await;
    assert!(early.is_err(), "answered before the commit: {early:?}");
    let group: GroupId = fixture::id("soc");
    assert!(
        world.state().directory.groups.contains_key(&group),
        "readers saw what is not committed"
    );
    world.ports.log.open_gate();
    assert!(told(&asked.await.unwrap()).starts_with("done"));
    assert!(!world.state().directory.groups.contains_key(&group));
}

#[tokio::test]
async fn a_commit_that_fails_and_is_not_stored_changes_nothing() {
    let world = World::start().await;
    let (before, size) = (world.state(), world.engine.health().entries);
    world.ports.log.fail_next(&[Fault::NotStored]);
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        "it is not known whether this was recorded: send it again with the same idempotency key"
    );
    assert_eq!(world.state(), before);
    assert_eq!(world.engine.health().entries, size);
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        format!("done {size} false")
    );
}

#[tokio::test]
async fn a_commit_that_fails_and_is_stored_is_found_and_never_done_twice() {
    let world = World::start().await;
    let size = world.engine.health().entries;
    world.ports.log.fail_next(&[Fault::StoredYetFailed]);
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        "it is not known whether this was recorded: send it again with the same idempotency key"
    );
    let batches = world.ports.log.stored().batches.len();
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        format!("done {size} true")
    );
    assert_eq!(
        world.ports.log.stored().batches.len(),
        batches + 1,
        "what was found after a failure counts only once a commit has gone well"
    );
    assert_eq!(world.engine.health().entries, size + 1);
    let world = world.restart().await;
    assert_eq!(world.engine.health().entries, size + 1);
}

#[tokio::test]
async fn what_was_found_after_a_failure_is_no_yes_while_commits_fail() {
    let world = World::start().await;
    world
        .ports
        .log
        .fail_next(&[Fault::StoredYetFailed, Fault::NotStored]);
    for _ in 0..2 {
        assert!(matches!(
            world.engine.submit(keyed("k", "soc")).await,
            Err(Failed::Unknown)
        ));
    }
    assert!(told(&world.engine.submit(keyed("k", "soc")).await).ends_with("true"));
}

#[tokio::test]
async fn a_full_disk_is_told_and_forgotten_once_there_is_room() {
    let world = World::start().await;
    world.ports.log.fail_next(&[Fault::Full]);
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        "the disk of the log is full: nothing was recorded"
    );
    assert!(told(&world.engine.submit(keyed("k", "soc")).await).ends_with("false"));
}

#[tokio::test]
async fn another_writer_stops_the_engine_for_good() {
    let world = World::start().await;
    world.ports.log.fail_next(&[Fault::Conflict]);
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        "the engine has stopped"
    );
    world
        .until("the engine has stopped", |world| {
            !world.engine.health().running
        })
        .await;
    assert!(matches!(
        world.engine.submit(keyed("l", "soc")).await,
        Err(Failed::Stopped | Failed::Unknown)
    ));
}

#[tokio::test]
async fn a_command_with_a_key_is_done_once() {
    let world = World::start().await;
    let size = world.engine.health().entries;
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        format!("done {size} false")
    );
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        format!("done {size} true")
    );
    assert_eq!(
        told(&world.engine.submit(keyed("k", "other")).await),
        "this idempotency key was used for another command"
    );
    let world = world.restart().await;
    assert_eq!(
        told(&world.engine.submit(keyed("k", "soc")).await),
        format!("done {size} true")
    );
    assert_eq!(world.engine.health().entries, size + 1);
}

#[tokio::test]
async fn a_key_counts_within_a_batch_as_well() {
    let world = World::start().await;
    let size = world.engine.health().entries;
    world.stand_still().await;
    let submit = |submission: Submission| {
        let engine = world.engine.clone();
        tokio::spawn(async move { engine.submit(submission).await })
    };
    let asked = [keyed("k", "soc"), keyed("k", "soc"), keyed("k", "other")].map(submit);
    world.waiting(3).await;
    world.ports.log.open_gate();
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(told(&asked.await.unwrap()));
    }
    assert_eq!(
        answers,
        [
            format!("done {} false", size + 1),
            format!("done {} true", size + 1),
            "this idempotency key was used for another command".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_refusal_is_recorded_and_told_again_in_the_same_words() {
    let world = World::start().await;
    let mut submission = Submission::of(Given {
        actor: person("leo"),
        command: Command::SubmitRequest {
            ask: fixture::ask("edit-flow"),
        },
    });
    submission.idempotency = Some(IdempotencyKey {
        principal: "leo".to_owned(),
        key: "k".to_owned(),
        fingerprint: Digest::of(b"ask"),
    });
    let first = world.engine.submit(submission.clone()).await.unwrap();
    let Answer::Refused {
        entry,
        refused,
        repeated: false,
    } = first
    else {
        panic!("not refused: {first:?}")
    };
    assert_eq!(refused.message, "`leo` may not act at present");
    assert_eq!(
        world.engine.submit(submission).await.unwrap(),
        Answer::Refused {
            entry,
            refused,
            repeated: true
        }
    );
    world.engine.settled(entry).await;
    let recorded = &world.ports.projector.entries()[usize::try_from(entry).unwrap()];
    let leo: PersonId = fixture::id("leo");
    assert_eq!(recorded.record.person, Some(leo));
    assert_eq!(
        (recorded.kind.as_str(), recorded.stream.as_str()),
        ("submit-request", "request")
    );
}

#[tokio::test]
async fn an_entry_that_is_too_large_changes_nothing() {
    let world = World::start().await;
    let before = world.state();
    let mut ask = fixture::ask("edit-flow");
    ask.ticket = Some("INC-".repeat(20_000));
    let command = Command::SubmitRequest { ask };
    let failed = world.submit(person("ada"), command).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "the command makes an entry that the ledger can't hold"
    );
    assert_eq!(world.state(), before);
    world.ask("ada", "edit-flow").await;
}

//! Destroys keys that are to be destroyed, and reports it as a command. What is owed is read from the state, so a crash at any point
//! costs nothing: the key is destroyed again, which changes nothing, and reported again, which is refused as known.
//!
//! A log that was put back from an older copy doesn't know of erasures that came after the copy was made. The tombstones beside
//! the keys do: whoever has one and is not erased on record is put on record again at the start.
use crate::{
    chain,
    handle::{Answer, Engine, Submission},
};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    ids::PersonId,
    keeping::{forgettable, is_forgotten},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::Notify;

/// Pause between looks while something is owed.
const AGAIN_MS: u64 = 1_000;
/// Pause between looks while nothing is.
const IDLE_MS: u64 = 60_000;

/// Where a key is destroyed, which waits for a disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// On a thread that may wait.
    OnAThread,
    /// Here and now: there are no threads.
    Here,
}

/// Works until told to stop.
pub(crate) async fn run(engine: Engine, stop: Arc<Notify>, place: Place) {
    loop {
        restore(&engine).await;
        let owed = forget(&engine, place).await;
        let pause = Duration::from_millis(if owed { AGAIN_MS } else { IDLE_MS });
        tokio::select! {
            biased;
            () = stop.notified() => return,
            () = engine.shared.forget.notified() => {}
            () = engine.shared.clock.pause(pause) => {}
        }
    }
}

/// Destroys every key that is owed; whether something is left to do.
async fn forget(engine: &Engine, place: Place) -> bool {
    let owed: BTreeSet<PersonId> = engine.read(|state| state.erasing.clone());
    let mut left = false;
    for person in owed {
        let shared = Arc::clone(&engine.shared);
        let subject = person.to_string();
        let destroy = move || {
            let at = shared.clock.read().starts;
            shared.keys.erase(&subject, at)
        };
        let destroyed = match place {
            Place::OnAThread => tokio::task::spawn_blocking(destroy).await.ok(),
            Place::Here => Some(destroy()),
        };
        match destroyed {
            Some(Ok(_)) => left |= !report(engine, Command::RecordErased { person }).await,
            Some(Err(error)) => {
                tracing::error!(%person, error = %chain(&error), "a key could not be destroyed");
                left = true;
            }
            // it panicked
            None => left = true,
        }
    }
    left
}

/// Puts erasures on record that the log has lost, as far as nobody still needs the words.
async fn restore(engine: &Engine) {
    let erased = match engine.shared.keys.erased() {
        Ok(erased) => erased,
        Err(error) => {
            tracing::error!(error = %chain(&error), "the tombstones could not be read");
            return;
        }
    };
    let persons = erased
        .iter()
        .filter_map(|subject| subject.parse::<PersonId>().ok());
    for person in persons {
        let (known, there) = engine.read(|state| {
            let there = state.directory.persons.contains_key(&person);
            (is_forgotten(state, &person), there)
        });
        if known {
            continue;
        }
        if there {
            let change = DirectoryChange::PersonRemoved(person.clone());
            report(engine, Command::ChangeDirectory { change }).await;
        }
        let may =
            engine.read(|state| state.quarantine.is_none() && forgettable(state, &person).is_ok());
        if may {
            report(engine, Command::ErasePerson { person }).await;
        }
    }
}

/// Whether a command was done.
async fn report(engine: &Engine, command: Command) -> bool {
    let given = Given {
        actor: Actor::System,
        command,
    };
    match engine.submit(Submission::of(given)).await {
        Ok(Answer::Done { .. }) => true,
        Ok(Answer::Refused { refused, .. }) => {
            tracing::warn!(rule = %refused.rule, message = %refused.message, "an erasure has to wait");
            false
        }
        Err(failed) => {
            tracing::warn!(error = %chain(&failed), "an erasure could not be recorded");
            false
        }
    }
}

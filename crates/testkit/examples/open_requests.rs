//! How much memory an engine holds for each request that waits for consent. Its log keeps nothing, so that all there is to see is the
//! engine's own. Prints a line for the measure, with tabs between: name, value, whence.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "it measures, prints, and panics where it can't go on"
)]
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange},
    directory::Account,
    event::Event,
    fixture,
};
use engine::ports::{Batch, CommitError, Head, KeptAnswer, LogReader, LogWriter, ReadError};
use ledger::{Digest, body::SealedBody, tree::Tree};
use std::sync::{Arc, Mutex};
use testkit::{measured, person};

/// People who ask, each once.
const MAKERS: usize = 20_000;

/// A log that keeps its head alone.
struct Forgetful(Arc<Mutex<Head>>);

impl LogReader for Forgetful {
    fn head(&self) -> Result<Head, ReadError> {
        Ok(self.0.lock().unwrap().clone())
    }
    fn leaves(&self, _: u64, _: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(Vec::new())
    }
    fn hashes(&self, _: &[u64]) -> Result<Vec<Digest>, ReadError> {
        Ok(Vec::new())
    }
    fn body(&self, _: &Digest) -> Result<Option<SealedBody>, ReadError> {
        Ok(None)
    }
    fn blob(&self, _: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(None)
    }
    fn copied(&self) -> Result<Option<u64>, ReadError> {
        Ok(None)
    }
    fn answer(&self, _: &str, _: &str) -> Result<Option<KeptAnswer>, ReadError> {
        Ok(None)
    }
}

impl LogWriter for Forgetful {
    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        *self.0.lock().unwrap() = batch.head.clone();
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let head = Arc::new(Mutex::new(Head {
        tree: Tree::new().head(),
        checkpoint: String::new(),
    }));
    let reader = Arc::new(Forgetful(Arc::clone(&head)));
    let (engine, running) = measured::engine_on(reader, Box::new(Forgetful(head))).await;
    let directory = fixture::directory();
    let ada = &directory.persons[&fixture::id("ada")];
    for n in 0..MAKERS {
        let mut maker = ada.clone();
        maker.id = fixture::id(&name(n));
        let account = Account {
            id: fixture::id(&name(n)),
            person: Some(maker.id.clone()),
        };
        for change in [
            DirectoryChange::Person {
                person: maker,
                name: None,
                mail: None,
            },
            DirectoryChange::Account(account),
        ] {
            let change = Command::ChangeDirectory { change };
            measured::events(&engine, Actor::Operator, change).await;
        }
    }
    let before = resident();
    for n in 0..MAKERS {
        let ask = fixture::ask("edit-flow");
        let command = Command::SubmitRequest { ask };
        let made = measured::events(&engine, person(&name(n)), command).await;
        assert!(matches!(made[..], [Event::RequestSubmitted { .. }, ..]));
    }
    assert_eq!(engine.read(|state| state.requests.len()), MAKERS);
    let each = (resident() - before) / MAKERS as f64;
    println!(
        "memory for an open request\t{each:.1}\tKB each for {MAKERS} of them, in the writer's state and in the published one; {before:.0} KB with none"
    );
    running.stop().await;
}

fn name(n: usize) -> String {
    format!("maker-{n}")
}

/// Resident memory of this process, in KB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let field = line.unwrap().split_whitespace().nth(1).unwrap();
    field.parse().unwrap()
}

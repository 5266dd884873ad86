//! Reading the log at the start: hashed again, compared with its signed head, folded into the state.
use crate::{
    entry::{EntryError, ledger_digest},
    ports::{Head, LogReader},
    record::{Outcome, Recorded},
    rules::{self, Rules},
    start::StartError,
};
use domain::{evolve::evolve, state::State, time::Timestamp};
use ledger::{
    checkpoint::{Signer, VerifierKey},
    tree::Tree,
};

/// Entries read from the log at a time.
const READ_AT_ONCE: usize = 1_000;

/// The head is believed only if our key signed just this one.
pub(crate) fn check_signature(head: &Head, signer: &Signer) -> Result<(), StartError> {
    if head.tree.size == 0 {
        return Ok(());
    }
    let key = VerifierKey::parse(&signer.vkey()).map_err(StartError::Key)?;
    let checkpoint = key.open(&head.checkpoint).map_err(StartError::Checkpoint)?;
    if (checkpoint.size, checkpoint.root) == (head.tree.size, head.tree.root) {
        Ok(())
    } else {
        Err(StartError::Damaged {
            what: "its signed checkpoint speaks of another head".to_owned(),
        })
    }
}

/// What the log says, from its first entry to its last.
pub(crate) struct Folded {
    pub(crate) tree: Tree,
    pub(crate) state: State,
    pub(crate) rules: Rules,
    pub(crate) newest: Option<Timestamp>,
}

/// Folds the log into the state, and the tree from the bytes themselves: a changed entry is found before anything is decided.
pub(crate) fn fold(reader: &dyn LogReader, head: &Head) -> Result<Folded, StartError> {
    let mut folded = Folded {
        tree: Tree::new(),
        state: State::default(),
        rules: Rules::default(),
        newest: None,
    };
    while folded.tree.size() < head.tree.size {
        let leaves = reader
            .leaves(folded.tree.size(), READ_AT_ONCE)
            .map_err(StartError::Read)?;
        if leaves.is_empty() {
            return Err(StartError::Damaged {
                what: format!(
                    "it should have {} entries and ends at {}",
                    head.tree.size,
                    folded.tree.size()
                ),
            });
        }
        for leaf in leaves {
            let entry = folded.tree.size();
            folded.tree.append(&leaf);
            let recorded = read(entry, &leaf)?;
            remember(&mut folded, &recorded, reader)?;
        }
    }
    if folded.tree.head() == head.tree {
        Ok(folded)
    } else {
        Err(StartError::Damaged {
            what: "its entries do not hash to its signed head".to_owned(),
        })
    }
}

/// Reads an entry of our own log: its bytes are checked by the tree, so their form need not be checked again.
fn read(entry: u64, bytes: &[u8]) -> Result<Recorded, StartError> {
    let leaf = serde_json::from_slice(bytes)
        .map_err(|source| StartError::Entry(EntryError::Record { entry, source }))?;
    Recorded::from_leaf(entry, leaf).map_err(StartError::Entry)
}

fn remember(
    folded: &mut Folded,
    recorded: &Recorded,
    reader: &dyn LogReader,
) -> Result<(), StartError> {
    folded.newest = Some(recorded.at);
    let Outcome::Done(events) = &recorded.record.outcome else {
        return Ok(());
    };
    if let Some(bundle) = rules::brought(&recorded.record.command)
        && !folded.rules.knows(bundle)
    {
        let entry = recorded.entry;
        let packed = reader
            .blob(&ledger_digest(bundle))
            .map_err(StartError::Read)?
            .ok_or(StartError::BundleMissing { entry, bundle })?;
        let known = Rules::read(&packed).map_err(|source| StartError::Bundle { bundle, source })?;
        folded.rules.learn(&mut folded.state, &known);
    }
    for event in events {
        evolve(&mut folded.state, event, recorded.at);
    }
    Ok(())
}

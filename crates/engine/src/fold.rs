//! Reading the log: hashed again, compared with its signed head, folded into the state.
use crate::{
    entry::{EntryError, ledger_digest},
    ports::{Head, LogReader},
    record::{Outcome, Record, Recorded},
    rules::{self, Rules},
    start::StartError,
};
use domain::{evolve::evolve, ids::Digest, state::State, time::Timestamp};
use ledger::{
    checkpoint::{Signer, VerifierKey},
    leaf::LEAF_VERSION,
    tree::Tree,
};
use serde::Deserialize;

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

/// What the log says, from its first entry to some later one.
#[derive(Clone, Default)]
pub(crate) struct Fold {
    pub(crate) tree: Tree,
    pub(crate) state: State,
    pub(crate) rules: Rules,
    /// Instant of the last entry.
    pub(crate) newest: Option<Timestamp>,
}

impl Fold {
    /// Nothing yet, under these rules.
    pub(crate) fn under(rules: Rules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Folds the log from here to its head, and the tree from the bytes themselves: a changed entry is found before anything is
    /// decided.
    pub(crate) fn until_head(
        mut self,
        reader: &dyn LogReader,
        head: &Head,
    ) -> Result<Self, StartError> {
        self.read_on(reader, head.tree.size, |_| true)?;
        if self.tree.head() == head.tree {
            Ok(self)
        } else {
            Err(StartError::Damaged {
                what: "its entries do not hash to its signed head".to_owned(),
            })
        }
    }

    /// Folds further entries, up to `size` of them in all, or to the first that is not `wanted`. Whether all were.
    pub(crate) fn read_on(
        &mut self,
        reader: &dyn LogReader,
        size: u64,
        mut wanted: impl FnMut(&Recorded) -> bool,
    ) -> Result<bool, StartError> {
        while self.tree.size() < size {
            let left = usize::try_from(size - self.tree.size()).unwrap_or(READ_AT_ONCE);
            let leaves = reader
                .leaves(self.tree.size(), left.min(READ_AT_ONCE))
                .map_err(StartError::Read)?;
            if leaves.is_empty() {
                return Err(StartError::Damaged {
                    what: format!(
                        "it should have {size} entries and ends at {}",
                        self.tree.size()
                    ),
                });
            }
            for leaf in leaves {
                let recorded = read(self.tree.size(), &leaf)?;
                if !wanted(&recorded) {
                    return Ok(false);
                }
                self.tree.append(&leaf);
                self.remember(&recorded, reader)?;
            }
        }
        Ok(true)
    }

    fn remember(&mut self, recorded: &Recorded, reader: &dyn LogReader) -> Result<(), StartError> {
        self.newest = Some(recorded.at);
        let Outcome::Done(events) = &recorded.record.outcome else {
            return Ok(());
        };
        if let Some(bundle) = rules::brought(&recorded.record.command)
            && !self.rules.knows(bundle)
        {
            let entry = recorded.entry;
            let packed = reader
                .blob(&ledger_digest(bundle))
                .map_err(StartError::Read)?
                .ok_or(StartError::BundleMissing { entry, bundle })?;
            let known = self
                .rules
                .read(&packed)
                .map_err(|source| StartError::Bundle { bundle, source })?;
            self.rules.learn(&mut self.state, &known);
        }
        for event in events {
            evolve(&mut self.state, event, recorded.at);
        }
        Ok(())
    }
}

/// A leaf whose record is read at once, without a form in between.
#[derive(Deserialize)]
struct Read {
    v: u16,
    kind: String,
    stream: String,
    at: Timestamp,
    bundle: Option<Digest>,
    record: Record,
}

/// Reads an entry of our own log: its bytes are checked by the tree, so their form need not be checked again.
fn read(entry: u64, bytes: &[u8]) -> Result<Recorded, StartError> {
    if let Ok(read) = serde_json::from_slice::<Read>(bytes)
        && read.v == LEAF_VERSION
    {
        return Ok(Recorded {
            entry,
            kind: read.kind,
            stream: read.stream,
            at: read.at,
            bundle: read.bundle,
            record: read.record,
        });
    }
    // part by part, to say what is wrong with it
    let leaf = serde_json::from_slice(bytes)
        .map_err(|source| StartError::Entry(EntryError::Record { entry, source }))?;
    Recorded::from_leaf(entry, leaf).map_err(StartError::Entry)
}

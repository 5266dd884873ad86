//! What the log said at an instant: the fold of the entries recorded up to it, from the nearest snapshot before. An entry's instant
//! is never before that of the entry ahead of it, so an instant is one place in the log, and what the log said there never changes
//! once a later entry is on record.
use crate::{
    fold::Fold,
    handle::Engine,
    ports::{LogReader, ReadError},
    shared::Shared,
    snapshots,
    start::StartError,
};
use domain::{state::State, time::Timestamp};
use ledger::tree::TreeHead;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// Questions about the past that are worked on at a time.
pub(crate) const AT_A_TIME: usize = 2;
/// How long another one waits.
const WAIT: Duration = Duration::from_secs(10);

/// What the log said at an instant.
#[derive(Debug, Clone)]
pub struct Past {
    /// The instant.
    pub at: Timestamp,
    /// How many entries were recorded at or before it, and their root.
    pub tree: TreeHead,
    /// What they come to.
    pub state: State,
}

/// Why it can't be told what the log said.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// Nobody knows yet.
    #[error("that instant has not come yet")]
    Future {
        /// Trusted time.
        now: Timestamp,
    },
    /// Too many ask at once.
    #[error("other questions about the past are being answered")]
    Busy,
    /// The log can't be read.
    #[error("the log can't be read")]
    Read(#[source] ReadError),
    /// An entry can't be read.
    #[error("the log can't be read up to that instant")]
    Fold(#[source] StartError),
    /// An entry has no instant.
    #[error("entry `{entry}` can't be read")]
    Entry {
        /// Which.
        entry: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Engine {
    /// What the log said at `at`: entries recorded at that very instant count.
    ///
    /// # Errors
    /// [`PastError`] if that instant hasn't come, too many ask at once, or the log can't be read.
    pub async fn past(&self, at: Timestamp) -> Result<Past, PastError> {
        let shared = Arc::clone(&self.shared);
        let now = shared.clock.read().latest;
        if at > now {
            return Err(PastError::Future { now });
        }
        let turn = tokio::time::timeout(WAIT, shared.looking_back.acquire());
        let Ok(Ok(turn)) = turn.await else {
            return Err(PastError::Busy);
        };
        let asked = Arc::clone(&shared);
        let told = tokio::task::spawn_blocking(move || past(&asked, at)).await;
        drop(turn);
        told.unwrap_or(Err(PastError::Busy))
    }
}

fn past(shared: &Shared, at: Timestamp) -> Result<Past, PastError> {
    let reader = shared.reader.as_ref();
    let size = recorded_by(reader, at)?;
    let mut fold = nearest(shared, size);
    fold.read_on(reader, size, |_| true)
        .map_err(PastError::Fold)?;
    Ok(Past {
        at,
        tree: fold.tree.head(),
        state: fold.state,
    })
}

/// The nearest snapshot of at most `size` entries, or the beginning.
fn nearest(shared: &Shared, size: u64) -> Fold {
    let kept = shared.snapshots.kept().unwrap_or_default();
    let rules = shared.published().rules.none();
    let resumed = kept.into_iter().rev().filter(|kept| *kept <= size);
    let mut resumed = resumed.filter_map(|kept| {
        let reader = shared.reader.as_ref();
        let by = (&shared.release, &rules);
        snapshots::resume(shared.snapshots.as_ref(), reader, kept, by).ok()
    });
    resumed.next().map(|(fold, _)| fold).unwrap_or_default()
}

/// How many entries were recorded at or before `at`.
fn recorded_by(reader: &dyn LogReader, at: Timestamp) -> Result<u64, PastError> {
    let (mut least, mut most) = (0, reader.head().map_err(PastError::Read)?.tree.size);
    while least < most {
        let middle = least + (most - least) / 2;
        if instant(reader, middle)? <= at {
            least = middle + 1;
        } else {
            most = middle;
        }
    }
    Ok(least)
}

/// What every leaf says of itself.
#[derive(Deserialize)]
struct At {
    at: i64,
}

fn instant(reader: &dyn LogReader, entry: u64) -> Result<Timestamp, PastError> {
    let leaves = reader.leaves(entry, 1).map_err(PastError::Read)?;
    let leaf = leaves.first().map(Vec::as_slice).unwrap_or_default();
    let At { at } =
        serde_json::from_slice(leaf).map_err(|source| PastError::Entry { entry, source })?;
    Ok(Timestamp(at))
}

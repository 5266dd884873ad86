//! Snapshots as they are kept: which one a start uses, when one is taken, and which are thrown away. Taking one is work of a
//! thread of its own; the writer only hands over a copy of the state of open work.
use crate::{
    chain,
    fold::Fold,
    ports::{Head, LogReader, Snapshots},
    rules::Rules,
    shared::Shared,
    snapshot::{Release, Snapshot, SnapshotError},
};
use ledger::{checkpoint::Signer, digest::Digest};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc::{Receiver, SyncSender, sync_channel},
};

/// How many entries come between two snapshots of a server.
pub const SNAPSHOT_EVERY: u64 = 20_000;
/// A graceful stop takes one if that part of them came since the last.
const AT_STOP: u64 = 20;
/// Most snapshots that are kept: the newest for starts, the others for questions about the past.
const KEPT_MAX: usize = 24;
/// The newest of them that are always kept: one that is damaged has another behind it.
const NEWEST: usize = 2;

/// What a start found to go on from.
pub(crate) struct Resumed {
    pub(crate) fold: Fold,
    /// Entries that were taken on a snapshot's word, and the digest of its body: both are to be checked.
    pub(crate) unchecked: Option<(u64, Digest)>,
}

/// The fold of the whole log, from the newest snapshot that can be used; without one, `None`.
pub(crate) fn newest(
    snapshots: &dyn Snapshots,
    reader: &dyn LogReader,
    head: &Head,
    release: &Release,
    rules: &Rules,
) -> Option<Resumed> {
    let kept = snapshots.kept().unwrap_or_else(|error| {
        tracing::warn!(error = %chain(&error), "the snapshots can't be read");
        Vec::new()
    });
    let usable = kept.into_iter().filter(|size| *size <= head.tree.size);
    for size in usable.rev() {
        match resume(snapshots, reader, size, (release, rules)) {
            Ok((fold, digest)) => match fold.until_head(reader, head) {
                Ok(fold) => {
                    let unchecked = Some((size, digest));
                    return Some(Resumed { fold, unchecked });
                }
                // the log itself may be damaged: reading all of it tells
                Err(error) => {
                    tracing::warn!(entries = size, error = %chain(&error), "a snapshot is not used");
                    return None;
                }
            },
            Err(error) => {
                tracing::warn!(entries = size, error = %chain(&error), "a snapshot is not used");
            }
        }
    }
    None
}

/// The fold that the snapshot of `size` entries stands for.
pub(crate) fn resume(
    snapshots: &dyn Snapshots,
    reader: &dyn LogReader,
    size: u64,
    (release, rules): (&Release, &Rules),
) -> Result<(Fold, Digest), SnapshotError> {
    let sealed = snapshots.read(size).map_err(SnapshotError::Read)?;
    let (snapshot, digest) = Snapshot::open(&sealed, size, release)?;
    Ok((snapshot.resume(reader, rules.none())?, digest))
}

/// What is handed to the thread that takes snapshots.
struct Taken {
    fold: Fold,
    /// Earlier ones are thrown away: somebody was erased.
    alone: bool,
}

/// The writer's side: says when a snapshot is due.
pub(crate) struct Taking {
    every: u64,
    /// Size of the newest one.
    last: u64,
    alone: bool,
    busy: Arc<AtomicBool>,
    taken: SyncSender<Taken>,
}

/// The thread's side.
pub(crate) struct Keeping {
    shared: Arc<Shared>,
    signer: Arc<Signer>,
    busy: Arc<AtomicBool>,
    taken: Receiver<Taken>,
}

/// Both sides.
pub(crate) fn both(shared: &Arc<Shared>, signer: &Arc<Signer>, every: u64) -> (Taking, Keeping) {
    let (sender, taken) = sync_channel(1);
    let busy = Arc::new(AtomicBool::new(false));
    let taking = Taking {
        every: every.max(1),
        last: shared.unchecked(),
        alone: false,
        busy: Arc::clone(&busy),
        taken: sender,
    };
    let keeping = Keeping {
        shared: Arc::clone(shared),
        signer: Arc::clone(signer),
        busy,
        taken,
    };
    (taking, keeping)
}

impl Taking {
    /// Somebody was erased: what the next snapshot replaces is thrown away, and it is taken at once.
    pub(crate) fn forget_earlier(&mut self) {
        self.alone = true;
    }

    /// Whether one is due at `size` entries.
    pub(crate) fn is_due(&self, size: u64) -> bool {
        let grown = size.saturating_sub(self.last);
        (self.alone || grown >= self.every) && !self.busy.load(Ordering::Acquire)
    }

    /// Hands over what the log comes to.
    pub(crate) fn take(&mut self, fold: Fold) {
        let size = fold.tree.size();
        let alone = self.alone;
        self.busy.store(true, Ordering::Release);
        if self.taken.try_send(Taken { fold, alone }).is_ok() {
            self.last = size;
            self.alone = false;
        }
    }

    /// At a graceful stop: hands over the last one if there is something to gain by it.
    pub(crate) fn stop(self, fold: Fold) {
        let grown = fold.tree.size().saturating_sub(self.last);
        if self.alone || grown >= (self.every / AT_STOP).max(1) {
            // one under way is finished first; a thread that is gone takes none
            let _ = self.taken.send(Taken {
                fold,
                alone: self.alone,
            });
        }
    }
}

impl Keeping {
    /// Takes snapshots until the writer is gone.
    pub(crate) fn run(self) {
        while let Ok(taken) = self.taken.recv() {
            self.take(taken);
        }
    }

    /// Takes the snapshot that is asked for already, if one is.
    pub(crate) fn round(&self) {
        while let Ok(taken) = self.taken.try_recv() {
            self.take(taken);
        }
    }

    fn take(&self, Taken { fold, alone }: Taken) {
        self.keep(fold, alone);
        self.busy.store(false, Ordering::Release);
    }

    /// A snapshot that can't be kept costs time at the next start, and nothing else.
    fn keep(&self, fold: Fold, alone: bool) {
        let size = fold.tree.size();
        let sealed = Snapshot::of(fold, &self.shared.release.engine).sealed(&self.signer);
        match sealed {
            Ok(sealed) => {
                if let Err(error) = self.shared.snapshots.keep(size, &sealed) {
                    tracing::warn!(entries = size, error = %chain(&error), "a snapshot could not be kept");
                }
            }
            Err(error) => {
                tracing::error!(entries = size, error = %chain(&error), "a snapshot could not be made");
            }
        }
        if let Err(error) = self.prune(size, alone) {
            tracing::warn!(error = %chain(&error), "an old snapshot could not be thrown away");
        }
    }

    fn prune(&self, size: u64, alone: bool) -> Result<(), crate::ports::ReadError> {
        let snapshots = &self.shared.snapshots;
        let mut kept = snapshots.kept()?;
        if alone {
            for other in kept.into_iter().filter(|other| *other != size) {
                snapshots.remove(other)?;
            }
            return Ok(());
        }
        // one that stands for more than there is belongs to a log that was set back
        while let Some(old) = superfluous(&kept, size) {
            snapshots.remove(old)?;
            kept.retain(|size| *size != old);
        }
        Ok(())
    }
}

/// Which of the sizes in `kept` (rising) is to go: one beyond `newest`, else, of too many, the one whose neighbours are nearest to each
/// other, so that those that stay are spread over the whole log. The newest stay.
fn superfluous(kept: &[u64], newest: u64) -> Option<u64> {
    if let Some(beyond) = kept.iter().find(|size| **size > newest) {
        return Some(*beyond);
    }
    if kept.len() <= KEPT_MAX {
        return None;
    }
    let may_go = kept.len().saturating_sub(NEWEST);
    let before = std::iter::once(0).chain(kept.iter().copied());
    let after = kept.iter().copied().skip(1);
    let places = before.zip(kept.iter().copied()).zip(after).take(may_go);
    places
        .min_by_key(|((before, _), after)| after - before)
        .map(|((_, size), _)| size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_that_stay_are_few_and_spread_over_the_log_and_the_newest_are_among_them() {
        let mut kept: Vec<u64> = Vec::new();
        for n in 1..=1_000 {
            kept.push(n * 10);
            while let Some(old) = superfluous(&kept, n * 10) {
                kept.retain(|size| *size != old);
            }
            assert!(kept.len() <= KEPT_MAX);
            assert!(kept.contains(&(n * 10)));
            assert!(n == 1 || kept.contains(&(n * 10 - 10)));
            let ends = std::iter::once(0).chain(kept.iter().copied());
            let widest = ends.zip(&kept).map(|(from, to)| to - from).max().unwrap();
            assert!(
                widest <= (n * 10 / 8).max(10),
                "{widest} of {n} in {kept:?}"
            );
        }
    }

    #[test]
    fn a_snapshot_of_entries_that_are_not_there_any_more_goes() {
        assert_eq!(superfluous(&[10, 20, 30], 20), Some(30));
        assert_eq!(superfluous(&[10, 20], 20), None);
    }
}

//! After a start from a snapshot every entry that was taken on its word is read all the same, beside the work: hashed again and folded
//! again. If the log doesn't come to what the snapshot said, nothing more is decided, and the snapshots are thrown away, so that the
//! next start reads everything and names what is wrong.
use crate::{
    chain, fold::Fold, ports::LogReader, shared::Shared, snapshot::Snapshot, start::StartError,
};
use ledger::digest::Digest;
use std::{sync::Arc, thread, time::Duration};

/// Entries between two pauses.
const STRETCH: u64 = 500;
/// Pause after each stretch: the writer has work to do.
const PAUSE: Duration = Duration::from_millis(2);
/// Pause before a log that could not be read is read again.
const AGAIN: Duration = Duration::from_secs(10);
/// How often a wait looks whether the engine stopped.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) struct Checking {
    shared: Arc<Shared>,
    /// Entries to check.
    entries: u64,
    /// Digest of the body of the snapshot that stood for them.
    digest: Digest,
}

enum Checked {
    Whole,
    Stopped,
    Different(String),
}

impl Checking {
    /// What there is to check, if anything was taken on a snapshot's word.
    pub(crate) fn of(shared: &Arc<Shared>, unchecked: Option<(u64, Digest)>) -> Option<Self> {
        unchecked.map(|(entries, digest)| Self {
            shared: Arc::clone(shared),
            entries,
            digest,
        })
    }

    /// Reads until everything was read once, or the engine stops.
    pub(crate) fn run(self) {
        while !self.once() {
            if !self.wait(AGAIN) {
                return;
            }
        }
    }

    /// Reads everything once; whether that is enough: a log that could not be read is to be read again.
    pub(crate) fn once(&self) -> bool {
        match self.check(self.shared.reader.as_ref()) {
            Ok(Checked::Whole) => {
                self.shared.set_unchecked(0);
                tracing::info!(
                    entries = self.entries,
                    "the log was read again: it comes to what the snapshot said"
                );
            }
            Ok(Checked::Stopped) => {}
            Ok(Checked::Different(what)) => self.stop(&what),
            Err(StartError::Read(error)) => {
                tracing::error!(error = %chain(&error), "the log could not be read again");
                return false;
            }
            Err(error) => self.stop(&chain(&error)),
        }
        true
    }

    fn check(&self, reader: &dyn LogReader) -> Result<Checked, StartError> {
        let mut fold = Fold::under(self.shared.published().rules.none());
        let mut read = 0;
        let all = fold.read_on(reader, self.entries, |_| {
            read += 1;
            if read % STRETCH == 0 {
                thread::park_timeout(PAUSE);
                self.shared.set_unchecked(self.entries - read);
            }
            self.shared.is_running()
        })?;
        if !all {
            return Ok(Checked::Stopped);
        }
        Ok(
            match Snapshot::of(fold, &self.shared.release.engine).body() {
                Ok(body) if Digest::of(&body) == self.digest => Checked::Whole,
                Ok(_) => Checked::Different(
                    "its entries don't come to what the snapshot said".to_owned(),
                ),
                Err(error) => Checked::Different(chain(&error)),
            },
        )
    }

    fn wait(&self, pause: Duration) -> bool {
        let looks = pause.as_millis() / LOOK.as_millis();
        (0..looks).all(|_| {
            thread::park_timeout(LOOK);
            self.shared.is_running()
        })
    }

    fn stop(&self, what: &str) {
        tracing::error!(
            what,
            "the log is damaged: nothing more is decided, and the next start reads all of it"
        );
        self.shared.condemn();
        let snapshots = &self.shared.snapshots;
        let kept = snapshots.kept().unwrap_or_default();
        for size in kept {
            if let Err(error) = snapshots.remove(size) {
                tracing::error!(error = %chain(&error), "a snapshot could not be thrown away");
            }
        }
    }
}

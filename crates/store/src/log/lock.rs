//! One writer at a time: two would decide on different states and fork the log. The lock belongs to the open file, so
//! the operating system gives it back however the process ends, and no stale lock has to be cleared by hand.
use crate::{error::OpenError, file};
use std::{
    fs::{File, TryLockError},
    path::Path,
};

/// Held as long as this process may write.
#[derive(Debug)]
pub(crate) struct WriterLock {
    /// Unlocked when closed.
    _held: File,
}

impl WriterLock {
    /// Takes the lock at once, or not at all.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::File {
            file: path.to_owned(),
            source,
        };
        let held = file::private(path).map_err(failed)?;
        match held.try_lock() {
            Ok(()) => Ok(Self { _held: held }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                file: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

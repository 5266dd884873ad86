//! Room on the disk that is given up when it is needed most: when the disk is full, taking privileges back must still be
//! recorded. The blocks are really written, so no other file can have them until they are released.
use crate::file;
use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Written at a time.
const CHUNK: usize = 8 * 1024;

/// Blocks of the disk held back for the revoke lane.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// Why the reserve can't be held or given up.
#[derive(Debug, thiserror::Error)]
#[error("the reserve `{path}` of {bytes} bytes can't be {what}")]
pub struct ReserveError {
    path: PathBuf,
    bytes: u64,
    what: &'static str,
    #[source]
    source: io::Error,
}

impl Reserve {
    /// Holds `bytes` of the disk in the file at `path`, made if there is none.
    ///
    /// # Errors
    /// [`ReserveError`] if there is no room for it, or the file can't be written.
    pub fn hold(path: &Path, bytes: u64) -> Result<Self, ReserveError> {
        let path = path.to_owned();
        match file::private(&path) {
            Ok(file) => {
                let mut reserve = Self { path, file, bytes };
                reserve.refill()?;
                Ok(reserve)
            }
            Err(source) => Err(ReserveError {
                path,
                bytes,
                what: "opened",
                source,
            }),
        }
    }

    /// Gives the room up, durably, and says whether there was any: then what was refused as full can be tried again.
    ///
    /// # Errors
    /// [`ReserveError`] if the file can't be cut.
    pub fn release(&mut self) -> Result<bool, ReserveError> {
        let released = self.held().and_then(|held| {
            self.file.set_len(0)?;
            self.file.sync_all()?;
            Ok(held > 0)
        });
        released.map_err(|source| self.error("released", source))
    }

    /// Takes the room again, once there is some; what is held already stays. On failure everything is given up, so that
    /// a nearly full disk isn't filled by trying.
    ///
    /// # Errors
    /// [`ReserveError`] if there is not enough.
    pub fn refill(&mut self) -> Result<(), ReserveError> {
        self.fill().map_err(|source| {
            // of two failures the first says more
            let _ = self.release();
            self.error("held", source)
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut missing = self.bytes.saturating_sub(self.held()?);
        self.file.seek(SeekFrom::End(0))?;
        // not zeros: some file systems keep no blocks for those
        let chunk = [0xa5; CHUNK];
        while missing > 0 {
            let part = usize::try_from(missing).unwrap_or(CHUNK).min(CHUNK);
            self.file.write_all(chunk.get(..part).unwrap_or(&chunk))?;
            missing = missing.saturating_sub(part as u64);
        }
        self.file.sync_all()
    }

    fn held(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn error(&self, what: &'static str, source: io::Error) -> ReserveError {
        ReserveError {
            path: self.path.clone(),
            bytes: self.bytes,
            what,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    #[cfg(unix)]
    fn blocks(path: &Path) -> u64 {
        std::os::unix::fs::MetadataExt::blocks(&fs::metadata(path).unwrap()) * 512
    }

    #[cfg(unix)]
    #[test]
    fn the_room_is_taken_given_up_and_taken_again() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("reserve.bin");
        let mut reserve = Reserve::hold(&path, 100_000).unwrap();
        assert!(blocks(&path) >= 100_000);
        assert!(reserve.release().unwrap());
        assert_eq!(blocks(&path), 0);
        assert!(!reserve.release().unwrap());
        reserve.refill().unwrap();
        reserve.refill().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 100_000);
        drop(reserve);
        Reserve::hold(&path, 150_000).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 150_000);
    }

    #[test]
    fn a_reserve_that_cannot_be_held_is_told_with_its_size() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("missing").join("reserve.bin");
        let error = Reserve::hold(&path, 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the reserve `{}` of 100 bytes can't be opened",
                path.display()
            )
        );
    }

    /// `/dev/full` is a disk without room.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_without_room_holds_no_reserve() {
        let error = Reserve::hold(Path::new("/dev/full"), 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the reserve `/dev/full` of 100 bytes can't be held"
        );
    }
}

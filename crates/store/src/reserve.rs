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

/// Tries to take the room again that are passed over after one that failed: each try fills the disk for a moment.
const PASSED_OVER: u32 = 15;

/// Blocks of the disk held back for what takes privileges away.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    file: File,
    bytes: u64,
    hold: Hold,
}

/// Whether the room is held.
#[derive(Debug)]
enum Hold {
    Whole,
    /// It was given up, or never had; so many tries to take it are passed over yet.
    Missing {
        passing_over: u32,
    },
}

/// Why the reserve can't be held or given up.
#[derive(Debug, thiserror::Error)]
#[error("the reserve `{path}` of {bytes} bytes can't be {what}")]
pub(crate) struct ReserveError {
    path: PathBuf,
    bytes: u64,
    what: &'static str,
    #[source]
    source: io::Error,
}

impl Reserve {
    /// A reserve of `bytes` in the file at `path`, made if there is none; not held yet.
    pub(crate) fn open(path: &Path, bytes: u64) -> io::Result<Self> {
        let file = file::private(path)?;
        let hold = Hold::Missing { passing_over: 0 };
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            hold,
        })
    }

    /// Takes the room, unless it is held. On failure everything is given up, so that a nearly full disk isn't filled by
    /// trying. Says whether the room is held now.
    pub(crate) fn hold(&mut self) -> Result<bool, ReserveError> {
        match &mut self.hold {
            Hold::Whole => return Ok(true),
            Hold::Missing { passing_over: 0 } => {}
            Hold::Missing { passing_over } => {
                *passing_over -= 1;
                return Ok(false);
            }
        }
        let filled = self.fill();
        self.hold = match &filled {
            Ok(()) => Hold::Whole,
            Err(_) => Hold::Missing {
                passing_over: PASSED_OVER,
            },
        };
        filled.map(|()| true).map_err(|source| {
            // of two failures the first says more
            let _ = self.cut();
            self.error("held", source)
        })
    }

    /// Gives the room up, durably, and says whether there was any: then what was refused as full can be tried again.
    pub(crate) fn release(&mut self) -> Result<bool, ReserveError> {
        self.hold = Hold::Missing {
            passing_over: PASSED_OVER,
        };
        self.cut().map_err(|source| self.error("released", source))
    }

    fn cut(&mut self) -> io::Result<bool> {
        let held = self.held()?;
        self.file.set_len(0)?;
        self.file.sync_all()?;
        Ok(held > 0)
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
        let mut reserve = Reserve::open(&path, 100_000).unwrap();
        assert_eq!(blocks(&path), 0);
        assert!(reserve.hold().unwrap());
        assert!(blocks(&path) >= 100_000);
        assert!(reserve.release().unwrap());
        assert_eq!(blocks(&path), 0);
        assert!(!reserve.release().unwrap());
        for _ in 0..PASSED_OVER {
            assert!(!reserve.hold().unwrap());
        }
        assert!(reserve.hold().unwrap());
        assert!(reserve.hold().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), 100_000);
        drop(reserve);
        assert!(Reserve::open(&path, 150_000).unwrap().hold().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), 150_000);
    }

    /// `/dev/full` is a disk without room.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_without_room_holds_no_reserve() {
        let mut reserve = Reserve::open(Path::new("/dev/full"), 100).unwrap();
        assert_eq!(
            reserve.hold().unwrap_err().to_string(),
            "the reserve `/dev/full` of 100 bytes can't be held"
        );
        assert!(!reserve.hold().unwrap());
    }
}

//! Snapshots in files of their own, in a folder beside the log that can be thrown away at any time. A file is there whole or not at
//! all; whether it says what the log says is for the engine to find out.
use crate::file;
use engine::ports::{ReadError, Snapshots};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

/// How the name of a snapshot ends, after its size in 20 digits.
const ENDING: &str = ".snapshot";

/// A folder of snapshots.
#[derive(Debug)]
pub struct SnapshotFolder {
    folder: PathBuf,
}

impl SnapshotFolder {
    /// The snapshots in `folder`, which is made with the first of them.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn path(&self, size: u64) -> PathBuf {
        self.folder.join(format!("{size:020}{ENDING}"))
    }

    fn list(&self) -> io::Result<Vec<u64>> {
        let mut kept = Vec::new();
        let found = match fs::read_dir(&self.folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
            Err(error) => return Err(error),
        };
        for file in found {
            let name = file?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            kept.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        kept.sort_unstable();
        Ok(kept)
    }

    fn write(&self, size: u64, snapshot: &[u8]) -> io::Result<()> {
        file::private_folder(&self.folder)?;
        // what a crash left of an earlier try is written over
        let beside = self.folder.join("new");
        let mut file = file::private(&beside)?;
        file.set_len(0)?;
        file.write_all(snapshot)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, self.path(size))?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> ReadError {
    move |source| ReadError {
        what,
        source: Box::new(source),
    }
}

impl Snapshots for SnapshotFolder {
    fn kept(&self) -> Result<Vec<u64>, ReadError> {
        self.list().map_err(failed("the folder of snapshots"))
    }

    fn read(&self, size: u64) -> Result<Vec<u8>, ReadError> {
        fs::read(self.path(size)).map_err(failed("a snapshot"))
    }

    fn keep(&self, size: u64, snapshot: &[u8]) -> Result<(), ReadError> {
        self.write(size, snapshot)
            .map_err(failed("a snapshot while writing"))
    }

    fn remove(&self, size: u64) -> Result<(), ReadError> {
        match fs::remove_file(self.path(size)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("a snapshot while removing")(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_kept_by_size_for_their_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("snapshots");
        let snapshots = SnapshotFolder::new(&folder);
        assert!(snapshots.kept().unwrap().is_empty());
        snapshots.keep(30, b"a longer one").unwrap();
        snapshots.keep(4, b"short").unwrap();
        snapshots.keep(30, b"newer").unwrap();
        // a file of somebody else's and what a crash left are no snapshots
        fs::write(folder.join("notes.txt"), b"").unwrap();
        fs::write(folder.join("new"), b"half of one, and longer than the next").unwrap();
        assert_eq!(snapshots.kept().unwrap(), [4, 30]);
        assert_eq!(snapshots.read(30).unwrap(), b"newer");
        snapshots.keep(5, b"next").unwrap();
        assert_eq!(snapshots.read(5).unwrap(), b"next");
        for size in [30, 5, 30] {
            snapshots.remove(size).unwrap();
        }
        assert_eq!(snapshots.kept().unwrap(), [4]);
        assert_eq!(
            snapshots.read(5).unwrap_err().to_string(),
            "could not read a snapshot"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&folder), 0o700);
            assert_eq!(mode(&snapshots.path(4)), 0o600);
        }
    }
}

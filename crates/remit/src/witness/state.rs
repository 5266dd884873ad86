//! What a witness remembers: for each log the checkpoint that it cosigned last, in a file of its own.
//!
//! The order of writes is the argument. Under one lock: compare with the head in memory, write the new checkpoint beside the old, sync it, put
//! it in the old one's place, sync the folder; only then may the cosignature leave. A crash before the last step leaves the old head
//! or the new one, and no cosignature over the new has left. The folder belongs to one process at a time.
use anyhow::{Context, Result, bail, ensure};
use ledger::{
    Digest, TreeHead, WitnessKey,
    cosignature::Cosigner,
    witness::{AddCheckpoint, Cosigned, Refusal, WatchedLogs, judge},
};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// A checkpoint that was cosigned.
#[derive(Debug, Clone)]
struct Last {
    head: TreeHead,
    note: String,
}

/// The memory of a witness.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    logs: WatchedLogs,
    cosigner: Cosigner,
    /// By the log's name.
    last: Mutex<BTreeMap<String, Last>>,
    /// Given back by the operating system however the process ends.
    _lock: File,
}

/// Why no cosignature leaves.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotCosigned {
    /// The protocol says no.
    #[error(transparent)]
    Refused(Refusal),
    /// The head could not be made durable.
    #[error("the new head could not be made durable")]
    Unwritten(#[source] io::Error),
}

/// The name under which the protocol serves a log, and of its file.
pub(super) fn origin_hash(origin: &str) -> String {
    Digest::of(origin.as_bytes()).to_string()
}

impl State {
    /// Takes up the state in `folder`, which is made if there is none.
    ///
    /// # Errors
    /// If another process has it, or a file in it isn't what this witness wrote.
    pub(super) fn open(folder: &Path, logs: WatchedLogs, cosigner: Cosigner) -> Result<Self> {
        crate::data::make_folder(folder)
            .with_context(|| format!("could not make the state folder `{}`", folder.display()))?;
        let lock = lock(folder)?;
        let mut last = BTreeMap::new();
        let own = WitnessKey::parse(&cosigner.vkey())?;
        for origin in logs.origins() {
            let file = folder.join(origin_hash(origin));
            let note = match fs::read_to_string(&file) {
                Ok(note) => note,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("could not read `{}`", file.display()));
                }
            };
            let request = AddCheckpoint {
                old: 0,
                proof: Vec::new(),
                checkpoint: note,
            };
            let opened = logs.key(&request)?.open(&request.checkpoint);
            let damaged = || {
                format!(
                    "`{}` is not the checkpoint of `{origin}` that this witness cosigned: restore it, or make a new key and tell its servers",
                    file.display()
                )
            };
            let checkpoint = opened.with_context(damaged)?;
            ensure!(
                own.find(&checkpoint).with_context(damaged)?.is_some(),
                damaged()
            );
            let (head, note) = (checkpoint.head(), request.checkpoint);
            last.insert(origin.to_owned(), Last { head, note });
        }
        Ok(Self {
            folder: folder.to_owned(),
            logs,
            cosigner,
            last: Mutex::new(last),
            _lock: lock,
        })
    }

    /// The key that others verify with.
    pub(super) fn vkey(&self) -> String {
        self.cosigner.vkey()
    }

    /// Decides about a checkpoint, makes it durable, and only then yields its cosignature. Blocks on the disk.
    ///
    /// # Errors
    /// [`NotCosigned`]; nothing has left.
    pub(super) fn add(
        &self,
        request: &AddCheckpoint,
        time_s: u64,
    ) -> Result<Cosigned, NotCosigned> {
        let key = self.logs.key(request).map_err(NotCosigned::Refused)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = key.origin().as_str();
        let known = last.get(origin).map(|last| last.head);
        let accepted = judge(known.as_ref(), key, request).map_err(NotCosigned::Refused)?;
        let cosigned = accepted.cosign(&self.cosigner, time_s);
        self.write(&origin_hash(origin), &cosigned.note)
            .map_err(NotCosigned::Unwritten)?;
        let (head, note) = (accepted.checkpoint.head(), cosigned.note.clone());
        last.insert(origin.to_owned(), Last { head, note });
        Ok(cosigned)
    }

    /// The checkpoint cosigned last of the log whose name has this hash.
    pub(super) fn newest(&self, hash: &str) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(origin, last): (&String, &Last)| {
            (origin_hash(origin) == hash).then(|| last.note.clone())
        };
        last.iter().find_map(of)
    }

    fn write(&self, name: &str, note: &str) -> io::Result<()> {
        crate::data::replace(&self.folder, name, note.as_bytes())
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options
        .open(&path)
        .with_context(|| format!("could not open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another witness uses the state in `{}`: two would cosign past each other, so give each a folder of its own",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("could not lock `{}`", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{Signer, Tree, VerifierKey, tree::prove_consistency};

    fn signer() -> Signer {
        Signer::from_seed("example.com/remit".parse().unwrap(), &[1; 32])
    }

    fn cosigner(seed: u8) -> Cosigner {
        Cosigner::from_seed("witness.example/w1".parse().unwrap(), &[seed; 32])
    }

    fn logs() -> WatchedLogs {
        WatchedLogs::new(vec![VerifierKey::parse(&signer().vkey()).unwrap()]).unwrap()
    }

    fn open(folder: &Path) -> Result<State> {
        State::open(folder, logs(), cosigner(9))
    }

    /// Continues the log named `name` from `old` to `new` entries.
    fn request(name: &str, old: u64, new: u64) -> AddCheckpoint {
        let (mut tree, mut stored) = (Tree::new(), Vec::new());
        for n in 0..new {
            let entry = format!("{name}/{n}");
            stored.extend(tree.append(entry.as_bytes()).iter().map(|one| one.hash));
        }
        AddCheckpoint {
            old,
            proof: prove_consistency(&stored, old, new).unwrap(),
            checkpoint: signer().sign(&tree.head()),
        }
    }

    fn told(result: Result<Cosigned, NotCosigned>) -> String {
        match result {
            Ok(_) => "cosigned".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_was_cosigned_is_remembered_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let state = open(folder.path()).unwrap();
        assert_eq!(told(state.add(&request("a", 0, 5), 1)), "cosigned");
        assert_eq!(told(state.add(&request("a", 5, 9), 2)), "cosigned");
        drop(state);
        let state = open(folder.path()).unwrap();
        let kept = state.newest(&origin_hash("example.com/remit")).unwrap();
        assert!(kept.starts_with("example.com/remit\n9\n"), "{kept}");
        assert_eq!(
            told(state.add(&request("a", 5, 7), 3)),
            "the head cosigned last has 9 entries, and the request starts from 5"
        );
        assert_eq!(
            told(state.add(&request("b", 9, 12), 3)),
            "the checkpoint is not proved to continue the head of 9 entries cosigned last"
        );
        assert_eq!(state.newest(&origin_hash("another")), None);
    }

    /// A crash between writing beside and putting in place leaves a file of another name.
    #[test]
    fn what_a_crash_left_beside_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let state = open(folder.path()).unwrap();
        state.add(&request("a", 0, 5), 1).unwrap();
        drop(state);
        let name = origin_hash("example.com/remit");
        let beside = folder.path().join(format!("{name}.new"));
        fs::write(&beside, "half a check").unwrap();
        let state = open(folder.path()).unwrap();
        assert_eq!(told(state.add(&request("a", 5, 6), 2)), "cosigned");
        assert!(!beside.exists());
    }

    #[test]
    fn nothing_leaves_that_could_not_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let state = open(folder.path()).unwrap();
        state.add(&request("a", 0, 5), 1).unwrap();
        // a folder in the way of the file that is written beside
        let name = origin_hash("example.com/remit");
        let blocked = folder.path().join(format!("{name}.new"));
        fs::create_dir(&blocked).unwrap();
        assert_eq!(
            told(state.add(&request("a", 5, 6), 2)),
            "the new head could not be made durable"
        );
        fs::remove_dir(&blocked).unwrap();
        assert_eq!(told(state.add(&request("a", 5, 6), 3)), "cosigned");
    }

    #[test]
    fn two_witnesses_on_one_state_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _first = open(folder.path()).unwrap();
        assert_eq!(
            open(folder.path()).unwrap_err().to_string(),
            format!(
                "another witness uses the state in `{}`: two would cosign past each other, so give each a folder of its own",
                folder.path().display()
            )
        );
    }

    #[test]
    fn a_state_that_was_altered_or_is_anothers_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = open(folder.path()).unwrap();
        state.add(&request("a", 0, 5), 1).unwrap();
        drop(state);
        let file = folder.path().join(origin_hash("example.com/remit"));
        let expected = format!(
            "`{}` is not the checkpoint of `example.com/remit` that this witness cosigned: restore it, or make a new key and tell its servers",
            file.display()
        );
        let another = State::open(folder.path(), logs(), cosigner(8)).unwrap_err();
        assert_eq!(another.to_string(), expected);
        let bare = signer().sign(&Tree::new().head());
        fs::write(&file, bare).unwrap();
        assert_eq!(open(folder.path()).unwrap_err().to_string(), expected);
        fs::write(&file, "example.com/remit\n").unwrap();
        assert_eq!(open(folder.path()).unwrap_err().to_string(), expected);
    }
}

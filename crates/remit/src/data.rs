//! The data folder: the log, the person keys, the projections, snapshots, the reserve, and this server's own secrets. One process writes it.
use anyhow::{Context, Result, ensure};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use engine::ports::Random;
use ledger::checkpoint::{Origin, Signer};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The newest checkpoint that witnesses cosigned.
const COSIGNED: &str = "cosigned";

/// The file of the key that signs checkpoints.
const CHECKPOINT_KEY: &str = "checkpoint.key";

/// The file of its public half.
const VKEY: &str = "vkey";

/// A data folder.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    folder: PathBuf,
}

impl Data {
    /// The folder at `path`, made if there is none, for its owner alone.
    ///
    /// # Errors
    /// If it can't be made.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        make_folder(path)
            .with_context(|| format!("could not make the data folder `{}`", path.display()))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("could not keep others out of `{}`", path.display()))?;
        }
        Ok(Self {
            folder: path.to_owned(),
        })
    }

    /// The folder at `path`, which must hold a log.
    ///
    /// # Errors
    /// If it doesn't.
    pub(crate) fn existing(path: &Path) -> Result<Self> {
        let data = Self {
            folder: path.to_owned(),
        };
        ensure!(
            data.log().exists(),
            "`{}` is no data folder: it has no `log.db`",
            path.display()
        );
        Ok(data)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log.db")
    }

    /// The person keys.
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys.db")
    }

    /// The projections.
    pub(crate) fn views(&self) -> PathBuf {
        self.folder.join("views.db")
    }

    /// The snapshots.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.folder.join("snapshots")
    }

    /// The newest checkpoint that a quorum of witnesses cosigned, if there is one.
    ///
    /// # Errors
    /// If it is there and can't be read.
    pub(crate) fn cosigned(&self) -> Result<Option<String>> {
        let path = self.folder.join(COSIGNED);
        match fs::read_to_string(&path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(error).with_context(|| format!("could not read `{}`", path.display()))
            }
        }
    }

    /// Keeps a checkpoint that a quorum of witnesses cosigned; durable once this returns.
    ///
    /// # Errors
    /// If it could not be made durable.
    pub(crate) fn keep_cosigned(&self, note: &str) -> std::io::Result<()> {
        replace(&self.folder, COSIGNED, note.as_bytes())
    }

    /// Signs checkpoints; the key is made at the first start.
    ///
    /// # Errors
    /// If the key can't be read or made.
    pub(crate) fn signer(&self, origin: &str, random: &dyn Random) -> Result<Signer> {
        let seed = self.secret(CHECKPOINT_KEY, random)?;
        let origin = origin
            .parse::<Origin>()
            .with_context(|| format!("`{origin}` is not a name for a log"))?;
        Ok(Signer::from_seed(origin, &seed))
    }

    /// Whether there is a key that signs checkpoints.
    pub(crate) fn has_checkpoint_key(&self) -> bool {
        self.folder.join(CHECKPOINT_KEY).exists()
    }

    /// The key that signs checkpoints, which must be there.
    ///
    /// # Errors
    /// If it isn't, or can't be read.
    pub(crate) fn checkpoint_key(&self) -> Result<Zeroizing<[u8; 32]>> {
        ensure!(
            self.has_checkpoint_key(),
            "`{}` has no `{CHECKPOINT_KEY}`",
            self.folder.display()
        );
        // it is there, so no random bits are asked for
        self.secret(CHECKPOINT_KEY, &crate::ports::MachineRandom)
    }

    /// The key that signs access tokens, as PKCS #8 PEM.
    ///
    /// # Errors
    /// If the key can't be read or made.
    pub(crate) fn token_key(&self, random: &dyn Random) -> Result<Zeroizing<String>> {
        let seed = self.secret("tokens.key", random)?;
        // version 1 of PKCS #8, without the public half: every reader knows it (RFC 8410 §7)
        let pair = ed25519_dalek::pkcs8::KeypairBytes {
            secret_key: *seed,
            public_key: None,
        };
        pair.to_pkcs8_pem(ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF)
            .context("could not write the key that signs tokens")
    }

    /// The key behind Node-RED tokens.
    ///
    /// # Errors
    /// If the key can't be read or made.
    pub(crate) fn node_red_key(&self, random: &dyn Random) -> Result<Zeroizing<[u8; 64]>> {
        self.secret("node-red.key", random)
    }

    /// The public half of the key that signs checkpoints, for a log of that name; none if there is no key yet.
    ///
    /// # Errors
    /// If the key is there and can't be read, or is damaged.
    pub(crate) fn signs_as(&self, origin: &Origin) -> Result<Option<String>> {
        let path = self.folder.join(CHECKPOINT_KEY);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = fs::read(&path).map(Zeroizing::new);
        let bytes = bytes.with_context(|| format!("could not read `{}`", path.display()))?;
        let seed: &[u8; 32] = bytes.as_slice().try_into().with_context(|| {
            format!(
                "`{}` is damaged: it has {} bytes instead of 32",
                path.display(),
                bytes.len()
            )
        })?;
        Ok(Some(Signer::from_seed(origin.clone(), seed).vkey()))
    }

    /// Writes the checkpoint key's public half beside the data, for whoever verifies.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn publish_vkey(&self, vkey: &str) -> Result<PathBuf> {
        let path = self.folder.join(VKEY);
        let text = format!("{vkey}\n");
        // a start on a full disk has nothing to write
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(path);
        }
        replace(&self.folder, VKEY, text.as_bytes())
            .with_context(|| format!("could not write `{}`", path.display()))?;
        Ok(path)
    }

    /// `N` secret bytes kept in `name`, made durable before they are first used.
    fn secret<const N: usize>(
        &self,
        name: &str,
        random: &dyn Random,
    ) -> Result<Zeroizing<[u8; N]>> {
        let path = self.folder.join(name);
        let mut bytes = Zeroizing::new([0; N]);
        match fs::read(&path) {
            Ok(found) => {
                let found = Zeroizing::new(found);
                ensure!(
                    found.len() == N,
                    "`{}` is damaged: it has {} bytes instead of {N}",
                    path.display(),
                    found.len()
                );
                bytes.copy_from_slice(&found);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                random.fill(bytes.as_mut());
                write_secret(&path, bytes.as_ref())
                    .with_context(|| format!("could not write `{}`", path.display()))?;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("could not read `{}`", path.display()));
            }
        }
        Ok(bytes)
    }
}

/// Puts `bytes` in the place of the file `name` in `folder`: after a crash there is the old content or the new, whole, and once this
/// returns it is the new.
///
/// # Errors
/// If it could not be made durable; the old content or the new is there.
pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let beside = folder.join(format!("{name}.new"));
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}

/// Writes a new file for its owner alone: after a crash it is there whole or not at all, and once this returns it stays.
///
/// # Errors
/// If it is there already or can't be made durable.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    // two processes may be at it at a time
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    // a link, unlike another name, is never put in the place of a file that is there
    let written = write_private(beside, bytes).and_then(|()| fs::hard_link(beside, path));
    let removed = fs::remove_file(beside);
    written.and(removed)?;
    sync_folder_of(path)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder, and those it lies in, unless they are there; a power cut leaves them there once this returns.
///
/// # Errors
/// If one of them can't be made durable.
pub(crate) fn make_folder(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_folder(&named(above))?;
    }
    match fs::create_dir(path) {
        // another process was quicker
        Err(_) if path.is_dir() => {}
        made => made?,
    }
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    fs::File::open(named(path.parent().unwrap_or(path)))?.sync_all()
}

/// The folder of a bare name is the one that the process is in.
fn named(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Counting;
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        }
    }

    #[test]
    fn secrets_are_made_once_and_kept_for_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(&folder.path().join("d")).unwrap();
        let first = data.node_red_key(&Counting).unwrap();
        let again = data.node_red_key(&crate::ports::MachineRandom).unwrap();
        assert_eq!(first, again);
        let path = folder.path().join("d/node-red.key");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::write(&path, b"short").unwrap();
        let error = data.node_red_key(&Counting).unwrap_err().to_string();
        assert!(
            error.ends_with("is damaged: it has 5 bytes instead of 64"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_a_log_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let error = Data::existing(folder.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "`{}` is no data folder: it has no `log.db`",
                folder.path().display()
            )
        );
    }
}

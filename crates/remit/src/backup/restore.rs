//! A data folder made from a backup. Everything is checked before anything is written, and the folder gets its name when it is whole.
//! The log in it says that it is a copy, so a server that starts on it begins with a quarantine.
use super::{LOG, Shown, check, digest_of, keys, parent, sync};
use crate::{
    data::{Data, write_secret},
    ledger_files::{self, Changed},
    output,
};
use anyhow::{Context, Result, ensure};
use ledger::checkpoint::{Signer, VerifierKey};
use std::{
    fs,
    path::{Path, PathBuf},
};
use store::SqliteKeys;

/// What is restored from where to where.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) backup: &'a Path,
    pub(super) data: &'a Path,
    pub(super) keys: &'a [PathBuf],
    pub(super) vkey: &'a Path,
}

/// Does it.
///
/// # Errors
/// If the folder holds something, the backup or the keys aren't as they were made, or don't belong together. Nothing is written then.
pub(super) fn run(wanted: &Wanted<'_>) -> Result<()> {
    let data = wanted.data;
    let free = match fs::symlink_metadata(data) {
        Ok(found) => found.is_dir() && fs::read_dir(data)?.next().is_none(),
        Err(_) => true,
    };
    ensure!(
        free,
        "`{}` holds something already: name a folder that is new or empty",
        data.display()
    );
    let key = ledger_files::read_key(wanted.vkey)?;
    let keys = keys::read_all(wanted.keys)?;
    let mut shown = Shown::default();
    let mut progress = |what, done, all| shown.tell(what, done, all);
    let manifest = check::backup(wanted.backup, &key, &mut progress)?;
    if let Some(keys) = &keys {
        signs(keys, wanted.backup, &key)?;
    }
    let folder = parent(data);
    let fresh = tempfile::Builder::new()
        .prefix(".remit-restore-")
        .tempdir_in(folder)
        .with_context(|| format!("could not write in `{}`", folder.display()))?;
    let made = Data::open(fresh.path())?;
    let log = made.log();
    fs::copy(wanted.backup.join(LOG), &log).context("could not write the log")?;
    let part = manifest.parts.iter().find(|part| part.name == LOG);
    let written = digest_of(&log, 0, &mut progress)?;
    // what was checked is what was written, whatever happened to the backup in between
    if part.is_none_or(|part| (part.bytes, part.sha256) != written) {
        return Err(Changed("the backup changed while it was restored".to_owned()).into());
    }
    private(&log)?;
    made.publish_vkey(key.vkey())?;
    let mut has_keys = false;
    if let Some(keys) = keys {
        write_secret(
            &made.folder().join("checkpoint.key"),
            keys.checkpoint.as_ref(),
        )
        .context("could not write the key that signs the log")?;
        SqliteKeys::open(&made.keys())
            .context("could not make the person keys")?
            .fill(&keys.people)?;
        has_keys = true;
    }
    fs::File::open(&log)?.sync_all()?;
    sync(fresh.path())?;
    fs::rename(fresh.path(), data)
        .with_context(|| format!("could not name the data folder `{}`", data.display()))?;
    let _ = fresh.keep();
    sync(folder)?;
    shown.finish();
    tell(&manifest, data, has_keys);
    Ok(())
}

/// Whether the keys are those of the server whose log this is.
fn signs(keys: &keys::Keys, backup: &Path, key: &VerifierKey) -> Result<()> {
    let note = fs::read_to_string(backup.join(super::CHECKPOINT))?;
    let origin = key.open(&note)?.origin;
    ensure!(
        Signer::from_seed(origin, &keys.checkpoint).vkey() == key.vkey(),
        "the keys are those of another log than the backup's"
    );
    Ok(())
}

fn private(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))
            .with_context(|| format!("could not keep others out of `{}`", file.display()))?;
    }
    Ok(())
}

fn tell(manifest: &super::Manifest, data: &Path, has_keys: bool) {
    output::line(format_args!(
        "{} entries, root {}, restored to `{}`",
        manifest.entries,
        manifest.root,
        data.display()
    ));
    if has_keys {
        output::line(
            "a server that starts on it is in quarantine: `remit quarantine show` tells how far it is",
        );
    } else {
        output::line(
            "without keys it can be exported and verified; to serve it, restore it with `--keys FILE`",
        );
    }
}

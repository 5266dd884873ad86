//! `remit backup`: a copy of the log that can be checked without trusting whoever kept it, made while the server runs. The keys
//! that sign the log and open people's words are no part of it; they are kept apart, in a file of their own.
mod check;
mod keys;
mod restore;
mod sealed;
#[cfg(test)]
mod tests;

use crate::{data::Data, ledger_files, output, ports::MachineClock, server};
use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use engine::ports::Clock as _;
use indicatif::{ProgressBar, ProgressStyle};
use ledger::{checkpoint::VerifierKey, digest::Digest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};
use store::SqliteLog;

const FORMAT: &str = "remit-backup/1";
const MANIFEST: &str = "manifest";
const CHECKPOINT: &str = "checkpoint";
const LOG: &str = "log.db";

/// Backups of a data folder.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Write a backup; the server may be running
    Create {
        /// The data folder
        #[arg(long, env = "REMIT_DATA", value_name = "DIR")]
        data: PathBuf,
        /// A folder that is not there yet
        #[arg(long, value_name = "BACKUP")]
        out: PathBuf,
        /// Write the keys too, into this file, to be kept apart from the backup; an earlier file of keys is replaced
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Check a backup offline, to its last entry
    Verify {
        /// The backup
        #[arg(value_name = "BACKUP")]
        path: PathBuf,
        /// The log's public key, from somebody you trust (not from the backup)
        #[arg(long, value_name = "FILE")]
        vkey: PathBuf,
    },
    /// Make a data folder from a backup; a server that starts on it is in quarantine
    Restore {
        /// The backup
        #[arg(value_name = "BACKUP")]
        path: PathBuf,
        /// A folder that is new or empty
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// A file of keys; several are put together, and whoever was erased by one of them stays erased
        #[arg(long, value_name = "FILE")]
        keys: Vec<PathBuf>,
        /// The log's public key, from somebody you trust (not from the backup)
        #[arg(long, value_name = "FILE")]
        vkey: PathBuf,
    },
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    /// The version that made it.
    engine: String,
    /// Milliseconds since the Unix epoch.
    made_at: i64,
    entries: u64,
    root: Digest,
    parts: Vec<Part>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    bytes: u64,
    sha256: Digest,
}

/// Does it.
///
/// # Errors
/// If a file can't be read or written, or a backup isn't as it was made.
pub(crate) fn run(command: BackupCommand) -> Result<()> {
    match command {
        BackupCommand::Create { data, out, keys } => {
            create(&Data::existing(&data)?, &out, keys.as_deref())
        }
        BackupCommand::Verify { path, vkey } => verify(&path, &vkey),
        BackupCommand::Restore {
            path,
            data,
            keys,
            vkey,
        } => restore::run(&restore::Wanted {
            backup: &path,
            data: &data,
            keys: &keys,
            vkey: &vkey,
        }),
    }
}

fn create(data: &Data, out: &Path, keys: Option<&Path>) -> Result<()> {
    ensure!(
        fs::symlink_metadata(out).is_err(),
        "`{}` is there already: name a backup that is new",
        out.display()
    );
    let head = SqliteLog::read(&data.log())
        .context("could not open the log")?
        .head()?;
    ensure!(
        head.tree.size > 0,
        "the log has no entries: there is nothing to back up"
    );
    let vkey = fs::read_to_string(data.folder().join("vkey"))
        .context("could not read the log's public key")?;
    let key = VerifierKey::parse(vkey.trim()).context("the log's public key is damaged")?;
    let folder = parent(out);
    // under a name of its own until it is whole, and removed if this fails
    let fresh = tempfile::Builder::new()
        .prefix(".remit-backup-")
        .tempdir_in(folder)
        .with_context(|| format!("could not write in `{}`", folder.display()))?;
    let mut shown = Shown::default();
    let manifest = fill(data, fresh.path(), &mut |what, done, all| {
        shown.tell(what, done, all);
    })?;
    // what can't be restored is no backup, so it is read again before it gets its name
    check::backup(fresh.path(), &key, &mut |what, done, all| {
        shown.tell(what, done, all);
    })
    .context("the copy does not verify: the log itself may be damaged")?;
    shown.finish();
    if let Some(keys) = keys {
        keys::write(data, keys)?;
    }
    sync(fresh.path())?;
    fs::rename(fresh.path(), out)
        .with_context(|| format!("could not name the backup `{}`", out.display()))?;
    // it has its name now: nothing is left to be removed
    let _ = fresh.keep();
    sync(folder)?;
    output::line(format_args!(
        "{} entries, root {}, backed up to `{}`",
        manifest.entries,
        manifest.root,
        out.display()
    ));
    if let Some(keys) = keys {
        output::line(format_args!(
            "the keys are in `{}`: keep that file elsewhere, and only the newest",
            keys.display()
        ));
    }
    Ok(())
}

/// Writes all parts, then the manifest.
fn fill(data: &Data, folder: &Path, progress: check::Progress<'_>) -> Result<Manifest> {
    let log = folder.join(LOG);
    SqliteLog::copy(&data.log(), &log, &mut |done, all| {
        progress("pages", done, all);
    })
    .context("could not copy the log")?;
    let head = SqliteLog::read(&log)?.head()?;
    fs::write(folder.join(CHECKPOINT), &head.checkpoint)?;
    let mut parts = Vec::new();
    for name in [CHECKPOINT, LOG] {
        let path = folder.join(name);
        let (bytes, sha256) = digest_of(&path, fs::metadata(&path)?.len(), progress)?;
        fs::File::open(&path)?.sync_all()?;
        parts.push(Part {
            name: name.to_owned(),
            bytes,
            sha256,
        });
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        engine: server::VERSION.to_owned(),
        made_at: MachineClock::start().wall().0,
        entries: head.tree.size,
        root: head.tree.root,
        parts,
    };
    let path = folder.join(MANIFEST);
    fs::write(&path, sealed::write(&manifest)?.as_bytes())?;
    fs::File::open(&path)?.sync_all()?;
    Ok(manifest)
}

fn verify(path: &Path, key: &Path) -> Result<()> {
    let key = ledger_files::read_key(key)?;
    let mut shown = Shown::default();
    let checked = check::backup(path, &key, &mut |what, done, all| {
        shown.tell(what, done, all);
    });
    shown.finish();
    let manifest = checked?;
    output::line(format_args!(
        "{} entries are genuine, root {}; made {} by {}",
        manifest.entries,
        manifest.root,
        jiff::Timestamp::from_millisecond(manifest.made_at)
            .map_or_else(|_| "at an unknown time".to_owned(), |at| at.to_string()),
        manifest.engine.escape_default()
    ));
    Ok(())
}

/// Length and SHA-256 of a file of about `expected` bytes, read piece by piece.
fn digest_of(path: &Path, expected: u64, progress: check::Progress<'_>) -> Result<(u64, Digest)> {
    let failed = || format!("could not read `{}`", path.display());
    let mut file = fs::File::open(path).with_context(failed)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0_u64, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece).with_context(failed)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        bytes += u64::try_from(read.len())?;
        progress("bytes", bytes, expected);
    }
    Ok((bytes, Digest::from_bytes(hash.finalize().into())))
}

/// The folder that `path` lies in.
fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> Result<()> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("could not make `{}` durable", folder.display()))
}

/// How it goes: a bar on a terminal, else a line for each quarter of the way.
#[derive(Default)]
struct Shown {
    bar: Option<ProgressBar>,
    what: &'static str,
    quarter: u64,
}

impl Shown {
    fn tell(&mut self, what: &'static str, done: u64, all: u64) {
        if what != self.what {
            self.what = what;
            self.quarter = 0;
        }
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(bar);
            bar.set_message(what);
            bar.set_length(all);
            bar.set_position(done);
            return;
        }
        let quarter = done.saturating_mul(4).checked_div(all).unwrap_or(4);
        if quarter > self.quarter {
            self.quarter = quarter;
            output::note(format_args!("{done} of {all} {what}"));
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

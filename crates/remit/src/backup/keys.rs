//! What is kept apart from a backup: the key that signs the log, and the keys that open people's words. Whoever has this file and
//! a backup can read everything and go on as this server; so it is written for its owner alone, and never into the backup.
use super::sealed;
use crate::{data::Data, ledger_files::Changed};
use anyhow::{Context, Result, bail, ensure};
use domain::time::Timestamp;
use ledger::{body::PersonKey, digest::Digest};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use store::{KeyCopy, SqliteKeys};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const FORMAT: &str = "remit-keys/1";

/// A key in hexadecimal; wiped from memory when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Hex(String);

/// The file, as written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    checkpoint_key: Hex,
    person_keys: BTreeMap<String, Hex>,
    erased: BTreeMap<String, i64>,
}

/// Keys that were read.
#[derive(Debug)]
pub(super) struct Keys {
    /// Signs the log.
    pub(super) checkpoint: Zeroizing<[u8; 32]>,
    /// Open people's words.
    pub(super) people: KeyCopy,
}

/// Writes the keys of a data folder, which may be in use, to `path`; an earlier file of keys there is replaced.
///
/// # Errors
/// If they can't be read or written; an earlier file is then as it was.
pub(super) fn write(data: &Data, path: &Path) -> Result<()> {
    let checkpoint = data.checkpoint_key()?;
    let mut people = SqliteKeys::open(&data.keys())
        .context("could not open the person keys")?
        .copy()?;
    if path.exists() {
        // replaced, so that no key lives on in an older file of keys after its person was erased; but nothing else ever is
        let shown = path.display();
        let earlier =
            read(path).with_context(|| format!("`{shown}` is there and is no file of keys"))?;
        ensure!(
            earlier.checkpoint == checkpoint,
            "`{shown}` holds the keys of another log: name another file"
        );
        for (subject, at) in earlier.people.erased() {
            people.erase(subject.to_owned(), at);
        }
    }
    let file = File {
        format: FORMAT.to_owned(),
        checkpoint_key: hex(&checkpoint),
        person_keys: people
            .keys()
            .map(|(subject, key)| (subject.to_owned(), hex(key.expose())))
            .collect(),
        erased: people
            .erased()
            .map(|(subject, at)| (subject.to_owned(), at.0))
            .collect(),
    };
    let folder = super::parent(path);
    // for its owner alone from its first byte on
    let mut fresh = tempfile::Builder::new()
        .prefix(".remit-keys-")
        .tempfile_in(folder)
        .with_context(|| format!("could not write in `{}`", folder.display()))?;
    let written = fresh
        .write_all(sealed::write(&file)?.as_bytes())
        .and_then(|()| fresh.as_file().sync_all())
        .and_then(|()| fresh.persist(path).map_err(|error| error.error))
        .and_then(|_| fs::File::open(folder)?.sync_all());
    written.with_context(|| format!("could not write `{}`", path.display()))
}

/// The keys in one file.
///
/// # Errors
/// [`Changed`] if the file isn't as it was written.
pub(super) fn read(path: &Path) -> Result<Keys> {
    let file: File = sealed::read(path)?;
    let shown = path.display();
    ensure!(
        file.format == FORMAT,
        "`{shown}` is of format `{}` and this release reads `{FORMAT}`",
        file.format.escape_default()
    );
    let key = |hex: &Hex| {
        hex.0
            .parse::<Digest>()
            .map(|digest| Zeroizing::new(*digest.as_bytes()))
            .map_err(|_| Changed(format!("`{shown}` holds a key that is none")))
    };
    let mut people = KeyCopy::default();
    for (subject, at) in file.erased {
        people.erase(subject, Timestamp(at));
    }
    for (subject, hex) in file.person_keys {
        people.add(subject, PersonKey::from_bytes(*key(&hex)?));
    }
    Ok(Keys {
        checkpoint: key(&file.checkpoint_key)?,
        people,
    })
}

/// The keys in several files together: whoever was erased by one of them is erased.
///
/// # Errors
/// As [`read`]; or if they sign different logs, or there are none.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<Option<Keys>> {
    let mut all: Option<Keys> = None;
    for path in paths {
        let keys = read(path)?;
        match &mut all {
            None => all = Some(keys),
            Some(all) if all.checkpoint == keys.checkpoint => all.people.merge(keys.people),
            Some(_) => bail!(
                "`{}` holds the keys of another log than the files before it",
                path.display()
            ),
        }
    }
    Ok(all)
}

fn hex(bytes: &[u8; 32]) -> Hex {
    Hex(Digest::from_bytes(*bytes).to_string())
}

//! Whether a backup is whole and genuine, by the key that the reader brings: every part by its digest, every entry by its place in
//! the tree, the tree by the signature, words and large inputs by what the entries say of them.
use super::{CHECKPOINT, LOG, MANIFEST, Manifest, Part, digest_of, sealed};
use crate::ledger_files::Changed;
use anyhow::{Context, Result, ensure};
use engine::{
    chain,
    ports::{Head, LogReader},
};
use ledger::{
    checkpoint::VerifierKey,
    digest::Digest,
    leaf::Leaf,
    tree::{StoredHash, Tree},
};
use std::{collections::BTreeSet, fs, path::Path};
use store::SqliteLog;

/// Entries that are read at a time.
const READ_AT_ONCE: usize = 1_000;

/// Tells how many of how many things of a kind are done.
pub(super) type Progress<'a> = &'a mut dyn FnMut(&'static str, u64, u64);

/// Checks the backup in `folder`.
///
/// # Errors
/// [`Changed`] names the first thing that isn't as it was; else if a file can't be read.
pub(super) fn backup(folder: &Path, key: &VerifierKey, progress: Progress<'_>) -> Result<Manifest> {
    ensure!(
        folder.join(MANIFEST).is_file(),
        "`{}` is no backup: it has no `{MANIFEST}`",
        folder.display()
    );
    let manifest: Manifest = sealed::read(&folder.join(MANIFEST))?;
    ensure!(
        manifest.format == super::FORMAT,
        "this backup is of format `{}` and this release reads `{}`",
        manifest.format.escape_default(),
        super::FORMAT
    );
    only_its_own(folder, &manifest)?;
    for part in &manifest.parts {
        whole(folder, part, progress)?;
    }
    log(folder, &manifest, key, progress)?;
    Ok(manifest)
}

/// A file that isn't named might be read all the same: SQLite takes up a write-ahead file that lies beside a database.
fn only_its_own(folder: &Path, manifest: &Manifest) -> Result<()> {
    let named: BTreeSet<&str> = manifest
        .parts
        .iter()
        .map(|part| part.name.as_str())
        .collect();
    let expected = BTreeSet::from([LOG, CHECKPOINT]);
    if named != expected || manifest.parts.len() != expected.len() {
        return Err(Changed(format!("`{MANIFEST}` does not name the parts of a backup")).into());
    }
    for entry in
        fs::read_dir(folder).with_context(|| format!("could not list `{}`", folder.display()))?
    {
        let entry = entry?;
        let name = entry.file_name();
        let known = name
            .to_str()
            .is_some_and(|name| name == MANIFEST || named.contains(name));
        if !known || !entry.file_type()?.is_file() {
            return Err(Changed(format!("`{}` is not of this backup", name.display())).into());
        }
    }
    Ok(())
}

fn whole(folder: &Path, part: &Part, progress: Progress<'_>) -> Result<()> {
    let path = folder.join(&part.name);
    let (bytes, sha256) = digest_of(&path, part.bytes, progress)?;
    if bytes != part.bytes {
        return Err(Changed(format!(
            "`{}` has {bytes} bytes instead of {}",
            part.name, part.bytes
        ))
        .into());
    }
    if sha256 != part.sha256 {
        return Err(Changed(format!("`{}` is not as it was written", part.name)).into());
    }
    Ok(())
}

fn log(
    folder: &Path,
    manifest: &Manifest,
    key: &VerifierKey,
    progress: Progress<'_>,
) -> Result<()> {
    let note = fs::read_to_string(folder.join(CHECKPOINT))
        .map_err(|error| Changed(format!("`{CHECKPOINT}` can't be read: {error}")))?;
    let signed = key
        .open(&note)
        .map_err(|error| Changed(format!("`{CHECKPOINT}`: {}", chain(&error))))?;
    let reader = SqliteLog::read(&folder.join(LOG)).map_err(|error| Changed(chain(&error)))?;
    let Head { tree, checkpoint } = reader.head().map_err(|error| Changed(chain(&error)))?;
    let same = checkpoint == note
        && (tree.size, tree.root) == (signed.size, signed.root)
        && (tree.size, tree.root) == (manifest.entries, manifest.root);
    if !same {
        return Err(Changed(format!(
            "`{CHECKPOINT}`, `{MANIFEST}` and the head of the log in `{LOG}` do not speak of the same head"
        ))
        .into());
    }
    let copied = SqliteLog::copied(&folder.join(LOG)).map_err(|error| Changed(chain(&error)))?;
    if copied != Some(tree.size) {
        return Err(Changed(format!("the log in `{LOG}` does not say that it is a copy")).into());
    }
    entries(reader.as_ref(), tree.size, tree.root, progress)
}

fn entries(reader: &dyn LogReader, size: u64, root: Digest, progress: Progress<'_>) -> Result<()> {
    let mut tree = Tree::new();
    while tree.size() < size {
        let leaves = reader
            .leaves(tree.size(), READ_AT_ONCE)
            .map_err(|error| Changed(chain(&error)))?;
        if leaves.is_empty() {
            return Err(Changed(format!("the log ends before entry {}", tree.size())).into());
        }
        for leaf in leaves {
            let entry = tree.size();
            entry_is_genuine(reader, entry, &leaf, &tree.append(&leaf))
                .map_err(|what| Changed(format!("entry {entry}: {what}")))?;
        }
        progress("entries", tree.size(), size);
    }
    if tree.head().root != root || tree.size() != size {
        return Err(Changed("the entries do not hash to the signed root".to_owned()).into());
    }
    Ok(())
}

fn entry_is_genuine(
    reader: &dyn LogReader,
    entry: u64,
    bytes: &[u8],
    nodes: &[StoredHash],
) -> Result<(), String> {
    let leaf = Leaf::decode(bytes).map_err(|error| chain(&error))?;
    let places: Vec<u64> = nodes.iter().map(|node| node.index).collect();
    let stored = reader.hashes(&places).map_err(|error| chain(&error))?;
    if !nodes.iter().map(|node| node.hash).eq(stored) {
        return Err(format!(
            "its nodes in the tree are others than entry {entry} makes"
        ));
    }
    for named in leaf.bodies().map_err(|error| chain(&error))? {
        // a body may be gone, never changed
        if let Some(body) = reader
            .body(&named.commitment)
            .map_err(|error| chain(&error))?
        {
            body.check().map_err(|error| chain(&error))?;
            if body.subject != named.subject {
                return Err("a body belongs to somebody else".to_owned());
            }
        }
    }
    for digest in leaf.blobs().map_err(|error| chain(&error))? {
        let blob = reader.blob(&digest).map_err(|error| chain(&error))?;
        if blob.is_none_or(|blob| Digest::of(&blob) != digest) {
            return Err(format!("its large input {digest} is missing or changed"));
        }
    }
    Ok(())
}

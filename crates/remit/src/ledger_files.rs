//! `remit ledger export | verify | replay`: the log as files that anybody can check without this server, and the checking itself.
use crate::{
    config,
    data::Data,
    output,
    render::{Screen, views},
    server,
};
use anyhow::{Context, Result, bail, ensure};
use domain::{state::State, time::Timestamp};
use engine::{chain, export::Words};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::{
    Checkpoint, Quorum, Receipt, WitnessKey,
    checkpoint::VerifierKey,
    digest::Digest,
    export::{self, FileError, Files},
    proof_file,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    thread,
};
use store::{SqliteKeys, SqliteLog};

/// Whether bodies leave readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bodies {
    /// Still encrypted: whoever gets the files can check them, not read people's words.
    Sealed,
    /// Opened: people's words are in the files.
    Opened,
}

/// Writes the log of a data folder, which may be in use, as files.
///
/// # Errors
/// If the folder isn't one, `out` holds something already, or a file can't be written.
pub(crate) fn export(data: &Data, out: &Path, bodies: Bodies) -> Result<()> {
    let empty = !out.exists()
        || out
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        empty,
        "`{}` holds something already: name a folder that is new or empty",
        out.display()
    );
    let reader = SqliteLog::read(&data.log()).context("could not open the log")?;
    let keys = match bodies {
        Bodies::Sealed => None,
        Bodies::Opened => {
            Some(SqliteKeys::open(&data.keys()).context("could not open the person keys")?)
        }
    };
    let words = keys
        .as_deref()
        .map_or(Words::Sealed, |keys| Words::Opened(keys));
    let vkey = fs::read_to_string(data.folder().join("vkey"))
        .context("could not read the log's public key")?;
    // first: read before the head, it is never ahead of it, unless the log was set back
    if let Some(cosigned) = data.cosigned()? {
        write(out, export::COSIGNED, cosigned.as_bytes())
            .with_context(|| format!("could not write to `{}`", out.display()))?;
    }
    let bar = bar(0, "exporting");
    let mut checkpoint = String::new();
    let exported = engine::export::export(
        reader.as_ref(),
        &words,
        vkey.trim(),
        &mut |path, bytes| {
            if path == export::CHECKPOINT {
                checkpoint = String::from_utf8_lossy(bytes).into_owned();
            }
            write(out, path, bytes)
        },
        &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        },
    )?;
    bar.finish_and_clear();
    let head = VerifierKey::parse(vkey.trim())?.open(&checkpoint)?;
    output::line(format_args!(
        "{} entries, root {}, written to `{}`",
        exported.entries,
        head.root,
        out.display()
    ));
    Ok(())
}

fn write(out: &Path, path: &str, bytes: &[u8]) -> std::io::Result<()> {
    let file = out.join(path);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, bytes)
}

/// An exported folder on disk; links are refused, because they lead out of it.
struct Folder {
    root: PathBuf,
    paths: BTreeSet<String>,
}

impl Folder {
    fn open(root: &Path) -> Result<Self> {
        ensure!(root.is_dir(), "`{}` is no folder", root.display());
        let mut paths = BTreeSet::new();
        walk(root, root, &mut paths)?;
        Ok(Self {
            root: root.to_owned(),
            paths,
        })
    }
}

fn walk(root: &Path, folder: &Path, paths: &mut BTreeSet<String>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("could not list `{}`", folder.display()))?
    {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            walk(root, &path, paths)?;
            continue;
        }
        ensure!(
            kind.is_file(),
            "`{}` is neither a file nor a folder: an export has no links",
            path.display()
        );
        let name = path
            .strip_prefix(root)?
            .to_str()
            .with_context(|| format!("`{}` is no name of an export's file", path.display()))?;
        paths.insert(name.to_owned());
    }
    Ok(())
}

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside || !self.paths.contains(path) {
            return Ok(None);
        }
        fs::read(self.root.join(path))
            .map(Some)
            .map_err(|error| FileError {
                path: path.to_owned(),
                reason: error.to_string(),
            })
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self
            .paths
            .iter()
            .filter(|path| path.starts_with(prefix))
            .cloned()
            .collect())
    }
}

/// The key that a reader trusts, from a file they were given by somebody else than the export.
///
/// # Errors
/// If the file isn't a verifier key.
pub(crate) fn read_key(path: &Path) -> Result<VerifierKey> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("could not read the key in `{}`", path.display()))?;
    VerifierKey::parse(text.trim()).with_context(|| {
        format!(
            "`{}` holds no verifier key (C2SP signed-note: NAME+HASH+KEY)",
            path.display()
        )
    })
}

/// The outcome of a check that found evidence changed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Changed(pub String);

/// The witnesses that a reader trusts, each by a file with its verifier key, and how many of them must have cosigned: all, if no number
/// is given. None without files.
///
/// # Errors
/// If a file isn't a witness's key, or the number can't be had.
pub(crate) fn read_quorum(files: &[PathBuf], needed: Option<usize>) -> Result<Option<Quorum>> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut witnesses = Vec::new();
    for file in files {
        let text = fs::read_to_string(file)
            .with_context(|| format!("could not read the witness's key in `{}`", file.display()))?;
        let key = WitnessKey::parse(&text)
            .with_context(|| format!("`{}` can't be used", file.display()))?;
        witnesses.push(key);
    }
    let needed = needed.unwrap_or(witnesses.len());
    Ok(Some(Quorum::new(witnesses, needed)?))
}

/// What witnesses say of a checkpoint, in words.
fn witnessed(quorum: &Quorum, checkpoint: &Checkpoint) -> Result<String> {
    let cosignatures = quorum
        .check(checkpoint)
        .map_err(|error| Changed(format!("not witnessed as you ask: {}", chain(&error))))?;
    let each = cosignatures.iter().map(|cosignature| {
        let at = i64::try_from(cosignature.time).ok();
        let at = at.and_then(|at| jiff::Timestamp::from_second(at).ok());
        let at = at.map_or_else(|| cosignature.time.to_string(), |at| at.to_string());
        format!("{} at {at}", cosignature.witness)
    });
    let each: Vec<String> = each.collect();
    Ok(format!(
        "the first {} entries are cosigned by {} of {} witnesses: {}",
        checkpoint.size,
        each.len(),
        quorum.witnesses().len(),
        each.join(", ")
    ))
}

/// Checks an exported folder or a `.tlog-proof` file, and who witnessed it.
///
/// # Errors
/// [`Changed`] names the first bad file or entry, or the witnesses that are missing.
pub(crate) fn verify(path: &Path, key: &Path, quorum: Option<&Quorum>) -> Result<()> {
    let key = read_key(key)?;
    if path.is_file() {
        return verify_proof(path, &key, quorum);
    }
    let folder = Folder::open(path)?;
    let verified = check(&folder, &key)?;
    let witnessed = match (quorum, &verified.cosigned) {
        (None, _) => None,
        (Some(quorum), Some(cosigned)) => Some(witnessed(quorum, cosigned)?),
        (Some(_), None) => {
            return Err(Changed(
                "not witnessed: the export has no file `cosigned`, so no witness has seen this log"
                    .to_owned(),
            )
            .into());
        }
    };
    output::line(format_args!(
        "{} entries are genuine, root {}; bodies: {} there, {} erased, {} missing; {} blobs",
        verified.size,
        verified.root,
        verified.bodies_present,
        verified.bodies_erased,
        verified.bodies_missing,
        verified.blobs
    ));
    if let Some(witnessed) = witnessed {
        output::line(witnessed);
    }
    Ok(())
}

fn verify_proof(path: &Path, key: &VerifierKey, quorum: Option<&Quorum>) -> Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))?;
    let proven = proof_file::verify_proof_file(&text, None, key).map_err(|error| {
        Changed(format!(
            "`{}` does not match the log: {}",
            path.display(),
            chain(&error)
        ))
    })?;
    let witnessed = quorum.map(|quorum| witnessed(quorum, &proven.checkpoint));
    let witnessed = witnessed.transpose()?;
    output::line(format_args!(
        "entry {} is genuine: it is in the log of {} entries signed by {}",
        proven.index, proven.checkpoint.size, proven.checkpoint.origin
    ));
    if let Some(witnessed) = witnessed {
        output::line(witnessed);
    }
    Ok(())
}

/// Holds an exported folder against a receipt that somebody was given earlier: a `.tlog-proof` file or a checkpoint.
///
/// # Errors
/// [`Changed`] if the log was cut or rewritten since then, or the folder doesn't verify.
pub(crate) fn check_receipt(receipt: &Path, path: &Path, key: &Path) -> Result<()> {
    let key = read_key(key)?;
    let text = fs::read_to_string(receipt)
        .with_context(|| format!("could not read `{}`", receipt.display()))?;
    let opened = Receipt::open(&text, &key).map_err(|error| {
        let error = chain(&error);
        Changed(format!(
            "`{}` is no receipt of this log: {error}",
            receipt.display()
        ))
    })?;
    let folder = Folder::open(path)?;
    let verified = check(&folder, &key)?;
    opened
        .check(&folder, verified.size)
        .map_err(|fault| Changed(chain(&fault)))?;
    let entry = opened
        .entry
        .map_or_else(String::new, |entry| format!("entry {} and ", entry.index));
    output::line(format_args!(
        "the log of {} entries still holds {entry}all {} entries that the receipt speaks of",
        verified.size, opened.checkpoint.size
    ));
    Ok(())
}

fn check(folder: &Folder, key: &VerifierKey) -> Result<export::Verified> {
    let bar = bar(0, "verifying");
    let verified = export::verify(folder, key, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    verified.map_err(|fault| Changed(chain(&fault)).into())
}

/// Verifies an exported folder, then decides everything in it again; or everything up to an instant, and lists who could do what then.
///
/// # Errors
/// [`Changed`] names the first entry that comes out differently.
pub(crate) fn replay(
    path: &Path,
    key: &Path,
    as_of: Option<(jiff::Timestamp, &Screen)>,
) -> Result<()> {
    let key = read_key(key)?;
    if !path.is_dir() {
        bail!(
            "`{}` is no exported folder: `remit ledger export` makes one",
            path.display()
        );
    }
    let folder = Folder::open(path)?;
    let verified = check(&folder, &key)?;
    let wanted =
        as_of.map(|(at, screen)| Ok::<_, anyhow::Error>((at, screen.writer(&views::ACCESS)?)));
    let wanted = wanted.transpose()?;
    let last = wanted
        .as_ref()
        .map_or(i64::MAX, |(at, _)| at.as_millisecond());
    let bar = bar(verified.size, "replaying");
    let blob = |digest: &Digest| folder.read(&export::blob_path(digest)).ok().flatten();
    let replayed = thread::scope(|scope| {
        engine::replay::replay(
            export::entries(&folder, verified.size, scope)
                .map(|entry| entry.map(|entry| (entry.index, entry.leaf)))
                // an entry that can't be read is not passed over
                .take_while(|entry| entry.as_ref().map_or(true, |(_, leaf)| leaf.at <= last)),
            blob,
            server::VERSION,
            |done| bar.set_position(done),
        )
    });
    bar.finish_and_clear();
    let replayed = replayed.map_err(|error| Changed(chain(&error)))?;
    if let (Some((at, writer)), Some((_, screen))) = (wanted, as_of) {
        screen.note(format_args!(
            "As of {at}, {} entries decided again, all the same.",
            replayed.entries
        ));
        return writer.write(&lent(&replayed.state, Timestamp(at.as_millisecond())));
    }
    output::line(format_args!(
        "{} entries decided again, all the same: {} yes, {} no; {} requests and {} grants are open at the end",
        replayed.entries,
        replayed.done,
        replayed.refused,
        replayed.state.requests.len(),
        replayed.state.grants.len()
    ));
    Ok(())
}

/// Who could do what, as `remit evidence access` tells it; names lie in sealed bodies, so there are none.
fn lent(state: &State, at: Timestamp) -> Value {
    let access = state.access(at);
    let rows = access.iter().map(|access| {
        let terms = &access.grant.terms;
        let until = access.standing.until();
        let until = until.and_then(|at| jiff::Timestamp::from_millisecond(at.0).ok());
        json!({
            "grant": terms.number.to_string(),
            "person": { "id": terms.holder },
            "privilege": terms.privilege,
            "platform": terms.platform,
            "targets": terms.targets,
            "actions": terms.actions,
            "standing": access.standing.name(),
            "until": until.map(|at| at.to_string()),
            "approved_duties": terms.approved_duties,
            "break_glass": terms.break_glass,
            "impact": terms.impact,
        })
    });
    Value::Array(rows.collect())
}

/// Progress on standard error, where that is a terminal.
pub(crate) fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_prefix(what)
}

/// `remit catalog check DIR`.
///
/// # Errors
/// If the bundle has mistakes; each is printed with file, line and column.
pub(crate) fn check_catalog(folder: &Path) -> Result<()> {
    let files = config::bundle(folder)?;
    match policy::Bundle::load(&files) {
        Ok(bundle) => {
            output::line(format_args!(
                "{}: {} platforms, {} targets, {} privileges; bundle {}",
                folder.display(),
                bundle.catalog.platforms.len(),
                bundle.catalog.targets.len(),
                bundle.catalog.privileges.len(),
                bundle.digest
            ));
            Ok(())
        }
        Err(mistakes) => {
            for mistake in &mistakes {
                output::note(mistake);
                if let Some(help) = &mistake.help {
                    output::note(format_args!("  help: {help}"));
                }
            }
            bail!(
                "{} {} to mend",
                mistakes.len(),
                if mistakes.len() == 1 {
                    "mistake"
                } else {
                    "mistakes"
                }
            )
        }
    }
}

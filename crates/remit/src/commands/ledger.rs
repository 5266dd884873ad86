//! `remit ledger checkpoint` and `prove`: of a server, or of a data folder without one.
use super::{Entry, evidence};
use crate::{
    client::Client,
    data::Data,
    failure::{Exit, Failed},
    ledger_files::{self, Changed},
    render::views,
};
use anyhow::{Context, Result};
use clap::Args;
use engine::ports::{LogReader, StoredHashes};
use ledger::{checkpoint::VerifierKey, proof_file::ProofFile, tree::prove_inclusion};
use serde_json::json;
use std::path::{Path, PathBuf};
use store::SqliteLog;

/// The newest signed head.
#[derive(Debug, Args)]
pub(crate) struct Head {
    /// Of the log in this data folder, instead of a server's
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Check its signature with the log's public key, from somebody you trust
    #[arg(long, value_name = "FILE")]
    vkey: Option<PathBuf>,
}

/// One entry as a file that proves it.
#[derive(Debug, Args)]
pub(crate) struct Proof {
    /// Such as 48211
    entry: Entry,
    /// Of the log in this data folder, instead of a server's
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where; standard output if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prints the newest checkpoint, checked if a key was given.
///
/// # Errors
/// [`Changed`] if the signature isn't the key's; as [`Client::get`].
pub(crate) async fn checkpoint(client: &Client, asked: &Head) -> Result<()> {
    let writer = client.screen().writer(&views::CHECKPOINT)?;
    let note = match &asked.data {
        Some(folder) => {
            reader(folder)?
                .head()
                .context("could not read the log")?
                .checkpoint
        }
        None => String::from_utf8(client.log(&["checkpoint"]).await?)
            .context("the checkpoint is not text")?,
    };
    let signature = match &asked.vkey {
        None => "not checked",
        Some(path) => {
            let key: VerifierKey = ledger_files::read_key(path)?;
            key.open(&note).map_err(|error| {
                Changed(format!(
                    "the checkpoint is not signed by this key: {}",
                    engine::chain(&error)
                ))
            })?;
            "good"
        }
    };
    let mut lines = note.lines();
    let (origin, size, root) = (lines.next(), lines.next(), lines.next());
    let size = size.and_then(|size| size.parse::<u64>().ok());
    writer.write(&json!({ "origin": origin, "size": size, "root": root, "signature": signature, "note": note }))
}

/// Shows each witness of a server's log with its age.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn witnesses(client: &Client) -> Result<()> {
    let writer = client.screen().writer(&views::WITNESSES)?;
    let told = client.get(&["witnesses"], &[]).await?;
    writer.write(told.pointer("/witnesses").unwrap_or(&json!([])))
}

/// Writes the `.tlog-proof` file of an entry.
///
/// # Errors
/// If there is no such entry, or it can't be proved; as [`Client::get`].
pub(crate) async fn prove(client: &Client, asked: Proof) -> Result<()> {
    let entry = asked.entry.0;
    let bytes = if let Some(folder) = &asked.data {
        local(folder, entry)?.into_bytes()
    } else {
        let path = ["entries", &entry.to_string(), "proof"];
        client.download(&path, &[]).await?
    };
    evidence::file(client, asked.out, &bytes)
}

fn reader(folder: &Path) -> Result<std::sync::Arc<dyn LogReader>> {
    let data = Data::existing(folder)?;
    let log = SqliteLog::read(&data.log()).context("could not open the log")?;
    Ok(log)
}

fn local(folder: &Path, entry: u64) -> Result<String> {
    let reader = reader(folder)?;
    let head = reader.head().context("could not read the log")?;
    let leaf = reader
        .leaves(entry, 1)
        .context("could not read the entry")?
        .pop()
        .filter(|_| entry < head.tree.size)
        .ok_or_else(|| {
            Failed::new(
                Exit::NotFound,
                "not-found",
                format!(
                    "there is no entry {entry}: the log has {}, from 0",
                    head.tree.size
                ),
                &[],
            )
        })?;
    let hashes = prove_inclusion(&StoredHashes(reader.as_ref()), entry, head.tree.size)
        .context("could not prove the entry")?;
    Ok(ProofFile {
        entry: Some(leaf),
        index: entry,
        hashes,
        checkpoint: head.checkpoint,
    }
    .to_text())
}

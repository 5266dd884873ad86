//! `remit doctor`: looks through a data folder, which may be in use, and says what is wrong and what to do about it.
use crate::{
    data::Data,
    ledger_files::{self, Changed},
    render::{Screen, views},
};
use anyhow::{Context, Result};
use clap::Args;
use ledger::checkpoint::VerifierKey;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What to do about a key that isn't the log's.
const KEY_REMEDY: &str = "stop the server, keep this folder for whoever investigates, and bring back `checkpoint.key` and `vkey` from a backup: a log that goes on under another key is another log to whoever verifies it";

/// What to look through.
#[derive(Debug, Args)]
pub(crate) struct Patient {
    /// The data folder
    #[arg(long, env = "REMIT_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The log's public key, from somebody you trust; else the one in the folder, which whoever changes the folder can change too
    #[arg(long, value_name = "FILE")]
    vkey: Option<PathBuf>,
}

/// Looks through a data folder.
///
/// # Errors
/// [`Changed`] if anything in it is not as it should be; else if it can't be read.
pub(crate) fn run(screen: &Screen, patient: &Patient) -> Result<()> {
    let writer = screen.writer(&views::CHANGED_ROWS)?;
    let data = Data::existing(&patient.data)?;
    let own = data.folder().join("vkey");
    let key = ledger_files::read_key(patient.vkey.as_deref().unwrap_or(&own))?;
    let bar = ledger_files::bar(0, "reading");
    let seen = store::inspect(data.folder(), &key, &mut |what, done, all| {
        bar.set_prefix(what);
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let seen =
        seen.with_context(|| format!("could not look through `{}`", data.folder().display()))?;

    let mut findings = keys(&data, &key)?;
    findings.extend(seen.findings.iter().map(|finding| {
        found(
            &finding.file.name(),
            &finding.table,
            &finding.row,
            &finding.what,
            finding.file.remedy(),
        )
    }));
    let count = findings.len() as u64 + seen.more;
    writer.write(&Value::Array(findings))?;
    let projections = seen.projected.map_or_else(
        || "projections not compared".to_owned(),
        |rows| format!("{rows} rows of projections made again and compared"),
    );
    screen.note(format_args!(
        "{} entries hashed again, {} bodies and blobs checked, {projections}",
        seen.entries, seen.beside
    ));
    if patient.vkey.is_none() {
        screen.note("The signature was checked with the folder's own key; `--vkey FILE` checks it with somebody else's copy.");
    }
    if count == 0 {
        return Ok(());
    }
    let things = if count == 1 { "thing is" } else { "things are" };
    let more = if seen.more == 0 {
        String::new()
    } else {
        format!(" ({} of them not listed)", seen.more)
    };
    Err(Changed(format!("{count} {things} not as the log says{more}")).into())
}

/// Whether the keys that lie in the folder are those of the log.
fn keys(data: &Data, key: &VerifierKey) -> Result<Vec<Value>> {
    let mut findings = Vec::new();
    let path = data.folder().join("vkey");
    let lies_there = std::fs::read_to_string(&path).unwrap_or_default();
    if lies_there.trim() != key.vkey() {
        let what = "it is not the public key of this log, or can't be read";
        findings.push(found("vkey", "", "", what, KEY_REMEDY));
    }
    if data
        .signs_as(key.origin())?
        .is_some_and(|signs_as| signs_as != key.vkey())
    {
        let what = "it is another key than the one that signed this log";
        findings.push(found("checkpoint.key", "", "", what, KEY_REMEDY));
    }
    Ok(findings)
}

fn found(file: &str, table: &str, row: &str, what: &str, remedy: &str) -> Value {
    json!({ "file": file, "table": table, "row": row, "what": what, "remedy": remedy })
}

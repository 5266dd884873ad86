//! `remit evidence`: who did what, when, why and under which rule.
use super::{Entry, new_file, wait};
use crate::{client::Client, output, render::views};
use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::{GrantNumber, PersonId, PrivilegeId, RequestNumber, TargetId};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What people look for.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Find entries, newest first; everything given must match
    Search {
        #[command(flatten)]
        search: Box<Wanted>,
        /// How many at most; 0 is all
        #[arg(long, default_value_t = 50, value_name = "ROWS")]
        limit: usize,
    },
    /// Show one entry with the proof that it is in the log
    Show {
        /// Such as 48211
        entry: Entry,
    },
    /// Show who could do what at an instant, and why: grants by number, newest first
    Access {
        #[command(flatten)]
        whose: Whose,
        /// How many at most, 1 to 200
        #[arg(long, default_value_t = 50, value_name = "ROWS", value_parser = clap::value_parser!(u8).range(1..=200))]
        limit: u8,
        /// Write the entries that this rests on, each with the proof that it is in the log, and the signed checkpoint into this new folder
        #[arg(long, value_name = "DIR")]
        proofs: Option<PathBuf>,
    },
    /// Write everything that a search finds (at most 10,000 entries) as a file
    Export {
        #[command(flatten)]
        search: Box<Wanted>,
        /// Which kind of file
        #[arg(long, value_enum, default_value_t = FileKind::Csv)]
        format: FileKind,
        /// Where; standard output if left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Follow new entries, oldest first, until interrupted
    Watch {
        #[command(flatten)]
        search: Box<Wanted>,
    },
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileKind {
    /// For spreadsheets
    Csv,
    /// For programs
    Json,
}

/// What is looked for.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Words of the summary, purpose, comments and names
    words: Vec<String>,
    /// Done by this person
    #[arg(long, value_name = "PERSON")]
    actor: Option<PersonId>,
    /// About this privilege
    #[arg(long, value_name = "ID")]
    privilege: Option<PrivilegeId>,
    /// About this target
    #[arg(long, value_name = "ID")]
    target: Option<TargetId>,
    /// About this ticket
    #[arg(long, value_name = "NUMBER")]
    ticket: Option<String>,
    /// Of this kind, such as `approve-request`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// `done`, `refused`, or the rule that refused
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// About this request
    #[arg(long, value_name = "R-1042")]
    request: Option<RequestNumber>,
    /// About this grant
    #[arg(long, value_name = "G-877")]
    grant: Option<GrantNumber>,
    /// From this instant on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this instant
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only what was on record at this instant
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

/// Whose access, and when.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// At this instant, any second that has come, such as `2026-11-23T12:15:00+01:00`; now if left out
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Of this person
    #[arg(long, value_name = "PERSON")]
    person: Option<PersonId>,
    /// By this privilege
    #[arg(long, value_name = "ID")]
    privilege: Option<PrivilegeId>,
    /// To this target
    #[arg(long, value_name = "ID")]
    target: Option<TargetId>,
}

impl Whose {
    fn query(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("as_of", self.as_of.clone()),
            ("person", self.person.as_ref().map(ToString::to_string)),
            (
                "privilege",
                self.privilege.as_ref().map(ToString::to_string),
            ),
            ("target", self.target.as_ref().map(ToString::to_string)),
        ];
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

impl Wanted {
    fn query(&self) -> Vec<(&'static str, String)> {
        let text = |value: &Option<String>| value.clone();
        let parts = [
            (
                "words",
                (!self.words.is_empty()).then(|| self.words.join(" ")),
            ),
            ("actor", self.actor.as_ref().map(ToString::to_string)),
            (
                "privilege",
                self.privilege.as_ref().map(ToString::to_string),
            ),
            ("target", self.target.as_ref().map(ToString::to_string)),
            ("ticket", text(&self.ticket)),
            ("kind", text(&self.kind)),
            ("outcome", text(&self.outcome)),
            ("request", self.request.map(|number| number.to_string())),
            ("grant", self.grant.map(|number| number.to_string())),
            ("from", text(&self.from)),
            ("to", text(&self.to)),
            ("as_of", text(&self.as_of)),
        ];
        parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Does it.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn run(client: &Client, command: EvidenceCommand) -> Result<()> {
    match command {
        EvidenceCommand::Search { search, limit } => {
            let writer = client.screen().writer(&views::ENTRIES)?;
            writer.write(&client.list(&["evidence"], &search.query(), limit).await?)
        }
        EvidenceCommand::Access {
            whose,
            limit,
            proofs,
        } => access(client, &whose, limit, proofs.as_deref()).await,
        EvidenceCommand::Show { entry } => {
            let writer = client.screen().writer(&views::PROVEN)?;
            writer.write(&client.get(&["entries", &entry.0.to_string()], &[]).await?)
        }
        EvidenceCommand::Export {
            search,
            format,
            out,
        } => {
            let mut query = search.query();
            let format = match format {
                FileKind::Csv => "csv",
                FileKind::Json => "json",
            };
            query.push(("format", format.to_owned()));
            let bytes = client.download(&["evidence", "export"], &query).await?;
            file(client, out, &bytes)
        }
        EvidenceCommand::Watch { search } => wait::entries(client, &search.query()).await,
    }
}

async fn access(client: &Client, whose: &Whose, limit: u8, proofs: Option<&Path>) -> Result<()> {
    let writer = client.screen().writer(&views::ACCESS)?;
    let mut query = whose.query();
    query.push(("limit", limit.to_string()));
    let answer = client.get(&["access"], &query).await?;
    if let Some(folder) = proofs {
        write_proofs(folder, &answer)
            .with_context(|| format!("could not write `{}`", folder.display()))?;
    }
    let part = |name: &str| answer.get(name).unwrap_or(&Value::Null);
    let more = if part("next").is_null() {
        ""
    } else {
        "; there are more grants than shown: narrow it, or raise `--limit`"
    };
    client.screen().note(format_args!(
        "As of {}, the first {} entries of the log{more}. `--proofs DIR` writes what this rests on.",
        part("as_of").as_str().unwrap_or_default(),
        part("entries"),
    ));
    writer.write(part("items"))
}

/// A new folder with a `.tlog-proof` file for each entry, and the checkpoint that they lead to.
fn write_proofs(folder: &Path, answer: &Value) -> Result<()> {
    std::fs::create_dir(folder)?;
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("the answer has no `{name}`"))
    };
    let checkpoint = text(answer, "checkpoint")?;
    new_file(&folder.join("checkpoint"), checkpoint.as_bytes())?;
    let proofs = answer.get("proofs").and_then(Value::as_array);
    for proof in proofs.into_iter().flatten() {
        let entry = proof.get("entry").and_then(Value::as_u64);
        let entry = entry.context("a proof has no entry")?;
        let path = folder.join(format!("e{entry}.tlog-proof"));
        new_file(&path, text(proof, "file")?.as_bytes())?;
    }
    Ok(())
}

/// Writes a file, or its bytes to standard output: safe to look at if that is a terminal.
///
/// # Errors
/// If there is such a file already.
pub(crate) fn file(client: &Client, out: Option<PathBuf>, bytes: &[u8]) -> Result<()> {
    match out {
        Some(path) => {
            new_file(&path, bytes)?;
            client
                .screen()
                .note(format_args!("written to `{}`", path.display()));
        }
        None => output::bytes(&crate::render::shown(client.screen(), bytes)),
    }
    Ok(())
}

//! `remit evidence`: who did what, when, why and under which rule.
use super::{Entry, new_file, wait};
use crate::{client::Client, output, render::views};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::{GrantNumber, PersonId, PrivilegeId, RequestNumber, TargetId};
use std::path::PathBuf;

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

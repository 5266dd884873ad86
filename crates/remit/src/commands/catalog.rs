//! `remit catalog`: what can be asked for, and on what.
use crate::{client::Client, render::views};
use anyhow::Result;
use clap::Subcommand;
use domain::ids::PrivilegeId;
use serde_json::Value;
use std::path::PathBuf;

/// The privilege catalog.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// List what can be asked for at a server
    List {
        /// Only what fits you
        #[arg(long)]
        fits: bool,
    },
    /// Show one privilege: what it allows, what is asked, what must be confirmed
    Show {
        /// Such as ledgerly-run-flow
        privilege: PrivilegeId,
    },
    /// List the targets
    Targets,
    /// Explain every mistake in a bundle, with file, line and column; no server is needed
    Check {
        /// The bundle's folder
        #[arg(value_name = "DIR")]
        bundle: PathBuf,
    },
}

/// Does it, at a server.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn run(client: &Client, command: CatalogCommand) -> Result<()> {
    let screen = client.screen();
    match command {
        CatalogCommand::List { fits } => {
            let writer = screen.writer(&views::PRIVILEGES)?;
            let mut all = client.get(&["privileges"], &[]).await?;
            if let (true, Some(rows)) = (fits, all.as_array_mut()) {
                rows.retain(|row| row.get("fits").and_then(Value::as_bool) == Some(true));
            }
            writer.write(&all)
        }
        CatalogCommand::Show { privilege } => {
            let writer = screen.writer(&views::PRIVILEGES)?;
            let path = ["privileges", privilege.as_ref()];
            writer.write(&client.get(&path, &[]).await?)
        }
        CatalogCommand::Targets => {
            let writer = screen.writer(&views::TARGETS_OF_CATALOG)?;
            let catalog = client.get(&["catalog"], &[]).await?;
            writer.write(catalog.get("targets").unwrap_or(&Value::Null))
        }
        CatalogCommand::Check { bundle } => crate::ledger_files::check_catalog(&bundle),
    }
}

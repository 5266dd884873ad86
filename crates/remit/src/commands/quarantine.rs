//! `remit quarantine`: a restored copy gives nothing until its targets were compared with it and an operator has looked.
use super::words;
use crate::{client::Client, render::views};
use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

/// The quarantine of a restored server.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Show whether there is one, and how far each platform's comparison is
    Show,
    /// Let things be given again; refused while a platform was not compared
    Lift {
        /// Why, for the record (`-` reads it from standard input)
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Does it, with an operator's token.
///
/// # Errors
/// As [`Client::post`].
pub(crate) async fn run(client: &Client, command: QuarantineCommand) -> Result<()> {
    let screen = client.screen();
    match command {
        QuarantineCommand::Show => {
            let writer = screen.writer(&views::QUARANTINE)?;
            writer.write(&client.get(&["quarantine"], &[]).await?)
        }
        QuarantineCommand::Lift { reason } => {
            let writer = screen.writer(&views::DONE)?;
            let body = json!({ "reason": words(&reason)? });
            screen.confirm("Let things be given again on this restored server?")?;
            writer.write(&client.post(&["quarantine", "lift"], &body).await?)
        }
    }
}

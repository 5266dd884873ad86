//! `remit person` and `remit legal-hold`: whom to forget, and whose words to keep; for whoever runs the server, with an operator's
//! token.
use crate::{client::Client, render::views};
use anyhow::Result;
use clap::Subcommand;
use domain::ids::{LegalHoldId, PersonId};
use http::Method;
use serde_json::json;

/// Persons and their words.
#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Take somebody out of the directory; what they were lent is held
    Remove {
        /// Whom
        person: PersonId,
    },
    /// Forget somebody who left: destroy the key of their words, for ever
    Erase {
        /// Whom
        person: PersonId,
    },
}

/// Legal holds.
#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// List the holds in place
    List,
    /// Keep words, whatever the retention says; a hold of this name is replaced
    Place {
        /// Its name, such as `case-7`
        hold: LegalHoldId,
        /// Whose words; left out: everybody's
        #[arg(long, value_name = "PERSON")]
        person: Vec<PersonId>,
    },
    /// Keep them no longer
    Lift {
        /// Its name
        hold: LegalHoldId,
    },
}

/// Does it.
///
/// # Errors
/// As [`Client::post`].
pub(crate) async fn person(client: &Client, command: PersonCommand) -> Result<()> {
    let screen = client.screen();
    let writer = screen.writer(&views::DONE)?;
    let done = match command {
        PersonCommand::Remove { person } => {
            let change = json!({ "person-removed": person });
            client.post(&["directory"], &change).await?
        }
        PersonCommand::Erase { person } => {
            screen.confirm(&format!(
                "Destroy the key of the words of `{person}`? Nobody can read them afterwards."
            ))?;
            let path = ["people", person.as_str(), "erase"];
            client.post(&path, &json!({})).await?
        }
    };
    writer.write(&done)
}

/// Does it.
///
/// # Errors
/// As [`Client::post`].
pub(crate) async fn hold(client: &Client, command: HoldCommand) -> Result<()> {
    let screen = client.screen();
    match command {
        HoldCommand::List => {
            let writer = screen.writer(&views::LEGAL_HOLDS)?;
            writer.write(&client.get(&["legal-holds"], &[]).await?)
        }
        HoldCommand::Place { hold, person } => {
            let writer = screen.writer(&views::DONE)?;
            let covers = if person.is_empty() {
                json!({})
            } else {
                json!({ "persons": person })
            };
            let path = ["legal-holds", hold.as_str()];
            writer.write(&client.write(Method::PUT, &path, &covers).await?)
        }
        HoldCommand::Lift { hold } => {
            let writer = screen.writer(&views::DONE)?;
            screen.confirm(&format!("Lift the legal hold `{hold}`?"))?;
            let path = ["legal-holds", hold.as_str()];
            writer.write(&client.write(Method::DELETE, &path, &json!({})).await?)
        }
    }
}

//! `remit grant`: looking at grants, using them, and ending them.
use super::{Length, ask::Reasons, with_grant, words};
use crate::{client::Client, render::views};
use anyhow::Result;
use clap::{Args, Subcommand};
use domain::ids::{GrantNumber, PersonId, PrivilegeId};
use serde_json::{Value, json};

/// Grants.
#[derive(Debug, Subcommand)]
pub(crate) enum GrantCommand {
    /// List the grants you may see, newest first
    List(Listed),
    /// Show one
    Show {
        /// Such as G-877
        number: GrantNumber,
    },
    /// Show what was done with one, newest first
    Log {
        /// Such as G-877
        number: GrantNumber,
        /// How many at most; 0 is all
        #[arg(long, default_value_t = 50, value_name = "ROWS")]
        limit: usize,
    },
    /// Run a command that has what it needs to use your grant in its environment
    Use(with_grant::Used),
    /// Print what is needed to use your grant, as shell assignments (secrets!)
    Env {
        /// Such as G-877; needn't be said if you have one active grant
        number: Option<GrantNumber>,
    },
    /// Ask for more time, without a gap
    Extend {
        /// Such as G-877
        number: GrantNumber,
        /// How much longer
        #[arg(long = "for", value_name = "30m")]
        length: Length,
        #[command(flatten)]
        reasons: Reasons,
    },
    /// End one: yours, or somebody's with a reason
    End {
        /// Such as G-877
        number: GrantNumber,
        /// Why, if it is somebody else's
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Suspend somebody's grant; its clock runs on
    Hold(Intervention),
    /// Let a held grant go on
    Resume(Intervention),
}

/// Which grants.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// Only those that aren't over
    #[arg(long)]
    open: bool,
    /// Only this person's
    #[arg(long, value_name = "PERSON")]
    holder: Option<PersonId>,
    /// Only of this privilege
    #[arg(long, value_name = "ID")]
    privilege: Option<PrivilegeId>,
    /// How many at most; 0 is all
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    limit: usize,
}

/// What somebody else does to a grant.
#[derive(Debug, Args)]
pub(crate) struct Intervention {
    /// Such as G-877
    number: GrantNumber,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Does it.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn run(client: &Client, command: GrantCommand) -> Result<()> {
    let screen = client.screen();
    match command {
        GrantCommand::List(listed) => {
            let writer = screen.writer(&views::GRANTS)?;
            writer.write(&list(client, &listed).await?)
        }
        GrantCommand::Show { number } => {
            let writer = screen.writer(&views::GRANTS)?;
            writer.write(&client.get(&["grants", &number.to_string()], &[]).await?)
        }
        GrantCommand::Log { number, limit } => {
            let writer = screen.writer(&views::USES)?;
            let path = ["grants", &number.to_string(), "activity"];
            writer.write(&client.list(&path, &[], limit).await?)
        }
        GrantCommand::Use(used) => with_grant::run(client, used).await,
        GrantCommand::Env { number } => with_grant::print(client, number).await,
        GrantCommand::Extend {
            number,
            length,
            reasons,
        } => extend(client, number, length, &reasons).await,
        GrantCommand::End { number, reason } => end(client, number, reason).await,
        GrantCommand::Hold(intervention) => intervene(client, &intervention, "hold").await,
        GrantCommand::Resume(intervention) => intervene(client, &intervention, "resume").await,
    }
}

async fn list(client: &Client, listed: &Listed) -> Result<Value> {
    let mut query = Vec::new();
    query.extend(listed.open.then(|| ("open", "true".to_owned())));
    query.extend(listed.holder.as_ref().map(|id| ("holder", id.to_string())));
    query.extend(
        listed
            .privilege
            .as_ref()
            .map(|id| ("privilege", id.to_string())),
    );
    client.list(&["grants"], &query, listed.limit).await
}

/// Asks again for what the grant is for. Answers and ticket come from its request: nothing is asked twice.
async fn extend(
    client: &Client,
    number: GrantNumber,
    length: Length,
    reasons: &Reasons,
) -> Result<()> {
    let writer = client.screen().writer(&views::REQUESTS)?;
    let grant = client.get(&["grants", &number.to_string()], &[]).await?;
    let text = |name: &str| grant.get(name).and_then(Value::as_str).unwrap_or_default();
    let request = client.get(&["requests", text("request")], &[]).await?;
    let privilege = client.get(&["privileges", text("privilege")], &[]).await?;
    let mut body = json!({
        "privilege": text("privilege"),
        "targets": grant.get("targets"),
        "duration_seconds": length.0,
        "extends": number.to_string(),
        "ticket": request.get("ticket"),
        "answers": request.get("answers"),
    });
    reasons.add_to(&mut body, &privilege)?;
    writer.write(&client.post(&["requests"], &body).await?)
}

async fn end(client: &Client, number: GrantNumber, reason: Option<String>) -> Result<()> {
    let writer = client.screen().writer(&views::GRANTS)?;
    let name = number.to_string();
    let done = match reason {
        None => {
            client
                .post(&["grants", &name, "return"], &json!({}))
                .await?
        }
        Some(reason) => {
            client
                .screen()
                .confirm(&format!("End {number} for good, everywhere?"))?;
            let body = json!({ "comment": words(&reason)? });
            client.post(&["grants", &name, "revoke"], &body).await?
        }
    };
    writer.write(&done)
}

async fn intervene(client: &Client, intervention: &Intervention, verb: &str) -> Result<()> {
    let writer = client.screen().writer(&views::GRANTS)?;
    let path = ["grants", &intervention.number.to_string(), verb];
    let body = json!({ "comment": words(&intervention.reason)? });
    writer.write(&client.post(&path, &body).await?)
}

//! `remit request`: asking, and following what was asked.
use super::{Length, ask::Asked, wait, words};
use crate::{
    client::Client,
    failure::{Exit, Failed},
    output,
    render::{cells, safe, views},
};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use domain::ids::{PersonId, PrivilegeId, RequestNumber};
use serde_json::{Value, json};
use std::time::Duration;

/// Requests.
#[derive(Debug, Subcommand)]
pub(crate) enum RequestCommand {
    /// Ask for a privilege
    New {
        #[command(flatten)]
        asked: Box<Asked>,
        /// Wait until it is decided, at most this long
        #[arg(long, value_name = "15m", num_args = 0..=1, require_equals = true, default_missing_value = "15m")]
        wait: Option<Length>,
    },
    /// Say what would become of a request, and send nothing
    Check {
        #[command(flatten)]
        asked: Box<Asked>,
    },
    /// List the requests you may see, newest first
    List(Listed),
    /// Show one
    Show {
        /// Such as R-1042
        number: RequestNumber,
    },
    /// Follow one until it is decided
    Watch {
        /// Such as R-1042
        number: RequestNumber,
        /// At most this long
        #[arg(long, value_name = "15m", default_value = "12h")]
        timeout: Length,
    },
    /// Answer the approvers of your request, or ask about somebody else's
    Comment {
        /// Such as R-1042
        number: RequestNumber,
        /// What to say; `-` reads standard input
        text: String,
    },
    /// Take your request back
    Withdraw {
        /// Such as R-1042
        number: RequestNumber,
    },
}

/// Which requests.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// Only those that wait for your decision, the most urgent first
    #[arg(long, conflicts_with_all = ["pending", "requester", "privilege"])]
    to_decide: bool,
    /// Only those that wait for somebody
    #[arg(long)]
    pending: bool,
    /// Only this person's
    #[arg(long, value_name = "PERSON")]
    requester: Option<PersonId>,
    /// Only for this privilege
    #[arg(long, value_name = "ID")]
    privilege: Option<PrivilegeId>,
    /// How many at most; 0 is all
    #[arg(long, default_value_t = 50, value_name = "ROWS")]
    limit: usize,
}

/// Does it.
///
/// # Errors
/// As [`Client::get`]; of waiting, as [`wait::decided`].
pub(crate) async fn run(client: &Client, command: RequestCommand) -> Result<()> {
    let screen = client.screen();
    // a pre-check shows findings, everything else requests
    let writer = || screen.writer(&views::REQUESTS);
    match command {
        RequestCommand::New { asked, wait } => new(client, *asked, wait).await,
        RequestCommand::Check { asked } => check(client, *asked).await,
        RequestCommand::List(listed) => {
            let writer = writer()?;
            writer.write(&list(client, &listed).await?)
        }
        RequestCommand::Show { number } => {
            let writer = writer()?;
            let seen = client.get(&["requests", &number.to_string()], &[]).await?;
            writer.write(&seen)
        }
        RequestCommand::Watch { number, timeout } => {
            let writer = writer()?;
            let limit = Duration::from_secs(u64::from(timeout.0));
            writer.write(&wait::decided(client, number, limit).await?)
        }
        RequestCommand::Comment { number, text } => {
            let writer = writer()?;
            writer.write(&comment(client, number, &words(&text)?).await?)
        }
        RequestCommand::Withdraw { number } => {
            let writer = writer()?;
            screen.confirm(&format!("Take {number} back for good?"))?;
            let path = ["requests", &number.to_string(), "withdraw"];
            writer.write(&client.post(&path, &json!({})).await?)
        }
    }
}

async fn new(client: &Client, asked: Asked, wait: Option<Length>) -> Result<()> {
    let writer = client.screen().writer(&views::REQUESTS)?;
    let (template, break_glass) = (asked.template, asked.break_glass);
    let body = asked.body(client).await?;
    if template {
        output::line(safe::json(&format!("{body:#}")));
        return Ok(());
    }
    if break_glass {
        client.screen().confirm(
            "Security is alarmed at once, and your use will be reviewed. Break the glass?",
        )?;
    }
    let sent = client.post(&["requests"], &body).await?;
    let Some(limit) = wait else {
        return writer.write(&sent);
    };
    let number: RequestNumber = sent
        .pointer("/request/number")
        .and_then(Value::as_str)
        .context("the answer names no request")?
        .parse()?;
    client
        .screen()
        .note(format_args!("sent as {number}; waiting"));
    let limit = Duration::from_secs(u64::from(limit.0));
    writer.write(&wait::decided(client, number, limit).await?)
}

async fn check(client: &Client, asked: Asked) -> Result<()> {
    let writer = client.screen().writer(&views::FINDINGS)?;
    let body = asked.body(client).await?;
    let found = client.post(&["precheck"], &body).await?;
    let table = matches!(
        client.screen().form(),
        crate::render::Form::Json | crate::render::Form::Yaml
    );
    if table || client.screen().style.jq.is_some() {
        writer.write(&found)?;
    } else {
        writer.write(found.get("findings").unwrap_or(&Value::Null))?;
        let score = cells::text(found.pointer("/impact/score"));
        let seats = cells::shaped("", "/seats", cells::Shape::Seats).cell(&found, None);
        client.screen().note(format_args!(
            "impact {score} of 100; it would need {}",
            if seats.text.is_empty() {
                "nobody"
            } else {
                &seats.text
            }
        ));
    }
    if found.get("sendable").and_then(Value::as_bool) == Some(true) {
        Ok(())
    } else {
        Err(Failed::new(
            Exit::Denied,
            "not-sendable",
            "it would be refused as it is",
            &["Mend what `must-fix` says, then check again."],
        )
        .into())
    }
}

async fn list(client: &Client, listed: &Listed) -> Result<Value> {
    if listed.to_decide {
        return client.get(&["approvals"], &[]).await;
    }
    let mut query = Vec::new();
    query.extend(listed.pending.then(|| ("pending", "true".to_owned())));
    query.extend(
        listed
            .requester
            .as_ref()
            .map(|id| ("requester", id.to_string())),
    );
    query.extend(
        listed
            .privilege
            .as_ref()
            .map(|id| ("privilege", id.to_string())),
    );
    client.list(&["requests"], &query, listed.limit).await
}

/// A question of an approver, or an answer of the requester: whichever this person may give.
async fn comment(client: &Client, number: RequestNumber, text: &str) -> Result<Value> {
    let number = number.to_string();
    let seen = client.get(&["requests", &number], &[]).await?;
    let may = |what: &str| {
        let may = seen.get("may").and_then(Value::as_array);
        may.is_some_and(|may| may.iter().any(|one| one == what))
    };
    let door = if may("answer") {
        "answers"
    } else {
        "questions"
    };
    client
        .post(&["requests", &number, door], &json!({ "text": text }))
        .await
}

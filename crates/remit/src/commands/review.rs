//! `remit review`: was the use what the purpose said?
use super::words;
use crate::{
    client::Client,
    render::{Form, cells, views},
};
use anyhow::Result;
use clap::{Args, Subcommand};
use domain::ids::GrantNumber;
use serde_json::{Value, json};

/// Post-use reviews.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List the grants whose use waits for your review, the most urgent first
    List,
    /// Show the most urgent one: what was stated, and what was done
    Next,
    /// Say that the use was as stated
    Confirm(Finding),
    /// Say that the use raises a question
    Question(Finding),
}

/// What a reviewer found.
#[derive(Debug, Args)]
pub(crate) struct Finding {
    /// Such as G-877
    number: GrantNumber,
    /// What you looked at, and what you found
    #[arg(long, value_name = "TEXT")]
    comment: String,
}

/// Does it.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn run(client: &Client, command: ReviewCommand) -> Result<()> {
    let screen = client.screen();
    match command {
        ReviewCommand::List => {
            let writer = screen.writer(&views::REVIEWS)?;
            writer.write(&client.get(&["reviews"], &[]).await?)
        }
        ReviewCommand::Next => next(client).await,
        ReviewCommand::Confirm(finding) => give(client, &finding, "as-stated").await,
        ReviewCommand::Question(finding) => give(client, &finding, "questioned").await,
    }
}

async fn give(client: &Client, finding: &Finding, what: &str) -> Result<()> {
    let writer = client.screen().writer(&views::GRANTS)?;
    let path = ["grants", &finding.number.to_string(), "review"];
    let body = json!({ "finding": what, "comment": words(&finding.comment)? });
    writer.write(&client.post(&path, &body).await?)
}

/// The most urgent review; for people with the stated purpose and what was done, as far as they may see them.
async fn next(client: &Client) -> Result<()> {
    let screen = client.screen();
    let writer = screen.writer(&views::REVIEWS)?;
    let due = client.get(&["reviews"], &[]).await?;
    let Some(first) = due.as_array().and_then(|due| due.first()) else {
        return writer.write(&json!([]));
    };
    writer.write(first)?;
    if !matches!(screen.form(), Form::Table | Form::Wide) || screen.style.jq.is_some() {
        return Ok(());
    }
    let number = |name: &str| first.get(name).and_then(Value::as_str).unwrap_or_default();
    let uses = client
        .list(&["grants", number("number"), "activity"], &[], 50)
        .await;
    if let Ok(request) = client.get(&["requests", number("request")], &[]).await {
        let stated = cells::shaped("", "/answers", cells::Shape::Labelled).cell(&request, None);
        screen.note(format_args!("\nstated: {}\ndone:", stated.text));
    }
    if let Ok(uses) = uses {
        let mut bare = screen.clone();
        bare.style.columns.clear();
        bare.writer(&views::USES)?.write(&uses)?;
    }
    Ok(())
}

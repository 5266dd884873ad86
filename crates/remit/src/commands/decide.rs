//! `remit approve`, `deny` and `ask`: what approvers say about a request as it is now.
use super::{Length, words};
use crate::{
    client::Client,
    failure::{Exit, Failed},
    render::views,
};
use anyhow::Result;
use clap::Args;
use domain::ids::{RequestNumber, TargetId};
use serde_json::{Map, Value, json};

/// A yes.
#[derive(Debug, Args)]
pub(crate) struct Approval {
    /// Such as R-1042
    number: RequestNumber,
    /// Why; recorded, and shown to those concerned
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// For less time than asked
    #[arg(long = "for", value_name = "30m")]
    length: Option<Length>,
    /// On these targets alone
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    target: Vec<TargetId>,
}

/// A no.
#[derive(Debug, Args)]
pub(crate) struct Denial {
    /// Such as R-1042
    number: RequestNumber,
    /// Why, and what to do instead
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// A question.
#[derive(Debug, Args)]
pub(crate) struct Question {
    /// Such as R-1042
    number: RequestNumber,
    /// What you want to know; `-` reads standard input
    text: String,
}

/// Consents to the request as it is at this moment.
///
/// # Errors
/// As [`Client::post`].
pub(crate) async fn approve(client: &Client, approval: &Approval) -> Result<()> {
    let mut narrowing = Map::new();
    if let Some(length) = approval.length {
        narrowing.insert("duration_seconds".to_owned(), json!(length.0));
    }
    if !approval.target.is_empty() {
        let targets: Vec<String> = approval.target.iter().map(ToString::to_string).collect();
        narrowing.insert("targets".to_owned(), json!(targets));
    }
    let mut body = json!({ "comment": words(&approval.comment)? });
    if let (false, Some(body)) = (narrowing.is_empty(), body.as_object_mut()) {
        body.insert("narrowing".to_owned(), Value::Object(narrowing));
    }
    decide(client, approval.number, "approve", body).await
}

/// Says no to the request as it is at this moment.
///
/// # Errors
/// As [`Client::post`].
pub(crate) async fn deny(client: &Client, denial: &Denial) -> Result<()> {
    let body = json!({ "comment": words(&denial.reason)? });
    decide(client, denial.number, "deny", body).await
}

/// Asks the requester something.
///
/// # Errors
/// As [`Client::post`].
pub(crate) async fn ask(client: &Client, question: &Question) -> Result<()> {
    let writer = client.screen().writer(&views::REQUESTS)?;
    let path = ["requests", &question.number.to_string(), "questions"];
    let body = json!({ "text": words(&question.text)? });
    writer.write(&client.post(&path, &body).await?)
}

async fn decide(client: &Client, number: RequestNumber, verb: &str, mut body: Value) -> Result<()> {
    let writer = client.screen().writer(&views::REQUESTS)?;
    let name = number.to_string();
    let seen = client.get(&["requests", &name], &[]).await?;
    let digest = seen.get("digest").filter(|digest| digest.is_string());
    let digest = digest.cloned().ok_or_else(|| {
        Failed::new(
            Exit::Stale,
            "over",
            format!("{number} is decided already"),
            &["`remit request list --to-decide` shows what waits for you."],
        )
    })?;
    if let Some(body) = body.as_object_mut() {
        body.insert("digest".to_owned(), digest);
    }
    writer.write(&client.post(&["requests", &name, verb], &body).await?)
}

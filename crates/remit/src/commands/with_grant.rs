//! `remit grant use -- COMMAND`: an elevation that lives in one process and its children. When they end, the shell is what it was.
use crate::{
    client::Client,
    failure::{Exit, Failed},
    output,
    render::{Form, cells, safe, views},
};
use anyhow::{Context, Result};
use clap::Args;
use domain::ids::GrantNumber;
use serde_json::{Value, json};
use std::process::ExitStatus;

/// What is run, and with which grant.
#[derive(Debug, Args)]
pub(crate) struct Used {
    /// Such as G-877; needn't be said if you have one active grant
    #[arg(long, value_name = "NUMBER")]
    grant: Option<GrantNumber>,
    /// Give the grant back when the command has ended
    #[arg(long)]
    end: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// The command ran and ended otherwise than with 0.
#[derive(Debug, thiserror::Error)]
#[error("the command ended with {code}")]
pub(crate) struct Ended {
    /// Its exit code; 128 and the number of the signal that ended it.
    pub(crate) code: u8,
}

/// Runs the command, with what the grant needs in its environment and without the session's token.
///
/// # Errors
/// [`Ended`] with the command's own exit code; as [`variables`].
pub(crate) async fn run(client: &Client, used: Used) -> Result<()> {
    let grant = chosen(client, used.grant).await?;
    let variables = variables(client, &grant).await?;
    let (program, arguments) = used
        .command
        .split_first()
        .context("there is no command to run")?;
    client.screen().note(format_args!(
        "{} ends {}",
        cells::text(grant.get("number")),
        ends(client, &grant)
    ));
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env_remove("REMIT_TOKEN")
        .env_remove("REMIT_TOKEN_FILE")
        .envs(variables)
        .spawn()
        .map_err(|error| {
            Failed::new(
                Exit::Failed,
                "no-program",
                format!("could not run `{}`: {error}", safe::line(program)),
                &["Check its name and that it may be run."],
            )
        })?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // the terminal tells the command too; it decides what to make of it
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    if used.end {
        let number = cells::text(grant.get("number"));
        client
            .post(&["grants", &number, "return"], &json!({}))
            .await?;
    }
    match code(status) {
        0 => Ok(()),
        code => Err(Ended { code }.into()),
    }
}

fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX);
    }
    status
        .code()
        .map_or(u8::MAX, |code| u8::try_from(code).unwrap_or(u8::MAX))
}

/// Prints the variables, as a shell reads them.
///
/// # Errors
/// As [`variables`].
pub(crate) async fn print(client: &Client, number: Option<GrantNumber>) -> Result<()> {
    let screen = client.screen();
    let writer = screen.writer(&views::VARIABLES)?;
    let grant = chosen(client, number).await?;
    let variables = variables(client, &grant).await?;
    if screen.style.output.is_none_or(|form| form == Form::Table)
        && screen.style.jq.is_none()
        && screen.style.columns.is_empty()
    {
        for (name, value) in &variables {
            output::line(format_args!("export {name}={}", quoted(value)));
        }
        return Ok(());
    }
    let rows: Vec<Value> = variables
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    writer.write(&Value::Array(rows))
}

/// The grant that is meant: the one named, or the only active one of this person.
async fn chosen(client: &Client, number: Option<GrantNumber>) -> Result<Value> {
    if let Some(number) = number {
        return client.get(&["grants", &number.to_string()], &[]).await;
    }
    let me = client.get(&["me"], &[]).await?;
    let me = cells::text(me.pointer("/person/id"));
    let query = [("open", "true".to_owned()), ("holder", me)];
    let found = client.list(&["grants"], &query, 0).await?;
    let active: Vec<&Value> = cells::rows(&found)
        .into_iter()
        .flatten()
        .filter(|grant| grant.get("standing").and_then(Value::as_str) == Some("active"))
        .collect();
    match active.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Failed::new(
            Exit::NotFound,
            "no-grant",
            "you have no active grant",
            &["`remit catalog list` shows what you can ask for, `remit grant list` what you had."],
        )
        .into()),
        several => {
            let numbers: Vec<String> = several
                .iter()
                .map(|grant| cells::text(grant.get("number")))
                .collect();
            Err(Failed::usage(format!(
                "you have several active grants: name one of {}",
                numbers.join(", ")
            ))
            .into())
        }
    }
}

/// What a grant is used with: a token for its gateway, or the one-time secrets of its other credentials.
///
/// # Errors
/// If there is nothing to use it with, or it was taken already; as [`Client::post`].
async fn variables(client: &Client, grant: &Value) -> Result<Vec<(String, String)>> {
    let number = cells::text(grant.get("number"));
    let text = |value: &Value, name: &str| {
        let found = value.get(name).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let mut variables = vec![
        ("REMIT_GRANT".to_owned(), number.clone()),
        ("REMIT_GRANT_ENDS_AT".to_owned(), text(grant, "expires_at")),
    ];
    let may = grant.get("may").and_then(Value::as_array);
    if may.is_some_and(|may| may.iter().any(|one| one == "credential")) {
        let issued = client
            .post(&["grants", &number, "credentials"], &json!({}))
            .await?;
        variables.extend([
            ("REMIT_ACCESS_TOKEN".to_owned(), text(&issued, "token")),
            (
                "REMIT_ACCESS_TOKEN_ENDS_AT".to_owned(),
                text(&issued, "expires_at"),
            ),
            ("REMIT_ORIGIN".to_owned(), text(&issued, "origin")),
        ]);
        return Ok(variables);
    }
    let taken = client
        .post(&["grants", &number, "secret"], &json!({}))
        .await?;
    let secrets = taken.as_array().map(Vec::as_slice).unwrap_or_default();
    if secrets.is_empty() {
        return Err(Failed::new(
            Exit::Stale,
            "no-secret",
            format!("{number} has nothing to hand out: it is not active, or its secret was taken already"),
            &["A secret is shown once. Give the grant back and ask again if it is lost."],
        )
        .into());
    }
    for secret in secrets {
        let name = match secret.get("kind").and_then(Value::as_str) {
            Some("postgres-role") => "DATABASE_URL",
            Some("node-red-token") => "NODE_RED_TOKEN",
            _ => "REMIT_SECRET",
        };
        variables.push((name.to_owned(), text(secret, "secret")));
    }
    Ok(variables)
}

fn ends(client: &Client, grant: &Value) -> String {
    let screen = client.screen();
    let zone = (!screen.style.utc).then_some(&screen.terminal.zone);
    cells::time_at("", "/expires_at").cell(grant, zone).text
}

/// A word of a POSIX shell that means exactly this text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_the_shell() {
        let hostile = "a'b $(id) `id` \\ \"";
        let word = quoted(hostile);
        assert_eq!(word, "'a'\\''b $(id) `id` \\ \"'");
        let echoed = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {word}")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(echoed.stdout).unwrap(), hostile);
    }

    #[test]
    fn the_command_s_own_end_is_told() {
        let ran = |script: &str| {
            let status = std::process::Command::new("sh")
                .args(["-c", script])
                .status();
            code(status.unwrap())
        };
        assert_eq!(ran("exit 0"), 0);
        assert_eq!(ran("exit 42"), 42);
        assert_eq!(ran("kill -TERM $$"), 143);
    }
}

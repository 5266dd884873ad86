//! `remit login`, `logout` and `whoami`.
use crate::{
    client::Client,
    output,
    render::{safe, views},
};
use anyhow::{Context, Result};
use clap::Args;
use domain::ids::AccountId;
use serde_json::{Value, json};
use std::{io::IsTerminal as _, path::PathBuf};
use zeroize::Zeroizing;

/// Who signs in.
#[derive(Debug, Args)]
pub(crate) struct SignIn {
    /// Who
    account: AccountId,
    /// Keep the token in this new file, for you alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// Signs in with the password that is typed or piped, and prints the token or keeps it.
///
/// # Errors
/// As [`Client::post`]; if the file is there already.
pub(crate) async fn login(client: &Client, login: &SignIn) -> Result<()> {
    let password = password()?;
    let given = (!password.is_empty()).then_some(password.as_str());
    let body = json!({ "account": login.account.to_string(), "password": given });
    let session = client.post(&["session"], &body).await?;
    let token = session
        .get("token")
        .and_then(Value::as_str)
        .context("the answer holds no token")?;
    if let Some(path) = &login.save {
        save(path, token)?;
        client.screen().note(format_args!(
            "signed in; `--token-file {}` uses it",
            path.display()
        ));
    } else {
        output::line(safe::line(token));
    }
    Ok(())
}

/// A password: typed without showing it, or piped. The demo needs none.
fn password() -> Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() {
        output::prompt("Password: ");
        return console::Term::stderr()
            .read_secure_line()
            .map(Zeroizing::new)
            .context("could not read the password");
    }
    let mut text = Zeroizing::new(String::new());
    std::io::Read::read_to_string(&mut std::io::Read::take(std::io::stdin(), 4_096), &mut text)
        .context("could not read standard input")?;
    Ok(Zeroizing::new(
        text.trim_end_matches(['\n', '\r']).to_owned(),
    ))
}

fn save(path: &std::path::Path, token: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, format!("{token}\n").as_bytes()))
        .with_context(|| {
            format!(
                "could not write `{}`: name a file that is not there yet",
                path.display()
            )
        })
}

/// Ends the session whose token is used.
///
/// # Errors
/// As [`Client::delete`].
pub(crate) async fn logout(client: &Client) -> Result<()> {
    client.delete(&["session"]).await?;
    client.screen().note("signed out");
    Ok(())
}

/// Says who the token is.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn whoami(client: &Client) -> Result<()> {
    let writer = client.screen().writer(&views::ME)?;
    writer.write(&client.get(&["me"], &[]).await?)
}

//! `remit bundle`: other rules, put in force by two persons.
use crate::{client::Client, config, render::views};
use anyhow::Result;
use clap::Subcommand;
use domain::ids::Digest;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Bundles of catalog and policies.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Show which bundle is in force, and which waits
    Show,
    /// Propose a bundle, as the first of two persons
    Propose {
        /// Its folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Agree to the proposed bundle, as the second person
    Confirm {
        /// Its hash
        hash: Digest,
    },
}

/// Does it.
///
/// # Errors
/// As [`Client::post`]; a bundle with mistakes isn't sent.
pub(crate) async fn run(client: &Client, command: BundleCommand) -> Result<()> {
    let screen = client.screen();
    match command {
        BundleCommand::Show => {
            let writer = screen.writer(&views::BUNDLES)?;
            writer.write(&client.get(&["bundles"], &[]).await?)
        }
        BundleCommand::Propose { folder } => propose(client, &folder).await,
        BundleCommand::Confirm { hash } => {
            let writer = screen.writer(&views::DONE)?;
            screen.confirm("Put these rules in force for everybody?")?;
            let path = ["bundles", &hash.to_string(), "confirm"];
            writer.write(&client.post(&path, &json!({})).await?)
        }
    }
}

async fn propose(client: &Client, folder: &Path) -> Result<()> {
    let writer = client.screen().writer(&views::DONE)?;
    let files = config::bundle(folder)?;
    let bundle = policy::Bundle::load(&files).map_err(|mistakes| {
        anyhow::anyhow!(
            "the bundle has {} mistakes: `remit catalog check` explains them",
            mistakes.len()
        )
    })?;
    let digest = bundle.digest.to_string();
    let done = client
        .post_bytes(
            &["bundles", "propose"],
            ("x-bundle-digest", digest.clone()),
            policy::bundle::pack(&files),
        )
        .await?;
    client.screen().note(format_args!(
        "proposed {digest}; another person agrees with `remit bundle confirm {digest}`"
    ));
    writer.write(&done)
}

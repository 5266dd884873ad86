//! `remit directory list`: who is who.
use crate::{client::Client, render::views};
use anyhow::Result;

/// Lists people.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn list(client: &Client) -> Result<()> {
    let writer = client.screen().writer(&views::PEOPLE)?;
    writer.write(&client.get(&["people"], &[]).await?)
}

//! A small file that tells when a byte of it was changed: one line of JSON, and the SHA-256 of that line. It shows accidents, not
//! malice: whoever can write the file can write a fitting digest, so what must not be forged is signed elsewhere.
use crate::ledger_files::Changed;
use anyhow::{Context, Result};
use ledger::digest::Digest;
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;
use zeroize::Zeroizing;

/// The file's content.
///
/// # Errors
/// If `value` has no form in JSON.
pub(super) fn write(value: &impl Serialize) -> Result<Zeroizing<String>> {
    let line = Zeroizing::new(serde_json::to_string(value)?);
    let digest = Digest::of(line.as_bytes());
    Ok(Zeroizing::new(format!(
        "{}\nsha256 {digest}\n",
        line.as_str()
    )))
}

/// The value in a file.
///
/// # Errors
/// [`Changed`] if any byte of it isn't as it was written; else if it can't be read.
pub(super) fn read<T: DeserializeOwned + Serialize>(path: &Path) -> Result<T> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map(Zeroizing::new)
        .with_context(|| format!("could not read `{shown}`"))?;
    let changed = || Changed(format!("`{shown}` is not as it was written"));
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let value: T = serde_json::from_slice(line).map_err(|_| changed())?;
    if write(&value)?.as_bytes() == text.as_slice() {
        Ok(value)
    } else {
        Err(changed().into())
    }
}

//! The commands, one file for each noun: what it takes, and what it does at a server.
pub(crate) mod ask;
pub(crate) mod bundle;
pub(crate) mod catalog;
pub(crate) mod decide;
pub(crate) mod directory;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod grant;
pub(crate) mod keeping;
pub(crate) mod ledger;
pub(crate) mod manual;
pub(crate) mod quarantine;
pub(crate) mod raw;
pub(crate) mod request;
pub(crate) mod review;
pub(crate) mod session;
pub(crate) mod wait;
pub(crate) mod with_grant;

use anyhow::{Context, Result};
use std::{path::Path, str::FromStr};

/// How long something takes, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length(pub(crate) u32);

impl FromStr for Length {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "write it as `60m`, `1h30m` or `90s`, not `{}`",
                text.escape_default()
            )
        };
        let length: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        u32::try_from(length.as_secs())
            .ok()
            .filter(|seconds| *seconds > 0 && length.subsec_nanos() == 0)
            .map(Self)
            .ok_or_else(wrong)
    }
}

/// An entry's number, as lists show it: `48211` or `E-48211`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u64);

impl FromStr for Entry {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("E-")
            .unwrap_or(text)
            .parse()
            .map(Self)
            .map_err(|_| "write an entry's number, such as `48211`".to_owned())
    }
}

/// Words of a flag; `-` takes them from standard input.
///
/// # Errors
/// If standard input can't be read.
pub(crate) fn words(flag: &str) -> Result<String> {
    if flag != "-" {
        return Ok(flag.to_owned());
    }
    std::io::read_to_string(std::io::stdin())
        .map(|text| text.trim_end().to_owned())
        .context("could not read standard input")
}

/// The JSON in a file; `-` is standard input.
///
/// # Errors
/// If it can't be read, or isn't JSON.
pub(crate) fn json_file(file: &Path) -> Result<serde_json::Value> {
    let text = if file.as_os_str() == "-" {
        words("-")?
    } else {
        std::fs::read_to_string(file)
            .with_context(|| format!("could not read `{}`", file.display()))?
    };
    serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", file.display()))
}

/// Writes a file that isn't there yet.
///
/// # Errors
/// If there is one, or it can't be written.
pub(crate) fn new_file(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        .with_context(|| {
            format!(
                "could not write `{}`: name a file that is not there yet",
                path.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_units_and_whole_seconds() {
        let read = ["60m", "1h30m", "90s", "2 hours"].map(|text| text.parse::<Length>().unwrap().0);
        assert_eq!(read, [3_600, 5_400, 90, 7_200]);
        for wrong in ["", "60", "0s", "-5m", "1500ms", "soon"] {
            assert_eq!(
                wrong.parse::<Length>().unwrap_err(),
                format!("write it as `60m`, `1h30m` or `90s`, not `{wrong}`")
            );
        }
    }

    #[test]
    fn an_entry_is_named_as_lists_and_pages_name_it() {
        assert_eq!("48211".parse::<Entry>().unwrap().0, 48_211);
        assert_eq!("E-48211".parse::<Entry>().unwrap().0, 48_211);
        assert_eq!(
            "R-1".parse::<Entry>().unwrap_err(),
            "write an entry's number, such as `48211`"
        );
    }
}

//! A receipt: whatever carries a signed head of the log out of its keeper's hands. Given to requester, approver and SIEM at the
//! time, it finds a log whose end was cut or that was rewritten, even when the real key signed the shorter or other log.
//!
//! A `.tlog-proof` file is one, and so is a bare checkpoint, or a text whose last line ends with a JSON object that has one: the last
//! line of an export of entries, and what a SIEM keeps of a message.

use crate::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::export::{Fault, Files, check_continues};
use crate::proof_file::{ProofFile, ProofFileError, ProvenEntry};

/// A signed head of the log, and the entry it was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The head.
    pub checkpoint: Checkpoint,
    /// The entry, proved against that head.
    pub entry: Option<ProvenEntry>,
}

/// Why a text is no receipt of this log.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// A `.tlog-proof` file that proves nothing.
    #[error("the receipt's proof does not hold")]
    Proof(#[source] ProofFileError),
    /// A checkpoint that isn't the log's.
    #[error("the receipt's checkpoint is not to be believed")]
    Checkpoint(#[source] CheckpointError),
}

impl Receipt {
    /// Reads a receipt and believes it only if `key` signed its head.
    ///
    /// # Errors
    /// Another form, another key, or an entry that isn't under that head.
    pub fn open(text: &str, key: &VerifierKey) -> Result<Self, ReceiptError> {
        if !text.starts_with("c2sp.org/tlog-proof") {
            let in_json = in_json(text);
            let note = in_json.as_deref().unwrap_or(text);
            let checkpoint = key.open(note).map_err(ReceiptError::Checkpoint)?;
            return Ok(Self {
                checkpoint,
                entry: None,
            });
        }
        let entry = ProofFile::parse(text)
            .and_then(|file| file.verify(None, key))
            .map_err(ReceiptError::Proof)?;
        Ok(Self {
            checkpoint: entry.checkpoint.clone(),
            entry: Some(entry),
        })
    }

    /// Checks that a verified log of `size` entries still holds everything that this receipt speaks of.
    ///
    /// # Errors
    /// [`Fault::Shortened`] if its end was cut, [`Fault::Forked`] if it was rewritten, or what can't be read.
    pub fn check<F: Files + ?Sized>(&self, files: &F, size: u64) -> Result<(), Fault> {
        check_continues(files, size, &self.checkpoint)
    }
}

/// The member `checkpoint` of the JSON object with which the last line ends.
fn in_json(text: &str) -> Option<String> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    let (start, _) = line.match_indices('{').next()?;
    let mut object: serde_json::Value = serde_json::from_str(line.get(start..)?).ok()?;
    match object.get_mut("checkpoint")?.take() {
        serde_json::Value::String(checkpoint) => Some(checkpoint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde_json::json;

    use super::*;
    use crate::export::testing::{Folder, key, leaf, log_files, signed, signer};
    use crate::export::{prove, verify};

    fn entries(size: i64) -> Vec<Vec<u8>> {
        (0..size).map(|n| leaf(n, json!({}))).collect()
    }

    /// What somebody was given for entry `index` when the log had `size` entries.
    fn receipt(entries: &[Vec<u8>], index: u64) -> String {
        prove(&signed(entries), &key(), index).unwrap().to_text()
    }

    fn check(text: &str, files: &Folder) -> String {
        let verified = verify(files, &key(), &mut |_, _| {}).unwrap();
        let receipt = Receipt::open(text, &key()).unwrap();
        match receipt.check(files, verified.size) {
            Ok(()) => "holds".to_owned(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn a_log_that_only_grew_holds_every_receipt() {
        let all = entries(300);
        for size in [1, 7, 255, 256, 257, 300] {
            let text = receipt(&all[..size], 0);
            assert_eq!(check(&text, &signed(&all)), "holds", "{size}");
        }
        let head = signer(1).sign(&log_files(&all[..99]).1);
        assert_eq!(check(&head, &signed(&all)), "holds");
    }

    /// The shorter log verifies: the real key signed it. Only the receipt knows better.
    #[test]
    fn a_tail_cut_at_any_length_and_signed_again_is_found() {
        let all = entries(40);
        let text = receipt(&all, 3);
        for size in 1..40 {
            assert_eq!(
                check(&text, &signed(&all[..size])),
                format!(
                    "the log has `{size}` entries and had `40` when the earlier checkpoint was signed: its end is lost"
                )
            );
        }
    }

    #[test]
    fn one_entry_written_anew_and_signed_again_is_found() {
        let all = entries(40);
        let text = receipt(&all[..30], 3);
        for changed in 0..40 {
            let mut others = all.clone();
            others[changed] = leaf(1_000, json!({}));
            let expected = if changed < 30 {
                "the first `30` entries are not those that the earlier checkpoint signed: there are two logs under one name"
            } else {
                "holds"
            };
            assert_eq!(check(&text, &signed(&others)), expected, "{changed}");
        }
    }

    #[test]
    fn a_head_is_found_in_the_line_of_json_that_somebody_kept() {
        let all = entries(9);
        let head = signer(1).sign(&log_files(&all[..5]).1);
        let json = json!({ "event": "log-head", "checkpoint": head });
        let lines = [
            json.to_string(),
            format!("{}\n{json}\n\n", json!({ "entry": 1 })),
            format!("Nov 24 03:17:24 remit.example remit[7]: {json}\n"),
        ];
        for line in lines {
            assert_eq!(check(&line, &signed(&all)), "holds", "{line}");
            let cut = check(&line, &signed(&all[..4]));
            assert!(cut.ends_with("its end is lost"), "{cut}");
        }
        for line in [
            "{}",
            "{\"checkpoint\":7}",
            "{",
            "x {\"checkpoint\":\"x\"} y",
        ] {
            assert!(Receipt::open(line, &key()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_receipt_of_somebody_else_proves_nothing() {
        let head = signer(2).sign(&log_files(&entries(3)).1);
        let error = Receipt::open(&head, &key()).unwrap_err();
        assert_eq!(
            error.source().unwrap().to_string(),
            "it is signed with another key of `example.com/remit` than the one given"
        );
        let text = receipt(&entries(3), 1).replace("index 1", "index 2");
        assert_eq!(
            Receipt::open(&text, &key()).unwrap_err().to_string(),
            "the receipt's proof does not hold"
        );
    }
}

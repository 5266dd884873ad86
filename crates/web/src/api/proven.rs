//! One entry as it lies in the log, with the proof that it is in it: made and checked as an outsider would.
use crate::{app::Portal, trouble::Trouble};
use engine::{
    chain,
    ports::{Head, StoredHashes},
    witnesses::CosignedHead,
};
use ledger::{
    digest::Digest,
    proof_file::ProofFile,
    tree::{TreeHead, leaf_hash, prove_inclusion, verify_inclusion},
};

/// An entry as it lies in the log, and everything that proves it.
pub(crate) struct Proven {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Digest,
    pub(crate) proof: Vec<Digest>,
    pub(crate) head: TreeHead,
    pub(crate) checkpoint: String,
    /// What doesn't fit, if anything.
    pub(crate) flaw: Option<String>,
}

impl Proven {
    /// Reads and proves one entry, and checks the lot as an outsider would: against the newest checkpoint that witnesses cosigned, if it
    /// covers the entry, else against the newest.
    pub(crate) fn read(portal: &Portal, entry: u64) -> Result<Self, Trouble> {
        let reader = portal.app.engine.reader();
        let cosigned = portal.app.witnesses.as_ref();
        let cosigned = cosigned
            .and_then(|witnesses| witnesses.cosigned())
            .filter(|cosigned| entry < cosigned.tree.size);
        let head = match cosigned {
            Some(CosignedHead { tree, note }) => Head {
                tree,
                checkpoint: note,
            },
            None => reader.head().map_err(|error| portal.unread(&error))?,
        };
        Self::under(portal, entry, &head)
    }

    /// Reads and proves one entry under this head, and checks the lot as an outsider would.
    pub(super) fn under(portal: &Portal, entry: u64, head: &Head) -> Result<Self, Trouble> {
        let reader = portal.app.engine.reader();
        let mut leaves = reader
            .leaves(entry, 1)
            .map_err(|error| portal.unread(&error))?;
        let bytes = leaves.pop().ok_or(Trouble::NotFound)?;
        let proof = prove_inclusion(&StoredHashes(&*reader), entry, head.tree.size)
            .map_err(|error| portal.failed(&error))?;
        let hash = leaf_hash(&bytes);
        let flaw = flaw(portal, &head.checkpoint, &head.tree, entry, hash, &proof);
        Ok(Self {
            bytes,
            hash,
            proof,
            head: head.tree,
            checkpoint: head.checkpoint.clone(),
            flaw,
        })
    }

    /// The `.tlog-proof` file.
    pub(crate) fn file(&self, entry: u64) -> String {
        ProofFile {
            entry: Some(self.bytes.clone()),
            index: entry,
            hashes: self.proof.clone(),
            checkpoint: self.checkpoint.clone(),
        }
        .to_text()
    }

    /// The entry as JSON.
    pub(crate) fn leaf(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).unwrap_or(serde_json::Value::Null)
    }
}

fn flaw(
    portal: &Portal,
    note: &str,
    head: &TreeHead,
    entry: u64,
    hash: Digest,
    proof: &[Digest],
) -> Option<String> {
    let key = match ledger::checkpoint::VerifierKey::parse(&portal.app.engine.vkey()) {
        Ok(key) => key,
        Err(error) => return Some(chain(&error)),
    };
    let signed = match key.open(note) {
        Ok(checkpoint) => checkpoint.head(),
        Err(error) => return Some(chain(&error)),
    };
    if signed != *head {
        return Some("the signed checkpoint speaks of another tree than the log has".to_owned());
    }
    verify_inclusion(proof, &signed, entry, hash)
        .err()
        .map(|error| chain(&error))
}

//! What the rules know of free text: its length and a salted commitment, never its words. Decisions stay replayable after
//! the words are erased.
use crate::ids::Digest;
use serde::{Deserialize, Serialize};

/// A free text whose words lie in an encrypted body beside the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Length in Unicode scalar values, after cleaning.
    pub chars: u32,
    /// Salted commitment to the words; also the key under which the body is kept.
    pub commitment: Digest,
}

//! One entry is one decided command: who gave it, every input the decision read, what the policies said, and the events that
//! followed or the refusal. Replay needs nothing else.
use domain::{
    actor::{Actor, Seed},
    command::Command,
    event::Event,
    ids::{Digest, PersonId},
    time::Timestamp,
    verdict::Verdict,
};
use serde::{Deserialize, Serialize};

/// The `record` of a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who gave the command.
    pub actor: Actor,
    /// The human behind it, as found in the directory.
    pub person: Option<PersonId>,
    /// What was wanted.
    pub command: Command,
    /// Random bits the decision's ids derive from.
    pub seed: Seed,
    /// What the policies said, where they were asked.
    pub verdict: Option<Verdict>,
    /// What followed.
    pub outcome: Outcome,
    /// Bodies the entry commits to.
    pub bodies: Vec<BodyNamed>,
    /// Large inputs, by hash.
    pub blobs: Vec<Digest>,
    /// Commitment to the idempotency key under which it was sent, if there was one: see
    /// [`KeptAnswer::commitment`](crate::ports::KeptAnswer::commitment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Digest>,
    /// Subjects whose key this entry reports destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
}

/// What followed from a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rules said yes.
    Done(Vec<Event>),
    /// The rules said no.
    Refused(Refusal),
}

/// A refusal as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which rule.
    pub rule: String,
    /// What was found.
    pub message: String,
    /// Why the rule exists.
    pub why: String,
    /// What would be allowed instead, the smallest change first.
    pub fix: Vec<String>,
}

/// A body that an entry commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyNamed {
    /// Salted commitment.
    pub commitment: Digest,
    /// Whose key encrypts it.
    pub subject: String,
}

/// An entry read back from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Zero-based leaf index: the entry's number.
    pub entry: u64,
    /// Kind of command, in kebab case.
    pub kind: String,
    /// What it is about: `request/<uuid>`, `grant/<uuid>`, `directory`, `bundle`, ...
    pub stream: String,
    /// Trusted time.
    pub at: Timestamp,
    /// The bundle in force.
    pub bundle: Option<Digest>,
    /// The rest.
    pub record: Record,
}

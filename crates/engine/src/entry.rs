//! From a decision to the bytes of its entry and back: kind and stream follow from the command, so that a replay can tell
//! whether an entry was filed where it belongs.
use crate::record::{Outcome, Record, Recorded};
use domain::{
    command::Command,
    event::Event,
    ids::{Digest, GrantId, PlatformId},
    keeping::LegalHold,
    time::Timestamp,
};
use ledger::leaf::{Envelope, LEAF_VERSION, Leaf, LeafError};

/// Why an entry can't be read as a decision.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not an entry at all.
    #[error("entry `{entry}` can't be read")]
    Leaf {
        /// Which.
        entry: u64,
        /// What is wrong with it.
        #[source]
        source: LeafError,
    },
    /// Written by a release that knows more.
    #[error(
        "entry `{entry}` has layout `{version}` and this release reads `{LEAF_VERSION}`: use the release that wrote it, or a later one"
    )]
    Version {
        /// Which.
        entry: u64,
        /// Its layout.
        version: u16,
    },
    /// An entry, but not of a decision.
    #[error("entry `{entry}` holds no decision that this release can read")]
    Record {
        /// Which.
        entry: u64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// The ledger's form of a digest.
pub fn ledger_digest(digest: Digest) -> ledger::digest::Digest {
    ledger::digest::Digest::from_bytes(digest.0)
}

/// The domain's form of a digest.
pub fn domain_digest(digest: &ledger::digest::Digest) -> Digest {
    Digest(*digest.as_bytes())
}

/// The kind of entry that a command makes, in kebab case.
pub fn kind(command: &Command) -> &'static str {
    match command {
        Command::AdoptGenesis { .. } => "adopt-genesis",
        Command::ProposeBundle { .. } => "propose-bundle",
        Command::ConfirmBundle { .. } => "confirm-bundle",
        Command::ChangeDirectory { .. } => "change-directory",
        Command::SubmitRequest { .. } => "submit-request",
        Command::EditRequest { .. } => "edit-request",
        Command::WithdrawRequest { .. } => "withdraw-request",
        Command::ApproveRequest { .. } => "approve-request",
        Command::DenyRequest { .. } => "deny-request",
        Command::AskRequester { .. } => "ask-requester",
        Command::AnswerApprovers { .. } => "answer-approvers",
        Command::EscalateRequest { .. } => "escalate-request",
        Command::ExpireRequest { .. } => "expire-request",
        Command::ActivateGrant { .. } => "activate-grant",
        Command::ExpireGrant { .. } => "expire-grant",
        Command::ReturnGrant { .. } => "return-grant",
        Command::RevokeGrant { .. } => "revoke-grant",
        Command::HoldGrant { .. } => "hold-grant",
        Command::ResumeGrant { .. } => "resume-grant",
        Command::ContainGrant { .. } => "contain-grant",
        Command::IssueCredential { .. } => "issue-credential",
        Command::RecordProvisioned { .. } => "record-provisioned",
        Command::RecordProvisionFailed { .. } => "record-provision-failed",
        Command::RecordRemoved { .. } => "record-removed",
        Command::RecordRemovalFailed { .. } => "record-removal-failed",
        Command::BeginUse { .. } => "begin-use",
        Command::FinishUse { .. } => "finish-use",
        Command::FinishUses { .. } => "finish-uses",
        Command::RecordActivity { .. } => "record-activity",
        Command::EscalateReview { .. } => "escalate-review",
        Command::ReportWitnesses { .. } => "report-witnesses",
        Command::ReviewGrant { .. } => "review-grant",
        Command::BeginQuarantine { .. } => "begin-quarantine",
        Command::RecordStrays { .. } => "record-strays",
        Command::RecordStrayEnded { .. } => "record-stray-ended",
        Command::RecordMissing { .. } => "record-missing",
        Command::EndUnconfirmed { .. } => "end-unconfirmed",
        Command::RecordReconciled { .. } => "record-reconciled",
        Command::LiftQuarantine { .. } => "lift-quarantine",
        Command::ErasePerson { .. } => "erase-person",
        Command::RecordErased { .. } => "record-erased",
        Command::PlaceLegalHold { .. } => "place-legal-hold",
        Command::LiftLegalHold { .. } => "lift-legal-hold",
    }
}

/// What an entry is about: `request/<uuid>`, `grant/<uuid>`, `platform/<id>`, `person/<id>` (erasure), `legal-hold/<id>`,
/// `directory`, `bundle`, `quarantine`, `log`; `request` alone for a request that was refused and so never got an id.
pub fn stream(command: &Command, outcome: &Outcome) -> String {
    match command {
        Command::AdoptGenesis { .. }
        | Command::ProposeBundle { .. }
        | Command::ConfirmBundle { .. } => "bundle".to_owned(),
        Command::ChangeDirectory { .. } => "directory".to_owned(),
        Command::ReportWitnesses { .. } => "log".to_owned(),
        Command::ErasePerson { person } | Command::RecordErased { person } => {
            format!("person/{person}")
        }
        Command::PlaceLegalHold {
            hold: LegalHold { id, .. },
        }
        | Command::LiftLegalHold { hold: id } => format!("legal-hold/{id}"),
        Command::SubmitRequest { .. } => submitted(outcome),
        Command::EditRequest { request, .. }
        | Command::WithdrawRequest { request }
        | Command::ApproveRequest { request, .. }
        | Command::DenyRequest { request, .. }
        | Command::AskRequester { request, .. }
        | Command::AnswerApprovers { request, .. }
        | Command::EscalateRequest { request }
        | Command::ExpireRequest { request } => format!("request/{request}"),
        Command::ActivateGrant { grant }
        | Command::ExpireGrant { grant }
        | Command::ReturnGrant { grant }
        | Command::RevokeGrant { grant, .. }
        | Command::HoldGrant { grant, .. }
        | Command::ResumeGrant { grant, .. }
        | Command::ContainGrant { grant, .. }
        | Command::IssueCredential { grant, .. }
        | Command::RecordProvisioned { grant, .. }
        | Command::RecordProvisionFailed { grant, .. }
        | Command::RecordRemoved { grant, .. }
        | Command::RecordRemovalFailed { grant, .. }
        | Command::FinishUse { grant, .. }
        | Command::FinishUses { grant, .. }
        | Command::EscalateReview { grant }
        | Command::RecordMissing { grant, .. }
        | Command::EndUnconfirmed { grant }
        | Command::ReviewGrant { grant, .. } => format!("grant/{grant}"),
        Command::RecordStrays { platform, .. }
        | Command::RecordStrayEnded { platform, .. }
        | Command::RecordReconciled { platform } => format!("platform/{platform}"),
        Command::BeginQuarantine { .. } | Command::LiftQuarantine { .. } => "quarantine".to_owned(),
        Command::BeginUse { attempt } => grant_or_platform(attempt.grant, &attempt.platform),
        Command::RecordActivity { activity } => {
            grant_or_platform(activity.grant, &activity.platform)
        }
    }
}

/// The subjects whose key an entry with this outcome reports destroyed.
pub fn erased(outcome: &Outcome) -> Vec<String> {
    let events = match outcome {
        Outcome::Done(events) => events.as_slice(),
        Outcome::Refused(_) => &[],
    };
    let erased = events.iter().filter_map(|event| match event {
        Event::PersonErased { person } => Some(person.to_string()),
        _ => None,
    });
    erased.collect()
}

fn submitted(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(events) => events
            .iter()
            .find_map(|event| match event {
                Event::RequestSubmitted { request, .. } => Some(format!("request/{request}")),
                _ => None,
            })
            .unwrap_or_else(|| "request".to_owned()),
        Outcome::Refused(_) => "request".to_owned(),
    }
}

fn grant_or_platform(grant: Option<GrantId>, platform: &PlatformId) -> String {
    match grant {
        Some(grant) => format!("grant/{grant}"),
        None => format!("platform/{platform}"),
    }
}

impl Recorded {
    /// The canonical bytes of this entry, as the tree hashes them.
    ///
    /// # Errors
    /// [`LeafError`] if the entry is too large, or holds what has no canonical form.
    pub fn encode(&self, engine_version: &str) -> Result<Vec<u8>, LeafError> {
        let envelope = Envelope {
            kind: &self.kind,
            stream: &self.stream,
            at: self.at.0,
            engine: engine_version,
            bundle: self.bundle.map(ledger_digest),
        };
        envelope.encode(&self.record)
    }

    /// Reads an entry from its leaf.
    ///
    /// # Errors
    /// [`EntryError`] if it is of another layout, or not of a decision.
    pub fn from_leaf(entry: u64, leaf: Leaf) -> Result<Self, EntryError> {
        if leaf.v != LEAF_VERSION {
            return Err(EntryError::Version {
                entry,
                version: leaf.v,
            });
        }
        let record: Record = serde_json::from_value(leaf.record)
            .map_err(|source| EntryError::Record { entry, source })?;
        Ok(Self {
            entry,
            kind: leaf.kind,
            stream: leaf.stream,
            at: Timestamp(leaf.at),
            bundle: leaf.bundle.as_ref().map(domain_digest),
            record,
        })
    }

    /// Reads an entry from its canonical bytes.
    ///
    /// # Errors
    /// [`EntryError`] if they aren't the canonical bytes of a decision.
    pub fn from_bytes(entry: u64, bytes: &[u8]) -> Result<Self, EntryError> {
        let leaf = Leaf::decode(bytes).map_err(|source| EntryError::Leaf { entry, source })?;
        Self::from_leaf(entry, leaf)
    }
}

//! What happened. An event is its record: variants may be added, never changed, and golden fixtures pin their bytes.
use crate::{
    catalog::Stage,
    command::{Activity, Attempt, DirectoryChange, ReviewFinding, UseOutcome},
    grant::{CredentialKind, EndReason, GrantTerms, HoldReason},
    ids::{
        AccountId, CredentialId, Digest, GrantId, LegalHoldId, PersonId, PlatformId, RequestId,
        RequestNumber, UseId,
    },
    impact::Impact,
    keeping::LegalHold,
    request::{Ask, Consent, Narrowing, Turn},
    text::Text,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[expect(
    missing_docs,
    reason = "fields carry the words of the commands they come from"
)]
pub enum Event {
    /// A bundle is in force from here on.
    BundleAdopted {
        bundle: Digest,
        genesis: bool,
        by: Vec<PersonId>,
    },
    /// A bundle waits for its second person.
    BundleProposed { bundle: Digest, by: PersonId },
    /// The directory changed.
    DirectoryChanged { change: DirectoryChange },
    /// A request was sent.
    RequestSubmitted {
        request: RequestId,
        number: RequestNumber,
        requester: PersonId,
        account: AccountId,
        ask: Ask,
        digest: Digest,
        impact: Impact,
        stages: Vec<Stage>,
        escalate_at: Timestamp,
        expires_at: Timestamp,
    },
    /// A request says something else now; earlier consents are void.
    RequestEdited {
        request: RequestId,
        ask: Ask,
        digest: Digest,
        revision: u32,
        impact: Impact,
        stages: Vec<Stage>,
        voided: Vec<PersonId>,
        escalate_at: Timestamp,
        expires_at: Timestamp,
    },
    /// The requester took it back.
    RequestWithdrawn { request: RequestId },
    /// Somebody consented.
    RequestApproved {
        request: RequestId,
        consent: Consent,
        narrowed: Option<Narrowing>,
    },
    /// Somebody said no.
    RequestDenied {
        request: RequestId,
        by: PersonId,
        comment: Text,
    },
    /// A question or an answer.
    RequestDiscussed { request: RequestId, turn: Turn },
    /// Deputies are asked too.
    RequestEscalated {
        request: RequestId,
        to: Vec<PersonId>,
    },
    /// Nobody answered in time.
    RequestExpired { request: RequestId },
    /// Every seat is filled: there is a grant.
    GrantScheduled {
        terms: GrantTerms,
        starts_at: Timestamp,
    },
    /// The grant is usable.
    GrantActivated {
        grant: GrantId,
        expires_at: Timestamp,
    },
    /// The same grant ends later.
    GrantExtended {
        grant: GrantId,
        request: RequestId,
        expires_at: Timestamp,
    },
    /// Not usable for now.
    GrantHeld {
        grant: GrantId,
        because: HoldReason,
        by: Option<PersonId>,
        comment: Option<Text>,
    },
    /// Usable again.
    GrantResumed {
        grant: GrantId,
        by: PersonId,
        comment: Text,
    },
    /// Over for ever.
    GrantEnded {
        grant: GrantId,
        reason: EndReason,
        by: Option<PersonId>,
        comment: Option<Text>,
    },
    /// Every credential is read back as gone: the revocation certificate.
    GrantClosed {
        grant: GrantId,
        reason: EndReason,
        ended_at: Timestamp,
        removed: Vec<CredentialId>,
    },
    /// An emergency grant was taken: everybody concerned is told at once.
    AlarmRaised { alarm: Alarm },
    /// As many witnesses as needed cosign the log again.
    WitnessesAnswering { answering: u32, needed: u32 },
    /// A credential is about to be made in a target: the durable intent.
    CredentialIntended {
        grant: GrantId,
        credential: CredentialId,
        kind: CredentialKind,
    },
    /// It was made.
    CredentialIssued {
        grant: GrantId,
        credential: CredentialId,
        kind: CredentialKind,
        expires_at: Timestamp,
    },
    /// It could not be made.
    CredentialFailed {
        grant: GrantId,
        credential: CredentialId,
        because: String,
    },
    /// It is to be taken back: the durable intent. Never expires.
    CredentialRemovalIntended {
        grant: GrantId,
        credential: CredentialId,
    },
    /// It could not be taken back yet.
    CredentialRemovalFailed {
        grant: GrantId,
        credential: CredentialId,
        attempts: u32,
        because: String,
    },
    /// The target was read back: it is gone.
    CredentialRemoved {
        grant: GrantId,
        credential: CredentialId,
        read_back: String,
    },
    /// A use may go ahead: recorded before it is forwarded. What was attempted is in the command of the same entry.
    UseAllowed {
        use_id: UseId,
        grant: GrantId,
        holder: PersonId,
        credential: Option<CredentialId>,
        /// Whether it counts as a call: an ambient use does nothing to any target.
        metered: bool,
    },
    /// A use was refused.
    UseRefused {
        grant: Option<GrantId>,
        attempt: Attempt,
        rule: String,
    },
    /// What came of a use.
    UseFinished {
        use_id: UseId,
        grant: GrantId,
        outcome: UseOutcome,
    },
    /// A platform's own log tells of something done.
    ActivityRecorded { activity: Activity },
    /// Somebody must say whether the use was what the purpose said.
    ReviewDue {
        grant: GrantId,
        holder: PersonId,
        due_at: Timestamp,
    },
    /// Nobody did in time, or nobody could: these may now, and the alarm is raised again if none of them does.
    ReviewEscalated {
        grant: GrantId,
        to: Vec<PersonId>,
        again_at: Timestamp,
    },
    /// Somebody is to be forgotten: nothing new is written about them, and their key is to be destroyed.
    ErasureIntended { person: PersonId },
    /// The key was destroyed: their words can be read by nobody any more.
    PersonErased { person: PersonId },
    /// Words must be kept.
    LegalHoldPlaced { hold: LegalHold },
    /// They need not be kept any longer.
    LegalHoldLifted { hold: LegalHoldId },
    /// Somebody said it.
    GrantReviewed {
        grant: GrantId,
        by: PersonId,
        finding: ReviewFinding,
        comment: Text,
    },
    /// This log is a copy: nothing is given from here on.
    QuarantineBegun {
        copied: u64,
        platforms: Vec<PlatformId>,
    },
    /// The copy can't explain these: the durable intent to end them.
    StraysFound {
        platform: PlatformId,
        names: Vec<String>,
    },
    /// The platform was read back: it is gone.
    StrayEnded {
        platform: PlatformId,
        name: String,
        read_back: String,
    },
    /// What the copy takes for live is not in its target any more.
    CredentialMissing {
        grant: GrantId,
        credential: CredentialId,
    },
    /// Nothing is in the platform that the copy can't explain.
    PlatformReconciled { platform: PlatformId },
    /// Things are given again.
    QuarantineLifted { comment: Text },
}

impl Event {
    /// Whether power is given to somebody by this. The issue of a credential isn't such an event: it reports what was intended
    /// before, or is told by its command.
    pub fn gives_power(&self) -> bool {
        match self {
            Self::GrantScheduled { .. }
            | Self::GrantActivated { .. }
            | Self::GrantExtended { .. }
            | Self::GrantResumed { .. }
            | Self::CredentialIntended { .. }
            | Self::UseAllowed { .. } => true,
            Self::CredentialIssued { .. }
            | Self::BundleAdopted { .. }
            | Self::BundleProposed { .. }
            | Self::DirectoryChanged { .. }
            | Self::RequestSubmitted { .. }
            | Self::RequestEdited { .. }
            | Self::RequestWithdrawn { .. }
            | Self::RequestApproved { .. }
            | Self::RequestDenied { .. }
            | Self::RequestDiscussed { .. }
            | Self::RequestEscalated { .. }
            | Self::RequestExpired { .. }
            | Self::GrantHeld { .. }
            | Self::GrantEnded { .. }
            | Self::GrantClosed { .. }
            | Self::AlarmRaised { .. }
            | Self::CredentialFailed { .. }
            | Self::CredentialRemovalIntended { .. }
            | Self::CredentialRemovalFailed { .. }
            | Self::CredentialRemoved { .. }
            | Self::UseRefused { .. }
            | Self::UseFinished { .. }
            | Self::ActivityRecorded { .. }
            | Self::ReviewDue { .. }
            | Self::ReviewEscalated { .. }
            | Self::GrantReviewed { .. }
            | Self::WitnessesAnswering { .. }
            | Self::QuarantineBegun { .. }
            | Self::StraysFound { .. }
            | Self::StrayEnded { .. }
            | Self::CredentialMissing { .. }
            | Self::PlatformReconciled { .. }
            | Self::QuarantineLifted { .. }
            | Self::ErasureIntended { .. }
            | Self::PersonErased { .. }
            | Self::LegalHoldPlaced { .. }
            | Self::LegalHoldLifted { .. } => false,
        }
    }
}

/// Why everybody concerned is told at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Alarm {
    BreakGlass {
        grant: GrantId,
        holder: PersonId,
    },
    PolicyError {
        policies: Vec<String>,
    },
    RemovalOverdue {
        grant: GrantId,
        credential: CredentialId,
        attempts: u32,
    },
    Contained {
        grant: GrantId,
        because: HoldReason,
    },
    Unreviewed {
        grant: GrantId,
        holder: PersonId,
        reviewers: Vec<PersonId>,
    },
    WitnessesMissing {
        answering: u32,
        needed: u32,
        silent: Vec<String>,
    },
    LogContradicted {
        witness: String,
        found: String,
    },
}

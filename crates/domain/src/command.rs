//! What somebody wants: the only way in. A command is recorded as it was decided, so its free texts are commitments.
use crate::{
    actor::Actor,
    catalog::DataClass,
    directory::{Account, Delegation, Group, Person},
    grant::{CredentialKind, HoldReason},
    ids::{
        AccountId, ActionId, CredentialId, DelegationId, Digest, GatewayId, GrantId, GroupId,
        LegalHoldId, PersonId, PlatformId, RequestId, TargetId, UseId,
    },
    keeping::LegalHold,
    request::{Ask, Narrowing},
    text::Text,
    time::Timestamp,
    witnessing::WitnessReport,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Make a bundle the one in force: at the first start, recorded as genesis.
    AdoptGenesis {
        /// Which bundle.
        bundle: Digest,
    },
    /// Propose another bundle.
    ProposeBundle {
        /// Which bundle.
        bundle: Digest,
    },
    /// Agree to the proposed bundle, as the second person.
    ConfirmBundle {
        /// Which bundle.
        bundle: Digest,
    },
    /// Put one change of the directory on record.
    ChangeDirectory {
        /// What is now true.
        change: DirectoryChange,
    },
    /// Ask for a privilege.
    SubmitRequest {
        /// What is asked.
        ask: Ask,
    },
    /// Ask for something else instead; voids consents.
    EditRequest {
        /// Which request.
        request: RequestId,
        /// What is asked now.
        ask: Ask,
        /// The revision the requester saw.
        revision: u32,
    },
    /// Take a request back.
    WithdrawRequest {
        /// Which request.
        request: RequestId,
    },
    /// Consent.
    ApproveRequest {
        /// Which request.
        request: RequestId,
        /// What the approver saw.
        digest: Digest,
        /// What the approver leaves of it, if less.
        narrowing: Option<Narrowing>,
        /// Why.
        comment: Text,
    },
    /// Say no.
    DenyRequest {
        /// Which request.
        request: RequestId,
        /// What the approver saw.
        digest: Digest,
        /// Why.
        comment: Text,
    },
    /// Ask the requester something.
    AskRequester {
        /// Which request.
        request: RequestId,
        /// What is asked.
        text: Text,
    },
    /// Answer the approvers.
    AnswerApprovers {
        /// Which request.
        request: RequestId,
        /// What is answered.
        text: Text,
    },
    /// The time of a request to be escalated has come.
    EscalateRequest {
        /// Which request.
        request: RequestId,
    },
    /// The time of a request is over.
    ExpireRequest {
        /// Which request.
        request: RequestId,
    },
    /// The start of a scheduled grant has come.
    ActivateGrant {
        /// Which grant.
        grant: GrantId,
    },
    /// The time of a grant is over.
    ExpireGrant {
        /// Which grant.
        grant: GrantId,
    },
    /// The holder gives it back.
    ReturnGrant {
        /// Which grant.
        grant: GrantId,
    },
    /// A human takes it back.
    RevokeGrant {
        /// Which grant.
        grant: GrantId,
        /// Why.
        comment: Text,
    },
    /// A human holds it.
    HoldGrant {
        /// Which grant.
        grant: GrantId,
        /// Why.
        comment: Text,
    },
    /// A human lets it go on.
    ResumeGrant {
        /// Which grant.
        grant: GrantId,
        /// Why.
        comment: Text,
    },
    /// A rule takes it back after it was held.
    ContainGrant {
        /// Which grant.
        grant: GrantId,
        /// What it was held for.
        because: HoldReason,
    },
    /// A credential is wanted for a grant: an access token or a gateway session.
    IssueCredential {
        /// Which grant.
        grant: GrantId,
        /// What kind.
        kind: CredentialKind,
    },
    /// A worker made the credential in the target.
    RecordProvisioned {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
        /// First instant at which the target itself refuses it.
        expires_at: Timestamp,
    },
    /// A worker could not make it.
    RecordProvisionFailed {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
        /// In the connector's words, bounded, without secrets.
        because: String,
    },
    /// A worker took it away and read the target back.
    RecordRemoved {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
        /// What the target showed.
        read_back: String,
    },
    /// A worker could not take it away yet.
    RecordRemovalFailed {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
        /// In the connector's words, bounded, without secrets.
        because: String,
    },
    /// Somebody is about to use a grant at an enforcement point.
    BeginUse {
        /// What they want to do.
        attempt: Attempt,
    },
    /// What came of it.
    FinishUse {
        /// Which use.
        use_id: UseId,
        /// Under which grant.
        grant: GrantId,
        /// What came of it.
        outcome: UseOutcome,
    },
    /// What came of several uses of one grant that ended at about the same time: all of it is recorded, or none.
    FinishUses {
        /// Under which grant.
        grant: GrantId,
        /// Which uses, each once, and what came of them.
        uses: Vec<FinishedUse>,
    },
    /// A platform's own log tells of something done.
    RecordActivity {
        /// What was done.
        activity: Activity,
    },
    /// The time of a review is over, or its alarm is to be raised again.
    EscalateReview {
        /// Which grant.
        grant: GrantId,
    },
    /// Put something new about the log's witnesses on record.
    ReportWitnesses {
        /// What is new.
        report: WitnessReport,
    },
    /// Forget somebody: destroy the key of their words, for ever.
    ErasePerson {
        /// Whom.
        person: PersonId,
    },
    /// The key was destroyed.
    RecordErased {
        /// Whose.
        person: PersonId,
    },
    /// Keep words whatever the retention says; a hold of this name is replaced.
    PlaceLegalHold {
        /// Which words.
        hold: LegalHold,
    },
    /// Keep them no longer.
    LiftLegalHold {
        /// Which hold.
        hold: LegalHoldId,
    },
    /// Say whether a past use was what the purpose said.
    ReviewGrant {
        /// Which grant.
        grant: GrantId,
        /// The answer.
        finding: ReviewFinding,
        /// Why.
        comment: Text,
    },
    /// This log is a copy of another one: compare every target with it before anything is given.
    BeginQuarantine {
        /// How many entries it had when it was copied.
        copied: u64,
        /// Platforms that this server is connected to.
        platforms: BTreeSet<PlatformId>,
    },
    /// The copy can't explain what is in a platform.
    RecordStrays {
        /// Which platform.
        platform: PlatformId,
        /// What was found, by the platform's own names.
        names: BTreeSet<String>,
    },
    /// It was ended, and the platform read back.
    RecordStrayEnded {
        /// Which platform.
        platform: PlatformId,
        /// What was ended.
        name: String,
        /// What the platform showed.
        read_back: String,
    },
    /// A credential of the copy is not in its target any more.
    RecordMissing {
        /// Which grant.
        grant: GrantId,
        /// Which credential.
        credential: CredentialId,
    },
    /// Nothing outside confirms a grant of the copy.
    EndUnconfirmed {
        /// Which grant.
        grant: GrantId,
    },
    /// Nothing is in a platform that the copy can't explain.
    RecordReconciled {
        /// Which platform.
        platform: PlatformId,
    },
    /// Let things be given again.
    LiftQuarantine {
        /// Why.
        comment: Text,
    },
}

/// One fact about people that is now true (or no longer).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryChange {
    /// A person is as given.
    Person {
        /// The facts.
        person: Person,
        /// The name, as a body.
        name: Option<Text>,
        /// The mail address, as a body.
        mail: Option<Text>,
    },
    /// A person is gone.
    PersonRemoved(PersonId),
    /// An account is as given.
    Account(Account),
    /// An account is gone.
    AccountRemoved(AccountId),
    /// A group is as given.
    Group(Group),
    /// A group is gone.
    GroupRemoved(GroupId),
    /// A delegation is as given.
    Delegation(Delegation),
    /// A delegation is gone.
    DelegationRemoved(DelegationId),
}

/// A wish to use a grant, as an enforcement point read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which enforcement point.
    pub gateway: GatewayId,
    /// The grant the caller presented, if any could be told.
    pub grant: Option<GrantId>,
    /// The credential that was presented, if any could be told.
    pub credential: Option<CredentialId>,
    /// Which platform.
    pub platform: PlatformId,
    /// What is done; empty means the route is ambient (part of using the platform at all).
    pub actions: BTreeSet<(ActionId, TargetId)>,
    /// HTTP method, bounded.
    pub method: String,
    /// Path without query, bounded to 512 bytes, as forwarded.
    pub path: String,
    /// Where data would go, if declared.
    pub destination: Option<String>,
    /// What didn't map to the catalog, in plain words; not empty means refused.
    pub unmapped: Vec<String>,
}

/// A use, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedUse {
    /// Which use.
    pub use_id: UseId,
    /// What came of it.
    pub outcome: UseOutcome,
}

/// What came of a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseOutcome {
    /// Status the platform answered, if it did.
    pub status: Option<u16>,
    /// Bytes of the response that were passed on.
    pub bytes: u64,
    /// Rows in it, where declared.
    pub rows: u64,
    /// Whether it was cut because the grant ended.
    pub cut: bool,
}

/// Something a platform's own log tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Which platform.
    pub platform: PlatformId,
    /// The grant it belongs to, if one explains it; `None` is drift or ordinary work.
    pub grant: Option<GrantId>,
    /// What was done, bounded: an audit event's name or a statement's class.
    pub action: String,
    /// On what, bounded.
    pub object: String,
    /// The words of the log line as a body, if it may contain personal data.
    pub detail: Option<Text>,
    /// The target's classification, if known.
    pub data_class: Option<DataClass>,
    /// When the platform says it happened.
    pub happened_at: Timestamp,
    /// Position in the platform's log, as text that sorts byte by byte as the log grows: the same line is recorded once.
    pub source: String,
}

/// The answer of a post-use review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewFinding {
    /// The use was what the purpose said.
    AsStated,
    /// It was not.
    Questioned,
}

/// A command and who gave it: what the engine takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Who.
    pub actor: Actor,
    /// What.
    pub command: Command,
}

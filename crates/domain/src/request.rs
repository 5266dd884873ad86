//! What a person asks for, and where it stands. An approval binds the exact facts by their digest: any edit makes new facts.
use crate::{
    catalog::{SeatHolder, Stage},
    directory::Person,
    ids::{
        AccountId, Digest, DutyId, GrantId, PersonId, PrivilegeId, QuestionId, RequestId,
        RequestNumber, RiskControlId, SeatId, TargetId,
    },
    impact::Impact,
    text::Text,
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked, as the requester wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Which privilege.
    pub privilege: PrivilegeId,
    /// On what.
    pub targets: BTreeSet<TargetId>,
    /// For how long from activation.
    pub duration: Seconds,
    /// When it should start.
    pub start: Start,
    /// Answers to the privilege's template.
    pub answers: BTreeMap<QuestionId, Text>,
    /// Ticket or change number; not free text (letters, digits, `-`, `#`, `/`, at most 64).
    pub ticket: Option<String>,
    /// Risk controls the requester confirmed.
    pub confirmed: BTreeSet<RiskControlId>,
    /// What kind of request.
    pub kind: RequestKind,
}

/// When a grant should start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// As soon as the last consent is given.
    Now,
    /// At this instant, or at the last consent if that comes later.
    At(Timestamp),
}

/// What kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// A new grant.
    New,
    /// More time for a live grant of the same person, privilege and targets.
    Extension(GrantId),
    /// An emergency: the grant comes first, the review afterwards.
    BreakGlass,
}

/// A request nobody has finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which.
    pub id: RequestId,
    /// The number people use.
    pub number: RequestNumber,
    /// Who asks.
    pub requester: PersonId,
    /// Through which login.
    pub account: AccountId,
    /// What is asked now.
    pub ask: Ask,
    /// Under which bundle it was sent or last edited: another may mean something else by the same names.
    pub bundle: Option<Digest>,
    /// Digest of requester, ask, impact and stages: what a consent binds.
    pub digest: Digest,
    /// Counts edits, from 1.
    pub revision: u32,
    /// How much could go wrong.
    pub impact: Impact,
    /// Whose consent is needed: the catalog's, the band's and the invariants' seats together.
    pub stages: Vec<Stage>,
    /// What approvers left of the ask; never more than it.
    pub narrowed: Option<Narrowing>,
    /// Who consented to the present revision, in order.
    pub consents: Vec<Consent>,
    /// Questions and answers, in order.
    pub conversation: Vec<Turn>,
    /// When it was first sent.
    pub sent_at: Timestamp,
    /// When deputies are asked too.
    pub escalate_at: Timestamp,
    /// Whether they were.
    pub escalated: bool,
    /// When it lapses.
    pub expires_at: Timestamp,
}

/// What an approver left of the ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowing {
    /// Still allowed targets.
    pub targets: BTreeSet<TargetId>,
    /// Still allowed duration.
    pub duration: Seconds,
}

/// One human's yes to one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who.
    pub by: PersonId,
    /// Whose duty they used: their own, or that of the person who delegated to them.
    pub authority: PersonId,
    /// Which stage was open, from 0: a consent counts there and nowhere else.
    pub stage: u32,
    /// Seats of that stage this consent may fill, and as which of their holders (the matching chooses).
    pub seats: BTreeMap<SeatId, BTreeSet<SeatHolder>>,
    /// Duties behind those seats, for policies and records.
    pub duties: BTreeSet<DutyId>,
    /// The digest they saw.
    pub digest: Digest,
    /// Why.
    pub comment: Text,
    /// When.
    pub at: Timestamp,
}

/// One message of the conversation between approvers and requester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who wrote it.
    pub by: PersonId,
    /// What it is.
    pub kind: TurnKind,
    /// The words.
    pub text: Text,
    /// When.
    pub at: Timestamp,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnKind {
    /// An approver asks.
    Question,
    /// The requester answers.
    Answer,
}

/// Who could fill which seat at a moment, for pages and pre-checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSeat {
    /// Which stage, from 0.
    pub stage: u32,
    /// Which seat rule.
    pub seat: SeatId,
    /// How many consents it still needs.
    pub missing: u8,
    /// Who could give one, without the requester and without whoever already consented.
    pub candidates: BTreeSet<PersonId>,
}

/// A person's record with the broker: what impact and rules read of the past.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// Grants that were activated, by privilege.
    pub held: BTreeMap<PrivilegeId, u32>,
    /// Grants that ended contained.
    pub violations: u32,
}

/// What a consent binds: SHA-256 of who asks, what, how much could go wrong, whose consent it takes and which edit this is.
///
/// # Panics
///
/// Never: plain values with text keys always serialise.
pub fn request_digest(
    requester: &PersonId,
    ask: &Ask,
    impact: &Impact,
    stages: &[Stage],
    revision: u32,
) -> Digest {
    let facts = serde_json::to_vec(&(requester, ask, impact, stages, revision));
    #[expect(
        clippy::expect_used,
        reason = "plain values with text keys always serialise, and a digest of nothing would bind nothing"
    )]
    let facts = facts.expect("a request serialises");
    let mut hasher = Sha256::new();
    hasher.update(b"remit request digest v1\n");
    hasher.update(facts);
    Digest(hasher.finalize().into())
}

impl Request {
    /// The targets that would be lent now.
    pub fn targets(&self) -> &BTreeSet<TargetId> {
        self.narrowed
            .as_ref()
            .map_or(&self.ask.targets, |n| &n.targets)
    }

    /// The duration that would be lent now.
    pub fn duration(&self) -> Seconds {
        self.narrowed
            .as_ref()
            .map_or(self.ask.duration, |n| n.duration)
    }
}

impl Person {
    /// Whether they may act.
    pub fn is_active(&self) -> bool {
        matches!(self.standing, crate::directory::Standing::Active)
    }
}

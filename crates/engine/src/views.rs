//! What pages and lists read: rows of projections, closed work included. Implemented by `store`; the live state of open work
//! is read from the engine itself.
use crate::ports::ReadError;
use domain::{
    catalog::Environment,
    grant::{EndReason, Usage},
    ids::{
        GrantId, GrantNumber, PersonId, PlatformId, PrivilegeId, QuestionId, RequestId,
        RequestNumber, TargetId, UseId,
    },
    impact::Impact,
    request::{RequestKind, Start, TurnKind},
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A person's words for pages; `None` once erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// Who.
    pub id: PersonId,
    /// What they are called.
    pub name: Option<String>,
    /// Where they are written to.
    pub mail: Option<String>,
}

/// A request, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields carry the words of domain::request")]
pub struct RequestRow {
    pub id: RequestId,
    pub number: RequestNumber,
    pub requester: PersonId,
    pub privilege: PrivilegeId,
    pub targets: BTreeSet<TargetId>,
    pub duration: Seconds,
    pub start: Start,
    pub kind: RequestKind,
    pub ticket: Option<String>,
    pub answers: BTreeMap<QuestionId, Option<String>>,
    pub impact: Impact,
    pub revision: u32,
    pub standing: RequestStanding,
    pub sent_at: Timestamp,
    pub changed_at: Timestamp,
    pub expires_at: Timestamp,
    pub consents: Vec<ConsentRow>,
    pub conversation: Vec<TurnRow>,
    pub grant: Option<GrantNumber>,
    /// Entries about it, oldest first.
    pub entries: Vec<u64>,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum RequestStanding {
    Pending,
    Granted,
    Denied {
        by: PersonId,
        comment: Option<String>,
    },
    Withdrawn,
    Expired,
}

/// A consent, with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields carry the words of domain::request")]
pub struct ConsentRow {
    pub by: PersonId,
    pub authority: PersonId,
    pub seats: BTreeSet<String>,
    pub comment: Option<String>,
    pub at: Timestamp,
    pub voided: bool,
    pub entry: u64,
}

/// A message, with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields carry the words of domain::request")]
pub struct TurnRow {
    pub by: PersonId,
    pub kind: TurnKind,
    pub text: Option<String>,
    pub at: Timestamp,
}

/// A grant, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields carry the words of domain::grant")]
pub struct GrantRow {
    pub id: GrantId,
    pub number: GrantNumber,
    pub request: RequestNumber,
    pub holder: PersonId,
    pub privilege: PrivilegeId,
    pub platform: PlatformId,
    pub targets: BTreeSet<TargetId>,
    pub standing: GrantStanding,
    pub impact: u8,
    pub break_glass: bool,
    pub starts_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub reason: Option<EndReason>,
    pub closed_at: Option<Timestamp>,
    pub usage: Usage,
    pub approved_by: BTreeSet<PersonId>,
    /// What targets showed when they were read back, by credential.
    pub read_backs: BTreeMap<String, String>,
    pub review: ReviewStanding,
    /// Entries about it, oldest first, uses left out.
    pub entries: Vec<u64>,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum GrantStanding {
    Scheduled,
    Active,
    Held,
    /// Over; some credential is not read back as gone.
    Ending,
    /// Over, and read back.
    Closed,
}

/// Where a review stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ReviewStanding {
    NotDue,
    Due {
        by: Timestamp,
    },
    Given {
        by: PersonId,
        questioned: bool,
        comment: Option<String>,
    },
}

/// One recorded use or activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields carry the words of domain::command")]
pub struct UseRow {
    pub entry: u64,
    pub use_id: Option<UseId>,
    pub at: Timestamp,
    /// What was done, in plain words: "PUT /api/flows/invoice-matching" or "SELECT finance.invoices".
    pub what: String,
    pub actions: Vec<String>,
    pub targets: Vec<TargetId>,
    /// `None` if allowed; the rule if refused.
    pub refused: Option<String>,
    pub status: Option<u16>,
    pub bytes: Option<u64>,
    pub rows: Option<u64>,
    pub cut: bool,
}

/// One ledger entry, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields carry the words of crate::record")]
pub struct EntryRow {
    pub entry: u64,
    pub at: Timestamp,
    pub kind: String,
    pub stream: String,
    pub person: Option<PersonId>,
    pub privilege: Option<PrivilegeId>,
    pub targets: Vec<TargetId>,
    pub request: Option<RequestNumber>,
    pub grant: Option<GrantNumber>,
    /// `done` or the rule that refused.
    pub outcome: String,
    /// One line in plain words.
    pub summary: String,
}

/// What is looked for; every part given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EvidenceQuery {
    /// Free words: matched in summary, purpose, comments, names.
    pub words: Option<String>,
    pub actor: Option<PersonId>,
    pub privilege: Option<PrivilegeId>,
    pub target: Option<TargetId>,
    pub ticket: Option<String>,
    pub kind: Option<String>,
    /// `done`, `refused`, or a rule.
    pub outcome: Option<String>,
    pub request: Option<RequestNumber>,
    pub grant: Option<GrantNumber>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Which requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RequestFilter {
    pub requester: Option<PersonId>,
    pub pending: Option<bool>,
    pub privilege: Option<PrivilegeId>,
}

/// Which grants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GrantFilter {
    pub holder: Option<PersonId>,
    /// Scheduled, active, held or ending.
    pub open: Option<bool>,
    pub privilege: Option<PrivilegeId>,
    pub environment: Option<Environment>,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows strictly older than this one; `None` starts at the newest.
    pub before: Option<u64>,
    /// At most this many rows.
    pub limit: usize,
}

/// Rows, and where the next part starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// Newest first.
    pub rows: Vec<T>,
    /// `before` of the next part, if there is one.
    pub next: Option<u64>,
}

/// Elevations that began, and requests and uses refused, in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct HourRow {
    pub hour: Timestamp,
    pub began: u64,
    pub refused: u64,
}

/// Reads projections. Every method fails only if the projection can't be read.
#[expect(clippy::missing_errors_doc, reason = "said once above")]
pub trait Views: Send + Sync {
    /// How many entries the projections have followed.
    fn projected(&self) -> Result<u64, ReadError>;
    /// Everybody.
    fn people(&self) -> Result<Vec<PersonRow>, ReadError>;
    /// One person.
    fn person(&self, id: &PersonId) -> Result<Option<PersonRow>, ReadError>;
    /// Requests, newest first (`before` is a request number).
    fn requests(&self, filter: &RequestFilter, page: Page) -> Result<Paged<RequestRow>, ReadError>;
    /// One request.
    fn request(&self, number: RequestNumber) -> Result<Option<RequestRow>, ReadError>;
    /// Grants, newest first (`before` is a grant number).
    fn grants(&self, filter: &GrantFilter, page: Page) -> Result<Paged<GrantRow>, ReadError>;
    /// One grant.
    fn grant(&self, number: GrantNumber) -> Result<Option<GrantRow>, ReadError>;
    /// Uses and activities of one grant, newest first (`before` is an entry).
    fn uses(&self, grant: GrantId, page: Page) -> Result<Paged<UseRow>, ReadError>;
    /// Entries, newest first (`before` is an entry).
    fn entries(&self, query: &EvidenceQuery, page: Page) -> Result<Paged<EntryRow>, ReadError>;
    /// How many entries match, if they are at most `most`; else `most`: counting all of them would be reading all of them.
    fn count(&self, query: &EvidenceQuery, most: u64) -> Result<u64, ReadError>;
    /// One entry.
    fn entry(&self, entry: u64) -> Result<Option<EntryRow>, ReadError>;
    /// By hour since then, oldest first, hours without anything included up to `to`.
    fn hours(&self, from: Timestamp, to: Timestamp) -> Result<Vec<HourRow>, ReadError>;
    /// Why grants ended since then.
    fn end_reasons(&self, from: Timestamp) -> Result<Vec<(EndReason, u64)>, ReadError>;
}

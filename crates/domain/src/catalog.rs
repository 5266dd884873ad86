//! The privilege catalog: governed platforms, their targets and actions, and what may be lent on which terms.
//! It comes from a bundle and is never changed in place: a new bundle brings a new catalog.
use crate::{
    ids::{
        ActionId, ConflictId, DutyId, GroupId, JobRole, LessonId, PersonId, PlatformId,
        PrivilegeId, ProjectId, QuestionId, RiskControlId, SeatId, TargetId, TeamId,
    },
    impact::ImpactPolicy,
    time::{Seconds, Timestamp},
    window::Window,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One version of everything that can be lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Governed systems, by id.
    pub platforms: BTreeMap<PlatformId, Platform>,
    /// Things in them, by id.
    pub targets: BTreeMap<TargetId, Target>,
    /// What may be lent, by id.
    pub privileges: BTreeMap<PrivilegeId, Privilege>,
    /// Privileges one person may not hold together.
    pub conflicts: BTreeMap<ConflictId, Conflict>,
    /// Times at which nothing is changed.
    pub freezes: Vec<Freeze>,
    /// Lessons by id.
    pub lessons: BTreeMap<LessonId, Lesson>,
    /// Weights and bands of the impact score.
    pub impact: ImpactPolicy,
    /// Deadlines and limits of the consent flow.
    pub terms: Terms,
}

/// A governed system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Which.
    pub id: PlatformId,
    /// What people call it.
    pub title: String,
    /// What can be done in it.
    pub actions: BTreeMap<ActionId, Action>,
    /// How an HTTP platform's traffic maps to actions; first match decides; no match is refused.
    pub routes: Vec<Route>,
}

/// One thing that can be done in a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Which.
    pub id: ActionId,
    /// In the words of its users, as an infinitive: "run the flow by hand".
    pub title: String,
    /// How far it reaches.
    pub kind: ActionKind,
}

/// How far an action reaches, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Looks.
    Read,
    /// Starts what others built.
    Run,
    /// Changes what is built or stored.
    Change,
    /// Takes data out.
    Export,
    /// Changes who may do what.
    Administer,
}

/// How one kind of HTTP request maps to an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Methods, in upper case.
    pub methods: BTreeSet<String>,
    /// Path with `{name}` for one segment and a final `*` for the rest: `/flows/{flow}/run`.
    pub path: String,
    /// What a match means.
    pub meaning: RouteMeaning,
    /// JSON pointer (RFC 6901) to an array of the response whose length is the number of rows, if declared.
    pub rows: Option<String>,
    /// JSON pointer (RFC 6901) to a text of the request body that names a destination, if declared.
    pub destination: Option<String>,
}

/// What a matched route means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteMeaning {
    /// An elevated action on a target.
    Elevated {
        /// Which action.
        action: ActionId,
        /// On what.
        target: TargetFrom,
    },
    /// The whole document is posted; what changed in it maps to targets (Node-RED's tabs).
    Document {
        /// Which action each change is.
        action: ActionId,
        /// Reads the document as the platform does.
        editor: DocumentEditor,
    },
    /// Part of using the platform at all (its pages, its own settings); needs an active grant on the platform, is counted but
    /// not one action on one target.
    Ambient,
}

/// Where a route's target is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetFrom {
    /// Always this one.
    Fixed(TargetId),
    /// The value of this path variable, looked up as [`Target::native`].
    Path(String),
    /// The text at this JSON pointer of the request body, looked up as [`Target::native`].
    Json(String),
}

/// Editors that post a whole document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentEditor {
    /// Node-RED's `POST /flows`: an array of nodes; tabs are the targets.
    NodeRedFlows,
}

/// One governed thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub id: TargetId,
    /// What people call it.
    pub title: String,
    /// In which platform.
    pub platform: PlatformId,
    /// The platform's own name for it (a flow id, `schema.table`).
    pub native: String,
    /// Where it stands on the way to users.
    pub environment: Environment,
    /// Which body of work it belongs to.
    pub project: ProjectId,
    /// How its data is classified.
    pub data_class: DataClass,
    /// Who answers for its data.
    pub data_owner: PersonId,
}

/// Where a target stands on the way to users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// For trying things.
    Development,
    /// For checking things.
    Test,
    /// For real.
    Production,
}

/// How data is classified, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// For everybody.
    Public,
    /// For everybody in the company.
    Internal,
    /// For those who need it.
    Confidential,
    /// For named people only.
    Restricted,
}

/// Whether a privilege changes what is built or uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Changes what is built.
    BuildTime,
    /// Uses what is built.
    RunTime,
}

/// One catalog entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privilege {
    /// Which.
    pub id: PrivilegeId,
    /// What people call it: "Edit the flow".
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// What it lets its holder do, in plain words.
    pub can: Vec<String>,
    /// What it doesn't, in plain words.
    pub cannot: Vec<String>,
    /// Build-time or run-time.
    pub phase: Phase,
    /// Of which platform.
    pub platform: PlatformId,
    /// What it allows.
    pub actions: BTreeSet<ActionId>,
    /// On what it may be asked for.
    pub targets: BTreeSet<TargetId>,
    /// Who answers for this entry.
    pub owner: PersonId,
    /// Statements the requester confirms.
    pub risk_controls: BTreeMap<RiskControlId, String>,
    /// Who may ask.
    pub eligibility: Eligibility,
    /// Whose consent is needed, in order.
    pub stages: Vec<Stage>,
    /// Longest loan.
    pub grant_seconds_max: Seconds,
    /// When it may be active; empty means always.
    pub windows: Vec<Window>,
    /// What the requester must say.
    pub template: Vec<Question>,
    /// Whether a ticket must be named.
    pub ticket: TicketRule,
    /// How it is put into effect.
    pub provisioning: Provisioning,
    /// How much use is within the purpose.
    pub budget: Budget,
    /// Privileges that do less and may be enough.
    pub smaller: Vec<PrivilegeId>,
    /// Whether it may be taken in an emergency before consent.
    pub break_glass: BreakGlassRule,
}

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eligibility {
    /// Any of these job roles.
    pub job_roles: BTreeSet<JobRole>,
    /// Any of these teams; empty means any team.
    pub teams: BTreeSet<TeamId>,
    /// All of these lessons.
    pub training: BTreeSet<LessonId>,
}

/// One approval step: all its seats, in any order, before the next stage opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What is needed.
    pub seats: Vec<SeatRule>,
}

/// `count` consents from the holders; with `distinct`, each from another holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRule {
    /// What the seat is called.
    pub id: SeatId,
    /// Who may fill it.
    pub holders: Vec<SeatHolder>,
    /// How many consents.
    pub count: u8,
    /// Whether each consent must come from another entry of `holders`.
    pub distinct: bool,
}

/// Who may fill a seat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeatHolder {
    /// Whoever holds this duty, in person, through a group, or as a deputy.
    Duty(DutyId),
    /// Whoever is in this group, or their deputy.
    Group(GroupId),
    /// The data owner of every target asked for (one seat per distinct owner), or their deputy.
    DataOwner,
    /// The governance owner of the privilege, or their deputy.
    GovernanceOwner,
}

/// One question of a justification template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which.
    pub id: QuestionId,
    /// What is asked.
    pub label: String,
    /// How to answer well.
    pub hint: String,
    /// Whether it must be answered.
    pub required: Requirement,
    /// Fewest characters of an answer.
    pub chars_min: u32,
    /// Most characters of an answer.
    pub chars_max: u32,
}

/// Whether something must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Must be given.
    Required,
    /// May be left out.
    Optional,
}

/// Whether a ticket must be named, and how its number looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRule {
    /// Whether it must be given.
    pub required: Requirement,
    /// What a number starts with, such as `INC-`; empty means any of them.
    pub prefixes: BTreeSet<String>,
}

/// How a privilege is put into effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provisioning {
    /// The gateway in front of the platform enforces it; nothing is made in the platform.
    Gateway,
    /// A temporary PostgreSQL role with these rights on each target's native `schema.table`.
    PostgresRole {
        /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`.
        rights: BTreeSet<TableRight>,
    },
    /// A token that Node-RED's `adminAuth.tokens` hook asks about on every request.
    NodeRedToken {
        /// Node-RED permissions, such as `flows.write`.
        permissions: BTreeSet<String>,
    },
}

/// A right on a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TableRight {
    /// Read rows.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
}

/// How much use is within the purpose; `None` is unbounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Elevated calls.
    pub calls_max: Option<u64>,
    /// Bytes of responses.
    pub bytes_max: Option<u64>,
    /// Rows read, where a route declares them.
    pub rows_max: Option<u64>,
    /// Destinations data may go to; empty means none is declared and none is checked.
    pub destinations: BTreeSet<String>,
    /// Refused attempts outside the scope before the grant is contained.
    pub refusals_max: Option<u64>,
}

/// Whether a privilege may be taken in an emergency before consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakGlassRule {
    /// Never.
    Barred,
    /// At once, for at most this long; alarms, and a review is mandatory.
    Allowed {
        /// Longest emergency loan.
        grant_seconds_max: Seconds,
    },
}

/// Privileges one person may not hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Which rule.
    pub id: ConflictId,
    /// Why it exists.
    pub why: String,
    /// No two of these at once (held or asked for).
    pub privileges: BTreeSet<PrivilegeId>,
    /// Duties that bar all of the privileges.
    pub duties: BTreeSet<DutyId>,
}

/// A time at which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Why.
    pub why: String,
    /// First instant.
    pub starts_at: Timestamp,
    /// First instant after it.
    pub ends_at: Timestamp,
    /// Which environments.
    pub environments: BTreeSet<Environment>,
    /// Which platforms; empty means all.
    pub platforms: BTreeSet<PlatformId>,
}

/// A lesson that unlocks privileges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Which.
    pub id: LessonId,
    /// What it is called.
    pub title: String,
    /// How long it takes.
    pub minutes: u32,
}

/// Deadlines and limits of the consent flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How long a request waits before its deputies are asked too.
    pub escalate_after: Seconds,
    /// How long a request waits in all.
    pub expire_after: Seconds,
    /// How far ahead a start may be.
    pub start_ahead_max: Seconds,
    /// How long after its end a grant's mandatory review is due.
    pub review_within: Seconds,
    /// Most open requests of one person.
    pub open_requests_max: u32,
    /// How long after they left the directory somebody is forgotten; `None`: only when the operator says so.
    pub forget_after_leaving: Option<Seconds>,
}

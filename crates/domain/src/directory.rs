//! The directory: who is who, who holds which duty, and who decides for whom. Rules are about persons; an account is only a
//! way in, and an account without a person can't approve.
use crate::{
    ids::{AccountId, DelegationId, DutyId, GroupId, JobRole, LessonId, PersonId, TeamId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Facts about one human. Names and addresses are bodies, not facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What they are employed to do.
    pub job_roles: BTreeSet<JobRole>,
    /// Where they work.
    pub team: Option<TeamId>,
    /// Duties held in person (others may come through groups).
    pub duties: BTreeSet<DutyId>,
    /// Lessons passed, and until when each counts.
    pub training: BTreeMap<LessonId, Timestamp>,
    /// Whether they may act at all.
    pub standing: Standing,
    /// Who may look after their use of privileges (post-use review), if anybody.
    pub manager: Option<PersonId>,
}

/// Whether a person may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// May act.
    Active,
    /// May do nothing; set by a leaver event or by containment.
    Suspended,
}

/// One login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Which login.
    pub id: AccountId,
    /// Whose; `None` is an account nobody answers for (a service account), which can't approve.
    pub person: Option<PersonId>,
}

/// Somebody or something in a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Member {
    /// A human.
    Person(PersonId),
    /// A login, resolved to its human.
    Account(AccountId),
    /// Another group; nesting may be cyclic.
    Group(GroupId),
}

/// A group, and the duties that all its members hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Which group.
    pub id: GroupId,
    /// Who is in it.
    pub members: BTreeSet<Member>,
    /// What membership brings.
    pub duties: BTreeSet<DutyId>,
}

/// While it runs, `to` may decide with the duties of `from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Which delegation.
    pub id: DelegationId,
    /// Whose duties.
    pub from: PersonId,
    /// Who decides meanwhile.
    pub to: PersonId,
    /// Which duties; empty means all of them.
    pub duties: BTreeSet<DutyId>,
    /// First instant at which it holds.
    pub starts_at: Timestamp,
    /// First instant at which it no longer holds.
    pub ends_at: Timestamp,
}

/// Everything known about people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Directory {
    /// By id.
    pub persons: BTreeMap<PersonId, Person>,
    /// By id.
    pub accounts: BTreeMap<AccountId, Account>,
    /// By id.
    pub groups: BTreeMap<GroupId, Group>,
    /// By id.
    pub delegations: BTreeMap<DelegationId, Delegation>,
}

//! Allowed windows: local times of day in a named time zone. The zone database is compiled in, so an answer given today is
//! the answer a replay gives.
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Local times in a zone at which a privilege may be active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// IANA time-zone name, such as `Europe/Berlin`.
    pub zone: String,
    /// Days on which the window opens.
    pub days: BTreeSet<Day>,
    /// Minutes after local midnight at which it opens, 0 to 1,439.
    pub from_minute: u16,
    /// Minutes after local midnight at which it closes; at or before `from_minute` means on the next day.
    pub to_minute: u16,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A stretch of time in which something may be active: `[starts_at, ends_at)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// First instant.
    pub starts_at: Timestamp,
    /// First instant after it.
    pub ends_at: Timestamp,
}

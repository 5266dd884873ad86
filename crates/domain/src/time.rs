//! Instants and spans as plain numbers: the clock is always an argument, so every rule about time can be tested and replayed.
use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This instant moved later by `span`; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, span: Seconds) -> Self {
        Self(
            self.0
                .saturating_add(i64::from(span.0).saturating_mul(1000)),
        )
    }

    /// Whole seconds from `earlier` to this instant; zero if this instant is not later.
    pub fn seconds_since(self, earlier: Self) -> Seconds {
        let millis = self.0.saturating_sub(earlier.0).max(0);
        Seconds(u32::try_from(millis / 1000).unwrap_or(u32::MAX))
    }
}

/// A span in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl Seconds {
    /// `minutes` as seconds.
    pub const fn from_minutes(minutes: u32) -> Self {
        Self(minutes.saturating_mul(60))
    }
}

impl fmt::Display for Seconds {
    /// In the largest units that are exact: `2 hours`, `90 minutes`, `45 seconds`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            s if s != 0 && s % 86_400 == 0 => (s / 86_400, "day"),
            s if s != 0 && s % 3_600 == 0 => (s / 3_600, "hour"),
            s if s != 0 && s % 60 == 0 => (s / 60, "minute"),
            s => (s, "second"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

//! The pre-check: the same decision as the real one, made before sending, with what to do about each finding.
use crate::{ids::PrivilegeId, impact::Impact, refusal::Refused, request::OpenSeat, time::Seconds};

/// What would happen if the request were sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precheck {
    /// Everything looked at, worst first.
    pub findings: Vec<Finding>,
    /// How much could go wrong, if the ask is complete enough to tell.
    pub impact: Option<Impact>,
    /// Whose consent it would need, with who could give it.
    pub seats: Vec<OpenSeat>,
    /// Asks that would need less.
    pub suggestions: Vec<Suggestion>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Fine.
    Passed {
        /// Which rule.
        rule: &'static str,
        /// What was found, in plain words.
        text: String,
    },
    /// Allowed, but worth a thought.
    TakeCare {
        /// Which rule.
        rule: &'static str,
        /// What was found, in plain words.
        text: String,
        /// What to do.
        advice: String,
    },
    /// Would be refused.
    MustFix(Refused),
}

/// An ask that would need less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Another privilege does less and may be enough.
    Smaller {
        /// Which.
        privilege: PrivilegeId,
        /// Consents it would need.
        consents: u8,
    },
    /// A shorter time needs fewer consents.
    Shorter {
        /// How long.
        duration: Seconds,
        /// Consents it would need.
        consents: u8,
    },
}

impl Precheck {
    /// Whether the request would be accepted.
    pub fn is_sendable(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| matches!(finding, Finding::MustFix(_)))
    }
}

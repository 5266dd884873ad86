//! The pre-check: the same decision as the real one, made before sending, with what to do about each finding.
use crate::{
    asking::{Look, Plan},
    decide::allowed,
    ids::{PersonId, PrivilegeId},
    impact::Impact,
    refusal::Refused,
    request::{Ask, OpenSeat},
    state::State,
    time::{Seconds, Timestamp},
    verdict::Verdict,
};

/// Shorter times are tried down from this many hours (30 days).
const HOURS_TRIED_MAX: u32 = 720;

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

/// What would happen if `person` sent this now, as far as the domain's own rules go.
pub fn precheck(state: &State, person: &PersonId, ask: &Ask, now: Timestamp) -> Precheck {
    let look = match Look::at(state, person, ask, None, now) {
        Ok(look) => look,
        Err(refused) => {
            return Precheck {
                findings: vec![Finding::MustFix(refused)],
                impact: None,
                seats: Vec::new(),
                suggestions: Vec::new(),
            };
        }
    };
    let plan = look.plan();
    let seats = if look.is_break_glass() {
        Vec::new()
    } else {
        look.case(&plan.stages).open_seats()
    };
    let mut suggestions = smaller(&look);
    suggestions.extend(shorter(&look, &plan));
    let mut findings = look.findings();
    findings.sort_by_key(Finding::rank);
    Precheck {
        findings,
        impact: Some(plan.impact),
        seats,
        suggestions,
    }
}

/// As [`precheck`], with what the policies said folded in.
pub fn precheck_with(
    state: &State,
    person: &PersonId,
    ask: &Ask,
    now: Timestamp,
    verdict: Option<&Verdict>,
) -> Precheck {
    let mut precheck = precheck(state, person, ask, now);
    if let Some(verdict) = verdict {
        precheck.findings.push(match allowed(Some(verdict)) {
            Ok(()) => Finding::Passed {
                rule: "policy",
                text: "The policies allow it.".to_owned(),
            },
            Err(refused) => Finding::MustFix(refused),
        });
        precheck.findings.sort_by_key(Finding::rank);
    }
    precheck
}

/// Privileges that do less, on the same targets, and that the person could send for.
fn smaller(look: &Look<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for id in &look.privilege.smaller {
        let Some(privilege) = look.catalog.privileges.get(id) else {
            continue;
        };
        let ask = Ask {
            privilege: id.clone(),
            duration: look.ask.duration.min(privilege.grant_seconds_max),
            ..look.ask.clone()
        };
        let at = Look::at(look.state, &look.person.id, &ask, look.except, look.now);
        let Ok(at) = at else {
            continue;
        };
        if at.check_again().is_ok() {
            let consents = consents(&at, &at.plan());
            found.push(Suggestion::Smaller {
                privilege: id.clone(),
                consents,
            });
        }
    }
    found
}

/// The longest shorter time, in whole hours, that needs fewer consents. Found by trying: weights and bands are the bundle's.
fn shorter(look: &Look<'_>, plan: &Plan) -> Option<Suggestion> {
    if look.is_break_glass() {
        return None;
    }
    let needed = consents(look, plan);
    let hours = look.ask.duration.0.div_ceil(3600).min(HOURS_TRIED_MAX);
    (1..hours).rev().find_map(|hours| {
        let duration = Seconds(hours.saturating_mul(3600));
        let ask = Ask {
            duration,
            ..look.ask.clone()
        };
        let tried = Look {
            ask: &ask,
            ..look.clone()
        };
        let consents = consents(&tried, &tried.plan());
        (consents < needed).then_some(Suggestion::Shorter { duration, consents })
    })
}

fn consents(look: &Look<'_>, plan: &Plan) -> u8 {
    if look.is_break_glass() {
        0
    } else {
        look.case(&plan.stages).consents_needed()
    }
}

impl Finding {
    /// Worst first.
    fn rank(&self) -> u8 {
        match self {
            Self::MustFix(_) => 0,
            Self::TakeCare { .. } => 1,
            Self::Passed { .. } => 2,
        }
    }
}

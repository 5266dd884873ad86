//! The decision on an ask before it is sent; records nothing.
use super::{
    ask::{AskIn, unsealed},
    extract::Strict,
    problem::Problem,
    wire::{ImpactOut, SeatOut},
};
use crate::{
    app::Shared,
    names::Names,
    trouble::{Refusal, Trouble},
    viewer::Caller,
};
use axum::{Json, extract::State};
use domain::{
    precheck::{Finding, Precheck, Suggestion},
    refusal::Refused,
};
use serde::Serialize;
use utoipa::ToSchema;

/// What would happen if the request were sent now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PrecheckOut {
    /// Whether it would be accepted.
    sendable: bool,
    /// Worst first.
    findings: Vec<FindingOut>,
    impact: Option<ImpactOut>,
    /// Whose consent it would need.
    seats: Vec<SeatOut>,
    suggestions: Vec<SuggestionOut>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingOut {
    /// `passed`, `take-care` or `must-fix`.
    outcome: String,
    rule: String,
    text: String,
    /// Why the rule exists, where it says no.
    why: Option<String>,
    /// What to do.
    fix: Vec<String>,
}

/// An ask that would need less.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuggestionOut {
    /// Another privilege that does less.
    privilege: Option<String>,
    /// A shorter time.
    duration_seconds: Option<u32>,
    /// Consents it would need.
    consents: u8,
}

/// A refusal of the rules in the user's words.
pub(crate) fn refusal(refused: &Refused) -> Refusal {
    Refusal {
        entry: None,
        rule: refused.rule().to_owned(),
        message: refused.to_string(),
        why: refused.why(),
        fix: refused.fix(),
    }
}

fn finding(finding: &Finding) -> FindingOut {
    let out = |outcome: &str, rule: &str, text: &str| FindingOut {
        outcome: outcome.to_owned(),
        rule: rule.to_owned(),
        text: text.to_owned(),
        why: None,
        fix: Vec::new(),
    };
    match finding {
        Finding::Passed { rule, text } => out("passed", rule, text),
        Finding::TakeCare { rule, text, advice } => FindingOut {
            fix: vec![advice.clone()],
            ..out("take-care", rule, text)
        },
        Finding::MustFix(refused) => {
            let words = refusal(refused);
            FindingOut {
                why: Some(words.why),
                fix: words.fix,
                ..out("must-fix", &words.rule, &words.message)
            }
        }
    }
}

fn suggestion(suggestion: &Suggestion) -> SuggestionOut {
    match suggestion {
        Suggestion::Smaller {
            privilege,
            consents,
        } => SuggestionOut {
            privilege: Some(privilege.to_string()),
            duration_seconds: None,
            consents: *consents,
        },
        Suggestion::Shorter { duration, consents } => SuggestionOut {
            privilege: None,
            duration_seconds: Some(duration.0),
            consents: *consents,
        },
    }
}

impl PrecheckOut {
    fn of(names: &Names, precheck: &Precheck) -> Self {
        Self {
            sendable: precheck.is_sendable(),
            findings: precheck.findings.iter().map(finding).collect(),
            impact: precheck
                .impact
                .as_ref()
                .map(|impact| ImpactOut::of(impact, true)),
            seats: precheck
                .seats
                .iter()
                .map(|seat| SeatOut::of(names, seat))
                .collect(),
            suggestions: precheck.suggestions.iter().map(suggestion).collect(),
        }
    }
}

#[utoipa::path(post, path = "/api/v1/precheck", tag = "requests", request_body = AskIn, responses(
    (status = 200, body = PrecheckOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Says what would become of a request. Records nothing.
pub(crate) async fn precheck(
    State(portal): State<Shared>,
    caller: Caller,
    Strict { body, .. }: Strict<AskIn>,
) -> Result<Json<PrecheckOut>, Trouble> {
    let ask = unsealed(&portal, &body)?;
    let precheck = portal
        .app
        .engine
        .precheck(&caller.session.actor(), &ask)
        .map_err(|refused| Trouble::Refused(Box::new(refusal(&refused))))?;
    Ok(Json(PrecheckOut::of(&Names::load(&portal)?, &precheck)))
}

//! The pre-check as people read it.
use super::parts::open_seat;
use crate::{
    api::refusal,
    names::Names,
    trouble::{Trouble, sentence},
    words,
};
use askama::Template;
use domain::{
    catalog::Privilege,
    ids::{PrivilegeId, QuestionId},
    precheck::{Finding, Precheck, Suggestion},
    refusal::Refused,
};

/// Everything beside the form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Checks {
    pub(crate) impact: Option<ImpactWords>,
    pub(crate) lines: Vec<Line>,
    pub(crate) seats: Vec<String>,
    pub(crate) suggestions: Vec<SuggestionWords>,
    pub(crate) verdict: String,
}

/// The score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImpactWords {
    pub(crate) score: u8,
    pub(crate) band: &'static str,
    pub(crate) parts: Vec<String>,
}

/// One finding: a mark, the word it stands for, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) mark: &'static str,
    pub(crate) word: &'static str,
    pub(crate) text: String,
    pub(crate) help: String,
}

/// An ask that would need less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SuggestionWords {
    pub(crate) text: String,
    pub(crate) href: Option<String>,
}

/// The part of the page that the form re-renders as it changes.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "checks_alone.html")]
pub(crate) struct ChecksAlone {
    pub(crate) checks: Checks,
}

/// What must be fixed and how, in the words of the form rather than in ids; the rule's own words for all the rest.
fn must_fix(privilege: Option<&Privilege>, refused: &Refused) -> (String, String) {
    let label = |id: &QuestionId| {
        let asked = privilege?
            .template
            .iter()
            .find(|question| question.id == *id)?;
        Some(asked.label.clone())
    };
    let of_form = match refused {
        Refused::AnswerMissing { question } => {
            label(question).map(|label| format!("\u{201c}{label}\u{201d} is not answered."))
        }
        Refused::AnswerLength {
            question,
            chars,
            min,
            max,
        } => label(question).map(|label| {
            format!("\u{201c}{label}\u{201d} has {chars} characters; {min} to {max} are needed.")
        }),
        Refused::ControlNotConfirmed { control } => privilege
            .and_then(|privilege| privilege.risk_controls.get(control))
            .map(|statement| format!("Please confirm: \u{201c}{statement}\u{201d}")),
        _ => None,
    };
    of_form.map_or_else(
        || {
            let words = refusal(refused);
            (sentence(&words.message), words.fix.join(" "))
        },
        |text| (text, String::new()),
    )
}

fn line(privilege: Option<&Privilege>, finding: &Finding) -> Line {
    match finding {
        Finding::Passed { text, .. } => Line {
            mark: "ok",
            word: "Passed",
            text: sentence(text),
            help: String::new(),
        },
        Finding::TakeCare { text, advice, .. } => Line {
            mark: "warn",
            word: "Take care",
            text: sentence(text),
            help: advice.clone(),
        },
        Finding::MustFix(refused) => {
            let (text, help) = must_fix(privilege, refused);
            Line {
                mark: "bad",
                word: "Must fix",
                text,
                help,
            }
        }
    }
}

fn consents(n: u8) -> String {
    match n {
        0 => "nobody's consent".to_owned(),
        1 => "one consent".to_owned(),
        n => format!("{n} consents"),
    }
}

fn suggestion(names: &Names, suggestion: &Suggestion) -> SuggestionWords {
    match suggestion {
        Suggestion::Smaller {
            privilege,
            consents: n,
        } => SuggestionWords {
            text: format!(
                "\u{201c}{}\u{201d} does less and may be enough; it needs {}.",
                names.privilege(privilege),
                consents(*n)
            ),
            href: Some(address(privilege)),
        },
        Suggestion::Shorter {
            duration,
            consents: n,
        } => SuggestionWords {
            text: format!("For {duration} it needs only {}.", consents(*n)),
            href: None,
        },
    }
}

fn address(privilege: &PrivilegeId) -> String {
    format!("/requests/new?privilege={privilege}")
}

/// One named part of a score, in words; `own` if whoever reads it is whom it is about.
pub(crate) fn impact_part(part: &domain::impact::ImpactPart, own: bool) -> String {
    format!(
        "{}{}: {}",
        if part.points < 0 { "" } else { "+" },
        part.points,
        words::because(part, own)
    )
}

impl Checks {
    pub(crate) fn of(names: &Names, privilege: &PrivilegeId, precheck: &Precheck) -> Self {
        let privilege = names
            .catalog()
            .and_then(|catalog| catalog.privileges.get(privilege));
        let must_fix = precheck
            .findings
            .iter()
            .filter(|finding| matches!(finding, Finding::MustFix(_)))
            .count();
        let verdict = match must_fix {
            0 if precheck.seats.is_empty() => {
                "Nobody else needs to consent: it starts when you send it.".to_owned()
            }
            0 => "Ready to send.".to_owned(),
            1 => "One thing must be fixed before it can be sent.".to_owned(),
            n => format!("{n} things must be fixed before it can be sent."),
        };
        Self {
            impact: precheck.impact.as_ref().map(|impact| ImpactWords {
                score: impact.score,
                band: words::band(impact.band),
                parts: impact
                    .parts
                    .iter()
                    .map(|part| impact_part(part, true))
                    .collect(),
            }),
            lines: precheck
                .findings
                .iter()
                .map(|finding| line(privilege, finding))
                .collect(),
            seats: precheck
                .seats
                .iter()
                .map(|seat| open_seat(names, seat))
                .collect(),
            suggestions: precheck
                .suggestions
                .iter()
                .map(|one| suggestion(names, one))
                .collect(),
            verdict,
        }
    }

    /// When the form can't even be read as an ask.
    pub(crate) fn unreadable(trouble: &Trouble) -> Self {
        let words = trouble.words();
        Self {
            lines: vec![Line {
                mark: "bad",
                word: "Must fix",
                text: words.detail,
                help: words.fix.join(" "),
            }],
            verdict: "One thing must be fixed before it can be sent.".to_owned(),
            ..Self::default()
        }
    }
}

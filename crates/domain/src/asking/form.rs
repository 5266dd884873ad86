//! Is the form complete: answers, ticket, risk controls, and not too many requests at once.
use super::{Look, passed};
use crate::{
    catalog::{Question, Requirement},
    precheck::Finding,
    refusal::Refused,
    request::RequestKind,
};

/// Longest accepted ticket number, in characters.
const TICKET_CHARS_MAX: usize = 64;

pub(super) fn answers(look: &Look<'_>) -> Vec<Finding> {
    let template = &look.privilege.template;
    let mut found: Vec<Finding> = template.iter().filter_map(|q| answer(look, q)).collect();
    let asked = |id: &&_| !template.iter().any(|question| question.id == **id);
    found.extend(look.ask.answers.keys().filter(asked).map(|question| {
        Finding::MustFix(Refused::AnswerUnknown {
            question: question.clone(),
        })
    }));
    if found.is_empty() && !template.is_empty() {
        found.push(passed(
            "answers",
            "Every question that needs an answer has one.",
        ));
    }
    found
}

fn answer(look: &Look<'_>, question: &Question) -> Option<Finding> {
    let chars = look
        .ask
        .answers
        .get(&question.id)
        .map_or(0, |text| text.chars);
    if chars == 0 {
        return match question.required {
            Requirement::Required => Some(Finding::MustFix(Refused::AnswerMissing {
                question: question.id.clone(),
            })),
            Requirement::Optional => None,
        };
    }
    let fits = (question.chars_min..=question.chars_max).contains(&chars);
    (!fits).then(|| {
        Finding::MustFix(Refused::AnswerLength {
            question: question.id.clone(),
            chars,
            min: question.chars_min,
            max: question.chars_max,
        })
    })
}

pub(super) fn ticket(look: &Look<'_>) -> Vec<Finding> {
    let rule = &look.privilege.ticket;
    let prefixes = || rule.prefixes.iter().cloned().collect();
    let Some(ticket) = &look.ask.ticket else {
        return match rule.required {
            Requirement::Required => vec![Finding::MustFix(Refused::TicketMissing {
                prefixes: prefixes(),
            })],
            Requirement::Optional => Vec::new(),
        };
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '#' | '/');
    let well_formed =
        !ticket.is_empty() && ticket.len() <= TICKET_CHARS_MAX && ticket.chars().all(legal);
    let known = rule.prefixes.is_empty() || rule.prefixes.iter().any(|p| ticket.starts_with(p));
    vec![if well_formed && known {
        passed("ticket", "A ticket is given.")
    } else {
        Finding::MustFix(Refused::TicketForm {
            ticket: ticket
                .chars()
                .filter(|c| legal(*c))
                .take(TICKET_CHARS_MAX)
                .collect(),
            prefixes: prefixes(),
        })
    }]
}

pub(super) fn controls(look: &Look<'_>) -> Vec<Finding> {
    let controls = look.privilege.risk_controls.keys();
    let mut found: Vec<Finding> = controls
        .filter(|control| !look.ask.confirmed.contains(control))
        .map(|control| {
            Finding::MustFix(Refused::ControlNotConfirmed {
                control: control.clone(),
            })
        })
        .collect();
    if found.is_empty() && !look.privilege.risk_controls.is_empty() {
        found.push(passed("risk-controls", "Every risk control is confirmed."));
    }
    found
}

pub(super) fn open_requests(look: &Look<'_>) -> Vec<Finding> {
    // an emergency waits for nobody, and an edit adds no request
    if look.ask.kind == RequestKind::BreakGlass || look.except.is_some() {
        return Vec::new();
    }
    let mine = look
        .state
        .requests
        .values()
        .filter(|r| r.requester == look.person.id);
    let open = u32::try_from(mine.count()).unwrap_or(u32::MAX);
    let max = look.catalog.terms.open_requests_max;
    if open < max {
        return Vec::new();
    }
    vec![Finding::MustFix(Refused::TooManyOpen { open, max })]
}

//! An ask as JSON or as a form's fields, and how it becomes the rules' own.
use crate::{
    app::Portal,
    submit::{ANSWER_CHARS_MAX, seal_all},
    trouble::Trouble,
    words,
};
use domain::{
    ids::{Digest, GrantNumber, PersonId, PrivilegeId, QuestionId, RiskControlId, TargetId},
    request::{Ask, RequestKind, Start},
    text::Text,
    time::Seconds,
};
use ledger::SealedBody;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What is asked.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskIn {
    /// Which privilege.
    #[schema(value_type = String, max_length = 64)]
    pub(crate) privilege: PrivilegeId,
    /// On what.
    #[schema(value_type = Vec<String>)]
    pub(crate) targets: BTreeSet<TargetId>,
    /// For how long from activation.
    pub(crate) duration_seconds: u32,
    /// When it should start (RFC 3339); left out: as soon as the last consent is given.
    #[serde(default)]
    pub(crate) start_at: Option<String>,
    /// Answers to the privilege's template, by question.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) answers: BTreeMap<QuestionId, String>,
    /// Ticket or change number.
    #[serde(default)]
    pub(crate) ticket: Option<String>,
    /// Risk controls you confirm.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub(crate) confirmed: BTreeSet<RiskControlId>,
    /// More time for this grant of yours, such as `G-877`.
    #[serde(default)]
    pub(crate) extends: Option<String>,
    /// An emergency: the grant comes first, the review afterwards.
    #[serde(default)]
    pub(crate) break_glass: bool,
}

fn unusable(message: String) -> Trouble {
    Trouble::Unusable { message }
}

fn kind(portal: &Portal, asked: &AskIn) -> Result<RequestKind, Trouble> {
    let Some(number) = &asked.extends else {
        return Ok(if asked.break_glass {
            RequestKind::BreakGlass
        } else {
            RequestKind::New
        });
    };
    if asked.break_glass {
        return Err(unusable(
            "an extension is not an emergency: leave `break_glass` out".to_owned(),
        ));
    }
    let number: GrantNumber = number
        .parse()
        .map_err(|error: domain::ids::NumberError| unusable(error.to_string()))?;
    let found = portal.app.engine.read(|state| {
        let mut grants = state.grants.values();
        grants
            .find(|grant| grant.terms.number == number)
            .map(|grant| grant.terms.id)
    });
    found
        .map(RequestKind::Extension)
        .ok_or_else(|| unusable(format!("there is no live grant `{number}` of yours")))
}

fn start(portal: &Portal, asked: &AskIn) -> Result<Start, Trouble> {
    match &asked.start_at {
        None => Ok(Start::Now),
        Some(text) => words::read_time(text, &portal.app.zone)
            .map(Start::At)
            .ok_or_else(|| {
                unusable(
                    "`start_at` is not a time: write it as `2026-11-23T12:15:00+01:00`".to_owned(),
                )
            }),
    }
}

fn ticket(asked: &AskIn) -> Result<Option<String>, Trouble> {
    let Some(text) = asked
        .ticket
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '#' | '/');
    if text.len() <= 64 && text.chars().all(legal) {
        Ok(Some(text.to_owned()))
    } else {
        Err(unusable(
            "a ticket number has at most 64 letters, digits, `-`, `#` and `/`".to_owned(),
        ))
    }
}

fn build(
    portal: &Portal,
    asked: &AskIn,
    answers: BTreeMap<QuestionId, Text>,
) -> Result<Ask, Trouble> {
    Ok(Ask {
        privilege: asked.privilege.clone(),
        targets: asked.targets.clone(),
        duration: Seconds(asked.duration_seconds),
        start: start(portal, asked)?,
        answers,
        ticket: ticket(asked)?,
        confirmed: asked.confirmed.clone(),
        kind: kind(portal, asked)?,
    })
}

/// The ask with its answers sealed under the requester's key.
pub(crate) fn ask_of(
    portal: &Portal,
    requester: &PersonId,
    asked: &AskIn,
) -> Result<(Ask, Vec<SealedBody>), Trouble> {
    let (answers, bodies) = seal_all(portal, requester, &asked.answers, ANSWER_CHARS_MAX)?;
    Ok((build(portal, asked, answers)?, bodies))
}

/// The ask for a look ahead: answers are counted, nothing is sealed or kept.
pub(crate) fn unsealed(portal: &Portal, asked: &AskIn) -> Result<Ask, Trouble> {
    let count = |raw: &String| Text {
        chars: u32::try_from(engine::body::clean(raw).chars().count()).unwrap_or(u32::MAX),
        commitment: Digest([0; 32]),
    };
    let answers = asked
        .answers
        .iter()
        .map(|(q, raw)| (q.clone(), count(raw)))
        .collect();
    build(portal, asked, answers)
}

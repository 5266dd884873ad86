//! The line about each entry, and the words by which it is found.
use super::{
    about::{About, is_use},
    hour, person,
    projector::Step,
    sources::{privilege_title, target_title},
    summary,
};
use crate::{
    error::RowError,
    search::{Index, Line},
};
use domain::{command::Command, event::Event, ids::PersonId, text::Text};
use engine::record::Outcome;
use rusqlite::params;
use std::collections::BTreeSet;

/// Follows the entry itself, whose events are in the other tables already; the line about it goes to `search`.
pub(super) fn add(step: &Step<'_>, search: &mut Index) -> Result<(), RowError> {
    let about = About::of(step)?;
    let summary = summary::of(step, &about)?;
    let words = words(step, &about)?;
    let outcome = outcome(step);
    let recorded = step.recorded;
    search.add(&Line {
        entry: recorded.entry,
        at: recorded.at,
        kind: &recorded.kind,
        stream: &recorded.stream,
        person: about.person.as_ref(),
        privilege: about.privilege.as_ref(),
        targets: &about.targets,
        request: about.request.as_ref().map(|request| request.number),
        grant: about.grant.as_ref().map(|terms| terms.number),
        ticket: about.ticket.as_deref(),
        outcome,
        summary,
        words,
        subjects: step.subjects.take(),
    })?;
    is_about(step, &about)?;
    if outcome != "done" && asks_or_uses(&recorded.record.command) {
        hour::count_refused(step)?;
    }
    Ok(())
}

/// Notes which request and which grant the entry is about.
fn is_about(step: &Step<'_>, about: &About) -> Result<(), RowError> {
    let entry = step.recorded.entry;
    if let Some(request) = &about.request {
        step.db
            .prepare_cached(
                "INSERT INTO request_entry (request, entry)
                VALUES (?1, ?2)",
            )?
            .execute(params![request.number.0, entry])?;
    }
    if let Some(terms) = about
        .grant
        .as_ref()
        .filter(|_| !is_use(&step.recorded.record.command))
    {
        step.db
            .prepare_cached(
                "INSERT INTO grant_entry (grant_number, entry)
                VALUES (?1, ?2)",
            )?
            .execute(params![terms.number.0, entry])?;
    }
    Ok(())
}

/// `done`, or the rule that refused: a refused use is a deed of the broker, and a refusal to its holder.
fn outcome<'a>(step: &'a Step<'_>) -> &'a str {
    match &step.recorded.record.outcome {
        Outcome::Refused(refusal) => &refusal.rule,
        Outcome::Done(events) => events
            .iter()
            .find_map(|event| match event {
                Event::UseRefused { rule, .. } => Some(rule.as_str()),
                _ => None,
            })
            .unwrap_or("done"),
    }
}

fn asks_or_uses(command: &Command) -> bool {
    matches!(
        command,
        Command::SubmitRequest { .. } | Command::EditRequest { .. } | Command::BeginUse { .. }
    )
}

fn words(step: &Step<'_>, about: &About) -> Result<String, RowError> {
    let mut words = Vec::new();
    for text in texts(&step.recorded.record.command) {
        words.extend(step.words(text)?);
    }
    let requester = about.request.as_ref().map(|request| &request.requester);
    let holder = about.grant.as_ref().map(|terms| &terms.holder);
    let people: BTreeSet<&PersonId> = about.person.iter().chain(requester).chain(holder).collect();
    for id in people {
        words.push(person::called(step.db, id)?);
        words.push(id.to_string());
    }
    words.extend(about.ticket.clone());
    if let Some(privilege) = &about.privilege {
        words.push(privilege_title(step.catalog, privilege));
        words.push(privilege.to_string());
    }
    for target in &about.targets {
        words.push(target_title(step.catalog, target));
        words.push(target.to_string());
    }
    Ok(words.join("\n"))
}

/// Everything a command says in somebody's own words.
fn texts(command: &Command) -> Vec<&Text> {
    match command {
        Command::ChangeDirectory { change } => person::texts(change),
        Command::SubmitRequest { ask } | Command::EditRequest { ask, .. } => {
            ask.answers.values().collect()
        }
        Command::ApproveRequest { comment: text, .. }
        | Command::DenyRequest { comment: text, .. }
        | Command::AskRequester { text, .. }
        | Command::AnswerApprovers { text, .. }
        | Command::RevokeGrant { comment: text, .. }
        | Command::HoldGrant { comment: text, .. }
        | Command::ResumeGrant { comment: text, .. }
        | Command::ReviewGrant { comment: text, .. }
        | Command::LiftQuarantine { comment: text } => vec![text],
        Command::RecordActivity { activity } => activity.detail.iter().collect(),
        Command::AdoptGenesis { .. }
        | Command::BeginQuarantine { .. }
        | Command::RecordStrays { .. }
        | Command::RecordStrayEnded { .. }
        | Command::RecordMissing { .. }
        | Command::EndUnconfirmed { .. }
        | Command::RecordReconciled { .. }
        | Command::ProposeBundle { .. }
        | Command::ConfirmBundle { .. }
        | Command::WithdrawRequest { .. }
        | Command::EscalateRequest { .. }
        | Command::EscalateReview { .. }
        | Command::ReportWitnesses { .. }
        | Command::ExpireRequest { .. }
        | Command::ActivateGrant { .. }
        | Command::ExpireGrant { .. }
        | Command::ReturnGrant { .. }
        | Command::ContainGrant { .. }
        | Command::IssueCredential { .. }
        | Command::RecordProvisioned { .. }
        | Command::RecordProvisionFailed { .. }
        | Command::RecordRemoved { .. }
        | Command::RecordRemovalFailed { .. }
        | Command::BeginUse { .. }
        | Command::FinishUse { .. }
        | Command::FinishUses { .. }
        | Command::ErasePerson { .. }
        | Command::RecordErased { .. }
        | Command::PlaceLegalHold { .. }
        | Command::LiftLegalHold { .. } => Vec::new(),
    }
}

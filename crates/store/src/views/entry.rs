//! The line about each entry, and the words by which it is found.
use super::{
    about::About,
    cell::{Cells, json},
    hour, person,
    projector::Step,
    sources::{privilege_title, target_title},
    summary,
};
use crate::error::RowError;
use domain::{
    command::Command,
    event::Event,
    ids::{GrantNumber, PersonId, PrivilegeId, RequestNumber, TargetId},
    text::Text,
    time::Timestamp,
};
use engine::{record::Outcome, views::EntryRow};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// Adds the entry that was followed; its events are in the other tables already.
pub(super) fn add(step: &Step<'_>) -> Result<(), RowError> {
    let about = About::of(step)?;
    let summary = summary::of(step, &about)?;
    let outcome = outcome(step);
    add_row(step, &about, outcome, &summary)?;
    for target in &about.targets {
        add_target(step.db, target, step.recorded.entry)?;
    }
    add_words(
        step.db,
        step.recorded.entry,
        &summary,
        &words(step, &about)?,
    )?;
    if outcome != "done" && asks_or_uses(&step.recorded.record.command) {
        hour::count_refused(step)?;
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

fn add_row(step: &Step<'_>, about: &About, outcome: &str, summary: &str) -> Result<(), RowError> {
    let recorded = step.recorded;
    step.db
        .prepare_cached(
            "INSERT INTO entry (
                entry, at, kind, stream, person, privilege, targets, request, grant_number, ticket,
                outcome, summary
            )
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            recorded.entry,
            recorded.at.0,
            recorded.kind,
            recorded.stream,
            about.person.as_ref().map(PersonId::as_str),
            about.privilege.as_ref().map(PrivilegeId::as_str),
            json("entry", &about.targets)?,
            about.request.as_ref().map(|request| request.number.0),
            about.grant.as_ref().map(|terms| terms.number.0),
            about.ticket,
            outcome,
            summary
        ])?;
    Ok(())
}

fn add_target(db: &Connection, target: &TargetId, entry: u64) -> Result<(), RowError> {
    db.prepare_cached(
        "INSERT INTO entry_target (target, entry)
        VALUES (?1, ?2)",
    )?
    .execute(params![target.as_str(), entry])?;
    Ok(())
}

fn add_words(db: &Connection, entry: u64, summary: &str, words: &str) -> Result<(), RowError> {
    db.prepare_cached(
        "INSERT INTO entry_words (rowid, summary, words)
        VALUES (?1, ?2, ?3)",
    )?
    .execute(params![entry, summary, words])?;
    Ok(())
}

/// Columns of [`read`], in its order.
pub(super) const COLUMNS: &str = "
            entry.entry,
            entry.at,
            entry.kind,
            entry.stream,
            entry.person,
            entry.privilege,
            entry.targets,
            entry.request,
            entry.grant_number,
            entry.outcome,
            entry.summary";

/// Reads a row with [`COLUMNS`].
pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<EntryRow, RowError> {
    let cells = Cells {
        table: "entry",
        row,
    };
    Ok(EntryRow {
        entry: cells.plain(0)?,
        at: Timestamp(cells.plain(1)?),
        kind: cells.plain(2)?,
        stream: cells.plain(3)?,
        person: cells.maybe_id(4)?,
        privilege: cells.maybe_id(5)?,
        targets: cells.json(6)?,
        request: cells.plain::<Option<u64>>(7)?.map(RequestNumber),
        grant: cells.plain::<Option<u64>>(8)?.map(GrantNumber),
        outcome: cells.plain(9)?,
        summary: cells.plain(10)?,
    })
}

//! Uses at enforcement points, and activities that a platform's own log tells of: one row each.
use super::{cell::json, grant, projector::Step};
use crate::error::RowError;
use domain::{
    command::{Activity, Attempt, Command, UseOutcome},
    ids::{ActionId, GrantId, TargetId, UseId},
};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

/// A use may go ahead.
pub(super) fn allowed(
    step: &Step<'_>,
    use_id: UseId,
    id: GrantId,
    metered: bool,
) -> Result<(), RowError> {
    let Command::BeginUse { attempt } = &step.recorded.record.command else {
        let entry = format!(
            "entry {} allows a use that nobody began",
            step.recorded.entry
        );
        return Err(RowError::inconsistent("use", entry));
    };
    add_attempt(step, Some(use_id), Some(id), attempt, None)?;
    if metered {
        grant::count_call(step.db, id)?;
    }
    Ok(())
}

/// A use was refused.
pub(super) fn refused(
    step: &Step<'_>,
    id: Option<GrantId>,
    attempt: &Attempt,
    rule: &str,
) -> Result<(), RowError> {
    add_attempt(step, None, id, attempt, Some(rule))?;
    match id {
        Some(id) => grant::count_refusal(step.db, id, attempt),
        None => Ok(()),
    }
}

fn add_attempt(
    step: &Step<'_>,
    use_id: Option<UseId>,
    id: Option<GrantId>,
    attempt: &Attempt,
    rule: Option<&str>,
) -> Result<(), RowError> {
    let actions: BTreeSet<&ActionId> = attempt.actions.iter().map(|(action, _)| action).collect();
    let targets: BTreeSet<&TargetId> = attempt.actions.iter().map(|(_, target)| target).collect();
    step.db
        .prepare_cached(
            "INSERT INTO use (
                entry, use_id, grant_id, at, what, actions, targets, refused, cut
            )
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
        )?
        .execute(params![
            step.recorded.entry,
            use_id.map(|use_id| use_id.to_string()),
            id.map(|id| id.to_string()),
            step.recorded.at.0,
            what(attempt),
            json("use", &actions)?,
            json("use", &targets)?,
            rule
        ])?;
    Ok(())
}

/// What came of a use: told once.
pub(super) fn finished(
    db: &Connection,
    use_id: UseId,
    id: GrantId,
    outcome: &UseOutcome,
) -> Result<(), RowError> {
    let told = db
        .prepare_cached(
            "UPDATE use
            SET
                status = ?1,
                bytes = ?2,
                row_count = ?3,
                cut = ?4
            WHERE use.use_id = ?5
                AND use.bytes IS NULL",
        )?
        .execute(params![
            outcome.status,
            outcome.bytes,
            outcome.rows,
            outcome.cut,
            use_id.to_string()
        ])?;
    if told == 1 {
        grant::count_passed(db, id, outcome.bytes, outcome.rows)
    } else {
        Ok(())
    }
}

/// A platform's own log tells of something done.
pub(super) fn told(step: &Step<'_>, activity: &Activity) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "INSERT INTO use (entry, grant_id, at, what, actions, targets, cut)
            VALUES (?1, ?2, ?3, ?4, '[]', '[]', 0)",
        )?
        .execute(params![
            step.recorded.entry,
            activity.grant.map(|id| id.to_string()),
            activity.happened_at.0,
            done(activity)
        ])?;
    Ok(())
}

/// What somebody wanted to do: `PUT /flows/invoice-matching`.
pub(super) fn what(attempt: &Attempt) -> String {
    format!("{} {}", attempt.method, attempt.path)
}

/// What was done: `SELECT finance.invoices`.
pub(super) fn done(activity: &Activity) -> String {
    format!("{} {}", activity.action, activity.object)
}

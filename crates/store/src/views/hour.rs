//! What began and what was refused, counted by the hour: the chart of the security overview.
use super::projector::Step;
use crate::error::RowError;
use domain::time::Timestamp;
use engine::views::HourRow;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;

/// Hours in one answer: one year of them.
const HOURS_MAX: i64 = 366 * 24;

/// An elevation began.
pub(super) fn count_began(step: &Step<'_>) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "INSERT INTO hour (hour, began)
            VALUES (?1, 1)
            ON CONFLICT (hour) DO UPDATE
            SET
                began = hour.began + 1",
        )?
        .execute([hour(step.recorded.at)])?;
    Ok(())
}

/// A request or a use was refused.
pub(super) fn count_refused(step: &Step<'_>) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "INSERT INTO hour (hour, refused)
            VALUES (?1, 1)
            ON CONFLICT (hour) DO UPDATE
            SET
                refused = hour.refused + 1",
        )?
        .execute([hour(step.recorded.at)])?;
    Ok(())
}

/// Every hour from that of `from` to that of `to`, at most the last year of them.
pub(super) fn between(
    db: &Connection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<HourRow>, RowError> {
    let last = hour(to);
    let first = hour(from).max(last.saturating_sub((HOURS_MAX - 1) * HOUR_MS));
    let counted = counted(db, first, last)?;
    let hours = (0..HOURS_MAX)
        .map(|n| first + n * HOUR_MS)
        .take_while(|hour| *hour <= last);
    let row = |hour| {
        let (began, refused) = counted.get(&hour).copied().unwrap_or_default();
        HourRow {
            hour: Timestamp(hour),
            began,
            refused,
        }
    };
    Ok(hours.map(row).collect())
}

fn counted(db: &Connection, first: i64, last: i64) -> rusqlite::Result<BTreeMap<i64, (u64, u64)>> {
    db.prepare_cached(
        "SELECT
            hour.hour,
            hour.began,
            hour.refused
        FROM hour
        WHERE hour.hour BETWEEN ?1 AND ?2",
    )?
    .query_map(params![first, last], |row| {
        Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
    })?
    .collect()
}

fn hour(at: Timestamp) -> i64 {
    at.0.saturating_sub(at.0.rem_euclid(HOUR_MS))
}

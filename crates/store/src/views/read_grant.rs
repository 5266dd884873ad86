//! Reading grants, whole: with what targets showed and the entries about them; and what was done with them.
use super::{
    cell::{Cells, word},
    conditions::{Conditions, signed},
};
use crate::{
    error::RowError,
    search::{ROWS_MAX, paged},
};
use domain::{
    grant::{EndReason, GrantTerms, Usage},
    ids::{GrantId, GrantNumber, RequestNumber},
    time::Timestamp,
};
use engine::views::{GrantFilter, GrantRow, Page, Paged, UseRow};
use rusqlite::{Connection, Row, params, params_from_iter};
use std::collections::BTreeMap;

/// A part of the grants that the filter lets through, newest first.
pub(super) fn list(
    db: &Connection,
    filter: &GrantFilter,
    page: Page,
) -> Result<Paged<GrantRow>, RowError> {
    let limit = page.limit.min(ROWS_MAX);
    let environment = filter
        .environment
        .map(|environment| word("grant_environment", &environment))
        .transpose()?;
    let mut conditions = Conditions::new();
    let text = |id: &str| id.to_owned();
    conditions.maybe(
        "grant.holder = ?",
        filter.holder.as_ref().map(|id| text(id.as_str())),
    );
    conditions.maybe(
        "grant.privilege = ?",
        filter.privilege.as_ref().map(|id| text(id.as_str())),
    );
    match filter.open {
        Some(true) => conditions.must("grant.standing <> 'closed'"),
        Some(false) => conditions.must("grant.standing = 'closed'"),
        None => {}
    }
    let in_environment = "EXISTS (
                SELECT
                    grant_environment.grant_number
                FROM grant_environment
                WHERE grant_environment.environment = ?
                    AND grant_environment.grant_number = grant.number
            )";
    conditions.maybe(in_environment, environment);
    conditions.maybe("grant.number < ?", page.before.map(signed));
    let sql = format!(
        "SELECT
            grant.number
        FROM grant
        WHERE {}
        ORDER BY grant.number DESC
        LIMIT {}",
        conditions.text(),
        limit + 1
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(GrantNumber(row.get(0)?));
    }
    let Paged { rows, next } = paged(found, limit, |number| number.0);
    let whole = rows
        .into_iter()
        .filter_map(|number| one(db, number).transpose());
    Ok(Paged {
        rows: whole.collect::<Result<_, _>>()?,
        next,
    })
}

/// One grant.
pub(super) fn one(db: &Connection, number: GrantNumber) -> Result<Option<GrantRow>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            grant.terms,
            grant.request,
            grant.standing,
            grant.starts_at,
            grant.activated_at,
            grant.expires_at,
            grant.ended_at,
            grant.reason,
            grant.closed_at,
            grant.calls,
            grant.bytes,
            grant.row_count,
            grant.refusals,
            grant.review
        FROM grant
        WHERE grant.number = ?1",
    )?;
    let mut rows = statement.query([signed(number.0)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        table: "grant",
        row,
    };
    let terms: GrantTerms = cells.json(0)?;
    let instant = |place| Ok::<_, RowError>(cells.plain::<Option<i64>>(place)?.map(Timestamp));
    Ok(Some(GrantRow {
        id: terms.id,
        number,
        request: RequestNumber(cells.plain(1)?),
        holder: terms.holder,
        privilege: terms.privilege,
        platform: terms.platform,
        targets: terms.targets,
        standing: cells.word(2)?,
        impact: terms.impact,
        break_glass: terms.break_glass,
        starts_at: Timestamp(cells.plain(3)?),
        activated_at: instant(4)?,
        expires_at: instant(5)?,
        ended_at: instant(6)?,
        reason: cells.maybe_word(7)?,
        closed_at: instant(8)?,
        usage: usage(&cells)?,
        approved_by: terms.approved_by,
        read_backs: read_backs(db, number)?,
        review: cells.json(13)?,
        entries: entries(db, number)?,
    }))
}

fn usage(cells: &Cells<'_>) -> Result<Usage, RowError> {
    Ok(Usage {
        calls: cells.plain(9)?,
        bytes: cells.plain(10)?,
        rows: cells.plain(11)?,
        refusals: cells.plain(12)?,
    })
}

fn read_backs(db: &Connection, number: GrantNumber) -> Result<BTreeMap<String, String>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            credential.id,
            credential.read_back
        FROM credential
        WHERE credential.grant_number = ?1
            AND credential.read_back IS NOT NULL",
    )?;
    let read_backs = statement.query_map([number.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(read_backs.collect::<Result<_, _>>()?)
}

fn entries(db: &Connection, number: GrantNumber) -> Result<Vec<u64>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            grant_entry.entry
        FROM grant_entry
        WHERE grant_entry.grant_number = ?1
        ORDER BY grant_entry.entry",
    )?;
    let entries = statement.query_map([number.0], |row| row.get(0))?;
    Ok(entries.collect::<Result<_, _>>()?)
}

/// A part of what was done with a grant, newest first.
pub(super) fn uses(db: &Connection, grant: GrantId, page: Page) -> Result<Paged<UseRow>, RowError> {
    let limit = page.limit.min(ROWS_MAX);
    let mut statement = db.prepare_cached(
        "SELECT
            use.entry,
            use.use_id,
            use.at,
            use.what,
            use.actions,
            use.targets,
            use.refused,
            use.status,
            use.bytes,
            use.row_count,
            use.cut
        FROM use
        WHERE use.grant_id = ?1
            AND (?2 IS NULL OR use.entry < ?2)
        ORDER BY use.entry DESC
        LIMIT ?3",
    )?;
    let mut rows = statement.query(params![
        grant.to_string(),
        page.before.map(signed),
        limit + 1
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(use_row(row)?);
    }
    Ok(paged(found, limit, |row| row.entry))
}

fn use_row(row: &Row<'_>) -> Result<UseRow, RowError> {
    let cells = Cells { table: "use", row };
    Ok(UseRow {
        entry: cells.plain(0)?,
        use_id: cells.maybe_id(1)?,
        at: Timestamp(cells.plain(2)?),
        what: cells.plain(3)?,
        actions: cells.json(4)?,
        targets: cells.json(5)?,
        refused: cells.plain(6)?,
        status: cells.plain(7)?,
        bytes: cells.plain(8)?,
        rows: cells.plain(9)?,
        cut: cells.plain(10)?,
    })
}

/// Why grants ended from then on, and how many for each reason.
pub(super) fn end_reasons(
    db: &Connection,
    from: Timestamp,
) -> Result<Vec<(EndReason, u64)>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            grant.reason,
            COUNT(*)
        FROM grant
        WHERE grant.ended_at >= ?1
        GROUP BY grant.reason",
    )?;
    let mut rows = statement.query([from.0])?;
    let mut reasons = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let cells = Cells {
            table: "grant",
            row,
        };
        reasons.insert(cells.word::<EndReason>(0)?, cells.plain(1)?);
    }
    Ok(reasons.into_iter().collect())
}

//! Reading requests, whole: with their consents, their conversation and the entries about them.
use super::{
    cell::Cells,
    conditions::{Conditions, signed},
};
use crate::{
    error::RowError,
    search::{ROWS_MAX, paged},
};
use domain::{
    ids::{GrantNumber, RequestNumber},
    time::{Seconds, Timestamp},
};
use engine::views::{ConsentRow, Page, Paged, RequestFilter, RequestRow, RequestStanding, TurnRow};
use rusqlite::{Connection, Row, params_from_iter};

/// A part of the requests that the filter lets through, newest first.
pub(super) fn list(
    db: &Connection,
    filter: &RequestFilter,
    page: Page,
) -> Result<Paged<RequestRow>, RowError> {
    let limit = page.limit.min(ROWS_MAX);
    let mut conditions = Conditions::new();
    let text = |id: &str| id.to_owned();
    conditions.maybe(
        "request.requester = ?",
        filter.requester.as_ref().map(|id| text(id.as_str())),
    );
    conditions.maybe(
        "request.privilege = ?",
        filter.privilege.as_ref().map(|id| text(id.as_str())),
    );
    match filter.pending {
        Some(true) => conditions.must("request.standing = 'pending'"),
        Some(false) => conditions.must("request.standing <> 'pending'"),
        None => {}
    }
    conditions.maybe("request.number < ?", page.before.map(signed));
    let sql = format!(
        "SELECT
            request.number
        FROM request
        WHERE {}
        ORDER BY request.number DESC
        LIMIT {}",
        conditions.text(),
        limit + 1
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RequestNumber(row.get(0)?));
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

/// One request.
pub(super) fn one(db: &Connection, number: RequestNumber) -> Result<Option<RequestRow>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            request.id,
            request.requester,
            request.privilege,
            request.targets,
            request.duration,
            request.start,
            request.kind,
            request.ticket,
            request.answers,
            request.impact,
            request.revision,
            request.standing,
            request.denied_by,
            request.denied_comment,
            request.sent_at,
            request.changed_at,
            request.expires_at,
            request.grant_number
        FROM request
        WHERE request.number = ?1",
    )?;
    let mut rows = statement.query([signed(number.0)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        table: "request",
        row,
    };
    Ok(Some(RequestRow {
        id: cells.id(0)?,
        number,
        requester: cells.id(1)?,
        privilege: cells.id(2)?,
        targets: cells.json(3)?,
        duration: Seconds(cells.plain(4)?),
        start: cells.json(5)?,
        kind: cells.json(6)?,
        ticket: cells.plain(7)?,
        answers: cells.json(8)?,
        impact: cells.json(9)?,
        revision: cells.plain(10)?,
        standing: standing(&cells)?,
        sent_at: Timestamp(cells.plain(14)?),
        changed_at: Timestamp(cells.plain(15)?),
        expires_at: Timestamp(cells.plain(16)?),
        grant: cells.plain::<Option<u64>>(17)?.map(GrantNumber),
        consents: consents(db, number)?,
        conversation: conversation(db, number)?,
        entries: entries(db, number)?,
    }))
}

fn standing(cells: &Cells<'_>) -> Result<RequestStanding, RowError> {
    match cells.plain::<String>(11)?.as_str() {
        "pending" => Ok(RequestStanding::Pending),
        "granted" => Ok(RequestStanding::Granted),
        "denied" => Ok(RequestStanding::Denied {
            by: cells.id(12)?,
            comment: cells.plain(13)?,
        }),
        "withdrawn" => Ok(RequestStanding::Withdrawn),
        "expired" => Ok(RequestStanding::Expired),
        other => Err(RowError::inconsistent(
            "request",
            format!("standing `{other}`"),
        )),
    }
}

fn consents(db: &Connection, number: RequestNumber) -> Result<Vec<ConsentRow>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            consent.entry,
            consent.person,
            consent.authority,
            consent.seats,
            consent.comment,
            consent.at,
            consent.voided
        FROM consent
        WHERE consent.request = ?1
        ORDER BY consent.entry",
    )?;
    let mut rows = statement.query([signed(number.0)])?;
    let mut consents = Vec::new();
    while let Some(row) = rows.next()? {
        consents.push(consent(row)?);
    }
    Ok(consents)
}

fn consent(row: &Row<'_>) -> Result<ConsentRow, RowError> {
    let cells = Cells {
        table: "consent",
        row,
    };
    Ok(ConsentRow {
        entry: cells.plain(0)?,
        by: cells.id(1)?,
        authority: cells.id(2)?,
        seats: cells.json(3)?,
        comment: cells.plain(4)?,
        at: Timestamp(cells.plain(5)?),
        voided: cells.plain(6)?,
    })
}

fn conversation(db: &Connection, number: RequestNumber) -> Result<Vec<TurnRow>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            turn.person,
            turn.kind,
            turn.words,
            turn.at
        FROM turn
        WHERE turn.request = ?1
        ORDER BY turn.entry",
    )?;
    let mut rows = statement.query([signed(number.0)])?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = Cells { table: "turn", row };
        turns.push(TurnRow {
            by: cells.id(0)?,
            kind: cells.word(1)?,
            text: cells.plain(2)?,
            at: Timestamp(cells.plain(3)?),
        });
    }
    Ok(turns)
}

fn entries(db: &Connection, number: RequestNumber) -> Result<Vec<u64>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            request_entry.entry
        FROM request_entry
        WHERE request_entry.request = ?1
        ORDER BY request_entry.entry",
    )?;
    let entries = statement.query_map([number.0], |row| row.get(0))?;
    Ok(entries.collect::<Result<_, _>>()?)
}

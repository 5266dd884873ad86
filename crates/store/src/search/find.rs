//! Finding entries, newest first: month by month, from the newest back, until there are enough.
use super::{
    Month, SearchFiles, index,
    marks::{Matching, matching},
};
use crate::{
    error::RowError,
    views::{Cells, Conditions, signed},
};
use domain::{
    ids::{GrantNumber, RequestNumber},
    time::Timestamp,
};
use engine::{
    ports::ReadError,
    views::{EntryRow, EvidenceQuery, Page, Paged},
};
use rusqlite::{Connection, params_from_iter, types::Value};

/// Rows of one part of a list.
pub(crate) const ROWS_MAX: usize = 1_000;

/// Columns of [`read`], in its order.
const COLUMNS: &str = "
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

/// Which entries are wanted.
struct Wanted<'q> {
    query: &'q EvidenceQuery,
    matching: Matching,
    before: Option<u64>,
}

/// Where rows of a month come from. The table that leads is read newest first by itself, so a part of the list reads a part of it.
struct Source {
    from: &'static str,
    number: &'static str,
    conditions: Conditions,
}

impl<'q> Wanted<'q> {
    /// `None` if nothing can match.
    fn new(query: &'q EvidenceQuery, before: Option<u64>) -> Option<Self> {
        Some(Self {
            query,
            matching: matching(query)?,
            before,
        })
    }

    /// Whether entries of that month can be among them.
    fn reaches(&self, month: Month) -> bool {
        self.query.from.is_none_or(|from| Month::of(from) <= month)
            && self.query.to.is_none_or(|to| month <= Month::of(to))
    }

    /// Where they are in the file of a month; `None` if none can be there.
    fn source(&self, db: &Connection) -> Result<Option<Source>, RowError> {
        let mut conditions = Conditions::new();
        let (from, number) = match &self.matching {
            Matching::All => ("entry", "entry.entry"),
            Matching::These(query) => {
                conditions.also("entry_words MATCH ?", query.clone());
                (
                    "entry_words CROSS JOIN entry ON entry.entry = entry_words.rowid",
                    "entry_words.rowid",
                )
            }
        };
        let Some((first, after)) = self.span(db)? else {
            return Ok(None);
        };
        let (from_first, before) = match &self.matching {
            Matching::All => ("entry.entry >= ?", "entry.entry < ?"),
            Matching::These(_) => ("entry_words.rowid >= ?", "entry_words.rowid < ?"),
        };
        conditions.also(from_first, first);
        conditions.also(before, after);
        if matches!(self.matching, Matching::These(_)) {
            confirm(&mut conditions, self.query);
        }
        Ok(Some(Source {
            from,
            number,
            conditions,
        }))
    }

    /// The first of the entries that can be meant, and the one after them; `None` if there are none.
    fn span(&self, db: &Connection) -> Result<Option<(i64, i64)>, RowError> {
        let first = match self.query.from {
            None => Some(0),
            Some(from) => first_at(db, from)?,
        };
        let after = match self.query.to {
            None => None,
            Some(to) => first_at(db, to)?,
        };
        let before = self.before.map(signed);
        let after = after.into_iter().chain(before).min().unwrap_or(i64::MAX);
        Ok(first
            .filter(|first| *first < after)
            .map(|first| (first, after)))
    }
}

/// The first entry at or after a time: times never go back from one entry to the next.
fn first_at(db: &Connection, at: Timestamp) -> Result<Option<i64>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            entry.entry
        FROM entry
        WHERE entry.at >= ?1
        ORDER BY entry.at, entry.entry
        LIMIT 1",
    )?;
    let mut rows = statement.query([at.0])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// A mark is shorter than what it stands for: what it finds is looked at again.
fn confirm(conditions: &mut Conditions, query: &EvidenceQuery) {
    let text = |id: &str| id.to_owned();
    conditions.maybe(
        "entry.person = ?",
        query.actor.as_ref().map(|id| text(id.as_str())),
    );
    conditions.maybe(
        "entry.privilege = ?",
        query.privilege.as_ref().map(|id| text(id.as_str())),
    );
    conditions.maybe(
        "? IN (SELECT json_each.value FROM json_each(entry.targets))",
        query.target.as_ref().map(|id| text(id.as_str())),
    );
    conditions.maybe("entry.ticket = ?", query.ticket.clone());
    conditions.maybe("entry.kind = ?", query.kind.clone());
    conditions.maybe(
        "entry.request = ?",
        query.request.map(|number| signed(number.0)),
    );
    conditions.maybe(
        "entry.grant_number = ?",
        query.grant.map(|number| signed(number.0)),
    );
    match query.outcome.as_deref() {
        Some("refused") => conditions.must("entry.outcome <> 'done'"),
        outcome => conditions.maybe("entry.outcome = ?", outcome.map(text)),
    }
}

impl Source {
    fn rows(&self, db: &Connection, limit: usize) -> Result<Vec<EntryRow>, RowError> {
        let sql = format!(
            "SELECT{COLUMNS}
        FROM {}
        WHERE {}
        ORDER BY {} DESC
        LIMIT ?",
            self.from,
            self.conditions.text(),
            self.number,
        );
        let mut statement = db.prepare_cached(&sql)?;
        let mut found = statement.query(params_from_iter(self.values(limit)))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(read(row)?);
        }
        Ok(rows)
    }

    fn count(&self, db: &Connection, limit: usize) -> Result<u64, RowError> {
        let sql = format!(
            "SELECT COUNT(*)
        FROM (
            SELECT
                1
            FROM {}
            WHERE {}
            LIMIT ?
        )",
            self.from,
            self.conditions.text(),
        );
        let mut statement = db.prepare_cached(&sql)?;
        Ok(statement.query_row(params_from_iter(self.values(limit)), |row| row.get(0))?)
    }

    fn values(&self, limit: usize) -> impl Iterator<Item = Value> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = self.conditions.values().iter().cloned();
        values.chain([Value::Integer(limit)])
    }
}

/// A part of the entries that match, newest first.
pub(crate) fn entries(
    files: &SearchFiles,
    query: &EvidenceQuery,
    page: Page,
) -> Result<Paged<EntryRow>, ReadError> {
    let limit = page.limit.min(ROWS_MAX);
    let mut rows = Vec::new();
    if let Some(wanted) = Wanted::new(query, page.before) {
        for month in files.months()? {
            if rows.len() > limit {
                break;
            }
            if !wanted.reaches(month) {
                continue;
            }
            let lacking = limit + 1 - rows.len();
            let found = files.ask(month, "entries", |db| match wanted.source(db)? {
                Some(source) => source.rows(db, lacking),
                None => Ok(Vec::new()),
            })?;
            rows.extend(found.into_iter().flatten());
        }
    }
    Ok(paged(rows, limit, |row| row.entry))
}

/// Cuts the one row too many that tells whether there is more.
pub(crate) fn paged<T>(mut rows: Vec<T>, limit: usize, number: impl Fn(&T) -> u64) -> Paged<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(number);
    Paged { rows, next }
}

/// How many entries match, if they are at most `most`; else `most`.
pub(crate) fn count(
    files: &SearchFiles,
    query: &EvidenceQuery,
    most: u64,
) -> Result<u64, ReadError> {
    let mut count = 0;
    let Some(wanted) = Wanted::new(query, None) else {
        return Ok(count);
    };
    for month in files.months()? {
        if count == most {
            break;
        }
        if !wanted.reaches(month) {
            continue;
        }
        let lacking = usize::try_from(most - count).unwrap_or(usize::MAX);
        let found = files.ask(month, "how many entries there are", |db| {
            match wanted.source(db)? {
                Some(source) => source.count(db, lacking),
                None => Ok(0),
            }
        })?;
        count += found.unwrap_or(0);
    }
    Ok(count)
}

/// One entry.
pub(crate) fn entry(files: &SearchFiles, number: u64) -> Result<Option<EntryRow>, ReadError> {
    for month in files.months()? {
        let found = files.ask(month, "an entry", |db| {
            let begins = index::first(db)?.is_some_and(|first| first <= number);
            Ok(if begins { Some(one(db, number)?) } else { None })
        })?;
        if let Some(Some(row)) = found {
            return Ok(row);
        }
    }
    Ok(None)
}

fn one(db: &Connection, number: u64) -> Result<Option<EntryRow>, RowError> {
    let sql = format!(
        "SELECT{COLUMNS}
        FROM entry
        WHERE entry.entry = ?1"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([signed(number)])?;
    rows.next()?.map(read).transpose()
}

fn read(row: &rusqlite::Row<'_>) -> Result<EntryRow, RowError> {
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

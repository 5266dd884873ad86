//! Searching entries: filters that combine, and free words. What people type is never query syntax: each word goes to the
//! index as a quoted string, so no input is an error.
use super::{
    conditions::{Conditions, signed},
    entry,
};
use crate::error::RowError;
use engine::views::{EntryRow, EvidenceQuery, Page, Paged};
use rusqlite::{Connection, params_from_iter};

/// Words of one question that are looked for; further ones are left out.
const WORDS_MAX: usize = 32;

/// Rows of one part of a list.
pub(super) const ROWS_MAX: usize = 1_000;

/// The index's own query for what somebody typed: every word must occur, `"two words"` in this order, `invoi*` as a beginning.
/// `None` if nothing in it can be looked for.
fn match_words(typed: &str) -> Option<String> {
    let mut words = Vec::new();
    // every second part stood between quotation marks
    for (n, part) in typed.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(quoted(part));
        } else {
            words.extend(part.split_whitespace().map(quoted));
        }
    }
    let words: Vec<String> = words.into_iter().flatten().take(WORDS_MAX).collect();
    (!words.is_empty()).then(|| words.join(" AND "))
}

/// A word or phrase as a string of the index's query language; `None` if it has no letter or digit.
fn quoted(word: &str) -> Option<String> {
    let beginning = word.ends_with('*');
    // the index breaks words at everything else; what it might break differently must not reach it
    let plain: String = word
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let star = if beginning { "*" } else { "" };
    (!plain.is_empty()).then(|| format!("\"{plain}\"{star}"))
}

/// Where rows come from and which of them are wanted.
struct Search {
    from: &'static str,
    /// The column that numbers the entries in the table that leads.
    number: &'static str,
    /// What comes before `?` to page on.
    before: &'static str,
    conditions: Conditions,
}

const BY_ENTRY: Search = Search {
    from: "entry",
    number: "entry.entry",
    before: "entry.entry < ?",
    conditions: Conditions::new(),
};

// the table that leads is read newest first by itself, so a part of the list reads a part of it

const BY_WORDS: Search = Search {
    from: "entry_words CROSS JOIN entry ON entry.entry = entry_words.rowid",
    number: "entry_words.rowid",
    before: "entry_words.rowid < ?",
    conditions: Conditions::new(),
};

const BY_TARGET: Search = Search {
    from: "entry_target CROSS JOIN entry ON entry.entry = entry_target.entry",
    number: "entry_target.entry",
    before: "entry_target.entry < ?",
    conditions: Conditions::new(),
};

impl Search {
    /// `None` if nothing can match.
    fn new(query: &EvidenceQuery) -> Option<Self> {
        let target = query
            .target
            .as_ref()
            .map(|target| target.as_str().to_owned());
        let words = query
            .words
            .as_deref()
            .filter(|words| !words.trim().is_empty());
        let mut search = match (words, &target) {
            (Some(_), _) => BY_WORDS,
            (None, Some(_)) => BY_TARGET,
            (None, None) => BY_ENTRY,
        };
        let conditions = &mut search.conditions;
        match words {
            Some(words) => {
                conditions.also("entry_words MATCH ?", match_words(words)?);
                let on_target = "entry.entry IN (
                SELECT
                    entry_target.entry
                FROM entry_target
                WHERE entry_target.target = ?
            )";
                conditions.maybe(on_target, target);
            }
            None => conditions.maybe("entry_target.target = ?", target),
        }
        filter(conditions, query);
        Some(search)
    }

    fn whole(&self) -> String {
        let (from, conditions) = (self.from, self.conditions.text());
        format!(
            "
        FROM {from}
        WHERE {conditions}"
        )
    }
}

fn filter(conditions: &mut Conditions, query: &EvidenceQuery) {
    let text = |id: &str| id.to_owned();
    conditions.maybe(
        "entry.person = ?",
        query.actor.as_ref().map(|id| text(id.as_str())),
    );
    conditions.maybe(
        "entry.privilege = ?",
        query.privilege.as_ref().map(|id| text(id.as_str())),
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
    conditions.maybe("entry.at >= ?", query.from.map(|at| at.0));
    conditions.maybe("entry.at < ?", query.to.map(|at| at.0));
    match query.outcome.as_deref() {
        Some("refused") => conditions.must("entry.outcome <> 'done'"),
        outcome => conditions.maybe("entry.outcome = ?", outcome.map(text)),
    }
}

/// A part of the entries that match, newest first.
pub(super) fn entries(
    db: &Connection,
    query: &EvidenceQuery,
    page: Page,
) -> Result<Paged<EntryRow>, RowError> {
    let Some(mut search) = Search::new(query) else {
        return Ok(Paged {
            rows: Vec::new(),
            next: None,
        });
    };
    search
        .conditions
        .maybe(search.before, page.before.map(signed));
    let limit = page.limit.min(ROWS_MAX);
    let sql = format!(
        "SELECT{}{}
        ORDER BY {} DESC
        LIMIT {}",
        entry::COLUMNS,
        search.whole(),
        search.number,
        limit + 1
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(search.conditions.values()))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(entry::read(row)?);
    }
    Ok(paged(rows, limit, |row| row.entry))
}

/// Cuts the one row too many that tells whether there is more.
pub(super) fn paged<T>(mut rows: Vec<T>, limit: usize, number: impl Fn(&T) -> u64) -> Paged<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(number);
    Paged { rows, next }
}

/// How many entries match.
pub(super) fn count(db: &Connection, query: &EvidenceQuery) -> Result<u64, RowError> {
    let Some(search) = Search::new(query) else {
        return Ok(0);
    };
    let sql = format!("SELECT COUNT(*){}", search.whole());
    let mut statement = db.prepare_cached(&sql)?;
    Ok(
        statement.query_row(params_from_iter(search.conditions.values()), |row| {
            row.get(0)
        })?,
    )
}

/// One entry.
pub(super) fn entry(db: &Connection, number: u64) -> Result<Option<EntryRow>, RowError> {
    let sql = format!(
        "SELECT{}
        FROM entry
        WHERE entry.entry = ?1",
        entry::COLUMNS
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([signed(number)])?;
    rows.next()?.map(entry::read).transpose()
}

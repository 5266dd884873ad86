//! Whether two tables hold the same rows: both are read once, in the order of their keys, side by side.
use rusqlite::{Connection, Row, Rows, types::Value};
use std::{cmp::Ordering, fmt::Write as _};

/// A table, and how to read it.
pub(super) struct Table {
    name: String,
    columns: Vec<String>,
    /// How many of the columns, from the first, are the key.
    keys: usize,
    /// Only rows with less than this in the column are looked at.
    below: Option<(&'static str, u64)>,
}

/// Hears of a row that differs, and in what.
pub(super) type Differs<'d> = &'d mut dyn FnMut(&str, String);

/// Names of the tables of `db` that are no tables of SQLite's own.
pub(super) fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare(
        "SELECT
            sqlite_schema.name
        FROM sqlite_schema
        WHERE sqlite_schema.type = 'table'
            AND sqlite_schema.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY sqlite_schema.name",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

impl Table {
    /// The table `name` of `db`, but for the columns `without`. Where it has no key, a row is its own.
    pub(super) fn of(db: &Connection, name: &str, without: &[&str]) -> rusqlite::Result<Self> {
        let mut statement = db.prepare(
            "SELECT
                pragma_table_info.name,
                pragma_table_info.pk
            FROM pragma_table_info(?1)
            ORDER BY pragma_table_info.pk = 0, pragma_table_info.pk, pragma_table_info.cid",
        )?;
        let columns = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut columns: Vec<(String, u32)> = columns.collect::<rusqlite::Result<_>>()?;
        columns.retain(|(column, _)| !without.contains(&column.as_str()));
        let keys = columns.iter().filter(|(_, place)| *place > 0).count();
        Ok(Self {
            name: name.to_owned(),
            keys: if keys == 0 { columns.len() } else { keys },
            columns: columns.into_iter().map(|(column, _)| column).collect(),
            below: None,
        })
    }

    /// Only the rows whose `column` is less than `number`.
    pub(super) fn below(mut self, column: &'static str, number: u64) -> Self {
        self.below = Some((column, number));
        self
    }

    fn select(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let order: Vec<String> = (1..=self.keys).map(|n| n.to_string()).collect();
        let below = self.below.map_or_else(String::new, |(column, number)| {
            format!(" WHERE {column} < {number}")
        });
        format!(
            "SELECT {} FROM \"{}\"{below} ORDER BY {}",
            columns.join(", "),
            self.name,
            order.join(", ")
        )
    }

    /// Which of the columns differ.
    fn differing(&self, found: &[Value], again: &[Value]) -> Vec<&str> {
        let pairs = self.columns.iter().zip(found.iter().zip(again));
        pairs
            .filter(|(_, (found, again))| found != again)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Compares the table in `found` with the one in `again`; how many rows that one has.
pub(super) fn inspect(
    found: &Connection,
    again: &Connection,
    table: &Table,
    differs: Differs<'_>,
) -> rusqlite::Result<u64> {
    let select = table.select();
    let (mut found, mut again) = (found.prepare(&select)?, again.prepare(&select)?);
    let mut found = Side::of(found.query([])?, table)?;
    let mut again = Side::of(again.query([])?, table)?;
    let mut count = 0;
    loop {
        let order = match (&found.row, &again.row) {
            (None, None) => return Ok(count),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(found), Some(again)) => by_key(found, again, table.keys),
        };
        if order != Ordering::Less {
            count += 1;
        }
        match order {
            Ordering::Less => differs(&found.key(), "no entry leads to this row".to_owned()),
            Ordering::Greater => differs(&again.key(), "this row is missing".to_owned()),
            Ordering::Equal => {
                let (Some(left), Some(right)) = (&found.row, &again.row) else {
                    return Ok(count);
                };
                let columns = table.differing(left, right);
                if !columns.is_empty() {
                    let what = format!("`{}` is not what the log leads to", columns.join("`, `"));
                    differs(&found.key(), what);
                }
            }
        }
        if order != Ordering::Greater {
            found.advance()?;
        }
        if order != Ordering::Less {
            again.advance()?;
        }
    }
}

/// One of the two, at its current row.
struct Side<'s> {
    rows: Rows<'s>,
    columns: usize,
    keys: usize,
    row: Option<Vec<Value>>,
}

impl<'s> Side<'s> {
    fn of(rows: Rows<'s>, table: &Table) -> rusqlite::Result<Self> {
        let mut side = Self {
            rows,
            columns: table.columns.len(),
            keys: table.keys,
            row: None,
        };
        side.advance()?;
        Ok(side)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        let columns = self.columns;
        let values = |row: &Row<'_>| (0..columns).map(|n| row.get(n)).collect();
        self.row = self.rows.next()?.map(values).transpose()?;
        Ok(())
    }

    /// The key of the current row, in words.
    fn key(&self) -> String {
        let mut words = String::new();
        for value in self.row.iter().flatten().take(self.keys) {
            let comma = if words.is_empty() { "" } else { ", " };
            // writing to a string can't fail
            let _ = match value {
                Value::Null => write!(words, "{comma}nothing"),
                Value::Integer(number) => write!(words, "{comma}{number}"),
                Value::Real(number) => write!(words, "{comma}{number}"),
                Value::Text(text) => write!(words, "{comma}{text}"),
                Value::Blob(bytes) => write!(words, "{comma}{} bytes", bytes.len()),
            };
        }
        words
    }
}

fn by_key(left: &[Value], right: &[Value], keys: usize) -> Ordering {
    left.iter()
        .zip(right)
        .take(keys)
        .map(|(left, right)| by_value(left, right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// As SQLite orders values: nothing, numbers, text, blobs.
fn by_value(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Blob(left), Value::Blob(right)) => left.cmp(right),
        (Value::Real(left), Value::Real(right)) => left.total_cmp(right),
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    }
}

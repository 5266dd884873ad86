//! The file itself: its pages, its tables and the triggers that guard them are those that our migrations make.
use super::{DataFile, Inspected};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Most complaints of SQLite that are told.
const COMPLAINTS_MAX: u32 = 100;

/// Holds the layout of `db` against the one that `migrations` make, and has SQLite look through its pages.
pub(super) fn inspect(
    db: &Connection,
    file: DataFile,
    migrations: &[&str],
    seen: &mut Inspected,
) -> rusqlite::Result<()> {
    for complaint in complaints(db)? {
        seen.add(
            file,
            "",
            "",
            format!("SQLite finds it damaged: {complaint}"),
        );
    }
    let model = Connection::open_in_memory()?;
    for migration in migrations {
        model.execute_batch(migration)?;
    }
    let (expected, found) = (parts(&model)?, parts(db)?);
    for (name, sql) in &expected {
        match found.get(name) {
            Some(other) if other == sql => {}
            Some(_) => seen.add(
                file,
                name,
                "",
                "it was defined anew, other than this release does",
            ),
            None => seen.add(file, name, "", "it is missing"),
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        seen.add(
            file,
            name,
            "",
            "this release makes no such table, index or trigger",
        );
    }
    Ok(())
}

/// Everything wrong with pages, constraints and references.
fn complaints(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut pages = db.prepare(&format!("PRAGMA integrity_check({COMPLAINTS_MAX})"))?;
    let said = pages.query_map([], |row| row.get::<_, String>(0))?;
    let mut complaints: Vec<String> = said.collect::<rusqlite::Result<_>>()?;
    complaints.retain(|said| said != "ok");
    let mut references = db.prepare("PRAGMA foreign_key_check")?;
    let dangling = references.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!(
            "a row of `{table}` refers to nothing in `{parent}`"
        ))
    })?;
    for dangling in dangling {
        complaints.push(dangling?);
    }
    Ok(complaints)
}

/// Tables, indexes and triggers by name; those that SQLite makes of its own accord are none of ours.
fn parts(db: &Connection) -> rusqlite::Result<BTreeMap<String, Option<String>>> {
    let mut statement = db.prepare(
        "SELECT
            sqlite_schema.name,
            sqlite_schema.type || ' ' || sqlite_schema.tbl_name || ' ' || sqlite_schema.sql
        FROM sqlite_schema
        WHERE sqlite_schema.name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'",
    )?;
    let parts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    parts.collect()
}

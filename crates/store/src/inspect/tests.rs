//! Changes each column of each row of each table of a real data folder, and expects it to be found in its file. What can't be found
//! is listed here, with the reason.
use super::{DataFile, Inspected, NotMade, Projections, file, inspect, months, views};
use crate::{SqliteProjector, views::tests::shown::whole_life};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    fixture,
};
use engine::{IdempotencyKey, Submission};
use ledger::{checkpoint::VerifierKey, digest::Digest};
use rusqlite::{Connection, params_from_iter, types::Value};
use std::{collections::BTreeMap, fs, num::NonZero, path::Path, rc::Rc, sync::Mutex, thread};
use tempfile::TempDir;

/// Columns whose change nobody can find, and why nobody need.
const UNFOUND: &[(&str, &str, &str)] = &[
    (
        "position",
        "sound",
        "it says whether the file was closed well, and only makes the next start look the file through: either value may be true",
    ),
    (
        "copied",
        "entries",
        "only the copy knows with how many entries it was made; a number beyond the end of the log is found",
    ),
];

fn key() -> VerifierKey {
    VerifierKey::parse(&testkit::signer().vkey()).unwrap()
}

fn look(folder: &Path) -> Inspected {
    inspect(folder, &key(), &mut |_, _, _| ()).unwrap()
}

/// A folder in which something of everything happened.
async fn lived_in() -> TempDir {
    let office = whole_life().await;
    let mut submission = Submission::of(Given {
        actor: Actor::Operator,
        command: Command::ChangeDirectory {
            change: DirectoryChange::GroupRemoved(fixture::id("nobody")),
        },
    });
    submission.idempotency = Some(IdempotencyKey {
        principal: "operator".to_owned(),
        key: "k-1".to_owned(),
        fingerprint: Digest::of(b"what was sent"),
    });
    office.engine.submit(submission).await.unwrap();
    let folder = office.close().await;
    let db = Connection::open(folder.path().join("log.db")).unwrap();
    db.execute_batch("INSERT INTO copied (one, entries) VALUES (1, 5)")
        .unwrap();
    folder
}

/// One value of one row.
#[derive(Debug, Clone)]
struct Cell {
    table: String,
    column: String,
    /// Names and values of what tells the row from others.
    key: Vec<(String, Value)>,
    value: Value,
}

fn strings(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Every value in the file but those of SQLite's own tables, and of the index's virtual face.
fn cells(file: &Path) -> Vec<Cell> {
    let db = Connection::open(file).unwrap();
    let tables = strings(
        &db,
        "SELECT name FROM sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    );
    tables
        .iter()
        .flat_map(|table| of_table(&db, table))
        .collect()
}

fn of_table(db: &Connection, table: &str) -> Vec<Cell> {
    let columns = strings(
        db,
        &format!("SELECT name FROM pragma_table_info('{table}')"),
    );
    let keys = format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0");
    let mut keys = strings(db, &keys);
    if keys.is_empty() {
        keys.push("rowid".to_owned());
    }
    let all: Vec<String> = keys
        .iter()
        .chain(&columns)
        .map(|name| format!("\"{name}\""))
        .collect();
    let sql = format!("SELECT {} FROM \"{table}\"", all.join(", "));
    let mut statement = db.prepare(&sql.replace("\"rowid\"", "rowid")).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut cells = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let key: Vec<(String, Value)> = keys
            .iter()
            .enumerate()
            .map(|(n, name)| (name.clone(), row.get(n).unwrap()))
            .collect();
        for (n, column) in columns.iter().enumerate() {
            cells.push(Cell {
                table: table.to_owned(),
                column: column.clone(),
                key: key.clone(),
                value: row.get(keys.len() + n).unwrap(),
            });
        }
    }
    cells
}

/// Another value of the same type; nothing becomes something, of the column's type.
fn other(value: &Value, declared: &str, by: i64) -> Value {
    match value {
        Value::Null if declared == "INTEGER" => Value::Integer(1),
        Value::Null => Value::Text("x".to_owned()),
        Value::Integer(number) => Value::Integer(number + by),
        Value::Real(number) => Value::Real(number + 1.0),
        Value::Text(text) => Value::Text(format!("{text}x")),
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            match bytes.last_mut() {
                Some(last) => *last ^= 1,
                None => bytes.push(0),
            }
            Value::Blob(bytes)
        }
    }
}

/// Changes a cell as somebody would who can write the file and knows SQLite: past every trigger and check, leaving both as they were.
fn change(file: &Path, cell: &Cell) {
    let db = Connection::open(file).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF; BEGIN;")
        .unwrap();
    let triggers = strings(&db, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
    for name in strings(&db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'") {
        db.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let declared = strings(
        &db,
        &format!(
            "SELECT type FROM pragma_table_info('{}') WHERE name = '{}'",
            cell.table, cell.column
        ),
    );
    let names = cell.key.iter().zip(2..);
    let row: Vec<String> = names
        .map(|((name, _), n)| format!("{name} IS ?{n}"))
        .collect();
    let sql = format!(
        "UPDATE \"{}\" SET \"{}\" = ?1 WHERE {}",
        cell.table,
        cell.column,
        row.join(" AND ")
    );
    let key = cell.key.iter().map(|(_, value)| value.clone());
    // the next number is another row's key
    let by = if cell.key.iter().any(|(name, _)| *name == cell.column) {
        1_000_003
    } else {
        1
    };
    let values = [other(&cell.value, &declared[0], by)]
        .into_iter()
        .chain(key);
    let changed = db.execute(&sql, params_from_iter(values)).unwrap();
    assert_eq!(changed, 1, "{cell:?}");
    for trigger in triggers {
        db.execute_batch(&trigger).unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
}

/// Does `check` on every cell of `file`, each in a copy of the folder, on all processors; what went unfound.
fn each(whole: &Path, name: DataFile, check: impl Fn(&Path, &mut Again) -> Inspected + Sync) {
    let place = |folder: &Path| folder.join(name.name().as_ref());
    let cells = cells(&place(whole));
    assert!(!cells.is_empty());
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let wrong = Mutex::new(Vec::new());
    let (cells, check, wrong) = (&cells, &check, &wrong);
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || {
                let folder = TempDir::new().unwrap();
                copy_all(whole, folder.path());
                let file = place(folder.path());
                let mut again = BTreeMap::new();
                for cell in cells.iter().skip(worker).step_by(workers) {
                    fs::copy(place(whole), &file).unwrap();
                    change(&file, cell);
                    let seen = check(folder.path(), &mut again);
                    let found = seen.findings.iter().any(|finding| finding.file == name);
                    if !found && cell.table.starts_with("entry_words_") {
                        // pages of the index depend on how it was written: what counts is what it finds
                        assert_eq!(finds(&file), finds(&place(whole)), "{cell:?}");
                        continue;
                    }
                    let known = UNFOUND
                        .iter()
                        .any(|(table, column, _)| (*table, *column) == (&cell.table, &cell.column));
                    if found == known {
                        let told = format!("{cell:?}: {:?}", seen.findings);
                        wrong.lock().unwrap().push(told);
                    }
                }
            });
        }
    });
    assert_eq!(*wrong.lock().unwrap(), Vec::<String>::new());
}

fn copy_all(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap().path();
        let copy = to.join(file.file_name().unwrap());
        if file.is_dir() {
            fs::create_dir(&copy).unwrap();
            copy_all(&file, &copy);
        } else {
            fs::copy(&file, copy).unwrap();
        }
    }
}

/// The entries that each word of the index finds.
fn finds(file: &Path) -> Vec<(String, Vec<u64>)> {
    let db = Connection::open(file).unwrap();
    db.execute_batch("CREATE VIRTUAL TABLE temp.word USING fts5vocab(main, entry_words, row)")
        .unwrap();
    let words = strings(&db, "SELECT term FROM temp.word ORDER BY term");
    let mut entries = db
        .prepare("SELECT rowid FROM entry_words WHERE entry_words MATCH ?1 ORDER BY rowid")
        .unwrap();
    let mut found = Vec::new();
    for word in words {
        let rows = entries
            .query_map([format!("\"{word}\"")], |row| row.get(0))
            .unwrap();
        let rows = rows.map(Result::unwrap).collect();
        found.push((word, rows));
    }
    found
}

/// Projections made again, by how many entries they follow: making them costs more than comparing them.
type Again = BTreeMap<u64, Rc<SqliteProjector>>;

#[tokio::test]
async fn a_folder_that_was_lived_in_is_whole() {
    let folder = lived_in().await;
    let seen = look(folder.path());
    assert_eq!(seen.findings, []);
    assert!(seen.entries > 20 && seen.beside > 5, "{seen:?}");
    assert!(seen.projected.unwrap() > 100, "{seen:?}");
    for name in [
        DataFile::Log,
        DataFile::Keys,
        DataFile::Views,
        search(folder.path()),
    ] {
        let name = name.name();
        let name = name.as_ref();
        let rows = |table: &str| {
            let db = Connection::open(folder.path().join(name)).unwrap();
            db.query_row(&format!("SELECT COUNT(*) FROM \"{table}\""), [], |row| {
                row.get(0)
            })
        };
        for table in cells(&folder.path().join(name))
            .iter()
            .map(|cell| &cell.table)
        {
            let rows: u64 = rows(table).unwrap();
            assert!(rows > 0, "nothing in `{table}` to change");
        }
    }
}

#[tokio::test]
async fn every_changed_column_of_every_row_of_the_log_is_found() {
    let folder = lived_in().await;
    each(folder.path(), DataFile::Log, |folder, _| look(folder));
}

#[tokio::test]
async fn every_changed_column_of_every_row_of_the_keys_is_found() {
    let folder = lived_in().await;
    each(folder.path(), DataFile::Keys, |folder, _| look(folder));
}

/// Compares projections with what was made again for as many entries before.
fn look_at_projections(folder: &Path, made: &mut Again) -> Inspected {
    let path = folder.join("views.db");
    let mut seen = Inspected::default();
    let opened = file::open_looking(&path, DataFile::Views.migrations());
    let db = opened.unwrap();
    let months = months(&mut seen, folder).unwrap();
    let log = folder.join("log.db");
    let mut again = |entries| {
        if let Some(projector) = made.get(&entries) {
            return Ok(Rc::clone(projector));
        }
        let projector = views::made_again(&log, kept(folder), entries, &mut |_, _, _| ())?;
        let projector = Rc::new(projector);
        made.insert(entries, Rc::clone(&projector));
        Ok::<_, NotMade>(projector)
    };
    let (db, months) = (&db, months.as_slice());
    let projections = Projections { path, db, months };
    projections.look(&mut seen, &mut again).unwrap();
    seen
}

/// The file of the search in which the whole life is.
fn search(folder: &Path) -> DataFile {
    let months = crate::search::months(&folder.join("search")).unwrap();
    let [month] = months[..] else {
        panic!("{months:?}")
    };
    DataFile::Search(month)
}

#[tokio::test]
async fn every_changed_column_of_every_row_of_the_projections_is_found() {
    let whole = lived_in().await;
    each(whole.path(), DataFile::Views, look_at_projections);
}

#[tokio::test]
async fn every_changed_column_of_every_row_of_the_search_is_found() {
    let whole = lived_in().await;
    each(whole.path(), search(whole.path()), look_at_projections);
}

#[tokio::test]
async fn a_month_that_is_missing_or_that_no_entry_leads_to_is_found() {
    let whole = lived_in().await;
    let folder = whole.path().join("search");
    let file = search(whole.path());
    let path = whole.path().join(file.name().as_ref());
    let other = folder.join("1999-12.db");
    fs::copy(&path, &other).unwrap();
    let seen = look_at_projections(whole.path(), &mut Again::new());
    let told: Vec<String> = seen.findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["`search/1999-12.db`: no entry leads to this file"]);
    fs::remove_file(&other).unwrap();
    fs::remove_file(&path).unwrap();
    let seen = look_at_projections(whole.path(), &mut Again::new());
    let told: Vec<String> = seen.findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, [format!("`{}`: it is missing", file.name())]);
}

fn kept(folder: &Path) -> super::people::Kept {
    let keys = file::open_looking(&folder.join("keys.db"), DataFile::Keys.migrations()).unwrap();
    let told = super::entries::Told::default();
    super::people::inspect(&keys, &told, &mut Inspected::default()).unwrap()
}

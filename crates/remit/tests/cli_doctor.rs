//! `remit doctor` at the data folder of a real demo, while that runs: nothing is wrong until somebody changes a row.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod terminal;

use rusqlite::Connection;
use serde_json::Value;
use std::{fs, path::Path};
use terminal::{Demo, Ran, ran, remit};

/// A table without rows.
const NOTHING: &str = "FILE\tTABLE\tROW\tWHAT\tDO\n";

fn doctor(data: &Path, more: &[&str]) -> Ran {
    ran(remit().arg("doctor").arg("--data").arg(data).args(more))
}

/// The newest file of the search.
fn month(data: &Path) -> String {
    let files = fs::read_dir(data.join("search")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let newest = names
        .filter(|name| !name.contains("-wal") && !name.contains("-shm"))
        .max();
    format!("search/{}", newest.unwrap())
}

/// A copy of the folder of a demo that ran for a while; the demo goes on.
fn copied(data: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in ["vkey", "checkpoint.key"] {
        fs::copy(data.join(name), to.join(name)).unwrap();
    }
    fs::create_dir(to.join("search")).unwrap();
    let month = month(data);
    for name in ["log.db", "keys.db", "views.db", &month] {
        let db = Connection::open(data.join(name)).unwrap();
        let copy = to.join(name).display().to_string();
        db.execute("VACUUM INTO ?1", [copy]).unwrap();
        let copy = Connection::open(to.join(name)).unwrap();
        copy.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    }
}

#[test]
fn a_changed_row_is_named_with_what_to_do_and_a_whole_folder_is_said_to_be_whole() {
    let demo = Demo::start();
    let data = demo.path("data");
    let live = doctor(&data, &[]);
    assert_eq!((live.code, live.out.as_str()), (0, NOTHING), "{live:?}");
    assert!(live.err.contains(" entries hashed again, "), "{}", live.err);
    assert!(
        live.err
            .contains(" rows of projections made again and compared"),
        "{}",
        live.err
    );

    let copy = demo.path("copy");
    copied(&data, &copy);
    let vkey = data.join("vkey").display().to_string();
    let whole = doctor(&copy, &["--vkey", &vkey]);
    assert_eq!((whole.code, whole.out.as_str()), (0, NOTHING), "{whole:?}");

    let month = month(&data);
    let db = Connection::open(copy.join(&month)).unwrap();
    db.execute_batch("UPDATE entry SET summary = 'Nothing happened' WHERE entry = 3")
        .unwrap();
    drop(db);
    let changed = doctor(&copy, &["-o", "json"]);
    assert_eq!(changed.code, 8, "{changed:?}");
    let found: Value = serde_json::from_str(&changed.out).unwrap();
    assert_eq!(
        found,
        serde_json::json!([{
            "file": month,
            "table": "entry",
            "row": "3",
            "what": "`summary` is not what the log leads to",
            "remedy": "stop the server, remove the folder `search` and start it again: its files are made again from the log",
        }])
    );
    assert!(
        changed.err.contains("1 thing is not as the log says"),
        "{}",
        changed.err
    );

    let db = Connection::open(copy.join("log.db")).unwrap();
    db.execute_batch(
        "DROP TRIGGER a_leaf_is_never_changed;
        UPDATE leaf SET bytes = CAST(replace(CAST(bytes AS TEXT), 'operator', 'operatox') AS BLOB) WHERE entry = 2",
    )
    .unwrap();
    drop(db);
    let changed = doctor(&copy, &[]);
    assert_eq!(changed.code, 8, "{changed:?}");
    assert!(
        changed.out.contains("a_leaf_is_never_changed"),
        "{}",
        changed.out
    );
    assert!(
        changed
            .out
            .contains("entry 2 was altered after it was signed"),
        "{}",
        changed.out
    );
}

#[test]
fn another_key_than_the_logs_is_changed_evidence_and_no_folder_is_said_to_be_none() {
    let demo = Demo::start();
    let copy = demo.path("copy");
    copied(&demo.path("data"), &copy);
    fs::write(copy.join("checkpoint.key"), [7; 32]).unwrap();
    let changed = doctor(&copy, &[]);
    assert_eq!(changed.code, 8, "{changed:?}");
    assert!(
        changed
            .out
            .contains("another key than the one that signed this log"),
        "{}",
        changed.out
    );

    let none = doctor(&demo.path("nowhere"), &[]);
    assert_eq!(none.code, 1, "{none:?}");
    assert!(
        none.err.contains("is no data folder: it has no `log.db`"),
        "{}",
        none.err
    );
}

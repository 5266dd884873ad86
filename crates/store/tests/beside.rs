//! Another program that opens a database beside the server that writes it: a shell to look into it, a copying tool. Its SQLite is
//! often older than ours, and removes the write-ahead file when it closes a database that it could have had for itself. Commits
//! would go on into a file without a name. So it must never get a database for itself while ours is open.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

use rusqlite::{Connection, ErrorCode};
use std::{path::Path, process::Command};
use store::{SqliteKeys, SqliteLog};

/// Names the folder for the process that plays the other program.
const BESIDE: &str = "REMIT_TEST_BESIDE";
const TEST: &str = "no_other_program_gets_an_open_database_for_itself";

fn take(folder: &Path) {
    for name in ["log.db", "keys.db"] {
        let db = Connection::open(folder.join(name)).unwrap();
        db.busy_timeout(std::time::Duration::ZERO).unwrap();
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE").unwrap();
        let taken = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()));
        let code = taken.map_err(|error| error.sqlite_error_code());
        assert_eq!(code, Err(Some(ErrorCode::DatabaseBusy)), "{name}");
    }
}

/// Locks belong to processes, so the other program is this test, started again.
#[test]
fn no_other_program_gets_an_open_database_for_itself() {
    if let Some(folder) = std::env::var_os(BESIDE) {
        return take(Path::new(&folder));
    }
    let folder = tempfile::TempDir::new().unwrap();
    let _log = SqliteLog::open(&folder.path().join("log.db")).unwrap();
    let _keys = SqliteKeys::open(&folder.path().join("keys.db")).unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST])
        .env(BESIDE, folder.path())
        .output()
        .unwrap();
    assert!(other.status.success(), "{other:?}");
}

//! Questions about the past at a real demo: who could do what then, proved entry by entry, and the same from an export by somebody who
//! has the public key alone. And a server whose log isn't its own any more ends.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod terminal;

use serde_json::Value;
use std::fs;
use terminal::{Demo, Ran, ran, remit};

const EMERGENCY: [&str; 16] = [
    "request",
    "new",
    "--privilege",
    "ledgerly-administer",
    "--target",
    "ledgerly.match-invoices",
    "--for",
    "20m",
    "--break-glass",
    "--why",
    "Invoices are booked twice, payments go out at noon.",
    "--answer",
    "plan=Stop the flow, then book the doubles back.",
    "--confirm-control",
    "review",
    "--ticket=INC-20419",
];

#[track_caller]
fn well(ran: Ran) -> String {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn who_could_do_what_is_told_for_any_second_and_can_be_checked_without_the_server() {
    let demo = Demo::start();
    let auditor = |words: &str| demo.remit("o-danso", words);
    let before = well(auditor("evidence access -o json"));
    assert_eq!(json(&before), serde_json::json!([]));
    well(demo.remit_with("a-lindqvist", &EMERGENCY));
    let shown = demo.remit("a-lindqvist", "grant show G-1 -o json");
    let began = json(&well(shown))["activated_at"].clone();
    let began = began.as_str().unwrap().to_owned();

    let now = json(&well(auditor("evidence access -o json --proofs proofs")));
    let lent = &now[0];
    assert_eq!(lent["person"]["id"], "a-lindqvist");
    assert_eq!(lent["standing"], "usable");
    assert_eq!(lent["break_glass"], true);
    let then = json(&well(auditor(&format!(
        "evidence access -o json --as-of {began}"
    ))));
    assert_eq!(then[0]["grant"], "G-1", "{then}");
    let elsewhere = "evidence access -o json --person r-haddad";
    assert_eq!(json(&well(auditor(elsewhere))), serde_json::json!([]));
    let earlier = "evidence access -o json --as-of 2020-01-01T00:00:00Z";
    assert_eq!(json(&well(auditor(earlier))), serde_json::json!([]));

    // each entry by its own file, against the public key alone
    let vkey = demo.path("vkey");
    let entries: Vec<u64> = lent["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry.as_u64().unwrap())
        .collect();
    assert!(!entries.is_empty());
    for entry in entries {
        let file = demo.path(&format!("proofs/e{entry}.tlog-proof"));
        let proved = ran(remit()
            .args(["ledger", "verify"])
            .arg(&file)
            .arg("--vkey")
            .arg(&vkey));
        assert_eq!(proved.code, 0, "{proved:?}");
    }
    assert!(fs::read_to_string(demo.path("proofs/checkpoint")).is_ok());

    // the whole of it, decided again
    let out = demo.path("export");
    let exported = ran(remit()
        .args(["ledger", "export", "--data"])
        .arg(demo.path("data"))
        .arg("--out")
        .arg(&out));
    assert_eq!(exported.code, 0, "{exported:?}");
    let replayed = ran(remit()
        .args(["ledger", "replay"])
        .arg(&out)
        .arg("--vkey")
        .arg(&vkey)
        .args(["--as-of", &began, "-o", "json"]));
    let again = json(&well(replayed));
    assert_eq!(again[0]["grant"], "G-1");
    assert_eq!(again[0]["standing"], then[0]["standing"]);
    assert_eq!(again[0]["until"], then[0]["until"]);
    assert_eq!(again[0]["targets"], then[0]["targets"]);
}

#[test]
fn a_search_as_of_an_instant_and_what_is_no_instant() {
    let demo = Demo::start();
    let auditor = |words: &str| demo.remit("o-danso", words);
    well(demo.remit_with("a-lindqvist", &EMERGENCY));
    let shown = demo.remit("a-lindqvist", "grant show G-1 -o json");
    let began = json(&well(shown))["activated_at"].clone();
    let began = began.as_str().unwrap().to_owned();
    let found = "evidence search -o json --kind submit-request --as-of";
    let found_before = json(&well(auditor(&format!("{found} 2020-01-01T00:00:00Z"))));
    assert_eq!(found_before, serde_json::json!({"items": [], "next": null}));
    let found_then = json(&well(auditor(&format!("{found} {began}"))));
    assert_eq!(found_then["items"].as_array().unwrap().len(), 1);
    let refused = auditor("evidence access --as-of 2999-01-01T00:00:00Z");
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("an instant that has come"),
        "{refused:?}"
    );
    let mistyped = auditor("evidence access --as-of yesterday");
    assert!(
        mistyped.err.contains("`as_of` is not a time"),
        "{mistyped:?}"
    );
    let maker = demo.remit("a-lindqvist", "evidence access");
    assert_eq!(maker.code, 3, "{maker:?}");
}

#[test]
fn a_server_whose_log_was_written_by_somebody_else_ends_with_an_error() {
    let mut demo = Demo::start();
    let db = rusqlite::Connection::open(demo.path("data/log.db")).unwrap();
    db.execute_batch("UPDATE head SET size = size + 1").unwrap();
    drop(db);
    let refused = demo.remit_with("a-lindqvist", &EMERGENCY);
    assert_ne!(refused.code, 0, "{refused:?}");
    let ended = demo.process.wait().unwrap();
    assert!(!ended.success(), "{ended:?}");
}

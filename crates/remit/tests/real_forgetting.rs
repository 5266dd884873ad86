//! Somebody leaves and is forgotten, by the command line of whoever runs the server: the words are in no file any more, and the log
//! verifies and replays as before.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::json;
use std::{fs, process::Output};
use support::{Home, eventually, hash_of, remit};

const OPERATOR: &str = "the-token-of-the-operator";
const WORDS: &str = "Compare the bank details of the suppliers in case 4711.";

fn operates(home: &Home, words: &[&str]) -> Output {
    remit()
        .args(words)
        .args(["--server", &home.origin(), "--yes"])
        .env("REMIT_TOKEN", OPERATOR)
        .output()
        .unwrap()
}

/// Files below the data folder in which `words` can be read.
fn found(home: &Home, words: &str) -> Vec<String> {
    let files = fs::read_dir(home.path("data")).unwrap().map(Result::unwrap);
    files
        .filter(|file| file.metadata().unwrap().is_file())
        .filter(|file| {
            let bytes = fs::read(file.path()).unwrap();
            bytes
                .windows(words.len())
                .any(|window| window == words.as_bytes())
        })
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_is_forgotten_and_everything_is_still_proved() {
    let home = Home::new(
        &format!("operator-tokens = [\"{}\"]\n", hash_of(OPERATOR)),
        "",
        "",
    );
    let served = home.serve().await;
    let maker = served.sign_in("a-lindqvist").await;
    let approvers = served.approvers().await;
    let ask = json!({
        "privilege": "ledgerly-read-suppliers",
        "targets": ["ledgerly.suppliers"],
        "duration_seconds": 1_800,
        "answers": { "purpose": WORDS },
        "confirmed": ["no-copies"]
    });
    let grant = served.granted(&maker, &approvers, ask).await;
    let path = format!("/grants/{grant}/return");
    served.send(&maker, "POST", &path, Some(json!({}))).await;
    assert!(!found(&home, WORDS).is_empty(), "the pages need the words");

    let too_early = operates(&home, &["person", "erase", "a-lindqvist"]);
    assert_eq!(too_early.status.code(), Some(3), "{too_early:?}");
    for words in [
        &["person", "remove", "a-lindqvist"][..],
        &["legal-hold", "place", "case-7", "--person", "a-lindqvist"],
    ] {
        let done = operates(&home, words);
        assert!(done.status.success(), "{done:?}");
    }
    let held = operates(&home, &["person", "erase", "a-lindqvist"]);
    assert_eq!(held.status.code(), Some(3), "{held:?}");
    assert!(
        String::from_utf8_lossy(&held.stderr).contains("case-7"),
        "{held:?}"
    );
    let lifted = operates(&home, &["legal-hold", "lift", "case-7"]);
    assert!(lifted.status.success(), "{lifted:?}");
    let erased = operates(&home, &["person", "erase", "a-lindqvist"]);
    assert!(erased.status.success(), "{erased:?}");
    eventually("the words are gone", || async {
        (found(&home, WORDS).is_empty() && found(&home, "A. Lindqvist").is_empty()).then_some(())
    })
    .await;
    served.stop();
    let (verified, replayed) = home.prove_both();
    assert!(!verified.contains(" 0 erased"), "{verified}");
    assert!(verified.contains(" 0 missing"), "{verified}");
    assert!(replayed.contains("all the same"), "{replayed}");
}

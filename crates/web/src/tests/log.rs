//! The log as auditors read it, entry by entry and tile by tile.
use super::office::{OPERATOR, Office, READER};
use ledger::{Receipt, checkpoint::VerifierKey, proof_file::ProofFile};

#[tokio::test]
async fn an_entry_comes_with_a_proof_that_others_can_check() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let request = office
        .api("ada", "GET", "/requests/R-1", None)
        .await
        .ok(200);
    let entry = request["entries"][0].as_u64().unwrap();
    let proven = office
        .api("ada", "GET", &format!("/entries/{entry}"), None)
        .await
        .ok(200);
    assert_eq!(proven["genuine"], true);
    let file = office
        .api("ada", "GET", &format!("/entries/{entry}/proof"), None)
        .await;
    let key = VerifierKey::parse(&office.engine.vkey()).unwrap();
    let checked = ProofFile::parse(&file.text)
        .unwrap()
        .verify(None, &key)
        .unwrap();
    assert_eq!(checked.index, entry);
    assert_eq!(
        office
            .api("ann", "GET", &format!("/entries/{entry}"), None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_log_is_served_to_whoever_may_read_it() {
    let office = Office::open().await;
    let reader = format!("Bearer {READER}");
    let by_token = [("authorization", reader.as_str())];
    let checkpoint = office.send("GET", "/log/checkpoint", &by_token, None).await;
    let key = VerifierKey::parse(&office.engine.vkey()).unwrap();
    let size = key.open(&checkpoint.text).unwrap().size;
    assert_eq!(checkpoint.header("cache-control"), "no-store");
    let tile = office
        .send("GET", &format!("/log/tile/0/000.p/{size}"), &by_token, None)
        .await;
    assert_eq!(tile.status, 200);
    assert_eq!(
        tile.header("cache-control"),
        "private, max-age=31536000, immutable"
    );
    let entries = office
        .send(
            "GET",
            &format!("/log/tile/entries/000.p/{size}"),
            &by_token,
            None,
        )
        .await;
    assert_eq!(entries.header("content-type"), "application/octet-stream");
    let status = async |path: &str, token: &str| {
        office
            .send("GET", path, &[("authorization", token)], None)
            .await
            .status
            .as_u16()
    };
    assert_eq!(
        status("/log/tile/0/000", &reader).await,
        404,
        "not full yet"
    );
    assert_eq!(status("/log/tile/0/../../etc", &reader).await, 404);
    assert_eq!(status("/log/checkpoint", "Bearer guess").await, 401);
    assert_eq!(
        status("/log/checkpoint", &format!("Bearer {OPERATOR}")).await,
        401
    );
}

#[tokio::test]
async fn lines_of_evidence_end_with_the_head_that_they_rest_on() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let path = "/evidence/export?format=jsonl";
    let exported = office.api("aud", "GET", path, None).await;
    assert_eq!(exported.header("content-type"), "application/jsonl");
    let lines: Vec<serde_json::Value> = exported
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (last, rows) = lines.split_last().unwrap();
    let key = VerifierKey::parse(&office.engine.vkey()).unwrap();
    let receipt = Receipt::open(last["checkpoint"].as_str().unwrap(), &key).unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        assert!(row["entry"].as_u64().unwrap() < receipt.checkpoint.size);
    }
}

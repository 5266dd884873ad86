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

#[tokio::test]
async fn who_could_do_what_comes_with_proofs_of_what_it_rests_on() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    let before = engine_time(&office);
    let told = office.api("aud", "GET", "/access", None).await.ok(200);
    let lent = &told["items"][0];
    assert_eq!(lent["person"]["id"], "ada");
    assert_eq!(lent["standing"], "usable");
    assert_eq!(told["next"], serde_json::Value::Null);
    let entries: Vec<u64> = lent["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry.as_u64().unwrap())
        .collect();
    // sent, and two consents
    assert_eq!(entries.len(), 3, "{lent}");
    let key = VerifierKey::parse(&office.engine.vkey()).unwrap();
    let proofs = told["proofs"].as_array().unwrap();
    let mut proved = Vec::new();
    for proof in proofs {
        let file = ProofFile::parse(proof["file"].as_str().unwrap()).unwrap();
        proved.push(file.verify(None, &key).unwrap().index);
    }
    assert!(entries.iter().all(|entry| proved.contains(entry)));
    assert!(proved.contains(&(told["entries"].as_u64().unwrap() - 1)));

    // the same instant is answered in the same way when all is over
    office.ports.clock.advance(2 * 60 * 60_000);
    office.sign_out();
    office.engine.wake();
    while office.engine.read(|state| !state.grants.is_empty()) {
        tokio::task::yield_now().await;
    }
    let now = office.api("aud", "GET", "/access", None).await.ok(200);
    assert_eq!(now["items"], serde_json::json!([]));
    let again = office
        .api("aud", "GET", &format!("/access?as_of={before}"), None)
        .await
        .ok(200);
    assert_eq!(again["items"][0]["standing"], "usable");
    assert_eq!(again["items"][0]["until"], told["items"][0]["until"]);
    assert_eq!(again["root"], told["root"]);
    let other = format!("/access?as_of={before}&target=elsewhere");
    let other = office.api("aud", "GET", &other, None).await.ok(200);
    assert_eq!(other["items"], serde_json::json!([]));
}

fn engine_time(office: &Office) -> String {
    crate::words::rfc3339(office.engine.now())
}

#[tokio::test]
async fn an_instant_that_has_not_come_or_is_none_is_refused_with_what_works() {
    let office = Office::open().await;
    let now = engine_time(&office);
    let reply = |query: &'static str| office.api("aud", "GET", query, None);
    let future = reply("/access?as_of=2999-01-01T00:00:00Z").await;
    assert_eq!(future.status, 422);
    assert!(
        future
            .text
            .contains(&format!("an instant that has come, at most `{now}`")),
        "{}",
        future.text
    );
    let none = reply("/access?as_of=yesterday").await;
    assert_eq!(none.status, 422);
    assert!(none.text.contains("`as_of` is not a time"), "{}", none.text);
    assert_eq!(reply("/access?limit=0").await.status, 400);
    assert_eq!(reply("/access?cursor=x").await.status, 400);
    assert_eq!(reply("/access?who=ada").await.status, 400);
}

#[tokio::test]
async fn a_search_as_of_an_instant_finds_what_was_on_record_then() {
    let office = Office::open().await;
    let before = engine_time(&office);
    office.ports.clock.advance(1_000);
    office.asked("edit-flow").await;
    let after = engine_time(&office);
    for (as_of, to, found) in [
        (before.as_str(), "", 0),
        (&after, "", 1),
        (&after, before.as_str(), 0),
    ] {
        let query = format!("/evidence?kind=submit-request&as_of={as_of}&to={to}");
        let list = office.api("aud", "GET", &query, None).await.ok(200);
        assert_eq!(list["items"].as_array().unwrap().len(), found, "{query}");
    }
}

#[tokio::test]
async fn no_lease_is_given_while_nothing_can_be_taken_back() {
    use engine::enforcement::Authority as _;
    let office = Office::open().await;
    office.granted("edit-flow").await;
    let live = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
    let grant: domain::ids::GrantId = live["id"].as_str().unwrap().parse().unwrap();
    assert!(office.authority.lease(grant).await.unwrap().usable);
    office.ports.log.fail_next(&[testkit::Fault::Conflict]);
    let reply = office
        .api(
            "ada",
            "POST",
            "/grants/G-1/return",
            Some(serde_json::json!({})),
        )
        .await;
    assert_eq!(reply.status, 503);
    office.engine.stopped().await;
    assert!(!office.authority.lease(grant).await.unwrap().usable);
}

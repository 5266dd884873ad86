//! An emergency, from its alarm to the review that must follow it; and a review that nobody gives, or nobody may give.
use super::office::Office;
use engine::replay::replay;
use ledger::{digest::Digest, leaf::Leaf};
use serde_json::{Value, json};
use std::convert::Infallible;

/// Ada breaks glass; her grant's number.
async fn taken(office: &Office) -> String {
    office.strengthen("ada").await;
    let mut ask = Office::ask("edit-flow");
    ask["break_glass"] = json!(true);
    ask["duration_seconds"] = json!(1_800);
    let sent = office.api("ada", "POST", "/requests", Some(ask)).await;
    let grant = sent.ok(201)["request"]["grant"].clone();
    grant.as_str().unwrap().to_owned()
}

async fn review(office: &Office, who: &str, grant: &str) -> super::office::Reply {
    let body = json!({"finding": "questioned", "comment": "two flows were changed, not one"});
    office
        .api(who, "POST", &format!("/grants/{grant}/review"), Some(body))
        .await
}

async fn waiting(office: &Office, who: &str) -> Vec<String> {
    let due = office.api(who, "GET", "/reviews", None).await.ok(200);
    let number = |grant: &Value| grant["number"].as_str().unwrap().to_owned();
    due.as_array().unwrap().iter().map(number).collect()
}

fn names(people: &Value) -> Vec<&str> {
    let people = people.as_array().unwrap().iter();
    people
        .map(|person| person["id"].as_str().unwrap())
        .collect()
}

/// Re-derives every decision of the log so far.
fn replayed(office: &Office) -> u64 {
    let stored = office.ports.log.stored();
    let leaves = stored.leaves.iter();
    let entries = (0..).zip(leaves.map(|bytes| Leaf::decode(bytes).unwrap()));
    let blob = |digest: &Digest| stored.blobs.get(digest).cloned();
    let replayed = replay(entries.map(Ok::<_, Infallible>), blob, "test", |_| ());
    replayed.unwrap().entries
}

/// The lines that somebody reads on a page which hold `words`.
async fn told(office: &Office, who: &str, path: &str, words: &str) -> Vec<String> {
    let page = office.page(who, path).await;
    assert_eq!(page.status, 200, "{path} for {who}");
    let read = page.read();
    let lines = read.lines().filter(|line| line.contains(words));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn an_emergency_is_told_at_once_and_reviewed_afterwards() {
    let office = Office::open().await;
    let alarm = "Ada Lindqvist took \u{201c}Edit the flow\u{201d} in an emergency.";
    let mut unexplained = Office::ask("edit-flow");
    unexplained["break_glass"] = json!(true);
    unexplained["duration_seconds"] = json!(1_800);
    unexplained["answers"] = json!({});
    let no = office
        .api("ada", "POST", "/requests", Some(unexplained))
        .await;
    assert_eq!(no.ok(422)["rule"], "answers");
    assert_eq!(told(&office, "eve", "/security", alarm).await, [""; 0]);

    let grant = taken(&office).await;
    let live = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
    assert_eq!(
        (&live["standing"], &live["break_glass"]),
        (&json!("active"), &json!(true))
    );
    for (who, path) in [
        ("eve", "/security"),
        ("eve", "/"),
        ("fay", "/"),
        ("cyd", "/"),
        ("dee", "/"),
        ("mia", "/"),
    ] {
        assert_eq!(
            told(&office, who, path, alarm).await,
            [alarm],
            "{path} for {who}"
        );
    }
    for who in ["ada", "ann"] {
        assert_eq!(
            told(&office, who, "/", alarm).await,
            [""; 0],
            "{who} has nothing to do with it"
        );
    }
    let token = office
        .api("ada", "POST", "/grants/G-1/credentials", Some(json!({})))
        .await;
    let credential = token.ok(201)["credential"].clone();
    super::api::used(
        &office,
        live["id"].as_str().unwrap(),
        credential.as_str().unwrap(),
    )
    .await;

    only_who_took_no_part_reviews(&office, &grant).await;
    a_review_is_given_once_and_on_record(&office, &grant).await;
    assert!(replayed(&office) > 0);
}

async fn only_who_took_no_part_reviews(office: &Office, grant: &str) {
    // nothing can be said of a use that goes on
    assert_eq!(waiting(office, "mia").await, [""; 0]);
    assert_eq!(
        review(office, "mia", grant).await.ok(409)["rule"],
        "review-due"
    );
    office
        .api("ada", "POST", "/grants/G-1/return", Some(json!({})))
        .await
        .ok(200);
    let over = office.api("mia", "GET", "/grants/G-1", None).await.ok(200);
    assert_eq!(over["review"]["standing"], "due");
    assert_eq!(over["review"]["escalated"], false);
    assert_eq!(names(&over["review"]["reviewers"]), ["cyd", "dee", "mia"]);
    assert_eq!(over["may"], json!(["review"]));
    for who in ["cyd", "dee", "mia"] {
        assert_eq!(waiting(office, who).await, ["G-1"], "{who}");
    }
    // the holder, security, a deputy of security, and somebody it is none of the business of
    for (who, status) in [("ada", 403), ("eve", 403), ("fay", 403), ("ann", 404)] {
        assert_eq!(waiting(office, who).await, [""; 0], "{who}");
        assert_eq!(review(office, who, grant).await.status, status, "{who}");
    }
}

async fn a_review_is_given_once_and_on_record(office: &Office, grant: &str) {
    let page = office.page("mia", "/grants/G-1").await;
    assert!(
        page.read().contains("match the invoices of October"),
        "the justification is shown"
    );
    assert!(
        page.read().contains("GET /flow/f1"),
        "what was done is shown"
    );
    let reviewed = review(office, "mia", grant).await.ok(200);
    assert_eq!(reviewed["grant"]["review"]["questioned"], true);
    assert_eq!(reviewed["grant"]["review"]["by"]["id"], "mia");
    let found = office
        .api(
            "aud",
            "GET",
            "/evidence?kind=review-grant&outcome=done",
            None,
        )
        .await
        .ok(200);
    assert_eq!(found["items"][0]["entry"], reviewed["entry"]);
    assert_eq!(
        review(office, "dee", grant).await.ok(409)["rule"],
        "review-due"
    );
    assert_eq!(
        told(office, "ada", "/grants/G-1", "reviewed the use").await,
        ["Mia Weber reviewed the use and questioned it: two flows were changed, not one"]
    );
}

#[tokio::test]
async fn a_review_that_nobody_gives_goes_to_security_with_an_alarm() {
    let office = Office::open().await;
    taken(&office).await;
    office
        .api("ada", "POST", "/grants/G-1/return", Some(json!({})))
        .await
        .ok(200);
    let alarm = "Nobody has looked back";
    assert_eq!(told(&office, "eve", "/security", alarm).await, [""; 0]);
    let due =
        office.api("mia", "GET", "/grants/G-1", None).await.ok(200)["review"]["due_at"].clone();
    assert!(due.is_string());
    office.ports.clock.advance(4 * 24 * 3_600_000);
    office.engine.wake();
    let escalated = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while office
            .engine
            .read(|state| state.reviews.values().all(|due| !due.escalated))
        {
            tokio::task::yield_now().await;
        }
    });
    assert!(escalated.await.is_ok(), "the review was never escalated");
    let entries = office.engine.health().entries;
    office.engine.settled(entries.saturating_sub(1)).await;
    // four days later everybody signs in anew
    office.sign_out();
    assert_eq!(
        told(&office, "eve", "/security", alarm).await,
        [
            "Nobody has looked back at what Ada Lindqvist did with \u{201c}Edit the flow\u{201d}. \
          These may: Bob Sato, Cyd Haddad, Dee Costa, Eve Ito, Fay Braun and Mia Weber."
        ]
    );
    assert_eq!(waiting(&office, "eve").await, ["G-1"]);
    review(&office, "eve", "G-1").await.ok(200);
    assert_eq!(told(&office, "eve", "/security", alarm).await, [""; 0]);
    assert!(replayed(&office) > 0);
}

#[tokio::test]
async fn a_deputy_of_the_data_owner_ends_a_grant_as_the_owner_could() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    let end = async |who: &str| {
        let body = json!({"comment": "the data are being moved"});
        office
            .api(who, "POST", "/grants/G-1/revoke", Some(body))
            .await
    };
    assert_eq!(end("ann").await.status, 404);
    let change = json!({"delegation": {"id": "cyd-away", "from": "cyd", "to": "ann", "duties": ["data-owner"],
        "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}});
    let operator = [(
        "authorization",
        &*format!("Bearer {}", super::office::OPERATOR),
    )];
    office
        .send("POST", "/api/v1/directory", &operator, Some(&change))
        .await
        .ok(200);
    let seen = office.api("ann", "GET", "/grants/G-1", None).await.ok(200);
    assert_eq!(seen["may"], json!(["revoke"]));
    assert_eq!(end("ann").await.ok(200)["grant"]["reason"], "revoked");
}

//! The words of the key pages, whole.
use super::office::Office;
use serde_json::json;

async fn read(office: &Office, who: &str, path: &str) -> String {
    let reply = office.page(who, path).await;
    assert_eq!(
        reply.text.matches("<h1").count(),
        1,
        "{path} has one heading of the first rank"
    );
    format!(
        "{} {path} for {}\n{}",
        reply.status.as_u16(),
        if who.is_empty() { "nobody" } else { who },
        reply.read()
    )
}

#[tokio::test]
async fn the_pages_of_asking_and_deciding() {
    let office = Office::open().await;
    insta::assert_snapshot!("home_calm", read(&office, "ada", "/").await);
    insta::assert_snapshot!("catalog", read(&office, "ada", "/catalog").await);
    insta::assert_snapshot!(
        "privilege",
        read(&office, "ada", "/catalog/edit-flow").await
    );
    insta::assert_snapshot!(
        "ask",
        read(&office, "ada", "/requests/new?privilege=edit-flow").await
    );
    office.asked("edit-flow").await;
    insta::assert_snapshot!(
        "request_sent",
        read(&office, "ada", "/requests/R-1?done=sent").await
    );
    insta::assert_snapshot!("approvals", read(&office, "cyd", "/approvals").await);
    insta::assert_snapshot!("decide", read(&office, "cyd", "/requests/R-1/decide").await);
    insta::assert_snapshot!("requests", read(&office, "ada", "/requests").await);
    let seen = office
        .api("cyd", "GET", "/requests/R-1", None)
        .await
        .ok(200);
    let no = json!({"digest": seen["digest"], "comment": "The test copy shows the same fault. Please fix it there first."});
    office
        .api("cyd", "POST", "/requests/R-1/deny", Some(no))
        .await
        .ok(200);
    insta::assert_snapshot!(
        "request_denied",
        read(&office, "ada", "/requests/R-1").await
    );
}

#[tokio::test]
async fn the_pages_of_using_and_watching() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    insta::assert_snapshot!("home_busy", read(&office, "ada", "/").await);
    insta::assert_snapshot!("grant_active", read(&office, "ada", "/grants/G-1").await);
    insta::assert_snapshot!("grants", read(&office, "ada", "/grants").await);
    insta::assert_snapshot!("security", read(&office, "eve", "/security").await);
    office
        .api(
            "eve",
            "POST",
            "/grants/G-1/revoke",
            Some(json!({"comment": "the ticket is closed"})),
        )
        .await
        .ok(200);
    insta::assert_snapshot!("grant_ended", read(&office, "ada", "/grants/G-1").await);
    insta::assert_snapshot!("reviews", read(&office, "mia", "/reviews").await);
}

#[tokio::test]
async fn the_pages_of_evidence_and_errors() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let request = office
        .api("ada", "GET", "/requests/R-1", None)
        .await
        .ok(200);
    let entry = request["entries"][0].as_u64().unwrap();
    insta::assert_snapshot!(
        "evidence",
        read(&office, "aud", "/evidence?kind=submit-request").await
    );
    insta::assert_snapshot!(
        "evidence_empty",
        read(&office, "aud", "/evidence?words=nothing-of-the-kind").await
    );
    let page = read(&office, "aud", &format!("/evidence/{entry}")).await;
    let (told, _) = page.split_once("How it is proved").unwrap();
    insta::assert_snapshot!("entry", told);
    insta::assert_snapshot!("not_found", read(&office, "ann", "/requests/R-1").await);
    insta::assert_snapshot!("not_yours", read(&office, "ada", "/security").await);
    insta::assert_snapshot!("sign_in", read(&office, "", "/sign-in").await);
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let office = Office::open().await;
    office.granted("read-invoices").await;
    office.ports.clock.advance(1_000);
    office.engine.wake();
    let issued = async || {
        let grant = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
        grant["credentials"][0]["state"] == "issued"
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while !issued().await {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "the credential was never issued");
    assert!(
        office
            .page("ada", "/grants/G-1")
            .await
            .text
            .contains("Show what I need to sign in, once")
    );
    assert_eq!(
        office.form("eve", "/grants/G-1/secret", &[]).await.status,
        404
    );
    let shown = office.form("ada", "/grants/G-1/secret", &[]).await;
    assert!(
        shown.text.contains("class=\"app-secret\""),
        "{}",
        shown.read()
    );
    let again = office.form("ada", "/grants/G-1/secret", &[]).await;
    assert_eq!(again.header("location"), "/grants/G-1?done=shown");
    assert_eq!(
        office
            .api("ada", "POST", "/grants/G-1/secret", Some(json!({})))
            .await
            .ok(200),
        json!([])
    );
}

//! Every person against every object, at the pages and at the API: what is not theirs does not exist for them.
use super::office::Office;
use serde_json::json;
use std::fmt::Write as _;

const PEOPLE: [&str; 10] = [
    "", "ada", "ann", "bob", "cyd", "dee", "fay", "mia", "aud", "eve",
];

async fn table(office: &Office, paths: &[&str]) -> String {
    let mut table = format!("{:<28}", "");
    for person in PEOPLE {
        let _ = write!(
            table,
            " {:>4}",
            if person.is_empty() { "-" } else { person }
        );
    }
    for path in paths {
        let _ = write!(table, "\n{path:<28}");
        for person in PEOPLE {
            let reply = match path.strip_prefix("/api/v1") {
                Some(rest) => office.api(person, "GET", rest, None).await,
                None => office.page(person, path).await,
            };
            let _ = write!(table, " {:>4}", reply.status.as_u16());
        }
    }
    table
}

#[tokio::test]
async fn everybody_sees_just_what_is_theirs() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    office.asked("read-invoices").await;
    let granted = office
        .api("ada", "GET", "/requests/R-1", None)
        .await
        .ok(200);
    let entry = granted["entries"][0].as_u64().unwrap();
    let paths = [
        "/requests/R-1".to_owned(),
        "/requests/R-2".to_owned(),
        "/requests/R-2/decide".to_owned(),
        "/requests/R-2/edit".to_owned(),
        "/requests/R-9".to_owned(),
        "/grants/G-1".to_owned(),
        "/grants/G-9".to_owned(),
        format!("/evidence/{entry}"),
        format!("/evidence/{entry}/proof"),
        "/evidence/0".to_owned(),
        "/evidence".to_owned(),
        "/evidence/export".to_owned(),
        "/security".to_owned(),
        "/catalog/edit-flow".to_owned(),
        "/log/checkpoint".to_owned(),
        "/api/v1/requests/R-1".to_owned(),
        "/api/v1/requests/R-2".to_owned(),
        "/api/v1/requests/R-9".to_owned(),
        "/api/v1/grants/G-1".to_owned(),
        "/api/v1/grants/G-1/activity".to_owned(),
        "/api/v1/grants/G-9".to_owned(),
        format!("/api/v1/entries/{entry}"),
        format!("/api/v1/entries/{entry}/proof"),
        "/api/v1/evidence".to_owned(),
        "/api/v1/access".to_owned(),
        "/api/v1/bundles".to_owned(),
        "/api/v1/witnesses".to_owned(),
        "/log/cosigned".to_owned(),
    ];
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    insta::assert_snapshot!(table(&office, &paths).await);
}

#[tokio::test]
async fn nobody_changes_what_is_not_theirs() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    office.asked("read-invoices").await;
    let digest = office
        .api("ada", "GET", "/requests/R-2", None)
        .await
        .ok(200)["digest"]
        .clone();
    let acts = [
        ("/requests/R-2/withdraw", json!({})),
        ("/requests/R-2/answers", json!({"text": "an answer"})),
        ("/requests/R-2/questions", json!({"text": "a question"})),
        (
            "/requests/R-2/deny",
            json!({"digest": "00".repeat(32), "comment": "no"}),
        ),
        (
            "/requests/R-2/approve",
            json!({"digest": "00".repeat(32), "comment": "yes"}),
        ),
        ("/grants/G-1/credentials", json!({})),
        ("/grants/G-1/open-code", json!({})),
        ("/grants/G-1/secret", json!({})),
        (
            "/grants/G-1/review",
            json!({"finding": "as-stated", "comment": "fine"}),
        ),
        ("/grants/G-1/resume", json!({"comment": "go on"})),
    ];
    assert!(digest.is_string());
    let mut table = format!("{:<28}", "");
    for person in PEOPLE {
        let _ = write!(
            table,
            " {:>4}",
            if person.is_empty() { "-" } else { person }
        );
    }
    for (path, body) in acts {
        let _ = write!(table, "\n{path:<28}");
        // Ada may, and would change the matter for those after her: she is left out.
        for person in PEOPLE {
            let status = if person == "ada" {
                "    ".to_owned()
            } else {
                let reply = office.api(person, "POST", path, Some(body.clone())).await;
                reply.status.as_u16().to_string()
            };
            let _ = write!(table, " {status:>4}");
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn what_is_hidden_looks_just_like_what_does_not_exist() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    for (hidden, absent) in [
        ("/requests/R-1", "/requests/R-9"),
        ("/grants/G-1", "/grants/G-9"),
        ("/entries/0", "/entries/999999"),
    ] {
        let hidden = office.api("ann", "GET", hidden, None).await;
        let absent = office.api("ann", "GET", absent, None).await;
        assert_eq!((hidden.status, &hidden.text), (absent.status, &absent.text));
    }
}

#[tokio::test]
async fn somebody_elses_list_is_never_shown() {
    let office = Office::open().await;
    office.granted("edit-flow").await;
    for path in ["/requests?requester=ada", "/grants?holder=ada"] {
        let theirs = office.api("ann", "GET", path, None).await.ok(200);
        assert_eq!(theirs["items"], json!([]));
        let all = office.api("aud", "GET", path, None).await.ok(200);
        assert_eq!(all["items"].as_array().unwrap().len(), 1);
    }
}

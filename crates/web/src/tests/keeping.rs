//! Forgetting people and legal holds, over the API.
use super::office::{OPERATOR, Office, Reply};
use serde_json::{Value, json};

async fn operates(office: &Office, method: &str, path: &str, body: Option<Value>) -> Reply {
    let token = format!("Bearer {OPERATOR}");
    let headers = [("authorization", token.as_str())];
    let path = format!("/api/v1{path}");
    office.send(method, &path, &headers, body.as_ref()).await
}

#[tokio::test]
async fn a_person_who_left_is_forgotten_unless_a_legal_hold_says_no() {
    let office = Office::open().await;
    let erase = "/people/ada/erase";
    let there = operates(&office, "POST", erase, Some(json!({}))).await;
    assert_eq!(there.ok(403)["rule"], "still-in-directory");
    let gone = json!({ "person-removed": "ada" });
    operates(&office, "POST", "/directory", Some(gone))
        .await
        .ok(200);
    let nobody = operates(
        &office,
        "PUT",
        "/legal-holds/case-7",
        Some(json!({ "persons": [] })),
    )
    .await;
    assert!(
        nobody.ok(422)["detail"]
            .as_str()
            .unwrap()
            .contains("name persons")
    );
    let covers = json!({ "persons": ["ada"] });
    operates(&office, "PUT", "/legal-holds/case-7", Some(covers))
        .await
        .ok(200);
    let holds = operates(&office, "GET", "/legal-holds", None).await;
    assert_eq!(
        holds.ok(200),
        json!([{ "id": "case-7", "persons": ["ada"] }])
    );
    let held = operates(&office, "POST", erase, Some(json!({}))).await;
    assert_eq!(held.ok(403)["rule"], "legal-hold");
    operates(&office, "DELETE", "/legal-holds/case-7", None)
        .await
        .ok(200);
    operates(&office, "POST", erase, Some(json!({})))
        .await
        .ok(200);
    let back = json!({ "person": { "id": "ada", "name": "Ada" } });
    let back = operates(&office, "POST", "/directory", Some(back)).await;
    let told = back.ok(422)["detail"].as_str().unwrap().to_owned();
    assert_eq!(told, "`ada` was erased: give the person a new id.");
}

#[tokio::test]
async fn only_the_operator_forgets() {
    let office = Office::open().await;
    for (method, path) in [
        ("POST", "/people/ada/erase"),
        ("GET", "/legal-holds"),
        ("PUT", "/legal-holds/case-7"),
        ("DELETE", "/legal-holds/case-7"),
    ] {
        let refused = office.api("mia", method, path, Some(json!({}))).await;
        assert_eq!(refused.status, 401, "{method} {path}");
    }
}

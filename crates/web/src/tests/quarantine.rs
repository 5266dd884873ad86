//! The quarantine is an operator's business: nobody else sees it or lifts it.
use super::office::{OPERATOR, Office};
use serde_json::json;

#[tokio::test]
async fn only_an_operator_sees_and_lifts_the_quarantine() {
    let office = Office::open().await;
    let lift = json!({"reason": "compared and looked at"});
    for person in ["", "ada", "mia", "bob", "aud"] {
        let seen = office.api(person, "GET", "/quarantine", None).await;
        let body = Some(lift.clone());
        let lifted = office.api(person, "POST", "/quarantine/lift", body).await;
        let statuses = (seen.status.as_u16(), lifted.status.as_u16());
        assert_eq!(statuses, (401, 401), "{person}");
    }
    let operator = [("authorization", &*format!("Bearer {OPERATOR}"))];
    let seen = office
        .send("GET", "/api/v1/quarantine", &operator, None)
        .await
        .ok(200);
    assert_eq!(
        seen,
        json!({"quarantined": false, "since": null, "copied": null, "waiting": [], "reconciled": [], "strays": []})
    );
    let path = "/api/v1/quarantine/lift";
    let none = office.send("POST", path, &operator, Some(&lift)).await;
    assert_eq!(none.json()["rule"], "quarantine", "{}", none.text);
    let wordless = office
        .send("POST", path, &operator, Some(&json!({"reason": " "})))
        .await;
    assert_eq!(wordless.status.as_u16(), 422, "{}", wordless.text);
}

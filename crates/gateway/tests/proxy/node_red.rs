//! Node-RED's editor posts all flows; only what changed counts.
use crate::{
    bed::{Answer, Bed},
    upstream::flows,
};
use serde_json::{Value, json};

async fn post(bed: &Bed, document: &Value) -> Answer {
    let request = bed
        .request("POST", "/flows")
        .header("node-red-deployment-type", "full")
        .body(document.to_string());
    bed.send(request.unwrap()).await
}

#[tokio::test]
async fn only_changed_tabs_become_actions_and_the_revision_travels_along() {
    let mut bed = Bed::start().await;
    let mut edited = flows();
    edited["flows"][2]["x"] = json!(2);
    let without_revision = json!(edited["flows"]);
    assert_eq!(post(&bed, &without_revision).await.body, r#"{"rev":"r2"}"#);
    let attempt = bed.authority.said().begun.remove(0);
    let (action, target) = attempt.actions.first().unwrap();
    assert_eq!(attempt.actions.len(), 1);
    assert_eq!(
        (action.as_str(), target.as_str()),
        ("flow.edit", "desk.invoices")
    );
    assert_eq!(attempt.unmapped, [""; 0]);
    let compared = bed.got.recv().await.unwrap();
    assert_eq!(compared.line(), "GET /flows ");
    let posted = bed.got.recv().await.unwrap();
    assert_eq!(posted.headers["node-red-api-version"], "v2");
    assert_eq!(posted.headers["node-red-deployment-type"], "flows");
    let body: Value = serde_json::from_str(&posted.body).unwrap();
    assert_eq!(body, edited);
}

#[tokio::test]
async fn what_lies_outside_the_tabs_is_unmapped() {
    let mut bed = Bed::start().await;
    let mut edited = flows();
    edited["flows"][3]["host"] = json!("b");
    assert_eq!(
        post(&bed, &edited).await.problem(),
        "403 unmapped: the configuration node `c1` of type `mqtt-broker`"
    );
    let mut new_tab = flows();
    new_tab["flows"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "t9", "type": "tab"}));
    assert_eq!(
        post(&bed, &new_tab).await.problem(),
        "403 unmapped: the tab `t9`, which is not a target of the catalog"
    );
    let mut credentials = flows();
    credentials["credentials"] = json!({"n1": {"password": "x"}});
    assert_eq!(
        post(&bed, &credentials).await.problem(),
        "403 unmapped: the credentials of all nodes"
    );
    assert_eq!(bed.upstream_got(), ["GET /flows "; 3]);
}

#[tokio::test]
async fn a_document_made_from_old_flows_is_refused() {
    let mut bed = Bed::start().await;
    let mut stale = flows();
    stale["rev"] = json!("r0");
    assert_eq!(
        post(&bed, &stale).await.problem(),
        "409 stale-document: the flows have changed since you loaded them"
    );
    assert_eq!(bed.upstream_got(), ["GET /flows "]);
    assert!(bed.authority.said().begun.is_empty());
}

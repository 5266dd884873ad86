//! Signing in to the API and out of it.
use super::office::Office;
use serde_json::json;

#[tokio::test]
async fn signing_in_tells_nothing_about_accounts_and_gets_slower() {
    let office = Office::open().await;
    let knock = async |account: &str| {
        office
            .send(
                "POST",
                "/api/v1/session",
                &[],
                Some(&json!({"account": account})),
            )
            .await
    };
    let unknown = knock("nobody").await;
    let unlinked = knock("svc-build").await;
    let suspended = knock("leo").await;
    for reply in [&unknown, &unlinked, &suspended] {
        assert_eq!(reply.status, 401);
        assert_eq!(reply.text, unknown.text);
    }
    for _ in 0..crate::sign_in::ATTEMPTS_MAX {
        knock("nobody").await;
    }
    let slowed = knock("nobody").await;
    assert_eq!(slowed.status, 429);
    assert_eq!(slowed.header("retry-after"), "301");
    assert_eq!(knock("ada").await.status, 201);
}

#[tokio::test]
async fn a_session_that_was_closed_is_of_no_use() {
    let office = Office::open().await;
    assert_eq!(
        office.api("ada", "GET", "/me", None).await.ok(200)["person"]["name"],
        "Ada Lindqvist"
    );
    assert_eq!(
        office.api("ada", "DELETE", "/session", None).await.status,
        204
    );
    let reply = office.api("ada", "GET", "/me", None).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"remit\"");
}

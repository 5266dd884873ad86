//! Open pages that follow what happens.
use super::office::Office;
use crate::live::STREAMS_MAX;
use axum::{body::Body, http::Request, response::Response};
use http_body_util::BodyExt as _;
use std::time::Duration;
use tower::ServiceExt as _;

async fn follow(office: &Office, who: &str, path: &str) -> Response {
    let cookie = office.cookie(who).await;
    let request = Request::get(path).header("cookie", cookie);
    let request = request.body(Body::empty()).unwrap();
    office.router.clone().oneshot(request).await.unwrap()
}

/// Reads on until what was told holds `words`; nothing is told any more if they are empty.
async fn told(stream: &mut Body, words: &str) -> String {
    let mut told = String::new();
    let reading = tokio::time::timeout(Duration::from_secs(20), async {
        while let Some(frame) = stream.frame().await {
            let data = frame.unwrap().into_data().unwrap_or_default();
            told.push_str(&String::from_utf8_lossy(&data));
            if !words.is_empty() && told.contains(words) {
                return true;
            }
        }
        words.is_empty()
    });
    let found = reading.await.unwrap_or(false);
    assert!(found, "no `{words}` in {told}");
    told
}

#[tokio::test]
async fn an_open_request_is_told_of_a_consent() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let answer = follow(&office, "ada", "/live/requests/R-1").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    assert!(answer.headers().contains_key("content-security-policy"));
    let mut stream = answer.into_body();
    office.approve("cyd", "R-1").await;
    let told = told(&mut stream, "the task needs it").await;
    assert!(told.starts_with(": following\n\ndata:"), "{told}");
    assert!(
        !told.contains("<main") && !told.contains("<script"),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_hidden_is_not_followed_and_a_session_follows_only_so_much() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    for (who, path) in [
        ("ann", "/live/requests/R-1"),
        ("ada", "/live/requests/R-9"),
        ("ada", "/live/grants/G-1"),
        ("ada", "/live/security"),
    ] {
        assert_eq!(
            follow(&office, who, path).await.status(),
            204,
            "{who} {path}"
        );
    }
    assert_eq!(
        office.send("GET", "/live/security", &[], None).await.status,
        204
    );
    let mut open = Vec::new();
    for _ in 0..STREAMS_MAX {
        open.push(follow(&office, "ada", "/live/requests/R-1").await);
    }
    assert!(open.iter().all(|answer| answer.status() == 200));
    let follow_one_more = || follow(&office, "ada", "/live/requests/R-1");
    assert_eq!(follow_one_more().await.status(), 204);
    open.pop();
    assert_eq!(follow_one_more().await.status(), 200);
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_with_the_server() {
    let office = Office::open().await;
    office.asked("edit-flow").await;
    let mut stream = follow(&office, "ada", "/live/requests/R-1")
        .await
        .into_body();
    assert_eq!(office.form("ada", "/sign-out", &[]).await.status, 303);
    let last = told(&mut stream, "").await;
    assert!(last.contains("event: over"), "{last}");
    let mut stream = follow(&office, "eve", "/live/security").await.into_body();
    office.stop.cancel();
    let last = told(&mut stream, "").await;
    assert!(
        !last.contains("event: over"),
        "whoever looks comes again: {last}"
    );
}

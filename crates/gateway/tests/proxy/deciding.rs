//! Who may, and what the platform then gets.
use crate::{
    authority::{CREDENTIAL, GRANT, denial},
    bed::{Bed, HOST},
};
use http::{Request, StatusCode, header};

fn empty(request: http::request::Builder) -> Request<String> {
    request.body(String::new()).unwrap()
}

#[tokio::test]
async fn nobody_gets_in_without_a_credential() {
    let mut bed = Bed::start().await;
    let bare = || Request::get("/files/a").header(header::HOST, HOST);
    let problem = bed.send(empty(bare())).await;
    assert_eq!(
        problem.problem(),
        "401 no-credential: you have no way into this platform right now"
    );
    assert_eq!(
        problem.headers[header::WWW_AUTHENTICATE],
        "Bearer realm=\"remit\""
    );
    let page = bed
        .send(empty(bare().header(header::ACCEPT, "text/html")))
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(
        page.body
            .contains("You have no way into this platform right now."),
        "{}",
        page.body
    );
    for credential in ["Bearer x", "Basic YTpi", "Bearer", "x"] {
        let answer = bed
            .send(empty(bare().header(header::AUTHORIZATION, credential)))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{credential}");
    }
    assert_eq!(bed.upstream_got(), [""; 0]);
    assert!(bed.authority.said().begun.is_empty());
}

#[tokio::test]
async fn a_host_that_is_no_platforms_is_told_apart() {
    let bed = Bed::start().await;
    let request = Request::get("/").header(header::HOST, "nobody.localhost");
    let answer = bed.send(empty(request)).await;
    assert_eq!(
        answer.problem(),
        "421 unknown-host: no platform is served under this name"
    );
}

#[tokio::test]
async fn what_the_catalog_does_not_know_is_told_as_unmapped() {
    let mut bed = Bed::start().await;
    let answer = bed.send(empty(bed.request("DELETE", "/files/a"))).await;
    assert_eq!(
        answer.problem(),
        "403 unmapped: `DELETE /files/a` is nothing the catalog knows"
    );
    let attempt = bed.authority.said().begun.remove(0);
    assert_eq!(attempt.grant, Some(GRANT.parse().unwrap()));
    assert_eq!(attempt.credential, Some(CREDENTIAL.parse().unwrap()));
    assert_eq!((&*attempt.method, &*attempt.path), ("DELETE", "/files/a"));
    assert_eq!(bed.upstream_got(), [""; 0]);
}

#[tokio::test]
async fn a_refusal_is_passed_on_in_the_servers_words_and_nothing_is_forwarded() {
    let mut bed = Bed::start().await;
    bed.authority.said().refused = Some(denial("scope", "the grant is for invoices only"));
    let answer = bed.send(empty(bed.request("GET", "/suppliers"))).await;
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank", "title": "Forbidden", "status": 403, "detail": "the grant is for invoices only",
        "rule": "scope", "why": "because", "fix": ["ask for less"], "entry": 40,
    });
    assert_eq!(problem, expected);
    assert_eq!(answer.headers["remit-entry"], "40");
    assert_eq!(bed.upstream_got(), [""; 0]);
}

#[tokio::test]
async fn what_is_allowed_reaches_the_platform_with_its_own_credential_and_none_of_ours() {
    let mut bed = Bed::start().await;
    let request = bed
        .request("POST", "/files/%41%20b?x=1&y=%2F")
        .header(header::COOKIE, "remit_gateway=secret; theme=dark")
        .header("x-http-method-override", "DELETE")
        .header("x-original-url", "/admin")
        .header(header::CONNECTION, "x-hop")
        .header("x-hop", "1");
    let answer = bed.send(request.body("note".to_owned()).unwrap()).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "done"));
    assert_eq!(answer.headers["remit-entry"], "41");
    let got = bed.got.recv().await.unwrap();
    assert_eq!(got.line(), "POST /files/A%20b?x=1&y=%2F note");
    let mut headers: Vec<String> = got
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let host = format!("host: {}", bed.upstream);
    assert_eq!(
        headers,
        [
            "authorization: Bearer of-the-platform",
            "content-length: 4",
            "cookie: theme=dark",
            &*host,
        ]
    );
    assert_eq!(bed.told_once().await, "status 200 bytes 4 rows 0 cut false");
}

#[tokio::test]
async fn http_2_with_prior_knowledge_comes_in_too() {
    let mut bed = Bed::start().await;
    let request = Request::get(format!("http://{HOST}/files/a"))
        .header(header::AUTHORIZATION, format!("Bearer {}", bed.token));
    let answer = bed.send_h2(empty(request)).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "done"));
    assert_eq!(bed.upstream_got(), ["GET /files/a "]);
    assert_eq!(bed.told_once().await, "status 200 bytes 4 rows 0 cut false");
}

#[tokio::test]
async fn rows_are_counted_before_they_leave() {
    let mut bed = Bed::start().await;
    let answer = bed.send(empty(bed.request("GET", "/suppliers"))).await;
    assert_eq!(answer.body, r#"{"items":[1,2,3]}"#);
    assert_eq!(
        bed.told_once().await,
        "status 200 bytes 17 rows 3 cut false"
    );
}

#[tokio::test]
async fn rows_over_the_budget_never_leave() {
    let mut bed = Bed::start().await;
    bed.authority.said().stopped = Some(denial("budget", "the grant was stopped"));
    let answer = bed.send(empty(bed.request("GET", "/suppliers"))).await;
    assert_eq!(answer.problem(), "403 budget: the grant was stopped");
    assert!(!answer.body.contains("[1,2,3]"));
    assert_eq!(
        bed.told_once().await,
        "status 200 bytes 17 rows 3 cut false"
    );
}

#[tokio::test]
async fn a_body_names_target_and_destination_and_its_parsed_form_is_forwarded() {
    let mut bed = Bed::start().await;
    let send = |body: &str| bed.request("POST", "/send").body(body.to_owned()).unwrap();
    let twice = r#"{"list": "payroll", "list": "suppliers",  "to": "a@example.org"}"#;
    assert_eq!(bed.send(send(twice)).await.status, StatusCode::OK);
    let attempt = bed.authority.said().begun.remove(0);
    assert_eq!(attempt.destination.as_deref(), Some("a@example.org"));
    let (action, target) = attempt.actions.first().unwrap();
    assert_eq!(
        (action.as_str(), target.as_str()),
        ("supplier.send", "desk.suppliers")
    );
    let refused = [
        (
            r#"{"list": "nothing", "to": "a"}"#,
            "403 unmapped: `nothing` is not a target of the catalog",
        ),
        (
            r#"{"list": "suppliers"}"#,
            "403 unmapped: the request does not name its destination",
        ),
        ("list=suppliers", "403 unmapped: the body is not plain JSON"),
    ];
    for (body, expected) in refused {
        assert_eq!(bed.send(send(body)).await.problem(), expected);
    }
    let long = format!("\"{}\"", "a".repeat(8 * 1024 * 1024));
    assert_eq!(
        bed.send(send(&long)).await.problem(),
        "413 too-long: the body is longer than the gateway reads to find out what it means"
    );
    assert_eq!(
        bed.upstream_got(),
        [r#"POST /send {"list":"suppliers","to":"a@example.org"}"#]
    );
}

#[tokio::test]
async fn when_the_server_cannot_be_asked_nothing_is_forwarded() {
    let mut bed = Bed::start().await;
    bed.authority.said().reachable = false;
    let answer = bed.send(empty(bed.request("GET", "/files/a"))).await;
    assert_eq!(
        answer.problem(),
        "503 cut-off: Remit cannot be asked right now, so nothing elevated is done"
    );
    assert_eq!(bed.upstream_got(), [""; 0]);
}

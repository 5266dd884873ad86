//! What two parsers could read differently is refused, or forwarded in one form.
use crate::bed::{Bed, HOST};

/// Sends a request with `head` lines after the request line, and compares the status line, the rule, and what the platform got.
#[track_caller]
fn check<'a>(
    bed: &'a mut Bed,
    line: &'a str,
    head: &'a str,
    body: &'a str,
    expected: &'a str,
) -> impl Future<Output = ()> + 'a {
    let place = std::panic::Location::caller();
    async move {
        let request = format!(
            "{line} HTTP/1.1\r\n{head}Connection: close\r\nAuthorization: Bearer {}\r\n\r\n{body}",
            bed.token
        );
        let answer = bed.raw(&request).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        let rule = answer
            .split_once("\"rule\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("-", |(rule, _)| rule);
        let actual = format!("{status} {rule} {:?}", bed.upstream_got());
        assert_eq!(actual, expected, "{place}: {answer}");
    }
}

#[tokio::test]
async fn a_length_that_can_be_read_in_two_ways_is_read_in_one() {
    let bed = &mut Bed::start().await;
    let host = format!("Host: {HOST}\r\n");
    let both = format!("{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
    let smuggled = format!("0\r\n\r\nGET /files/smuggled HTTP/1.1\r\n{host}\r\n");
    let once = r#"200 - ["POST /notes "]"#;
    check(bed, "POST /notes", &both, &smuggled, once).await;
    let other_way = format!("{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n");
    check(bed, "POST /notes", &other_way, &smuggled, once).await;
    let refused = "400 - []";
    let two = format!("{host}Content-Length: 5\r\nContent-Length: 0\r\n");
    check(bed, "POST /notes", &two, "hello", refused).await;
    let not_chunked = format!("{host}Transfer-Encoding: xchunked\r\n");
    check(bed, "POST /notes", &not_chunked, "0\r\n\r\n", refused).await;
    let not_last = format!("{host}Transfer-Encoding: chunked, identity\r\n");
    check(bed, "POST /notes", &not_last, "0\r\n\r\n", refused).await;
    let signed = format!("{host}Content-Length: +5\r\n");
    check(bed, "POST /notes", &signed, "hello", refused).await;
    let folded = format!("{host}X-A: b\r\n c\r\n");
    check(bed, "GET /files/a", &folded, "", refused).await;
    let spaced = format!("{host}Content-Length : 5\r\n");
    check(bed, "POST /notes", &spaced, "hello", refused).await;
}

#[tokio::test]
async fn a_host_that_can_be_read_in_two_ways_is_refused() {
    let bed = &mut Bed::start().await;
    let host = format!("Host: {HOST}\r\n");
    let refused = "400 ambiguous-host []";
    let two = format!("{host}Host: other.localhost\r\n");
    check(bed, "GET /files/a", &two, "", refused).await;
    check(
        bed,
        "GET http://other.localhost/files/a",
        &host,
        "",
        refused,
    )
    .await;
    let same = format!("GET http://{HOST}/files/a");
    check(bed, &same, &host, "", r#"200 - ["GET /files/a "]"#).await;
    let with_name = format!("GET http://other.localhost@{HOST}/files/a");
    check(bed, &with_name, &host, "", refused).await;
    check(bed, "GET /files/a", "", "", "421 unknown-host []").await;
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_refused() {
    let bed = &mut Bed::start().await;
    let host = format!("Host: {HOST}\r\n");
    for path in [
        "/files//a",
        "/files/./a",
        "/files/../suppliers",
        "/files/%2e%2e/suppliers",
        "/files/a%2fb",
        "/files/a%5cb",
        "/files/a;x=y",
        "/files/a%00",
        "/files/%252e",
        "/files/%ff",
        "//files/a",
        "*",
    ] {
        let line = format!("GET {path}");
        check(bed, &line, &host, "", "400 ambiguous-path []").await;
    }
    let line = format!("CONNECT {HOST}:80");
    check(bed, &line, &host, "", "400 ambiguous-host []").await;
    let one_form = r#"200 - ["GET /files/a%20b "]"#;
    check(bed, "GET /files/%61%20b", &host, "", one_form).await;
}

//! A browser's way in: a code that works once becomes a cookie that works on one host.
use crate::{
    authority::{CREDENTIAL, GRANT},
    bed::{Answer, Bed, HOST},
};
use domain::time::Timestamp;
use engine::enforcement::Redeemed;
use http::{Request, StatusCode, header};

/// The portal's own origin.
const PORTAL: &str = "http://portal.localhost";

async fn open(bed: &Bed, code: &str, host: &str) -> Answer {
    open_from(bed, code, host, &[PORTAL]).await
}

async fn open_from(bed: &Bed, code: &str, host: &str, origins: &[&str]) -> Answer {
    let mut request = Request::post("/.remit/open")
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for origin in origins {
        request = request.header(header::ORIGIN, *origin);
    }
    bed.send(request.body(format!("code={code}")).unwrap())
        .await
}

/// `c0de` is good once at [`HOST`], for a page of the portal.
fn made(bed: &Bed) {
    let redeemed = Redeemed {
        grant: GRANT.parse().unwrap(),
        credential: CREDENTIAL.parse().unwrap(),
        holder: "ada".parse().unwrap(),
        platform: "desk".parse().unwrap(),
        expires_at: Timestamp(crate::bed::NOW.0 + 1_000),
    };
    let key = ("c0de".to_owned(), HOST.to_owned(), PORTAL.to_owned());
    bed.authority.said().codes.insert(key, redeemed);
}

fn with_cookie(method: &str, path: &str, cookie: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, HOST)
        .header(header::COOKIE, cookie)
}

async fn signed_in(bed: &Bed) -> String {
    made(bed);
    let answer = open(bed, "c0de", HOST).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.headers[header::LOCATION], "/");
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    let (cookie, attributes) = cookie.split_once(';').unwrap();
    assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax");
    cookie.to_owned()
}

async fn check(bed: &Bed, request: http::request::Builder, expected: &str) {
    let answer = bed.send(request.body(String::new()).unwrap()).await;
    let actual = if answer.status == StatusCode::OK {
        answer.body
    } else {
        answer.problem()
    };
    assert_eq!(actual, expected);
}

#[tokio::test]
async fn a_code_works_once_and_its_cookie_on_its_own_host_only() {
    let bed = Bed::start().await;
    let cookie = signed_in(&bed).await;
    check(&bed, with_cookie("GET", "/files/a", &cookie), "done").await;
    assert_eq!(
        open(&bed, "c0de", HOST).await.problem(),
        "403 code: this way in has been used or is too old"
    );
    let elsewhere = Request::get("/files/a")
        .header(header::HOST, "other.localhost")
        .header(header::COOKIE, &cookie);
    let signed_out = "401 no-credential: you have no way into this platform right now";
    check(&bed, elsewhere, signed_out).await;
    check(
        &bed,
        with_cookie("GET", "/files/a", "remit_gateway=0707"),
        signed_out,
    )
    .await;
}

#[tokio::test]
async fn a_code_for_one_host_is_no_good_on_another() {
    let bed = Bed::start().await;
    signed_in(&bed).await;
    assert_eq!(
        open(&bed, "c0de", "other.localhost").await.problem(),
        "403 code: this way in has been used or is too old"
    );
    let elsewhere = Request::get("/.remit/open").header(header::HOST, HOST);
    check(&bed, elsewhere, "404 not-found: there is nothing here").await;
}

#[tokio::test]
async fn nobody_is_signed_in_by_a_page_that_is_not_the_portals() {
    let bed = Bed::start().await;
    made(&bed);
    let cross_site = "403 cross-site: another site asked for this in your name";
    for (origins, expected) in [
        (&[][..], cross_site),
        (&[PORTAL, PORTAL], cross_site),
        (
            &["http://evil.example"],
            "403 code: this way in has been used or is too old",
        ),
        (
            &["null"],
            "403 code: this way in has been used or is too old",
        ),
    ] {
        let answer = open_from(&bed, "c0de", HOST, origins).await;
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        assert_eq!(answer.problem(), expected, "{origins:?}");
    }
    assert_eq!(open(&bed, "c0de", HOST).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let mut bed = Bed::start().await;
    let cookie = signed_in(&bed).await;
    let refused = "403 cross-site: another site asked for this in your name";
    let post = || with_cookie("POST", "/notes", &cookie);
    check(&bed, post(), refused).await;
    check(
        &bed,
        post().header("origin", "http://evil.example"),
        refused,
    )
    .await;
    check(&bed, post().header("origin", "null"), refused).await;
    check(&bed, post().header("sec-fetch-site", "cross-site"), refused).await;
    let socket = with_cookie("GET", "/comms", &cookie)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "http://evil.example");
    check(&bed, socket, refused).await;
    let image = with_cookie("GET", "/files/a", &cookie)
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "no-cors");
    check(&bed, image, refused).await;
    assert_eq!(bed.upstream_got(), [""; 0]);
    let link = with_cookie("GET", "/files/a", &cookie)
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate");
    check(&bed, link, "done").await;
    let own = post().header("origin", format!("http://{HOST}"));
    check(&bed, own, "done").await;
}

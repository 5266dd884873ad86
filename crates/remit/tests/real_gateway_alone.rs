//! A server reached by TLS only, and an enforcement point in a process of its own in front of a platform: what it lets through,
//! what it cuts, and what it does when the server is gone.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{StatusCode, Version, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    fs,
    process::{Child, Command},
    time::Duration,
};
use support::{Home, Served, eventually, free_port, hash_of, remit};
use tokio::net::TcpListener;

const TOKEN: &str = "the-token-of-the-enforcement-point";

/// A platform that lets in whoever brings its own credential. A supplier's page is sent piece by piece, without end.
async fn platform() -> u16 {
    let app = Router::new()
        .route(
            "/api/suppliers",
            get(|| async { Json(json!({ "rows": [{ "id": 1 }] })) }),
        )
        .route("/api/suppliers/{id}", get(endless))
        .layer(middleware::from_fn(|request: Request, next: Next| async {
            match request.headers().get(header::AUTHORIZATION) {
                Some(credential) if credential == "Bearer of-the-platform" => {
                    next.run(request).await
                }
                _ => StatusCode::UNAUTHORIZED.into_response(),
            }
        }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async { axum::serve(listener, app).await });
    port
}

async fn endless() -> Response {
    let pieces = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, Infallible>("piece "), ()))
    });
    Body::from_stream(pieces).into_response()
}

/// `remit gateway`, gone when dropped.
struct Edge {
    child: Child,
    port: u16,
}

impl Edge {
    async fn start(home: &Home, upstream: u16) -> Self {
        let port = free_port();
        let config = format!(
            "id = \"edge\"\ntoken-file = \"edge-token\"\nlisten = \"127.0.0.1:{port}\"\n[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
             [platform.ledgerly]\nhost = \"desk.localhost\"\nupstream = \"http://127.0.0.1:{upstream}\"\ncredential-file = \"platform-bearer\"\n"
        );
        fs::write(home.path("edge.toml"), config).unwrap();
        let log = fs::File::create(home.path("edge.log")).unwrap();
        let child = remit()
            .args(["gateway", "--server", &home.origin(), "--config"])
            .arg(home.path("edge.toml"))
            .env("SSL_CERT_FILE", home.path("certificate.pem"))
            .stderr(log)
            .spawn()
            .unwrap();
        let edge = Self { child, port };
        let client = home.client();
        eventually("the enforcement point", || async {
            edge.get(&client, "/api/suppliers", "nobody").await
        })
        .await;
        edge
    }

    async fn get(
        &self,
        client: &reqwest::Client,
        path: &str,
        token: &str,
    ) -> Option<reqwest::Response> {
        let url = format!("https://desk.localhost:{}{path}", self.port);
        client.get(url).bearer_auth(token).send().await.ok()
    }

    async fn status(&self, client: &reqwest::Client, token: &str) -> u16 {
        let answer = self.get(client, "/api/suppliers", token).await.unwrap();
        answer.status().as_u16()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn home() -> Home {
    let extra = format!("[gateway-tokens]\nedge = \"{}\"\n", hash_of(TOKEN));
    let files = [
        ("edge-token", TOKEN),
        ("platform-bearer", "Bearer of-the-platform"),
    ];
    Home::with_tls(&extra, &files)
}

fn ask() -> Value {
    json!({
        "privilege": "ledgerly-read-suppliers",
        "targets": ["ledgerly.suppliers"],
        "duration_seconds": 1_800,
        "answers": { "purpose": "Compare the bank details of the suppliers in case 7." },
        "confirmed": ["no-copies"]
    })
}

async fn granted_and_token(served: &Served, maker: &str, approvers: &[String]) -> (String, String) {
    let grant = served.granted(maker, approvers, ask()).await;
    let token = served.token(maker, &grant).await;
    (grant, token)
}

async fn end(served: &Served, security: &str, grant: &str) {
    let path = format!("/grants/{grant}/revoke");
    let body = json!({ "comment": "The case was closed an hour ago." });
    let ended = served.send(security, "POST", &path, Some(body)).await;
    assert_eq!(ended.status, 200, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enforcement_point_alone_lets_through_what_the_server_allows_and_no_more() {
    let upstream = platform().await;
    let home = home();
    let served = home.serve().await;
    let edge = Edge::start(&home, upstream).await;
    let client = home.client();
    let maker = served.sign_in("a-lindqvist").await;
    let approvers = served.approvers().await;
    let security = served.sign_in("m-sato").await;
    let direct = format!("http://127.0.0.1:{upstream}/api/suppliers");

    let (grant, token) = granted_and_token(&served, &maker, &approvers).await;
    let outside = client
        .get(&direct)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        outside.status(),
        401,
        "the platform itself knows no such token"
    );
    assert_eq!(edge.status(&client, "forged").await, 401);
    assert_eq!(edge.status(&client, &token).await, 200);
    let mut endless = edge.get(&client, "/api/suppliers/7", &token).await.unwrap();
    assert_eq!(endless.version(), Version::HTTP_2);
    assert!(endless.chunk().await.unwrap().is_some());
    end(&served, &security, &grant).await;
    while let Ok(Some(_)) = endless.chunk().await {}
    assert_eq!(edge.status(&client, &token).await, 403);

    let (_, token) = granted_and_token(&served, &maker, &approvers).await;
    assert_eq!(edge.status(&client, &token).await, 200);
    served.kill_now();
    drop(served);
    let cut_off = edge.get(&client, "/api/suppliers", &token).await.unwrap();
    assert_eq!(cut_off.status(), 503);
    assert!(
        cut_off.text().await.unwrap().contains("can't"),
        "in plain words"
    );

    let served = home.serve().await;
    eventually("the way back", || async {
        (edge.status(&client, &token).await == 200).then_some(())
    })
    .await;
    drop(edge);
    served.stop();
    assert!(home.prove().contains("all the same"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_by_both_protocols_and_nothing_else_is_answered() {
    let home = home();
    let served = home.serve().await;
    let url = home.origin();
    let newer = served.client.get(&url).send().await.unwrap();
    assert_eq!(newer.version(), Version::HTTP_2);
    let older = home.client_of_http1().get(&url).send().await.unwrap();
    assert_eq!(older.version(), Version::HTTP_11);
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    let distrust = stranger.get(&url).send().await.unwrap_err();
    assert!(distrust.is_connect(), "{distrust:?}");
    let plain = url.replace("https://", "http://");
    assert!(
        stranger.get(plain).send().await.is_err(),
        "plain HTTP is not answered"
    );
    served.stop();
}

#[test]
fn a_key_of_another_certificate_is_refused_by_name() {
    let home = home();
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    fs::write(home.path("key.pem"), other).unwrap();
    let mut command: Command = remit();
    let refused = command
        .args(["serve", "--config"])
        .arg(home.path("remit.toml"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("`tls.key` is not the key of `tls.certificate`"),
        "{said}"
    );
}

//! From the moment "End now" is sent to the first refusal that somebody outside sees, through the public HTTP API of a real server
//! with its log on disk: at the gateway, and at a real PostgreSQL where a session is open. Prints a line for each: name, the
//! 99th percentile in milliseconds, and whence; with tabs between.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures real time, prints, and panics where it can't go on"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Home, Served, ask_for_invoices, eventually, postgres::Postgres};
use tokio::net::TcpListener;

const ROUNDS: usize = 300;

/// Who asks, who consents, who ends.
struct People {
    maker: String,
    approvers: Vec<String>,
    security: String,
}

impl People {
    async fn sign_in(served: &Served) -> Self {
        Self {
            maker: served.sign_in("a-lindqvist").await,
            approvers: served.approvers().await,
            security: served.sign_in("m-sato").await,
        }
    }

    async fn end(&self, served: &Served, grant: &str) {
        let path = format!("/grants/{grant}/revoke");
        let body = json!({ "comment": "Measured: from here to the first refusal." });
        let ended = served.send(&self.security, "POST", &path, Some(body)).await;
        assert_eq!(ended.status, 200, "{ended:?}");
    }
}

#[tokio::main]
async fn main() {
    tell("revoke to denied, gateway", gateway().await);
    tell("revoke to denied, PostgreSQL", postgres().await);
}

fn tell(name: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |percent: usize| {
        let index = (took.len() * percent / 100).min(took.len() - 1);
        took.get(index).unwrap().as_secs_f64() * 1e3
    };
    println!(
        "{name}\t{:.2}\tms at the 99th percentile of {}; median {:.2} ms",
        at(99),
        took.len(),
        at(50)
    );
}

async fn gateway() -> Vec<Duration> {
    let app = Router::new().route(
        "/api/suppliers",
        get(|| async { Json(json!({ "rows": [] })) }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    let home = Home::new(
        &format!(
            "[platform.ledgerly]\nhost = \"desk.localhost\"\nupstream = \"http://{upstream}\"\n"
        ),
        "",
        "",
    );
    let served = home.serve().await;
    let people = People::sign_in(&served).await;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let ask = json!({
            "privilege": "ledgerly-read-suppliers",
            "targets": ["ledgerly.suppliers"],
            "duration_seconds": 1_800,
            "answers": { "purpose": "Compare the bank details of the suppliers in case 7." },
            "confirmed": ["no-copies"]
        });
        let grant = served.granted(&people.maker, &people.approvers, ask).await;
        let token = served.token(&people.maker, &grant).await;
        assert_eq!(through(&home, &served, &token).await, 200);
        let begun = Instant::now();
        let ending = people.end(&served, &grant);
        let refused = async {
            while through(&home, &served, &token).await == 200 {}
            begun.elapsed()
        };
        took.push(tokio::join!(ending, refused).1);
    }
    served.stop();
    took
}

async fn through(home: &Home, served: &Served, token: &str) -> u16 {
    let url = format!("http://127.0.0.1:{}/api/suppliers", home.port);
    let request = served
        .client
        .get(url)
        .header("host", format!("desk.localhost:{}", home.port))
        .bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

/// The refusal is two: the open session is gone, and nobody can begin another.
async fn postgres() -> Vec<Duration> {
    let postgres = Postgres::start();
    let config = "[postgres.warehouse]\nconnection-file = \"admin\"\n";
    let home = Home::new(config, &postgres.admin(), "");
    let served = home.serve().await;
    let people = People::sign_in(&served).await;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let ask = ask_for_invoices("warehouse.invoices");
        let grant = served.granted(&people.maker, &people.approvers, ask).await;
        let path = format!("/grants/{grant}/secret");
        let login = eventually("the role", || async {
            let secret = served
                .send(&people.maker, "POST", &path, Some(json!({})))
                .await;
            secret
                .body
                .pointer("/0/secret")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .await;
        let (session, connection) = tokio_postgres::connect(&login, tokio_postgres::NoTls)
            .await
            .unwrap();
        let open = tokio::spawn(connection);
        session.simple_query("SELECT 1").await.unwrap();
        let begun = Instant::now();
        people.end(&served, &grant).await;
        let _ = open.await;
        while tokio_postgres::connect(&login, tokio_postgres::NoTls)
            .await
            .is_ok()
        {}
        took.push(begun.elapsed());
    }
    served.stop();
    assert_eq!(postgres.roles(), "0");
    took
}

//! A backup made while the server runs, restored after a grant that it doesn't know: with a real PostgreSQL and real processes.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::{Value, json};
use std::fs;
use support::{
    Home, Served, ask_for_invoices, eventually,
    postgres::{Postgres, psql},
    remit, run,
};

const OPERATOR: &str = "an operator's token for this test";

async fn lent(served: &Served, maker: &str) -> (String, String) {
    let approvers = served.approvers().await;
    let ask = ask_for_invoices("warehouse.invoices");
    let grant = served.granted(maker, &approvers, ask).await;
    let path = format!("/grants/{grant}/secret");
    let login = eventually("the role", || async {
        served
            .send(maker, "POST", &path, Some(json!({})))
            .await
            .body
            .pointer("/0/secret")
            .and_then(Value::as_str)
            .map(str::to_owned)
    })
    .await;
    (grant, login)
}

fn works(login: &str) -> bool {
    psql(login, "SELECT count(*) FROM finance.invoices")
        .output()
        .unwrap()
        .status
        .success()
}

fn operators_hash() -> String {
    let mut child = remit()
        .args(["token", "hash"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), OPERATOR.as_bytes()).unwrap();
    let hash = child.wait_with_output().unwrap().stdout;
    String::from_utf8(hash).unwrap().trim().to_owned()
}

/// The data folder as it is restored from the backup, in the place of the old one.
fn restored(home: &Home) {
    let vkey = home.path("given-vkey");
    run(remit()
        .args(["backup", "verify"])
        .arg(home.path("b"))
        .arg("--vkey")
        .arg(&vkey));
    fs::rename(home.path("data"), home.path("lost")).unwrap();
    run(remit()
        .args(["backup", "restore"])
        .arg(home.path("b"))
        .arg("--data")
        .arg(home.path("data"))
        .arg("--keys")
        .arg(home.path("keys"))
        .arg("--vkey")
        .arg(&vkey));
}

/// What is in quarantine gives nothing, however it is asked.
async fn gives_nothing(served: &Served, maker: &str) {
    let ask = ask_for_invoices("warehouse.invoices");
    let refused = served.send(maker, "POST", "/requests", Some(ask)).await;
    assert_eq!(refused.text("/rule"), "quarantine", "{refused:?}");
    assert!(!refused.text("/fix/0").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_ends_what_its_copy_does_not_know_before_it_gives_anything() {
    let postgres = Postgres::start();
    let extra = format!(
        "operator-tokens = [\"{}\"]\n[postgres.warehouse]\nconnection-file = \"admin\"\n",
        operators_hash()
    );
    let home = Home::new(&extra, &postgres.admin(), "");
    let served = home.serve().await;
    let maker = served.sign_in("a-lindqvist").await;
    let (known, known_login) = lent(&served, &maker).await;
    let (over, _) = lent(&served, &maker).await;
    fs::copy(home.path("data/vkey"), home.path("given-vkey")).unwrap();
    run(remit()
        .args(["backup", "create", "--data"])
        .arg(home.path("data"))
        .arg("--out")
        .arg(home.path("b"))
        .arg("--keys")
        .arg(home.path("keys")));

    // after the copy: one more grant, and one of the copy's is given back
    let (_, unknown_login) = lent(&served, &maker).await;
    assert!(works(&known_login) && works(&unknown_login));
    let path = format!("/grants/{over}/return");
    served.send(&maker, "POST", &path, Some(json!({}))).await;
    eventually("the end of the role", || async {
        (postgres.roles() == "2").then_some(())
    })
    .await;
    served.kill_now();
    drop(served);
    restored(&home);

    let served = home.serve().await;
    let maker = served.sign_in("a-lindqvist").await;
    gives_nothing(&served, &maker).await;
    let status = eventually("the comparison", || async {
        let status = served.send(OPERATOR, "GET", "/quarantine", None).await;
        (status.body.pointer("/waiting") == Some(&json!([]))).then_some(status)
    })
    .await;
    assert_eq!(
        status.body["reconciled"],
        json!(["warehouse"]),
        "{status:?}"
    );
    assert_eq!(postgres.roles(), "1", "only what the copy knows is left");
    assert!(works(&known_login) && !works(&unknown_login));
    gives_nothing(&served, &maker).await;
    let ended = served
        .send(&maker, "GET", &format!("/grants/{over}"), None)
        .await;
    assert!(ended.body.to_string().contains("superseded"), "{ended:?}");

    let lift = json!({ "reason": "The warehouse was compared, and nobody left meanwhile." });
    let by_maker = served
        .send(&maker, "POST", "/quarantine/lift", Some(lift.clone()))
        .await;
    assert_eq!(by_maker.status, 401, "{by_maker:?}");
    let lifted = served
        .send(OPERATOR, "POST", "/quarantine/lift", Some(lift))
        .await;
    assert_eq!(lifted.status, 200, "{lifted:?}");
    let still = served
        .send(&maker, "GET", &format!("/grants/{known}"), None)
        .await;
    assert!(still.body.to_string().contains("active"), "{still:?}");
    assert!(works(&known_login));
    let (_, new_login) = lent(&served, &maker).await;
    assert!(works(&new_login));
    served.stop();
    let replayed = home.prove();
    assert!(replayed.contains("all the same"), "{replayed}");
}

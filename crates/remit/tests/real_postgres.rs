//! A temporary role in a real PostgreSQL: made by consent, used, recorded from pgaudit's log, taken away and read back.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::{Value, json};
use support::{
    Home, Served, ask_for_invoices, eventually,
    postgres::{Postgres, psql},
};

async fn granted(served: &Served, maker: &str, approvers: &[&str]) -> String {
    let sent = served
        .send(
            maker,
            "POST",
            "/requests",
            Some(ask_for_invoices("warehouse.invoices")),
        )
        .await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let request = sent.text("/request/number");
    for approver in approvers {
        let approved = served.try_approve(approver, &request).await.unwrap();
        assert_eq!(approved.status, 200, "{approved:?}");
    }
    served
        .send(maker, "GET", &format!("/requests/{request}"), None)
        .await
        .text("/grant")
}

async fn secret(served: &Served, maker: &str, grant: &str) -> String {
    let path = format!("/grants/{grant}/secret");
    eventually("the role", || async {
        served
            .send(maker, "POST", &path, Some(json!({})))
            .await
            .body
            .pointer("/0/secret")
            .and_then(Value::as_str)
            .map(str::to_owned)
    })
    .await
}

/// Gives the grant back while a session is open: the session ends, and nothing of the role is left.
async fn end_with_an_open_session(
    served: &Served,
    postgres: &Postgres,
    maker: &str,
    grant: &str,
    login: &str,
) {
    let mut open = psql(login, "SELECT pg_sleep(600)").spawn().unwrap();
    let sleeping = || async {
        (postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND usename LIKE 'remit%'") == "1").then_some(())
    };
    eventually("the open session", sleeping).await;
    let ended = served
        .send(
            maker,
            "POST",
            &format!("/grants/{grant}/return"),
            Some(json!({})),
        )
        .await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert!(!open.wait().unwrap().success());

    let path = format!("/grants/{grant}");
    let closed = eventually("the closing of the grant", || async {
        let row = served.send(maker, "GET", &path, None).await;
        row.body
            .to_string()
            .contains("is gone: 0 roles, 0 sessions")
            .then_some(row)
    })
    .await;
    assert_eq!(postgres.roles(), "0", "{closed:?}");
    assert!(!psql(login, "SELECT 1").output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_role_lives_as_long_as_its_grant_and_all_it_does_is_on_record() {
    let postgres = Postgres::start();
    let home = Home::new(
        &format!(
            "[postgres.warehouse]\nconnection-file = \"admin\"\naudit-logs = {:?}\n",
            postgres.logs().to_str().unwrap()
        ),
        &postgres.admin(),
        "",
    );
    let served = home.serve().await;
    let (maker, owner, security, auditor) = (
        served.sign_in("a-lindqvist").await,
        served.sign_in("r-haddad").await,
        served.sign_in("m-sato").await,
        served.sign_in("o-danso").await,
    );
    assert_eq!(postgres.roles(), "0");
    let grant = granted(&served, &maker, &[&owner, &security]).await;
    let login = secret(&served, &maker, &grant).await;
    let again = served
        .send(
            &maker,
            "POST",
            &format!("/grants/{grant}/secret"),
            Some(json!({})),
        )
        .await;
    assert_eq!(again.body, json!([]), "a secret is shown once");

    let read = psql(&login, "SELECT count(*) FROM finance.invoices")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&read.stdout).trim(),
        "100",
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    for refused in [
        "UPDATE finance.invoices SET amount = 0",
        "SELECT * FROM finance.bank_accounts",
    ] {
        let output = psql(&login, refused).output().unwrap();
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("permission denied"),
            "{output:?}"
        );
    }

    end_with_an_open_session(&served, &postgres, &maker, &grant, &login).await;

    let evidence = format!("/evidence?grant={grant}&limit=100");
    eventually("the record of what was done", || async {
        let found = served
            .send(&auditor, "GET", &evidence, None)
            .await
            .body
            .to_string();
        (found.contains("READ SELECT")
            && found.contains("finance.invoices")
            && found.contains("refused"))
        .then_some(())
    })
    .await;
    served.stop();
    let replayed = home.prove();
    assert!(
        replayed.contains("all the same") && replayed.contains("0 grants are open"),
        "{replayed}"
    );
}

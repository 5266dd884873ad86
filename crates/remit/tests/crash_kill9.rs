//! Killed at random under load, 50 times: nothing that was acknowledged is lost, and no role is left in PostgreSQL that no grant
//! explains.
#![cfg(feature = "real-platforms")]

mod support;

use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use support::{Home, Served, ask_for_invoices, eventually, postgres::Postgres};
use tokio::sync::Mutex;

const KILLS: usize = 50;
const MAKERS: usize = 4;

/// Entries whose numbers were answered, with what they were.
type Acknowledged = Arc<Mutex<BTreeMap<u64, &'static str>>>;

fn makers() -> String {
    (0..MAKERS).fold(String::new(), |text, n| {
        text + &format!("[person.maker-{n}]\nname = \"Maker {n}\"\njob-roles = [\"finance-analyst\"]\nteam = \"finance\"\ntraining = {{ finance-data = 2036-01-01 }}\n[account.maker-{n}]\nperson = \"maker-{n}\"\n")
    })
}

/// Those who consent, signed in once for each life of the server.
struct Approvers {
    owner: String,
    security: String,
}

/// One maker's work until the connection breaks: ask, have it agreed, and give every other grant back.
async fn work(
    served: Arc<Served>,
    maker: usize,
    approvers: Arc<Approvers>,
    acknowledged: Acknowledged,
) -> Option<()> {
    let token = served.try_sign_in(&format!("maker-{maker}")).await?;
    for round in 0_u64.. {
        let sent = served
            .try_send(
                &token,
                "POST",
                "/requests",
                Some(ask_for_invoices("warehouse.invoices-test")),
            )
            .await?;
        if sent
            .body
            .get("rule")
            .is_some_and(|rule| rule == "open-requests")
        {
            withdraw_what_was_cut_off(&served, &token, &acknowledged).await?;
            continue;
        }
        assert!(sent.status == 201 || sent.status >= 500, "{sent:?}");
        note(&acknowledged, &sent, "submit-request").await;
        let Some(request) = sent
            .body
            .pointer("/request/number")
            .and_then(|n| n.as_str())
        else {
            continue;
        };
        for approver in [&approvers.owner, &approvers.security] {
            let approved = served.try_approve(approver, request).await?;
            note(&acknowledged, &approved, "approve-request").await;
        }
        let row = served
            .try_send(&token, "GET", &format!("/requests/{request}"), None)
            .await?;
        if let Some(grant) = row.body.get("grant").and_then(|grant| grant.as_str())
            && round % 2 == 0
        {
            let ended = served
                .try_send(
                    &token,
                    "POST",
                    &format!("/grants/{grant}/return"),
                    Some(json!({})),
                )
                .await?;
            note(&acknowledged, &ended, "return-grant").await;
        }
    }
    Some(())
}

/// Requests that a kill left undecided count against what one person may have open.
async fn withdraw_what_was_cut_off(
    served: &Served,
    token: &str,
    acknowledged: &Acknowledged,
) -> Option<()> {
    let listed = served
        .try_send(token, "GET", "/requests?limit=100", None)
        .await?;
    for row in listed.body.get("items")?.as_array()? {
        if row
            .get("standing")
            .is_some_and(|standing| standing == "pending")
        {
            let path = format!("/requests/{}/withdraw", row.get("number")?.as_str()?);
            let answer = served
                .try_send(token, "POST", &path, Some(json!({})))
                .await?;
            note(acknowledged, &answer, "withdraw-request").await;
        }
    }
    Some(())
}

async fn note(acknowledged: &Acknowledged, answer: &support::Answer, kind: &'static str) {
    if (200..300).contains(&answer.status)
        && let Some(entry) = answer.body.get("entry").and_then(serde_json::Value::as_u64)
    {
        acknowledged.lock().await.insert(entry, kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_no_role_is_orphaned() {
    let postgres = Postgres::start();
    let home = Home::new(
        "[postgres.warehouse]\nconnection-file = \"admin\"\n",
        &postgres.admin(),
        &makers(),
    );
    let acknowledged = Acknowledged::default();
    let mut seed = u64::from(std::process::id()) | 1;
    for _ in 0..KILLS {
        let served = Arc::new(home.serve().await);
        let approvers = Arc::new(Approvers {
            owner: served.sign_in("r-haddad").await,
            security: served.sign_in("m-sato").await,
        });
        let before = acknowledged.lock().await.len();
        let workers: Vec<_> = (0..MAKERS)
            .map(|maker| {
                tokio::spawn(work(
                    served.clone(),
                    maker,
                    approvers.clone(),
                    acknowledged.clone(),
                ))
            })
            .collect();
        // the load must be a load before it is cut off
        eventually("an answer under load", || async {
            let broken = workers.iter().all(tokio::task::JoinHandle::is_finished);
            (broken || acknowledged.lock().await.len() > before).then_some(())
        })
        .await;
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let until = tokio::time::Instant::now() + Duration::from_millis(seed % 700);
        tokio::time::timeout_at(until, std::future::pending::<()>())
            .await
            .unwrap_err();
        served.kill_now();
        for worker in workers {
            worker.await.unwrap();
        }
    }
    let served = home.serve().await;
    let auditor = served.sign_in("o-danso").await;
    let acknowledged = acknowledged.lock().await;
    assert!(
        acknowledged.len() > KILLS,
        "only {} answers came: the load was no load",
        acknowledged.len()
    );
    for (entry, kind) in acknowledged.iter() {
        let found = served
            .send(&auditor, "GET", &format!("/entries/{entry}"), None)
            .await;
        assert!(
            found.status == 200 && found.body.to_string().contains(kind),
            "entry {entry} ({kind}) was acknowledged: {found:?}"
        );
    }
    end_everything(&served).await;
    eventually("the end of every role", || async {
        (postgres.roles() == "0").then_some(())
    })
    .await;
    served.stop();
    assert!(home.prove().contains("all the same"));
}

/// Security ends every grant that is live.
async fn end_everything(served: &Served) {
    let security = served.sign_in("k-berg").await;
    eventually("the end of every grant", || async {
        let listed = served
            .send(&security, "GET", "/grants?open=true&limit=100", None)
            .await;
        let items = listed
            .body
            .get("items")
            .and_then(|items| items.as_array())
            .cloned()
            .unwrap_or_default();
        for grant in &items {
            let Some(number) = grant.get("number").and_then(|number| number.as_str()) else {
                continue;
            };
            let body = json!({ "comment": "The exercise is over." });
            served
                .send(
                    &security,
                    "POST",
                    &format!("/grants/{number}/revoke"),
                    Some(body),
                )
                .await;
        }
        items.is_empty().then_some(())
    })
    .await;
}

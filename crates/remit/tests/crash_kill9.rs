//! Killed at random under load, 100 times or as often as `REMIT_TEST_KILLS` says: nothing that was acknowledged is lost, nothing is
//! done twice that was sent again under its key, and no role is left in PostgreSQL that no grant explains.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    sync::Arc,
    time::Duration,
};
use support::{Home, Served, ask_for_invoices, eventually, postgres::Postgres};
use tokio::sync::Mutex;

const KILLS: usize = 100;
/// Servers that are killed side by side, each beside a PostgreSQL of its own; `REMIT_TEST_SERVERS` says another number.
const SERVERS: usize = 2;
const MAKERS: usize = 4;

/// Keys of requests that were sent and of which nothing was heard, by maker: to be sent again.
type Unheard = Arc<Mutex<BTreeMap<usize, String>>>;

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
    (life, unheard): (usize, Unheard),
    acknowledged: Acknowledged,
) -> Option<()> {
    let token = served.try_sign_in(&format!("maker-{maker}")).await?;
    for round in 0_u64.. {
        // what was cut off by the last kill is sent again first
        let key = unheard.lock().await.get(&maker).cloned();
        let key = key.unwrap_or_else(|| format!("{maker}-{life}-{round}"));
        unheard.lock().await.insert(maker, key.clone());
        let ask = ask_for_invoices("warehouse.invoices-test");
        let sent = served.try_send_once(&token, "/requests", ask, &key).await?;
        unheard.lock().await.remove(&maker);
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

/// The number that the environment says, if it says one.
fn asked(name: &str, otherwise: usize) -> usize {
    let asked = std::env::var_os(name);
    asked.map_or(otherwise, |asked| asked.to_str().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_done_twice_and_no_role_is_orphaned() {
    let servers = asked("REMIT_TEST_SERVERS", SERVERS);
    let kills = asked("REMIT_TEST_KILLS", KILLS).div_ceil(servers);
    let servers: Vec<_> = (0..servers)
        .map(|server| tokio::spawn(killed(server, kills)))
        .collect();
    for server in servers {
        server.await.unwrap();
    }
}

/// A server that is killed so many times, and what is there afterwards.
async fn killed(which: usize, kills: usize) {
    let postgres = Postgres::start();
    let home = Home::new(
        "[postgres.warehouse]\nconnection-file = \"admin\"\n",
        &postgres.admin(),
        &makers(),
    );
    let acknowledged = Acknowledged::default();
    let unheard = Unheard::default();
    let mut seed = (u64::from(std::process::id()) << 8 | which as u64) << 1 | 1;
    for life in 0..kills {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let pause = Duration::from_millis(seed % 700);
        live_and_die(&home, (life, &unheard), &acknowledged, pause).await;
    }
    let served = home.serve().await;
    let acknowledged = acknowledged.lock().await;
    assert!(
        acknowledged.len() > kills,
        "only {} answers came: the load was no load",
        acknowledged.len()
    );
    end_everything(&served).await;
    eventually("the end of every role", || async {
        (postgres.roles() == "0").then_some(())
    })
    .await;
    served.stop();
    assert!(home.prove().contains("all the same"));
    let log = home.exported();
    for (entry, kind) in acknowledged.iter() {
        let found = log.get(usize::try_from(*entry).unwrap());
        assert!(
            found.is_some_and(|found| found["kind"] == *kind),
            "entry {entry} ({kind}) was acknowledged: {found:?}"
        );
    }
    nothing_twice(&log);
    tell(kills, acknowledged.len(), &log);
}

/// Adds what was survived to the file that `REMIT_TEST_TOLD` names: a line for each count.
fn tell(kills: usize, answers: usize, log: &[serde_json::Value]) {
    let Some(file) = std::env::var_os("REMIT_TEST_TOLD") else {
        return;
    };
    let made = log.iter().flat_map(events);
    let roles = made.filter(|event| event["event"] == "credential-issued");
    let counts = [
        ("kills", kills),
        ("answers", answers),
        ("entries", log.len()),
        ("roles", roles.count()),
    ];
    let told = counts.map(|(name, count)| format!("{name}\t{count}\n"));
    let mut options = fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(file).unwrap();
    file.write_all(told.concat().as_bytes()).unwrap();
}

/// What happened by an entry.
fn events(leaf: &serde_json::Value) -> impl Iterator<Item = &serde_json::Value> {
    let done = leaf["record"]["outcome"]["done"].as_array();
    done.into_iter().flatten()
}

/// One life under load, cut off after a pause.
async fn live_and_die(
    home: &Home,
    (life, unheard): (usize, &Unheard),
    acknowledged: &Acknowledged,
    pause: Duration,
) {
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
                (life, unheard.clone()),
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
    let until = tokio::time::Instant::now() + pause;
    tokio::time::timeout_at(until, std::future::pending::<()>())
        .await
        .unwrap_err();
    served.kill_now();
    for worker in workers {
        worker.await.unwrap();
    }
}

/// No key was answered by two entries; no credential was made twice, or taken away twice.
fn nothing_twice(log: &[serde_json::Value]) {
    let mut seen = BTreeSet::new();
    for (entry, leaf) in log.iter().enumerate() {
        if let Some(answer) = leaf["record"]["answer"].as_str() {
            let fresh = seen.insert(("answer", answer.to_owned()));
            assert!(fresh, "entry {entry} answers what was answered before");
        }
        for event in events(leaf) {
            let what = match event["event"].as_str() {
                Some("credential-issued") => "made",
                Some("credential-removed") => "taken away",
                _ => continue,
            };
            let credential = event["credential"].as_str().unwrap().to_owned();
            let fresh = seen.insert((what, credential));
            assert!(fresh, "entry {entry}: {event} happened before");
        }
    }
    for what in ["answer", "made", "taken away"] {
        assert!(seen.iter().any(|(seen, _)| *seen == what), "nothing {what}");
    }
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

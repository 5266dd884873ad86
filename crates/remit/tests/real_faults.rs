//! A real server whose disk fails at one access after the other, or is full, and whose wall clock is turned while it runs: a small
//! library in front of the C library does all of it. What was acknowledged is there afterwards, and no grant outlives its term.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::json;
use std::{collections::BTreeMap, fs};
use support::{
    Answer, Home, Served, ask_for_invoices, eventually,
    faulty::{Faulty, TEN_YEARS},
    in_time,
    postgres::{Postgres, psql},
    remit,
};

const MAKER: &str = "[person.maker]\nname = \"Maker\"\njob-roles = [\"finance-analyst\"]\nteam = \"finance\"\ntraining = { finance-data = 2036-01-01 }\n[account.maker]\nperson = \"maker\"\n";
const WAREHOUSE: &str = "[postgres.warehouse]\nconnection-file = \"admin\"\n";
/// Accesses that go wrong in each way, one in each life; `REMIT_TEST_FAULTS` says another number.
const FAULTS: i64 = 8;
/// Ways in which an access goes wrong.
const WAYS: [&str; 3] = ["eio", "enospc", "torn"];
/// The shortest grant there is, in seconds.
const TERM: u32 = 60;

/// Entries whose numbers were answered, with what they were.
#[derive(Default)]
struct Acknowledged(BTreeMap<u64, &'static str>);

impl Acknowledged {
    fn note(&mut self, answer: &Answer, kind: &'static str) {
        if (200..300).contains(&answer.status)
            && let Some(entry) = answer.body.get("entry").and_then(serde_json::Value::as_u64)
        {
            let earlier = self.0.insert(entry, kind);
            assert_eq!(earlier, None, "entry {entry} is given to two commands");
        }
    }

    /// Each of them is in the log, and what is in the log follows from it.
    fn expect_in(&self, home: &Home) {
        assert!(home.prove().contains("all the same"));
        let log = home.exported();
        for (entry, kind) in &self.0 {
            let found = log.get(usize::try_from(*entry).unwrap());
            assert!(
                found.is_some_and(|found| found["kind"] == *kind),
                "entry {entry} ({kind}) was acknowledged: {found:?}"
            );
        }
    }
}

/// How many accesses are to go wrong in each way, of so many.
fn faults(accesses: i64) -> i64 {
    let asked = std::env::var_os("REMIT_TEST_FAULTS");
    let asked = asked.map_or(FAULTS, |asked| asked.to_str().unwrap().parse().unwrap());
    asked.min(accesses)
}

/// A short life: ask, have it agreed, take it back. It ends where the server doesn't answer any more.
async fn script(served: &Served, acknowledged: &mut Acknowledged) -> Option<()> {
    let maker = served.try_sign_in("maker").await?;
    let ask = ask_for_invoices("warehouse.invoices-test");
    let sent = served
        .try_send(&maker, "POST", "/requests", Some(ask))
        .await?;
    acknowledged.note(&sent, "submit-request");
    let request = sent.body.pointer("/request/number")?.as_str()?.to_owned();
    for approver in ["r-haddad", "m-sato"] {
        let approver = served.try_sign_in(approver).await?;
        let answer = served.try_approve(&approver, &request).await?;
        acknowledged.note(&answer, "approve-request");
    }
    let path = format!("/requests/{request}/withdraw");
    let withdrawn = served
        .try_send(&maker, "POST", &path, Some(json!({})))
        .await?;
    acknowledged.note(&withdrawn, "withdraw-request");
    Some(())
}

/// Open requests of lives that were cut short count against what one person may have open.
async fn withdraw_all(served: &Served, acknowledged: &mut Acknowledged) {
    let maker = served.sign_in("maker").await;
    let listed = served
        .send(&maker, "GET", "/requests?limit=100", None)
        .await;
    for row in listed.body["items"].as_array().unwrap() {
        if row["standing"] == "pending" {
            let path = format!("/requests/{}/withdraw", row["number"].as_str().unwrap());
            let withdrawn = served.send(&maker, "POST", &path, Some(json!({}))).await;
            acknowledged.note(&withdrawn, "withdraw-request");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_access_to_the_disk_fails_nothing_acknowledged_is_lost() {
    let home = Home::new("", "", MAKER);
    home.serve().await.kill_now();
    let faulty = Faulty::of(&home);
    let mut acknowledged = Acknowledged::default();
    // a life in which nothing fails says how many accesses there are
    let served = home.try_serve(&faulty.settings()).await.unwrap();
    script(&served, &mut acknowledged).await;
    drop(served);
    let accesses = faulty.accesses();
    assert!(accesses > 30, "only {accesses} accesses were seen");
    assert!(acknowledged.0.len() > 2);
    let times = faults(accesses);
    let mut suffered = 0;
    for how in WAYS {
        for turn in 0..times {
            let at = 1 + turn * accesses / times;
            let settings = faulty.failing(how, ("", at));
            if let Some(served) = home.try_serve(&settings).await {
                script(&served, &mut acknowledged).await;
                served.kill_now();
            }
            suffered += i64::from(faulty.accesses() >= at);
            // it starts, decides and answers on what was left behind
            let served = home.serve().await;
            withdraw_all(&served, &mut acknowledged).await;
            served.kill_now();
        }
    }
    assert!(suffered > 2 * times, "only {suffered} faults were suffered");
    acknowledged.expect_in(&home);
}

/// A first start in a new folder: the directory comes in, and the server serves. Says whether it got that far.
async fn first_start(home: &Home, settings: &[(&str, String)]) -> bool {
    let imported = imports(home, settings);
    imported && home.try_serve(settings).await.is_some()
}

fn imports(home: &Home, settings: &[(&str, String)]) -> bool {
    let mut import = remit();
    import
        .args(["directory", "import"])
        .arg(home.path("people.toml"))
        .arg("--config")
        .arg(home.path("remit.toml"))
        .envs(settings.iter().map(|(name, value)| (*name, value)));
    import.output().unwrap().status.success()
}

/// Whatever of a first start fails, the next one goes well.
async fn first_start_fails(home: &Home, faulty: &Faulty, how: &str, (file, at): (&str, i64)) {
    let data = home.path("data");
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    first_start(home, &faulty.failing(how, (file, at))).await;
    assert!(faulty.accesses() >= at);
    assert!(imports(home, &[]), "{how} at {at} of `{file}`");
    let served = home.try_serve(&[]).await;
    let served = served.unwrap_or_else(|| unreachable!("{how} at {at} of `{file}`"));
    served.sign_in("maker").await;
    served.kill_now();
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_access_of_a_first_start_fails_the_next_start_goes_well() {
    let home = Home::new("", "", MAKER);
    let faulty = Faulty::of(&home);
    // each access to these, and some of all
    for file in ["checkpoint.key", "tokens.key", "vkey", ""] {
        fs::remove_dir_all(home.path("data")).unwrap();
        fs::create_dir(home.path("data")).unwrap();
        assert!(first_start(&home, &faulty.failing("", (file, 0))).await);
        let accesses = faulty.accesses();
        assert!(accesses > 1, "`{file}` is not written");
        let times = if file.is_empty() {
            faults(accesses)
        } else {
            accesses
        };
        for how in ["eio", "torn"] {
            for turn in 0..times {
                let at = 1 + turn * accesses / times;
                first_start_fails(&home, &faulty, how, (file, at)).await;
            }
        }
    }
    assert!(home.prove().contains("all the same"));
}

fn works(login: &str) -> bool {
    let mut asked = psql(login, "SELECT count(*) FROM finance_test.invoices");
    asked.output().unwrap().status.success()
}

/// A grant of a minute whose role is in PostgreSQL, and the login that came with it. The database's own clock, which nobody turns,
/// says that the role isn't made for longer.
async fn lent(served: &Served, postgres: &Postgres) -> (String, String) {
    let maker = served.sign_in("maker").await;
    let approvers = served.approvers().await;
    let mut ask = ask_for_invoices("warehouse.invoices-test");
    ask["duration_seconds"] = json!(TERM);
    let grant = served.granted(&maker, &approvers, ask).await;
    let path = format!("/grants/{grant}/secret");
    let login = eventually("the role", || async {
        let told = served.send(&maker, "POST", &path, Some(json!({}))).await;
        Some(told.body.pointer("/0/secret")?.as_str()?.to_owned())
    })
    .await;
    let too_long = format!(
        "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'remit\\_%' AND rolvaliduntil > now() + interval '{TERM} s'"
    );
    assert_eq!(postgres.sql(&too_long), "0");
    assert!(works(&login));
    (grant, login)
}

async fn standing(served: &Served, grant: &str) -> String {
    let security = served.sign_in("k-berg").await;
    let told = served
        .send(&security, "GET", &format!("/grants/{grant}"), None)
        .await;
    told.text("/standing")
}

/// A server of its own whose clock can be turned, its database, and a grant that runs.
struct Lending {
    postgres: Postgres,
    home: Home,
    faulty: Faulty,
    served: Served,
    lent: (String, String),
}

impl Lending {
    async fn new() -> Self {
        let postgres = Postgres::start();
        let home = Home::new(WAREHOUSE, &postgres.admin(), MAKER);
        let faulty = Faulty::of(&home);
        let served = home.try_serve(&faulty.settings()).await.unwrap();
        let lent = lent(&served, &postgres).await;
        Self {
            postgres,
            home,
            faulty,
            served,
            lent,
        }
    }

    /// Waits until the grant is over and its role is gone, and its login with it; `when` is for whoever waits in vain.
    async fn is_over(&self, when: &str) {
        let (grant, login) = &self.lent;
        in_time(
            2 * TERM,
            &format!("the end of the grant {when}"),
            || async {
                let gone = self.postgres.roles() == "0";
                (gone && standing(&self.served, grant).await == "closed").then_some(())
            },
        )
        .await;
        assert!(!works(login));
    }

    fn stop_and_prove(self) {
        self.served.stop();
        assert!(self.home.prove().contains("all the same"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_clock_of_a_running_server_is_turned_no_grant_outlives_its_term() {
    let turned = [
        tokio::spawn(falls_back()),
        tokio::spawn(runs_ahead()),
        tokio::spawn(falls_back_over_a_restart()),
    ];
    for turned in turned {
        turned.await.unwrap();
    }
}

async fn falls_back() {
    let lending = Lending::new().await;
    lending.faulty.turn_clock(-TEN_YEARS);
    lending.is_over("when the clock falls back").await;
    lending.stop_and_prove();
}

/// Nothing new is lent while the clock is in doubt, and what was lent comes to its end.
async fn runs_ahead() {
    let lending = Lending::new().await;
    lending.faulty.turn_clock(TEN_YEARS);
    let served = &lending.served;
    let maker = served.sign_in("maker").await;
    let ask = ask_for_invoices("warehouse.invoices-test");
    let sent = served.send(&maker, "POST", "/requests", Some(ask)).await;
    if let Some(request) = sent.body.pointer("/request/number") {
        let request = request.as_str().unwrap();
        for approver in ["r-haddad", "m-sato"] {
            let approver = served.sign_in(approver).await;
            served.try_approve(&approver, request).await;
        }
        let row = format!("/requests/{request}");
        let row = served.send(&maker, "GET", &row, None).await;
        assert!(row.body["grant"].as_str().is_none(), "{row:?}");
    }
    lending.is_over("when the clock runs ahead").await;
    lending.stop_and_prove();
}

/// A machine that starts with its clock ten years behind, and is never set right.
async fn falls_back_over_a_restart() {
    let mut lending = Lending::new().await;
    lending.served.kill_now();
    lending.faulty.turn_clock(-TEN_YEARS);
    lending.served = lending.home.serve_unready(&lending.faulty.settings());
    eventually("an answer", || lending.served.try_sign_in("k-berg")).await;
    lending.is_over("when it falls back over a restart").await;
    lending.stop_and_prove();
}

/// The disk is full while a role is lent: nothing new is taken on, also after a restart, and what was lent is taken back at once.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_what_was_lent_is_taken_back() {
    let mut lending = Lending::new().await;
    lending.faulty.fill_disk();
    let ask = || Some(ask_for_invoices("warehouse.invoices-test"));
    for restart in [false, true] {
        if restart {
            lending.served.kill_now();
            let settings = lending.faulty.settings();
            lending.served = lending.home.try_serve(&settings).await.unwrap();
            // what a start gives up of its own files is taken by others
            lending.faulty.fill_disk();
        }
        let maker = lending.served.sign_in("maker").await;
        let refused = lending
            .served
            .send(&maker, "POST", "/requests", ask())
            .await;
        assert_eq!(refused.status, 507, "{refused:?}");
    }
    let security = lending.served.sign_in("k-berg").await;
    let path = format!("/grants/{}/revoke", lending.lent.0);
    let why = json!({ "comment": "The laptop was stolen." });
    let revoked = lending
        .served
        .send(&security, "POST", &path, Some(why))
        .await;
    assert!((200..300).contains(&revoked.status), "{revoked:?}");
    lending.is_over("on a full disk").await;
    lending.faulty.empty_disk();
    let maker = lending.served.sign_in("maker").await;
    eventually("a request that is taken on", || async {
        let sent = lending
            .served
            .send(&maker, "POST", "/requests", ask())
            .await;
        (sent.status == 201).then_some(())
    })
    .await;
    lending.stop_and_prove();
}

//! A server and its witnesses, each a process of its own: one may die, two are an alarm until they are back, and a log that was set
//! back is found by a witness and by whoever holds a receipt.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Output},
};
use support::{Home, Served, eventually, free_port, remit, run};
use tempfile::TempDir;

/// `remit witness`, killed when dropped.
struct Witness {
    folder: TempDir,
    name: String,
    port: u16,
    vkey: String,
    child: Option<Child>,
}

impl Witness {
    /// A witness with a key; it can't run before it knows a log.
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let full = format!("{name}.example/witness");
        let made = run(remit()
            .args(["witness", "key", "--name", &full, "--out"])
            .arg(folder.path().join("key")));
        let vkey = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        fs::write(folder.path().join("vkey"), &vkey).unwrap();
        Self {
            folder,
            name: name.to_owned(),
            port: free_port(),
            vkey,
            child: None,
        }
    }

    /// Its part of a server's configuration.
    fn table(&self) -> String {
        format!(
            "[witness.{}]\nurl = \"http://127.0.0.1:{}\"\nvkey = \"{}\"\n",
            self.name, self.port, self.vkey
        )
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("vkey")
    }

    fn config(&self, home: &Home) -> PathBuf {
        let log = fs::read_to_string(home.path("data/vkey")).unwrap();
        let config = format!(
            "listen = \"127.0.0.1:{}\"\nkey-file = \"key\"\nstate = \"state\"\nlogs = [\"{}\"]\n",
            self.port,
            log.trim()
        );
        let path = self.folder.path().join("witness.toml");
        fs::write(&path, config).unwrap();
        path
    }

    fn start(&mut self, home: &Home) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let child = remit()
            .args(["witness", "--config"])
            .arg(self.config(home))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Kills the process at once, with no chance to finish anything.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.kill();
    }
}

fn home(witnesses: &[Witness], needed: usize) -> Home {
    let tables: String = witnesses.iter().map(Witness::table).collect();
    let extra = format!("witness-quorum = {needed}\nwitness-alarm-after = 3\n{tables}");
    Home::new(&extra, "", "")
}

/// Puts something on record; the number of its entry.
async fn entry(served: &Served, maker: &str) -> u64 {
    let ask = json!({
        "privilege": "ledgerly-read-suppliers",
        "targets": ["ledgerly.suppliers"],
        "duration_seconds": 1_800,
        "answers": { "purpose": "Compare the bank details of the suppliers in case 7." },
        "confirmed": ["no-copies"]
    });
    let sent = served.send(maker, "POST", "/requests", Some(ask)).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let number = sent.text("/request/number");
    let path = format!("/requests/{number}/withdraw");
    let back = served.send(maker, "POST", &path, Some(json!({}))).await;
    assert_eq!(back.status, 200, "{back:?}");
    let entry = back.body.pointer("/entry").and_then(Value::as_u64);
    entry.unwrap_or_else(|| panic!("{back:?}"))
}

/// Waits until the server tells of its witnesses what `wanted` looks for.
async fn told(served: &Served, auditor: &str, what: &str, wanted: impl Fn(&Value) -> bool) {
    eventually(what, || async {
        let told = served.send(auditor, "GET", "/witnesses", None).await.body;
        wanted(&told).then_some(())
    })
    .await;
}

fn covers(told: &Value, entry: u64) -> bool {
    told["cosigned"].as_u64().is_some_and(|size| size > entry)
}

/// The summaries of what is on record about the witnesses, newest first.
async fn on_record(served: &Served, auditor: &str) -> Vec<String> {
    let path = "/evidence?kind=report-witnesses";
    let found = served.send(auditor, "GET", path, None).await.body;
    let items = found["items"].as_array().unwrap();
    let summary = |item: &Value| item["summary"].as_str().unwrap().to_owned();
    items.iter().map(summary).collect()
}

fn export(home: &Home, name: &str) -> PathBuf {
    let out = home.path(name);
    run(remit()
        .args(["ledger", "export", "--data"])
        .arg(home.path("data"))
        .arg("--out")
        .arg(&out));
    out
}

/// `remit ledger verify` with these witnesses.
fn verify(home: &Home, out: &Path, witnesses: &[Witness], quorum: &str) -> Output {
    let mut command = remit();
    command.args(["ledger", "verify"]).arg(out);
    command.arg("--vkey").arg(home.path("data/vkey"));
    for witness in witnesses {
        command.arg("--witness").arg(witness.key());
    }
    command.args(["--quorum", quorum]).output().unwrap()
}

fn check_receipt(vkey: &Path, receipt: &Path, out: &Path) -> Output {
    let mut command = remit();
    command.args(["ledger", "check-receipt"]).arg(receipt);
    command.arg(out).arg("--vkey").arg(vkey);
    command.output().unwrap()
}

async fn receipt(served: &Served, bearer: &str, entry: u64) -> String {
    let path = format!("/entries/{entry}/proof");
    let answer = served.send(bearer, "GET", &path, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_witness_may_die_and_two_are_an_alarm_until_they_are_back() {
    let mut witnesses = ["w1", "w2", "w3"].map(Witness::new);
    let home = home(&witnesses, 2);
    for witness in &mut witnesses {
        witness.start(&home);
    }
    let served = home.serve().await;
    let maker = served.sign_in("a-lindqvist").await;
    let auditor = served.sign_in("o-danso").await;
    let first = entry(&served, &maker).await;
    told(&served, &auditor, "the word of all three", |told| {
        let all = told["witnesses"].as_array().unwrap();
        covers(told, first) && all.iter().all(|one| one["age_seconds"].is_i64())
    })
    .await;

    let shown = run(remit()
        .args(["ledger", "witnesses", "--server", &home.origin()])
        .env("REMIT_TOKEN", &auditor));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("w3.example/witness"), "{shown}");

    witnesses[0].kill();
    let second = entry(&served, &maker).await;
    told(&served, &auditor, "the word of the other two", |told| {
        covers(told, second) && told["alarm"] == false
    })
    .await;

    witnesses[1].kill();
    let third = entry(&served, &maker).await;
    told(&served, &auditor, "the alarm", |told| told["alarm"] == true).await;
    let alarm = on_record(&served, &auditor).await;
    assert_eq!(
        alarm[0],
        "Alarm: 1 witnesses cosign the log and 2 are needed; silent: w1.example/witness, w2.example/witness"
    );
    let now = served.send(&auditor, "GET", "/witnesses", None).await.body;
    assert!(!covers(&now, third), "one is not enough: {now}");

    witnesses[0].start(&home);
    told(&served, &auditor, "the end of the alarm", |told| {
        covers(told, third) && told["alarm"] == false
    })
    .await;
    assert_eq!(
        on_record(&served, &auditor).await[0],
        "2 witnesses cosign the log again; 2 are needed"
    );

    let text = receipt(&served, &maker, third).await;
    fs::write(home.path("receipt"), text).unwrap();
    served.stop();
    let out = export(&home, "out");
    let good = verify(&home, &out, &witnesses, "2");
    let said = String::from_utf8_lossy(&good.stdout);
    assert!(good.status.success(), "{good:?}");
    assert!(
        said.contains("are cosigned by 2 of 3 witnesses: w1"),
        "{said}"
    );
    let short = verify(&home, &out, &witnesses, "3");
    assert_eq!(short.status.code(), Some(8));
    let said = String::from_utf8_lossy(&short.stderr);
    assert!(said.contains("missing: `w2.example/witness`"), "{said}");
    let held = check_receipt(&home.path("data/vkey"), &home.path("receipt"), &out);
    assert!(held.status.success(), "{held:?}");
}

/// The whole data folder is set back, key and all: the shorter log is signed by the real key and verifies. Only who looked on knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_set_back_is_found_by_its_witness_and_by_a_receipt() {
    let mut witnesses = [Witness::new("w1")];
    let home = home(&witnesses, 1);
    for witness in &mut witnesses {
        witness.start(&home);
    }
    let data = home.path("data");
    let vkey = home.path("known-vkey");
    fs::copy(data.join("vkey"), &vkey).unwrap();
    run(std::process::Command::new("cp")
        .arg("-a")
        .arg(&data)
        .arg(home.path("older")));

    let served = home.serve().await;
    let maker = served.sign_in("a-lindqvist").await;
    let auditor = served.sign_in("o-danso").await;
    let mut last = 0;
    for _ in 0..4 {
        last = entry(&served, &maker).await;
    }
    told(&served, &auditor, "the witness's word", |told| {
        covers(told, last)
    })
    .await;
    let text = receipt(&served, &maker, last).await;
    fs::write(home.path("receipt"), text).unwrap();
    served.stop();

    fs::rename(&data, home.path("newer")).unwrap();
    fs::rename(home.path("older"), &data).unwrap();
    let served = home.serve().await;
    let auditor = served.sign_in("o-danso").await;
    let alarm = eventually("the alarm", || async {
        on_record(&served, &auditor).await.pop()
    })
    .await;
    assert!(
        alarm.starts_with(
            "Alarm: the witness `w1.example/witness` contradicts the log: it cosigned"
        ),
        "{alarm}"
    );
    served.stop();
    let out = export(&home, "out");
    run(remit()
        .args(["ledger", "verify"])
        .arg(&out)
        .arg("--vkey")
        .arg(&vkey));
    let found = check_receipt(&vkey, &home.path("receipt"), &out);
    assert_eq!(found.status.code(), Some(8), "{found:?}");
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(said.contains("its end is lost"), "{said}");

    fs::copy(home.path("newer/cosigned"), data.join("cosigned")).unwrap();
    let refused = remit()
        .args(["serve", "--config"])
        .arg(home.path("remit.toml"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("does not continue them"), "{said}");

    let second = remit()
        .args(["witness", "--config"])
        .arg(witnesses[0].config(&home))
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another witness uses the state"), "{said}");
}

//! A real rsyslog over TLS is told the heads of the log: a line that it keeps is a receipt, the last one covers the whole log, and a collector
//! that asks for another certificate, or has another, is told nothing.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Child, Command},
};
use support::{Home, eventually, free_port, remit, run};
use tempfile::TempDir;

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/rsyslogd";

/// An authority, and what it signed.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Certificate and key for a name.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// `rsyslogd`, which asks everybody for a certificate of its authority.
struct Collector {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Collector {
    fn start(authority: &Authority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (certificate, key) = authority.sign("localhost");
        let files = [
            ("ca", &authority.pem),
            ("certificate", &certificate),
            ("key", &key),
        ];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let place = folder.path().display();
        let config = format!(
            r#"global(
    defaultNetstreamDriver="gtls"
    defaultNetstreamDriverCAFile="{place}/ca"
    defaultNetstreamDriverCertFile="{place}/certificate"
    defaultNetstreamDriverKeyFile="{place}/key"
    workDirectory="{place}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="raw" type="string" string="%rawmsg%\n")
action(type="omfile" file="{place}/got" template="raw")
"#
        );
        fs::write(folder.path().join("conf"), config).unwrap();
        let child = Command::new(PROGRAM)
            .args(["-n", "-f"])
            .arg(folder.path().join("conf"))
            .arg("-i")
            .arg(folder.path().join("pid"))
            .spawn();
        Self {
            child: child.unwrap(),
            port,
            folder,
        }
    }

    /// What it kept, a message a line.
    fn got(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("got")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn config(&self, certificate: bool) -> String {
        let own = if certificate {
            "certificate = \"own.pem\"\nkey = \"own.key\"\n"
        } else {
            ""
        };
        format!(
            "[siem]\nsyslog = \"tls://localhost:{}\"\nauthorities = \"siem-ca.pem\"\nheads-every = 1\n{own}",
            self.port
        )
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn home(collector: &Collector, trusted: &Authority, certificate: bool) -> Home {
    let (own, key) = trusted.sign("remit.example");
    let files = [
        ("siem-ca.pem", trusted.pem.as_str()),
        ("own.pem", &own),
        ("own.key", &key),
    ];
    Home::with_files(&collector.config(certificate), &files, "")
}

/// How many entries a message speaks of.
fn entries(line: &str) -> u64 {
    let (header, json) = line.split_once(" - {").unwrap();
    assert!(header.starts_with("<109>1 2"), "{header}");
    assert!(header.ends_with(" log-head"), "{header}");
    let told: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    told.get("entries").and_then(Value::as_u64).unwrap()
}

fn holds(home: &Home, line: &str) -> String {
    let receipt = home.path("receipt");
    fs::write(&receipt, line).unwrap();
    let checked = run(remit()
        .args(["ledger", "check-receipt"])
        .arg(&receipt)
        .arg(home.path("export"))
        .arg("--vkey")
        .arg(home.path("data/vkey")));
    String::from_utf8(checked.stdout).unwrap()
}

#[tokio::test]
async fn a_siem_keeps_receipts_of_the_log() {
    let authority = Authority::new();
    let collector = Collector::start(&authority);
    let home = home(&collector, &authority, true);
    let server = home.serve().await;
    let first = eventually("a head at the collector", || async {
        collector.got().first().cloned()
    })
    .await;
    // signing in is on record
    server.approvers().await;
    server.stop();
    home.prove();
    let size = home.exported().len() as u64;
    let last = eventually("the last head at the collector", || async {
        let last = collector.got().pop().unwrap();
        (entries(&last) == size).then_some(last)
    })
    .await;
    for line in [first, last] {
        assert!(holds(&home, &line).contains("that the receipt speaks of"));
    }
}

#[tokio::test]
async fn a_collector_that_is_not_the_one_or_asks_for_more_is_told_nothing() {
    let authority = Authority::new();
    let collector = Collector::start(&authority);
    let nobodys = Authority::new();
    for (trusted, certificate) in [(&authority, false), (&nobodys, true)] {
        let home = home(&collector, trusted, certificate);
        let server = home.serve().await;
        eventually("a failure that is counted", || async {
            let failures = home.metric("remit_siem_failures_total").await?;
            (failures > 0.0).then_some(())
        })
        .await;
        assert_eq!(
            home.metric("remit_siem_last_head_timestamp_seconds").await,
            None
        );
        server.stop();
    }
    assert_eq!(collector.got(), Vec::<String>::new());
}

#[test]
fn a_configuration_that_cannot_work_is_said_to_be_so() {
    let authority = Authority::new();
    let (own, key) = authority.sign("remit.example");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, text) in [
        ("ca.pem", &authority.pem),
        ("own.pem", &own),
        ("own.key", &key),
    ] {
        fs::write(path(name), text).unwrap();
    }
    let home = Home::with_files("", &[], "");
    let base = fs::read_to_string(home.path("remit.toml")).unwrap();
    let of = |name: &str| path(name).display().to_string();
    let cases = [
        (
            "syslog = \"udp://127.0.0.1\"".to_owned(),
            "`udp://127.0.0.1` is no collector's address: write `tls://HOST:PORT`",
        ),
        (
            "syslog = \"tls://siem.example\"\nheads-every = 0".to_owned(),
            "`siem.heads-every` is 0: write seconds from 1 to 86400",
        ),
        (
            format!(
                "syslog = \"tls://siem.example\"\nkey = \"{}\"",
                of("own.key")
            ),
            "belong together",
        ),
        (
            format!(
                "syslog = \"tls://siem.example\"\nauthorities = \"{}\"",
                of("own.key")
            ),
            "holds no certificate of an authority",
        ),
        (
            format!(
                "syslog = \"tls://siem.example\"\nauthorities = \"{}\"",
                of("nowhere")
            ),
            "as PEM",
        ),
    ];
    for (siem, expected) in cases {
        let said = refused(&home, &format!("{base}\n[siem]\n{siem}\n"));
        assert!(said.contains(expected), "{siem}: {said}");
    }
}

fn refused(home: &Home, config: &str) -> String {
    let path: &Path = &home.path("other.toml");
    fs::write(path, config).unwrap();
    let checked = remit()
        .args(["config", "check", "--config"])
        .arg(path)
        .output()
        .unwrap();
    assert!(!checked.status.success(), "{checked:?}");
    String::from_utf8(checked.stderr).unwrap()
}

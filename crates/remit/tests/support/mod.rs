//! A real server process and a real PostgreSQL for the tests on real platforms. `cargo xtask test` installs what they need and
//! says where it is (`REMIT_TEST_PG_BIN`).
#![expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test file uses its own part, and a test that can't go on panics: that is how it reports"
)]
pub mod faulty;
pub mod postgres;
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The password of everybody in these tests.
const PASSWORD: &str = "correct horse battery staple";
/// It, hashed with the least work there is: these tests sign in thousands of times. One account has a
/// hash as the program makes it.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$oVjn/SOPH8fsoDKVNxi3YQ$iZSZpe+4mfsOZfZcnty5oCo2qyJkwaIMBTdGl+FqJlQ";
/// Directory of the tests: the demo's organisation and a few more makers.
const PEOPLE: &str = include_str!("../../src/demo/people.toml");

/// A port nobody uses at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Asks again and again, up to 30 seconds, until `ask` yields something.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    asked(what, (1_200, Duration::from_millis(25)), ask).await
}

/// The same over minutes: up to so many seconds, and not as often.
pub async fn in_time<T, F: Future<Output = Option<T>>>(
    seconds: u32,
    what: &str,
    ask: impl FnMut() -> F,
) -> T {
    asked(what, (seconds * 4, Duration::from_millis(250)), ask).await
}

async fn asked<T, F: Future<Output = Option<T>>>(
    what: &str,
    (times, pause): (u32, Duration),
    mut ask: impl FnMut() -> F,
) -> T {
    let mut ticks = tokio::time::interval(pause);
    for _ in 0..times {
        ticks.tick().await;
        if let Some(found) = ask().await {
            return found;
        }
    }
    panic!("{what} did not happen within {:?}", pause * times);
}

pub fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// This crate's program, or the one that `REMIT_TEST_PROGRAM` names: a faster build of it.
pub fn remit() -> Command {
    let named = std::env::var_os("REMIT_TEST_PROGRAM");
    let mut command = Command::new(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_remit").into()));
    command.stdin(Stdio::null());
    command
}

/// What a token is known by in the server's configuration.
pub fn hash_of(token: &str) -> String {
    let mut hashing = remit()
        .args(["token", "hash"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut hashing.stdin.take().unwrap(), token.as_bytes()).unwrap();
    let hash = hashing.wait_with_output().unwrap().stdout;
    String::from_utf8(hash).unwrap().trim().to_owned()
}

/// The folder of a server: configuration, accounts, data.
pub struct Home {
    folder: TempDir,
    pub port: u16,
    admin_port: u16,
    /// The certificate of the server, if it has one; it is its own authority.
    certificate: Option<String>,
}

impl Home {
    /// Writes everything a server needs, and imports the directory. `extra` goes at the end of the configuration; the file
    /// `admin` beside it holds `connection`.
    pub fn new(extra: &str, connection: &str, more_people: &str) -> Self {
        Self::with_files(extra, &[("admin", connection)], more_people)
    }

    /// The same with any files beside the configuration.
    pub fn with_files(extra: &str, files: &[(&str, &str)], more_people: &str) -> Self {
        Self::write(extra, files, more_people, None)
    }

    /// The same, reached by TLS only: `certificate.pem` is for `localhost` and `desk.localhost`.
    pub fn with_tls(extra: &str, files: &[(&str, &str)]) -> Self {
        let names = ["localhost", "desk.localhost"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let files = [
            files,
            &[("certificate.pem", &certificate), ("key.pem", &key)],
        ]
        .concat();
        let extra =
            format!("{extra}\n[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n");
        Self::write(&extra, &files, "", Some(certificate.clone()))
    }

    fn write(
        extra: &str,
        files: &[(&str, &str)],
        more_people: &str,
        certificate: Option<String>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self {
            folder,
            port: free_port(),
            admin_port: free_port(),
            certificate,
        };
        for (name, content) in files {
            fs::write(home.path(name), content).unwrap();
        }
        home.write_people(more_people);
        home.write_config(extra);
        run(remit()
            .args(["config", "check", "--config"])
            .arg(home.path("remit.toml")));
        run(remit()
            .args(["directory", "import"])
            .arg(home.path("people.toml"))
            .arg("--config")
            .arg(home.path("remit.toml")));
        home
    }

    /// The directory, and an account with the one password for everybody in it.
    fn write_people(&self, more_people: &str) {
        let mut hash = remit();
        let mut child = hash
            .args(["accounts", "hash"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), PASSWORD.as_bytes()).unwrap();
        let hash = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let people = format!("{PEOPLE}\n{more_people}");
        let directory: toml::Table = toml::from_str(&people).unwrap();
        let accounts = directory["account"].as_table().unwrap().keys().fold(
            "[accounts]\n".to_owned(),
            |text, account| {
                let of_the_program = account == "p-novak";
                let hash = if of_the_program { hash.trim() } else { HASH };
                text + &format!("{account} = \"{hash}\"\n")
            },
        );
        fs::write(self.path("accounts.toml"), accounts).unwrap();
        fs::write(self.path("people.toml"), people).unwrap();
    }

    fn write_config(&self, extra: &str) {
        let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/example");
        let config = format!(
            "listen = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\norigin = \"{}\"\ndata = \"data\"\nbundle = {:?}\naccounts = \"accounts.toml\"\n{extra}",
            self.port,
            self.admin_port,
            self.origin(),
            bundle.to_str().unwrap()
        );
        fs::write(self.path("remit.toml"), config).unwrap();
    }

    /// Where browsers and programs reach the server.
    pub fn origin(&self) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// A client that trusts the server's certificate, if it has one.
    pub fn client(&self) -> reqwest::Client {
        self.trusting().build().unwrap()
    }

    /// The same, which speaks nothing newer than HTTP/1.1.
    pub fn client_of_http1(&self) -> reqwest::Client {
        self.trusting().http1_only().build().unwrap()
    }

    fn trusting(&self) -> reqwest::ClientBuilder {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        // not every resolver knows the names below `localhost`
        let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let client = reqwest::Client::builder()
            .no_proxy()
            .resolve("desk.localhost", here);
        // the system's authorities have no say here, and reading them takes its time
        let certificate = self.certificate.as_ref();
        let certificate =
            certificate.map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
        client.tls_certs_only(certificate)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the server and waits until it is ready.
    pub async fn serve(&self) -> Served {
        self.try_serve(&[]).await.expect("the server starts")
    }

    /// The same in an environment of its own; `None` if the server gives up, or isn't ready after a while.
    pub async fn try_serve(&self, settings: &[(&str, String)]) -> Option<Served> {
        let mut served = self.serve_unready(settings);
        let ready = format!("http://127.0.0.1:{}/readyz", self.admin_port);
        let client = served.client.clone();
        let mut ticks = tokio::time::interval(Duration::from_millis(25));
        for _ in 0..1_200 {
            ticks.tick().await;
            if served.child.try_wait().unwrap().is_some() {
                return None;
            }
            let answer = client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Some(served);
            }
        }
        served.kill_now();
        None
    }

    /// The same, waiting for nothing.
    pub fn serve_unready(&self, settings: &[(&str, String)]) -> Served {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("serve.log"))
            .unwrap();
        let child = remit()
            .args(["serve", "--config"])
            .arg(self.path("remit.toml"))
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stderr(log)
            .spawn()
            .unwrap();
        Served {
            child,
            client: self.client(),
            base: self.origin(),
        }
    }

    /// What the running server says of a metric without labels; `None` if it says nothing.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let address = format!("http://127.0.0.1:{}/metrics", self.admin_port);
        let text = reqwest::get(address).await.ok()?.text().await.ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Every entry of the log that [`Self::prove`] exported, as it is hashed.
    pub fn exported(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        let mut open = vec![self.path("export/tile/entries")];
        let mut files = Vec::new();
        while let Some(folder) = open.pop() {
            for file in fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        for file in files {
            let bytes = fs::read(file).unwrap();
            let mut rest = bytes.as_slice();
            // C2SP tlog-tiles: each entry after its length in two bytes
            while let [high, low, after @ ..] = rest {
                let (entry, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
                entries.push(serde_json::from_slice(entry).unwrap());
                rest = next;
            }
        }
        entries
    }

    /// Exports, verifies and replays the log, each in a process of its own; what the last one said.
    pub fn prove(&self) -> String {
        self.prove_both().1
    }

    /// What the verifier and the replay said.
    pub fn prove_both(&self) -> (String, String) {
        let (data, out) = (self.path("data"), self.path("export"));
        let vkey = data.join("vkey");
        run(remit()
            .args(["ledger", "export", "--data"])
            .arg(&data)
            .arg("--out")
            .arg(&out));
        let verified = run(remit()
            .args(["ledger", "verify"])
            .arg(&out)
            .arg("--vkey")
            .arg(&vkey));
        let replayed = run(remit()
            .args(["ledger", "replay"])
            .arg(&out)
            .arg("--vkey")
            .arg(&vkey));
        let said = |output: Output| String::from_utf8(output.stdout).unwrap();
        (said(verified), said(replayed))
    }
}

/// A server that runs.
pub struct Served {
    child: Child,
    pub client: reqwest::Client,
    base: String,
}

/// What the API answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no `{pointer}` in {self:?}"))
            .to_owned()
    }
}

impl Served {
    /// Sends; `None` is a connection that broke.
    pub async fn try_send(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        self.answered(self.request(bearer, method, path, body))
            .await
    }

    /// The same under an idempotency key.
    pub async fn try_send_once(
        &self,
        bearer: &str,
        path: &str,
        body: Value,
        key: &str,
    ) -> Option<Answer> {
        let request = self.request(bearer, "POST", path, Some(body));
        self.answered(request.header("Idempotency-Key", key)).await
    }

    fn request(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::RequestBuilder {
        let address = format!("{}/api/v1{path}", self.base);
        // a client may wait for ever for a server that was killed
        let request = self
            .client
            .request(method.parse().unwrap(), address)
            .timeout(Duration::from_mins(1))
            .bearer_auth(bearer);
        match body {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        Some(Answer {
            status,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    pub async fn send(
        &self,
        bearer: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.try_send(bearer, method, path, body)
            .await
            .expect("the server answers")
    }

    pub async fn sign_in(&self, account: &str) -> String {
        let answer = self
            .send(
                "",
                "POST",
                "/session",
                Some(json!({ "account": account, "password": PASSWORD })),
            )
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.text("/token")
    }

    pub async fn try_sign_in(&self, account: &str) -> Option<String> {
        let answer = self
            .try_send(
                "",
                "POST",
                "/session",
                Some(json!({ "account": account, "password": PASSWORD })),
            )
            .await?;
        answer
            .body
            .get("token")
            .and_then(Value::as_str)
            .map(str::to_owned)
    }

    pub async fn try_approve(&self, approver: &str, request: &str) -> Option<Answer> {
        let seen = self
            .try_send(approver, "GET", &format!("/requests/{request}"), None)
            .await?;
        let digest = seen.body.get("digest")?.clone();
        let body =
            json!({ "digest": digest, "comment": "The purpose is clear and the scope is small." });
        self.try_send(
            approver,
            "POST",
            &format!("/requests/{request}/approve"),
            Some(body),
        )
        .await
    }

    /// Tokens of everybody who may be asked for consent in these tests.
    pub async fn approvers(&self) -> Vec<String> {
        let mut tokens = Vec::new();
        for account in [
            "r-haddad", "m-sato", "k-berg", "t-weiss", "l-ito", "p-novak",
        ] {
            tokens.push(self.sign_in(account).await);
        }
        tokens
    }

    /// Asks, and has one after another consent until every seat is filled: the band of the impact may ask for more seats than the
    /// catalog. Returns the number of the grant.
    pub async fn granted(&self, maker: &str, approvers: &[String], ask: Value) -> String {
        let sent = self.send(maker, "POST", "/requests", Some(ask)).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        let request = sent.text("/request/number");
        let row = format!("/requests/{request}");
        for approver in approvers {
            self.try_approve(approver, &request).await;
            let seen = self.send(maker, "GET", &row, None).await;
            if let Some(grant) = seen.body.get("grant").and_then(Value::as_str) {
                return grant.to_owned();
            }
        }
        panic!("{:?}", self.send(maker, "GET", &row, None).await)
    }

    /// A bearer token for the platform behind the gateway.
    pub async fn token(&self, maker: &str, grant: &str) -> String {
        let path = format!("/grants/{grant}/credentials");
        let issued = self.send(maker, "POST", &path, Some(json!({}))).await;
        issued.text("/token")
    }

    /// Lets what is under way finish, then stops.
    pub fn stop(mut self) {
        run(Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string()));
        assert!(
            self.child.wait().unwrap().success(),
            "the server stops cleanly"
        );
    }

    /// Kills the process at once, with no chance to finish anything. Whoever holds the handle last waits for it.
    pub fn kill_now(&self) {
        run(Command::new("kill")
            .arg("-KILL")
            .arg(self.child.id().to_string()));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An ask for a temporary role that reads invoices.
pub fn ask_for_invoices(target: &str) -> Value {
    json!({
        "privilege": "warehouse-read-invoices",
        "targets": [target],
        "duration_seconds": 3_600,
        "answers": { "question": "Which invoices of October were booked twice?" },
        "confirmed": ["no-copies"]
    })
}

//! An office for tests: the people of the domain's fixture with names, an auditor, a real engine on a log in memory, real
//! projections in a folder of its own, and the router in front.
use crate::{
    App, Mode, TokenHash,
    authority::LocalAuthority,
    codes::Codes,
    router,
    sign_in::{DemoAccount, SignIn},
    tokens::Issuer,
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use domain::fixture;
use engine::{Engine, Ports, Running, Settings};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use store::{SqliteProjector, SqliteViews};
use testkit::{WorldPorts, bundle, signer};
use tower::ServiceExt as _;

/// The portal's own origin.
pub(crate) const ORIGIN: &str = "http://portal.localhost:8080";
/// The token of whoever runs the server.
pub(crate) const OPERATOR: &str = "operator-token";
/// The token of the gateway `front`.
pub(crate) const GATEWAY: &str = "gateway-token";
/// A token that reads the log.
pub(crate) const READER: &str = "reader-token";
/// A key made for these tests and used nowhere else.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHNfYwDmfBQtXswplCizwOKoQeRqKOrnm7J9bUF/KuFG\n-----END PRIVATE KEY-----\n";

/// A portal with people in it.
pub(crate) struct Office {
    pub(crate) router: Router,
    pub(crate) authority: LocalAuthority,
    pub(crate) ports: WorldPorts,
    pub(crate) engine: Engine,
    pub(crate) stop: tokio_util::sync::CancellationToken,
    tokens: Mutex<BTreeMap<String, String>>,
    cookies: Mutex<BTreeMap<String, String>>,
    _running: Running,
    _folder: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON, if the status is as expected.
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// What somebody reads: the text without tags, one line for each piece.
    pub(crate) fn read(&self) -> String {
        let whole = self.text.as_str();
        // a part that a script swaps in has no `main`
        let main = whole
            .find("<main")
            .and_then(|at| whole.get(at..))
            .unwrap_or(whole);
        let main = main.split_once("</main>").map_or(main, |(main, _)| main);
        let mut out = String::new();
        let mut depth = 0;
        for c in main.chars() {
            match c {
                '<' => {
                    depth += 1;
                    out.push('\n');
                }
                '>' if depth > 0 => depth -= 1,
                c if depth == 0 => out.push(c),
                _ => {}
            }
        }
        let lines: Vec<&str> = out
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines.join("\n")
    }
}

/// Two witnesses, of which one must cosign; neither has answered yet.
fn witnesses(now: domain::time::Timestamp) -> engine::witnesses::Witnesses {
    let key = |n: u8| {
        let name = format!("witness.example/w{n}").parse().unwrap();
        let cosigner = ledger::Cosigner::from_seed(name, &[n; 32]);
        ledger::WitnessKey::parse(&cosigner.vkey()).unwrap()
    };
    let quorum = ledger::Quorum::new(vec![key(1), key(2)], 1).unwrap();
    let alarm_after = domain::time::Seconds::from_minutes(5);
    engine::witnesses::Witnesses::new(quorum, alarm_after, None, now).unwrap()
}

fn names() -> BTreeMap<&'static str, &'static str> {
    [
        ("ada", "Ada Lindqvist"),
        ("ann", "Ann Okafor"),
        ("bob", "Bob Sato"),
        ("cyd", "Cyd Haddad"),
        ("dee", "Dee Costa"),
        ("eve", "Eve Ito"),
        ("fay", "Fay Braun"),
        ("mia", "Mia Weber"),
        ("leo", "Leo Gone"),
    ]
    .into()
}

fn person_change(person: &domain::directory::Person, name: &str) -> Value {
    json!({"person": {
        "id": person.id.as_str(),
        "name": name,
        "job_roles": person.job_roles,
        "team": person.team,
        "duties": person.duties,
        "training": person.training.iter().map(|(id, until)| (id.to_string(), json!(crate::words::rfc3339(*until)))).collect::<serde_json::Map<_, _>>(),
        "suspended": !person.is_active(),
        "manager": person.manager,
    }})
}

/// The fixture's directory as the API takes it.
fn changes() -> Vec<Value> {
    let directory = fixture::directory();
    let mut changes = Vec::new();
    for person in directory.persons.values() {
        changes.push(person_change(person, names()[person.id.as_str()]));
    }
    let mut auditor = fixture::person("aud", "auditor", "auditor");
    auditor.manager = None;
    changes.push(person_change(&auditor, "Aud Novak"));
    changes.push(json!({"account": {"id": "aud", "person": "aud"}}));
    for account in directory.accounts.values() {
        changes.push(json!({"account": {"id": account.id.as_str(), "person": account.person}}));
    }
    changes.push(json!({"group": {"id": "soc", "persons": ["bob"], "accounts": ["eve"], "duties": ["security"]}}));
    changes.push(json!({"delegation": {"id": "bob-away", "from": "bob", "to": "fay", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}}));
    changes
}

impl Office {
    /// Opens the office at [`fixture::NOW`].
    #[expect(
        clippy::too_many_lines,
        reason = "one line a part: nothing is decided here"
    )]
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("views.db");
        let world = WorldPorts::default();
        let reader = Arc::new(world.log.clone());
        let keys = Arc::new(world.keys.clone());
        let projector = SqliteProjector::open(&file, reader.clone(), keys.clone()).unwrap();
        let platform: Arc<dyn engine::ports::Connector> = Arc::new(world.platform.clone());
        let ports = Ports {
            clock: world.clock.clone(),
            random: world.random.clone(),
            reader,
            writer: Box::new(world.log.clone()),
            keys,
            projector: Box::new(projector),
            views: Arc::new(SqliteViews::open(&file).unwrap()),
            snapshots: Arc::new(engine::ports::NoSnapshots),
            connectors: BTreeMap::from([
                (fixture::id("ledgerdb"), Arc::clone(&platform)),
                (fixture::id("nodered"), platform),
            ]),
        };
        let settings = Settings {
            signer: signer(),
            bundle: bundle(),
            engine_version: "test".to_owned(),
            snapshot_every: engine::SNAPSHOT_EVERY,
        };
        let (engine, running) = Engine::start(ports, settings).unwrap();
        let codes = Arc::new(Codes::new(world.random.clone()));
        let issuer = Arc::new(Issuer::new(ORIGIN, KEY).unwrap());
        let people: Vec<DemoAccount> = names()
            .iter()
            .map(|(account, name)| (*account, *name))
            .chain([
                ("ada-alias", "Ada, otherwise"),
                ("svc-build", "Build"),
                ("aud", "Aud Novak"),
            ])
            .map(|(account, name)| DemoAccount {
                account: fixture::id(account),
                name: name.to_owned(),
                role: "somebody".to_owned(),
            })
            .collect();
        let stop = tokio_util::sync::CancellationToken::new();
        let app = App {
            engine: engine.clone(),
            sign_in: SignIn::Demo(people),
            mode: Mode::Demo,
            origin: ORIGIN.to_owned(),
            issuer: Arc::clone(&issuer),
            codes: Arc::clone(&codes),
            gateways: BTreeMap::from([(
                fixture::id("nodered"),
                "http://nodered.localhost:8081".to_owned(),
            )]),
            gateway_tokens: BTreeMap::from([(fixture::gateway_id(), TokenHash::of(GATEWAY))]),
            read_tokens: vec![TokenHash::of(READER)],
            operator_tokens: vec![TokenHash::of(OPERATOR)],
            random: world.random.clone(),
            stop: stop.clone(),
            witnesses: Some(Arc::new(witnesses(engine.now()))),
            zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
        };
        let office = Self {
            router: router(app),
            authority: LocalAuthority::new(engine.clone(), codes, issuer, fixture::gateway_id()),
            ports: world,
            engine,
            stop,
            tokens: Mutex::default(),
            cookies: Mutex::default(),
            _running: running,
            _folder: folder,
        };
        for change in changes() {
            let reply = office
                .send(
                    "POST",
                    "/api/v1/directory",
                    &[("authorization", &format!("Bearer {OPERATOR}"))],
                    Some(&change),
                )
                .await;
            reply.ok(200);
        }
        office
    }

    /// One request, as it is.
    pub(crate) async fn request(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A request with headers and perhaps JSON.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.request(request.body(body).unwrap()).await
    }

    async fn token(&self, account: &str) -> String {
        let known = self.tokens.lock().unwrap().get(account).cloned();
        if let Some(token) = known {
            return token;
        }
        let reply = self
            .send(
                "POST",
                "/api/v1/session",
                &[],
                Some(&json!({"account": account})),
            )
            .await;
        let token = reply.ok(201)["token"].as_str().unwrap().to_owned();
        self.tokens
            .lock()
            .unwrap()
            .insert(account.to_owned(), token.clone());
        token
    }

    /// Forgets everybody's tokens and cookies: after a leap of the clock they sign in anew.
    pub(crate) fn sign_out(&self) {
        self.tokens.lock().unwrap().clear();
        self.cookies.lock().unwrap().clear();
    }

    /// Somebody signs in to the API anew, with a second factor.
    pub(crate) async fn strengthen(&self, account: &str) {
        let body = json!({"account": account, "second_factor": true});
        let reply = self.send("POST", "/api/v1/session", &[], Some(&body)).await;
        let token = reply.ok(201)["token"].as_str().unwrap().to_owned();
        self.tokens
            .lock()
            .unwrap()
            .insert(account.to_owned(), token);
    }

    /// A call of the API by somebody; `""` is nobody.
    pub(crate) async fn api(
        &self,
        account: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Reply {
        self.api_with(account, method, path, &[], body).await
    }

    /// A call of the API with more headers.
    pub(crate) async fn api_with(
        &self,
        account: &str,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let mut headers = more.to_vec();
        let bearer;
        if !account.is_empty() {
            bearer = format!("Bearer {}", self.token(account).await);
            headers.push(("authorization", &bearer));
        }
        self.send(method, &format!("/api/v1{path}"), &headers, body.as_ref())
            .await
    }

    /// The session cookie of somebody at the pages.
    pub(crate) async fn cookie(&self, account: &str) -> String {
        let known = self.cookies.lock().unwrap().get(account).cloned();
        if let Some(cookie) = known {
            return cookie;
        }
        let reply = self
            .form_with("/sign-in", &[("origin", ORIGIN)], &[("account", account)])
            .await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let cookie = reply
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        self.cookies
            .lock()
            .unwrap()
            .insert(account.to_owned(), cookie.clone());
        cookie
    }

    /// A page, for somebody.
    pub(crate) async fn page(&self, account: &str, path: &str) -> Reply {
        if account.is_empty() {
            return self.send("GET", path, &[], None).await;
        }
        let cookie = self.cookie(account).await;
        self.send("GET", path, &[("cookie", &cookie)], None).await
    }

    /// A form with just these headers.
    pub(crate) async fn form_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Reply {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    crate::words::encoded(name),
                    crate::words::encoded(value)
                )
            })
            .collect();
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.request(request.body(Body::from(pairs.join("&"))).unwrap())
            .await
    }

    /// The token that forms of somebody's session carry.
    pub(crate) async fn form_token(&self, account: &str) -> String {
        let home = self.page(account, "/").await.text;
        let (_, rest) = home.split_once("name=\"token\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// A form as a browser sends it from our own page.
    pub(crate) async fn form(&self, account: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let cookie = self.cookie(account).await;
        let token = self.form_token(account).await;
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        self.form_with(path, &[("cookie", &cookie), ("origin", ORIGIN)], &all)
            .await
    }

    /// Ada's usual ask.
    pub(crate) fn ask(privilege: &str) -> Value {
        let ask = fixture::ask(privilege);
        json!({
            "privilege": privilege,
            "targets": ask.targets,
            "duration_seconds": ask.duration.0,
            "answers": {"goal": "match the invoices of October"},
            "ticket": "INC-4711",
            "confirmed": ["tested"],
        })
    }

    /// Ada asks; her request's number.
    pub(crate) async fn asked(&self, privilege: &str) -> String {
        let reply = self
            .api("ada", "POST", "/requests", Some(Self::ask(privilege)))
            .await;
        reply.ok(201)["request"]["number"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Somebody consents.
    pub(crate) async fn approve(&self, account: &str, request: &str) -> Value {
        let seen = self
            .api(account, "GET", &format!("/requests/{request}"), None)
            .await
            .ok(200);
        let body = json!({"digest": seen["digest"], "comment": "the task needs it"});
        self.api(
            account,
            "POST",
            &format!("/requests/{request}/approve"),
            Some(body),
        )
        .await
        .ok(200)
    }

    /// Ada gets what she asks for; the numbers of request and grant.
    pub(crate) async fn granted(&self, privilege: &str) -> (String, String) {
        let request = self.asked(privilege).await;
        self.approve("cyd", &request).await;
        let done = self.approve("bob", &request).await;
        let grant = done["request"]["grant"]
            .as_str()
            .unwrap_or_else(|| panic!("{done}"))
            .to_owned();
        (request, grant)
    }
}

//! A real Node-RED, governed in both ways: through the gateway, which maps changed tabs to targets, and by tokens that Node-RED
//! asks about at every request, with its audit log read into the ledger.
#![cfg(feature = "real-platforms")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};
use support::{Home, Served, eventually, free_port};

const SETTINGS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/node-red/settings.js"
);

struct NodeRed {
    child: Child,
    port: u16,
}

impl NodeRed {
    /// Starts Node-RED with the ready settings file on the flows of the example bundle's tabs.
    async fn start(home: &Home, port: u16) -> Self {
        let folder = home.path("node-red");
        fs::create_dir_all(folder.join("audit")).unwrap();
        fs::write(
            folder.join("flows.json"),
            flows("Invoices", "Stock").to_string(),
        )
        .unwrap();
        let program = std::env::var_os("REMIT_TEST_NODE_RED").expect(
            "REMIT_TEST_NODE_RED names Node-RED's red.js: run `cargo xtask test --only real`",
        );
        let log = fs::File::create(folder.join("start.log")).unwrap();
        let child = Command::new("node")
            .arg(program)
            .args(["--settings", SETTINGS, "--userDir"])
            .arg(&folder)
            .env("PORT", port.to_string())
            .env("REMIT_URL", format!("http://127.0.0.1:{}", home.port))
            .env("REMIT_HOOK_SECRET_FILE", home.path("hook"))
            .env("REMIT_GATEWAY_SECRET_FILE", home.path("gateway-secret"))
            .env("REMIT_AUDIT_LOG", audit(home).join("audit.jsonl"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let node_red = Self { child, port };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        eventually("Node-RED", || async {
            client
                .get(node_red.url("/settings"))
                .send()
                .await
                .ok()
                .filter(|answer| answer.status() == 401)
        })
        .await;
        node_red
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for NodeRed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn audit(home: &Home) -> std::path::PathBuf {
    home.path("node-red").join("audit")
}

fn flows(invoices: &str, stock: &str) -> Value {
    json!([
        { "id": "invoice-matching", "type": "tab", "label": invoices },
        { "id": "stock-reorder", "type": "tab", "label": stock },
        { "id": "invoice-matching-test", "type": "tab", "label": "Test" },
        { "id": "sandbox", "type": "tab", "label": "Sandbox" }
    ])
}

fn ask(privilege: &str, answers: &Value, confirmed: &Value) -> Value {
    json!({ "privilege": privilege, "targets": ["nodered.invoice-matching"], "duration_seconds": 1_800, "ticket": "CHG-7", "answers": answers, "confirmed": confirmed })
}

/// Posts whole flows through the gateway, as the editor does.
async fn deploy(home: &Home, served: &Served, token: &str, flows: &Value) -> u16 {
    let url = format!("http://127.0.0.1:{}/flows", home.port);
    let request = served
        .client
        .post(url)
        .header("host", format!("nodered.localhost:{}", home.port))
        .bearer_auth(token)
        .json(flows);
    request.send().await.unwrap().status().as_u16()
}

async fn give_back(served: &Served, maker: &str, grant: &str) {
    let path = format!("/grants/{grant}/return");
    let ended = served.send(maker, "POST", &path, Some(json!({}))).await;
    assert_eq!(ended.status, 200, "{ended:?}");
}

/// What Node-RED says of the token at the grant, and what its audit log told, as the ledger has it.
async fn read_back_and_recorded(served: &Served, maker: &str, grant: &str) {
    let auditor = served.sign_in("o-danso").await;
    let row = format!("/grants/{grant}");
    eventually("the read-back", || async {
        let row = served.send(maker, "GET", &row, None).await;
        row.body
            .to_string()
            .contains("Node-RED answers 401 to the token")
            .then_some(())
    })
    .await;
    let evidence = format!("/evidence?grant={grant}&limit=100");
    eventually("the audit log in the ledger", || async {
        let found = served.send(&auditor, "GET", &evidence, None).await;
        found.body.to_string().contains("flows.set").then_some(())
    })
    .await;
}

async fn status(served: &Served, url: &str, token: &str) -> u16 {
    served
        .client
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

fn home(node_red: u16) -> Home {
    let more = format!(
        "[platform.nodered]\nhost = \"nodered.localhost\"\nupstream = \"http://127.0.0.1:{node_red}\"\ncredential-file = \"gateway-bearer\"\n\
         [node-red.nodered]\naddress = \"http://127.0.0.1:{node_red}\"\nhook-secret-file = \"hook\"\naudit-logs = \"node-red/audit\"\n"
    );
    Home::with_files(
        &more,
        &[
            ("hook", "hook-secret-4711"),
            ("gateway-secret", "gateway-secret-4711"),
            ("gateway-bearer", "Bearer gateway-secret-4711"),
        ],
        "",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_changes_the_tabs_of_the_grant_and_no_other() {
    let port = free_port();
    let home = home(port);
    let served = home.serve().await;
    let node_red = NodeRed::start(&home, port).await;
    let maker = served.sign_in("a-lindqvist").await;
    let answers = json!({ "change": "Map the renamed tax code field in the matching step.", "tested": "All 14 invoices matched in the test flow." });
    let approvers = served.approvers().await;
    let grant = served
        .granted(
            &maker,
            &approvers,
            ask("nodered-edit-production", &answers, &json!(["tested"])),
        )
        .await;
    let token = served.token(&maker, &grant).await;
    assert_eq!(
        status(&served, &node_red.url("/flows"), &token).await,
        401,
        "Node-RED itself knows no such token"
    );
    let deployed = deploy(
        &home,
        &served,
        &token,
        &flows("Invoices, matched by tax code", "Stock"),
    )
    .await;
    assert!((200..300).contains(&deployed), "{deployed}");
    assert_eq!(
        deploy(
            &home,
            &served,
            &token,
            &flows("Invoices, matched by tax code", "Stock, changed too")
        )
        .await,
        403
    );
    let present = served
        .client
        .get(node_red.url("/flows"))
        .bearer_auth("gateway-secret-4711")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        present.contains("matched by tax code") && !present.contains("changed too"),
        "{present}"
    );
    give_back(&served, &maker, &grant).await;
    assert_eq!(
        deploy(&home, &served, &token, &flows("Invoices again", "Stock")).await,
        403
    );
    drop(node_red);
    served.stop();
    assert!(home.prove().contains("all the same"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_while_its_grant_runs_and_what_it_did_is_read_from_the_audit_log() {
    let port = free_port();
    let home = home(port);
    fs::create_dir_all(audit(&home)).unwrap();
    let served = home.serve().await;
    let node_red = NodeRed::start(&home, port).await;
    let maker = served.sign_in("d-moreau").await;
    let answers = json!({ "work": "Install the node that reads the new tax code field." });
    let approvers = served.approvers().await;
    let grant = served
        .granted(
            &maker,
            &approvers,
            ask(
                "nodered-maintain",
                &answers,
                &controls(&served, &maker).await,
            ),
        )
        .await;
    let path = format!("/grants/{grant}/secret");
    let token = eventually("the token", || async {
        served
            .send(&maker, "POST", &path, Some(json!({})))
            .await
            .body
            .pointer("/0/secret")
            .and_then(Value::as_str)
            .map(str::to_owned)
    })
    .await;
    assert_eq!(status(&served, &node_red.url("/flows"), &token).await, 200);
    assert_eq!(
        status(&served, &node_red.url("/flows"), "remit_nr_forged").await,
        401
    );
    let deployed = served
        .client
        .post(node_red.url("/flows"))
        .bearer_auth(&token)
        .json(&flows("Maintained", "Stock"))
        .send()
        .await
        .unwrap();
    assert!(deployed.status().is_success(), "{deployed:?}");
    give_back(&served, &maker, &grant).await;
    assert_eq!(status(&served, &node_red.url("/flows"), &token).await, 401);
    read_back_and_recorded(&served, &maker, &grant).await;
    drop(node_red);
    served.stop();
    assert!(home.prove().contains("all the same"));
}

/// The risk controls of the maintenance privilege, as the catalog names them.
async fn controls(served: &Served, maker: &str) -> Value {
    let privilege = served
        .send(maker, "GET", "/privileges/nodered-maintain", None)
        .await;
    let controls = privilege
        .body
        .get("risk_controls")
        .or_else(|| privilege.body.get("confirm"))
        .unwrap_or_else(|| panic!("{privilege:?}"));
    match controls {
        Value::Object(named) => named.keys().cloned().collect(),
        Value::Array(listed) => listed.iter().map(|control| control["id"].clone()).collect(),
        _ => panic!("{privilege:?}"),
    }
}

#[test]
fn the_settings_file_is_where_the_guide_says() {
    assert!(Path::new(SETTINGS).is_file());
}

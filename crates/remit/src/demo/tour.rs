//! The tour: the whole life of a grant through the public HTTP interface (no inside door), as outsiders see it. Each step prints
//! the status it got and the ledger entry that recorded it; the first that isn't as it should be ends the tour with an error.
//! Afterwards separate processes export, verify and replay the ledger from its files alone.
use super::{DESK_HOST, Demo};
use crate::output;
use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method, StatusCode, header};
use serde_json::{Value, json};
use std::{path::Path, process::Command};

const FLOW: &str = "match-invoices";
const PRIVILEGE: &str = "ledgerly-edit-production-flow";

/// Drives the whole life of a grant, then has separate processes export, verify and replay the ledger.
///
/// # Errors
/// At the first thing that isn't as it should be.
pub(super) async fn run(demo: &Demo) -> Result<()> {
    let tour = Tour::new(demo)?;
    let maker = tour.sign_in("a-lindqvist").await?;
    let owner = tour.sign_in("r-haddad").await?;
    let security = tour.sign_in("m-sato").await?;
    let auditor = tour.sign_in("o-danso").await?;
    tour.before().await?;
    let request = tour.ask(&maker).await?;
    let grant = tour.consent(&maker, &owner, &security, &request).await?;
    let token = tour.use_it(&maker, &grant).await?;
    tour.open_in_a_browser(&maker, &grant).await?;
    tour.end(&maker, &grant, &token).await?;
    tour.look_back(&auditor, &grant).await?;
    tour.prove(&demo.data, &auditor).await?;
    output::line("\nThe whole life of a grant went as it should.");
    Ok(())
}

struct Tour {
    client: Client,
    portal: String,
    desk: String,
    direct: String,
}

/// What came back.
struct Came {
    status: StatusCode,
    entry: Option<u64>,
    headers: header::HeaderMap,
    body: Value,
}

impl Tour {
    fn new(demo: &Demo) -> Result<Self> {
        // names under `localhost` are this machine's by definition (RFC 6761 §6.3), but not every resolver knows
        let client = Client::builder()
            .resolve("localhost", demo.portal)
            .resolve(DESK_HOST, demo.portal)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("could not make an HTTP client")?;
        let port = demo.portal.port();
        Ok(Self {
            client,
            portal: format!("http://localhost:{port}"),
            desk: format!("http://{DESK_HOST}:{port}"),
            direct: format!("http://{}", demo.desk),
        })
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Came> {
        let mut request = self.client.request(method, url);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("`{url}` did not answer"))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let entry = body
            .get("entry")
            .and_then(Value::as_u64)
            .or_else(|| headers.get("remit-entry")?.to_str().ok()?.parse().ok());
        Ok(Came {
            status,
            entry,
            headers,
            body,
        })
    }

    async fn api(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Came> {
        self.send(
            method,
            &format!("{}/api/v1{path}", self.portal),
            Some(who),
            body,
        )
        .await
    }

    async fn sign_in(&self, account: &str) -> Result<String> {
        let body = json!({ "account": account });
        let came = self
            .send(
                Method::POST,
                &format!("{}/api/v1/session", self.portal),
                None,
                Some(&body),
            )
            .await?;
        step(&format!("{account} signs in"), StatusCode::CREATED, &came)?;
        text(&came.body, "/token")
    }

    /// Nobody gets in without a grant, neither through the gateway nor past it.
    async fn before(&self) -> Result<()> {
        let came = self.change(None).await?;
        step(
            "before: an outsider changes the flow through the gateway",
            StatusCode::UNAUTHORIZED,
            &came,
        )?;
        let came = self
            .send(
                Method::PUT,
                &format!("{}/api/flows/{FLOW}", self.direct),
                None,
                Some(&steps()),
            )
            .await?;
        step(
            "before: and at the platform's own port",
            StatusCode::UNAUTHORIZED,
            &came,
        )
    }

    async fn change(&self, token: Option<&str>) -> Result<Came> {
        self.send(
            Method::PUT,
            &format!("{}/api/flows/{FLOW}", self.desk),
            token,
            Some(&steps()),
        )
        .await
    }

    async fn ask(&self, maker: &str) -> Result<String> {
        let privilege = self
            .api(
                maker,
                Method::GET,
                &format!("/privileges/{PRIVILEGE}"),
                None,
            )
            .await?;
        step(
            "the maker reads the catalog entry",
            StatusCode::OK,
            &privilege,
        )?;
        let mut ask = ask();
        if let Some(answers) = ask.pointer_mut("/answers").and_then(Value::as_object_mut) {
            answers.clear();
        }
        let checked = self
            .api(maker, Method::POST, "/precheck", Some(&ask))
            .await?;
        step("the pre-check of an empty form", StatusCode::OK, &checked)?;
        ensure!(
            checked.body.get("sendable") == Some(&json!(false)),
            "the pre-check lets an unanswered form through: {}",
            checked.body
        );
        let refused = self
            .api(maker, Method::POST, "/requests", Some(&ask))
            .await?;
        step(
            "sent all the same, it is refused with the rule and the fix",
            StatusCode::UNPROCESSABLE_ENTITY,
            &refused,
        )
        .or_else(|_| {
            step(
                "sent all the same, it is refused with the rule and the fix",
                StatusCode::FORBIDDEN,
                &refused,
            )
        })?;
        let sent = self
            .api(maker, Method::POST, "/requests", Some(&self::ask()))
            .await?;
        step(
            "the maker asks, with every answer given",
            StatusCode::CREATED,
            &sent,
        )?;
        text(&sent.body, "/request/number")
    }

    async fn consent(
        &self,
        maker: &str,
        owner: &str,
        security: &str,
        request: &str,
    ) -> Result<String> {
        let own = self.approve(maker, request).await?;
        step("the maker tries to approve it", StatusCode::FORBIDDEN, &own)?;
        let first = self.approve(owner, request).await?;
        step("the data owner approves", StatusCode::OK, &first)?;
        let second = self.approve(security, request).await?;
        step(
            "security approves: every seat is filled",
            StatusCode::OK,
            &second,
        )?;
        let row = self
            .api(maker, Method::GET, &format!("/requests/{request}"), None)
            .await?;
        step("the request has become a grant", StatusCode::OK, &row)?;
        text(&row.body, "/grant")
    }

    async fn approve(&self, who: &str, request: &str) -> Result<Came> {
        let seen = self
            .api(who, Method::GET, &format!("/requests/{request}"), None)
            .await?;
        let body = json!({ "digest": text(&seen.body, "/digest")?, "comment": "The test copy was checked; the change is small." });
        self.api(
            who,
            Method::POST,
            &format!("/requests/{request}/approve"),
            Some(&body),
        )
        .await
    }

    async fn use_it(&self, maker: &str, grant: &str) -> Result<String> {
        let issued = self
            .api(
                maker,
                Method::POST,
                &format!("/grants/{grant}/credentials"),
                Some(&json!({})),
            )
            .await?;
        step(
            "the maker takes an access token",
            StatusCode::CREATED,
            &issued,
        )?;
        let token = text(&issued.body, "/token")?;
        let came = self.change(Some(&token)).await?;
        step("during: the maker changes the flow", StatusCode::OK, &came)?;
        let other = self
            .send(
                Method::PUT,
                &format!("{}/api/flows/remind-suppliers", self.desk),
                Some(&token),
                Some(&steps()),
            )
            .await?;
        step("during: but no other flow", StatusCode::FORBIDDEN, &other)?;
        let direct = self
            .send(
                Method::PUT,
                &format!("{}/api/flows/{FLOW}", self.direct),
                Some(&token),
                Some(&steps()),
            )
            .await?;
        step(
            "during: and not past the gateway",
            StatusCode::UNAUTHORIZED,
            &direct,
        )?;
        Ok(token)
    }

    /// The portal's "Open" button, as a browser does it.
    async fn open_in_a_browser(&self, maker: &str, grant: &str) -> Result<()> {
        let code = self
            .api(
                maker,
                Method::POST,
                &format!("/grants/{grant}/open-code"),
                Some(&json!({})),
            )
            .await?;
        step("the maker presses \"Open\"", StatusCode::CREATED, &code)?;
        let (post_to, code) = (text(&code.body, "/post_to")?, text(&code.body, "/code")?);
        let entered = self.enter(&post_to, &code).await?;
        step(
            "the one-time code becomes the platform's own cookie",
            StatusCode::SEE_OTHER,
            &entered,
        )?;
        let again = self.enter(&post_to, &code).await?;
        step("the same code a second time", StatusCode::FORBIDDEN, &again)?;
        let cookie = entered
            .headers
            .get(header::SET_COOKIE)
            .and_then(|cookie| cookie.to_str().ok())
            .and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.context("the gateway set no cookie")?;
        let response = self
            .client
            .get(&self.desk)
            .header(header::COOKIE, cookie)
            .send()
            .await?;
        let came = Came {
            status: response.status(),
            entry: response
                .headers()
                .get("remit-entry")
                .and_then(|v| v.to_str().ok()?.parse().ok()),
            headers: response.headers().clone(),
            body: Value::Null,
        };
        step(
            "the platform's page through the gateway",
            StatusCode::OK,
            &came,
        )
    }

    async fn enter(&self, post_to: &str, code: &str) -> Result<Came> {
        let response = self
            .client
            .post(post_to)
            // as a browser says it of a form on the portal's page
            .header(http::header::ORIGIN, &self.portal)
            .form(&[("code", code)])
            .send()
            .await?;
        Ok(Came {
            status: response.status(),
            entry: None,
            headers: response.headers().clone(),
            body: Value::Null,
        })
    }

    async fn end(&self, maker: &str, grant: &str, token: &str) -> Result<()> {
        let ended = self
            .api(
                maker,
                Method::POST,
                &format!("/grants/{grant}/return"),
                Some(&json!({})),
            )
            .await?;
        step(
            "the maker is done and gives it back",
            StatusCode::OK,
            &ended,
        )?;
        let came = self.change(Some(token)).await?;
        step(
            "after: the same token changes nothing any more",
            StatusCode::FORBIDDEN,
            &came,
        )?;
        let came = self
            .send(
                Method::PUT,
                &format!("{}/api/flows/{FLOW}", self.direct),
                Some(token),
                Some(&steps()),
            )
            .await?;
        step(
            "after: nor at the platform's own port",
            StatusCode::UNAUTHORIZED,
            &came,
        )
    }

    async fn look_back(&self, auditor: &str, grant: &str) -> Result<()> {
        let found = self
            .api(
                auditor,
                Method::GET,
                &format!("/evidence?grant={grant}"),
                None,
            )
            .await?;
        step("the auditor finds every step", StatusCode::OK, &found)?;
        let items = found
            .body
            .get("items")
            .and_then(Value::as_array)
            .context("the search answers no list")?;
        ensure!(
            items.len() >= 5,
            "the search finds only {} entries about {grant}",
            items.len()
        );
        for item in items.iter().rev() {
            output::line(format_args!(
                "      {:>4}  {}",
                item["entry"],
                item["summary"].as_str().unwrap_or_default()
            ));
        }
        Ok(())
    }

    async fn prove(&self, data: &Path, auditor: &str) -> Result<()> {
        let proof = self
            .client
            .get(format!("{}/api/v1/entries/1/proof", self.portal))
            .bearer_auth(auditor)
            .send()
            .await?;
        let came = Came {
            status: proof.status(),
            entry: Some(1),
            headers: proof.headers().clone(),
            body: Value::Null,
        };
        let text = proof.text().await?;
        step(
            "the auditor downloads an entry with its proof",
            StatusCode::OK,
            &came,
        )?;
        let (file, out, vkey) = (
            data.join("entry-1.tlog-proof"),
            data.join("export"),
            data.join("vkey"),
        );
        std::fs::write(&file, text)
            .with_context(|| format!("could not write `{}`", file.display()))?;
        output::line("\nSeparate processes, on the files alone:");
        remit(&["ledger", "verify", path(&file)?, "--vkey", path(&vkey)?])?;
        remit(&[
            "ledger",
            "export",
            "--data",
            path(data)?,
            "--out",
            path(&out)?,
        ])?;
        remit(&["ledger", "verify", path(&out)?, "--vkey", path(&vkey)?])?;
        remit(&["ledger", "replay", path(&out)?, "--vkey", path(&vkey)?])
    }
}

fn ask() -> Value {
    json!({
        "privilege": PRIVILEGE,
        "targets": ["ledgerly.match-invoices"],
        "duration_seconds": 1_800,
        "ticket": "INC-20418",
        "answers": {
            "change": "Map the renamed tax code field in the matching step and book the 14 failed invoices.",
            "tested": "Ran the same change in the test flow: all 14 invoices matched."
        },
        "confirmed": ["tested", "watch"]
    })
}

fn steps() -> Value {
    json!({ "steps": ["read new invoices", "match by order number and tax code", "book matched invoices"] })
}

fn step(what: &str, expected: StatusCode, came: &Came) -> Result<()> {
    let entry = came
        .entry
        .map_or_else(|| "     -".to_owned(), |entry| format!("{entry:>6}"));
    output::line(format_args!("{entry}  {}  {what}", came.status.as_u16()));
    if came.status != expected {
        bail!(
            "{what}: expected {expected}, got {}: {}",
            came.status,
            came.body
        );
    }
    Ok(())
}

fn text(body: &Value, pointer: &str) -> Result<String> {
    body.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("the answer has no `{pointer}`: {body}"))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("`{}` is not UTF-8", path.display()))
}

/// Runs this program again, as an auditor would.
fn remit(arguments: &[&str]) -> Result<()> {
    let program = std::env::current_exe().context("could not find this program")?;
    output::line(format_args!("  remit {}", arguments.join(" ")));
    let ran = Command::new(program)
        .args(arguments)
        .output()
        .context("could not start a separate process")?;
    for line in String::from_utf8_lossy(&ran.stdout).lines() {
        output::line(format_args!("    {line}"));
    }
    if !ran.status.success() {
        bail!(
            "`remit {}` failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    Ok(())
}

//! The commands that talk to a server over its public API: the same door that every program uses. Results go to standard output as
//! a table, JSON, JSON lines or CSV; a refusal goes to standard error with its rule, why, and what would be allowed.
use crate::{config, output, table};
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

/// Where the server is and who asks.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The server
    #[arg(
        long,
        env = "REMIT_SERVER",
        value_name = "URL",
        default_value = "http://localhost:8080",
        global = true
    )]
    server: String,
    /// File with the token that `remit login` printed (or the variable `REMIT_TOKEN`)
    #[arg(long, env = "REMIT_TOKEN_FILE", value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// How results are written
    #[arg(short, long, value_enum, default_value_t = table::Form::Table, global = true)]
    output: table::Form,
}

/// Requests.
#[derive(Debug, Subcommand)]
pub(crate) enum RequestCommand {
    /// Send the request in a JSON file (as the API takes it); `-` is standard input
    New {
        /// The file
        file: PathBuf,
    },
    /// Say what would happen if it were sent
    Check {
        /// The file
        file: PathBuf,
    },
    /// List the requests you may see, newest first
    List,
    /// Show one
    Show {
        /// Such as R-1042
        number: String,
    },
    /// Take your request back
    Withdraw {
        /// Such as R-1042
        number: String,
    },
}

/// Grants.
#[derive(Debug, Subcommand)]
pub(crate) enum GrantCommand {
    /// List the grants you may see, newest first
    List,
    /// Show one
    Show {
        /// Such as G-877
        number: String,
    },
    /// Show what was done with one
    Log {
        /// Such as G-877
        number: String,
    },
    /// End one: yours, or somebody's with a reason
    End {
        /// Such as G-877
        number: String,
        /// Why, if it is somebody else's
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Bundles of catalog and policies.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Propose a bundle, as the first of two persons
    Propose {
        /// Its folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Agree to the proposed bundle, as the second person
    Confirm {
        /// Its hash
        hash: String,
    },
}

/// Why a call failed, and the exit code that tells it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failed {
    message: String,
    /// 3 denied, 4 sign-in needed, 5 not found, 7 stale, 9 unreachable, 1 anything else.
    pub(crate) code: u8,
}

/// A connection to a server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
    form: table::Form,
}

impl Client {
    /// Connects as `connection` says.
    ///
    /// # Errors
    /// If the token's file can't be read.
    pub(crate) fn new(connection: &Connection, token: Option<String>) -> Result<Self> {
        let from_file = connection
            .token_file
            .as_deref()
            .map(config::secret)
            .transpose()?
            .map(|secret| secret.to_string());
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .context("could not make an HTTP client")?;
        let server = connection.server.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            server,
            token: from_file.or(token),
            form: connection.output,
        })
    }

    /// Sends, and yields the answer's JSON.
    ///
    /// # Errors
    /// [`Failed`] with the server's own words.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.server));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.answer(request).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let unreachable = |_| Failed {
            message: format!(
                "`{}` can't be reached: is the server running, and is `--server` right?",
                self.server
            ),
            code: 9,
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(unreachable)?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(Failed {
            message: refusal(&body),
            code: exit_code(status, &body),
        }
        .into())
    }

    /// Gets, and writes what came.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn show(&self, path: &str, columns: &[(&str, &str)]) -> Result<()> {
        let body = self.send(Method::GET, path, None).await?;
        table::write(&body, columns, self.form)
    }

    async fn done(&self, path: &str, body: Value) -> Result<()> {
        let body = self.send(Method::POST, path, Some(body)).await?;
        let entry = body.get("entry").and_then(Value::as_u64);
        match (self.form, entry) {
            (table::Form::Table, Some(entry)) => {
                output::line(format_args!("done: entry {entry}"));
                Ok(())
            }
            _ => table::write(&body, &[], self.form),
        }
    }

    /// Signs in with the password on standard input, and prints the token.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn login(&self, account: &str, password: Option<&str>) -> Result<()> {
        let body = self
            .send(
                Method::POST,
                "/session",
                Some(json!({ "account": account, "password": password })),
            )
            .await?;
        output::line(
            body.get("token")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
        Ok(())
    }

    /// `remit request ...`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn request(&self, command: RequestCommand) -> Result<()> {
        match command {
            RequestCommand::New { file } => self.done("/requests", read(&file)?).await,
            RequestCommand::Check { file } => {
                let body = self
                    .send(Method::POST, "/precheck", Some(read(&file)?))
                    .await?;
                table::write(&body, &[], self.form)
            }
            RequestCommand::List => {
                self.show(
                    "/requests",
                    &[
                        ("NUMBER", "/number"),
                        ("WHO", "/requester/name"),
                        ("PRIVILEGE", "/title"),
                        ("STANDING", "/standing"),
                        ("SENT", "/sent_at"),
                    ],
                )
                .await
            }
            RequestCommand::Show { number } => {
                self.show(&format!("/requests/{}", plain(&number)?), &[])
                    .await
            }
            RequestCommand::Withdraw { number } => {
                self.done(
                    &format!("/requests/{}/withdraw", plain(&number)?),
                    json!({}),
                )
                .await
            }
        }
    }

    /// Approves or denies the request as it is at this moment.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn decide(&self, number: &str, verb: &str, comment: &str) -> Result<()> {
        let number = plain(number)?;
        let seen = self
            .send(Method::GET, &format!("/requests/{number}"), None)
            .await?;
        let digest = seen.get("digest").cloned().unwrap_or(Value::Null);
        ensure!(
            !digest.is_null(),
            Failed {
                message: format!("`{number}` is no longer open"),
                code: 7
            }
        );
        self.done(
            &format!("/requests/{number}/{verb}"),
            json!({ "digest": digest, "comment": comment }),
        )
        .await
    }

    /// `remit ask`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn ask(&self, number: &str, text: &str) -> Result<()> {
        self.done(
            &format!("/requests/{}/questions", plain(number)?),
            json!({ "text": text }),
        )
        .await
    }

    /// `remit grant ...`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn grant(&self, command: GrantCommand) -> Result<()> {
        match command {
            GrantCommand::List => {
                self.show(
                    "/grants",
                    &[
                        ("NUMBER", "/number"),
                        ("WHO", "/holder/name"),
                        ("PRIVILEGE", "/title"),
                        ("STANDING", "/standing"),
                        ("ENDS", "/expires_at"),
                    ],
                )
                .await
            }
            GrantCommand::Show { number } => {
                self.show(&format!("/grants/{}", plain(&number)?), &[])
                    .await
            }
            GrantCommand::Log { number } => {
                self.show(
                    &format!("/grants/{}/activity", plain(&number)?),
                    &[
                        ("ENTRY", "/entry"),
                        ("AT", "/at"),
                        ("WHAT", "/what"),
                        ("REFUSED", "/refused"),
                        ("STATUS", "/status"),
                    ],
                )
                .await
            }
            GrantCommand::End {
                number,
                reason: None,
            } => {
                self.done(&format!("/grants/{}/return", plain(&number)?), json!({}))
                    .await
            }
            GrantCommand::End {
                number,
                reason: Some(reason),
            } => {
                self.done(
                    &format!("/grants/{}/revoke", plain(&number)?),
                    json!({ "comment": reason }),
                )
                .await
            }
        }
    }

    /// `remit bundle ...`.
    ///
    /// # Errors
    /// As [`Client::send`]; a bundle with mistakes isn't sent.
    pub(crate) async fn bundle(&self, command: BundleCommand) -> Result<()> {
        match command {
            BundleCommand::Propose { folder } => {
                let files = config::bundle(&folder)?;
                let bundle = policy::Bundle::load(&files).map_err(|mistakes| {
                    anyhow::anyhow!(
                        "the bundle has {} mistakes: `remit catalog check` explains them",
                        mistakes.len()
                    )
                })?;
                let url = format!("{}/api/v1/bundles/propose", self.server);
                let mut request = self
                    .http
                    .post(url)
                    .header("content-type", "application/octet-stream")
                    .header("x-bundle-digest", bundle.digest.to_string());
                if let Some(token) = &self.token {
                    request = request.bearer_auth(token);
                }
                self.answer(request.body(policy::bundle::pack(&files)))
                    .await?;
                output::line(format_args!(
                    "proposed {0}; another person agrees with `remit bundle confirm {0}`",
                    bundle.digest
                ));
                Ok(())
            }
            BundleCommand::Confirm { hash } => {
                self.done(&format!("/bundles/{}/confirm", plain(&hash)?), json!({}))
                    .await
            }
        }
    }

    /// `remit evidence search`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn evidence(&self, words: &str) -> Result<()> {
        let query: String = words.bytes().fold(String::new(), |text, byte| {
            if byte.is_ascii_alphanumeric() {
                text + &char::from(byte).to_string()
            } else {
                text + &format!("%{byte:02X}")
            }
        });
        self.show(
            &format!("/evidence?words={query}"),
            &[
                ("ENTRY", "/entry"),
                ("AT", "/at"),
                ("WHAT", "/summary"),
                ("OUTCOME", "/outcome"),
            ],
        )
        .await
    }
}

fn read(file: &std::path::Path) -> Result<Value> {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(file)
            .with_context(|| format!("could not read `{}`", file.display()))?
    };
    serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", file.display()))
}

/// A part of a path that can't lead anywhere else.
fn plain(text: &str) -> Result<&str> {
    ensure!(
        !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'),
        "`{}` is not a number such as R-1042",
        text.escape_default()
    );
    Ok(text)
}

/// A problem in the server's own words: what, why, and what would be allowed.
fn refusal(body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let fixes = body
        .get("fix")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let mut message = text("detail").to_owned();
    for part in [text("why")].into_iter().filter(|why| !why.is_empty()) {
        message = format!("{message}\n  why: {part}");
    }
    for fix in fixes {
        message = format!("{message}\n  try: {fix}");
    }
    if !text("rule").is_empty() {
        message = format!("{message}\n  rule: {}", text("rule"));
    }
    if message.is_empty() {
        "the server refused without saying why".to_owned()
    } else {
        message
    }
}

fn exit_code(status: u16, body: &Value) -> u8 {
    match status {
        401 => 4,
        404 => 5,
        409 | 412 => 7,
        403 | 422 if body.get("rule").is_some_and(Value::is_string) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_whole_and_has_its_own_exit_code() {
        let body = json!({ "detail": "`ada` filed this request and cannot approve it", "why": "Nobody decides on what they asked for.", "fix": ["Ask the data owner."], "rule": "own-request" });
        assert_eq!(
            refusal(&body),
            "`ada` filed this request and cannot approve it\n  why: Nobody decides on what they asked for.\n  try: Ask the data owner.\n  rule: own-request"
        );
        let codes = [401, 403, 404, 409, 412, 422, 500].map(|status| exit_code(status, &body));
        assert_eq!(codes, [4, 3, 5, 7, 7, 3, 1]);
        assert_eq!(exit_code(403, &json!({})), 1);
    }

    #[test]
    fn a_number_leads_nowhere_else() {
        assert_eq!(plain("R-1042").unwrap(), "R-1042");
        assert_eq!(
            plain("../x").unwrap_err().to_string(),
            "`../x` is not a number such as R-1042"
        );
    }
}

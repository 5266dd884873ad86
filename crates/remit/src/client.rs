//! The way to a server: its public API, the same door that every program uses.
use crate::{
    config,
    failure::{Exit, Failed},
    ports::MachineRandom,
    render::{Screen, safe},
};
use anyhow::{Context, Result};
use clap::Args;
use engine::ports::Random as _;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

/// Most rows that a server gives at once.
const PART: usize = 200;
/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the server is and who asks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    /// The server
    #[arg(long, env = "REMIT_SERVER", value_name = "URL", default_value = "http://localhost:8080", global = true, value_parser = server)]
    server: Url,
    /// File with the token that `remit login` printed (or the variable `REMIT_TOKEN`)
    #[arg(long, env = "REMIT_TOKEN_FILE", value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
}

/// A server's address: HTTPS, or HTTP on this machine, because a token goes there.
fn server(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|_| "write it as `https://remit.example`".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let here = host == "localhost"
        || host.ends_with(".localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        "http" => {
            return Err(
                "plain HTTP is for this machine only, or tokens could be read on the way: use `https://`"
                    .to_owned(),
            );
        }
        _ => return Err("write it as `https://remit.example`".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("leave names, passwords and queries out of it".to_owned());
    }
    Ok(url)
}

/// A connection to a server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
    screen: Screen,
}

impl Client {
    /// Connects as `connection` says; its token's file wins over `token`.
    ///
    /// # Errors
    /// If the token's file can't be read.
    pub(crate) fn new(
        connection: &Connection,
        token: Option<String>,
        screen: Screen,
    ) -> Result<Self> {
        let from_file = connection
            .token_file
            .as_deref()
            .map(config::secret)
            .transpose()?
            .map(|secret| secret.to_string());
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("could not make an HTTP client")?;
        Ok(Self {
            http,
            server: connection.server.clone(),
            token: from_file.or(token).filter(|token| !token.is_empty()),
            screen,
        })
    }

    /// Where results go.
    pub(crate) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The address of `path` in the API, each part of it encoded as one part.
    fn url(&self, path: &[&str]) -> Result<Url> {
        self.address(&["api", "v1"], path)
    }

    fn address(&self, top: &[&str], path: &[&str]) -> Result<Url> {
        let mut url = self.server.clone();
        url.path_segments_mut()
            .ok()
            .context("the server's address can't have a path")?
            .pop_if_empty()
            .extend(top)
            .extend(path);
        Ok(url)
    }

    /// Reads.
    ///
    /// # Errors
    /// [`Failed`] with the server's own words, or that it can't be reached.
    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value> {
        let request = self.http.get(self.url(path)?).query(query);
        Ok(json_of(&self.send(request).await?))
    }

    /// Reads a list part by part, up to `rows` (0: all of it).
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn list(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        rows: usize,
    ) -> Result<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let missing = match rows {
                0 => PART,
                wanted => wanted.saturating_sub(items.len()).min(PART),
            };
            let mut query = query.to_vec();
            query.push(("limit", missing.to_string()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let mut body = self.get(path, &query).await?;
            if let Some(part) = body.get_mut("items").and_then(Value::as_array_mut) {
                items.append(part);
            }
            let next = body.get("next").and_then(Value::as_str).map(str::to_owned);
            match next {
                Some(next) if rows == 0 || items.len() < rows => cursor = Some(next),
                next => {
                    if next.is_some() {
                        self.screen.note(format_args!(
                            "there are more: `--limit {}` shows them, 0 all",
                            rows.saturating_mul(2)
                        ));
                    }
                    return Ok(json!({ "items": items, "next": next }));
                }
            }
        }
    }

    /// Writes, once: a sending whose answer got lost is repeated with the same key, so that nothing is done twice.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value> {
        self.write(Method::POST, path, body).await
    }

    /// Writes at an address of its own: `PUT` and `DELETE`, as carefully as [`Client::post`].
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(crate) async fn write(&self, method: Method, path: &[&str], body: &Value) -> Result<Value> {
        let url = self.url(path)?;
        let key = key();
        let write = || {
            self.http
                .request(method.clone(), url.clone())
                .header("idempotency-key", &key)
                .json(body)
        };
        let answer = match self.send(write()).await {
            Err(error) if is_unknown(&error) => {
                self.screen
                    .note("the answer got lost; asking once more, nothing is done twice");
                self.send(write()).await?
            }
            answer => answer?,
        };
        let body = json_of(&answer);
        if let Some(entry) = body.get("entry").and_then(Value::as_u64) {
            self.screen.note(format_args!("recorded as entry {entry}"));
        }
        Ok(body)
    }

    /// Writes bytes with headers of their own.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn post_bytes(
        &self,
        path: &[&str],
        header: (&str, String),
        bytes: Vec<u8>,
    ) -> Result<Value> {
        let request = self
            .http
            .post(self.url(path)?)
            .header("content-type", "application/octet-stream")
            .header(header.0, header.1)
            .body(bytes);
        Ok(json_of(&self.send(request).await?))
    }

    /// Ends the session.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<()> {
        self.send(self.http.delete(self.url(path)?)).await.map(drop)
    }

    /// Reads bytes of the API.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn download(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<u8>> {
        self.send(self.http.get(self.url(path)?).query(query)).await
    }

    /// Reads bytes of the log.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn log(&self, path: &[&str]) -> Result<Vec<u8>> {
        self.send(self.http.get(self.address(&["log"], path)?))
            .await
    }

    /// Anything: `path` as it would stand in an address, below `/api/v1` unless it names another door.
    ///
    /// # Errors
    /// As [`Client::get`]; a path that isn't one is a wrong call.
    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Vec<u8>> {
        let path = path.trim_start_matches('/');
        let door = ["api/", "log/", ".well-known/"]
            .iter()
            .any(|door| path.starts_with(door));
        let path = if door {
            format!("./{path}")
        } else {
            format!("./api/v1/{path}")
        };
        let mut base = self.server.clone();
        base.path_segments_mut()
            .ok()
            .context("the server's address can't have a path")?
            .pop_if_empty()
            .push("");
        let url = base
            .join(&path)
            .ok()
            .filter(|url| url.origin() == self.server.origin())
            .ok_or_else(|| {
                Failed::usage(format!(
                    "`{}` is no path: write `/requests`",
                    safe::line(&path)
                ))
            })?;
        let writes = !matches!(method, Method::GET | Method::HEAD);
        let mut request = self.http.request(method, url);
        if writes {
            request = request.header("idempotency-key", key());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Vec<u8>> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let request = request.build().map_err(|_| {
            Failed::usage("the token can't be sent: it holds characters that no token has")
        })?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let mut response = self
            .http
            .execute(request)
            .await
            .map_err(|error| self.lost(&error))?;
        let status = response.status().as_u16();
        self.screen.detail(format_args!("{asked}: {status}"));
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.lost(&error))? {
            anyhow::ensure!(
                bytes.len().saturating_add(part.len()) <= ANSWER_BYTES_MAX,
                "the answer has more than {ANSWER_BYTES_MAX} bytes"
            );
            bytes.extend_from_slice(&part);
        }
        if (200..300).contains(&status) {
            return Ok(bytes);
        }
        Err(Failed::answered(status, &json_of(&bytes)).into())
    }

    fn lost(&self, error: &reqwest::Error) -> Failed {
        let slug = if error.is_connect() {
            "unreachable"
        } else {
            "answer-lost"
        };
        Failed::new(
            Exit::Unreachable,
            slug,
            format!("`{}` can't be reached", self.server),
            &["Check that the server is running, and that `--server` is right."],
        )
    }
}

fn key() -> String {
    let mut bits = [0; 16];
    MachineRandom.fill(&mut bits);
    uuid::Builder::from_random_bytes(bits)
        .into_uuid()
        .to_string()
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failed>().is_some_and(|failed| {
        matches!(
            failed.kind(),
            "urn:remit:problem:unknown-outcome" | "urn:remit:problem:answer-lost"
        )
    })
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_plain_http_to_this_machine_only() {
        for good in [
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://[::1]:1",
            "http://portal.localhost",
            "https://remit.example/under/",
        ] {
            assert!(server(good).is_ok(), "{good}");
        }
        assert_eq!(
            server("http://remit.example").unwrap_err(),
            "plain HTTP is for this machine only, or tokens could be read on the way: use `https://`"
        );
        for bad in ["remit.example", "ftp://localhost", "localhost:8080"] {
            assert_eq!(
                server(bad).unwrap_err(),
                "write it as `https://remit.example`"
            );
        }
        assert_eq!(
            server("https://ada:secret@remit.example").unwrap_err(),
            "leave names, passwords and queries out of it"
        );
    }
}

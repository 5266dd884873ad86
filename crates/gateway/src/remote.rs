//! The server, for an enforcement point that runs beside its platform: each question is one call with a deadline shorter than the
//! lease, and whatever goes wrong means that nothing is allowed. Only the platform's routes and the published keys are kept, for
//! a second: they say what a request means and who signed a token, never whether a grant may be used.
use crate::{
    forward::{self, Body, UpstreamClient},
    gateway::full,
};
use bytes::Bytes;
use domain::{
    command::Attempt,
    ids::{GrantId, PlatformId},
};
use engine::{
    enforcement::{
        Authority, Begun, Finish, Finished, LEASE_MS, Lease, PlatformMap, Redeemed, Unreachable,
        WayIn,
    },
    ports::{Clock, Eventually, GrantSignal},
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast;

/// How long the server may take to answer; less than the lease.
const ANSWERS_WITHIN: Duration = Duration::from_millis(LEASE_MS - LEASE_MS / 4);
/// How long the stream of signals may be silent.
const SILENT_AT_MOST: Duration = Duration::from_millis(LEASE_MS);
/// How long to wait before the stream of signals is asked for again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// How long routes and keys are kept, in milliseconds.
const KEPT_MS: i64 = 1_000;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest part of a signal that is waited for.
const SIGNAL_BYTES_MAX: usize = 64 * 1024;
/// Signals that a slow listener may fall behind before it has to ask.
const SIGNALS_MAX: usize = 1_024;

/// Asks the server over HTTP.
pub struct RemoteAuthority {
    client: UpstreamClient,
    server: Uri,
    bearer: HeaderValue,
    clock: Arc<dyn Clock>,
    signals: broadcast::Sender<GrantSignal>,
    kept: Mutex<Kept>,
}

/// What is kept for a second, with when it was read.
#[derive(Default)]
struct Kept {
    platforms: BTreeMap<PlatformId, (i64, Arc<PlatformMap>)>,
    keys: Option<(i64, Arc<str>)>,
}

/// Why the server can't be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Not an address.
    #[error("`{server}` is not an address of a server: write `https://HOST:PORT` without a path")]
    Server {
        /// What was given.
        server: String,
    },
    /// The token would travel in the clear.
    #[error(
        "`{server}` would be asked in the clear: write `https://`; `http://` is for this machine only"
    )]
    InTheClear {
        /// What was given.
        server: String,
    },
    /// Not a header value.
    #[error("the gateway's token cannot be sent: use visible ASCII characters only")]
    Token,
    /// The system's certificates.
    #[error("the system's certificates could not be read")]
    Certificates(#[source] std::io::Error),
}

impl std::fmt::Debug for RemoteAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteAuthority")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl RemoteAuthority {
    /// Asks the server at `server` (`https://HOST:PORT`), which knows this gateway by `token`.
    ///
    /// # Errors
    /// [`RemoteError`] says which part is wrong and what would work.
    pub fn new(server: &str, token: &str, clock: Arc<dyn Clock>) -> Result<Self, RemoteError> {
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| RemoteError::Token)?;
        bearer.set_sensitive(true);
        Ok(Self {
            client: forward::client().map_err(RemoteError::Certificates)?,
            server: address(server)?,
            bearer,
            clock,
            signals: broadcast::channel(SIGNALS_MAX).0,
            kept: Mutex::default(),
        })
    }

    /// Follows the server's signals and asks for them again whenever they break off; never returns. Without it grants that end
    /// are noticed at the next renewal of the lease.
    pub async fn follow_signals(&self) {
        loop {
            if let Err(error) = self.follow_once().await {
                tracing::warn!(because = %error, "the server's signals broke off");
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    async fn follow_once(&self) -> Result<(), Unreachable> {
        let request = self.request(Method::GET, "/gateway/v1/signals", String::new())?;
        let response = in_time(ANSWERS_WITHIN, self.client.request(request))
            .await?
            .map_err(|error| unreachable(&error))?;
        let mut body = good(response)?;
        let mut reading = Signals::default();
        while let Some(frame) = in_time(SILENT_AT_MOST, body.frame()).await? {
            let frame = frame.map_err(|error| unreachable(&error))?;
            for signal in reading.read(frame.data_ref().map_or(&[], |data| data))? {
                // nobody listens while nothing is open
                let _ = self.signals.send(signal);
            }
        }
        Ok(())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<Request<Body>, Unreachable> {
        let mut parts = self.server.clone().into_parts();
        parts.path_and_query = Some(path.parse().map_err(|error| unreachable(&error))?);
        let uri = Uri::from_parts(parts).map_err(|error| unreachable(&error))?;
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, self.bearer.clone());
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(full(body))
            .map_err(|error| unreachable(&error))
    }

    async fn ask(&self, method: Method, path: &str, body: String) -> Result<Bytes, Unreachable> {
        let request = self.request(method, path, body)?;
        in_time(ANSWERS_WITHIN, async {
            let response = self.client.request(request).await;
            let body = good(response.map_err(|error| unreachable(&error))?)?;
            let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            read.map(http_body_util::Collected::to_bytes)
                .map_err(|error| unreachable(&*error))
        })
        .await?
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str) -> Result<T, Unreachable> {
        parsed(&self.ask(Method::GET, path, String::new()).await?)
    }

    async fn tell<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &impl Serialize,
    ) -> Result<T, Unreachable> {
        let body = serde_json::to_string(what).map_err(|error| unreachable(&error))?;
        parsed(&self.ask(Method::POST, path, body).await?)
    }

    async fn read_platform(&self, platform: &PlatformId) -> Result<Arc<PlatformMap>, Unreachable> {
        let now = self.clock.monotonic_ms();
        if let Some((read_at, map)) = self.kept().platforms.get(platform)
            && now - read_at < KEPT_MS
        {
            return Ok(map.clone());
        }
        let map: PlatformMap = self
            .fetch(&format!("/gateway/v1/platforms/{platform}"))
            .await?;
        let map = Arc::new(map);
        let kept = (now, map.clone());
        self.kept().platforms.insert(platform.clone(), kept);
        Ok(map)
    }

    async fn read_keys(&self) -> Result<Arc<str>, Unreachable> {
        let now = self.clock.monotonic_ms();
        if let Some((read_at, keys)) = &self.kept().keys
            && now - read_at < KEPT_MS
        {
            return Ok(keys.clone());
        }
        let bytes = self
            .ask(Method::GET, "/.well-known/jwks.json", String::new())
            .await?;
        let keys: Arc<str> = std::str::from_utf8(&bytes)
            .map_err(|error| unreachable(&error))?
            .into();
        self.kept().keys = Some((now, keys.clone()));
        Ok(keys)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(server: &str) -> Result<Uri, RemoteError> {
    let given = || server.chars().take(120).collect::<String>();
    let wrong = || RemoteError::Server { server: given() };
    let uri: Uri = server.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong());
    }
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let here = host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if here => Ok(uri),
        Some("http") => Err(RemoteError::InTheClear { server: given() }),
        Some(_) | None => Err(wrong()),
    }
}

async fn in_time<T>(within: Duration, answer: impl Future<Output = T>) -> Result<T, Unreachable> {
    tokio::time::timeout(within, answer)
        .await
        .map_err(|_| Unreachable {
            because: format!("it was silent for {} ms", within.as_millis()),
        })
}

fn good(response: Response<Incoming>) -> Result<Incoming, Unreachable> {
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        status => Err(Unreachable {
            because: format!("it answered {}", status.as_u16()),
        }),
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreachable> {
    serde_json::from_slice(bytes).map_err(|error| unreachable(&error))
}

fn unreachable(error: &dyn std::error::Error) -> Unreachable {
    let mut because = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        because = format!("{because}: {error}");
        source = error.source();
    }
    Unreachable { because }
}

/// A [`GrantSignal`] on the wire.
#[derive(Deserialize)]
struct SignalIn {
    grant: GrantId,
    usable: bool,
}

/// Reads server-sent events as they come in. What isn't a signal (a sign of life, a note that some were missed) is passed over:
/// whoever waits asks about its lease anyway.
#[derive(Default)]
struct Signals {
    line: Vec<u8>,
}

impl Signals {
    fn read(&mut self, bytes: &[u8]) -> Result<Vec<GrantSignal>, Unreachable> {
        let mut signals = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let signal = line
                .strip_prefix(b"data:")
                .and_then(|json| serde_json::from_slice::<SignalIn>(json).ok());
            signals.extend(signal.map(|signal| GrantSignal {
                grant: signal.grant,
                usable: signal.usable,
            }));
        }
        if self.line.len() > SIGNAL_BYTES_MAX {
            return Err(Unreachable {
                because: "it sent a signal without an end".to_owned(),
            });
        }
        Ok(signals)
    }
}

impl Authority for RemoteAuthority {
    fn platform<'a>(
        &'a self,
        platform: &'a PlatformId,
    ) -> Eventually<'a, Result<Arc<PlatformMap>, Unreachable>> {
        Box::pin(self.read_platform(platform))
    }

    fn token_keys(&self) -> Eventually<'_, Result<Arc<str>, Unreachable>> {
        Box::pin(self.read_keys())
    }

    fn begin(&self, attempt: Attempt) -> Eventually<'_, Result<Begun, Unreachable>> {
        Box::pin(async move { self.tell("/gateway/v1/begin", &attempt).await })
    }

    fn finish(&self, finish: Finish) -> Eventually<'_, Result<Finished, Unreachable>> {
        Box::pin(async move { self.tell("/gateway/v1/finish", &finish).await })
    }

    fn redeem(&self, way_in: WayIn) -> Eventually<'_, Result<Option<Redeemed>, Unreachable>> {
        Box::pin(async move { self.tell("/gateway/v1/redeem", &way_in).await })
    }

    fn lease(&self, grant: GrantId) -> Eventually<'_, Result<Lease, Unreachable>> {
        Box::pin(async move { self.fetch(&format!("/gateway/v1/grants/{grant}")).await })
    }

    fn signals(&self) -> broadcast::Receiver<GrantSignal> {
        self.signals.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(server: &str, expected: &str) {
        let actual = address(server).map_or_else(|error| error.to_string(), |uri| uri.to_string());
        assert_eq!(actual, expected);
    }

    #[test]
    fn the_token_never_travels_in_the_clear() {
        check("https://remit.example:8443", "https://remit.example:8443/");
        for here in [
            "http://127.0.0.1:8080/",
            "http://[::1]:8080/",
            "http://portal.localhost/",
        ] {
            check(here, here);
        }
        for far in [
            "http://remit.example",
            "http://10.0.0.1:80",
            "http://localhost.example",
        ] {
            let told = format!(
                "`{far}` would be asked in the clear: write `https://`; `http://` is for this machine only"
            );
            check(far, &told);
        }
        for wrong in [
            "remit.example",
            "ftp://remit.example",
            "https://a/b",
            "https://a?b",
            "",
        ] {
            let told = format!(
                "`{wrong}` is not an address of a server: write `https://HOST:PORT` without a path"
            );
            check(wrong, &told);
        }
    }

    #[test]
    fn signals_are_read_in_whatever_pieces_they_come() {
        const GRANT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
        let text = format!(
            ":\n\nevent: lagged\ndata: {{}}\n\nevent: grant\ndata: {{\"grant\":\"{GRANT}\",\"usable\":false}}\n\n"
        );
        for size in [1, 7, text.len()] {
            let mut signals = Signals::default();
            let read: Vec<GrantSignal> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| signals.read(piece).unwrap())
                .collect();
            let expected = GrantSignal {
                grant: GRANT.parse().unwrap(),
                usable: false,
            };
            assert_eq!(read, [expected], "in pieces of {size}");
        }
        let endless = vec![b'a'; SIGNAL_BYTES_MAX + 1];
        assert_eq!(
            Signals::default().read(&endless).unwrap_err().because,
            "it sent a signal without an end"
        );
    }
}

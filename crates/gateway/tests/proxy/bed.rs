//! A gateway between a platform and a server, and a caller's end of it.
use crate::{
    authority::{CREDENTIAL, Double, GRANT},
    upstream::{self, Got},
};
use bytes::Bytes;
use domain::{ids::PlatformId, time::Timestamp};
use engine::{
    enforcement::Finish,
    ports::{Clock, Random},
};
use gateway::{
    gateway::{Gateway, Parts},
    site::Site,
};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

pub(crate) const NOW: Timestamp = Timestamp(1_780_000_000_000);
pub(crate) const HOST: &str = "desk.localhost";
const ISSUER: &str = "http://portal.localhost";
const SIGNING_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

/// The wall stands still; milliseconds go by as they do.
struct TestClock(tokio::time::Instant);

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        NOW
    }
    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

pub(crate) struct Bed {
    pub(crate) authority: Arc<Double>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) address: SocketAddr,
    pub(crate) upstream: SocketAddr,
    pub(crate) got: mpsc::UnboundedReceiver<Got>,
    pub(crate) told: mpsc::UnboundedReceiver<Finish>,
    pub(crate) token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Status and rule of a problem.
    pub(crate) fn problem(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        format!(
            "{} {}: {}",
            self.status.as_u16(),
            problem["rule"].as_str().unwrap(),
            problem["detail"].as_str().unwrap()
        )
    }
}

fn site(name: &str, upstream: SocketAddr) -> Site {
    let credential = Some((header::AUTHORIZATION, "Bearer of-the-platform"));
    Site::new(
        name.parse().unwrap(),
        &format!("http://{upstream}"),
        credential,
    )
    .unwrap()
}

fn token(key: &EncodingKey, platform: &PlatformId) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some("k1".to_owned());
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": platform, "sub": "ada", "exp": NOW.0 / 1_000 + 600, "jti": CREDENTIAL, "grant": GRANT,
    });
    jsonwebtoken::encode(&header, &claims, key).unwrap()
}

impl Bed {
    pub(crate) async fn start() -> Self {
        let key = EncodingKey::from_ed_pem(SIGNING_KEY.as_bytes()).unwrap();
        let mut public = jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
        public.common.key_id = Some("k1".to_owned());
        let keys = serde_json::to_string(&jwk::JwkSet { keys: vec![public] }).unwrap();
        let (authority, told) = Double::new(keys.into());
        let (upstream, got) = upstream::start().await;
        let sites = BTreeMap::from([
            (HOST.to_owned(), site("desk", upstream)),
            ("other.localhost".to_owned(), site("other", upstream)),
        ]);
        let gateway = Gateway::new(Parts {
            id: "g1".parse().unwrap(),
            authority: authority.clone(),
            sites,
            portal: ISSUER.to_owned(),
            issuer: ISSUER.to_owned(),
            tls: false,
            clock: Arc::new(TestClock(tokio::time::Instant::now())),
            random: Arc::new(Counting(AtomicU8::new(1))),
        });
        let gateway = Arc::new(gateway.unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, gateway.clone()));
        Self {
            authority,
            gateway,
            address,
            upstream,
            got,
            told,
            token: token(&key, &"desk".parse().unwrap()),
        }
    }

    /// A request to the desk with its token.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
    }

    /// Sends over HTTP/1.1, and gives the answer while it comes.
    pub(crate) async fn begin(
        &self,
        request: Request<String>,
    ) -> (http::response::Parts, Incoming) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = request.map(|body| Full::new(Bytes::from(body)));
        sender.send_request(request).await.unwrap().into_parts()
    }

    /// Sends over HTTP/1.1.
    pub(crate) async fn send(&self, request: Request<String>) -> Answer {
        let (parts, body) = self.begin(request).await;
        read(parts, body).await
    }

    /// Sends over HTTP/2 with prior knowledge.
    pub(crate) async fn send_h2(&self, request: Request<String>) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        read(parts, body).await
    }

    /// Sends bytes as they are and reads until the gateway hangs up.
    pub(crate) async fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// What was told of the one use there was.
    pub(crate) async fn told_once(&mut self) -> String {
        self.gateway.finish().await;
        let outcome = self.told.recv().await.unwrap().outcome;
        assert!(self.told.try_recv().is_err(), "told twice");
        let status = outcome
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string());
        format!(
            "status {status} bytes {} rows {} cut {}",
            outcome.bytes, outcome.rows, outcome.cut
        )
    }

    /// What the platform has got, one line each.
    pub(crate) fn upstream_got(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.got.try_recv().ok())
            .map(|got| got.line())
            .collect()
    }
}

async fn read(parts: http::response::Parts, body: Incoming) -> Answer {
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn serve(listener: tokio::net::TcpListener, gateway: Arc<Gateway>) {
    while let Ok((stream, _)) = listener.accept().await {
        let gateway = gateway.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let gateway = gateway.clone();
            Box::pin(async move { Ok::<_, Infallible>(gateway.handle(request).await) })
        });
        tokio::spawn(async move {
            hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await
        });
    }
}

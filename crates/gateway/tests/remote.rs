//! The gateway that runs alone, asking its server: every call is answered, or nothing is allowed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

use bytes::Bytes;
use domain::{
    command::{Attempt, UseOutcome},
    time::Timestamp,
};
use engine::{
    enforcement::{Authority, Begun, Finish, WayIn},
    ports::{Clock, GrantSignal},
};
use gateway::remote::RemoteAuthority;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

const GRANT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

#[derive(Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn wall(&self) -> Timestamp {
        Timestamp(self.monotonic_ms())
    }
    fn monotonic_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A server that answers by path, and keeps what it was asked.
#[derive(Default)]
struct Server {
    answers: Mutex<BTreeMap<&'static str, String>>,
    asked: Mutex<Vec<String>>,
    streams: Mutex<Vec<&'static str>>,
}

struct Bed {
    server: Arc<Server>,
    clock: Arc<HandClock>,
    authority: Arc<RemoteAuthority>,
}

impl Bed {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(Server::default());
        let answering = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = answering.clone();
                let service =
                    hyper::service::service_fn(move |request| answer(server.clone(), request));
                tokio::spawn(async move {
                    hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                });
            }
        });
        let clock = Arc::new(HandClock::default());
        let authority = RemoteAuthority::new(&address, "gate-token", clock.clone()).unwrap();
        Self {
            server,
            clock,
            authority: Arc::new(authority),
        }
    }

    fn answers(&self, path: &'static str, text: &str) {
        let mut answers = self.server.answers.lock().unwrap();
        answers.insert(path, text.to_owned());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.server.asked.lock().unwrap())
    }
}

async fn answer(
    server: Arc<Server>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = parts.uri.path().to_owned();
    let asked = format!(
        "{} {path} {} {}",
        parts.method,
        parts.headers["authorization"].to_str().unwrap(),
        String::from_utf8(body.to_vec()).unwrap()
    );
    server.asked.lock().unwrap().push(asked);
    if path == "/gateway/v1/signals" {
        let text = server.streams.lock().unwrap().pop();
        let first = text.map(|text| Ok(Frame::data(Bytes::from(text))));
        let stream = futures_util::stream::iter(first);
        return Ok(Response::new(BodyExt::boxed(StreamBody::new(stream))));
    }
    let text = server.answers.lock().unwrap().get(path.as_str()).cloned();
    Ok(match text.as_deref() {
        Some("silence") => std::future::pending().await,
        Some(text) => whole(StatusCode::OK, text),
        None => whole(StatusCode::NOT_FOUND, ""),
    })
}

fn whole(status: StatusCode, text: &str) -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(Full::new(Bytes::from(text.to_owned())).boxed());
    *response.status_mut() = status;
    response
}

fn attempt() -> Attempt {
    Attempt {
        gateway: "g1".parse().unwrap(),
        grant: Some(GRANT.parse().unwrap()),
        credential: None,
        platform: "desk".parse().unwrap(),
        actions: BTreeSet::new(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        destination: None,
        unmapped: Vec::new(),
    }
}

#[tokio::test]
async fn each_question_is_one_call_with_the_gateways_token() {
    let bed = Bed::start().await;
    let allowed = format!(
        r#"{{"allowed":{{"use_id":"{OTHER}","grant":"{GRANT}","entry":7,"expires_at":9}}}}"#
    );
    bed.answers("/gateway/v1/begin", &allowed);
    let begun = bed.authority.begin(attempt()).await.unwrap();
    let expected = Begun::Allowed {
        use_id: OTHER.parse().unwrap(),
        grant: GRANT.parse().unwrap(),
        entry: 7,
        expires_at: Timestamp(9),
    };
    assert_eq!(begun, expected);
    let written = serde_json::to_string(&attempt()).unwrap();
    assert_eq!(
        bed.asked(),
        [format!(
            "POST /gateway/v1/begin Bearer gate-token {written}"
        )]
    );

    bed.answers("/gateway/v1/finish", r#"{"entry":8,"stopped":null}"#);
    let finish = Finish {
        use_id: OTHER.parse().unwrap(),
        grant: GRANT.parse().unwrap(),
        outcome: UseOutcome {
            status: Some(200),
            bytes: 1,
            rows: 2,
            cut: false,
        },
    };
    assert_eq!(bed.authority.finish(finish).await.unwrap().entry, 8);

    bed.answers("/gateway/v1/redeem", "null");
    let redeemed = bed
        .authority
        .redeem(WayIn {
            code: "c".to_owned(),
            host: "desk.localhost".to_owned(),
            origin: "http://portal.localhost".to_owned(),
        })
        .await
        .unwrap();
    assert_eq!(redeemed, None);
    let asked = bed.asked();
    assert_eq!(
        asked[1],
        r#"POST /gateway/v1/redeem Bearer gate-token {"code":"c","host":"desk.localhost","origin":"http://portal.localhost"}"#
    );

    let path = "/gateway/v1/grants/01890a5d-ac96-774b-bcce-b302099a8057";
    let lease = format!(r#"{{"grant":"{GRANT}","usable":true,"expires_at":9}}"#);
    bed.answers(path, &lease);
    let lease = bed.authority.lease(GRANT.parse().unwrap()).await.unwrap();
    assert!(lease.usable);
}

#[tokio::test]
async fn routes_and_keys_are_kept_for_a_second() {
    let bed = Bed::start().await;
    let map = r#"{"platform":"desk","title":"Desk","routes":[],"targets":{}}"#;
    bed.answers("/gateway/v1/platforms/desk", map);
    bed.answers("/.well-known/jwks.json", r#"{"keys":[]}"#);
    let desk = "desk".parse().unwrap();
    for (at, calls) in [(0, 2), (999, 0), (1_000, 2)] {
        bed.clock.0.store(at, Ordering::SeqCst);
        assert_eq!(bed.authority.platform(&desk).await.unwrap().title, "Desk");
        let keys = bed.authority.token_keys().await.unwrap();
        assert_eq!(&*keys, r#"{"keys":[]}"#);
        assert_eq!(bed.asked().len(), calls, "at {at}");
    }
}

#[tokio::test]
async fn whatever_goes_wrong_means_unreachable() {
    let bed = Bed::start().await;
    let told = async || bed.authority.begin(attempt()).await.unwrap_err().because;
    assert_eq!(told().await, "it answered 404");
    bed.answers("/gateway/v1/begin", "{}");
    assert_eq!(told().await, "expected value at line 1 column 2");
    bed.answers("/gateway/v1/begin", "silence");
    assert_eq!(told().await, "it was silent for 1500 ms");
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let nobody = RemoteAuthority::new(&address, "t", bed.clock.clone()).unwrap();
    let lease = nobody.lease(GRANT.parse().unwrap()).await;
    assert_eq!(
        lease.unwrap_err().because,
        "client error (Connect): tcp connect error: Connection refused (os error 111)"
    );
}

#[tokio::test]
async fn signals_are_passed_on_and_asked_for_again_when_they_break_off() {
    const FIRST: &str = "event: grant\ndata: {\"grant\":\"01890a5d-ac96-774b-bcce-b302099a8057\",\"usable\":false}\n\n";
    const SECOND: &str = ":\n\nevent: grant\ndata: {\"grant\":\"01890a5d-ac96-774b-bcce-b302099a8058\",\"usable\":true}\n\n";
    let bed = Bed::start().await;
    *bed.server.streams.lock().unwrap() = vec![SECOND, FIRST];
    let mut signals = bed.authority.signals();
    let following = bed.authority.clone();
    let task = tokio::spawn(async move { following.follow_signals().await });
    for (grant, usable) in [(GRANT, false), (OTHER, true)] {
        let grant = grant.parse().unwrap();
        assert_eq!(signals.recv().await.unwrap(), GrantSignal { grant, usable });
    }
    task.abort();
    assert_eq!(
        bed.asked()[..2],
        ["GET /gateway/v1/signals Bearer gate-token "; 2]
    );
}

//! The gateway with a real engine and its log on disk, every use recorded before it is forwarded and its outcome after, beside a
//! bare reverse proxy on the same stack: the same client, the same platform, the same callers, turn by turn in one run. Few
//! callers wait for the disk, many for the processor: so for several counts of callers it prints a line with the name, the ratio,
//! and requests a second of both, with tabs between.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures real time, prints, and panics where it can't go on"
)]

mod recorded;

use bytes::Bytes;
use gateway::gateway::Gateway;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::{TcpListener, TcpStream};

/// The one of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Callers at a time, each with a connection of its own.
const CALLERS: [usize; 3] = [1, 16, 256];
/// Turns of each side, and how long one takes.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_secs(2);
/// What the platform answers: about a row of a table.
const ANSWER: &[u8] = &[b'x'; 512];

pub(crate) const HOST: &str = "nodered.localhost";
const PATH: &str = "/flow/f1";

#[tokio::main]
async fn main() {
    let upstream = platform().await;
    let (recorded, gateway) = recorded::start(upstream).await;
    let gateway = serve_gateway(gateway).await;
    let bare = bare_proxy(upstream).await;
    let cookie = enter(gateway).await;
    for callers in CALLERS {
        for address in [gateway, bare] {
            turn(address, callers, &cookie, TURN / 4).await;
        }
        let (mut ours, mut theirs) = (Turns::default(), Turns::default());
        for _ in 0..TURNS {
            ours.add(&turn(gateway, callers, &cookie, TURN).await);
            theirs.add(&turn(bare, callers, &cookie, TURN).await);
        }
        println!(
            "gateway requests, recorded, {callers} callers\t{:.2}\t{ours} beside {theirs} of a bare proxy",
            ours.rate() / theirs.rate()
        );
    }
    recorded.stop().await;
}

/// What turns of one side came to.
#[derive(Default)]
struct Turns {
    requests: f64,
    seconds: f64,
    processor_seconds: f64,
}

impl Turns {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.seconds += other.seconds;
        self.processor_seconds += other.processor_seconds;
    }

    fn rate(&self) -> f64 {
        self.requests / self.seconds
    }
}

impl std::fmt::Display for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = self.processor_seconds * 1e6 / self.requests;
        write!(
            f,
            "{:.0} requests/s ({each:.0} us of processor each)",
            self.rate()
        )
    }
}

/// Processor time of this process so far, in seconds: callers, platform and proxy together.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // proc(5): after the name in brackets, the 12th and 13th fields are user and system time in hundredths of a second
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let hundredths = fields.split_whitespace().skip(11).take(2);
    hundredths
        .map(|field| field.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}

async fn turn(address: SocketAddr, callers: usize, cookie: &str, long: Duration) -> Turns {
    let (begun, spent) = (Instant::now(), processor_seconds());
    let callers: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(call(address, cookie.to_owned(), begun + long)))
        .collect();
    let mut count = 0;
    for caller in callers {
        count += caller.await.unwrap();
    }
    Turns {
        requests: f64::from(count),
        seconds: begun.elapsed().as_secs_f64(),
        processor_seconds: processor_seconds() - spent,
    }
}

async fn call(address: SocketAddr, cookie: String, until: Instant) -> u32 {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut count = 0;
    while Instant::now() < until {
        let request = Request::get(PATH)
            .header(header::HOST, HOST)
            .header(header::COOKIE, &cookie)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((status, &*body), (StatusCode::OK, ANSWER));
        count += 1;
    }
    count
}

/// The way in that a browser takes.
async fn enter(address: SocketAddr) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::post("/.remit/open")
        .header(header::HOST, HOST)
        .header(header::ORIGIN, "http://portal.localhost")
        .body(Full::new(Bytes::from_static(b"code=once")))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn platform() -> SocketAddr {
    listen(|_| async { Response::new(Full::new(Bytes::from_static(ANSWER))) }).await
}

async fn serve_gateway(gateway: Arc<Gateway>) -> SocketAddr {
    listen(move |request| {
        let gateway = gateway.clone();
        async move { gateway.handle(request).await }
    })
    .await
}

/// What a reverse proxy does at least: drop the headers of one hop, name the platform, stream what comes back.
async fn bare_proxy(upstream: SocketAddr) -> SocketAddr {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    let client: Client<HttpConnector, Incoming> = Client::builder(TokioExecutor::new()).build(http);
    listen(move |request: Request<Incoming>| {
        let client = client.clone();
        async move {
            let (mut parts, body) = request.into_parts();
            let path = parts.uri.path_and_query().unwrap().as_str();
            parts.uri = format!("http://{upstream}{path}").parse::<Uri>().unwrap();
            strip(&mut parts.headers);
            let answer = client.request(Request::from_parts(parts, body)).await;
            let mut answer = answer.unwrap();
            strip(answer.headers_mut());
            answer
        }
    })
    .await
}

fn strip(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::HOST,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
}

async fn listen<F, A, B>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let answer = answer.clone();
            let service = hyper::service::service_fn(move |request| {
                let answered = answer(request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            tokio::spawn(async move {
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    address
}

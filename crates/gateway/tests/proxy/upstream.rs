//! A platform that tells what it got, and answers by path.
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{convert::Infallible, net::SocketAddr};
use tokio::sync::mpsc;
use tokio_tungstenite::{WebSocketStream, tungstenite::handshake::derive_accept_key};

/// What the platform got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn line(&self) -> String {
        format!("{} {} {}", self.method, self.target, self.body)
    }
}

/// The flows that the platform has.
pub(crate) fn flows() -> serde_json::Value {
    serde_json::json!({"rev": "r1", "flows": [
        {"id": "t1", "type": "tab", "label": "Invoices"},
        {"id": "t2", "type": "tab", "label": "Payroll"},
        {"id": "n1", "type": "inject", "z": "t1", "x": 1},
        {"id": "c1", "type": "mqtt-broker", "host": "a"},
    ]})
}

pub(crate) async fn start() -> (SocketAddr, mpsc::UnboundedReceiver<Got>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service =
                hyper::service::service_fn(move |request| answer(sender.clone(), request));
            tokio::spawn(async move {
                hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    (address, receiver)
}

async fn answer(
    sender: mpsc::UnboundedSender<Got>,
    mut request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(text("broken off"));
    };
    let path = parts.uri.path().to_owned();
    let accept = parts
        .headers
        .get("sec-websocket-key")
        .map(|key| derive_accept_key(key.as_bytes()));
    let method = parts.method.clone();
    let got = Got {
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8(body.to_bytes().to_vec()).unwrap(),
    };
    let _ = sender.send(got);
    Ok(match (path.as_str(), accept) {
        ("/suppliers", _) => text(r#"{"items":[1,2,3]}"#),
        ("/flows", _) if method == Method::GET => text(&flows().to_string()),
        ("/flows", _) => text(r#"{"rev":"r2"}"#),
        ("/stream", _) => {
            let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"tick")))]);
            let endless = first.chain(futures_util::stream::pending());
            Response::new(BodyExt::boxed(StreamBody::new(endless)))
        }
        ("/comms", Some(accept)) => {
            tokio::spawn(async move {
                let io = TokioIo::new(upgrade.await.unwrap());
                let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
                let mut socket = WebSocketStream::from_raw_socket(io, role, None).await;
                while let Some(Ok(message)) = socket.next().await {
                    let _ = socket.send(message).await;
                }
            });
            let mut response = text("");
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert("connection", "upgrade".parse().unwrap());
            headers.insert("upgrade", "websocket".parse().unwrap());
            headers.insert("sec-websocket-accept", accept.parse().unwrap());
            response
        }
        _ => text("done"),
    })
}

fn text(text: &str) -> Response<BoxBody<Bytes, Infallible>> {
    Response::new(Full::new(Bytes::from(text.to_owned())).boxed())
}

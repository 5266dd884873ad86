//! What is under way ends with its grant, or with the lease.
use crate::bed::{Bed, HOST};
use domain::time::Timestamp;
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

async fn stream(bed: &Bed) -> Incoming {
    let request = bed.request("GET", "/stream").body(String::new()).unwrap();
    let (_, mut body) = bed.begin(request).await;
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "tick");
    body
}

async fn web_socket(bed: &Bed) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{HOST}/comms").into_client_request().unwrap();
    let token = format!("Bearer {}", bed.token);
    request
        .headers_mut()
        .insert("authorization", token.parse().unwrap());
    let connection = TcpStream::connect(bed.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, connection)
        .await
        .unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("hello")
    );
    socket
}

#[tokio::test]
async fn a_stream_is_cut_when_its_grant_ends() {
    let mut bed = Bed::start().await;
    let mut body = stream(&bed).await;
    bed.authority.end_grant();
    assert!(
        body.frame().await.unwrap().is_err(),
        "a cut stream must not look whole"
    );
    assert_eq!(bed.told_once().await, "status 200 bytes 4 rows 0 cut true");
}

#[tokio::test]
async fn a_stream_is_cut_when_the_server_is_silent_for_a_lease() {
    let mut bed = Bed::start().await;
    let mut body = stream(&bed).await;
    bed.authority.said().reachable = false;
    let began = tokio::time::Instant::now();
    assert!(body.frame().await.unwrap().is_err());
    let ms = began.elapsed().as_millis();
    assert!((1_000..4_000).contains(&ms), "cut after {ms} ms");
    assert_eq!(bed.told_once().await, "status 200 bytes 4 rows 0 cut true");
}

#[tokio::test]
async fn a_stream_whose_caller_hangs_up_is_told_and_not_kept() {
    let mut bed = Bed::start().await;
    drop(stream(&bed).await);
    assert_eq!(bed.told_once().await, "status 200 bytes 4 rows 0 cut false");
}

#[tokio::test]
async fn a_web_socket_is_cut_when_its_grant_ends() {
    let mut bed = Bed::start().await;
    let mut socket = web_socket(&bed).await;
    bed.authority.end_grant();
    assert!(socket.next().await.is_none_or(|read| read.is_err()));
    assert_eq!(bed.told_once().await, "status 101 bytes 7 rows 0 cut true");
}

#[tokio::test]
async fn a_web_socket_is_cut_when_the_server_is_silent_for_a_lease() {
    let mut bed = Bed::start().await;
    let mut socket = web_socket(&bed).await;
    bed.authority.said().reachable = false;
    assert!(socket.next().await.is_none_or(|read| read.is_err()));
    assert_eq!(bed.told_once().await, "status 101 bytes 7 rows 0 cut true");
}

#[tokio::test]
async fn signals_of_other_grants_change_nothing() {
    let mut bed = Bed::start().await;
    let mut socket = web_socket(&bed).await;
    bed.authority.signal("01890a5d-ac96-774b-bcce-b302099a8000");
    socket.send(Message::text("still")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("still")
    );
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    drop(socket);
    bed.gateway.finish().await;
    assert!(!bed.told.recv().await.unwrap().outcome.cut);
}

#[tokio::test]
async fn a_grant_that_is_over_already_is_not_used_once_more() {
    let mut bed = Bed::start().await;
    bed.authority.said().expires_at = Timestamp(crate::bed::NOW.0);
    let request = bed.request("GET", "/files/a").body(String::new()).unwrap();
    assert_eq!(
        bed.send(request).await.problem(),
        "403 grant-ended: your access ended while this ran"
    );
    assert_eq!(bed.upstream_got(), [""; 0]);
    assert_eq!(bed.told_once().await, "status none bytes 0 rows 0 cut true");
}

//! What comes back: counted on its way, held back where rows must be counted before anybody sees them, cut when the grant ends.
//! Whatever happens, the outcome of a use is told exactly once.
use crate::{
    forward::{self, Body},
    gateway::Gateway,
    mapping::read_bounded,
    own::{Own, bad_gateway, cut, own, unreachable},
    site::Site,
    watch::Watch,
};
use bytes::Bytes;
use domain::{
    command::UseOutcome,
    ids::{GrantId, UseId},
};
use engine::enforcement::{Finish, Finished, Unreachable};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio_util::{io::InspectReader, sync::CancellationToken};

/// Longest response that is held back to count its rows.
const COUNTED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Responses up to this length are passed on in one piece.
const SHORT_BYTES_MAX: u64 = 64 * 1024;
/// How long a response may be silent.
const SILENT_AT_MOST: Duration = Duration::from_mins(2);

/// A use that is under way.
pub(crate) struct Exchange {
    pub(crate) use_id: UseId,
    pub(crate) grant: GrantId,
    pub(crate) entry: u64,
    pub(crate) watch: Watch,
}

/// Where an answer comes from, and what is to be done with it.
pub(crate) struct Way<'a> {
    pub(crate) site: &'a Site,
    /// The site as callers know it.
    pub(crate) public_origin: &'a str,
    /// Where its rows are to be counted.
    pub(crate) rows: Option<&'a str>,
}

/// Tells what came of a use; `None` is a platform that didn't answer.
pub(crate) async fn finish(gateway: &Gateway, exchange: Exchange, status: Option<u16>) {
    tell(
        gateway,
        exchange.use_id,
        exchange.grant,
        UseOutcome {
            status,
            bytes: 0,
            rows: 0,
            cut: false,
        },
    )
    .await;
}

/// Tells that a use was cut because its grant ended, and the words for the caller.
pub(crate) async fn cut_off(gateway: &Gateway, exchange: Exchange, status: Option<u16>) -> Own {
    let outcome = UseOutcome {
        status,
        bytes: 0,
        rows: 0,
        cut: true,
    };
    tell(gateway, exchange.use_id, exchange.grant, outcome).await;
    cut()
}

async fn tell(
    gateway: &Gateway,
    use_id: UseId,
    grant: GrantId,
    outcome: UseOutcome,
) -> Option<Finished> {
    let finish = Finish {
        use_id,
        grant,
        outcome,
    };
    recorded(use_id, gateway.parts.authority.finish(finish).await)
}

/// Tells without waiting for it; a gateway that stops waits for it.
fn tell_later(gateway: &Gateway, exchange: &Exchange, outcome: UseOutcome) {
    let use_id = exchange.use_id;
    let finish = Finish {
        use_id,
        grant: exchange.grant,
        outcome,
    };
    let waited_for = gateway.tasks.token();
    let then = move |told| {
        recorded(use_id, told);
        drop(waited_for);
    };
    Arc::clone(&gateway.parts.authority).finish_then(finish, Box::new(then));
}

/// What was told, unless it could not be recorded.
fn recorded(use_id: UseId, told: Result<Finished, Unreachable>) -> Option<Finished> {
    told.inspect_err(|error| {
        tracing::error!(%use_id, because = %error, "the outcome of a use could not be recorded");
    })
    .ok()
}

/// Passes the platform's answer on.
pub(crate) async fn pass_on(
    gateway: &Arc<Gateway>,
    way: Way<'_>,
    exchange: Exchange,
    answer: Response<Incoming>,
    websocket: Option<OnUpgrade>,
) -> Result<Response<Body>, Own> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(gateway, exchange, answer, websocket).await;
    }
    let (mut parts, body) = answer.into_parts();
    forward::response_headers(&mut parts.headers, way.site, way.public_origin);
    parts
        .headers
        .insert("remit-entry", HeaderValue::from(exchange.entry));
    let status = parts.status.as_u16();
    let body: Body = body.map_err(forward::BodyError::new).boxed();
    if let Some(pointer) = way.rows {
        return counted(gateway, exchange, parts, body, pointer).await;
    }
    let length = http_body::Body::size_hint(&body).exact();
    if length.is_some_and(|length| length <= SHORT_BYTES_MAX) {
        return short(gateway, exchange, parts, body).await;
    }
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    let cut = CancellationToken::new();
    let pump = pump(gateway.clone(), exchange, body, sender, cut.clone(), status);
    gateway.tasks.spawn(pump);
    let passing = Passing {
        receiver,
        cut,
        over: false,
    };
    Ok(Response::from_parts(
        parts,
        BodyExt::boxed(StreamBody::new(futures_util::stream::unfold(
            passing, next_frame,
        ))),
    ))
}

/// A frame of a long answer; `None` once it is whole, so that one that breaks off is never taken for one that ended.
type Passed = Option<Result<Frame<Bytes>, forward::BodyError>>;

/// The caller's end of a long answer.
struct Passing {
    receiver: tokio::sync::mpsc::Receiver<Passed>,
    cut: CancellationToken,
    over: bool,
}

async fn next_frame(
    mut passing: Passing,
) -> Option<(Result<Frame<Bytes>, forward::BodyError>, Passing)> {
    if passing.over {
        return None;
    }
    let passed = tokio::select! {
        biased;
        () = passing.cut.cancelled() => None,
        passed = passing.receiver.recv() => passed,
    };
    if let Some(whole_or_frame) = passed {
        return whole_or_frame.map(|frame| (frame, passing));
    }
    passing.over = true;
    let broken = forward::BodyError::new("the answer broke off");
    Some((Err(broken), passing))
}

async fn short(
    gateway: &Arc<Gateway>,
    mut exchange: Exchange,
    parts: http::response::Parts,
    body: Body,
) -> Result<Response<Body>, Own> {
    let status = Some(parts.status.as_u16());
    let read = tokio::select! {
        biased;
        () = exchange.watch.ended() => return Err(cut_off(gateway, exchange, status).await),
        read = tokio::time::timeout(SILENT_AT_MOST, body.collect()) => read.ok().and_then(Result::ok),
    };
    let Some(read) = read else {
        finish(gateway, exchange, status).await;
        return Err(bad_gateway());
    };
    let bytes = read.to_bytes();
    let outcome = UseOutcome {
        status,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        rows: 0,
        cut: false,
    };
    tell_later(gateway, &exchange, outcome);
    Ok(Response::from_parts(
        parts,
        Full::new(bytes).map_err(|never| match never {}).boxed(),
    ))
}

/// Holds the response back, counts its rows, tells, and only then passes it on: what is over the budget never leaves.
async fn counted(
    gateway: &Arc<Gateway>,
    mut exchange: Exchange,
    mut parts: http::response::Parts,
    body: Body,
    pointer: &str,
) -> Result<Response<Body>, Own> {
    let status = Some(parts.status.as_u16());
    let read = tokio::select! {
        biased;
        () = exchange.watch.ended() => return Err(cut_off(gateway, exchange, status).await),
        read = tokio::time::timeout(SILENT_AT_MOST, read_bounded(body, COUNTED_BYTES_MAX)) => read,
    };
    let bytes = match read.unwrap_or_else(|_| Err(bad_gateway())) {
        Ok(bytes) => bytes,
        Err(refused) => {
            finish(gateway, exchange, status).await;
            return Err(refused.with_status(StatusCode::BAD_GATEWAY));
        }
    };
    let rows = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|json| {
            json.pointer(pointer)
                .and_then(serde_json::Value::as_array)
                .map(Vec::len)
        })
        .and_then(|rows| u64::try_from(rows).ok());
    if rows.is_none() && parts.status.is_success() {
        finish(gateway, exchange, status).await;
        return Err(own(
            StatusCode::BAD_GATEWAY,
            crate::page::own(
                "uncounted",
                "the platform's answer has no rows where the catalog says they are",
                "what can't be counted can't be kept within the budget",
                &["Tell the governance owner of this privilege."],
            ),
        ));
    }
    let outcome = UseOutcome {
        status,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        rows: rows.unwrap_or(0),
        cut: false,
    };
    let Some(finished) = tell(gateway, exchange.use_id, exchange.grant, outcome).await else {
        return Err(unreachable(&Unreachable {
            because: "the outcome was not recorded".to_owned(),
        }));
    };
    if let Some(denial) = finished.stopped {
        return Err(own(StatusCode::FORBIDDEN, denial));
    }
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok(Response::from_parts(
        parts,
        Full::new(bytes).map_err(|never| match never {}).boxed(),
    ))
}

async fn pump(
    gateway: Arc<Gateway>,
    mut exchange: Exchange,
    mut body: Body,
    sender: tokio::sync::mpsc::Sender<Passed>,
    cutting: CancellationToken,
    status: u16,
) {
    let mut bytes = 0_u64;
    let mut cut = false;
    let moving = async {
        while let Ok(frame) = tokio::time::timeout(SILENT_AT_MOST, body.frame()).await {
            if let Some(data) = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref())
            {
                bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(0));
            }
            let goes_on = matches!(frame, Some(Ok(_)));
            if sender.send(frame).await.is_err() || !goes_on {
                break;
            }
        }
    };
    tokio::select! {
        biased;
        () = exchange.watch.ended() => cut = true,
        () = sender.closed() => {}
        () = moving => {}
    }
    if cut {
        cutting.cancel();
    }
    let outcome = UseOutcome {
        status: Some(status),
        bytes,
        rows: 0,
        cut,
    };
    tell(&gateway, exchange.use_id, exchange.grant, outcome).await;
}

/// Joins two upgraded connections until one closes or the grant ends.
async fn switch(
    gateway: &Arc<Gateway>,
    exchange: Exchange,
    mut answer: Response<Incoming>,
    websocket: Option<OnUpgrade>,
) -> Result<Response<Body>, Own> {
    let Some(theirs) = websocket else {
        finish(gateway, exchange, None).await;
        return Err(bad_gateway());
    };
    let platforms = hyper::upgrade::on(&mut answer);
    let (mut parts, _) = answer.into_parts();
    parts
        .headers
        .insert("remit-entry", HeaderValue::from(exchange.entry));
    let gateway_in_task = gateway.clone();
    gateway
        .tasks
        .spawn(join(gateway_in_task, exchange, theirs, platforms));
    Ok(Response::from_parts(
        parts,
        crate::gateway::full(String::new()),
    ))
}

async fn join(
    gateway: Arc<Gateway>,
    mut exchange: Exchange,
    theirs: OnUpgrade,
    platforms: OnUpgrade,
) {
    // counted as it passes: what went by before a connection broke counts too
    let bytes = AtomicU64::new(0);
    let moving = async {
        if let (Ok(theirs), Ok(platforms)) = tokio::join!(theirs, platforms) {
            let mut theirs = TokioIo::new(theirs);
            let mut platforms = InspectReader::new(TokioIo::new(platforms), |data: &[u8]| {
                let length = u64::try_from(data.len()).unwrap_or(0);
                bytes.fetch_add(length, Ordering::Relaxed);
            });
            let moved = tokio::io::copy_bidirectional(&mut theirs, &mut platforms).await;
            if let Err(error) = moved {
                tracing::debug!(%error, "a web socket broke off");
            }
        }
    };
    let cut = tokio::select! {
        biased;
        () = exchange.watch.ended() => true,
        () = moving => false,
    };
    let bytes = bytes.load(Ordering::Relaxed);
    tell(
        &gateway,
        exchange.use_id,
        exchange.grant,
        UseOutcome {
            status: Some(101),
            bytes,
            rows: 0,
            cut,
        },
    )
    .await;
}

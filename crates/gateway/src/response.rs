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
use engine::enforcement::{Finish, Finished};
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use std::{sync::Arc, time::Duration};

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
    pub(crate) rows: Option<String>,
    pub(crate) public_origin: String,
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

async fn tell(
    gateway: &Gateway,
    use_id: UseId,
    grant: GrantId,
    outcome: UseOutcome,
) -> Option<Finished> {
    match gateway
        .parts
        .authority
        .finish(Finish {
            use_id,
            grant,
            outcome,
        })
        .await
    {
        Ok(finished) => Some(finished),
        Err(error) => {
            tracing::error!(%use_id, because = %error, "the outcome of a use could not be recorded");
            None
        }
    }
}

/// Passes the platform's answer on.
pub(crate) async fn pass_on(
    gateway: &Arc<Gateway>,
    site: &Site,
    exchange: Exchange,
    answer: Response<Incoming>,
    websocket: Option<OnUpgrade>,
) -> Result<Response<Body>, Own> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return switch(gateway, exchange, answer, websocket).await;
    }
    let (mut parts, body) = answer.into_parts();
    forward::response_headers(&mut parts.headers, site, &exchange.public_origin);
    parts
        .headers
        .insert("remit-entry", HeaderValue::from(exchange.entry));
    let status = parts.status.as_u16();
    let body: Body = body.map_err(forward::BodyError::new).boxed();
    if let Some(pointer) = exchange.rows.clone() {
        return counted(gateway, exchange, parts, body, &pointer).await;
    }
    let length = http_body::Body::size_hint(&body).exact();
    if length.is_some_and(|length| length <= SHORT_BYTES_MAX) {
        return short(gateway, exchange, parts, body).await;
    }
    let (sender, receiver) =
        tokio::sync::mpsc::channel::<Result<Frame<Bytes>, forward::BodyError>>(8);
    let pump = pump(gateway.clone(), exchange, body, sender, status);
    gateway.tasks.spawn(pump);
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    Ok(Response::from_parts(
        parts,
        BodyExt::boxed(StreamBody::new(futures_util::StreamExt::map(
            stream,
            |frame| frame,
        ))),
    ))
}

async fn short(
    gateway: &Arc<Gateway>,
    mut exchange: Exchange,
    parts: http::response::Parts,
    body: Body,
) -> Result<Response<Body>, Own> {
    let status = Some(parts.status.as_u16());
    let read = tokio::select! {
        read = tokio::time::timeout(SILENT_AT_MOST, body.collect()) => read.ok().and_then(Result::ok),
        () = exchange.watch.ended() => {
            tell(gateway, exchange.use_id, exchange.grant, UseOutcome { status, bytes: 0, rows: 0, cut: true }).await;
            return Err(cut());
        }
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
    let (teller, use_id, grant) = (gateway.clone(), exchange.use_id, exchange.grant);
    gateway
        .tasks
        .spawn(async move { tell(&teller, use_id, grant, outcome).await });
    Ok(Response::from_parts(
        parts,
        Full::new(bytes).map_err(|never| match never {}).boxed(),
    ))
}

/// Holds the response back, counts its rows, tells, and only then passes it on: what is over the budget never leaves.
async fn counted(
    gateway: &Arc<Gateway>,
    exchange: Exchange,
    mut parts: http::response::Parts,
    body: Body,
    pointer: &str,
) -> Result<Response<Body>, Own> {
    let status = Some(parts.status.as_u16());
    let bytes = match read_bounded(body, COUNTED_BYTES_MAX).await {
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
        return Err(unreachable(&engine::enforcement::Unreachable {
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
    sender: tokio::sync::mpsc::Sender<Result<Frame<Bytes>, forward::BodyError>>,
    status: u16,
) {
    let mut bytes = 0_u64;
    let mut cut = false;
    let moving = async {
        while let Ok(Some(frame)) = tokio::time::timeout(SILENT_AT_MOST, body.frame()).await {
            if let Ok(frame) = &frame {
                bytes = bytes.saturating_add(
                    frame
                        .data_ref()
                        .map_or(0, |data| u64::try_from(data.len()).unwrap_or(0)),
                );
            }
            if sender.send(frame).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = moving => {}
        () = exchange.watch.ended() => cut = true,
    }
    if cut {
        let _ = sender.try_send(Err(forward::BodyError::new("the grant ended")));
    }
    tell(
        &gateway,
        exchange.use_id,
        exchange.grant,
        UseOutcome {
            status: Some(status),
            bytes,
            rows: 0,
            cut,
        },
    )
    .await;
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
    let (mut bytes, mut cut) = (0, false);
    if let (Ok(theirs), Ok(platforms)) = tokio::join!(theirs, platforms) {
        let (mut theirs, mut platforms) = (TokioIo::new(theirs), TokioIo::new(platforms));
        tokio::select! {
            moved = tokio::io::copy_bidirectional(&mut theirs, &mut platforms) => bytes = moved.map_or(0, |(_, from)| from),
            () = exchange.watch.ended() => cut = true,
        }
    }
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

//! The API for an enforcement point that runs beside its platform instead of inside the server. Its bearer token is configured;
//! what it may ask is what [`crate::authority::LocalAuthority`] answers in process.
use crate::{
    api::Strict,
    app::{Portal, Shared},
    authority::LocalAuthority,
    guard,
    trouble::{Failure, Trouble},
};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path, State},
    http::request::Parts,
    response::{IntoResponse, Response, sse},
    routing::{get, post},
};
use domain::{
    command::Attempt,
    ids::{GrantId, PlatformId},
};
use engine::{
    enforcement::{
        Authority, Begun, Finish, Finished, LEASE_MS, Lease, PlatformMap, Redeemed, Unreachable,
        WayIn,
    },
    ports::GrantSignal,
};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/gateway/v1/begin", post(begin))
        .route("/gateway/v1/finish", post(finish))
        .route("/gateway/v1/redeem", post(redeem))
        .route("/gateway/v1/platforms/{platform}", get(platform))
        .route("/gateway/v1/grants/{grant}", get(lease))
        .route("/gateway/v1/signals", get(signals))
}

/// A registered enforcement point.
struct Point(LocalAuthority);

impl FromRequestParts<Shared> for Point {
    type Rejection = Trouble;
    async fn from_request_parts(parts: &mut Parts, portal: &Shared) -> Result<Self, Trouble> {
        let token = guard::bearer(&parts.headers).ok_or(Trouble::SignedOut)?;
        let app = &portal.app;
        let known = app
            .gateway_tokens
            .iter()
            .find(|(_, hash)| hash.admits(token));
        let (gateway, _) = known.ok_or(Trouble::SignedOut)?;
        Ok(Self(LocalAuthority::new(
            app.engine.clone(),
            Arc::clone(&app.codes),
            Arc::clone(&app.issuer),
            gateway.clone(),
        )))
    }
}

fn trouble(portal: &Portal, unreachable: &Unreachable) -> Trouble {
    let reference = portal.reference();
    tracing::error!(reference, because = %unreachable.because, "an enforcement point got no decision");
    Trouble::Failed {
        reference,
        what: Failure::Unknown,
    }
}

async fn begin(
    State(portal): State<Shared>,
    Point(authority): Point,
    Strict { body, .. }: Strict<Attempt>,
) -> Result<Json<Begun>, Trouble> {
    let begun = authority.begin(body).await;
    begun.map(Json).map_err(|error| trouble(&portal, &error))
}

async fn finish(
    State(portal): State<Shared>,
    Point(authority): Point,
    Strict { body, .. }: Strict<Finish>,
) -> Result<Json<Finished>, Trouble> {
    let finished = authority.finish(body).await;
    finished.map(Json).map_err(|error| trouble(&portal, &error))
}

async fn redeem(
    State(portal): State<Shared>,
    Point(authority): Point,
    Strict { body, .. }: Strict<WayIn>,
) -> Result<Json<Option<Redeemed>>, Trouble> {
    let redeemed = authority.redeem(body).await;
    redeemed.map(Json).map_err(|error| trouble(&portal, &error))
}

async fn platform(
    Point(authority): Point,
    Path(platform): Path<PlatformId>,
) -> Result<Json<PlatformMap>, Trouble> {
    let map = authority
        .platform(&platform)
        .await
        .map_err(|_| Trouble::NotFound)?;
    Ok(Json((*map).clone()))
}

async fn lease(
    State(portal): State<Shared>,
    Point(authority): Point,
    Path(grant): Path<GrantId>,
) -> Result<Json<Lease>, Trouble> {
    let lease = authority.lease(grant).await;
    lease.map(Json).map_err(|error| trouble(&portal, &error))
}

/// A [`GrantSignal`] on the wire.
#[derive(Serialize)]
struct SignalOut {
    grant: GrantId,
    usable: bool,
}

/// The next event for a listener; one that lagged is told to ask about all its grants.
async fn next_event(
    mut signals: Receiver<GrantSignal>,
) -> Option<(Result<sse::Event, Infallible>, Receiver<GrantSignal>)> {
    let event = match signals.recv().await {
        Ok(signal) => {
            let out = SignalOut {
                grant: signal.grant,
                usable: signal.usable,
            };
            let text = serde_json::to_string(&out).unwrap_or_default();
            sse::Event::default().event("grant").data(text)
        }
        Err(RecvError::Lagged(_)) => sse::Event::default().event("lagged").data("{}"),
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(event), signals))
}

fn events(signals: Receiver<GrantSignal>) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(signals, next_event)
}

/// `GET /gateway/v1/signals`: grants that stop or start being usable, as server-sent events. Silence for longer than a lease
/// means that the server is gone.
async fn signals(Point(authority): Point) -> Response {
    let alive = sse::KeepAlive::new().interval(Duration::from_millis(LEASE_MS / 4));
    sse::Sse::new(events(authority.signals()))
        .keep_alive(alive)
        .into_response()
}

//! Health and metrics, on a listener of their own for this machine only.
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use engine::Engine;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// `/livez`, `/readyz`, `/metrics`.
///
/// # Errors
/// If metrics are recorded by something else already.
pub(crate) fn router(engine: Engine) -> anyhow::Result<Router> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    Ok(Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state((engine, handle)))
}

async fn live(State((engine, _)): State<(Engine, PrometheusHandle)>) -> Response {
    if engine.health().running {
        "alive\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the engine has stopped\n").into_response()
    }
}

/// Ready means: decides, trusts its clock, and every removal gets through.
async fn ready(State((engine, _)): State<(Engine, PrometheusHandle)>) -> Response {
    let health = engine.health();
    let mut troubles = Vec::new();
    if !health.running {
        troubles.push("the engine has stopped".to_owned());
    }
    if let Some(doubt) = health.clock {
        troubles.push(format!("the clock is in doubt: {doubt}"));
    }
    let state = format!(
        "entries {}\nprojected {}\njobs {}\nremovals failing {}\n",
        health.entries, health.projected, health.jobs.open, health.jobs.removals_failing
    );
    if troubles.is_empty() {
        format!("ready\n{state}").into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {}\n{state}", troubles.join("; ")),
        )
            .into_response()
    }
}

async fn metrics(State((engine, handle)): State<(Engine, PrometheusHandle)>) -> String {
    let health = engine.health();
    let number = |value: u64| u32::try_from(value).map_or(f64::MAX, f64::from);
    let size = |value: usize| u32::try_from(value).map_or(f64::MAX, f64::from);
    metrics::gauge!("remit_ledger_entries").set(number(health.entries));
    metrics::gauge!("remit_projection_lag_entries")
        .set(number(health.entries.saturating_sub(health.projected)));
    metrics::gauge!("remit_jobs_waiting").set(size(health.jobs.open));
    metrics::gauge!("remit_removals_failing").set(size(health.jobs.removals_failing));
    metrics::gauge!("remit_clock_doubtful").set(if health.clock.is_some() { 1.0 } else { 0.0 });
    let (requests, grants) = engine.read(|state| (state.requests.len(), state.grants.len()));
    metrics::gauge!("remit_requests_open").set(size(requests));
    metrics::gauge!("remit_grants_open").set(size(grants));
    handle.render()
}

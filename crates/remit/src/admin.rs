//! Health and metrics, on a listener of their own for this machine only.
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::time::Timestamp;
use engine::{Engine, witnesses::Witnesses};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::Arc;

/// What the answers are made of.
type Held = (Engine, PrometheusHandle, Option<Arc<Witnesses>>);

/// `/livez`, `/readyz`, `/metrics`.
///
/// # Errors
/// If metrics are recorded by something else already.
pub(crate) fn router(engine: Engine, witnesses: Option<Arc<Witnesses>>) -> anyhow::Result<Router> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    Ok(Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state((engine, handle, witnesses)))
}

async fn live(State((engine, ..)): State<Held>) -> Response {
    if engine.health().running {
        "alive\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the engine has stopped\n").into_response()
    }
}

/// Ready means: decides, trusts its clock, and every removal gets through.
async fn ready(State((engine, ..)): State<Held>) -> Response {
    let health = engine.health();
    let mut troubles = Vec::new();
    if !health.running {
        troubles.push("the engine has stopped".to_owned());
    }
    if let Some(doubt) = health.clock {
        troubles.push(format!("the clock is in doubt: {doubt}"));
    }
    let state = format!(
        "entries {}\nunchecked {}\nprojected {}\njobs {}\nremovals failing {}\n",
        health.entries,
        health.unchecked,
        health.projected,
        health.jobs.open,
        health.jobs.removals_failing
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

async fn metrics(State((engine, handle, witnesses)): State<Held>) -> String {
    let health = engine.health();
    let number = |value: u64| u32::try_from(value).map_or(f64::MAX, f64::from);
    let size = |value: usize| u32::try_from(value).map_or(f64::MAX, f64::from);
    metrics::gauge!("remit_ledger_entries").set(number(health.entries));
    metrics::gauge!("remit_ledger_unchecked_entries").set(number(health.unchecked));
    metrics::gauge!("remit_projection_lag_entries")
        .set(number(health.entries.saturating_sub(health.projected)));
    metrics::gauge!("remit_jobs_waiting").set(size(health.jobs.open));
    metrics::gauge!("remit_removals_failing").set(size(health.jobs.removals_failing));
    metrics::gauge!("remit_clock_doubtful").set(if health.clock.is_some() { 1.0 } else { 0.0 });
    let (requests, grants) = engine.read(|state| (state.requests.len(), state.grants.len()));
    metrics::gauge!("remit_requests_open").set(size(requests));
    metrics::gauge!("remit_grants_open").set(size(grants));
    if let Some(witnesses) = witnesses {
        of_witnesses(&witnesses, engine.now());
    }
    handle.render()
}

/// A witness that has never answered has no age.
fn of_witnesses(witnesses: &Witnesses, now: Timestamp) {
    let overview = witnesses.overview();
    let number = |value: u64| u32::try_from(value).map_or(f64::MAX, f64::from);
    metrics::gauge!("remit_witnesses_needed")
        .set(number(u64::try_from(overview.needed).unwrap_or(u64::MAX)));
    metrics::gauge!("remit_witnesses_missing").set(if overview.alarmed { 1.0 } else { 0.0 });
    metrics::gauge!("remit_ledger_cosigned_entries").set(number(overview.cosigned.unwrap_or(0)));
    for (name, standing) in &overview.each {
        if let Some(last) = standing.last {
            let age = now.0.saturating_sub(last.at.0).max(0).unsigned_abs() / 1_000;
            metrics::gauge!("remit_witness_age_seconds", "witness" => name.clone())
                .set(number(age));
        }
    }
}

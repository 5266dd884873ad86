//! Who else keeps watch over the ledger: each witness with its last word and how old that is.
use super::problem::Problem;
use crate::{
    app::Shared,
    trouble::Trouble,
    viewer::{Caller, Watch},
    words::rfc3339,
};
use axum::{Json, extract::State};
use domain::time::Timestamp;
use engine::witnesses::Standing;
use serde::Serialize;
use utoipa::ToSchema;

/// The witnesses of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WitnessesOut {
    /// How many must cosign; 0 if the ledger has no witnesses.
    needed: usize,
    /// Entries that enough of them have cosigned.
    cosigned: Option<u64>,
    /// Whether too few have cosigned for too long.
    alarm: bool,
    witnesses: Vec<WitnessOut>,
}

/// One witness.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WitnessOut {
    name: String,
    /// Entries of the head that it cosigned last, since the server started.
    size: Option<u64>,
    /// When it did.
    at: Option<String>,
    /// Seconds since then.
    age_seconds: Option<i64>,
    /// Why its last answer was none, if so.
    trouble: Option<String>,
}

impl WitnessOut {
    fn of(name: &str, standing: &Standing, now: Timestamp) -> Self {
        let last = standing.last;
        Self {
            name: name.to_owned(),
            size: last.map(|last| last.size),
            at: last.map(|last| rfc3339(last.at)),
            age_seconds: last.map(|last| now.0.saturating_sub(last.at.0).max(0) / 1_000),
            trouble: standing.trouble.clone(),
        }
    }
}

#[utoipa::path(get, path = "/api/v1/witnesses", tag = "evidence", responses(
    (status = 200, body = WitnessesOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Who cosigns the ledger, and how long ago each last did.
pub(crate) async fn witnesses(
    State(portal): State<Shared>,
    caller: Caller,
) -> Result<Json<WitnessesOut>, Trouble> {
    caller.viewer.must_watch(
        &[Watch::Auditor, Watch::Security, Watch::Governance],
        "auditor, security or governance",
    )?;
    let overview = portal.app.witnesses.as_ref();
    let overview = overview.map(|witnesses| witnesses.overview());
    Ok(Json(match overview {
        None => WitnessesOut {
            needed: 0,
            cosigned: None,
            alarm: false,
            witnesses: Vec::new(),
        },
        Some(overview) => WitnessesOut {
            needed: overview.needed,
            cosigned: overview.cosigned,
            alarm: overview.alarmed,
            witnesses: overview
                .each
                .iter()
                .map(|(name, standing)| WitnessOut::of(name, standing, caller.viewer.now))
                .collect(),
        },
    }))
}

//! Style sheet, scripts and icon, compiled in. Pages name them with their digest, so a browser keeps them until they change.
use crate::app::Shared;
use axum::{
    Router,
    extract::{Path, Query},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use ledger::Digest;
use serde::Deserialize;
use std::sync::LazyLock;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 8] = [
    Asset {
        name: "app.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/app.css"),
    },
    Asset {
        name: "app.js",
        kind: SCRIPT,
        bytes: include_bytes!("../assets/app.js"),
    },
    Asset {
        name: "favicon.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../assets/favicon.svg"),
    },
    Asset {
        name: "govuk-frontend.min.js",
        kind: SCRIPT,
        bytes: include_bytes!("../assets/govuk-frontend.min.js"),
    },
    Asset {
        name: "htmx.min.js",
        kind: SCRIPT,
        bytes: include_bytes!("../assets/htmx.min.js"),
    },
    Asset {
        name: "hx-csp.min.js",
        kind: SCRIPT,
        bytes: include_bytes!("../assets/hx-csp.min.js"),
    },
    Asset {
        name: "hx-sse.min.js",
        kind: SCRIPT,
        bytes: include_bytes!("../assets/hx-sse.min.js"),
    },
    Asset {
        name: "relative-time.js",
        kind: SCRIPT,
        bytes: include_bytes!("../assets/relative-time.js"),
    },
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: Vec<u8> = ASSETS
        .iter()
        .flat_map(|asset| asset.bytes.iter().copied())
        .collect();
    Digest::of(&all).to_string().chars().take(12).collect()
});

/// Changes whenever any of the files does.
pub(crate) fn version() -> &'static str {
    &VERSION
}

#[derive(Deserialize)]
struct Asked {
    v: Option<String>,
}

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>, Query(asked): Query<Asked>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let lasting = asked.v.as_deref() == Some(version());
    let cache = if lasting {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=60"
    };
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        ],
        asset.bytes,
    )
        .into_response()
}

//! The demo's small platform, "Supplier desk": a low-code app with suppliers and flows. It stands for any platform: it knows one
//! administrator credential and nothing of Remit, so whoever comes to its own port without that credential is turned away.
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{get, post, put},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The platform's state and its one credential.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    credential: String,
    flows: Mutex<BTreeMap<String, Flow>>,
    exports: Mutex<u64>,
}

#[derive(Debug, Clone, Serialize)]
struct Flow {
    title: String,
    steps: Vec<String>,
    saved: u64,
    runs: u64,
}

/// A changed flow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    steps: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Export {
    destination: String,
    #[serde(default)]
    count: Option<usize>,
}

impl Desk {
    /// A desk that lets in whoever brings `credential` as a bearer token.
    pub(crate) fn new(credential: String) -> Self {
        let flow = |title: &str, steps: &[&str]| Flow {
            title: title.to_owned(),
            steps: steps.iter().map(|step| (*step).to_owned()).collect(),
            saved: 0,
            runs: 0,
        };
        let flows = BTreeMap::from([
            (
                "match-invoices".to_owned(),
                flow(
                    "Invoice matching",
                    &[
                        "read new invoices",
                        "match by order number",
                        "book matched invoices",
                    ],
                ),
            ),
            (
                "remind-suppliers".to_owned(),
                flow(
                    "Supplier reminders",
                    &["find late deliveries", "send a reminder"],
                ),
            ),
            (
                "match-invoices-test".to_owned(),
                flow(
                    "Invoice matching (test)",
                    &["read test invoices", "match by order number"],
                ),
            ),
            ("sandbox".to_owned(), flow("Sandbox", &["say hello"])),
        ]);
        Self {
            inner: Arc::new(Inner {
                credential,
                flows: Mutex::new(flows),
                exports: Mutex::new(0),
            }),
        }
    }

    /// Its HTTP interface.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", get(front))
            .route("/api/flows", get(flows))
            .route("/api/flows/{flow}", put(change))
            .route("/api/flows/{flow}/run", post(run))
            .route("/api/suppliers", get(suppliers))
            .route("/api/suppliers/{id}", get(one))
            .route("/api/export", post(export))
            .layer(middleware::from_fn_with_state(self.clone(), admit))
            .with_state(self)
    }

    fn flows(&self) -> MutexGuard<'_, BTreeMap<String, Flow>> {
        self.inner
            .flows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn admit(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let expected = format!("Bearer {}", desk.inner.credential);
    let let_in = request
        .headers()
        .get(header::AUTHORIZATION)
        .is_some_and(|sent| sent.as_bytes() == expected.as_bytes());
    if let_in {
        next.run(request).await
    } else {
        (
            StatusCode::UNAUTHORIZED,
            Json(json!({ "error": "the desk knows only its administrator" })),
        )
            .into_response()
    }
}

fn names() -> impl Iterator<Item = (usize, Value)> {
    const FIRST: [&str; 8] = [
        "Alder", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Oak",
    ];
    const SECOND: [&str; 5] = ["Metalworks", "Papers", "Logistics", "Cleaning", "Catering"];
    FIRST
        .iter()
        .flat_map(|first| SECOND.iter().map(move |second| format!("{first} {second}")))
        .zip(1..)
        .map(|(name, id)| {
            (
                id,
                json!({ "id": id, "name": name, "iban": format!("XX00 DEMO {:04}", id * 37) }),
            )
        })
}

async fn suppliers() -> Json<Value> {
    Json(json!({ "rows": names().map(|(_, supplier)| supplier).collect::<Vec<_>>() }))
}

async fn one(Path(id): Path<usize>) -> Response {
    match names().find(|(at, _)| *at == id) {
        Some((_, supplier)) => Json(supplier).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": "no such supplier" })),
        )
            .into_response(),
    }
}

async fn flows(State(desk): State<Desk>) -> Json<BTreeMap<String, Flow>> {
    Json(desk.flows().clone())
}

async fn change(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Json(changed): Json<Changed>,
) -> Response {
    match desk.flows().get_mut(&name) {
        Some(flow) => {
            flow.steps = changed.steps;
            flow.saved += 1;
            Json(flow.clone()).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": "no such flow" })),
        )
            .into_response(),
    }
}

async fn run(State(desk): State<Desk>, Path(name): Path<String>) -> Response {
    match desk.flows().get_mut(&name) {
        Some(flow) => {
            flow.runs += 1;
            Json(json!({ "ran": name, "runs": flow.runs })).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": "no such flow" })),
        )
            .into_response(),
    }
}

async fn export(State(desk): State<Desk>, Json(export): Json<Export>) -> Json<Value> {
    *desk
        .inner
        .exports
        .lock()
        .unwrap_or_else(PoisonError::into_inner) += 1;
    let rows: Vec<Value> = names()
        .map(|(_, supplier)| supplier)
        .take(export.count.unwrap_or(usize::MAX))
        .collect();
    Json(json!({ "destination": export.destination, "rows": rows }))
}

async fn front(State(desk): State<Desk>) -> Html<String> {
    let flows = desk.flows().iter().fold(String::new(), |list, (name, flow)| {
        list + &format!(
            "<li><h2>{}</h2><p>{} steps, saved {} times, run {} times</p><form method=\"post\" action=\"/api/flows/{name}/run\"><button>Run {}</button></form></li>",
            flow.title, flow.steps.len(), flow.saved, flow.runs, flow.title
        )
    });
    Html(format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Supplier desk</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"></head><body><main><h1>Supplier desk</h1><p>A small platform behind Remit. <a href=\"/api/suppliers\">Suppliers</a></p><ul>{flows}</ul></main></body></html>"
    ))
}

//! The witness over HTTP, as C2SP tlog-witness says it: `POST /add-checkpoint`, and the newest cosigned checkpoint for monitors.
use super::state::{NotCosigned, State};
use crate::ports::MachineClock;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State as Held},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use engine::{chain, ports::Clock};
use ledger::witness::{AddCheckpoint, REQUEST_BYTES_MAX, Refusal, SIZE_MEDIA_TYPE};
use std::{sync::Arc, time::Duration};

/// How long a request may take to arrive whole and be answered.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// `POST /add-checkpoint` and `GET /<hash of the log's name>/checkpoint`.
pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{hash}/checkpoint", get(newest))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(axum::middleware::from_fn(in_time))
        .with_state(state)
}

async fn in_time(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let answered = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

fn text(status: StatusCode, text: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn add_checkpoint(Held(state): Held<Arc<State>>, body: Bytes) -> Response {
    let request = std::str::from_utf8(&body).map_err(|_| ledger::witness::Malformed {
        line: 1,
        expected: "text in UTF-8",
    });
    let request = match request.and_then(AddCheckpoint::parse) {
        Ok(request) => request,
        Err(malformed) => return refused(&Refusal::Malformed(malformed)),
    };
    let time_s = MachineClock::start().wall().0.unsigned_abs() / 1_000;
    let decided = tokio::task::spawn_blocking(move || state.add(&request, time_s)).await;
    match decided {
        Ok(Ok(cosigned)) => text(StatusCode::OK, format!("{}\n", cosigned.line)),
        Ok(Err(NotCosigned::Refused(refusal))) => refused(&refusal),
        Ok(Err(error @ NotCosigned::Unwritten(_))) => failed(&chain(&error)),
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(error: &str) -> Response {
    tracing::error!(error, "a checkpoint was not cosigned");
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the witness could not make the checkpoint durable, so it did not cosign it\n".to_owned(),
    )
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let Refusal::Conflict { known, .. } = refusal {
        let kind = HeaderValue::from_static(SIZE_MEDIA_TYPE);
        return (status, [(header::CONTENT_TYPE, kind)], format!("{known}\n")).into_response();
    }
    if let Refusal::NotProved { .. } = refusal {
        // signed by the log's own key: this may be proof that it forked
        tracing::warn!(refusal = %chain(refusal), "a checkpoint does not continue the one cosigned last");
    }
    text(status, format!("{}\n", chain(refusal)))
}

async fn newest(Held(state): Held<Arc<State>>, Path(hash): Path<String>) -> Response {
    match state.newest(&hash) {
        Some(note) => text(StatusCode::OK, note),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::state::origin_hash;
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use ledger::{
        Cosigner, Signer, Tree, VerifierKey, WitnessKey,
        tree::prove_consistency,
        witness::{WatchedLogs, read_answer},
    };
    use tower::ServiceExt;

    fn signer() -> Signer {
        Signer::from_seed("example.com/remit".parse().unwrap(), &[1; 32])
    }

    fn request(entry: &str, old: u64, new: u64) -> AddCheckpoint {
        let (mut tree, mut stored) = (Tree::new(), Vec::new());
        for _ in 0..new {
            stored.extend(tree.append(entry.as_bytes()).iter().map(|one| one.hash));
        }
        AddCheckpoint {
            old,
            proof: prove_consistency(&stored, old, new).unwrap(),
            checkpoint: signer().sign(&tree.head()),
        }
    }

    /// Status, media type and text of an answer.
    async fn send(
        router: &Router,
        method: &str,
        path: &str,
        body: String,
    ) -> (u16, String, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body)).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), 1_000_000).await.unwrap();
        (status, kind, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_protocol_is_spoken_with_its_statuses_and_media_types() {
        let folder = tempfile::tempdir().unwrap();
        let key = VerifierKey::parse(&signer().vkey()).unwrap();
        let cosigner = Cosigner::from_seed("witness.example/w1".parse().unwrap(), &[9; 32]);
        let witness = WitnessKey::parse(&cosigner.vkey()).unwrap();
        let logs = WatchedLogs::new(vec![key.clone()]).unwrap();
        let state = State::open(folder.path(), logs, cosigner).unwrap();
        let router = router(Arc::new(state));
        let monitored = format!("/{}/checkpoint", origin_hash("example.com/remit"));
        let plain = "text/plain; charset=utf-8";
        let add = async |body: String| send(&router, "POST", "/add-checkpoint", body).await;

        let (status, ..) = send(&router, "GET", &monitored, String::new()).await;
        assert_eq!(status, 404);
        let first = request("a", 0, 5);
        let (status, kind, answer) = add(first.to_text()).await;
        assert_eq!((status, kind.as_str()), (200, plain));
        let checkpoint = key.open(&first.checkpoint).unwrap();
        let cosignature = read_answer(&answer, &witness, &checkpoint).unwrap();
        let (status, _, note) = send(&router, "GET", &monitored, String::new()).await;
        assert_eq!(status, 200);
        assert_eq!(key.open(&note).unwrap().cosignatures, [cosignature.line]);

        let (status, kind, size) = add(first.to_text()).await;
        assert_eq!(
            (status, kind.as_str(), size.as_str()),
            (409, "text/x.tlog.size", "5\n")
        );
        let (status, _, told) = add(request("b", 5, 9).to_text()).await;
        assert_eq!(status, 422);
        assert!(
            told.contains("not proved to continue the head of 5"),
            "{told}"
        );
        let unknown = first
            .to_text()
            .replace("example.com/remit\n5", "example.com/x\n5");
        assert_eq!(add(unknown).await.0, 404);
        let altered = first.to_text().replace("\n5\n", "\n4\n");
        assert_eq!(add(altered).await.0, 403);
        assert_eq!(add("old five\n\n".to_owned()).await.0, 400);
        assert_eq!(add("x".repeat(REQUEST_BYTES_MAX + 1)).await.0, 413);
        let (status, ..) = send(&router, "GET", "/add-checkpoint", String::new()).await;
        assert_eq!(status, 405);
        assert_eq!(add(request("a", 5, 9).to_text()).await.0, 200);
    }
}

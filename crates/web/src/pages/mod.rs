//! The pages: server-rendered, useful without scripts, one file and one template each. A form is posted, taken or refused, and
//! leads on to a page by its address.
use crate::{
    app::Shared,
    guard::Nonce,
    trouble::{Trouble, of_response},
};
use axum::{
    Router,
    extract::{Request, State},
    http::{Method, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};

mod alarms;
mod approvals;
mod ask;
mod catalog;
mod chart;
mod checks;
mod chrome;
mod decide;
mod entry;
mod error;
mod evidence;
mod form;
mod grant;
mod grants;
mod home;
mod parts;
mod request;
mod requests;
mod resume;
mod reviews;
mod security;
mod sign_in;

/// All pages.
pub(crate) fn router(portal: &Shared) -> Router<Shared> {
    Router::new()
        .route("/", get(home::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/catalog", get(catalog::list))
        .route("/catalog/{id}", get(catalog::one))
        .route("/requests", get(requests::page).post(ask::send))
        .route("/requests/new", get(ask::page))
        .route("/requests/check", post(ask::check))
        .route("/requests/{number}", get(request::page))
        .route(
            "/requests/{number}/edit",
            get(ask::edit_page).post(ask::edit),
        )
        .route("/requests/{number}/withdraw", post(request::withdraw))
        .route("/requests/{number}/answer", post(request::answer))
        .route("/requests/{number}/ask", post(request::question))
        .route("/requests/{number}/decide", get(decide::page))
        .route("/requests/{number}/approve", post(decide::approve))
        .route("/requests/{number}/deny", post(decide::deny))
        .route("/approvals", get(approvals::page))
        .route("/grants", get(grants::page))
        .route("/grants/{number}", get(grant::page))
        .route("/grants/{number}/open", post(grant::open))
        .route("/grants/{number}/secret", post(grant::secret))
        .route("/grants/{number}/return", post(grant::give_back))
        .route("/grants/{number}/revoke", post(grant::revoke))
        .route("/grants/{number}/hold", post(grant::hold))
        .route("/grants/{number}/resume", post(grant::resume))
        .route("/grants/{number}/review", post(grant::review))
        .route("/security", get(security::page))
        .route("/evidence", get(evidence::page))
        .route("/evidence/export", get(evidence::export))
        .route("/evidence/{entry}", get(entry::page))
        .route("/evidence/{entry}/proof", get(entry::proof))
        .route("/reviews", get(reviews::page))
        .fallback(|| async { Trouble::NotFound })
        .method_not_allowed_fallback(|| async { Trouble::WrongMethod })
        .layer(middleware::from_fn_with_state(portal.clone(), dress))
}

/// What open pages follow. Without the shape of pages: nothing of it is ever shown as one.
pub(crate) fn live() -> Router<Shared> {
    Router::new()
        .route("/live/requests/{number}", get(request::follow))
        .route("/live/grants/{number}", get(grant::follow))
        .route("/live/security", get(security::follow))
}

/// Gives trouble the shape of a page; whoever isn't signed in is sent to sign in, and comes back.
async fn dress(State(portal): State<Shared>, request: Request, next: Next) -> Response {
    let nonce = request.extensions().get::<Nonce>().cloned();
    let address = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let is_get = request.method() == Method::GET;
    let headers = request.headers().clone();
    let response = next.run(request).await;
    if response.status().is_success() || response.status().is_redirection() {
        return response;
    }
    if is_page(&response) {
        return response;
    }
    let (Some(trouble), Some(nonce)) = (of_response(&response), nonce) else {
        return response;
    };
    if trouble == Trouble::SignedOut && is_get {
        let mut location = String::from("/sign-in");
        if address != "/" {
            location.push_str("?next=");
            location.push_str(&crate::words::encoded(&address));
        }
        return chrome::on_to(&location);
    }
    let mut dressed = error::page(&portal, &nonce, &headers, &trouble);
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    dressed
}

/// Whether a handler has already said what is wrong, on a page of its own: a form with its answers kept.
fn is_page(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

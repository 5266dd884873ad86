//! The JSON API under `/api/v1`: what the portal can do, for programs. One file for each noun; every answer to a write carries
//! the entry that recorded it.
use crate::{app::Shared, trouble::Trouble};
use axum::{
    Router,
    http::header,
    routing::{any, get},
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

mod access;
mod ask;
mod bundles;
mod catalog;
mod decisions;
mod directory;
mod evidence;
mod extract;
mod grants;
mod interventions;
mod keeping;
mod me;
mod paging;
mod precheck;
pub(crate) mod problem;
mod proven;
mod quarantine;
mod requests;
mod reviews;
mod session;
mod wire;
mod witnesses;

pub(crate) use ask::{AskIn, ask_of, unsealed};
pub(crate) use catalog::missing;
pub(crate) use decisions::{narrowing, queue};
pub(crate) use evidence::{Search, exported, proof_file, visible as entry_visible};
pub(crate) use extract::Strict;
pub(crate) use grants::{opening, take_secrets, visible as grant_visible};
pub(crate) use paging::{cursor, read_cursor};
pub(crate) use precheck::refusal;
pub(crate) use proven::Proven;
pub(crate) use requests::{number_of, visible as request_visible};
pub(crate) use reviews::{open_reviews, waiting};
pub(crate) use session::{admitted, factors};
pub(crate) use wire::{Live, grant_may};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Remit",
        description = "Lends elevated privilege for minutes or hours, and proves afterwards what happened.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("session" = [])),
    components(schemas(problem::Problem)),
    modifiers(&Bearer)
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(
            "The `token` of `POST /api/v1/session`; an operator's token for the directory and the quarantine."
                .to_owned(),
        );
        let components = document.components.get_or_insert_with(Default::default);
        components
            .security_schemes
            .insert("session".to_owned(), RefOr::T(SecurityScheme::Http(http)));
    }
}

fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::open, session::close))
        .routes(routes!(me::me))
        .routes(routes!(me::people))
        .routes(routes!(catalog::catalog))
        .routes(routes!(catalog::privileges))
        .routes(routes!(catalog::privilege))
        .routes(routes!(precheck::precheck))
        .routes(routes!(requests::list, requests::submit))
        .routes(routes!(requests::one, requests::edit))
        .routes(routes!(requests::withdraw))
        .routes(routes!(decisions::approvals))
        .routes(routes!(decisions::approve))
        .routes(routes!(decisions::deny))
        .routes(routes!(decisions::question))
        .routes(routes!(decisions::answer))
        .routes(routes!(grants::list))
        .routes(routes!(grants::one))
        .routes(routes!(grants::give_back))
        .routes(routes!(grants::credential))
        .routes(routes!(grants::secret))
        .routes(routes!(grants::open))
        .routes(routes!(grants::activity))
        .routes(routes!(interventions::revoke))
        .routes(routes!(interventions::hold))
        .routes(routes!(interventions::resume))
        .routes(routes!(reviews::due))
        .routes(routes!(reviews::review))
        .routes(routes!(evidence::search))
        .routes(routes!(evidence::export))
        .routes(routes!(access::access))
        .routes(routes!(evidence::entry))
        .routes(routes!(evidence::proof))
        .routes(routes!(witnesses::witnesses))
        .routes(routes!(bundles::bundles))
        .routes(routes!(bundles::propose))
        .routes(routes!(bundles::confirm))
        .routes(routes!(directory::change))
        .routes(routes!(quarantine::quarantine))
        .routes(routes!(quarantine::lift))
        .routes(routes!(keeping::erase))
        .routes(routes!(keeping::holds))
        .routes(routes!(keeping::place, keeping::lift))
}

/// The API's routes, and its description at `/api/v1/openapi.json`.
pub(crate) fn router() -> Router<Shared> {
    let (router, _) = described().split_for_parts();
    let document = || async { ([(header::CONTENT_TYPE, "application/json")], openapi()) };
    router
        .route("/api/v1/openapi.json", get(document))
        // whatever else is asked for here gets an answer that programs read
        .route("/api/{*path}", any(|| async { Trouble::NotFound }))
}

/// The OpenAPI 3.1 description, as committed in `docs/openapi.json`.
pub fn openapi() -> String {
    let (_, document) = described().split_for_parts();
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

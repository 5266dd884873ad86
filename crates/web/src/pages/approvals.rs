//! The queue: requests that this person could decide now, the most urgent first.
use super::{
    chrome::{Chrome, Part, html},
    parts::RequestLine,
    requests::RequestsPage,
};
use crate::{
    api::{Live, queue},
    app::Shared,
    guard::Nonce,
    names::Names,
    trouble::Trouble,
    viewer::Visitor,
};
use axum::{Extension, extract::State, http::StatusCode, response::Response};

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let waiting = queue(&portal, &visitor.viewer)?;
    let rows = portal.app.engine.read(|state| {
        let line = |row: &engine::views::RequestRow| {
            let live = Live::of(state, &visitor.viewer, row);
            RequestLine::of(&portal, &names, row, &live.seats, row.expires_at)
        };
        waiting.iter().map(line).collect()
    });
    let page = RequestsPage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Approvals),
        heading: "Your decision is asked",
        decide: true,
        tabs: Vec::new(),
        rows,
        next: None,
        empty: "Nothing is waiting for you.".to_owned(),
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

//! Requests: sending, reading, editing and withdrawing them.
use super::{
    ask::{AskIn, ask_of},
    extract::{Asked, Named, Nothing, Write, unchanged},
    paging::{Listed, page},
    problem::Problem,
    wire::{Live, RequestDone, RequestOut},
};
use crate::{
    app::{Portal, Shared},
    names::Names,
    submit::{Done, Wish, submit as send},
    trouble::Trouble,
    viewer::{Caller, Viewer},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    command::Command,
    event::Event,
    ids::{PersonId, PrivilegeId, RequestNumber},
};
use engine::views::{RequestFilter, RequestRow};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which requests.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// Of this person; your own if left out and you have no watching duty.
    #[param(value_type = Option<String>)]
    requester: Option<PersonId>,
    /// Only those that wait (true) or don't (false).
    pending: Option<bool>,
    #[param(value_type = Option<String>)]
    privilege: Option<PrivilegeId>,
    /// `next` of the part before.
    cursor: Option<String>,
    /// How many rows at most, 1 to 200.
    limit: Option<usize>,
}

/// The request a number names, if it exists for this person.
pub(crate) fn visible(
    portal: &Portal,
    viewer: &Viewer,
    number: RequestNumber,
) -> Result<RequestRow, Trouble> {
    let row = portal
        .app
        .engine
        .views()
        .request(number)
        .map_err(|error| portal.unread(&error))?
        .ok_or(Trouble::NotFound)?;
    let seen = portal
        .app
        .engine
        .read(|state| viewer.sees_request(state, &row));
    if seen {
        Ok(row)
    } else {
        Err(Trouble::NotFound)
    }
}

fn etag(row: &RequestRow) -> String {
    format!(
        "\"r{}-e{}\"",
        row.revision,
        row.entries.last().copied().unwrap_or(0)
    )
}

/// The revision that an edit was based on. Whether it is still the present one is for the rules to say: so a repeated edit gets
/// its first answer again instead of a complaint about its own effect.
fn revision_seen(headers: &HeaderMap) -> Result<u32, Trouble> {
    let tag = headers
        .get(header::IF_MATCH)
        .ok_or(Trouble::Unconditional)?;
    tag.to_str()
        .ok()
        .and_then(|tag| tag.strip_prefix("\"r")?.split_once("-e")?.0.parse().ok())
        .ok_or(Trouble::Stale)
}

fn read_out(portal: &Portal, viewer: &Viewer, row: &RequestRow) -> Result<RequestOut, Trouble> {
    let names = Names::load(portal)?;
    let live = portal.app.engine.read(|state| Live::of(state, viewer, row));
    Ok(RequestOut::of(&names, row, &live))
}

/// Marks an answer that was given before.
pub(crate) fn replayed(response: &mut Response, done: &Done) {
    if done.repeated {
        response.headers_mut().insert(
            HeaderName::from_static("idempotency-replayed"),
            HeaderValue::from_static("true"),
        );
    }
}

fn tagged(response: &mut Response, etag: &str) {
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
}

/// The request as it is after a write.
pub(crate) fn after(
    portal: &Portal,
    viewer: &Viewer,
    number: RequestNumber,
    done: &Done,
    status: StatusCode,
) -> Result<Response, Trouble> {
    let row = portal
        .app
        .engine
        .views()
        .request(number)
        .map_err(|error| portal.unread(&error))?
        .ok_or(Trouble::NotFound)?;
    let request = read_out(portal, viewer, &row)?;
    let mut response = (
        status,
        Json(RequestDone {
            entry: done.entry,
            request,
        }),
    )
        .into_response();
    tagged(&mut response, &etag(&row));
    replayed(&mut response, done);
    if status == StatusCode::CREATED
        && let Ok(value) = HeaderValue::from_str(&format!("/api/v1/requests/{number}"))
    {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

/// The number that a new request was given.
pub(crate) fn number_of(events: &[Event]) -> Option<RequestNumber> {
    events.iter().find_map(|event| match event {
        Event::RequestSubmitted { number, .. } => Some(*number),
        _ => None,
    })
}

#[utoipa::path(post, path = "/api/v1/requests", tag = "requests", request_body = AskIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 201, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Asks for a privilege.
pub(crate) async fn submit(
    State(portal): State<Shared>,
    write: Write<AskIn>,
) -> Result<Response, Trouble> {
    let viewer = write.caller.viewer;
    let (ask, bodies) = ask_of(&portal, &viewer.person, &write.body)?;
    let wish = Wish {
        bodies,
        ..Wish::plain(
            write.caller.session.actor(),
            Command::SubmitRequest { ask },
            write.key,
        )
    };
    let done = send(&portal, wish).await?;
    let number = number_of(&done.events).ok_or(Trouble::NotFound)?;
    after(&portal, &viewer, number, &done, StatusCode::CREATED)
}

#[utoipa::path(get, path = "/api/v1/requests", tag = "requests", params(Filter), responses(
    (status = 200, body = Listed<RequestOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Your requests, newest first; everybody's with the duty security, auditor or governance.
pub(crate) async fn list(
    State(portal): State<Shared>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Response, Trouble> {
    let viewer = caller.viewer;
    let page = page(filter.cursor.as_deref(), filter.limit)?;
    let requester = if viewer.sees_all() {
        filter.requester.clone()
    } else {
        Some(viewer.person.clone())
    };
    let wanted = RequestFilter {
        requester,
        pending: filter.pending,
        privilege: filter.privilege.clone(),
    };
    let paged = portal
        .app
        .engine
        .views()
        .requests(&wanted, page)
        .map_err(|error| portal.unread(&error))?;
    let names = Names::load(&portal)?;
    let items = portal.app.engine.read(|state| {
        let out = |row| RequestOut::of(&names, row, &Live::of(state, &viewer, row));
        paged.rows.iter().map(out).collect()
    });
    let mut query: Vec<String> = Vec::new();
    query.extend(filter.requester.map(|id| format!("requester={id}")));
    query.extend(filter.pending.map(|pending| format!("pending={pending}")));
    query.extend(filter.privilege.map(|id| format!("privilege={id}")));
    query.push(format!("limit={}", page.limit));
    let next = paged.next.map(super::cursor);
    Ok(Listed { items, next }.answer("/api/v1/requests", &query.join("&")))
}

#[utoipa::path(get, path = "/api/v1/requests/{number}", tag = "requests", params(("number" = String, Path),
    ("If-None-Match" = Option<String>, Header, description = "The ETag of what you have already")), responses(
    (status = 200, body = RequestOut),
    (status = 304),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// One request.
pub(crate) async fn one(
    State(portal): State<Shared>,
    caller: Caller,
    Named(number): Named<RequestNumber>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &caller.viewer, number)?;
    let mut response = Json(read_out(&portal, &caller.viewer, &row)?).into_response();
    tagged(&mut response, &etag(&row));
    Ok(response)
}

#[utoipa::path(put, path = "/api/v1/requests/{number}", tag = "requests", request_body = AskIn,
    params(("number" = String, Path), ("If-Match" = String, Header, description = "The ETag of what you read"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Asks for something else instead; earlier consents are void.
pub(crate) async fn edit(
    State(portal): State<Shared>,
    Named(number): Named<RequestNumber>,
    headers: HeaderMap,
    write: Write<AskIn>,
) -> Result<Response, Trouble> {
    let viewer = write.caller.viewer;
    let row = visible(&portal, &viewer, number)?;
    let revision = revision_seen(&headers)?;
    let (ask, bodies) = ask_of(&portal, &viewer.person, &write.body)?;
    let command = Command::EditRequest {
        request: row.id,
        ask,
        revision,
    };
    let wish = Wish {
        bodies,
        ..Wish::plain(write.caller.session.actor(), command, write.key)
    };
    let done = send(&portal, wish).await?;
    after(&portal, &viewer, number, &done, StatusCode::OK)
}

#[utoipa::path(post, path = "/api/v1/requests/{number}/withdraw", tag = "requests", request_body = Nothing,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = RequestDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Takes a request back.
pub(crate) async fn withdraw(
    State(portal): State<Shared>,
    Named(number): Named<RequestNumber>,
    headers: HeaderMap,
    write: Write<Nothing>,
) -> Result<Response, Trouble> {
    let viewer = write.caller.viewer;
    let row = visible(&portal, &viewer, number)?;
    unchanged(&headers, &etag(&row))?;
    let command = Command::WithdrawRequest { request: row.id };
    let done = send(
        &portal,
        Wish::plain(write.caller.session.actor(), command, write.key),
    )
    .await?;
    after(&portal, &viewer, number, &done, StatusCode::OK)
}

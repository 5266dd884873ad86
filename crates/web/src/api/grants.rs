//! Grants, for their holders: reading them, credentials, opening a platform, giving back.
use super::{
    extract::{Asked, Named, Nothing, Write},
    paging::{Listed, Part, page},
    problem::Problem,
    requests::replayed,
    wire::{GrantDone, GrantOut, UseOut},
};
use crate::{
    app::{Portal, Shared},
    codes::Bound,
    names::Names,
    sessions::Session,
    submit::{Done, Wish, submit},
    tokens::Wanted,
    trouble::Trouble,
    viewer::{Caller, Viewer},
    words::rfc3339,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    command::Command,
    event::Event,
    grant::CredentialKind,
    ids::{CredentialId, GrantNumber, PersonId, PrivilegeId},
    time::Timestamp,
};
use engine::views::{GrantFilter, GrantRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which grants.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// Of this person; your own if you have no watching duty.
    #[param(value_type = Option<String>)]
    holder: Option<PersonId>,
    /// Only those not over (true), or over (false).
    open: Option<bool>,
    #[param(value_type = Option<String>)]
    privilege: Option<PrivilegeId>,
    /// `next` of the part before.
    cursor: Option<String>,
    /// How many rows at most, 1 to 200.
    limit: Option<usize>,
}

/// An access token; shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenOut {
    /// The entry that recorded it.
    entry: u64,
    credential: String,
    /// Send it to the gateway as `Authorization: Bearer ...`. A secret.
    token: String,
    expires_at: String,
    /// Where the platform is reached.
    origin: Option<String>,
}

/// What is needed to use a credential; shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretOut {
    credential: String,
    kind: String,
    /// A secret.
    secret: String,
}

/// A code for a browser session at a gateway.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeOut {
    /// Post it as form field `code` to `post_to`, with the portal's own origin as `Origin`: the gateway takes it from no other
    /// page. A secret, good once.
    code: String,
    post_to: String,
    expires_at: String,
}

/// Path at every gateway that takes one-time codes.
pub(crate) const REDEEM_PATH: &str = "/.remit/open";

/// The grant a number names, if it exists for this person.
pub(crate) fn visible(
    portal: &Portal,
    viewer: &Viewer,
    number: GrantNumber,
) -> Result<GrantRow, Trouble> {
    let row = portal
        .app
        .engine
        .views()
        .grant(number)
        .map_err(|error| portal.unread(&error))?
        .ok_or(Trouble::NotFound)?;
    let seen = portal
        .app
        .engine
        .read(|state| viewer.sees_grant(state, &row));
    if seen {
        Ok(row)
    } else {
        Err(Trouble::NotFound)
    }
}

fn etag(row: &GrantRow) -> String {
    format!(
        "\"e{}-u{}\"",
        row.entries.last().copied().unwrap_or(0),
        row.usage.calls
    )
}

fn tagged(mut response: Response, row: &GrantRow) -> Response {
    if let Ok(value) = HeaderValue::from_str(&etag(row)) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// The grant as it is after a write.
pub(crate) fn after(
    portal: &Portal,
    viewer: &Viewer,
    number: GrantNumber,
    done: &Done,
) -> Result<Response, Trouble> {
    let row = portal
        .app
        .engine
        .views()
        .grant(number)
        .map_err(|error| portal.unread(&error))?
        .ok_or(Trouble::NotFound)?;
    let grant = GrantOut::of(portal, &Names::load(portal)?, viewer, &row);
    let mut response = tagged(
        Json(GrantDone {
            entry: done.entry,
            grant,
        })
        .into_response(),
        &row,
    );
    replayed(&mut response, done);
    Ok(response)
}

#[utoipa::path(get, path = "/api/v1/grants", tag = "grants", params(Filter), responses(
    (status = 200, body = Listed<GrantOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Your grants, newest first; everybody's with the duty security, auditor or governance.
pub(crate) async fn list(
    State(portal): State<Shared>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Response, Trouble> {
    let viewer = caller.viewer;
    let page = page(filter.cursor.as_deref(), filter.limit)?;
    let holder = if viewer.sees_all() {
        filter.holder.clone()
    } else {
        Some(viewer.person.clone())
    };
    let wanted = GrantFilter {
        holder,
        open: filter.open,
        privilege: filter.privilege.clone(),
        environment: None,
    };
    let paged = portal
        .app
        .engine
        .views()
        .grants(&wanted, page)
        .map_err(|error| portal.unread(&error))?;
    let names = Names::load(&portal)?;
    let out = |row| GrantOut::of(&portal, &names, &viewer, row);
    let items = paged.rows.iter().map(out).collect();
    let mut query: Vec<String> = Vec::new();
    query.extend(filter.holder.map(|id| format!("holder={id}")));
    query.extend(filter.open.map(|open| format!("open={open}")));
    query.extend(filter.privilege.map(|id| format!("privilege={id}")));
    query.push(format!("limit={}", page.limit));
    let next = paged.next.map(super::cursor);
    Ok(Listed { items, next }.answer("/api/v1/grants", &query.join("&")))
}

#[utoipa::path(get, path = "/api/v1/grants/{number}", tag = "grants", params(("number" = String, Path),
    ("If-None-Match" = Option<String>, Header, description = "The ETag of what you have already")), responses(
    (status = 200, body = GrantOut),
    (status = 304),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// One grant.
pub(crate) async fn one(
    State(portal): State<Shared>,
    caller: Caller,
    Named(number): Named<GrantNumber>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &caller.viewer, number)?;
    let grant = GrantOut::of(&portal, &Names::load(&portal)?, &caller.viewer, &row);
    Ok(tagged(Json(grant).into_response(), &row))
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/return", tag = "grants", request_body = Nothing,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 200, body = GrantDone),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Gives a grant back before its time.
pub(crate) async fn give_back(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<Nothing>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &write.caller.viewer, number)?;
    let command = Command::ReturnGrant { grant: row.id };
    let done = submit(
        &portal,
        Wish::plain(write.caller.session.actor(), command, write.key),
    )
    .await?;
    after(&portal, &write.caller.viewer, number, &done)
}

fn issued(events: &[Event]) -> Option<(CredentialId, Timestamp)> {
    events.iter().find_map(|event| match event {
        Event::CredentialIssued {
            credential,
            expires_at,
            ..
        } => Some((*credential, *expires_at)),
        _ => None,
    })
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/credentials", tag = "grants", request_body = Nothing,
    params(("number" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Done once, however often it is sent")),
    responses(
    (status = 201, body = TokenOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Issues an access token for programs; never longer than the grant, at most 15 minutes.
pub(crate) async fn credential(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<Nothing>,
) -> Result<Response, Trouble> {
    let viewer = &write.caller.viewer;
    let row = visible(&portal, viewer, number)?;
    let command = Command::IssueCredential {
        grant: row.id,
        kind: CredentialKind::AccessToken,
    };
    let done = submit(
        &portal,
        Wish::plain(write.caller.session.actor(), command, write.key),
    )
    .await?;
    let (credential, grant_expires_at) = issued(&done.events).ok_or(Trouble::NotFound)?;
    let wanted = Wanted {
        credential,
        grant: row.id,
        platform: row.platform.clone(),
        holder: row.holder.clone(),
        account: viewer.account.to_string(),
        grant_expires_at,
    };
    let token = portal
        .app
        .issuer
        .issue(wanted, done.at)
        .map_err(|error| portal.failed(&error))?;
    let out = TokenOut {
        entry: done.entry,
        credential: credential.to_string(),
        token: token.token,
        expires_at: rfc3339(token.expires_at),
        origin: portal.app.gateways.get(&row.platform).cloned(),
    };
    let mut response = (StatusCode::CREATED, Json(out)).into_response();
    replayed(&mut response, &done);
    Ok(response)
}

/// The one-time secrets of a grant's credentials, each taken for good.
pub(crate) fn take_secrets(
    portal: &Portal,
    viewer: &Viewer,
    row: &GrantRow,
) -> Vec<(CredentialId, CredentialKind, String)> {
    let credentials = portal.app.engine.read(|state| {
        let grant = state.grants.get(&row.id);
        grant.map_or_else(Vec::new, |grant| {
            let of =
                |credential: &domain::grant::Credential| (credential.id, credential.kind.clone());
            grant.credentials.values().map(of).collect()
        })
    });
    let taken = credentials.into_iter().filter_map(|(id, kind)| {
        let secret = portal.app.engine.secret(id, &viewer.person)?;
        Some((id, kind, secret.0.to_string()))
    });
    taken.collect()
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/secret", tag = "grants", request_body = Nothing,
    params(("number" = String, Path)),
    responses(
    (status = 200, body = Vec<SecretOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// What its holder needs to use it (a database password, a Node-RED token): shown once, then forgotten. Empty if there is
/// nothing to show, or it was shown already.
pub(crate) async fn secret(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<Nothing>,
) -> Result<Json<Vec<SecretOut>>, Trouble> {
    let row = visible(&portal, &write.caller.viewer, number)?;
    if row.holder != write.caller.viewer.person {
        return Err(Trouble::NotFound);
    }
    let taken = take_secrets(&portal, &write.caller.viewer, &row);
    let out = taken.into_iter().map(|(id, kind, secret)| SecretOut {
        credential: id.to_string(),
        kind: super::wire::credential_kind(&kind).to_owned(),
        secret,
    });
    Ok(Json(out.collect()))
}

/// The host of an origin, without its port: what a gateway tells its sites apart by.
fn host_of(origin: &str) -> &str {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

/// A one-time code and where it goes.
pub(crate) struct Opening {
    pub(crate) code: String,
    pub(crate) post_to: String,
    pub(crate) expires_at: Timestamp,
}

/// Makes a one-time code for the holder of a grant on a platform behind a gateway.
pub(crate) fn opening(
    portal: &Portal,
    session: &Session,
    viewer: &Viewer,
    row: &GrantRow,
) -> Result<Opening, Trouble> {
    let origin = portal.app.gateways.get(&row.platform);
    let (true, Some(origin)) = (row.holder == viewer.person, origin) else {
        return Err(Trouble::NotFound);
    };
    let host = host_of(origin);
    let bound = Bound {
        grant: row.id,
        platform: row.platform.clone(),
        holder: viewer.person.clone(),
        actor: session.actor(),
        host: host.to_owned(),
        origin: portal.app.origin.clone(),
        session: session.id,
    };
    let (code, expires_at) = portal.app.codes.make(bound, viewer.now);
    Ok(Opening {
        code,
        post_to: format!("{origin}{REDEEM_PATH}"),
        expires_at,
    })
}

#[utoipa::path(post, path = "/api/v1/grants/{number}/open-code", tag = "grants", request_body = Nothing,
    params(("number" = String, Path)),
    responses(
    (status = 201, body = CodeOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Makes a one-time code for a browser session at the platform's gateway; good for a minute.
pub(crate) async fn open(
    State(portal): State<Shared>,
    Named(number): Named<GrantNumber>,
    write: Write<Nothing>,
) -> Result<Response, Trouble> {
    let viewer = &write.caller.viewer;
    let row = visible(&portal, viewer, number)?;
    let opening = opening(&portal, &write.caller.session, viewer, &row)?;
    let out = CodeOut {
        code: opening.code,
        post_to: opening.post_to,
        expires_at: rfc3339(opening.expires_at),
    };
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

#[utoipa::path(get, path = "/api/v1/grants/{number}/activity", tag = "grants", params(("number" = String, Path), Part), responses(
    (status = 200, body = Listed<UseOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// What was done with a grant, newest first.
pub(crate) async fn activity(
    State(portal): State<Shared>,
    caller: Caller,
    Named(number): Named<GrantNumber>,
    Asked(part): Asked<Part>,
) -> Result<Response, Trouble> {
    let row = visible(&portal, &caller.viewer, number)?;
    let page = part.page()?;
    let paged = portal
        .app
        .engine
        .views()
        .uses(row.id, page)
        .map_err(|error| portal.unread(&error))?;
    let items = paged.rows.iter().map(UseOut::of).collect();
    let next = paged.next.map(super::cursor);
    let path = format!("/api/v1/grants/{number}/activity");
    Ok(Listed { items, next }.answer(&path, &format!("limit={}", page.limit)))
}

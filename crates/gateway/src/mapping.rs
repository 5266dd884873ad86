//! From an HTTP request to what it means in the catalog: actions on targets, a destination, or what the catalog doesn't know.
//! Where the meaning lies in the body, the body is read whole (bounded), and its parsed form is what is forwarded.
use crate::{
    forward::Body,
    gateway::{Gateway, full},
    node_red::Document,
    own::{Own, bad_gateway, broken_off, own, too_long, unreachable},
    page,
    path::ParsedPath,
    route,
    site::Site,
};
use bytes::{Bytes, BytesMut};
use domain::{
    catalog::{DocumentEditor, RouteMeaning},
    ids::{ActionId, TargetId},
};
use engine::enforcement::PlatformMap;
use http::{HeaderValue, Method, Request, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest body that is read to find out what it means.
const READ_BYTES_MAX: usize = 8 * 1024 * 1024;
const REVISION_HEADER: &str = "node-red-api-version";
const DEPLOYMENT_HEADER: &str = "node-red-deployment-type";
/// How long a platform may take to tell its present document.
const DOCUMENT_WITHIN: std::time::Duration = std::time::Duration::from_secs(20);

/// A request and what it means.
pub(crate) struct Mapped {
    pub(crate) parts: Parts,
    pub(crate) body: Body,
    pub(crate) actions: BTreeSet<(ActionId, TargetId)>,
    pub(crate) destination: Option<String>,
    pub(crate) unmapped: Vec<String>,
    pub(crate) rows: Option<String>,
}

/// Finds out what `request` means.
///
/// # Errors
/// The gateway's own answer if the server can't be asked or the body is too long.
pub(crate) async fn map(
    gateway: &Gateway,
    site: &Site,
    request: Request<Body>,
    path: &ParsedPath,
) -> Result<Mapped, Own> {
    let platform = gateway
        .parts
        .authority
        .platform(&site.platform)
        .await
        .map_err(|error| unreachable(&error))?;
    let (parts, body) = request.into_parts();
    let mut mapped = Mapped {
        parts,
        body,
        actions: BTreeSet::new(),
        destination: None,
        unmapped: Vec::new(),
        rows: None,
    };
    let Some(found) = route::find(&platform, mapped.parts.method.as_str(), path) else {
        mapped.unmapped.push(format!(
            "`{} {}` is nothing the catalog knows",
            mapped.parts.method,
            route::bounded(&path.to_string())
        ));
        return Ok(mapped);
    };
    mapped.rows.clone_from(&found.route.rows);
    let reads_body = found.route.destination.is_some()
        || matches!(
            &found.route.meaning,
            RouteMeaning::Document { .. }
                | RouteMeaning::Elevated {
                    target: domain::catalog::TargetFrom::Json(_),
                    ..
                }
        );
    let json = if reads_body {
        read_json(&mut mapped).await?
    } else {
        None
    };
    name_destination(
        &mut mapped,
        found.route.destination.as_deref(),
        json.as_ref(),
    );
    match &found.route.meaning {
        RouteMeaning::Ambient => {}
        RouteMeaning::Elevated { .. } => match route::elevated(&found, &platform, json.as_ref()) {
            Some(Ok((action, target))) => {
                mapped.actions.insert((action.clone(), target));
            }
            Some(Err(unmapped)) => mapped.unmapped.push(unmapped),
            None => {}
        },
        RouteMeaning::Document {
            action,
            editor: DocumentEditor::NodeRedFlows,
        } => {
            // boxed: a rare way that would make every request carry its size
            Box::pin(map_flows(
                gateway,
                site,
                &platform,
                action,
                json,
                &mut mapped,
            ))
            .await?;
        }
    }
    Ok(mapped)
}

fn name_destination(mapped: &mut Mapped, pointer: Option<&str>, json: Option<&Value>) {
    let (Some(pointer), Some(json)) = (pointer, json) else {
        return;
    };
    match json.pointer(pointer).and_then(Value::as_str) {
        Some(destination) => {
            mapped.destination = Some(
                destination
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(256)
                    .collect(),
            );
        }
        None => mapped
            .unmapped
            .push("the request does not name its destination".to_owned()),
    }
}

/// Reads a body whole, up to `max` bytes.
///
/// # Errors
/// 413 if it is longer; 400 if it breaks off.
pub(crate) async fn read_bounded(mut body: Body, max: usize) -> Result<Bytes, Own> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(broken_off());
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len().saturating_add(data.len()) > max {
            return Err(too_long());
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// Reads the body as JSON and puts its parsed form in its place. A body that can't be read is told as unmapped.
async fn read_json(mapped: &mut Mapped) -> Result<Option<Value>, Own> {
    let plain = mapped.parts.headers.get(header::CONTENT_ENCODING).is_none();
    let body = std::mem::replace(&mut mapped.body, full(String::new()));
    let bytes = read_bounded(body, READ_BYTES_MAX).await?;
    let json = plain
        .then(|| serde_json::from_slice::<Value>(&bytes).ok())
        .flatten();
    match &json {
        Some(json) => put_json(mapped, json),
        None => mapped
            .unmapped
            .push("the body is not plain JSON".to_owned()),
    }
    Ok(json)
}

fn put_json(mapped: &mut Mapped, json: &Value) {
    let text = json.to_string();
    mapped
        .parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    mapped.parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    mapped.body = full(text);
}

/// Compares the posted flows with the present ones. The document is forwarded with the revision it was compared with, so that
/// a change in between is refused by Node-RED instead of slipping in.
async fn map_flows(
    gateway: &Gateway,
    site: &Site,
    platform: &PlatformMap,
    action: &ActionId,
    json: Option<Value>,
    mapped: &mut Mapped,
) -> Result<(), Own> {
    let Some(posted) = json else { return Ok(()) };
    if mapped
        .parts
        .headers
        .get(DEPLOYMENT_HEADER)
        .is_some_and(|kind| kind == "reload")
    {
        mapped.unmapped.push("a reload of all flows".to_owned());
        return Ok(());
    }
    let present = present_flows(gateway, site).await?;
    let read = (Document::read(&present), Document::read(&posted));
    let (before, after) = match &read {
        (Ok(before), Ok(after)) => (before, after),
        (Err(_), _) => return Err(bad_gateway()),
        (_, Err(error)) => {
            mapped.unmapped.push(error.to_string());
            return Ok(());
        }
    };
    if let (Some(theirs), Some(now)) = (after.revision, before.revision)
        && theirs != now
    {
        return Err(own(
            StatusCode::CONFLICT,
            page::own(
                "stale-document",
                "the flows have changed since you loaded them",
                "your change was made against flows that are no longer there",
                &["Load the flows again and repeat your change."],
            ),
        ));
    }
    let changes = before.changes(after);
    for tab in &changes.tabs {
        match platform.targets.get(tab) {
            Some(target) => {
                mapped.actions.insert((action.clone(), target.clone()));
            }
            None => mapped.unmapped.push(format!(
                "the tab `{}`, which is not a target of the catalog",
                route::bounded(tab)
            )),
        }
    }
    mapped.unmapped.extend(changes.elsewhere);
    // they would take the place of the credentials of every node on every tab
    if posted.get("credentials").is_some() {
        mapped
            .unmapped
            .push("the credentials of all nodes".to_owned());
    }
    let nodes = posted
        .get("flows")
        .cloned()
        .unwrap_or_else(|| posted.clone());
    let mut document = serde_json::json!({ "flows": nodes });
    if let (Some(object), Some(revision)) = (document.as_object_mut(), before.revision) {
        object.insert("rev".to_owned(), Value::from(revision));
    }
    let headers = &mut mapped.parts.headers;
    headers.insert(REVISION_HEADER, HeaderValue::from_static("v2"));
    // a full deployment would restart the tabs of others too
    headers.insert(DEPLOYMENT_HEADER, HeaderValue::from_static("flows"));
    put_json(mapped, &document);
    Ok(())
}

async fn present_flows(gateway: &Gateway, site: &Site) -> Result<Value, Own> {
    let silent = |_| bad_gateway();
    let path = ParsedPath::parse("/flows").map_err(|_| bad_gateway())?;
    let uri = crate::forward::upstream_uri(site, &path, None).map_err(silent)?;
    let mut headers = http::HeaderMap::new();
    headers.insert(REVISION_HEADER, HeaderValue::from_static("v2"));
    let request = crate::forward::request(site, uri, Method::GET, headers, full(String::new()))
        .map_err(silent)?;
    tokio::time::timeout(DOCUMENT_WITHIN, read_flows(gateway, request))
        .await
        .map_err(|_| bad_gateway())?
}

async fn read_flows(gateway: &Gateway, request: Request<Body>) -> Result<Value, Own> {
    let response = gateway
        .client
        .request(request)
        .await
        .map_err(|_| bad_gateway())?;
    if response.status() != StatusCode::OK {
        return Err(bad_gateway());
    }
    let body = read_bounded(
        response
            .into_body()
            .map_err(crate::forward::BodyError::new)
            .boxed(),
        READ_BYTES_MAX,
    )
    .await?;
    serde_json::from_slice(&body).map_err(|_| bad_gateway())
}

//! Evidence: what is in the ledger, found by word and filter, exported, and proved entry by entry.
use super::{
    extract::{Asked, Named},
    paging::{Listed, page},
    problem::Problem,
    proven::Proven,
    wire::PersonOut,
};
use crate::{
    app::{Portal, Shared},
    csv,
    names::Names,
    trouble::{Failure, Trouble},
    viewer::{Caller, Viewer, Watch},
    words::{encoded, read_time, rfc3339},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::{
    ids::{GrantNumber, PersonId, PrivilegeId, RequestNumber, TargetId},
    time::Timestamp,
};
use engine::views::{EntryRow, EvidenceQuery, Page};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};

/// What is looked for; every part given must match.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Search {
    /// Free words: matched in summary, purpose, comments and names.
    pub(crate) words: String,
    /// A person's id.
    pub(crate) actor: String,
    pub(crate) privilege: String,
    pub(crate) target: String,
    pub(crate) ticket: String,
    /// Kind of command, such as `approve-request`.
    pub(crate) kind: String,
    /// `done`, `refused` or a rule.
    pub(crate) outcome: String,
    /// Such as `R-1042`.
    pub(crate) request: String,
    /// Such as `G-877`.
    pub(crate) grant: String,
    /// First instant (RFC 3339).
    pub(crate) from: String,
    /// First instant after it (RFC 3339).
    pub(crate) to: String,
    /// Only what was on record at this instant (RFC 3339).
    pub(crate) as_of: String,
    /// `next` of the part before.
    pub(crate) cursor: String,
    /// How many rows at most, 1 to 200.
    pub(crate) limit: Option<usize>,
    /// For an export: `csv`, `json`, or `jsonl`, whose last line is the log's signed head: a receipt for whoever keeps it.
    pub(crate) format: String,
}

const WORDS_CHARS_MAX: usize = 200;
/// Most rows of one export.
pub(crate) const EXPORT_ROWS_MAX: usize = 10_000;

pub(super) fn one<T: FromStr>(name: &str, text: &str) -> Result<Option<T>, Trouble> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Trouble::Unusable {
        message: format!(
            "`{name}` is not understood: leave it empty or write an id as lists show it"
        ),
    })
}

pub(super) fn instant(
    name: &str,
    text: &str,
    portal: &Portal,
) -> Result<Option<Timestamp>, Trouble> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    read_time(text, &portal.app.zone)
        .map(Some)
        .ok_or_else(|| Trouble::Unusable {
            message: format!("`{name}` is not a time: write it as `2026-11-23T12:15:00+01:00`"),
        })
}

fn words(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(WORDS_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

impl Search {
    /// The query it stands for.
    pub(crate) fn query(&self, portal: &Portal) -> Result<EvidenceQuery, Trouble> {
        Ok(EvidenceQuery {
            words: words(&self.words),
            actor: one::<PersonId>("actor", &self.actor)?,
            privilege: one::<PrivilegeId>("privilege", &self.privilege)?,
            target: one::<TargetId>("target", &self.target)?,
            ticket: words(&self.ticket),
            kind: words(&self.kind),
            outcome: words(&self.outcome),
            request: one::<RequestNumber>("request", &self.request)?,
            grant: one::<GrantNumber>("grant", &self.grant)?,
            from: instant("from", &self.from, portal)?,
            to: self.end(portal)?,
        })
    }

    /// First instant after what is looked for: what was recorded at the very instant of `as_of` was on record then.
    fn end(&self, portal: &Portal) -> Result<Option<Timestamp>, Trouble> {
        let as_of = instant("as_of", &self.as_of, portal)?;
        let after = as_of.map(|at| Timestamp(at.0.saturating_add(1)));
        let to = instant("to", &self.to, portal)?;
        Ok(match (to, after) {
            (Some(to), Some(after)) => Some(to.min(after)),
            (to, after) => to.or(after),
        })
    }

    /// The same without characters that only mislead: it is shown again above what was found.
    pub(crate) fn cleaned(self) -> Self {
        let clean = |text: &String| engine::body::clean(text);
        Self {
            words: clean(&self.words),
            actor: clean(&self.actor),
            privilege: clean(&self.privilege),
            target: clean(&self.target),
            ticket: clean(&self.ticket),
            kind: clean(&self.kind),
            outcome: clean(&self.outcome),
            request: clean(&self.request),
            grant: clean(&self.grant),
            from: clean(&self.from),
            to: clean(&self.to),
            as_of: clean(&self.as_of),
            ..self
        }
    }

    /// The filters as an address carries them, without cursor and format.
    pub(crate) fn address(&self) -> String {
        let all = [
            ("words", &self.words),
            ("actor", &self.actor),
            ("privilege", &self.privilege),
            ("target", &self.target),
            ("ticket", &self.ticket),
            ("kind", &self.kind),
            ("outcome", &self.outcome),
            ("request", &self.request),
            ("grant", &self.grant),
            ("from", &self.from),
            ("to", &self.to),
            ("as_of", &self.as_of),
        ];
        let given = all.iter().filter(|(_, value)| !value.trim().is_empty());
        let pairs: Vec<String> = given
            .map(|(name, value)| format!("{name}={}", encoded(value.trim())))
            .collect();
        pairs.join("&")
    }
}

/// One ledger entry, for lists.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryOut {
    entry: u64,
    at: String,
    kind: String,
    stream: String,
    person: Option<PersonOut>,
    privilege: Option<String>,
    targets: Vec<String>,
    request: Option<String>,
    grant: Option<String>,
    /// `done` or the rule that refused.
    outcome: String,
    summary: String,
}

impl EntryOut {
    pub(crate) fn of(names: &Names, row: &EntryRow) -> Self {
        Self {
            entry: row.entry,
            at: rfc3339(row.at),
            kind: row.kind.clone(),
            stream: row.stream.clone(),
            person: row
                .person
                .as_ref()
                .map(|person| PersonOut::of(names, person)),
            privilege: row.privilege.as_ref().map(ToString::to_string),
            targets: row.targets.iter().map(ToString::to_string).collect(),
            request: row.request.map(|number| number.to_string()),
            grant: row.grant.map(|number| number.to_string()),
            outcome: row.outcome.clone(),
            summary: row.summary.clone(),
        }
    }
}

/// An entry with the proof that it is in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProvenOut {
    entry: EntryOut,
    /// SHA-256 leaf hash (RFC 6962 §2.1).
    hash: String,
    /// Siblings from leaf to root.
    proof: Vec<String>,
    /// Entries in the tree it was proved against.
    tree_size: u64,
    root: String,
    /// The signed checkpoint.
    checkpoint: String,
    /// Whether hash, proof and checkpoint fit together, checked just now.
    genuine: bool,
    /// The entry itself.
    #[schema(value_type = Object)]
    leaf: serde_json::Value,
}

pub(super) fn must_search(viewer: &Viewer) -> Result<(), Trouble> {
    viewer.must_watch(
        &[Watch::Auditor, Watch::Security, Watch::Governance],
        "auditor, security or governance",
    )
}

#[utoipa::path(get, path = "/api/v1/evidence", tag = "evidence", params(Search), responses(
    (status = 200, body = Listed<EntryOut>),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Searches the ledger, newest first.
pub(crate) async fn search(
    State(portal): State<Shared>,
    caller: Caller,
    Asked(search): Asked<Search>,
) -> Result<Response, Trouble> {
    must_search(&caller.viewer)?;
    let cursor = (!search.cursor.is_empty()).then_some(search.cursor.as_str());
    let page = page(cursor, search.limit)?;
    let paged = portal
        .app
        .engine
        .views()
        .entries(&search.query(&portal)?, page)
        .map_err(|error| portal.unread(&error))?;
    let names = Names::load(&portal)?;
    let items = paged
        .rows
        .iter()
        .map(|row| EntryOut::of(&names, row))
        .collect();
    let next = paged.next.map(super::cursor);
    Ok(Listed { items, next }.answer("/api/v1/evidence", &search.address()))
}

/// What an export contains: every entry that matches, newest first, up to [`EXPORT_ROWS_MAX`].
pub(crate) fn exported(portal: &Portal, search: &Search) -> Result<Response, Trouble> {
    let page = Page {
        before: None,
        limit: EXPORT_ROWS_MAX,
    };
    let paged = portal
        .app
        .engine
        .views()
        .entries(&search.query(portal)?, page)
        .map_err(|error| portal.unread(&error))?;
    let names = Names::load(portal)?;
    let rows: Vec<EntryOut> = paged
        .rows
        .iter()
        .map(|row| EntryOut::of(&names, row))
        .collect();
    let (kind, name, body) = match search.format.as_str() {
        "csv" => ("text/csv; charset=utf-8", "evidence.csv", as_csv(&rows)),
        "jsonl" => {
            let lines = as_lines(portal, &rows)?;
            ("application/jsonl", "evidence.jsonl", lines)
        }
        _ => {
            let json =
                serde_json::to_string_pretty(&rows).map_err(|error| portal.failed(&error))?;
            ("application/json", "evidence.json", json)
        }
    };
    let mut response = (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        body,
    )
        .into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// One entry in a line; the last line holds the newest signed head, so that an archive can tell later whether the log was cut.
fn as_lines(portal: &Portal, rows: &[EntryOut]) -> Result<String, Trouble> {
    let head = portal.app.engine.reader().head();
    let head = head.map_err(|error| portal.unread(&error))?;
    let mut text = String::new();
    for row in rows {
        let line = serde_json::to_string(row).map_err(|error| portal.failed(&error))?;
        text.push_str(&line);
        text.push('\n');
    }
    let last = serde_json::json!({ "checkpoint": head.checkpoint });
    text.push_str(&last.to_string());
    text.push('\n');
    Ok(text)
}

fn as_csv(rows: &[EntryOut]) -> String {
    let heading = [
        "entry",
        "at",
        "kind",
        "person",
        "name",
        "privilege",
        "targets",
        "request",
        "grant",
        "outcome",
        "summary",
    ];
    let mut text = csv::line(heading);
    for row in rows {
        let entry = row.entry.to_string();
        let targets = row.targets.join(" ");
        let or_empty = |value: &Option<String>| value.clone().unwrap_or_default();
        let person = row
            .person
            .as_ref()
            .map(|person| person.id.clone())
            .unwrap_or_default();
        let name = row
            .person
            .as_ref()
            .and_then(|person| person.name.clone())
            .unwrap_or_default();
        let (privilege, request, grant) = (
            or_empty(&row.privilege),
            or_empty(&row.request),
            or_empty(&row.grant),
        );
        text.push_str(&csv::line([
            entry.as_str(),
            &row.at,
            &row.kind,
            &person,
            &name,
            &privilege,
            &targets,
            &request,
            &grant,
            &row.outcome,
            &row.summary,
        ]));
    }
    text
}

#[utoipa::path(get, path = "/api/v1/evidence/export", tag = "evidence", params(Search), responses(
    (status = 200, content((String = "text/csv"), (Vec<EntryOut> = "application/json"), (String = "application/jsonl"))),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Exports what a search finds, as CSV, JSON, or JSON lines with the log's signed head; at most 10,000 entries.
pub(crate) async fn export(
    State(portal): State<Shared>,
    caller: Caller,
    Asked(search): Asked<Search>,
) -> Result<Response, Trouble> {
    must_search(&caller.viewer)?;
    exported(&portal, &search)
}

/// The entry a number names, if it exists for this person.
pub(crate) fn visible(portal: &Portal, viewer: &Viewer, entry: u64) -> Result<EntryRow, Trouble> {
    let views = portal.app.engine.views();
    let unread = |error: engine::ports::ReadError| portal.unread(&error);
    let row = views
        .entry(entry)
        .map_err(unread)?
        .ok_or(Trouble::NotFound)?;
    if viewer.sees_entry(&row) {
        return Ok(row);
    }
    if let Some(number) = row.request
        && super::requests::visible(portal, viewer, number).is_ok()
    {
        return Ok(row);
    }
    if let Some(number) = row.grant
        && super::grants::visible(portal, viewer, number).is_ok()
    {
        return Ok(row);
    }
    Err(Trouble::NotFound)
}

#[utoipa::path(get, path = "/api/v1/entries/{entry}", tag = "evidence", params(("entry" = u64, Path)), responses(
    (status = 200, body = ProvenOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// One entry, with the proof that it is in the log.
pub(crate) async fn entry(
    State(portal): State<Shared>,
    caller: Caller,
    Named(entry): Named<u64>,
) -> Result<Json<ProvenOut>, Trouble> {
    let row = visible(&portal, &caller.viewer, entry)?;
    let proven = Proven::read(&portal, entry)?;
    Ok(Json(ProvenOut {
        entry: EntryOut::of(&Names::load(&portal)?, &row),
        hash: proven.hash.to_string(),
        proof: proven.proof.iter().map(ToString::to_string).collect(),
        tree_size: proven.head.size,
        root: proven.head.root.to_string(),
        checkpoint: proven.checkpoint.clone(),
        genuine: proven.flaw.is_none(),
        leaf: proven.leaf(),
    }))
}

#[utoipa::path(get, path = "/api/v1/entries/{entry}/proof", tag = "evidence", params(("entry" = u64, Path)), responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// One entry as a `.tlog-proof` file (C2SP), to be checked offline.
pub(crate) async fn proof(
    State(portal): State<Shared>,
    caller: Caller,
    Named(entry): Named<u64>,
) -> Result<Response, Trouble> {
    visible(&portal, &caller.viewer, entry)?;
    proof_file(&portal, entry)
}

/// The `.tlog-proof` file as a download.
pub(crate) fn proof_file(portal: &Portal, entry: u64) -> Result<Response, Trouble> {
    let proven = Proven::read(portal, entry)?;
    if proven.flaw.is_some() {
        return Err(Trouble::Failed {
            reference: portal.reference(),
            what: Failure::Unreadable,
        });
    }
    let mut response = (
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        )],
        proven.file(entry),
    )
        .into_response();
    if let Ok(value) =
        HeaderValue::from_str(&format!("attachment; filename=\"e{entry}.tlog-proof\""))
    {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

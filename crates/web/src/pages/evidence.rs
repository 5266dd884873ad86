//! Searching the ledger: every filter is in the address, so a search is a link.
use super::{
    chrome::{Chrome, Part, html},
    parts::Choice,
};
use crate::{
    api::{Search, cursor, exported, read_cursor},
    app::{Portal, Shared},
    guard::Nonce,
    names::Names,
    trouble::Trouble,
    viewer::{Visitor, Watch},
    words::{self, When},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use engine::views::{EntryRow, Page};

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "evidence.html")]
pub(crate) struct EvidencePage {
    pub(crate) chrome: Chrome,
    pub(crate) errors: Vec<String>,
    pub(crate) search: Search,
    pub(crate) filters: Vec<Filter>,
    pub(crate) people: Vec<Choice>,
    pub(crate) privileges: Vec<Choice>,
    pub(crate) targets: Vec<Choice>,
    pub(crate) found: String,
    pub(crate) address: String,
    pub(crate) rows: Vec<EntryLine>,
    pub(crate) next: Option<String>,
    pub(crate) reach: String,
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) list: bool,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryLine {
    pub(crate) entry: u64,
    pub(crate) when: When,
    pub(crate) who: String,
    pub(crate) summary: String,
    pub(crate) links: Vec<Choice>,
    pub(crate) outcome: String,
}

const ROWS: usize = 50;

/// Entries that are counted; whether there are more is said.
const COUNTED: u64 = 1_000;

/// The request and grant that an entry is about.
pub(crate) fn links(row: &EntryRow) -> Vec<Choice> {
    let request = row
        .request
        .map(|number| Choice::new(format!("/requests/{number}"), number.to_string(), false));
    let grant = row
        .grant
        .map(|number| Choice::new(format!("/grants/{number}"), number.to_string(), false));
    request.into_iter().chain(grant).collect()
}

/// Who an entry is by.
pub(crate) fn who(names: &Names, row: &EntryRow) -> String {
    row.person.as_ref().map_or_else(
        || "operator or broker".to_owned(),
        |person| names.person(person),
    )
}

/// What came of it, in words.
pub(crate) fn outcome(row: &EntryRow) -> String {
    if row.outcome == "done" {
        "done".to_owned()
    } else {
        format!("refused: {}", row.outcome)
    }
}

fn filters(search: &Search) -> Vec<Filter> {
    let all = [
        ("actor", "Person", &search.actor, true),
        ("privilege", "Privilege", &search.privilege, true),
        ("target", "Target", &search.target, true),
        ("ticket", "Ticket", &search.ticket, false),
        ("kind", "Kind", &search.kind, false),
        ("outcome", "Outcome", &search.outcome, false),
        ("request", "Request", &search.request, false),
        ("grant", "Grant", &search.grant, false),
        ("from", "From", &search.from, false),
        ("to", "Until", &search.to, false),
        ("as_of", "As of", &search.as_of, false),
    ];
    let filter = |(name, label, value, list): (&'static str, &'static str, &String, bool)| Filter {
        name,
        label,
        value: value.clone(),
        list,
    };
    all.into_iter().map(filter).collect()
}

fn context(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    names: &Names,
    search: Search,
) -> Result<EvidencePage, Trouble> {
    let person = |(id, name): (&domain::ids::PersonId, &Option<String>)| {
        Choice::new(id, name.clone().unwrap_or_default(), false)
    };
    let catalog = names.catalog();
    let projected = portal
        .app
        .engine
        .views()
        .projected()
        .map_err(|error| portal.unread(&error))?;
    Ok(EvidencePage {
        chrome: Chrome::of(portal, nonce, visitor, names, Part::Evidence),
        errors: Vec::new(),
        filters: filters(&search),
        people: names.people().map(person).collect(),
        privileges: catalog
            .map(|catalog| {
                catalog
                    .privileges
                    .values()
                    .map(|p| Choice::new(&p.id, &p.title, false))
                    .collect()
            })
            .unwrap_or_default(),
        targets: catalog
            .map(|catalog| {
                catalog
                    .targets
                    .values()
                    .map(|t| Choice::new(&t.id, &t.title, false))
                    .collect()
            })
            .unwrap_or_default(),
        found: String::new(),
        address: search.address(),
        rows: Vec::new(),
        next: None,
        reach: format!(
            "{} were searched.",
            words::count(projected, "entry", "entries")
        ),
        search,
    })
}

fn fill(portal: &Portal, names: &Names, page: &mut EvidencePage) -> Result<(), Trouble> {
    let query = page.search.query(portal)?;
    let views = portal.app.engine.views();
    let part = Page {
        before: read_cursor(&page.search.cursor),
        limit: ROWS,
    };
    let paged = views
        .entries(&query, part)
        .map_err(|error| portal.unread(&error))?;
    let count = views
        .count(&query, COUNTED + 1)
        .map_err(|error| portal.unread(&error))?;
    let line = |row: &EntryRow| EntryLine {
        entry: row.entry,
        when: words::when_exactly(row.at, &portal.app.zone),
        who: who(names, row),
        summary: row.summary.clone(),
        links: links(row),
        outcome: outcome(row),
    };
    page.rows = paged.rows.iter().map(line).collect();
    page.found = if count > COUNTED {
        format!("More than {} entries found.", words::grouped(COUNTED))
    } else {
        format!("{} found.", words::count(count, "entry", "entries"))
    };
    page.next = paged
        .next
        .map(|before| format!("/evidence?{}&cursor={}", page.address, cursor(before)));
    Ok(())
}

fn may(visitor: &Visitor) -> Result<(), Trouble> {
    visitor.viewer.must_watch(
        &[Watch::Auditor, Watch::Security, Watch::Governance],
        "auditor, security or governance",
    )
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Query(search): Query<Search>,
) -> Result<Response, Trouble> {
    may(&visitor)?;
    let names = Names::load(&portal)?;
    let mut page = context(&portal, &nonce, &visitor, &names, search.cleaned())?;
    match fill(&portal, &names, &mut page) {
        Ok(()) => Ok(html(&portal, StatusCode::OK, &page)),
        Err(trouble @ Trouble::Unusable { .. }) => {
            page.errors = vec![trouble.words().detail];
            Ok(html(&portal, trouble.status(), &page))
        }
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn export(
    State(portal): State<Shared>,
    visitor: Visitor,
    Query(search): Query<Search>,
) -> Result<Response, Trouble> {
    may(&visitor)?;
    exported(&portal, &search)
}

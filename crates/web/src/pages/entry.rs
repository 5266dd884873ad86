//! One entry, proved while the page is made: its hash, its place in the tree, the signed checkpoint.
use super::{
    chrome::{Chrome, Part, html},
    evidence::{links, outcome, who},
    parts::Choice,
};
use crate::{
    api::{Proven, entry_visible, proof_file},
    app::Shared,
    guard::Nonce,
    names::Names,
    trouble::{Trouble, sentence},
    viewer::Visitor,
    words::{self, When},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "entry.html")]
pub(crate) struct EntryPage {
    pub(crate) chrome: Chrome,
    pub(crate) back: String,
    pub(crate) entry: u64,
    pub(crate) grouped: String,
    pub(crate) genuine: bool,
    pub(crate) flaw: String,
    pub(crate) when: When,
    pub(crate) checked: Vec<String>,
    pub(crate) who: String,
    pub(crate) kind: String,
    pub(crate) outcome: String,
    pub(crate) summary: String,
    pub(crate) policies: String,
    pub(crate) bundle: String,
    pub(crate) links: Vec<Choice>,
    pub(crate) hash: String,
    pub(crate) proof: Vec<String>,
    pub(crate) checkpoint: String,
    pub(crate) leaf: String,
}

fn number(text: &str) -> Result<u64, Trouble> {
    text.parse().map_err(|_| Trouble::NotFound)
}

fn policies(leaf: &serde_json::Value) -> String {
    let found = leaf
        .pointer("/record/verdict/policies")
        .and_then(serde_json::Value::as_array);
    let names: Vec<String> = found
        .into_iter()
        .flatten()
        .filter_map(|policy| policy.as_str().map(str::to_owned))
        .collect();
    if names.is_empty() {
        "none were asked".to_owned()
    } else {
        names.join(", ")
    }
}

fn bundle(leaf: &serde_json::Value) -> String {
    let named = leaf.pointer("/bundle").and_then(serde_json::Value::as_str);
    named.unwrap_or("none").to_owned()
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Path(entry): Path<String>,
) -> Result<Response, Trouble> {
    let entry = number(&entry)?;
    let row = entry_visible(&portal, &visitor.viewer, entry)?;
    let proven = Proven::read(&portal, entry)?;
    let names = Names::load(&portal)?;
    let leaf = proven.leaf();
    let links = links(&row);
    let back = if visitor.viewer.sees_all() {
        "/evidence".to_owned()
    } else {
        links
            .first()
            .map_or_else(|| "/".to_owned(), |link| link.value.clone())
    };
    let page = EntryPage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Evidence),
        back,
        entry,
        grouped: words::grouped(entry),
        genuine: proven.flaw.is_none(),
        flaw: proven.flaw.as_deref().map(sentence).unwrap_or_default(),
        when: words::when_exactly(row.at, &portal.app.zone),
        checked: vec![
            "Its hash is that of the bytes recorded.".to_owned(),
            format!(
                "It has its place in the tree of {}.",
                words::count(proven.head.size, "entry", "entries")
            ),
            "The checkpoint of that tree is signed with the log\u{2019}s key.".to_owned(),
        ],
        who: who(&names, &row),
        kind: row.kind.clone(),
        outcome: outcome(&row),
        summary: row.summary.clone(),
        policies: policies(&leaf),
        bundle: bundle(&leaf),
        links,
        hash: proven.hash.to_string(),
        proof: proven.proof.iter().map(ToString::to_string).collect(),
        checkpoint: proven.checkpoint.clone(),
        leaf: serde_json::to_string_pretty(&leaf).map_err(|error| portal.failed(&error))?,
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

pub(crate) async fn proof(
    State(portal): State<Shared>,
    visitor: Visitor,
    Path(entry): Path<String>,
) -> Result<Response, Trouble> {
    let entry = number(&entry)?;
    entry_visible(&portal, &visitor.viewer, entry)?;
    proof_file(&portal, entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> EntryPage {
        EntryPage {
            chrome: Chrome::sample(),
            back: "/evidence".to_owned(),
            entry: 48_211,
            grouped: "48,211".to_owned(),
            genuine: false,
            flaw: "The proof does not lead to the root.".to_owned(),
            when: When {
                machine: "2026-11-23T11:04:31Z".to_owned(),
                text: "23 Nov 2026, 12:04:31 (UTC+01:00)".to_owned(),
            },
            checked: Vec::new(),
            who: "Cyd Haddad".to_owned(),
            kind: "approve-request".to_owned(),
            outcome: "done".to_owned(),
            summary: "approved R-1042".to_owned(),
            policies: "none were asked".to_owned(),
            bundle: "none".to_owned(),
            links: Vec::new(),
            hash: "00".repeat(32),
            proof: Vec::new(),
            checkpoint: String::new(),
            leaf: "{}".to_owned(),
        }
    }

    #[test]
    fn an_entry_that_does_not_match_is_never_called_genuine() {
        let page = sample().render().unwrap();
        assert!(
            page.contains("Entry 48,211 – does not match the log</h1>"),
            "{page}"
        );
        assert!(
            page.contains("Do not rely on it. The proof does not lead to the root."),
            "{page}"
        );
        assert!(!page.contains("genuine"), "{page}");
        assert!(!page.contains("Download with proof"), "{page}");
    }
}

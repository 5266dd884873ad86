//! The catalog: what can be had, what fits, and on which terms.
use super::{
    chrome::{Chrome, Part, html},
    parts::{Choice, delicate_targets, seat_rule},
};
use crate::{
    api::missing,
    app::Shared,
    guard::Nonce,
    names::{Names, listed},
    trouble::Trouble,
    viewer::{Viewer, Visitor},
    words,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    catalog::{Catalog, Privilege},
    ids::{PersonId, PrivilegeId},
    state::State as Rules,
};
use serde::Deserialize;
use std::collections::BTreeSet;

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "catalog.html")]
pub(crate) struct CatalogPage {
    pub(crate) chrome: Chrome,
    pub(crate) q: String,
    pub(crate) platforms: Vec<Choice>,
    pub(crate) fitting: Vec<Item>,
    pub(crate) others: Vec<Item>,
}

/// One catalog entry in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: PrivilegeId,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) platform: String,
    pub(crate) phase: &'static str,
    pub(crate) longest: String,
    pub(crate) missing: String,
}

/// One catalog entry, whole.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "privilege.html")]
pub(crate) struct PrivilegePage {
    pub(crate) chrome: Chrome,
    pub(crate) id: PrivilegeId,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) platform: String,
    pub(crate) missing: String,
    pub(crate) can: Vec<String>,
    pub(crate) cannot: Vec<String>,
    pub(crate) targets: String,
    pub(crate) longest: String,
    pub(crate) windows: String,
    pub(crate) deciders: String,
    pub(crate) owner: String,
    pub(crate) phase: &'static str,
    pub(crate) holders: String,
    pub(crate) controls: Vec<String>,
    pub(crate) smaller: Vec<Choice>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    platform: String,
}

fn item(
    catalog: &Catalog,
    state: &Rules,
    viewer: &Viewer,
    names: &Names,
    privilege: &Privilege,
) -> Item {
    Item {
        id: privilege.id.clone(),
        title: privilege.title.clone(),
        summary: privilege.summary.clone(),
        platform: names.platform(&privilege.platform),
        phase: words::phase(privilege.phase),
        longest: privilege.grant_seconds_max.to_string(),
        missing: missing(catalog, &state.directory, viewer, privilege).join("; "),
    }
}

fn matches(privilege: &Privilege, names: &Names, asked: &Asked) -> bool {
    let text = format!(
        "{} {} {} {}",
        privilege.title,
        privilege.summary,
        privilege.id,
        names.targets(&privilege.targets)
    )
    .to_lowercase();
    let found = asked
        .q
        .to_lowercase()
        .split_whitespace()
        .all(|word| text.contains(word));
    found && (asked.platform.is_empty() || privilege.platform.as_str() == asked.platform)
}

pub(crate) async fn list(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let catalog = names.catalog().ok_or(Trouble::NotFound)?;
    let items: Vec<Item> = portal.app.engine.read(|state| {
        let shown = catalog
            .privileges
            .values()
            .filter(|privilege| matches(privilege, &names, &asked));
        shown
            .map(|privilege| item(catalog, state, &visitor.viewer, &names, privilege))
            .collect()
    });
    let (fitting, others) = items.into_iter().partition(|item| item.missing.is_empty());
    let platforms = catalog.platforms.values();
    let page = CatalogPage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Catalog),
        q: engine::body::clean(&asked.q).chars().take(100).collect(),
        platforms: platforms
            .map(|platform| {
                Choice::new(
                    &platform.id,
                    &platform.title,
                    platform.id.as_str() == asked.platform,
                )
            })
            .collect(),
        fitting,
        others,
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

fn windows(privilege: &Privilege) -> String {
    if privilege.windows.is_empty() {
        return "at any time".to_owned();
    }
    let window = |window: &domain::window::Window| {
        let days: Vec<String> = window.days.iter().map(|day| format!("{day:?}")).collect();
        format!(
            "{}, {:02}:{:02} to {:02}:{:02} ({})",
            listed(&days, "and"),
            window.from_minute / 60,
            window.from_minute % 60,
            window.to_minute / 60,
            window.to_minute % 60,
            window.zone
        )
    };
    let all: Vec<String> = privilege.windows.iter().map(window).collect();
    all.join("; ")
}

fn deciders(names: &Names, privilege: &Privilege) -> String {
    let stage = |stage: &domain::catalog::Stage| {
        let seats: Vec<String> = stage
            .seats
            .iter()
            .map(|rule| seat_rule(names, rule))
            .collect();
        listed(&seats, "and")
    };
    let stages: Vec<String> = privilege.stages.iter().map(stage).collect();
    if stages.is_empty() {
        "nobody for small impact; impact can add people".to_owned()
    } else {
        format!("{}; impact can add people", stages.join(", then "))
    }
}

pub(crate) async fn one(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let names = Names::load(&portal)?;
    let catalog = names.catalog().ok_or(Trouble::NotFound)?;
    let privilege = id
        .parse::<PrivilegeId>()
        .ok()
        .and_then(|id| catalog.privileges.get(&id))
        .ok_or(Trouble::NotFound)?;
    let (missing, holders) = portal.app.engine.read(|state| {
        let holding = state.grants.values().filter(|grant| {
            grant.terms.privilege == privilege.id && grant.state.expires_at().is_some()
        });
        let holders: BTreeSet<PersonId> = holding.map(|grant| grant.terms.holder.clone()).collect();
        (
            missing(catalog, &state.directory, &visitor.viewer, privilege),
            holders,
        )
    });
    let smaller = privilege
        .smaller
        .iter()
        .map(|id| Choice::new(id, names.privilege(id), false));
    let page = PrivilegePage {
        chrome: Chrome::of(&portal, &nonce, &visitor, &names, Part::Catalog),
        id: privilege.id.clone(),
        title: privilege.title.clone(),
        summary: privilege.summary.clone(),
        platform: names.platform(&privilege.platform),
        missing: missing.join("; "),
        can: privilege.can.clone(),
        cannot: privilege.cannot.clone(),
        targets: delicate_targets(&names, &privilege.targets, "or"),
        longest: privilege.grant_seconds_max.to_string(),
        windows: windows(privilege),
        deciders: deciders(&names, privilege),
        owner: names.person(&privilege.owner),
        phase: words::phase(privilege.phase),
        holders: names.persons(&holders),
        controls: privilege.risk_controls.values().cloned().collect(),
        smaller: smaller.collect(),
    };
    Ok(html(&portal, StatusCode::OK, &page))
}

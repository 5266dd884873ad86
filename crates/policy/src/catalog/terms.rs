//! Deadlines of the consent flow, change freezes, and rules about what one person may not hold together.
use super::{
    known::Kind,
    read::{Node, Table, by_id},
    targets::ENVIRONMENTS,
    words::span,
};
use domain::{
    catalog::{Conflict, Freeze, Terms},
    ids::ConflictId,
    time::Seconds,
};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: Seconds = Seconds(60);
const DAY: u32 = 86_400;

/// `[terms]`.
pub(super) fn terms(node: &Node<'_>) -> Option<Terms> {
    let table = node.table("`terms`")?;
    let within = |name, days: u32| {
        let node = table.need(name)?;
        span(&node, MINUTE, Seconds(days * DAY))
    };
    let escalate_after = within("escalate-after", 30);
    let expire_after = within("expire-after", 90);
    let start_ahead_max = within("start-ahead", 365);
    let review_within = within("review-within", 90);
    let open_requests_max = table.must("open-requests", |node| node.number(1, 1_000));
    let forget_after_leaving = match table.find("forget-after-leaving") {
        None => None,
        Some(node) => Some(span(&node, Seconds(DAY), Seconds(3_650 * DAY))?),
    };
    let terms = Terms {
        forget_after_leaving,
        escalate_after: escalate_after?,
        expire_after: expire_after?,
        start_ahead_max: start_ahead_max?,
        review_within: review_within?,
        open_requests_max: open_requests_max?,
    };
    if terms.expire_after <= terms.escalate_after {
        table.wrong(
            "a request lapses before its deputies are asked",
            Some("make `expire-after` longer than `escalate-after`"),
        );
    }
    table.close();
    Some(terms)
}

/// Adds the conflict rules of one file.
pub(super) fn conflicts(root: &Table<'_>, to: &mut BTreeMap<ConflictId, Conflict>) {
    to.extend(by_id(root.find("conflict"), (Kind::Conflict, ""), conflict));
}

fn conflict(id: &ConflictId, node: &Node<'_>) -> Option<Conflict> {
    let table = node.table(format!("the conflict `{id}`"))?;
    let why = table.text("why");
    let privileges = table.must("privileges", |n| n.claimed(Kind::Privilege, ""));
    let duties = table.or("duties", BTreeSet::new(), |node| {
        node.claimed(Kind::Duty, "")
    });
    let conflict = Conflict {
        id: id.clone(),
        why: why?,
        privileges: privileges?,
        duties: duties?,
    };
    let bars_something = if conflict.duties.is_empty() {
        conflict.privileges.len() > 1
    } else {
        !conflict.privileges.is_empty()
    };
    if !bars_something {
        let message = format!("the conflict `{id}` bars nothing");
        table.wrong(
            message,
            Some("name two privileges, or a privilege and a duty"),
        );
    }
    table.close();
    Some(conflict)
}

/// Adds the freezes of one file.
pub(super) fn freezes(root: &Table<'_>, to: &mut Vec<Freeze>) {
    let nodes = root.find("freeze").and_then(|node| node.list());
    to.extend(nodes.unwrap_or_default().iter().filter_map(freeze));
}

fn freeze(node: &Node<'_>) -> Option<Freeze> {
    let table = node.table("a freeze")?;
    let why = table.text("why");
    let starts_at = table.must("from", Node::instant);
    let ends_at = table.must("to", Node::instant);
    let environments = table.must("environments", |n| n.choices(&ENVIRONMENTS));
    let platforms = table.or("platforms", BTreeSet::new(), |node| {
        node.claimed(Kind::Platform, "")
    });
    let freeze = Freeze {
        why: why?,
        starts_at: starts_at?,
        ends_at: ends_at?,
        environments: environments?,
        platforms: platforms?,
    };
    if freeze.ends_at <= freeze.starts_at {
        table.wrong("the freeze ends before it begins", None);
    }
    if freeze.environments.is_empty() {
        table.wrong("the freeze covers no environment", None);
    }
    table.close();
    Some(freeze)
}

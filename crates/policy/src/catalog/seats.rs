//! Stages and seats. A seat that could never be filled as written (more different holders than it names) is a mistake, so that it
//! is found before somebody waits for it.
use super::{known::Kind, read::Node};
use crate::mistake::Located;
use domain::{
    catalog::{SeatHolder, SeatRule, Stage},
    ids::{DutyId, GroupId, SeatId},
};
use std::collections::BTreeSet;

/// Most consents of one seat.
const COUNT_MAX: u8 = 9;

/// A list of `[[....stage]]`, each with `seats`.
pub(super) fn stages(node: &Node<'_>) -> Option<Vec<Stage>> {
    let mut ids = BTreeSet::new();
    let mut stages = Vec::new();
    for node in node.list()? {
        let Some(table) = node.table("a stage") else {
            continue;
        };
        let seats = table.must("seats", |node| seats(node, &mut ids));
        if seats.as_ref().is_some_and(Vec::is_empty) {
            table.wrong("a stage needs a seat", None);
        }
        table.close();
        stages.push(Stage { seats: seats? });
    }
    Some(stages)
}

/// A list of seats; `ids` are those already used beside them.
pub(super) fn seats(node: &Node<'_>, ids: &mut BTreeSet<SeatId>) -> Option<Vec<SeatRule>> {
    let mut seats = Vec::new();
    let mut all_read = true;
    for node in node.list()? {
        let Some(seat) = seat(&node) else {
            all_read = false;
            continue;
        };
        if !ids.insert(seat.id.clone()) {
            node.wrong(format!("there are two seats `{}` here", seat.id), None);
        }
        seats.push(seat);
    }
    all_read.then_some(seats)
}

/// `{ id = "security", duty = "security" }`, `{ id = "owner", data-owner = true }`,
/// `{ id = "two", any-of = ["duty:security", "group:finance-leads"], count = 2, distinct = true }`.
fn seat(node: &Node<'_>) -> Option<SeatRule> {
    let table = node.table("a seat")?;
    let id: Option<Located<SeatId>> = table.must("id", Node::id);
    let mut holders: Vec<SeatHolder> = Vec::new();
    let mut said = 0;
    for name in ["duty", "group", "data-owner", "governance-owner", "any-of"] {
        if let Some(node) = table.find(name) {
            said += 1;
            holders.extend(holders_of(name, &node)?);
        }
    }
    let count = table.or("count", 1, |node| node.number(1, COUNT_MAX));
    let distinct = table.or("distinct", false, Node::truth);
    if said != 1 {
        table.wrong("a seat says in one way who may fill it", Some(
            "write one of `duty`, `group`, `data-owner = true`, `governance-owner = true`, `any-of = [...]`",
        ));
    }
    table.close();
    let seat = SeatRule {
        id: id?.value,
        holders,
        count: count?,
        distinct: distinct?,
    };
    if seat.holders.is_empty() {
        return None;
    }
    if seat.distinct && usize::from(seat.count) > seat.holders.len() {
        let message = format!(
            "the seat `{}` can't be filled: it needs consents of {} different holders and names {}",
            seat.id,
            seat.count,
            seat.holders.len()
        );
        node.wrong(
            message,
            Some("name more holders, lower `count`, or leave out `distinct`"),
        );
    }
    Some(seat)
}

fn holders_of(name: &str, node: &Node<'_>) -> Option<Vec<SeatHolder>> {
    match name {
        "duty" => Some(vec![SeatHolder::Duty(duty(&node.id()?, node))]),
        "group" => Some(vec![SeatHolder::Group(group(&node.id()?, node))]),
        "data-owner" => node.truth()?.then(|| vec![SeatHolder::DataOwner]),
        "governance-owner" => node.truth()?.then(|| vec![SeatHolder::GovernanceOwner]),
        _ => {
            let mut holders = Vec::new();
            for node in node.list()? {
                let holder = holder(&node)?;
                if holders.contains(&holder) {
                    node.wrong("this holder is named already", None);
                } else {
                    holders.push(holder);
                }
            }
            Some(holders)
        }
    }
}

/// `duty:NAME`, `group:NAME`, `data-owner` or `governance-owner`.
fn holder(node: &Node<'_>) -> Option<SeatHolder> {
    let text = node.text()?;
    let named = text.split_once(':');
    let found = match (text, named) {
        ("data-owner", _) => Some(SeatHolder::DataOwner),
        ("governance-owner", _) => Some(SeatHolder::GovernanceOwner),
        (_, Some(("duty", id))) => id.parse().ok().map(|id: DutyId| {
            SeatHolder::Duty(duty(
                &Located {
                    value: id,
                    place: node.place(),
                },
                node,
            ))
        }),
        (_, Some(("group", id))) => id.parse().ok().map(|id: GroupId| {
            SeatHolder::Group(group(
                &Located {
                    value: id,
                    place: node.place(),
                },
                node,
            ))
        }),
        _ => None,
    };
    if found.is_none() {
        let message = format!("`{text}` names no holder of a seat");
        node.wrong(
            message,
            Some("write `duty:ID`, `group:ID`, `data-owner` or `governance-owner`"),
        );
    }
    found
}

fn duty(id: &Located<DutyId>, node: &Node<'_>) -> DutyId {
    node.file.findings.claim(Kind::Duty, "", id);
    id.value.clone()
}

fn group(id: &Located<GroupId>, node: &Node<'_>) -> GroupId {
    node.file.findings.claim(Kind::Group, "", id);
    id.value.clone()
}

//! Weights and bands of the impact score.
use super::{
    read::{Node, Table},
    seats::seats,
};
use domain::{catalog::SeatRule, impact::ImpactPolicy};
use std::collections::BTreeSet;

/// `[impact]`.
pub(super) fn impact(node: &Node<'_>) -> Option<ImpactPolicy> {
    let table = node.table("`impact`")?;
    let data_class = points(
        &table,
        "data-class",
        ["public", "internal", "confidential", "restricted"],
    );
    let environment = points(&table, "environment", ["development", "test", "production"]);
    let action = points(
        &table,
        "action",
        ["read", "run", "change", "export", "administer"],
    );
    let breadth = points(&table, "breadth", ["each", "most"]);
    let duration = points(&table, "duration", ["each", "most"]);
    let history = points(&table, "history", ["each", "most"]);
    let first_time = table.must("first-time", |node| node.number(0, 100));
    let training = table.must("training", |node| node.number(0, 100));
    let bands = points(&table, "bands", ["medium", "high", "critical"]);
    if let Some([medium, high, critical]) = bands
        && !(0 < medium && medium < high && high < critical)
    {
        table.wrong(
            "the bands don't follow each other",
            Some("write them as 0 < medium < high < critical"),
        );
    }
    let seats = table.or("seats", [Vec::new(), Vec::new(), Vec::new()], added);
    table.close();
    let pair = |[each, most]: [u8; 2]| (each, most);
    Some(ImpactPolicy {
        data_class: data_class?,
        environment: environment?,
        action: action?,
        breadth: pair(breadth?),
        duration: pair(duration?),
        history: pair(history?),
        first_time: first_time?,
        training: training?,
        bands: bands?,
        seats: seats?,
    })
}

/// A table of points, one for each of `names`.
fn points<const N: usize>(
    table: &Table<'_>,
    field: &'static str,
    names: [&'static str; N],
) -> Option<[u8; N]> {
    let inner = table.need(field)?.table(format!("`{field}`"))?;
    let found = names.map(|name| inner.must(name, |node| node.number(0, 100)));
    inner.close();
    let mut points = [0; N];
    for (point, found) in points.iter_mut().zip(found) {
        *point = found?;
    }
    Some(points)
}

/// `[impact.seats]`: seats that a band adds to the catalog's.
fn added(node: &Node<'_>) -> Option<[Vec<SeatRule>; 3]> {
    let table = node.table("`seats`")?;
    let mut ids = BTreeSet::new();
    let mut of = |name| table.or(name, Vec::new(), |node| seats(node, &mut ids));
    let (medium, high, critical) = (of("medium"), of("high"), of("critical"));
    table.close();
    Some([medium?, high?, critical?])
}

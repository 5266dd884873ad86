//! What is written in a catalog is what is read: the example's values, and the small written forms.
use crate::fixture::{bundle, files, id, ids};
use domain::{
    catalog::{
        BreakGlassRule, Provisioning, Requirement, RouteMeaning, SeatHolder, TableRight, TargetFrom,
    },
    time::{Seconds, Timestamp},
    window::Day,
};

#[test]
fn the_example_is_read_as_it_is_written() {
    let catalog = bundle(&[]).catalog;
    let lent = &catalog.privileges[&id("warehouse-correct-invoices")];
    assert_eq!(lent.grant_seconds_max, Seconds(5_400));
    assert_eq!(lent.windows[0].zone, "Europe/Berlin");
    assert_eq!(lent.windows[0].days.first(), Some(&Day::Monday));
    assert_eq!(lent.windows[0].days.last(), Some(&Day::Friday));
    assert_eq!(
        (lent.windows[0].from_minute, lent.windows[0].to_minute),
        (480, 1_080)
    );
    assert_eq!(
        lent.provisioning,
        Provisioning::PostgresRole {
            rights: [TableRight::Select, TableRight::Update].into(),
        }
    );
    assert_eq!(lent.ticket.required, Requirement::Required);
    assert_eq!(lent.eligibility.teams, ids("finance"));
    assert_eq!(lent.break_glass, BreakGlassRule::Barred);
    let wide = &catalog.privileges[&id("ledgerly-administer")];
    assert_eq!(
        wide.break_glass,
        BreakGlassRule::Allowed {
            grant_seconds_max: Seconds(3_600),
        }
    );
    let seat = &wide.stages[1].seats[1];
    assert_eq!((seat.count, seat.distinct), (2, true));
    assert_eq!(seat.holders[2], SeatHolder::Group(id("finance-leads")));
    assert_eq!(wide.budget.bytes_max, Some(20_000_000));
    assert_eq!(wide.budget.destinations, std::collections::BTreeSet::new());
    assert_eq!(catalog.freezes[0].starts_at, Timestamp(1_798_585_200_000));
    assert_eq!(catalog.impact.bands, [35, 60, 80]);
    assert_eq!(catalog.terms.escalate_after, Seconds(7_200));
}

#[test]
fn routes_keep_their_order_and_spread_over_their_calls() {
    let catalog = bundle(&[]).catalog;
    let routes = &catalog.platforms[&id("ledgerly")].routes;
    let told: Vec<String> = routes
        .iter()
        .map(|route| {
            let methods: Vec<&str> = route.methods.iter().map(String::as_str).collect();
            let meaning = match &route.meaning {
                RouteMeaning::Ambient => "ambient".to_owned(),
                RouteMeaning::Document { action, .. } => format!("{action} by document"),
                RouteMeaning::Elevated { action, target } => match target {
                    TargetFrom::Fixed(target) => format!("{action} on {target}"),
                    TargetFrom::Path(name) => format!("{action} on {{{name}}}"),
                    TargetFrom::Json(pointer) => format!("{action} on {pointer} of the body"),
                },
            };
            let rows = route.rows.as_deref().unwrap_or("-");
            format!(
                "{} {}: {meaning}, rows {rows}",
                methods.join("|"),
                route.path
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    GET /api/suppliers: supplier.read on ledgerly.suppliers, rows /rows
    GET /api/suppliers/{id}: supplier.read on ledgerly.suppliers, rows -
    PUT /api/flows/{flow}: flow.change on {flow}, rows -
    POST /api/flows/{flow}/run: flow.run on {flow}, rows -
    POST /api/export: supplier.export on ledgerly.suppliers, rows /rows
    GET|HEAD /: ambient, rows -
    GET|HEAD /static/*: ambient, rows -
    GET /favicon.ico: ambient, rows -
    GET /api/flows: ambient, rows -
    ");
}

#[test]
fn windows_may_wrap_round_the_week_and_last_whole_days() {
    let path = "catalog/privileges/warehouse.toml";
    let days = |from: &str, to: &str| {
        let before = files(&[]);
        let text = std::str::from_utf8(before.content(path).unwrap()).unwrap();
        let changed = text.replace(from, to);
        assert_ne!(text, changed);
        let read = bundle(&[(path, Some(&changed))]).catalog;
        let window = read.privileges[&id("warehouse-correct-invoices")].windows[0].clone();
        let days: Vec<String> = window.days.iter().map(|day| format!("{day:?}")).collect();
        format!(
            "{} {}-{}",
            days.join(" "),
            window.from_minute,
            window.to_minute
        )
    };
    let written = "days = \"monday..friday\"";
    insta::assert_snapshot!([
        days(written, "days = \"saturday..monday\""),
        days(written, "days = \"sunday\""),
        days(written, "days = [\"tuesday\", \"thursday\"]"),
        days("days = \"monday..friday\", from = \"08:00\", to = \"18:00\"", "from = \"00:00\", to = \"24:00\""),
    ].join("\n"), @r"
    Monday Saturday Sunday 480-1080
    Sunday 480-1080
    Tuesday Thursday 480-1080
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday 0-0
    ");
}

#[test]
fn a_catalog_may_lie_in_many_files() {
    let more = "[lesson.more]\ntitle = \"More\"\nminutes = 3\n";
    let catalog = bundle(&[("catalog/more/lessons.toml", Some(more))]).catalog;
    assert_eq!(catalog.lessons[&id("more")].minutes, 3);
    assert_eq!(catalog.lessons.len(), 4);
}

//! The overview for security: what is live, what is wrong, and one button to end it.
use super::{
    alarms::{self, ATTEMPTS_OVERDUE, AlarmWords, overdue},
    chart::{HourWords, svg},
    chrome::{Chrome, Hidden, Part, html, rendered},
};
use crate::{
    api::open_reviews,
    app::{Portal, Shared},
    guard::Nonce,
    live,
    names::Names,
    trouble::Trouble,
    viewer::{Visitor, Watch},
    words::{self, Tag, When, grant_tag},
};
use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{
    grant::{Grant, GrantState},
    ids::GrantNumber,
    state::State as Rules,
    time::{Seconds, Timestamp},
};
use engine::views::{EvidenceQuery, GrantFilter, GrantRow, GrantStanding, Page};
use engine::witnesses::Standing;

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "security.html", blocks = ["live"])]
pub(crate) struct SecurityPage {
    pub(crate) chrome: Chrome,
    pub(crate) alarms: Vec<AlarmWords>,
    pub(crate) watched: String,
    pub(crate) cards: Vec<Card>,
    pub(crate) live: Vec<LiveLine>,
    /// There are more live grants than are shown.
    pub(crate) more: Option<String>,
    pub(crate) chart: String,
    pub(crate) hours: Vec<HourWords>,
    pub(crate) reasons: Vec<Card>,
    pub(crate) recent: Vec<RecentLine>,
    pub(crate) witnesses: Option<WitnessesPart>,
}

/// The witnesses of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WitnessesPart {
    pub(crate) alarm: bool,
    pub(crate) summary: String,
    pub(crate) rows: Vec<WitnessLine>,
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WitnessLine {
    pub(crate) name: String,
    pub(crate) last: String,
    pub(crate) trouble: Option<String>,
}

/// A number with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) n: String,
    pub(crate) label: &'static str,
}

/// A live grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveLine {
    pub(crate) number: GrantNumber,
    pub(crate) who: String,
    pub(crate) title: String,
    pub(crate) targets: String,
    pub(crate) impact: u8,
    pub(crate) ends: Option<When>,
    pub(crate) tag: Tag,
    pub(crate) may_end: bool,
    pub(crate) hidden: Hidden,
}

/// A recent entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecentLine {
    pub(crate) when: When,
    pub(crate) entry: u64,
    pub(crate) summary: String,
}

const LIVE_MAX: usize = 100;
const RECENT: usize = 12;
const DAY: i64 = 86_400_000;

fn back(now: Timestamp, days: i64) -> Timestamp {
    Timestamp(now.0.saturating_sub(days.saturating_mul(DAY)))
}

fn cards(state: &Rules) -> Vec<Card> {
    let count = |test: &dyn Fn(&Grant) -> bool| {
        state
            .grants
            .values()
            .filter(|grant| test(grant))
            .count()
            .to_string()
    };
    vec![
        Card {
            n: count(&|grant| matches!(grant.state, GrantState::Active { .. })),
            label: "active elevations",
        },
        Card {
            n: state.requests.len().to_string(),
            label: "waiting for approval",
        },
        Card {
            n: count(&|grant| matches!(grant.state, GrantState::Held { .. })),
            label: "on hold",
        },
        Card {
            n: count(&|grant| overdue(grant) >= ATTEMPTS_OVERDUE),
            label: "revocations overdue",
        },
        Card {
            n: state
                .reviews
                .keys()
                .filter(|grant| state.is_over(**grant))
                .count()
                .to_string(),
            label: "uses to look back at",
        },
    ]
}

/// The newest live grants, and whether there are more.
fn lines(
    portal: &Portal,
    names: &Names,
    visitor: &Visitor,
) -> Result<(Vec<LiveLine>, bool), Trouble> {
    let filter = GrantFilter {
        open: Some(true),
        ..GrantFilter::default()
    };
    let page = Page {
        before: None,
        limit: LIVE_MAX,
    };
    let paged = portal
        .app
        .engine
        .views()
        .grants(&filter, page)
        .map_err(|error| portal.unread(&error))?;
    let line = |row: &GrantRow| LiveLine {
        number: row.number,
        who: names.person(&row.holder),
        title: names.privilege(&row.privilege),
        targets: names.targets(&row.targets),
        impact: row.impact,
        ends: row.expires_at.map(|at| words::when(at, &portal.app.zone)),
        tag: grant_tag(row.standing),
        may_end: row.standing != GrantStanding::Ending && row.holder != visitor.viewer.person,
        hidden: Hidden::of(portal, &visitor.session),
    };
    Ok((paged.rows.iter().map(line).collect(), paged.next.is_some()))
}

fn hours(portal: &Portal, now: Timestamp) -> Result<Vec<HourWords>, Trouble> {
    let from = back(now, 1).plus(Seconds(3_600));
    let rows = portal
        .app
        .engine
        .views()
        .hours(from, now)
        .map_err(|error| portal.unread(&error))?;
    let hour = |row: &engine::views::HourRow| HourWords {
        label: words::clock(row.hour, &portal.app.zone),
        began: row.began,
        refused: row.refused,
    };
    Ok(rows.iter().map(hour).collect())
}

fn witnesses(portal: &Portal, now: Timestamp) -> Option<WitnessesPart> {
    let overview = portal.app.witnesses.as_ref()?.overview();
    let line = |(name, standing): (&String, &Standing)| WitnessLine {
        name: name.clone(),
        last: standing.last.map_or_else(
            || "nothing since this server started".to_owned(),
            |last| {
                let age = now.0.saturating_sub(last.at.0).max(0).unsigned_abs() / 1_000;
                format!(
                    "{}, {} ago",
                    words::count(last.size, "entry", "entries"),
                    words::count(age, "second", "seconds")
                )
            },
        ),
        trouble: standing.trouble.clone(),
    };
    let cosigned = overview.cosigned.map_or_else(
        || "no entries".to_owned(),
        |size| words::count(size, "entry", "entries"),
    );
    Some(WitnessesPart {
        alarm: overview.alarmed,
        summary: format!(
            "{} of {} must cosign; enough of them have cosigned {cosigned}.",
            overview.needed,
            words::count(
                u64::try_from(overview.each.len()).unwrap_or(u64::MAX),
                "witness",
                "witnesses"
            )
        ),
        rows: overview.each.iter().map(line).collect(),
    })
}

fn recent(portal: &Portal) -> Result<Vec<RecentLine>, Trouble> {
    let page = Page {
        before: None,
        limit: RECENT,
    };
    let paged = portal
        .app
        .engine
        .views()
        .entries(&EvidenceQuery::default(), page)
        .map_err(|error| portal.unread(&error))?;
    let line = |row: &engine::views::EntryRow| RecentLine {
        when: words::when_exactly(row.at, &portal.app.zone),
        entry: row.entry,
        summary: row.summary.clone(),
    };
    Ok(paged.rows.iter().map(line).collect())
}

/// What stands behind an empty list of alarms: how much was read, and how new it is.
fn watched(projected: u64, newest: Option<&RecentLine>) -> String {
    newest.map_or_else(
        || "No entry was read for this page.".to_owned(),
        |newest| {
            format!(
                "{} were read for this page, the newest of {}.",
                words::count(projected, "entry", "entries"),
                newest.when.text
            )
        },
    )
}

fn context(portal: &Portal, nonce: &Nonce, visitor: &Visitor) -> Result<SecurityPage, Trouble> {
    visitor.viewer.must_watch(&[Watch::Security], "security")?;
    let names = Names::load(portal)?;
    let now = visitor.viewer.now;
    let views = portal.app.engine.views();
    let reasons = views
        .end_reasons(back(now, 7))
        .map_err(|error| portal.unread(&error))?;
    let projected = views.projected().map_err(|error| portal.unread(&error))?;
    let escalated = open_reviews(portal)?;
    let (alarms, cards) = portal.app.engine.read(|state| {
        let mut alarms = alarms::of_grants(&names, state);
        alarms.extend(alarms::of_reviews(
            &names,
            state,
            &visitor.viewer,
            &escalated,
        ));
        (alarms, cards(state))
    });
    let hours = hours(portal, now)?;
    let (live, more) = lines(portal, &names, visitor)?;
    let recent = recent(portal)?;
    Ok(SecurityPage {
        chrome: Chrome::of(portal, nonce, visitor, &names, Part::Security),
        alarms,
        watched: watched(projected, recent.first()),
        cards,
        live,
        more: more.then(|| format!("Only the newest {LIVE_MAX} are shown here.")),
        chart: svg(&hours),
        hours,
        reasons: reasons
            .iter()
            .map(|(reason, n)| Card {
                n: words::grouped(*n),
                label: words::end_reason(*reason),
            })
            .collect(),
        recent,
        witnesses: witnesses(portal, now),
    })
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
) -> Result<Response, Trouble> {
    let page = context(&portal, &nonce, &visitor)?;
    Ok(html(&portal, StatusCode::OK, &page))
}

/// The part of the page that follows what happens.
pub(crate) async fn follow(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
) -> Response {
    live::follow(&portal, &headers, move |portal, visitor| {
        let page = context(portal, &nonce, visitor)?;
        rendered(portal, &page.as_live())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn the_newest_entry_is_told_by_its_own_time() {
        let newest = RecentLine {
            when: words::when_exactly(Timestamp(1_795_432_500_000), &TimeZone::UTC),
            entry: 25,
            summary: String::new(),
        };
        assert_eq!(
            [watched(26, Some(&newest)), watched(0, None)],
            [
                "26 entries were read for this page, the newest of 23 Nov 2026, 11:15:00 (UTC+00:00).",
                "No entry was read for this page.",
            ]
        );
    }
}

//! Small pieces that several pages show.
use crate::{
    app::Portal,
    names::{Names, listed},
    words::{self, Tag, When, grant_tag, request_tag},
};
use domain::{
    catalog::{Catalog, SeatHolder, SeatRule},
    ids::{GrantNumber, RequestNumber, TargetId},
    request::{OpenSeat, Start},
    time::{Seconds, Timestamp},
};
use engine::views::{GrantRow, GrantStanding, RequestRow, RequestStanding};
use std::collections::BTreeSet;

/// One choice of several, or a link with a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    /// More about it, beneath the label.
    pub(crate) hint: String,
    pub(crate) on: bool,
}

impl Choice {
    pub(crate) fn new(value: impl std::fmt::Display, label: impl Into<String>, on: bool) -> Self {
        Self {
            value: value.to_string(),
            label: label.into(),
            hint: String::new(),
            on,
        }
    }
}

/// A question of the template and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) label: String,
    pub(crate) text: String,
}

/// What stands in for words that were erased.
pub(crate) const ERASED: &str = "(these words were erased)";

pub(crate) fn words_or_erased(text: Option<&str>) -> String {
    text.unwrap_or(ERASED).to_owned()
}

/// The answers of a request with their questions, in the order in which they are asked.
pub(crate) fn answers(names: &Names, row: &RequestRow) -> Vec<Answer> {
    let privilege = names
        .catalog()
        .and_then(|catalog| catalog.privileges.get(&row.privilege));
    let template = privilege
        .map(|privilege| privilege.template.as_slice())
        .unwrap_or_default();
    let asked = template.iter().filter_map(|question| {
        row.answers.get(&question.id).map(|text| Answer {
            label: question.label.clone(),
            text: words_or_erased(text.as_deref()),
        })
    });
    // what an earlier bundle asked for is still part of the request
    let earlier = row.answers.iter().filter_map(|(id, text)| {
        let known = template.iter().any(|question| question.id == *id);
        (!known).then(|| Answer {
            label: id.to_string(),
            text: words_or_erased(text.as_deref()),
        })
    });
    asked.chain(earlier).collect()
}

/// How a seat is called by people: "the data owner".
pub(crate) fn holder(names: &Names, holder: &SeatHolder) -> String {
    match holder {
        SeatHolder::Duty(duty) => words::duty(duty.as_str()),
        SeatHolder::Group(group) => format!("the group {}", words::duty(group.as_str())),
        SeatHolder::DataOwner => "the data owner".to_owned(),
        SeatHolder::GovernanceOwner => {
            let _ = names;
            "the governance owner".to_owned()
        }
    }
}

/// One seat rule in words: "2 of security and compliance".
pub(crate) fn seat_rule(names: &Names, rule: &SeatRule) -> String {
    let holders: Vec<String> = rule.holders.iter().map(|one| holder(names, one)).collect();
    let text = crate::names::listed(&holders, "or");
    if rule.count > 1 {
        format!("{} of {text}", rule.count)
    } else {
        text
    }
}

/// A seat that needs somebody, in words: "security: M. Sato or L. Ito".
pub(crate) fn open_seat(names: &Names, seat: &OpenSeat) -> String {
    const NAMED_MAX: usize = 4;
    let mut people: Vec<String> = seat
        .candidates
        .iter()
        .take(NAMED_MAX)
        .map(|id| names.person(id))
        .collect();
    if seat.candidates.len() > NAMED_MAX {
        people.push(format!("{} others", seat.candidates.len() - NAMED_MAX));
    }
    let count = if seat.missing > 1 {
        format!(" ({} people)", seat.missing)
    } else {
        String::new()
    };
    let who = if people.is_empty() {
        "nobody can fill it now".to_owned()
    } else {
        crate::names::listed(&people, "or")
    };
    format!("{}{count}: {who}", words::duty(seat.seat.as_str()))
}

/// When something asked for should start.
pub(crate) fn start(portal: &Portal, start: Start) -> String {
    match start {
        Start::Now => "as soon as the last consent is given".to_owned(),
        Start::At(at) => words::when(at, &portal.app.zone).text,
    }
}

/// A line of a list of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestLine {
    pub(crate) number: RequestNumber,
    pub(crate) title: String,
    pub(crate) targets: String,
    pub(crate) duration: String,
    pub(crate) impact: u8,
    pub(crate) who: String,
    pub(crate) tag: Tag,
    pub(crate) waits: String,
    pub(crate) when: When,
}

impl RequestLine {
    pub(crate) fn of(
        portal: &Portal,
        names: &Names,
        row: &RequestRow,
        seats: &[OpenSeat],
        when: Timestamp,
    ) -> Self {
        Self {
            number: row.number,
            title: names.privilege(&row.privilege),
            targets: names.targets(&row.targets),
            duration: row.duration.to_string(),
            impact: row.impact.score,
            who: names.person(&row.requester),
            tag: request_tag(&row.standing),
            waits: waits(portal, names, row, seats),
            when: words::when(when, &portal.app.zone),
        }
    }
}

/// Whom a request waits for, and until when.
pub(crate) fn waits(
    portal: &Portal,
    names: &Names,
    row: &RequestRow,
    seats: &[OpenSeat],
) -> String {
    match &row.standing {
        RequestStanding::Pending => {
            let until = words::when(row.expires_at, &portal.app.zone).text;
            format!("With {} until {until}.", waiting_for(names, seats))
        }
        RequestStanding::Denied { by, .. } => format!("{} said no.", names.person(by)),
        RequestStanding::Expired => "Nobody answered in time.".to_owned(),
        RequestStanding::Granted | RequestStanding::Withdrawn => String::new(),
    }
}

/// Whose consent the open stage needs.
pub(crate) fn waiting_for(names: &Names, seats: &[OpenSeat]) -> String {
    let stage = seats.iter().map(|seat| seat.stage).min();
    let now: Vec<String> = seats
        .iter()
        .filter(|seat| Some(seat.stage) == stage)
        .map(|seat| {
            let people: Vec<String> = seat
                .candidates
                .iter()
                .take(3)
                .map(|id| names.person(id))
                .collect();
            let who = if people.is_empty() {
                "nobody yet".to_owned()
            } else {
                crate::names::listed(&people, "or")
            };
            format!("{who} ({})", words::duty(seat.seat.as_str()))
        })
        .collect();
    crate::names::listed(&now, "and")
}

/// A line of a list of grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantLine {
    pub(crate) number: GrantNumber,
    pub(crate) title: String,
    pub(crate) targets: String,
    pub(crate) who: String,
    pub(crate) tag: Tag,
    pub(crate) why: String,
    pub(crate) ends: Option<When>,
    pub(crate) left: String,
    pub(crate) ticking: bool,
    pub(crate) used: String,
    pub(crate) impact: u8,
}

impl GrantLine {
    pub(crate) fn of(portal: &Portal, names: &Names, row: &GrantRow, now: Timestamp) -> Self {
        let ends = row.ended_at.or(row.expires_at);
        Self {
            number: row.number,
            title: names.privilege(&row.privilege),
            targets: names.targets(&row.targets),
            who: names.person(&row.holder),
            tag: grant_tag(row.standing),
            why: row
                .reason
                .map(|reason| format!("{}.", words::end_reason(reason)))
                .unwrap_or_default(),
            ends: ends.map(|at| words::when(at, &portal.app.zone)),
            left: row
                .expires_at
                .map(|at| words::left(at, now))
                .unwrap_or_default(),
            ticking: row.standing == GrantStanding::Active,
            used: used(row),
            impact: row.impact,
        }
    }
}

/// `14 calls, 2 refused`.
pub(crate) fn used(row: &GrantRow) -> String {
    let mut parts = vec![words::count(row.usage.calls, "call", "calls")];
    if row.usage.rows > 0 {
        parts.push(words::count(row.usage.rows, "row", "rows"));
    }
    if row.usage.refusals > 0 {
        parts.push(format!("{} refused", words::grouped(row.usage.refusals)));
    }
    parts.join(", ")
}

/// Durations to choose from, up to the longest, which is always among them.
pub(crate) fn durations(longest: Seconds, chosen: Seconds) -> Vec<Choice> {
    let mut seconds: Vec<u32> = [900, 1_800, 3_600, 7_200, 14_400, 28_800]
        .into_iter()
        .filter(|seconds| *seconds < longest.0)
        .collect();
    seconds.push(longest.0);
    if chosen.0 > 0 && chosen.0 < longest.0 && !seconds.contains(&chosen.0) {
        seconds.push(chosen.0);
        seconds.sort_unstable();
    }
    let choice =
        |seconds: u32| Choice::new(seconds, Seconds(seconds).to_string(), seconds == chosen.0);
    seconds.into_iter().map(choice).collect()
}

/// What makes a target delicate: `production, confidential data`.
pub(crate) fn delicate(catalog: &Catalog, id: &domain::ids::TargetId) -> String {
    catalog.targets.get(id).map_or_else(String::new, |target| {
        format!(
            "{}, {} data",
            words::environment(target.environment),
            words::data_class(target.data_class)
        )
    })
}

/// Targets with what makes each delicate: `Invoice matching (production, confidential data) and Sandbox (test, internal data)`.
pub(crate) fn delicate_targets(names: &Names, ids: &BTreeSet<TargetId>, and: &str) -> String {
    let told = |id| match names.catalog() {
        Some(catalog) => format!("{} ({})", names.target(id), delicate(catalog, id)),
        None => names.target(id),
    };
    let told: Vec<String> = ids.iter().map(told).collect();
    listed(&told, and)
}

/// A target to choose, with what makes it delicate beneath it.
pub(crate) fn target_choice(
    names: &Names,
    catalog: &Catalog,
    id: &domain::ids::TargetId,
    on: bool,
) -> Choice {
    let mut hint = delicate(catalog, id);
    if let Some(first) = hint.get(..1) {
        hint = format!(
            "{}{}",
            first.to_uppercase(),
            hint.get(1..).unwrap_or_default()
        );
    }
    Choice {
        hint,
        ..Choice::new(id, names.target(id), on)
    }
}

//! Words that pages and API share: times, standings, findings.
use askama::{Template, filters::HtmlSafe};
use domain::{
    catalog::{DataClass, Environment, Phase},
    grant::{EndReason, HoldReason},
    impact::{Band, ImpactPart, PartName},
    time::Timestamp,
};
use engine::views::{GrantStanding, RequestStanding};
use jiff::tz::TimeZone;
use std::fmt::{self, Write as _};

/// A time as people read it, with its zone, and as machines do.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<time datetime="{{ machine }}">{{ text }}</time>"#,
    ext = "html"
)]
pub(crate) struct When {
    pub(crate) machine: String,
    pub(crate) text: String,
}

impl HtmlSafe for When {}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MAX)
}

/// A time in RFC 3339, UTC.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    instant(at).to_string()
}

/// Reads a time in RFC 3339, or what a `datetime-local` field sends, which is local to `zone`.
pub(crate) fn read_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(at.as_millisecond()));
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    let at = local.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(at.timestamp().as_millisecond()))
}

/// What a `datetime-local` field shows for a time.
pub(crate) fn local_field(at: Timestamp, zone: &TimeZone) -> String {
    instant(at)
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%dT%H:%M")
        .to_string()
}

/// `23 Nov 2026, 12:15 (UTC+01:00)`.
pub(crate) fn when(at: Timestamp, zone: &TimeZone) -> When {
    let zoned = instant(at).to_zoned(zone.clone());
    When {
        machine: rfc3339(at),
        text: zoned.strftime("%-d %b %Y, %H:%M (UTC%:z)").to_string(),
    }
}

/// `23 Nov 2026, 12:15:07 (UTC+01:00)`: to the second, for evidence.
pub(crate) fn when_exactly(at: Timestamp, zone: &TimeZone) -> When {
    let zoned = instant(at).to_zoned(zone.clone());
    When {
        machine: rfc3339(at),
        text: zoned.strftime("%-d %b %Y, %H:%M:%S (UTC%:z)").to_string(),
    }
}

/// `12:15`.
pub(crate) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    instant(at)
        .to_zoned(zone.clone())
        .strftime("%H:%M")
        .to_string()
}

/// `47 minutes left`, as the page's script writes it too.
pub(crate) fn left(until: Timestamp, now: Timestamp) -> String {
    match until.0.saturating_sub(now.0) {
        ms if ms <= 0 => "ended".to_owned(),
        ms => match (ms + 59_999) / 60_000 {
            1 => "1 minute left".to_owned(),
            minutes => format!("{minutes} minutes left"),
        },
    }
}

/// `1 request`, `3 requests`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// `48,211`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A tag: a word with a colour beside it, never a colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) word: &'static str,
    pub(crate) colour: &'static str,
}

pub(crate) fn request_tag(standing: &RequestStanding) -> Tag {
    let (word, colour) = match standing {
        RequestStanding::Pending => ("Waiting", "yellow"),
        RequestStanding::Granted => ("Approved", "green"),
        RequestStanding::Denied { .. } => ("Not approved", "red"),
        RequestStanding::Withdrawn => ("Withdrawn", "grey"),
        RequestStanding::Expired => ("Expired", "grey"),
    };
    Tag { word, colour }
}

pub(crate) fn grant_tag(standing: GrantStanding) -> Tag {
    let (word, colour) = match standing {
        GrantStanding::Scheduled => ("Scheduled", "blue"),
        GrantStanding::Active => ("Active", "green"),
        GrantStanding::Held => ("On hold", "orange"),
        GrantStanding::Ending => ("Ended, being checked", "yellow"),
        GrantStanding::Closed => ("Ended", "grey"),
    };
    Tag { word, colour }
}

pub(crate) fn end_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Expired => "Expired on time",
        EndReason::Returned => "Ended early by the person",
        EndReason::Revoked => "Ended by somebody else",
        EndReason::Contained => "Contained: policy violation",
        EndReason::Superseded => "Replaced, or could not be put into effect",
    }
}

pub(crate) fn hold_reason(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::ByHuman => "somebody put it on hold",
        HoldReason::OverBudget => "more was used than its budget",
        HoldReason::OutOfScope => "too many attempts outside its scope",
        HoldReason::HolderSuspended => "its holder may not act at present",
    }
}

pub(crate) fn band(band: Band) -> &'static str {
    match band {
        Band::Low => "low",
        Band::Medium => "medium",
        Band::High => "high",
        Band::Critical => "critical",
    }
}

pub(crate) fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Development => "development",
        Environment::Test => "test",
        Environment::Production => "production",
    }
}

pub(crate) fn data_class(class: DataClass) -> &'static str {
    match class {
        DataClass::Public => "public",
        DataClass::Internal => "internal",
        DataClass::Confidential => "confidential",
        DataClass::Restricted => "restricted",
    }
}

pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::BuildTime => "build-time",
        Phase::RunTime => "run-time",
    }
}

/// `security, data-owner` as people say it: `security and data owner`.
pub(crate) fn duty(name: &str) -> String {
    name.replace(['-', '_'], " ")
}

/// A name in kebab case, as written.
pub(crate) fn kebab<T: fmt::Debug>(value: &T) -> String {
    let mut text = String::new();
    for c in format!("{value:?}").chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// Percent-encodes a text for an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            // writing to a string can't fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Why a part of an impact score is as it is. The recorded words speak to whom they are about; `own` if it is they who read them.
pub(crate) fn because(part: &ImpactPart, own: bool) -> String {
    let recorded = &part.because;
    match part.name {
        PartName::History | PartName::FirstTime | PartName::Training if !own => {
            recorded.replace("your ", "their ").replace("you ", "they ")
        }
        PartName::History
        | PartName::FirstTime
        | PartName::Training
        | PartName::DataClassification
        | PartName::Environment
        | PartName::Action
        | PartName::Breadth
        | PartName::Duration => recorded.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_432_500_000);

    #[test]
    fn a_score_speaks_of_others_as_others() {
        let told = |name, recorded: &str, own| {
            let part = ImpactPart {
                name,
                points: 0,
                because: recorded.to_owned(),
            };
            because(&part, own)
        };
        for (name, own, others) in [
            (
                PartName::History,
                "none of your earlier grants was contained",
                "none of their earlier grants was contained",
            ),
            (
                PartName::FirstTime,
                "you have not held this before",
                "they have not held this before",
            ),
            (
                PartName::Training,
                "you passed all its lessons",
                "they passed all its lessons",
            ),
            (
                PartName::Breadth,
                "it reaches 1 target",
                "it reaches 1 target",
            ),
        ] {
            assert_eq!(
                [told(name, own, true), told(name, own, false)],
                [own, others]
            );
        }
    }

    #[test]
    fn times_are_local_with_their_offset_and_exact_for_machines() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let page = when(AT, &berlin).render().unwrap();
        assert_eq!(
            page,
            r#"<time datetime="2026-11-23T11:15:00Z">23 Nov 2026, 12:15 (UTC+01:00)</time>"#
        );
        assert_eq!(read_time("2026-11-23T12:15", &berlin), Some(AT));
        assert_eq!(read_time("2026-11-23T11:15:00Z", &berlin), Some(AT));
        assert_eq!(read_time("soon", &berlin), None);
        assert_eq!(local_field(AT, &berlin), "2026-11-23T12:15");
    }

    #[test]
    fn what_is_left_is_rounded_up_to_minutes() {
        let left_after = |ms| left(Timestamp(ms), Timestamp(0));
        assert_eq!(left_after(47 * 60_000), "47 minutes left");
        assert_eq!(left_after(46 * 60_000 + 1), "47 minutes left");
        assert_eq!(left_after(1), "1 minute left");
        assert_eq!(left_after(0), "ended");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(48_211), "48,211");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}

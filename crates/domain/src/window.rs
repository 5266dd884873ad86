//! Allowed windows: local times of day in a named time zone. The zone database is compiled in, so an answer given today is
//! the answer a replay gives.
use crate::time::{Seconds, Timestamp};
use jiff::{
    civil,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::OnceLock};

/// How many days ahead the next opening is looked for.
const DAYS_AHEAD: u32 = 15;

/// Local times in a zone at which a privilege may be active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// IANA time-zone name, such as `Europe/Berlin`.
    pub zone: String,
    /// Days on which the window opens.
    pub days: BTreeSet<Day>,
    /// Minutes after local midnight at which it opens, 0 to 1,439.
    pub from_minute: u16,
    /// Minutes after local midnight at which it closes; at or before `from_minute` means on the next day.
    pub to_minute: u16,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A stretch of time in which something may be active: `[starts_at, ends_at)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// First instant.
    pub starts_at: Timestamp,
    /// First instant after it.
    pub ends_at: Timestamp,
}

/// Whether the whole stretch lies in the windows together; no window at all means always.
pub fn covers(windows: &[Window], stretch: Stretch) -> bool {
    let open = openings(windows, stretch);
    windows.is_empty()
        || open
            .iter()
            .any(|open| open.starts_at <= stretch.starts_at && stretch.ends_at <= open.ends_at)
}

/// The first instant from `from` on at which the windows stay open for `span`, if there is one within fifteen days.
pub fn next_opening(windows: &[Window], from: Timestamp, span: Seconds) -> Option<Timestamp> {
    if windows.is_empty() {
        return Some(from);
    }
    let ahead = Stretch {
        starts_at: from,
        ends_at: from.plus(Seconds(DAYS_AHEAD.saturating_mul(86_400))),
    };
    openings(windows, ahead).into_iter().find_map(|open| {
        let starts_at = open.starts_at.max(from);
        (starts_at.plus(span) <= open.ends_at).then_some(starts_at)
    })
}

impl Window {
    /// Whether the zone is one of the compiled-in database's.
    pub fn zone_is_known(&self) -> bool {
        zone(&self.zone).is_some()
    }
}

/// The windows near a stretch as instants, in order; those that touch are joined, so that neighbours cover what spans them.
fn openings(windows: &[Window], near: Stretch) -> Vec<Stretch> {
    let mut open: Vec<Stretch> = windows.iter().flat_map(|window| of(window, near)).collect();
    open.sort_by_key(|stretch| (stretch.starts_at, stretch.ends_at));
    let mut joined: Vec<Stretch> = Vec::new();
    for stretch in open {
        match joined.last_mut() {
            Some(last) if stretch.starts_at <= last.ends_at => {
                last.ends_at = last.ends_at.max(stretch.ends_at);
            }
            _ => joined.push(stretch),
        }
    }
    joined
}

fn of(window: &Window, near: Stretch) -> Vec<Stretch> {
    let Some(zone) = zone(&window.zone) else {
        return Vec::new();
    };
    let local = |at: Timestamp| {
        let instant = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(zone.to_datetime(instant).date())
    };
    let (Some(first), Some(last)) = (local(near.starts_at), local(near.ends_at)) else {
        return Vec::new();
    };
    // a window may open the day before and last to the end of the day after
    let Ok(first) = first.yesterday().and_then(civil::Date::yesterday) else {
        return Vec::new();
    };
    first
        .series(jiff::Span::new().days(1))
        .take_while(|date| *date <= last)
        .filter(|date| window.days.contains(&day(*date)))
        .filter_map(|date| {
            let overnight = window.to_minute <= window.from_minute;
            let until = if overnight {
                date.tomorrow().ok()?
            } else {
                date
            };
            let starts_at = first_reached(&zone, date, window.from_minute)?;
            let ends_at = first_reached(&zone, until, window.to_minute)?;
            (starts_at < ends_at).then_some(Stretch { starts_at, ends_at })
        })
        .collect()
}

/// The first instant at which the local clock shows this time or a later one of this day: in a fold the first of the two, in a
/// gap the jump itself.
fn first_reached(zone: &TimeZone, date: civil::Date, minute: u16) -> Option<Timestamp> {
    let (hours, minutes) = (
        i8::try_from(minute / 60).ok()?,
        i8::try_from(minute % 60).ok()?,
    );
    let ambiguous = zone.to_ambiguous_timestamp(date.at(hours, minutes, 0, 0));
    let jumps = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let earlier = ambiguous.earlier().ok()?;
    let reached = if jumps {
        zone.following(earlier).next()?.timestamp()
    } else {
        earlier
    };
    Some(Timestamp(reached.as_millisecond()))
}

fn day(date: civil::Date) -> Day {
    match date.weekday() {
        civil::Weekday::Monday => Day::Monday,
        civil::Weekday::Tuesday => Day::Tuesday,
        civil::Weekday::Wednesday => Day::Wednesday,
        civil::Weekday::Thursday => Day::Thursday,
        civil::Weekday::Friday => Day::Friday,
        civil::Weekday::Saturday => Day::Saturday,
        civil::Weekday::Sunday => Day::Sunday,
    }
}

/// From the compiled-in database, never from the machine's: the answer must be the same everywhere.
fn zone(name: &str) -> Option<TimeZone> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    ZONES.get_or_init(TimeZoneDatabase::bundled).get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(zone: &str, days: &[Day], from: &str, to: &str) -> Window {
        let minute = |text: &str| {
            let (hours, minutes) = text.split_once(':').unwrap();
            hours.parse::<u16>().unwrap() * 60 + minutes.parse::<u16>().unwrap()
        };
        Window {
            zone: zone.to_owned(),
            days: days.iter().copied().collect(),
            from_minute: minute(from),
            to_minute: minute(to),
        }
    }

    const ALL: [Day; 7] = [
        Day::Monday,
        Day::Tuesday,
        Day::Wednesday,
        Day::Thursday,
        Day::Friday,
        Day::Saturday,
        Day::Sunday,
    ];
    const WORK: [Day; 5] = [
        Day::Monday,
        Day::Tuesday,
        Day::Wednesday,
        Day::Thursday,
        Day::Friday,
    ];

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn told(at: Option<Timestamp>) -> String {
        at.map_or("never".to_owned(), |at| {
            jiff::Timestamp::from_millisecond(at.0).unwrap().to_string()
        })
    }

    /// Whether `minutes` from `from` fit, and when they fit next.
    #[track_caller]
    fn check(windows: &[Window], from: &str, minutes: u32, expected: &str) {
        let span = Seconds::from_minutes(minutes);
        let starts_at = at(from);
        let fits = covers(
            windows,
            Stretch {
                starts_at,
                ends_at: starts_at.plus(span),
            },
        );
        let next = told(next_opening(windows, starts_at, span));
        assert_eq!(format!("{fits}, next {next}"), expected);
    }

    #[test]
    fn a_window_is_local_time_in_its_zone() {
        let office = [window("Europe/Berlin", &WORK, "08:00", "18:00")];
        check(
            &office,
            "2026-11-23T07:00:00Z",
            60,
            "true, next 2026-11-23T07:00:00Z",
        );
        check(
            &office,
            "2026-11-23T06:59:00Z",
            60,
            "false, next 2026-11-23T07:00:00Z",
        );
        check(
            &office,
            "2026-11-23T16:30:00Z",
            60,
            "false, next 2026-11-24T07:00:00Z",
        );
        check(
            &office,
            "2026-11-27T16:30:00Z",
            60,
            "false, next 2026-11-30T07:00:00Z",
        );
        check(
            &office,
            "2026-07-23T06:00:00Z",
            60,
            "true, next 2026-07-23T06:00:00Z",
        );
        check(&office, "2026-11-23T09:00:00Z", 601, "false, next never");
    }

    #[test]
    fn no_window_means_always_and_an_unknown_zone_never() {
        check(
            &[],
            "2026-11-23T03:00:00Z",
            60,
            "true, next 2026-11-23T03:00:00Z",
        );
        let nowhere = [window("Europe/Atlantis", &ALL, "00:00", "23:59")];
        check(&nowhere, "2026-11-23T03:00:00Z", 60, "false, next never");
        assert!(!nowhere[0].zone_is_known());
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        let night = [window("Asia/Tokyo", &[Day::Friday], "22:00", "02:00")];
        check(
            &night,
            "2026-11-27T13:00:00Z",
            240,
            "true, next 2026-11-27T13:00:00Z",
        );
        check(
            &night,
            "2026-11-26T13:00:00Z",
            240,
            "false, next 2026-11-27T13:00:00Z",
        );
        check(
            &night,
            "2026-11-27T16:00:00Z",
            61,
            "false, next 2026-12-04T13:00:00Z",
        );
    }

    #[test]
    fn neighbouring_windows_cover_what_spans_them() {
        let halves = [
            window("UTC", &[Day::Monday], "08:00", "12:00"),
            window("UTC", &[Day::Monday], "12:00", "16:00"),
        ];
        check(
            &halves,
            "2026-11-23T11:00:00Z",
            120,
            "true, next 2026-11-23T11:00:00Z",
        );
        let always = [window("UTC", &ALL, "00:00", "00:00")];
        check(
            &always,
            "2026-11-23T11:00:00Z",
            3000,
            "true, next 2026-11-23T11:00:00Z",
        );
    }

    #[test]
    fn in_a_gap_a_window_opens_at_the_jump() {
        // Berlin jumps from 02:00 to 03:00 at 01:00Z on 29 March 2026
        let early = [window("Europe/Berlin", &[Day::Sunday], "02:30", "05:00")];
        check(
            &early,
            "2026-03-29T00:30:00Z",
            30,
            "false, next 2026-03-29T01:00:00Z",
        );
        let gone = [window("Europe/Berlin", &[Day::Sunday], "02:10", "02:50")];
        check(
            &gone,
            "2026-03-29T00:30:00Z",
            10,
            "false, next 2026-04-05T00:10:00Z",
        );
    }

    #[test]
    fn in_a_fold_a_window_closes_when_the_clock_first_shows_its_end() {
        // Berlin shows 02:00 to 03:00 twice from 00:00Z on 25 October 2026
        let late = [window("Europe/Berlin", &[Day::Saturday], "22:00", "02:30")];
        check(
            &late,
            "2026-10-24T20:00:00Z",
            270,
            "true, next 2026-10-24T20:00:00Z",
        );
        check(&late, "2026-10-24T20:00:00Z", 271, "false, next never");
        let twice = [window("Europe/Berlin", &[Day::Sunday], "02:30", "04:00")];
        check(
            &twice,
            "2026-10-25T00:30:00Z",
            150,
            "true, next 2026-10-25T00:30:00Z",
        );
    }

    prop_compose! {
        fn any_window()(
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
            days in prop::collection::btree_set(prop::sample::select(ALL.to_vec()), 1..7),
            from_minute in 0_u16..1440, to_minute in 0_u16..1440,
        ) -> Window {
            Window { zone: zone.to_owned(), days, from_minute, to_minute }
        }
    }

    /// Whether a wall clock in the zone shows a time inside the window at this instant (right away from clock changes).
    fn by_wall_clock(window: &Window, at: Timestamp) -> bool {
        let shown = zone(&window.zone)
            .unwrap()
            .to_datetime(jiff::Timestamp::from_millisecond(at.0).unwrap());
        let minute =
            u16::try_from(shown.hour()).unwrap() * 60 + u16::try_from(shown.minute()).unwrap();
        let today = window.days.contains(&day(shown.date()));
        let yesterday = window
            .days
            .contains(&day(shown.date().yesterday().unwrap()));
        if window.from_minute < window.to_minute {
            today && (window.from_minute..window.to_minute).contains(&minute)
        } else {
            (today && minute >= window.from_minute) || (yesterday && minute < window.to_minute)
        }
    }

    proptest! {
        #[test]
        fn an_instant_is_covered_when_a_wall_clock_says_so(
            windows in prop::collection::vec(any_window(), 1..4), minute in 0_i64..20_160,
        ) {
            // two weeks of November without a clock change in these zones
            let starts_at = Timestamp(at("2026-11-09T00:00:00Z").0 + minute * 60_000);
            let covered = covers(&windows, Stretch { starts_at, ends_at: Timestamp(starts_at.0 + 1) });
            let shown = windows.iter().any(|window| by_wall_clock(window, starts_at));
            prop_assert_eq!(covered, shown);
        }

        #[test]
        fn the_next_opening_has_room_and_nothing_earlier_has(
            windows in prop::collection::vec(any_window(), 1..3), minute in 0_i64..525_600, minutes in 1_u32..600, back in 1_i64..600,
        ) {
            let from = Timestamp(at("2026-01-01T00:00:00Z").0 + minute * 60_000);
            let span = Seconds::from_minutes(minutes);
            if let Some(starts_at) = next_opening(&windows, from, span) {
                let whole = Stretch { starts_at, ends_at: starts_at.plus(span) };
                prop_assert!(starts_at >= from && covers(&windows, whole));
                let before = Timestamp(starts_at.0 - back * 60_000);
                let earlier = Stretch { starts_at: before, ends_at: before.plus(span) };
                prop_assert!(before < from || !covers(&windows, earlier));
            }
        }
    }
}

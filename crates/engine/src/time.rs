//! Trusted time: an anchor and a clock that never falls back, so that nobody lengthens a grant by turning the wall clock.
//!
//! The wall clock is followed only slowly (at most 500 parts per million, as a time daemon slews) and only while it agrees
//! within five seconds. What falls back is ignored. What runs ahead is in doubt: nothing new is allowed until both agree
//! again, but ends are still judged, by the later reading. So one bad jump can neither outlive a grant nor put an instant of
//! next year into the log, below which no later entry could ever go.
use domain::time::Timestamp;

/// How far the wall clock may be from trusted time before it is in doubt.
pub const APART_MS_MAX: i64 = 5_000;

/// Trusted time gains or loses at most one microsecond in this many of them while it follows the wall clock.
const SLEW_ONE_IN: i64 = 2_000;

/// Why no new allows are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockDoubt {
    /// The wall clock runs ahead of trusted time.
    #[error(
        "the wall clock is {by_ms} ms ahead of trusted time: set it right, or restart to trust it"
    )]
    Ahead {
        /// By how much.
        by_ms: i64,
    },
    /// At the start the wall clock was behind the newest entry of the log, and still is.
    #[error("the wall clock is {by_ms} ms behind the newest entry of the log: set it right")]
    BehindLog {
        /// By how much.
        by_ms: i64,
    },
}

/// Trusted time at one moment, read in the ways that rules need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The earlier reading: by it things start.
    pub starts: Timestamp,
    /// The later reading, never more than [`APART_MS_MAX`] after the earlier: by it ends are decided and recorded.
    pub ends: Timestamp,
    /// The latest reading there is: whatever ends before it must not be usable, though its end may not be recorded yet.
    pub latest: Timestamp,
    /// Why no new allows are given, if so.
    pub doubt: Option<ClockDoubt>,
}

/// Trusted time as it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedTime {
    // microseconds since the Unix epoch, so that slewing by tiny steps is not lost to rounding
    trusted_us: i64,
    monotonic_ms: i64,
    recorded: Timestamp,
    // only a start can be behind the log: later, a wall clock that falls back is ignored
    behind_log: bool,
}

impl TrustedTime {
    /// Sets the anchor: the wall clock, or the newest entry if that is later.
    pub fn start(wall: Timestamp, monotonic_ms: i64, newest_entry: Option<Timestamp>) -> Self {
        let recorded = newest_entry.unwrap_or(Timestamp(i64::MIN));
        Self {
            trusted_us: wall.max(recorded).0.saturating_mul(1_000),
            monotonic_ms,
            recorded,
            behind_log: wall < recorded,
        }
    }

    /// Goes on to this moment.
    pub fn read(&mut self, wall: Timestamp, monotonic_ms: i64) -> Reading {
        // two threads may bring their readings in the other order
        let elapsed_us = monotonic_ms
            .saturating_sub(self.monotonic_ms)
            .max(0)
            .saturating_mul(1_000);
        self.monotonic_ms = self.monotonic_ms.max(monotonic_ms);
        let straight = self.trusted_us.saturating_add(elapsed_us);
        let apart_us = wall.0.saturating_mul(1_000).saturating_sub(straight);
        let agree = apart_us.saturating_abs() <= APART_MS_MAX.saturating_mul(1_000);
        let step = if agree {
            let most = elapsed_us / SLEW_ONE_IN;
            apart_us.clamp(-most, most)
        } else {
            0
        };
        self.trusted_us = straight.saturating_add(step);
        self.behind_log = self.behind_log && !agree;
        // INVARIANT: no reading is before an instant that was recorded
        let trusted = Timestamp(self.trusted_us / 1_000);
        let starts = trusted.max(self.recorded);
        let latest = wall.max(starts);
        // bounded by trusted time, not by what was recorded: else each recorded end would let the next one be later still
        let ends = wall.min(Timestamp(trusted.0.saturating_add(APART_MS_MAX)));
        let doubt = if apart_us > 0 && !agree {
            Some(ClockDoubt::Ahead {
                by_ms: apart_us / 1_000,
            })
        } else if self.behind_log {
            Some(ClockDoubt::BehindLog {
                by_ms: apart_us.saturating_neg() / 1_000,
            })
        } else {
            None
        };
        Reading {
            starts,
            ends: ends.max(starts),
            latest,
            doubt,
        }
    }

    /// Notes the instant of an entry: no later reading is before it.
    pub fn record(&mut self, at: Timestamp) {
        self.recorded = self.recorded.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: i64 = 1_800_000_000_000;

    /// Reads at each (wall, monotonic) in seconds after noon, and shows starts, ends, latest and doubt in seconds.
    fn check(
        newest_entry: Option<i64>,
        start: (i64, i64),
        reads: &[(i64, i64)],
        expected: &[&str],
    ) {
        let at = |seconds: i64| Timestamp(NOON + seconds * 1_000);
        let mut time = TrustedTime::start(at(start.0), start.1 * 1_000, newest_entry.map(at));
        let shown: Vec<String> = reads
            .iter()
            .map(|&(wall, monotonic)| {
                let reading = time.read(at(wall), monotonic * 1_000);
                let seconds = |t: Timestamp| (t.0 - NOON).div_euclid(1_000);
                let doubt = match reading.doubt {
                    None => "sure".to_owned(),
                    Some(ClockDoubt::Ahead { by_ms }) => format!("ahead {}", by_ms / 1_000),
                    Some(ClockDoubt::BehindLog { by_ms }) => format!("behind {}", by_ms / 1_000),
                };
                format!(
                    "{} {} {} {doubt}",
                    seconds(reading.starts),
                    seconds(reading.ends),
                    seconds(reading.latest)
                )
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_wall_clock_that_agrees_changes_nothing() {
        check(
            None,
            (0, 50),
            &[(0, 50), (10, 60), (3_600, 3_650)],
            &["0 0 0 sure", "10 10 10 sure", "3600 3600 3600 sure"],
        );
    }

    #[test]
    fn a_wall_clock_that_falls_back_is_ignored() {
        check(
            None,
            (0, 0),
            &[(10, 10), (-604_800, 20), (-604_790, 30), (40, 40)],
            &[
                "10 10 10 sure",
                "20 20 20 sure",
                "30 30 30 sure",
                "40 40 40 sure",
            ],
        );
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_is_in_doubt_until_it_agrees_again() {
        check(
            None,
            (0, 0),
            &[(10, 10), (31_536_020, 20), (31_536_030, 30), (40, 40)],
            &[
                "10 10 10 sure",
                "20 25 31536020 ahead 31536000",
                "30 35 31536030 ahead 31536000",
                "40 40 40 sure",
            ],
        );
    }

    #[test]
    fn ends_are_judged_by_the_later_reading_and_starts_by_the_earlier() {
        check(None, (0, 0), &[(14, 10)], &["10 14 14 sure"]);
    }

    #[test]
    fn a_start_behind_the_newest_entry_is_in_doubt_until_the_clock_is_set_right() {
        check(
            Some(3_600),
            (0, 0),
            &[(0, 0), (10, 10), (3_620, 20), (0, 30)],
            &[
                "3600 3600 3600 behind 3600",
                "3610 3610 3610 behind 3600",
                "3620 3620 3620 sure",
                "3630 3630 3630 sure",
            ],
        );
    }

    #[test]
    fn no_reading_is_before_a_recorded_instant() {
        let mut time = TrustedTime::start(Timestamp(NOON), 0, None);
        let reading = time.read(Timestamp(NOON + 4_000), 0);
        time.record(reading.ends);
        let after = time.read(Timestamp(NOON), 1_000);
        assert_eq!(after.starts, Timestamp(NOON + 4_000));
        assert_eq!(after.doubt, None);
    }

    #[test]
    fn doubts_say_what_to_do() {
        assert_eq!(
            ClockDoubt::Ahead { by_ms: 7 }.to_string(),
            "the wall clock is 7 ms ahead of trusted time: set it right, or restart to trust it"
        );
        assert_eq!(
            ClockDoubt::BehindLog { by_ms: 7 }.to_string(),
            "the wall clock is 7 ms behind the newest entry of the log: set it right"
        );
    }

    proptest! {
        #[test]
        fn time_never_falls_back_and_never_leaps(
            steps in prop::collection::vec((-1_000_000_000_i64..1_000_000_000, 0_i64..100_000), 1..60)
        ) {
            let mut time = TrustedTime::start(Timestamp(NOON), 0, None);
            let (mut monotonic, mut before) = (0, Timestamp(NOON));
            for (wall_off, elapsed) in steps {
                monotonic += elapsed;
                let reading = time.read(Timestamp(NOON + monotonic + wall_off), monotonic);
                prop_assert!(reading.starts >= before);
                prop_assert!(reading.starts <= reading.ends && reading.ends <= reading.latest);
                prop_assert!(reading.ends.0 <= NOON + monotonic + monotonic / SLEW_ONE_IN + 1 + APART_MS_MAX);
                time.record(reading.ends);
                before = reading.ends;
            }
        }
    }
}

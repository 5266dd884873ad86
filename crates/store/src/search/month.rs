//! Months of the calendar, in UTC: one file of the search each.
use domain::time::Timestamp;
use std::{fmt, str::FromStr};

/// A month. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month of a moment; the first or the last that the calendar knows for one beyond it.
    pub(crate) fn of(at: Timestamp) -> Self {
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(if at.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        Self {
            year: date.year(),
            month: date.month(),
        }
    }

    /// The name of its file.
    pub(crate) fn file(self) -> String {
        format!("{self}.db")
    }

    /// The month whose file is called `name`.
    pub(crate) fn of_file(name: &str) -> Option<Self> {
        name.strip_suffix(".db")?.parse().ok()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// Why a text is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a month is written as 2026-11")]
pub struct NoMonth;

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (year, month) = text.rsplit_once('-').ok_or(NoMonth)?;
        let read = Self {
            year: year.parse().map_err(|_| NoMonth)?,
            month: month.parse().map_err(|_| NoMonth)?,
        };
        // one name for each: `2026-1` and `+2026-01` are none
        let one_name = read.to_string() == text;
        (one_name && (1..=12).contains(&read.month))
            .then_some(read)
            .ok_or(NoMonth)
    }
}

#[cfg(test)]
mod tests {
    use super::Month;
    use domain::time::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn months_begin_and_end_in_utc() {
        let cases = [
            (0, "1970-01"),
            (-1, "1969-12"),
            (1_795_996_799_999, "2026-11"),
            (1_796_083_199_999, "2026-11"),
            (1_796_083_200_000, "2026-12"),
            (i64::MAX, "9999-12"),
            (i64::MIN, "-9999-01"),
        ];
        for (at, expected) in cases {
            assert_eq!(Month::of(Timestamp(at)).to_string(), expected, "{at}");
        }
    }

    #[test]
    fn only_names_of_months_are_read() {
        for name in ["2026-11.db", "0001-01.db"] {
            assert_eq!(Month::of_file(name).unwrap().file(), name);
        }
        for name in [
            "2026-11",
            "2026-13.db",
            "2026-00.db",
            "2026-1.db",
            "+2026-01.db",
            "2026-11.db-wal",
            ".db",
            "views.db",
        ] {
            assert_eq!(Month::of_file(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_later_moment_is_in_no_earlier_month(a in any::<i64>(), b in any::<i64>()) {
            let (earlier, later) = (a.min(b), a.max(b));
            prop_assert!(Month::of(Timestamp(earlier)) <= Month::of(Timestamp(later)));
        }

        #[test]
        fn the_name_of_a_file_tells_its_month(at in any::<i64>()) {
            let month = Month::of(Timestamp(at));
            prop_assert_eq!(Month::of_file(&month.file()), Some(month));
        }
    }
}

//! Small written forms of the catalog: spans such as `2h`, amounts such as `20 MB`, allowed windows, JSON pointers.
use super::read::Node;
use domain::{
    time::Seconds,
    window::{Day, Window},
};
use std::collections::BTreeSet;

const DAYS: [(&str, Day); 7] = [
    ("monday", Day::Monday),
    ("tuesday", Day::Tuesday),
    ("wednesday", Day::Wednesday),
    ("thursday", Day::Thursday),
    ("friday", Day::Friday),
    ("saturday", Day::Saturday),
    ("sunday", Day::Sunday),
];

/// A span between two bounds: `45s`, `90m`, `2h`, `1h 30m`, `7d`.
pub(crate) fn span(node: &Node<'_>, min: Seconds, max: Seconds) -> Option<Seconds> {
    let text = node.text()?;
    let Some(found) = seconds(text) else {
        let message = format!("`{text}` is not a span of time");
        node.wrong(
            message,
            Some("write days, hours, minutes or seconds: `7d`, `2h`, `1h 30m`, `45s`"),
        );
        return None;
    };
    if (min..=max).contains(&found) {
        Some(found)
    } else {
        let message = format!("`{}` is {found}; {min} to {max} is possible", node.name);
        node.wrong(message, None);
        None
    }
}

fn seconds(text: &str) -> Option<Seconds> {
    let mut total: u32 = 0;
    let mut parts = 0;
    for part in text.split_whitespace() {
        let unit = part.chars().next_back()?;
        let each = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let count: u32 = part.strip_suffix(unit)?.parse().ok()?;
        total = total.checked_add(count.checked_mul(each)?)?;
        parts += 1;
    }
    (parts > 0).then_some(Seconds(total))
}

/// An amount of data: a number of bytes, or `500 kB`, `20 MB`, `1 GB` (thousands).
pub(crate) fn bytes(node: &Node<'_>) -> Option<u64> {
    if !node.is_text() {
        return node
            .number::<i64>(1, i64::MAX)
            .and_then(|n| u64::try_from(n).ok());
    }
    let text = node.text()?;
    let amount = text.split_once(' ').and_then(|(count, unit)| {
        let each: u64 = match unit {
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return None,
        };
        count.parse::<u64>().ok()?.checked_mul(each)
    });
    if amount.is_none_or(|amount| amount == 0) {
        let message = format!("`{text}` is not an amount of data");
        node.wrong(message, Some("write `500 kB`, `20 MB` or `1 GB`"));
        return None;
    }
    amount
}

/// `{ zone = "Europe/Berlin", days = "monday..friday", from = "08:00", to = "18:00" }`.
pub(crate) fn window(node: &Node<'_>) -> Option<Window> {
    let table = node.table("a window")?;
    let zone = table.must("zone", zone);
    let days = table.or("days", DAYS.iter().map(|(_, day)| *day).collect(), days);
    let from = table.must("from", |node| minute(node, 1_439));
    let to = table.must("to", |node| minute(node, 1_440));
    let place = table.place.clone();
    table.close();
    let window = Window {
        zone: zone?,
        days: days?,
        from_minute: from?,
        to_minute: to? % 1_440,
    };
    if window.from_minute == window.to_minute && window.from_minute != 0 {
        let help = "write `from = \"00:00\", to = \"24:00\"` for whole days";
        let mistake = place.mistake("the window closes when it opens", Some(help.to_owned()));
        node.file.findings.mistake(mistake);
        return None;
    }
    Some(window)
}

fn zone(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    if bundled.get(text).is_err() {
        let message = format!("there is no time zone `{text}`");
        node.wrong(
            message,
            Some("write a name of the IANA database, such as `Europe/Berlin`"),
        );
        return None;
    }
    Some(text.to_owned())
}

/// `"monday..friday"`, `"sunday"`, or a list of days.
fn days(node: &Node<'_>) -> Option<BTreeSet<Day>> {
    if node.is_list() {
        return node.choices(&DAYS).filter(|days| !days.is_empty());
    }
    let text = node.text()?;
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let position = |name: &str| DAYS.iter().position(|(word, _)| *word == name);
    let Some((first, last)) = position(first).zip(position(last)) else {
        let message = format!("`{text}` is neither a day nor a stretch of days");
        node.wrong(
            message,
            Some("write `sunday`, `monday..friday`, or a list of days"),
        );
        return None;
    };
    let count = (last + 7 - first) % 7 + 1;
    let from_first = DAYS.iter().cycle().skip(first).take(count);
    Some(from_first.map(|(_, day)| *day).collect())
}

/// `"08:00"` as minutes after midnight.
fn minute(node: &Node<'_>, max: u16) -> Option<u16> {
    let text = node.text()?;
    let found = text.split_once(':').and_then(|(hours, minutes)| {
        let two = |digits: &str| digits.len() == 2 && digits.bytes().all(|c| c.is_ascii_digit());
        if !two(hours) || !two(minutes) {
            return None;
        }
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let found = hours * 60 + minutes;
        (minutes < 60 && found <= max).then_some(found)
    });
    if found.is_none() {
        let message = format!("`{text}` is not a time of day");
        node.wrong(message, Some("write hours and minutes: `08:00`"));
    }
    found
}

/// A JSON pointer (RFC 6901).
pub(crate) fn pointer(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let escapes_well = text
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    if text.starts_with('/') && escapes_well {
        Some(text.to_owned())
    } else {
        let message = format!("`{text}` is not a JSON pointer");
        node.wrong(
            message,
            Some("write `/` before each name, as in `/rows` or `/data/items`"),
        );
        None
    }
}

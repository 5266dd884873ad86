//! What is shown of one thing: columns by name, where they lie in the JSON, and how their values read.
use super::safe;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

/// How a value reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As it is; lists with commas, things by their names.
    Text,
    /// An instant.
    Time,
    /// Seconds.
    Length,
    /// Where something stands: told by colour too.
    Standing,
    /// Things with an id that is needed in a command, and words that explain it.
    Labelled,
    /// Seats that wait, and for whom.
    Seats,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) at: &'static str,
    pub(crate) shape: Shape,
}

/// A text.
pub(crate) const fn text_at(title: &'static str, at: &'static str) -> Column {
    shaped(title, at, Shape::Text)
}

/// An instant.
pub(crate) const fn time_at(title: &'static str, at: &'static str) -> Column {
    shaped(title, at, Shape::Time)
}

/// Anything.
pub(crate) const fn shaped(title: &'static str, at: &'static str, shape: Shape) -> Column {
    Column { title, at, shape }
}

/// What is shown of one kind of thing.
#[derive(Debug)]
pub(crate) struct View {
    /// Where its number or id lies.
    pub(crate) id: &'static str,
    /// Always shown.
    pub(crate) columns: &'static [Column],
    /// Shown by `-o wide`, and of one thing alone.
    pub(crate) wide: &'static [Column],
    /// What to say of an empty list.
    pub(crate) none: &'static str,
}

impl View {
    /// Every column.
    pub(crate) fn all(&'static self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().chain(self.wide)
    }
}

/// How a cell feels; never told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Plain,
    Good,
    Care,
    Bad,
}

/// A cell, safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) mood: Mood,
}

impl Column {
    /// The cell of `row` for people; times in `zone`, or in UTC.
    pub(crate) fn cell(&self, row: &Value, zone: Option<&TimeZone>) -> Cell {
        let value = row.pointer(self.at);
        let plain = |text| Cell {
            text,
            mood: Mood::Plain,
        };
        match self.shape {
            Shape::Text => plain(text(value)),
            Shape::Time => plain(time(&text(value), zone)),
            Shape::Length => plain(
                value
                    .and_then(Value::as_u64)
                    .map_or_else(String::new, length),
            ),
            Shape::Labelled => plain(each(value, labelled)),
            Shape::Seats => plain(each(value, seat)),
            Shape::Standing => {
                let text = text(value);
                Cell {
                    mood: mood(&text),
                    text,
                }
            }
        }
    }

    /// The same for programs: times as RFC 3339, lengths in seconds.
    pub(crate) fn machine(&self, row: &Value) -> String {
        match self.shape {
            Shape::Time | Shape::Length => text(row.pointer(self.at)),
            _ => self.cell(row, None).text,
        }
    }
}

/// The rows of a list.
pub(crate) fn rows(body: &Value) -> Option<&Vec<Value>> {
    body.get("items")
        .and_then(Value::as_array)
        .or_else(|| body.as_array())
}

/// What an answer is about: an answer to a write carries the request or grant it changed.
pub(crate) fn subject(body: &Value) -> &Value {
    ["request", "grant"]
        .iter()
        .filter_map(|name| body.get(name))
        .find(|part| part.is_object())
        .unwrap_or(body)
}

/// A value on one line.
pub(crate) fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => safe::line(text),
        Some(Value::Array(items)) => {
            let all: Vec<String> = items.iter().map(|item| text(Some(item))).collect();
            all.join(", ")
        }
        Some(object @ Value::Object(_)) => ["name", "title", "number", "id"]
            .iter()
            .find_map(|name| object.get(name).and_then(Value::as_str))
            .map_or_else(|| safe::json(&object.to_string()), safe::line),
        Some(other) => other.to_string(),
    }
}

fn each(value: Option<&Value>, tell: fn(&Value) -> String) -> String {
    let all: Vec<String> = match value {
        Some(Value::Array(items)) => items.iter().map(tell).collect(),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| format!("{}: {}", safe::line(name), text(Some(value))))
            .collect(),
        _ => Vec::new(),
    };
    all.join("; ")
}

fn labelled(item: &Value) -> String {
    let words = item.get("label").or_else(|| item.get("text"));
    format!("{}: {}", text(item.get("id")), text(words))
}

fn seat(item: &Value) -> String {
    let candidates = text(item.get("candidates"));
    let seat = text(item.get("seat"));
    if candidates.is_empty() {
        seat
    } else {
        format!("{seat} ({candidates})")
    }
}

fn mood(standing: &str) -> Mood {
    match standing {
        "active" | "granted" | "as-stated" | "done" | "genuine" | "passed" => Mood::Good,
        "pending" | "held" | "ending" | "scheduled" | "due" | "take-care" => Mood::Care,
        "denied" | "questioned" | "must-fix" => Mood::Bad,
        _ => Mood::Plain,
    }
}

/// An instant with its offset: `2026-11-23 12:15:00 +01:00`.
pub(crate) fn time(text: &str, zone: Option<&TimeZone>) -> String {
    let Ok(instant) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    match zone {
        None => instant.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Some(zone) => instant
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S %:z")
            .to_string(),
    }
}

/// Seconds in the largest units that say them exactly: `1h30m`.
pub(crate) fn length(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let told: Vec<String> = [(hours, 'h'), (minutes, 'm'), (rest, 's')]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if told.is_empty() {
        "0s".to_owned()
    } else {
        told.concat()
    }
}

/// A field as RFC 4180 has it; what a spreadsheet would run as a formula is made text.
pub(crate) fn quoted(text: &str) -> String {
    let tame = if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if tame.contains([',', '"', '\'']) {
        format!("\"{}\"", tame.replace('"', "\"\""))
    } else {
        tame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_say_where_they_are() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(
            time("2026-11-23T11:15:00Z", Some(&zone)),
            "2026-11-23 12:15:00 +01:00"
        );
        assert_eq!(time("2026-11-23T11:15:00Z", None), "2026-11-23 11:15:00Z");
        assert_eq!(time("soon", None), "soon");
    }

    #[test]
    fn lengths_are_exact() {
        let told = [0, 45, 60, 1_800, 5_400, 90_061].map(length);
        assert_eq!(told, ["0s", "45s", "1m", "30m", "1h30m", "25h1m1s"]);
    }

    #[test]
    fn what_a_list_holds_is_told_by_name() {
        let row = json!({ "who": [{ "id": "a", "name": "A. L\u{1b}" }, { "id": "b", "name": null }], "seats": [{ "seat": "security", "candidates": [{ "id": "m", "name": "M. Sato" }] }],
            "template": [{ "id": "change", "label": "What?" }] });
        let told = |at, shape| shaped("X", at, shape).cell(&row, None).text;
        assert_eq!(told("/who", Shape::Text), "A. L, b");
        assert_eq!(told("/seats", Shape::Seats), "security (M. Sato)");
        assert_eq!(told("/template", Shape::Labelled), "change: What?");
        assert_eq!(told("/nothing", Shape::Text), "");
    }

    #[test]
    fn a_write_is_about_what_it_changed() {
        assert_eq!(
            subject(&json!({ "entry": 3, "request": { "number": "R-1" } })),
            &json!({ "number": "R-1" })
        );
        let grant = json!({ "number": "G-1", "request": "R-1" });
        assert_eq!(subject(&grant), &grant);
    }
}

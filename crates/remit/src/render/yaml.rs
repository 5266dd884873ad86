//! Results as YAML 1.2: every JSON value has one form, texts that could be read as something else are in double quotes.
use super::safe;
use serde_json::Value;

/// The document, with a line feed at its end.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        _ => {
            out.push_str(&scalar(value));
            out.push('\n');
        }
    }
    out
}

/// An object or array, one line for each of its parts, `depth` steps in.
fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, part)| (format!("{}:", text(name)), part))
            .collect(),
        Value::Array(items) => items.iter().map(|part| ("-".to_owned(), part)).collect(),
        _ => Vec::new(),
    };
    for (lead, part) in parts {
        let nested = match part {
            Value::Object(map) => !map.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        out.push_str(&indent);
        out.push_str(&lead);
        if !nested {
            out.push(' ');
            out.push_str(&scalar(part));
            out.push('\n');
        } else if lead == "-" {
            let mut inner = String::new();
            block(part, depth.saturating_add(1), &mut inner);
            // the first line of what is in an item stands beside its dash
            out.push(' ');
            out.push_str(inner.trim_start_matches(' '));
        } else {
            out.push('\n');
            block(part, depth.saturating_add(1), out);
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(words) => text(words),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A text: plain if it can't be taken for anything else, else in double quotes with YAML's escapes (YAML 1.2.2 §5.7).
fn text(words: &str) -> String {
    let plain = words
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic())
        && words
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && !matches!(
            words.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain {
        return words.to_owned();
    }
    let mut out = String::from("\"");
    for c in words.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if safe::misleads(c) => out.extend([format!("\\U{:08x}", u32::from(c))]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_shape_has_one_form() {
        let value = json!({
            "number": "R-1042", "none": null, "yes": "no", "empty": [], "count": 3,
            "who": { "name": "R. Haddad\u{202e}", "duties": ["data-owner", "x: y"] },
            "seats": [{ "seat": "security", "missing": 1 }, [1, 2]]
        });
        assert_eq!(
            document(&value),
            "number: R-1042\nnone: null\n\"yes\": \"no\"\nempty: []\ncount: 3\nwho:\n  name: \"R. Haddad\\U0000202e\"\n  duties:\n    - data-owner\n    - \"x: y\"\nseats:\n  - seat: security\n    missing: 1\n  - - 1\n    - 2\n"
        );
        assert_eq!(document(&json!("a b")), "\"a b\"\n");
        assert_eq!(document(&json!([])), "[]\n");
    }
}

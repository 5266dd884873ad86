//! How results are written: a table for people, JSON, JSON lines or CSV for programs. Text from people never reaches the terminal with
//! control characters in it, and never a spreadsheet as a formula.
use crate::output;
use anyhow::Result;
use serde_json::Value;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// Columns for people
    Table,
    /// One JSON document
    Json,
    /// One JSON document for each row
    Jsonl,
    /// RFC 4180
    Csv,
}

/// Writes `body`: its `items`, the array it is, or the one object.
///
/// # Errors
/// If JSON can't be written.
pub(crate) fn write(body: &Value, columns: &[(&str, &str)], form: Form) -> Result<()> {
    let rows = body
        .get("items")
        .and_then(Value::as_array)
        .or_else(|| body.as_array());
    match (form, rows) {
        (Form::Jsonl, Some(rows)) => rows.iter().for_each(output::line),
        (Form::Jsonl, None) => output::line(body),
        (Form::Table, Some(rows)) if !columns.is_empty() => {
            output::line(table(rows, columns));
        }
        (Form::Csv, Some(rows)) if !columns.is_empty() => {
            output::line(csv(rows, columns).trim_end());
        }
        (Form::Json | Form::Table | Form::Csv, _) => {
            output::line(serde_json::to_string_pretty(body)?);
        }
    }
    Ok(())
}

fn table(rows: &[Value], columns: &[(&str, &str)]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(columns.iter().map(|(title, _)| *title));
    for row in rows {
        table.add_row(columns.iter().map(|(_, pointer)| cell(row, pointer)));
    }
    table
}

fn csv(rows: &[Value], columns: &[(&str, &str)]) -> String {
    let titles: Vec<String> = columns
        .iter()
        .map(|(title, _)| title.to_lowercase())
        .collect();
    rows.iter().fold(titles.join(",") + "\r\n", |text, row| {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, pointer)| quoted(&cell(row, pointer)))
            .collect();
        text + &cells.join(",") + "\r\n"
    })
}

fn cell(row: &Value, pointer: &str) -> String {
    let text = match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(object)) => object.keys().next().cloned().unwrap_or_default(),
        Some(other) => other.to_string(),
    };
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A field as RFC 4180 has it; what a spreadsheet would run as a formula is made text.
fn quoted(text: &str) -> String {
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

    const COLUMNS: &[(&str, &str)] = &[("NUMBER", "/number"), ("WHO", "/who/name")];

    #[test]
    fn rows_become_columns_without_control_characters() {
        let rows = [
            json!({ "number": "R-1", "who": { "name": "A\u{1b}[31m" } }),
            json!({ "number": "R-2", "who": null }),
        ];
        let text = table(&rows, COLUMNS).to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines, ["NUMBER  WHO", "R-1     A[31m", "R-2"]);
    }

    #[test]
    fn a_spreadsheet_gets_text_never_a_formula() {
        let rows = [json!({ "number": "=1+1", "who": { "name": "a \"b\", c" } })];
        assert_eq!(
            csv(&rows, COLUMNS),
            "number,who\r\n\"'=1+1\",\"a \"\"b\"\", c\"\r\n"
        );
    }
}

//! Comma-separated values (RFC 4180) that no spreadsheet runs: a cell that would begin a formula gets an apostrophe before it.

/// One line of cells.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        line.push('"');
        if cell
            .trim_start()
            .starts_with(['=', '+', '-', '@', '\t', '\r'])
            || cell.starts_with(['\t', '\r', '\n'])
        {
            line.push('\'');
        }
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn no_cell_becomes_a_formula() {
        for start in ["=", "+", "-", "@", "\t=", " =", "\r"] {
            let cell = format!("{start}HYPERLINK(\"x\")");
            let written = line([cell.as_str()]);
            assert!(written.starts_with("\"'"), "{written}");
        }
        assert_eq!(
            line(["plain", "a \"word\", two"]),
            "\"plain\",\"a \"\"word\"\", two\"\r\n"
        );
    }
}

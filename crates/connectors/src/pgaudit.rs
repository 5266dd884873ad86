//! Reads PostgreSQL's JSON log (`log_destination = 'jsonlog'`) for what temporary roles did: pgaudit's lines, and refusals, which
//! are plain errors. pgaudit's row counts mislead (an aggregate counts one, a `COPY` none), so rows are not taken from it.
use crate::follow::Line;
use domain::time::Timestamp;
use serde::Deserialize;

/// Something a role did or tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Which role.
    pub role: String,
    /// `READ SELECT`, `WRITE UPDATE`, `refused`, ...
    pub action: String,
    /// `finance.invoices`, or empty.
    pub object: String,
    /// The statement or the error, as logged.
    pub detail: String,
    /// When the server says it happened.
    pub happened_at: Timestamp,
    /// Where its line ends.
    pub source: String,
}

#[derive(Deserialize)]
struct LogLine {
    timestamp: String,
    user: Option<String>,
    error_severity: Option<String>,
    message: Option<String>,
    statement: Option<String>,
}

/// The statement that a log line tells of, if it does and the role's name starts with `prefix`.
pub fn statement(line: &Line, prefix: &str) -> Option<Statement> {
    let log: LogLine = serde_json::from_str(&line.text).ok()?;
    let role = log.user.filter(|user| user.starts_with(prefix))?;
    let message = log.message.unwrap_or_default();
    let (action, object, detail) = match message.strip_prefix("AUDIT: SESSION,") {
        Some(fields) => audit_fields(fields)?,
        None if matches!(log.error_severity.as_deref(), Some("ERROR" | "FATAL")) => {
            let detail = log.statement.map_or_else(
                || message.clone(),
                |statement| format!("{message}: {statement}"),
            );
            ("refused".to_owned(), String::new(), detail)
        }
        None => return None,
    };
    Some(Statement {
        role,
        action,
        object,
        detail,
        happened_at: instant(&log.timestamp)?,
        source: line.position.as_str().to_owned(),
    })
}

/// `STATEMENT_ID,SUBSTATEMENT_ID,CLASS,COMMAND,OBJECT_TYPE,OBJECT_NAME,STATEMENT,PARAMETER` as CSV.
fn audit_fields(text: &str) -> Option<(String, String, String)> {
    let mut fields = csv(text).into_iter().skip(2);
    let (class, command) = (fields.next()?, fields.next()?);
    let (_object_type, object, statement) = (fields.next()?, fields.next()?, fields.next()?);
    Some((format!("{class} {command}"), object, statement))
}

fn csv(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = text.chars().peekable();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside && letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut fields, '"');
            }
            '"' => inside = !inside,
            ',' if !inside => fields.push(String::new()),
            other => push(&mut fields, other),
        }
    }
    fields
}

fn push(fields: &mut [String], letter: char) {
    if let Some(last) = fields.last_mut() {
        last.push(letter);
    }
}

/// `2026-11-23 12:00:00.123 UTC`; other zones aren't read: the server must log in UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let plain = text
        .strip_suffix(" UTC")
        .or_else(|| text.strip_suffix(" GMT"))?;
    let zoned = format!("{}Z", plain.replacen(' ', "T", 1));
    let at: jiff::Timestamp = zoned.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Position;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let line = Line {
            text: text.to_owned(),
            position: Position::from("a:1"),
        };
        let actual = statement(&line, "remit_").map(|s| {
            format!(
                "{} | {} | {} | {} | {}",
                s.role, s.action, s.object, s.detail, s.happened_at.0
            )
        });
        assert_eq!(actual.as_deref(), expected);
    }

    #[test]
    fn what_a_temporary_role_did_is_read_from_pgaudit() {
        check(
            r#"{"timestamp":"2026-11-23 12:00:00.123 UTC","user":"remit_g1","dbname":"d","error_severity":"LOG","message":"AUDIT: SESSION,1,1,READ,SELECT,TABLE,finance.invoices,\"select \"\"a\"\", b from finance.invoices\",<not logged>"}"#,
            Some(
                "remit_g1 | READ SELECT | finance.invoices | select \"a\", b from finance.invoices | 1795435200123",
            ),
        );
    }

    #[test]
    fn what_it_was_refused_is_read_from_the_error() {
        check(
            r#"{"timestamp":"2026-11-23 12:00:00.000 UTC","user":"remit_g1","error_severity":"ERROR","message":"permission denied for table payroll","statement":"select 1"}"#,
            Some(
                "remit_g1 | refused |  | permission denied for table payroll: select 1 | 1795435200000",
            ),
        );
    }

    #[test]
    fn other_roles_and_other_lines_are_left_alone() {
        check(
            r#"{"timestamp":"2026-11-23 12:00:00.000 UTC","user":"postgres","error_severity":"ERROR","message":"x"}"#,
            None,
        );
        check(
            r#"{"timestamp":"2026-11-23 12:00:00.000 UTC","user":"remit_g1","error_severity":"LOG","message":"connection authorized"}"#,
            None,
        );
        check("not json", None);
    }
}

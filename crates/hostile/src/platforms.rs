//! Lines of platforms' own logs, in which people write.
use crate::text;
use connectors::{
    follow::{Line, Position},
    node_red::audited,
    pgaudit::statement,
};

/// A line of a log: of PostgreSQL, of Node-RED, or of anything.
pub(crate) fn log_line(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let line = Line {
        text: text.to_owned(),
        position: Position::from("postgresql.json:00000000000000000042"),
    };
    if let Some(statement) = statement(&line, "remit_") {
        assert!(
            statement.role.starts_with("remit_"),
            "somebody else's statement"
        );
    }
    if let Some(audited) = audited(&line) {
        assert!(!audited.action.chars().any(char::is_control));
        assert!(!audited.object.chars().any(char::is_control));
    }
}

//! Filters that combine: only those that are given become part of the statement, so that each finds its index.
use rusqlite::types::Value;

/// What rows must fulfil, and the values asked for.
pub(crate) struct Conditions {
    parts: Vec<&'static str>,
    values: Vec<Value>,
}

impl Conditions {
    /// Any row will do.
    pub(crate) const fn new() -> Self {
        Self {
            parts: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Rows must also fulfil this.
    pub(crate) fn must(&mut self, condition: &'static str) {
        self.parts.push(condition);
    }

    /// Rows must also fulfil this, which has one `?`.
    pub(crate) fn also(&mut self, condition: &'static str, value: impl Into<Value>) {
        self.parts.push(condition);
        self.values.push(value.into());
    }

    /// As [`Self::also`], if there is a value.
    pub(crate) fn maybe(&mut self, condition: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.also(condition, value);
        }
    }

    /// The text after `WHERE`.
    pub(crate) fn text(&self) -> String {
        if self.parts.is_empty() {
            return "TRUE".to_owned();
        }
        self.parts.join("\n            AND ")
    }

    /// The values, in the order of their `?`.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// Numbers in SQLite are signed: what doesn't fit is no row's number.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

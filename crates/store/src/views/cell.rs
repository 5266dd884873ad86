//! Values that SQLite has no type for: ids as they are written, sets and terms as JSON. What can't be read back is an
//! inconsistent row, never a default.
use crate::error::RowError;
use rusqlite::Row;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, str::FromStr};

/// `value` as JSON.
pub(crate) fn json<T: Serialize>(table: &'static str, value: &T) -> Result<String, RowError> {
    serde_json::to_string(value).map_err(|error| RowError::inconsistent(table, error.to_string()))
}

/// A unit variant as the bare word that serde writes for it.
pub(crate) fn word<T: Serialize>(table: &'static str, value: &T) -> Result<String, RowError> {
    Ok(json(table, value)?.trim_matches('"').to_owned())
}

/// Reads the columns of one row of `table`, by place.
pub(crate) struct Cells<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a Row<'a>,
}

impl Cells<'_> {
    /// A value that SQLite has a type for.
    pub(crate) fn plain<T: rusqlite::types::FromSql>(&self, place: usize) -> Result<T, RowError> {
        Ok(self.row.get(place)?)
    }

    /// An id.
    pub(crate) fn id<T: FromStr<Err: Display>>(&self, place: usize) -> Result<T, RowError> {
        self.parse(&self.plain::<String>(place)?)
    }

    /// An id, if there is one.
    pub(crate) fn maybe_id<T: FromStr<Err: Display>>(
        &self,
        place: usize,
    ) -> Result<Option<T>, RowError> {
        self.plain::<Option<String>>(place)?
            .map(|text| self.parse(&text))
            .transpose()
    }

    /// A value kept as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, place: usize) -> Result<T, RowError> {
        let text: String = self.plain(place)?;
        serde_json::from_str(&text).map_err(|error| self.inconsistent(&error))
    }

    /// A unit variant kept as its word.
    pub(crate) fn word<T: DeserializeOwned>(&self, place: usize) -> Result<T, RowError> {
        let word: String = self.plain(place)?;
        serde_json::from_value(word.into()).map_err(|error| self.inconsistent(&error))
    }

    /// A unit variant kept as its word, if there is one.
    pub(crate) fn maybe_word<T: DeserializeOwned>(
        &self,
        place: usize,
    ) -> Result<Option<T>, RowError> {
        self.plain::<Option<String>>(place)?
            .map(|word| {
                serde_json::from_value(word.into()).map_err(|error| self.inconsistent(&error))
            })
            .transpose()
    }

    fn parse<T: FromStr<Err: Display>>(&self, text: &str) -> Result<T, RowError> {
        text.parse().map_err(|error| self.inconsistent(&error))
    }

    fn inconsistent(&self, error: &dyn Display) -> RowError {
        RowError::inconsistent(self.table, error.to_string())
    }
}

//! The search over entries: one file a month in the folder `search`, each with the lines about its entries, their words, and marks
//! that stand for the values of filters. The projector writes the newest; older ones are only read.
mod files;
mod find;
mod index;
mod marks;
mod month;

pub(crate) use files::SearchFiles;
pub(crate) use find::{ROWS_MAX, count, entries, entry, paged};
pub(crate) use index::{Index, Line, first, months};
pub use month::Month;

/// Layouts of a month's file, in order.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("../../migrations/search/0001_search.sql")];

/// The folder of the files, beside the projections' file.
pub(crate) const FOLDER: &str = "search";

#[cfg(test)]
mod tests;

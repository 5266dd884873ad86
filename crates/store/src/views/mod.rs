//! Projections: what pages and lists read. They follow the log in a file of their own, outside its commit, and are made again
//! from the first entry whenever the file was made by another projector, follows another log, or is damaged.
mod about;
mod cell;
mod conditions;
mod entry;
mod grant;
mod hour;
mod open;
mod person;
mod projector;
mod read;
mod read_grant;
mod read_request;
mod request;
mod sources;
mod summary;
mod usage;

pub(crate) use cell::Cells;
pub(crate) use conditions::{Conditions, signed};
pub(crate) use open::{MIGRATIONS, Trouble};
pub use projector::SqliteProjector;
pub use read::SqliteViews;

#[cfg(test)]
pub(crate) mod tests;

//! The rules of lending privilege, as values: no I/O, no clock, no randomness, no async.
//!
//! Read in this order: [`directory`], [`catalog`], [`request`], [`grant`], [`command`], [`event`], [`state`], then the
//! functions that turn one into the other: `decide`, `evolve`, `react`.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod access;
pub mod acting;
pub mod actor;
mod asking;
pub mod catalog;
pub mod command;
#[cfg(test)]
mod consent_invariants;
pub mod decide;
pub mod directory;
pub mod due;
pub mod duties;
pub mod effect;
pub mod event;
pub mod evolve;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
pub mod grant;
pub mod ids;
pub mod impact;
#[cfg(test)]
mod invariants;
pub mod keeping;
mod matching;
pub mod overseeing;
pub mod path;
#[cfg(test)]
mod play;
pub mod precheck;
pub mod quarantine;
pub mod question;
pub mod react;
pub mod refusal;
pub mod request;
pub mod seats;
pub mod state;
#[cfg(test)]
mod story;
pub mod text;
pub mod time;
pub mod verdict;
pub mod window;
pub mod witnessing;

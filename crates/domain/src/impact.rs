//! Impact: a score from 0 to 100 of one request, every part of it named. A band can add seats to the catalog's, never remove one.
use crate::catalog::SeatRule;
use serde::{Deserialize, Serialize};

/// Weights and bands; part of the bundle, so every change of them has a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpactPolicy {
    /// Points by data classification: public, internal, confidential, restricted.
    pub data_class: [u8; 4],
    /// Points by environment: development, test, production.
    pub environment: [u8; 3],
    /// Points by kind of action: read, run, change, export, administer.
    pub action: [u8; 5],
    /// Points for each target beyond the first, and the most they can add.
    pub breadth: (u8, u8),
    /// Points for each started hour beyond the first, and the most they can add.
    pub duration: (u8, u8),
    /// Points for each earlier violation by the requester, and the most they can add.
    pub history: (u8, u8),
    /// Points if the requester has never held this privilege.
    pub first_time: u8,
    /// Points taken off if all lessons of the privilege are passed.
    pub training: u8,
    /// First score of the medium, high and critical bands.
    pub bands: [u8; 3],
    /// Seats added by the medium, high and critical bands; each band also adds those below it.
    pub seats: [Vec<SeatRule>; 3],
}

/// How much could go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// 0 to 100.
    pub score: u8,
    /// What the score means for consent.
    pub band: Band,
    /// Where the score comes from; the points add up to the score before it is cut to 0..=100.
    pub parts: Vec<ImpactPart>,
}

/// One named part of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactPart {
    /// Which part.
    pub name: PartName,
    /// How much it adds (or takes away).
    pub points: i16,
    /// Why, in plain words.
    pub because: String,
}

/// The parts a score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PartName {
    DataClassification,
    Environment,
    Action,
    Breadth,
    Duration,
    History,
    FirstTime,
    Training,
}

/// What a score means for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Band {
    Low,
    Medium,
    High,
    Critical,
}

//! A projection that is just the list of entries, and fails, is thrown away, or leaves one out.
use super::Plant;
use crate::locked;
use engine::{
    ports::{Projector, ReadError},
    record::Recorded,
};
use std::sync::{Arc, Mutex};

/// A projection; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct SimProjector(Arc<Mutex<Projected>>);

#[derive(Debug, Default)]
struct Projected {
    entries: Vec<Recorded>,
    followed: u64,
    failing: bool,
    skips: bool,
}

impl SimProjector {
    pub(super) fn new(plant: Option<Plant>) -> Self {
        let projector = Self::default();
        locked(&projector.0).skips = plant == Some(Plant::ProjectionSkips);
        projector
    }

    pub(super) fn set_failing(&self, failing: bool) {
        locked(&self.0).failing = failing;
    }

    /// Its file is thrown away.
    pub(super) fn forget(&self) {
        let mut inside = locked(&self.0);
        inside.entries.clear();
        inside.followed = 0;
    }

    pub(super) fn entries(&self) -> Vec<Recorded> {
        locked(&self.0).entries.clone()
    }
}

impl Projector for SimProjector {
    fn projected(&self) -> u64 {
        locked(&self.0).followed
    }

    fn project(&mut self, entries: &[Recorded]) -> Result<(), ReadError> {
        let mut inside = locked(&self.0);
        if inside.failing {
            return Err(ReadError {
                what: "the projection",
                source: "the disk is away".into(),
            });
        }
        for recorded in entries {
            inside.followed += 1;
            if !(inside.skips && recorded.entry == 30) {
                inside.entries.push(recorded.clone());
            }
        }
        Ok(())
    }
}

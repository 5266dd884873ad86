//! What the models share: a search for a broken promise.
use stateright::{Checker, HasDiscoveries, Model};
use std::{fmt::Debug, hash::Hash};

/// Searches a model without one of its rules, in which there must be a way to break the promise.
#[track_caller]
pub(crate) fn caught<M>(model: M, without: impl Debug, promise: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + PartialEq,
{
    let checker = model
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AllOf([promise].into()))
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    assert!(
        discoveries.contains_key(promise),
        "{without:?} is not missed"
    );
}

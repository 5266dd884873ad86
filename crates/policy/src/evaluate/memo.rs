//! Entities of recent questions. A grant in use is asked about again and again, and nothing about it changes but the time: building its
//! entities anew would take longer than all policies together. What is kept is used only for a question with equal facts, so a
//! verdict is the same with and without it.
use crate::people::Facts;
use cedar_policy::Entities;
use domain::{
    ids::{PersonId, RequestId},
    verdict::{Elevation, PolicyAction, PolicyQuestion},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Most questions that are kept.
const KEPT_MAX: usize = 1_024;

/// Whose question about what.
type Key = (RequestId, PolicyAction, PersonId);

/// Entities of recent questions.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<BTreeMap<Key, Kept>>);

#[derive(Debug)]
struct Kept {
    elevation: Elevation,
    facts: Vec<Facts>,
    entities: Arc<Entities>,
}

impl Memo {
    /// The entities that were kept for just these facts.
    pub(super) fn recall(
        &self,
        question: &PolicyQuestion,
        facts: &[Facts],
    ) -> Option<Arc<Entities>> {
        let kept = self.0.lock().ok()?;
        let kept = kept.get(&key(question))?;
        let same = kept.elevation == question.elevation && kept.facts == facts;
        same.then(|| Arc::clone(&kept.entities))
    }

    /// Keeps entities for the next question like this.
    pub(super) fn keep(
        &self,
        question: &PolicyQuestion,
        facts: Vec<Facts>,
        entities: Arc<Entities>,
    ) {
        let Ok(mut kept) = self.0.lock() else { return };
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let elevation = question.elevation.clone();
        let entry = Kept {
            elevation,
            facts,
            entities,
        };
        kept.insert(key(question), entry);
    }
}

fn key(question: &PolicyQuestion) -> Key {
    let PolicyQuestion {
        action, principal, ..
    } = question;
    (question.elevation.request, *action, principal.clone())
}

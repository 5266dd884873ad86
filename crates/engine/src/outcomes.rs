//! What came of uses, told together: while one entry about the uses of a grant is being written, whoever else has something to
//! tell of that grant waits, and then all of it becomes one entry. Nobody waits longer than for the entry before their own, and
//! a grant that is used often is told of in half as many entries.
use crate::{
    enforcement::Finish,
    handle::{Answer, Engine, Failed, Submission},
};
use domain::{
    actor::Actor,
    command::{Command, FinishedUse, Given},
    event::Event,
    ids::{GatewayId, GrantId},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Most uses that one entry tells of: an entry has at most 65,535 bytes, and a use takes about 300 of them.
const USES_MAX: usize = 64;

type Key = (GatewayId, GrantId);

/// What waits to be told, by whose grant it is; a grant is in here as long as somebody tells of it.
#[derive(Default)]
pub(crate) struct Outcomes(Mutex<BTreeMap<Key, Vec<Told>>>);

/// What came of a use, and who wants to know that it is on record.
struct Told {
    used: FinishedUse,
    answer: oneshot::Sender<Result<Answer, Failed>>,
}

impl Outcomes {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<Told>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what is told; gives it back if nobody tells of this grant yet: then it is the caller's to do so.
    fn join(&self, key: &Key, told: Told) -> Option<Told> {
        let mut waiting = self.waiting();
        if let Some(others) = waiting.get_mut(key) {
            others.push(told);
            return None;
        }
        waiting.insert(key.clone(), Vec::new());
        Some(told)
    }

    /// What came together meanwhile; if it is nothing, the next one begins anew.
    fn next(&self, key: &Key) -> Vec<Told> {
        let mut waiting = self.waiting();
        let Some(others) = waiting.get_mut(key) else {
            return Vec::new();
        };
        let count = others.len().min(USES_MAX);
        if count == 0 {
            waiting.remove(key);
            return Vec::new();
        }
        others.drain(..count).collect()
    }
}

impl Engine {
    /// Records what came of a use, together with others of the same grant that end meanwhile. The answer's events are those of
    /// this use, and what followed from all of them.
    ///
    /// # Errors
    /// As [`Engine::submit`].
    pub async fn finish_use(&self, gateway: GatewayId, finish: Finish) -> Result<Answer, Failed> {
        let key = (gateway, finish.grant);
        let (answer, answered) = oneshot::channel();
        let told = Told {
            used: FinishedUse {
                use_id: finish.use_id,
                outcome: finish.outcome,
            },
            answer,
        };
        if let Some(first) = self.shared.outcomes.join(&key, told) {
            // by itself, so that whoever hangs up takes nobody's outcome along
            tokio::spawn(tell_all(self.clone(), key, first));
        }
        answered.await.map_err(|_| Failed::Unknown)?
    }

    async fn tell(&self, (gateway, grant): &Key, uses: Vec<FinishedUse>) -> Result<Answer, Failed> {
        let command = match <[FinishedUse; 1]>::try_from(uses) {
            Ok([FinishedUse { use_id, outcome }]) => Command::FinishUse {
                use_id,
                grant: *grant,
                outcome,
            },
            Err(uses) => Command::FinishUses {
                grant: *grant,
                uses,
            },
        };
        let actor = Actor::Gateway {
            gateway: gateway.clone(),
        };
        self.submit(Submission::of(Given { actor, command })).await
    }
}

/// Lets the next one begin anew, even if this one breaks off.
struct Telling<'a> {
    outcomes: &'a Outcomes,
    key: &'a Key,
    /// Whether nothing was left, and so the next one may have begun already.
    over: bool,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.outcomes.waiting().remove(self.key);
        }
    }
}

async fn tell_all(engine: Engine, key: Key, first: Told) {
    let mut telling = Telling {
        outcomes: &engine.shared.outcomes,
        key: &key,
        over: false,
    };
    let mut batch = vec![first];
    while !telling.over {
        tell_batch(&engine, &key, batch).await;
        batch = telling.outcomes.next(&key);
        telling.over = batch.is_empty();
    }
}

async fn tell_batch(engine: &Engine, key: &Key, batch: Vec<Told>) {
    let together = batch.len() > 1;
    let uses = batch.iter().map(|told| told.used.clone()).collect();
    match engine.tell(key, uses).await {
        Ok(answer) if together && matches!(answer, Answer::Refused { .. }) => {
            // one of them is told already, or of another grant: it alone is refused
            for told in batch {
                let answer = engine.tell(key, vec![told.used]).await;
                let _ = told.answer.send(answer);
            }
        }
        Ok(answer) => {
            for told in batch {
                let own = of_one(&answer, &told.used);
                let _ = told.answer.send(Ok(own));
            }
        }
        Err(failed) => {
            for told in batch {
                let _ = told.answer.send(Err(as_well(&failed)));
            }
        }
    }
}

/// The answer without what came of other uses.
fn of_one(answer: &Answer, used: &FinishedUse) -> Answer {
    let mut own = answer.clone();
    if let Answer::Done { events, .. } = &mut own {
        events.retain(|event| match event {
            Event::UseFinished { use_id, .. } => *use_id == used.use_id,
            _ => true,
        });
    }
    own
}

/// The failure of an entry is that of each use in it.
fn as_well(failed: &Failed) -> Failed {
    match failed {
        Failed::Stopped => Failed::Stopped,
        Failed::Full => Failed::Full,
        Failed::ClockDoubtful { doubt } => Failed::ClockDoubtful { doubt: *doubt },
        _ => Failed::Unknown,
    }
}

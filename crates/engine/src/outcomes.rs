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

/// Hears of what was told that it is on record, or why it isn't.
pub type Hear = Box<dyn FnOnce(Result<Answer, Failed>) + Send>;

/// What came of a use, and who wants to know that it is on record.
struct Told {
    used: FinishedUse,
    hear: Hear,
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
        let (answer, answered) = oneshot::channel();
        let hear = move |told| {
            // whoever hung up needs no answer
            let _ = answer.send(told);
        };
        self.finish_use_then(gateway, finish, Box::new(hear));
        answered.await.map_err(|_| Failed::Unknown)?
    }

    /// As [`Engine::finish_use`], for whoever has no time to wait: `hear` is called with what it would return.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn finish_use_then(&self, gateway: GatewayId, finish: Finish, hear: Hear) {
        let key = (gateway, finish.grant);
        let told = Told {
            used: FinishedUse {
                use_id: finish.use_id,
                outcome: finish.outcome,
            },
            hear,
        };
        if let Some(first) = self.shared.outcomes.join(&key, told) {
            // by itself, so that whoever hangs up takes nobody's outcome along
            tokio::spawn(tell_all(self.clone(), key, first));
        }
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
                (told.hear)(answer);
            }
        }
        Ok(answer) => {
            for told in batch {
                let own = of_one(&answer, &told.used);
                (told.hear)(Ok(own));
            }
        }
        Err(failed) => {
            for told in batch {
                (told.hear)(Err(as_well(&failed)));
            }
        }
    }
}

/// The answer without what came of other uses.
fn of_one(answer: &Answer, used: &FinishedUse) -> Answer {
    let Answer::Done {
        entry,
        at,
        events,
        repeated,
    } = answer
    else {
        return answer.clone();
    };
    let own = |event: &&Event| match event {
        Event::UseFinished { use_id, .. } => *use_id == used.use_id,
        _ => true,
    };
    Answer::Done {
        entry: *entry,
        at: *at,
        events: events.iter().filter(own).cloned().collect(),
        repeated: *repeated,
    }
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

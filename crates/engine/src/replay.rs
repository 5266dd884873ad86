//! Replay: every decision of a log made again from what the log itself holds, by the very functions that made it first. The first
//! entry that comes out differently is named, with what was expected and what was found. Nobody is asked anything and nothing is
//! opened: decisions never read bodies, so a replay survives erasure.
use crate::{
    entry::{self, EntryError},
    record::{BodyNamed, Outcome, Record, Recorded, Refusal},
    rules::{self, Decision, Rules, Stock},
};
use domain::{command::Given, evolve::evolve, state::State, time::Timestamp};
use ledger::{digest::Digest, leaf::Leaf};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
};

/// Most characters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 300;

/// A log whose every decision came out the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Entries, all of them.
    pub entries: u64,
    /// Decisions that were a yes.
    pub done: u64,
    /// Decisions that were a no.
    pub refused: u64,
    /// How many entries each version of the engine wrote.
    pub engines: BTreeMap<String, u64>,
    /// What the log comes to.
    pub state: State,
}

/// Why a log could not be replayed to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E: Error + 'static> {
    /// It can't be read.
    #[error("the log can't be read after entry `{after}`")]
    Read {
        /// How many entries were read.
        after: u64,
        /// Why.
        #[source]
        source: E,
    },
    /// A decision comes out differently.
    #[error(transparent)]
    Diverged(Divergence),
}

/// The first entry that is not what its inputs make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Which entry.
    pub entry: u64,
    /// The version of the engine that is named in it.
    pub engine: String,
    /// What differs: `verdict`, `outcome.done[0].event`, `at`, ...
    pub what: String,
    /// What its inputs make it.
    pub expected: String,
    /// What it says.
    pub found: String,
}

impl Error for Divergence {}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "entry `{}` (written by engine `{}`) differs in `{}`: expected {}, found {}",
            self.entry, self.engine, self.what, self.expected, self.found
        )
    }
}

/// Replays a log from its first entry. `engine_version` is the version that replays: words of refusals are compared only with
/// entries of the same version, rules and events always. `blob` yields a large input by its digest.
///
/// # Errors
/// [`ReplayError`] names the first entry that differs, or can't be read.
pub fn replay<E: Error + 'static>(
    entries: impl Iterator<Item = Result<(u64, Leaf), E>>,
    blob: impl Fn(&Digest) -> Option<Vec<u8>>,
    engine_version: &str,
    mut progress: impl FnMut(u64),
) -> Result<Replayed, ReplayError<E>> {
    let mut replayer = Replayer::new(blob, engine_version);
    for entry in entries {
        let after = replayer.replayed.entries;
        let (entry, leaf) = entry.map_err(|source| ReplayError::Read { after, source })?;
        replayer.next(entry, leaf).map_err(ReplayError::Diverged)?;
        progress(replayer.replayed.entries);
    }
    Ok(replayer.finish())
}

/// A replay on its way, one entry at a time: for whoever follows a log as it grows.
#[derive(Clone)]
pub struct Replayer<'v, B> {
    replayed: Replayed,
    rules: Rules,
    newest: Timestamp,
    engine_version: &'v str,
    blob: B,
}

impl<B> fmt::Debug for Replayer<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayer")
            .field("entries", &self.replayed.entries)
            .finish_non_exhaustive()
    }
}

struct Difference {
    what: String,
    expected: String,
    found: String,
}

impl Difference {
    fn new(what: impl Into<String>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            what: what.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

impl<'v, B: Fn(&Digest) -> Option<Vec<u8>>> Replayer<'v, B> {
    /// A replay that has seen nothing yet; arguments as for [`replay`].
    pub fn new(blob: B, engine_version: &'v str) -> Self {
        Self {
            replayed: Replayed {
                entries: 0,
                done: 0,
                refused: 0,
                engines: BTreeMap::new(),
                state: State::default(),
            },
            rules: Rules::default(),
            newest: Timestamp(i64::MIN),
            engine_version,
            blob,
        }
    }

    /// The same replay; bundles that are in `stock` need not be read again.
    #[must_use]
    pub fn with(self, stock: Stock) -> Self {
        Self {
            rules: Rules::with(stock),
            ..self
        }
    }

    /// Replays the next entry; after a divergence nothing more can be said, and this is to be dropped.
    ///
    /// # Errors
    /// [`Divergence`] if the entry is not what its inputs make it.
    pub fn next(&mut self, entry: u64, leaf: Leaf) -> Result<(), Divergence> {
        let engine = leaf.engine.clone();
        self.entry(entry, leaf).map_err(|difference| {
            let Difference {
                what,
                expected,
                found,
            } = difference;
            Divergence {
                entry,
                engine,
                what,
                expected,
                found,
            }
        })
    }

    /// What the entries so far come to.
    pub fn finish(self) -> Replayed {
        self.replayed
    }

    fn entry(&mut self, entry: u64, leaf: Leaf) -> Result<(), Difference> {
        if entry != self.replayed.entries {
            return Err(Difference::new("entry", self.replayed.entries, entry));
        }
        let same_engine = leaf.engine == self.engine_version;
        let engine = leaf.engine.clone();
        let recorded = Recorded::from_leaf(entry, leaf).map_err(|error| unreadable(&error))?;
        if recorded.at < self.newest {
            let expected = format!("an instant not before {}", self.newest.0);
            return Err(Difference::new("at", expected, recorded.at.0));
        }
        same("bundle", &self.replayed.state.bundle, &recorded.bundle)?;
        let decision = self.decide(&recorded)?;
        compare(&recorded, decision, same_engine)?;
        if let Outcome::Done(events) = &recorded.record.outcome {
            for event in events {
                evolve(&mut self.replayed.state, event, recorded.at);
            }
        }
        self.count(&recorded, engine);
        Ok(())
    }

    /// The decision as the writer made it: same functions, same inputs.
    fn decide(&mut self, recorded: &Recorded) -> Result<Decision, Difference> {
        let record = &recorded.record;
        let given = Given {
            actor: record.actor.clone(),
            command: record.command.clone(),
        };
        let state = &mut self.replayed.state;
        let brought = rules::brought(&given.command)
            .filter(|bundle| record.blobs.contains(bundle) && !self.rules.knows(*bundle));
        let known = match brought {
            None => None,
            Some(bundle) => {
                let named = entry::ledger_digest(bundle);
                let packed = (self.blob)(&named)
                    .filter(|packed| Digest::of(packed) == named)
                    .ok_or_else(|| Difference::new("blobs", named, "nothing of that digest"))?;
                let known = self
                    .rules
                    .read(&packed)
                    .map_err(|error| Difference::new("blobs", "a bundle", error))?;
                self.rules.learn(state, &known);
                Some(known)
            }
        };
        let decision = self.rules.decide(state, &given, record.seed, recorded.at);
        if let (Some(known), Outcome::Refused(_)) = (known, &decision.outcome) {
            self.rules.forget(state, &known);
        }
        Ok(decision)
    }

    fn count(&mut self, recorded: &Recorded, engine: String) {
        let replayed = &mut self.replayed;
        self.newest = recorded.at;
        replayed.entries += 1;
        *replayed.engines.entry(engine).or_default() += 1;
        match recorded.record.outcome {
            Outcome::Done(_) => replayed.done += 1,
            Outcome::Refused(_) => replayed.refused += 1,
        }
    }
}

fn unreadable(error: &EntryError) -> Difference {
    Difference::new("record", "a decision", crate::chain(error))
}

fn compare(recorded: &Recorded, decision: Decision, same_engine: bool) -> Result<(), Difference> {
    let Record {
        actor: _,
        person,
        command,
        seed: _,
        verdict,
        outcome,
        bodies,
        blobs: _,
        answer: _,
        erased,
    } = &recorded.record;
    same("person", &decision.person, person)?;
    same("verdict", &decision.verdict, verdict)?;
    let expected = if same_engine {
        decision.outcome
    } else {
        reworded(decision.outcome, outcome)
    };
    same("outcome", &expected, outcome)?;
    same("kind", &entry::kind(command), &recorded.kind.as_str())?;
    let stream = entry::stream(command, outcome);
    same("stream", &stream, &recorded.stream)?;
    same("erased", &entry::erased(outcome), erased)?;
    listed_once(bodies)
}

/// Rules and events must be the same in every version; only the words around them may change from one to the next.
fn reworded(expected: Outcome, found: &Outcome) -> Outcome {
    match (expected, found) {
        (Outcome::Refused(expected), Outcome::Refused(found)) => Outcome::Refused(Refusal {
            rule: expected.rule,
            ..found.clone()
        }),
        (expected, _) => expected,
    }
}

/// A body that is listed twice would let an auditor count what isn't there.
fn listed_once(bodies: &[BodyNamed]) -> Result<(), Difference> {
    let mut seen = BTreeSet::new();
    match bodies.iter().find(|body| !seen.insert(body.commitment)) {
        None => Ok(()),
        Some(body) => Err(Difference::new("bodies", "each body once", body.commitment)),
    }
}

fn same<T: PartialEq + Serialize>(what: &str, expected: &T, found: &T) -> Result<(), Difference> {
    if expected == found {
        return Ok(());
    }
    let value = |part: &T| serde_json::to_value(part).unwrap_or(Value::Null);
    Err(first_difference(what, &value(expected), &value(found)))
}

/// Walks into both values as long as just one member differs in kind or content, so that the message shows the place itself.
fn first_difference(at: &str, expected: &Value, found: &Value) -> Difference {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
            let different = left.iter().zip(right.values()).find(|((_, l), r)| l != r);
            if let Some(((name, left), right)) = different {
                return first_difference(&format!("{at}.{name}"), left, right);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let mut pairs = left.iter().zip(right).enumerate();
            if let Some((n, (left, right))) = pairs.find(|(_, (l, r))| l != r) {
                return first_difference(&format!("{at}[{n}]"), left, right);
            }
        }
        _ => {}
    }
    Difference::new(at, shown(expected), shown(found))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < text.len() {
        format!("{cut}…")
    } else {
        text
    }
}

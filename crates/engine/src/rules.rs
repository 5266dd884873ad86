//! The one place where a command is decided: who is behind it, what the policies say, what the domain decides. The writer and
//! replay both call this, so that what is proved about the one holds for the other.
use crate::record::{Outcome, Refusal};
use domain::{
    actor::{Actor, Context, Seed},
    catalog::Catalog,
    command::{Command, DirectoryChange, Given},
    decide,
    event::Event,
    ids::{Digest, PersonId},
    question::question,
    refusal::Refused,
    state::State,
    time::Timestamp,
    verdict::Verdict,
};
use policy::{
    Evaluator, Judged, Reason, Vocabulary,
    bundle::{Bundle, unpack},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Most characters of a message, a why or a fix that are recorded.
const WORDS_CHARS_MAX: usize = 2_000;

/// Why packed bytes can't be the rules.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not a packed bundle.
    #[error("the blob is not a packed bundle")]
    Unpack(#[source] policy::bundle::UnpackError),
    /// A bundle with mistakes.
    #[error("the bundle has mistakes: {mistakes}")]
    Mistakes {
        /// All of them, one a line.
        mistakes: String,
    },
}

/// The bundles that entries of this log may name, read and ready to be asked.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    known: BTreeMap<Digest, Arc<Known>>,
    stock: Option<Stock>,
}

/// Bundles that were read already, by the digest of their packed bytes, for whoever starts on the same bundle again and again:
/// reading one takes longer than a whole made-up life. Clones share what is in it.
#[derive(Clone, Default)]
pub struct Stock(Arc<Mutex<BTreeMap<ledger::Digest, Known>>>);

impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stock").finish_non_exhaustive()
    }
}

impl Stock {
    fn known(&self, packed: &[u8]) -> Result<Known, BundleError> {
        let digest = ledger::Digest::of(packed);
        let mut stock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = stock.get(&digest) {
            return Ok(known.anew());
        }
        let known = Known::read(packed)?;
        let anew = known.anew();
        stock.insert(digest, known);
        Ok(anew)
    }
}

/// One bundle, read.
pub(crate) struct Known {
    bundle: Digest,
    catalog: Arc<Catalog>,
    vocabulary: Vocabulary,
    evaluator: Evaluator,
}

impl Known {
    fn read(packed: &[u8]) -> Result<Self, BundleError> {
        let files = unpack(packed).map_err(BundleError::Unpack)?;
        let bundle = Bundle::load(&files).map_err(|mistakes| BundleError::Mistakes {
            mistakes: lines(&mistakes),
        })?;
        Ok(Self {
            bundle: bundle.digest,
            catalog: Arc::clone(&bundle.catalog),
            vocabulary: Vocabulary::of(&bundle),
            evaluator: Evaluator::new(&bundle),
        })
    }

    /// The same bundle, of which nothing was asked yet.
    fn anew(&self) -> Self {
        Self {
            bundle: self.bundle,
            catalog: Arc::clone(&self.catalog),
            vocabulary: self.vocabulary.clone(),
            evaluator: self.evaluator.anew(),
        }
    }
}

/// What came of one command.
pub(crate) struct Decision {
    pub(crate) person: Option<PersonId>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) outcome: Outcome,
}

impl Rules {
    /// No rules yet; what is in `stock` need not be read again.
    pub(crate) fn with(stock: Stock) -> Self {
        Self {
            stock: Some(stock),
            ..Self::default()
        }
    }

    /// No rules yet, with the same stock.
    pub(crate) fn none(&self) -> Self {
        Self {
            known: BTreeMap::new(),
            stock: self.stock.clone(),
        }
    }

    /// Reads a packed bundle.
    pub(crate) fn read(&self, packed: &[u8]) -> Result<Arc<Known>, BundleError> {
        let known = match &self.stock {
            Some(stock) => stock.known(packed)?,
            None => Known::read(packed)?,
        };
        Ok(Arc::new(known))
    }

    /// Makes a bundle known to rules and state.
    pub(crate) fn learn(&mut self, state: &mut State, known: &Arc<Known>) {
        state.learn(known.bundle, Arc::clone(&known.catalog));
        self.known.insert(known.bundle, Arc::clone(known));
    }

    /// Whether a bundle is known.
    pub(crate) fn knows(&self, bundle: Digest) -> bool {
        self.known.contains_key(&bundle)
    }

    /// Which bundles are known.
    pub(crate) fn names(&self) -> Vec<Digest> {
        self.known.keys().copied().collect()
    }

    /// Undoes [`Self::learn`]: the command that brought the bundle was refused.
    pub(crate) fn forget(&mut self, state: &mut State, known: &Known) {
        state.catalogs.remove(&known.bundle);
        self.known.remove(&known.bundle);
    }

    /// The reasons behind the names of policies, in their authors' words.
    pub(crate) fn explain(&self, in_force: Option<Digest>, policies: &[String]) -> Vec<Reason> {
        in_force
            .and_then(|bundle| self.known.get(&bundle))
            .map(|known| known.evaluator.explain(policies))
            .unwrap_or_default()
    }

    /// Holds changes of the directory against the bundle in force; without one, nothing is said.
    pub(crate) fn judge(&self, state: &State, changes: &[DirectoryChange]) -> Judged {
        state
            .bundle
            .and_then(|bundle| self.known.get(&bundle))
            .map(|known| known.vocabulary.judge(&state.directory, changes))
            .unwrap_or_default()
    }

    /// What the policies in force say, where they are asked.
    pub(crate) fn verdict(&self, state: &State, given: &Given, now: Timestamp) -> Option<Verdict> {
        let question = question(state, given, now)?;
        let known = self.known.get(&state.bundle?)?;
        Some(known.evaluator.evaluate(&state.directory, &question))
    }

    /// Decides one command. Pure: equal arguments give equal answers, which is what replay rests on.
    pub(crate) fn decide(
        &self,
        state: &State,
        given: &Given,
        seed: Seed,
        now: Timestamp,
    ) -> Decision {
        let verdict = self.verdict(state, given, now);
        let context = Context {
            actor: given.actor.clone(),
            verdict,
            seed,
            now,
        };
        let outcome = match decide::decide(state, &given.command, &context) {
            Ok(events) => Outcome::Done(events),
            Err(refused) => Outcome::Refused(self.refusal(state.bundle, &refused)),
        };
        Decision {
            person: behind(state, &given.actor),
            verdict: context.verdict,
            outcome,
        }
    }

    /// A refusal in words. What a policy refuses is told in the words of the policy's author.
    pub(crate) fn refusal(&self, in_force: Option<Digest>, refused: &Refused) -> Refusal {
        let reasons = match refused {
            Refused::Policy { policies } => self.explain(in_force, policies),
            _ => Vec::new(),
        };
        let mut whys: Vec<String> = reasons.iter().map(|reason| reason.why.clone()).collect();
        let mut fixes: Vec<String> = reasons
            .into_iter()
            .filter_map(|reason| reason.fix)
            .collect();
        if whys.is_empty() {
            whys.push(refused.why());
        }
        if fixes.is_empty() {
            fixes = refused.fix();
        }
        Refusal {
            rule: refused.rule().to_owned(),
            message: bounded(&refused.to_string()),
            why: bounded(&whys.join(" ")),
            fix: fixes.iter().map(|fix| bounded(fix)).collect(),
        }
    }
}

fn lines(mistakes: &[policy::Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The bundle that a command brings, if it brings one.
pub(crate) fn brought(command: &Command) -> Option<Digest> {
    match command {
        Command::AdoptGenesis { bundle } | Command::ProposeBundle { bundle } => Some(*bundle),
        _ => None,
    }
}

/// The human behind an actor, as the directory has it.
fn behind(state: &State, actor: &Actor) -> Option<PersonId> {
    match actor {
        Actor::Person { account, .. } => state.directory.accounts.get(account)?.person.clone(),
        Actor::Gateway { .. } | Actor::Operator | Actor::System => None,
    }
}

fn bounded(words: &str) -> String {
    words.chars().take(WORDS_CHARS_MAX).collect()
}

/// Whether these events give power to somebody: what must not happen while the clock is in doubt.
pub(crate) fn gives_power(events: &[Event]) -> bool {
    // what waited for the end of a quarantine is given at once
    let waited = |event: &Event| matches!(event, Event::QuarantineLifted { .. });
    let mut events = events.iter();
    events.any(|event| event.gives_power() || waited(event))
}

/// Whether a command must not be done while the clock is in doubt, whatever its events: it hands out a credential.
pub(crate) fn hands_out(command: &Command) -> bool {
    matches!(command, Command::IssueCredential { .. })
}

/// Whether a command is about ends, which are judged by the later reading of the clock.
pub(crate) fn judges_an_end(command: &Command) -> bool {
    matches!(
        command,
        Command::ExpireGrant { .. }
            | Command::EndUnconfirmed { .. }
            | Command::RecordMissing { .. }
            | Command::ExpireRequest { .. }
            | Command::EscalateReview { .. }
            | Command::BeginUse { .. }
            | Command::IssueCredential { .. }
            | Command::ResumeGrant { .. }
    )
}

/// Whether a command takes power away: these go before all others.
pub(crate) fn goes_first(command: &Command) -> bool {
    matches!(
        command,
        Command::RevokeGrant { .. }
            | Command::HoldGrant { .. }
            | Command::ContainGrant { .. }
            | Command::ExpireGrant { .. }
            | Command::ReturnGrant { .. }
            | Command::RecordRemoved { .. }
            | Command::RecordRemovalFailed { .. }
            | Command::BeginQuarantine { .. }
            | Command::EndUnconfirmed { .. }
            | Command::RecordMissing { .. }
            | Command::RecordStrays { .. }
            | Command::RecordStrayEnded { .. }
    )
}

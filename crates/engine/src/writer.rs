//! The one writer: a thread that owns the state and decides every command at the head of the log.
//!
//! The order of steps is the argument that nothing is promised that a crash could take back:
//!
//! 1. A command is decided against the writer's own state, which holds everything decided before it, committed or not. A crash
//!    here loses the decision; nobody was told.
//! 2. Its leaf is hashed once and appended to a copy of the tree. A crash here: as above.
//! 3. The whole batch goes to the log in one durable transaction: leaves, nodes, bodies, blobs, answers to keep, and the
//!    checkpoint signed for just this head, with compare-and-set on the size. A crash here leaves all or nothing; whoever
//!    waited sends again with the same key, and gets the kept answer or a fresh decision.
//! 4. The committed state is published, and only then is anybody answered. A crash between 3 and 4 is a crash after 3.
//! 5. Projections, signals and jobs follow. A crash here loses none: projections read on from the log, enforcement points ask
//!    again, and jobs are derived again from the state, because their intents are events of the batch.
//!
//! A commit that fails is *unknown*, not *no*: a refused row may be there all the same. So nobody is told yes, the log is read
//! again, and what was found there is followed. Even then nothing is answered from it until a later commit has gone well.
use crate::{
    chain,
    draft::{Beside, Draft, Promised, Waiting, answer_of},
    entry,
    fold::Fold,
    handle::{Answer, Failed, IdempotencyKey, Submission, Ticket},
    inbox::{Inbox, Woken},
    ports::{Batch, CommitError, GrantSignal, LogWriter},
    record::{Outcome, Record, Recorded},
    rules::{self, Known, Rules},
    shared::Shared,
    snapshots::Taking,
    time::Reading,
    timers::Timers,
};
use domain::{
    actor::{Actor, Seed},
    command::{Command, Given},
    effect::{Effect, Notice},
    event::Event,
    evolve::evolve,
    keeping::is_forgotten,
    react::react,
    state::State,
    time::Timestamp,
};
use ledger::{checkpoint::Signer, digest::Digest, tree::Tree};
use std::{
    ops::ControlFlow,
    sync::{Arc, mpsc::SyncSender},
};
use uuid::Uuid;

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Box<dyn LogWriter>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) engine_version: String,
    pub(crate) tree: Tree,
    /// Instant of the last entry.
    pub(crate) newest: Option<Timestamp>,
    pub(crate) state: State,
    pub(crate) rules: Rules,
    pub(crate) timers: Timers,
    pub(crate) inbox: Inbox,
    pub(crate) projector: SyncSender<Vec<Recorded>>,
    pub(crate) taking: Taking,
    /// The head was found after a commit that failed: it counts only once another commit has gone well.
    pub(crate) unproven: bool,
}

/// Tells everybody that the writer is gone, however it went.
pub(crate) struct Stopped(pub(crate) Arc<Shared>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.set_stopped();
    }
}

impl Writer {
    /// Decides commands until nobody can send any, or the log is no longer ours.
    pub(crate) fn run(mut self, runtime: &tokio::runtime::Runtime) {
        let stopped = Stopped(Arc::clone(&self.shared));
        loop {
            let mut due = self.due();
            let mut first = None;
            if due.is_empty() {
                let pause = Timers::pause(&self.state, self.shared.clock.read());
                match runtime.block_on(self.inbox.wait(&self.shared.wake, pause)) {
                    Woken::Ticket(ticket) => first = Some(*ticket),
                    Woken::Clock => continue,
                    Woken::Closed => break,
                }
                // time went by while it waited, and what is over ends before anything else is decided
                due = self.due();
            }
            if self.turn(due, first).is_break() {
                break;
            }
        }
        drop(stopped);
        self.last_snapshot();
        // whoever still waits is told by the closed door
    }

    /// Decides what is due and what waits already, without waiting for more.
    pub(crate) fn round(&mut self) -> ControlFlow<()> {
        let due = self.due();
        self.turn(due, None)
    }

    fn folded(&self) -> Fold {
        Fold {
            tree: self.tree.clone(),
            state: self.state.clone(),
            rules: self.rules.clone(),
            newest: self.newest,
        }
    }

    /// Whatever is to be read at the next start is written down, unless this log is in doubt.
    fn last_snapshot(self) {
        if self.unproven || self.shared.is_condemned() {
            return;
        }
        let fold = self.folded();
        self.taking.stop(fold);
    }

    fn due(&mut self) -> Vec<Command> {
        self.timers.due(&self.state, self.shared.clock.read())
    }

    /// What takes power away goes into a batch of its own, before all else: it doesn't wait for what else is to be written, and
    /// on a full disk it alone may use the room that is held back.
    fn turn(&mut self, due: Vec<Command>, first: Option<Ticket>) -> ControlFlow<()> {
        let (ends, others): (Vec<_>, Vec<_>) = due.into_iter().partition(rules::goes_first);
        let is_first = |ticket: &Ticket| rules::goes_first(&ticket.submission.given.command);
        let (first, other) = match first {
            Some(ticket) if is_first(&ticket) => (Some(ticket), None),
            other => (None, other),
        };
        self.batch(ends, first, Inbox::next_first)?;
        self.batch(others, other, Inbox::next_waiting)
    }

    /// One batch: what is due, then what waits.
    fn batch(
        &mut self,
        due: Vec<Command>,
        first: Option<Ticket>,
        waiting: fn(&mut Inbox) -> Option<Ticket>,
    ) -> ControlFlow<()> {
        if self.shared.is_condemned() {
            return ControlFlow::Break(());
        }
        let mut draft = Draft::new(&self.tree);
        for command in due {
            if !draft.is_full() {
                self.tick(&mut draft, &command);
            }
        }
        let mut next = first.or_else(|| waiting(&mut self.inbox));
        while let Some(ticket) = next {
            self.take(&mut draft, ticket);
            next = if draft.is_full() {
                None
            } else {
                waiting(&mut self.inbox)
            };
        }
        self.commit(draft)
    }

    fn tick(&mut self, draft: &mut Draft, command: &Command) {
        let given = Given {
            actor: Actor::System,
            command: command.clone(),
        };
        let entered = self.enter(draft, Submission::of(given));
        let done = draft.entries.last().is_some_and(|recorded| {
            matches!(recorded.record.outcome, Outcome::Done(_)) && entered.is_ok()
        });
        if !done {
            self.timers.put_off(command, self.shared.clock.read());
        }
    }

    fn take(&mut self, draft: &mut Draft, ticket: Ticket) {
        let Ticket {
            submission,
            answer: reply,
        } = ticket;
        let earlier = match &submission.idempotency {
            Some(key) => self.earlier(draft, key),
            None => Ok(None),
        };
        let promised = match earlier {
            Ok(Some(promised)) => Ok(promised),
            Ok(None) => self.enter(draft, submission).map(|entry| Promised::Entry {
                entry,
                repeated: false,
            }),
            Err(failed) => Err(failed),
        };
        match promised {
            Ok(answer) => draft.waiting.push(Waiting { reply, answer }),
            Err(failed) => tell(reply, Err(failed)),
        }
    }

    /// The answer that was given before to this key: in this batch, or in the log.
    fn earlier(&self, draft: &Draft, key: &IdempotencyKey) -> Result<Option<Promised>, Failed> {
        let same = |fingerprint: Digest| {
            if fingerprint == key.fingerprint {
                Ok(())
            } else {
                Err(Failed::KeyReused)
            }
        };
        if let Some(kept) = draft.answered(key) {
            same(kept.fingerprint)?;
            return Ok(Some(Promised::Entry {
                entry: kept.entry,
                repeated: true,
            }));
        }
        let reader = &self.shared.reader;
        let Some(kept) = reader
            .answer(&key.principal, &key.key)
            .map_err(Failed::Read)?
        else {
            return Ok(None);
        };
        same(kept.fingerprint)?;
        let leaves = reader.leaves(kept.entry, 1).map_err(Failed::Read)?;
        let bytes = leaves.first().map(Vec::as_slice).unwrap_or_default();
        let recorded = Recorded::from_bytes(kept.entry, bytes).map_err(Failed::Entry)?;
        Ok(Some(Promised::Earlier(answer_of(&recorded, true))))
    }

    /// Decides a command and enters it into the draft; the entry's number. On failure nothing has changed.
    pub(crate) fn enter(
        &mut self,
        draft: &mut Draft,
        submission: Submission,
    ) -> Result<u64, Failed> {
        for body in &submission.bodies {
            body.check().map_err(Failed::Sealed)?;
            self.still_remembered(&body.subject)?;
        }
        let brought = self.brought(&submission)?;
        if let Some(known) = &brought {
            self.rules.learn(&mut self.state, known);
        }
        let entered = self.decide(draft, submission);
        if let Some(known) = brought {
            let adopted = draft.entries.last().is_some_and(|recorded| {
                matches!(recorded.record.outcome, Outcome::Done(_)) && entered.is_ok()
            });
            if adopted {
                draft.learned.push(known);
            } else {
                self.rules.forget(&mut self.state, &known);
            }
        }
        entered
    }

    /// Words that were sealed before somebody was erased must not come after it: their key is gone.
    fn still_remembered(&self, subject: &str) -> Result<(), Failed> {
        match subject.parse() {
            Ok(person) if is_forgotten(&self.state, &person) => Err(Failed::Forgotten { person }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The bundle that a command names, if its bytes came along and it is not known yet.
    fn brought(&self, submission: &Submission) -> Result<Option<Arc<Known>>, Failed> {
        let Some(bundle) = rules::brought(&submission.given.command) else {
            return Ok(None);
        };
        if self.rules.knows(bundle) {
            return Ok(None);
        }
        let named = entry::ledger_digest(bundle);
        let packed = submission
            .blobs
            .iter()
            .find(|blob| Digest::of(blob) == named);
        packed
            .map(|packed| self.rules.read(packed).map_err(Failed::Bundle))
            .transpose()
    }

    fn decide(&mut self, draft: &mut Draft, submission: Submission) -> Result<u64, Failed> {
        let reading = self.shared.clock.read();
        let given = &submission.given;
        let at = instant(&given.command, reading);
        let mut bits = [0; 16];
        self.shared.random.fill(&mut bits);
        let seed = Seed(Uuid::from_bytes(bits));
        let decision = self.rules.decide(&self.state, given, seed, at);
        if let (Some(doubt), Outcome::Done(events)) = (reading.doubt, &decision.outcome)
            && (rules::gives_power(events) || rules::hands_out(&given.command))
        {
            return Err(Failed::ClockDoubtful { doubt });
        }
        let entry = draft.next_entry();
        let beside = Beside {
            bodies: submission.bodies,
            blobs: submission.blobs,
            answer: submission.idempotency.map(|key| key.kept(entry)),
        };
        let Given { actor, command } = submission.given;
        let recorded = Recorded {
            entry,
            kind: entry::kind(&command).to_owned(),
            stream: entry::stream(&command, &decision.outcome),
            at,
            bundle: self.state.bundle,
            record: Record {
                actor,
                person: decision.person,
                command,
                seed,
                verdict: decision.verdict,
                erased: entry::erased(&decision.outcome),
                outcome: decision.outcome,
                bodies: beside.bodies_named(),
                blobs: beside.blobs_named(),
                answer: beside.answer_named(),
            },
        };
        let leaf = recorded
            .encode(&self.engine_version)
            .map_err(Failed::Unrecordable)?;
        // nothing fails from here on
        self.shared.clock.record(at);
        if let Outcome::Done(events) = &recorded.record.outcome {
            for event in events {
                evolve(&mut self.state, event, at);
                draft.effects.extend(react(&self.state, event));
            }
        }
        draft.append(recorded, leaf, beside);
        Ok(entry)
    }

    /// Makes the draft durable, then publishes it, then answers.
    pub(crate) fn commit(&mut self, mut draft: Draft) -> ControlFlow<()> {
        if draft.is_empty() {
            return ControlFlow::Continue(());
        }
        if draft.entries.is_empty() && !self.unproven {
            answer_all(&mut draft);
            return ControlFlow::Continue(());
        }
        let batch = draft.batch(&self.signer);
        match self.log.commit(&batch) {
            Ok(()) => {
                self.unproven = false;
                let answers = answers(&mut draft);
                self.follow(draft);
                for (reply, answer) in answers {
                    tell(reply, answer);
                }
                ControlFlow::Continue(())
            }
            Err(error) => self.recover(&error, &batch, draft),
        }
    }

    /// After a failed commit: nobody is told yes; what the log really holds is followed, or the writer stops.
    fn recover(&mut self, error: &CommitError, batch: &Batch, mut draft: Draft) -> ControlFlow<()> {
        tracing::error!(error = %chain(error), "a batch could not be committed");
        let waiting = std::mem::take(&mut draft.waiting);
        let found = match error {
            CommitError::Conflict { .. } => None,
            CommitError::Full | CommitError::Unknown(_) => self.found(batch),
        };
        for Waiting { reply, .. } in waiting {
            let failed = match (error, &found) {
                (CommitError::Conflict { .. }, _) => Failed::Stopped,
                (CommitError::Full, Some(Found::Before)) => Failed::Full,
                (CommitError::Full | CommitError::Unknown(_), _) => Failed::Unknown,
            };
            tell(reply, Err(failed));
        }
        match found {
            Some(Found::Before) => {
                // INVARIANT: the published state is the fold of the log up to its head
                let published = self.shared.published();
                self.state = published.state.clone();
                self.rules = published.rules.clone();
                drop(published);
                ControlFlow::Continue(())
            }
            Some(Found::After) => {
                self.unproven = true;
                self.follow(draft);
                ControlFlow::Continue(())
            }
            None => {
                tracing::error!("the head of the log can't be trusted: the writer stops");
                ControlFlow::Break(())
            }
        }
    }

    /// Where the log stands after a failed commit; `None` if that is neither before nor after the batch, or can't be read.
    fn found(&self, batch: &Batch) -> Option<Found> {
        let head = self.shared.reader.head().ok()?;
        if head.tree == self.tree.head() {
            return Some(Found::Before);
        }
        let leaves = self
            .shared
            .reader
            .leaves(batch.expected_size, batch.leaves.len())
            .ok()?;
        (head == batch.head && leaves == batch.leaves).then_some(Found::After)
    }

    /// Follows a batch that is in the log.
    fn follow(&mut self, draft: Draft) {
        let Draft {
            tree,
            entries,
            learned,
            effects,
            ..
        } = draft;
        self.tree = tree;
        let mut published = self.shared.publish();
        for known in &learned {
            let published = &mut *published;
            published.rules.learn(&mut published.state, known);
        }
        for (event, at) in events(&entries) {
            evolve(&mut published.state, event, at);
        }
        drop(published);
        self.shared.set_entries(self.tree.size());
        self.newest = entries.last().map(|recorded| recorded.at).or(self.newest);
        self.snapshot(&entries);
        for signal in events(&entries).filter_map(|(event, _)| signal(event)) {
            // nobody listening is fine
            let _ = self.shared.signals.send(signal);
        }
        announce(&effects);
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Forget { .. }))
        {
            self.shared.forget.notify_one();
        }
        self.shared.begin(effects);
        // a projector that is behind, or gone, reads on from the log by itself
        let _ = self.projector.try_send(entries);
    }

    /// Hands a copy of what the log comes to to the thread that takes snapshots, if one is due.
    fn snapshot(&mut self, entries: &[Recorded]) {
        if events(entries).any(|(event, _)| matches!(event, Event::PersonErased { .. })) {
            self.taking.forget_earlier();
        }
        if !self.unproven && self.taking.is_due(self.tree.size()) {
            let fold = self.folded();
            self.taking.take(fold);
        }
    }
}

enum Found {
    Before,
    After,
}

/// The reading of the clock by which a command is judged.
fn instant(command: &Command, reading: Reading) -> Timestamp {
    if rules::judges_an_end(command) {
        reading.ends
    } else {
        reading.starts
    }
}

fn events(entries: &[Recorded]) -> impl Iterator<Item = (&Event, Timestamp)> {
    entries.iter().flat_map(|recorded| {
        let events = match &recorded.record.outcome {
            Outcome::Done(events) => events.as_slice(),
            Outcome::Refused(_) => &[],
        };
        events.iter().map(|event| (event, recorded.at))
    })
}

fn signal(event: &Event) -> Option<GrantSignal> {
    let (grant, usable) = match event {
        // an extension is told as well: whoever knows the grant's end must learn the later one
        Event::GrantActivated { grant, .. }
        | Event::GrantExtended { grant, .. }
        | Event::GrantResumed { grant, .. } => (*grant, true),
        Event::GrantHeld { grant, .. } | Event::GrantEnded { grant, .. } => (*grant, false),
        _ => return None,
    };
    Some(GrantSignal { grant, usable })
}

fn announce(effects: &[Effect]) {
    for effect in effects {
        if let Effect::Notify(notice) = effect {
            if let Notice::Alarm(words) = notice {
                tracing::warn!(alarm = %words, "alarm");
            } else {
                tracing::debug!(?notice, "notice");
            }
        }
    }
}

fn answers(draft: &mut Draft) -> Vec<(crate::draft::Reply, Result<Answer, Failed>)> {
    let waiting = std::mem::take(&mut draft.waiting);
    waiting
        .into_iter()
        .map(|Waiting { reply, answer }| {
            let answer = match answer {
                Promised::Earlier(answer) => Ok(answer),
                Promised::Entry { entry, repeated } => {
                    draft.answer(entry, repeated).ok_or(Failed::Unknown)
                }
            };
            (reply, answer)
        })
        .collect()
}

fn answer_all(draft: &mut Draft) {
    for (reply, answer) in answers(draft) {
        tell(reply, answer);
    }
}

/// Answers, if whoever asked still waits.
fn tell(reply: crate::draft::Reply, answer: Result<Answer, Failed>) {
    let _ = reply.send(answer);
}

//! One life under way: the ports, the engine on them, everybody who waits for an answer, and what was promised to them.
use super::{
    Lived, Plant, Script,
    clock::SimClock,
    dice::Dice,
    disk::{Content, SimDisk, Wear},
    first_day::{first_day, settings, stock},
    model::{Model, Now},
    projection::SimProjector,
    target::{SimTarget, Temper},
    tasks::{Polled, Tasks},
    wishes,
};
use crate::{MemoryKeys, MemorySnapshots, NoViews, locked};
use domain::{
    command::Given,
    fixture,
    ids::{CredentialId, PlatformId},
};
use engine::{
    Answer, Engine, Failed, IdempotencyKey, Ports, Submission,
    by_hand::ByHand,
    chain,
    ports::{Connector, Random},
    record::{Outcome, Recorded},
};
use ledger::{digest::Digest, tree::TreeHead};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// Commands that are under way at a time.
const UNDER_WAY_MAX: usize = 6;

/// One life.
pub(super) struct Sim {
    pub(super) dice: Dice,
    pub(super) clock: SimClock,
    pub(super) disk: SimDisk,
    pub(super) keys: MemoryKeys,
    pub(super) projector: SimProjector,
    snapshots: MemorySnapshots,
    snapshot_every: u64,
    pub(super) targets: BTreeMap<PlatformId, SimTarget>,
    random: Arc<SimRandom>,
    plant: Option<Plant>,
    pub(super) life: Option<Life>,
    pub(super) model: Model,
    pub(super) decoded: Vec<Recorded>,
    pub(super) sent: Vec<Sent>,
    /// Digest of each entry that somebody was told of.
    pub(super) told: BTreeMap<u64, Digest>,
    pub(super) heads: Vec<TreeHead>,
    copy: Option<(Content, Model)>,
    /// Made after a copy that was put back: nothing explains them.
    pub(super) forgiven: BTreeSet<CredentialId>,
    is_told: bool,
    pub(super) steps: Vec<String>,
    pub(super) lived: Lived,
}

/// The server, as long as it runs.
pub(super) struct Life {
    pub(super) engine: Engine,
    by_hand: ByHand,
    tasks: Tasks<Done>,
}

enum Done {
    Beside,
    Answered(Box<Heard>),
}

pub(super) struct Heard {
    pub(super) of: usize,
    /// How many entries had been told of when it was sent.
    pub(super) after: u64,
    pub(super) result: Result<Answer, Failed>,
}

/// A command that somebody sends, as often as it takes.
pub(super) struct Sent {
    pub(super) given: Given,
    pub(super) key: IdempotencyKey,
    pub(super) state: Sending,
    /// Whether an earlier sending may have been done although nobody heard of it.
    pub(super) doubtful: bool,
    pub(super) answer: Option<u64>,
}

/// Where a command stands for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    UnderWay,
    /// The line broke, or it isn't known what came of it.
    Unknown,
    /// There was an answer, or a failure that says nothing was done.
    Over,
}

/// Random bits that follow from the seed.
pub(super) struct SimRandom(pub(super) Mutex<Dice>);

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = locked(&self.0);
        for chunk in bytes.chunks_mut(8) {
            let bits = dice.throw().to_le_bytes();
            for (slot, byte) in chunk.iter_mut().zip(bits) {
                *slot = byte;
            }
        }
    }
}

impl Sim {
    pub(super) fn new(script: &Script) -> Self {
        let Script { seed, plant, .. } = *script;
        let mut dice = Dice::of(seed, 0);
        let (content, model, decoded) = first_day().clone();
        let disk = SimDisk::new(content, Dice::of(seed, 2), plant);
        let targets: BTreeMap<_, _> = ["ledgerdb", "nodered"]
            .into_iter()
            .zip(3..)
            .map(|(name, part)| {
                (
                    fixture::id(name),
                    SimTarget::new(Dice::of(seed, part), plant),
                )
            })
            .collect();
        let pick = |dice: &mut Dice, from: &[u64]| dice.pick(from).copied().unwrap_or(0);
        if let Some((access, fault)) = script.fault_at {
            disk.fail_at(access, fault);
        } else {
            disk.wear(Wear {
                commits: pick(&mut dice, &[0, 10, 40, 150]),
                reads: pick(&mut dice, &[0, 0, 10, 40]),
            });
            let temper = Temper {
                fails: pick(&mut dice, &[0, 50, 300]),
                done_yet_fails: pick(&mut dice, &[0, 50, 300]),
                hangs: pick(&mut dice, &[0, 30, 100]),
                answer_lost: pick(&mut dice, &[0, 30, 100]),
                twice: pick(&mut dice, &[0, 100]),
                lies: pick(&mut dice, &[0, 0, 0, 100]),
            };
            for target in targets.values() {
                target.temper(temper);
            }
        }
        let snapshot_every = pick(&mut dice, &[u64::MAX, 10, 40]);
        Self {
            dice,
            clock: SimClock::default(),
            disk,
            keys: MemoryKeys::default(),
            projector: SimProjector::new(plant),
            snapshots: MemorySnapshots::default(),
            snapshot_every,
            targets,
            random: Arc::new(SimRandom(Mutex::new(Dice::of(seed, 5)))),
            plant,
            life: None,
            model,
            decoded,
            sent: Vec::new(),
            told: BTreeMap::new(),
            heads: Vec::new(),
            copy: None,
            forgiven: BTreeSet::new(),
            is_told: script.told,
            steps: Vec::new(),
            lived: Lived::default(),
        }
    }

    /// Writes a step down, if anybody wants to read it.
    pub(super) fn tell(&mut self, step: impl FnOnce() -> String) {
        if self.is_told {
            self.steps.push(step());
        }
    }

    pub(super) fn lived(&mut self) -> Lived {
        let made = self.targets.values().map(SimTarget::created);
        Lived {
            entries: self.disk.len(),
            accesses: self.disk.accesses(),
            faults: self.disk.faults(),
            uses: self.model.uses.len() as u64,
            roles: made.map(|made| made.len() as u64).sum(),
            root: self
                .heads
                .last()
                .map(|head| head.root.to_string())
                .unwrap_or_default(),
            steps: std::mem::take(&mut self.steps),
            ..self.lived.clone()
        }
    }

    pub(super) fn is_down(&self) -> bool {
        self.life.is_none()
    }

    /// The server is started on what the disk holds. It may fail to start while the disk fails, and never else.
    pub(super) fn start(&mut self) -> Result<(), String> {
        self.life = None;
        self.disk.power();
        self.kept()?;
        let faults = self.disk.faults();
        self.lived.starts += 1;
        let connectors = self.targets.iter().map(|(platform, target)| {
            let connector: Arc<dyn Connector> = Arc::new(target.clone());
            (platform.clone(), connector)
        });
        let ports = Ports {
            clock: Arc::new(self.clock.clone()),
            random: Arc::clone(&self.random) as Arc<dyn Random>,
            reader: Arc::new(self.disk.clone()),
            writer: Box::new(self.disk.clone()),
            keys: Arc::new(self.keys.clone()),
            projector: Box::new(self.projector.clone()),
            views: Arc::new(NoViews),
            snapshots: Arc::new(self.snapshots.clone()),
            connectors: connectors.collect(),
        };
        match ByHand::start(ports, settings(self.snapshot_every), stock()) {
            Ok((engine, by_hand)) => {
                let mut tasks = Tasks::default();
                for comparison in by_hand.comparisons() {
                    tasks.spawn(beside(comparison));
                }
                tasks.spawn(beside(by_hand.forgetting()));
                self.tell(|| format!("the server starts with {} entries", engine.health().entries));
                self.life = Some(Life {
                    engine,
                    by_hand,
                    tasks,
                });
                if self.plant == Some(Plant::ClocksStick) {
                    self.clock.stick();
                }
            }
            Err(error) if self.disk.faults() > faults => {
                self.tell(|| format!("the server doesn't start: {}", chain(&error)));
            }
            Err(error) => return Err(format!("the server doesn't start: {}", chain(&error))),
        }
        self.follow()?;
        self.note_head()
    }

    fn note_head(&mut self) -> Result<(), String> {
        let content = self.disk.content();
        let tree = ledger::Tree::resume(content.leaves.len() as u64, &content.hashes)
            .map_err(|error| error.to_string())?;
        self.heads.push(tree.head());
        Ok(())
    }

    /// The server is gone from one moment to the next, with all that was under way.
    pub(super) fn crash(&mut self, why: &str) {
        self.tell(|| format!("the server is gone: {why}"));
        self.life = None;
        for sent in &mut self.sent {
            if sent.state == Sending::UnderWay {
                sent.state = Sending::Unknown;
                sent.doubtful = true;
            }
        }
    }

    /// Somebody wants something.
    pub(super) fn wish(&mut self) {
        let Some(life) = &self.life else { return };
        let under_way = self.sent.iter().rev().take(40);
        if under_way.filter(|s| s.state == Sending::UnderWay).count() >= UNDER_WAY_MAX {
            return;
        }
        let now = life.engine.now();
        let (dice, model) = (&mut self.dice, &self.model);
        let wish = life
            .engine
            .read(|state| wishes::wish(dice, state, model, now));
        if let Some(given) = wish {
            self.send(given);
        }
    }

    pub(super) fn send(&mut self, given: Given) {
        let number = self.sent.len();
        let key = IdempotencyKey {
            principal: format!("client-{}", number % 4),
            key: number.to_string(),
            fingerprint: Digest::of(&number.to_be_bytes()),
        };
        self.sent.push(Sent {
            given,
            key,
            state: Sending::Over,
            doubtful: false,
            answer: None,
        });
        self.submit(number);
    }

    /// Somebody who heard nothing asks again; or somebody who did.
    pub(super) fn ask_again(&mut self, dice: &mut Dice) {
        let anybody = dice.chance(150);
        let unheard = self.sent.iter().enumerate().filter(|(_, sent)| {
            sent.state == Sending::Unknown || anybody && sent.state == Sending::Over
        });
        let unheard: Vec<usize> = unheard.map(|(number, _)| number).collect();
        if let Some(number) = dice.pick(&unheard) {
            self.submit(*number);
        }
    }

    /// Everybody who heard nothing asks again.
    pub(super) fn all_ask_again(&mut self) {
        let sent = self.sent.iter().enumerate();
        let unheard = sent.filter(|(_, sent)| sent.state == Sending::Unknown);
        let unheard: Vec<usize> = unheard.map(|(number, _)| number).collect();
        for number in unheard {
            self.submit(number);
        }
    }

    fn submit(&mut self, of: usize) {
        let (Some(life), Some(sent)) = (&mut self.life, self.sent.get_mut(of)) else {
            return;
        };
        sent.state = Sending::UnderWay;
        let mut submission = Submission::of(sent.given.clone());
        submission.idempotency = Some(sent.key.clone());
        let engine = life.engine.clone();
        let after = self.told.last_key_value().map_or(0, |(entry, _)| entry + 1);
        life.tasks.spawn(async move {
            let result = engine.submit(submission).await;
            Done::Answered(Box::new(Heard { of, after, result }))
        });
        let what = self.sent.get(of).map(|sent| format!("{:?}", sent.given));
        self.tell(|| format!("#{of} is sent: {}", what.unwrap_or_default()));
    }

    /// Lets some of what could go on go on.
    ///
    /// # Errors
    /// An answer that breaks a promise.
    pub(super) fn poll(&mut self, most: usize) -> Result<bool, String> {
        let mut went = false;
        for _ in 0..most {
            let Some(life) = &mut self.life else { break };
            match life.tasks.poll(&mut self.dice) {
                Polled::Nothing => break,
                Polled::Pending | Polled::Done(Done::Beside) => went = true,
                Polled::Done(Done::Answered(heard)) => {
                    went = true;
                    self.heard(*heard)?;
                }
            }
        }
        Ok(went)
    }

    /// The writer goes round once.
    ///
    /// # Errors
    /// An entry that must not be.
    pub(super) fn decide(&mut self) -> Result<bool, String> {
        let Some(life) = &mut self.life else {
            return Ok(false);
        };
        let before = self.disk.len();
        let goes_on = life.by_hand.decide();
        self.follow()?;
        if self.disk.is_powerless() {
            self.crash("the power failed");
        } else if !goes_on {
            self.crash("the writer stopped");
        } else if let Some(life) = &self.life
            && life.engine.health().entries != self.disk.len()
        {
            return Err("the server and its disk have different numbers of entries".to_owned());
        }
        Ok(self.disk.len() > before)
    }

    /// New entries on the disk are held against the account.
    fn follow(&mut self) -> Result<(), String> {
        let now = Now {
            life: self.lived.starts,
            wall: self.clock.unstuck_wall(),
            monotonic_ms: self.clock.unstuck_monotonic_ms(),
        };
        for leaf in self.disk.since(self.model.entries) {
            let recorded =
                Recorded::from_bytes(self.model.entries, &leaf).map_err(|error| chain(&error))?;
            self.tell(|| told(&recorded));
            self.model.next(&recorded, now)?;
            self.decoded.push(recorded);
        }
        Ok(())
    }

    pub(super) fn project(&mut self) {
        if let Some(life) = &mut self.life {
            life.by_hand.project();
        }
    }

    /// Snapshots are taken, and what was taken on one's word is read again.
    pub(super) fn snapshot(&mut self) -> Result<(), String> {
        let Some(life) = &mut self.life else {
            return Ok(());
        };
        life.by_hand.snapshot();
        if self.disk.is_powerless() {
            self.crash("the power failed");
        } else if !life.engine.health().running {
            return Err("a snapshot is not what the log comes to".to_owned());
        }
        Ok(())
    }

    /// Snapshots are lost, or one is changed.
    pub(super) fn spoil_snapshots(&mut self, dice: &mut Dice) {
        let mut kept = self.snapshots.all();
        if dice.chance(300) {
            kept.clear();
        }
        if let Some(mut last) = kept.last_entry() {
            let snapshot = last.get_mut();
            let place = dice.index(snapshot.len());
            if let Some(byte) = place.and_then(|place| snapshot.get_mut(place)) {
                *byte ^= 1;
            }
        }
        self.snapshots.replace(kept);
    }

    pub(super) fn take_job(&mut self) -> bool {
        let Some(life) = &mut self.life else {
            return false;
        };
        let job = life.by_hand.job();
        let there = job.is_some();
        if let Some(job) = job {
            life.tasks.spawn(beside(job));
        }
        there
    }

    pub(super) fn deliver(&mut self) -> bool {
        let mut delivered = false;
        for target in self.targets.values() {
            delivered |= target.deliver();
        }
        delivered
    }

    /// A copy of the disk is laid aside.
    pub(super) fn copy(&mut self) {
        let mut content = self.disk.content();
        content.copied = Some(content.leaves.len() as u64);
        self.tell(|| format!("a copy is made at {:?} entries", content.copied));
        self.copy = Some((content, self.model.clone()));
    }

    /// The copy is put back in place of the disk: what came after it is lost, and nobody may rely on it.
    pub(super) fn put_back(&mut self) -> Result<(), String> {
        let Some((content, model)) = self.copy.take() else {
            return Ok(());
        };
        self.crash("its copy is put back");
        self.lived.copies += 1;
        let entries = content.leaves.len() as u64;
        self.decoded.truncate(content.leaves.len());
        self.disk.power();
        self.disk.put(content);
        self.told.split_off(&entries);
        self.heads.retain(|head| head.size <= entries);
        let known = self.model.credentials.keys();
        let lost = known.filter(|credential| !model.credentials.contains_key(*credential));
        self.forgiven.extend(lost.copied());
        self.model = model;
        self.projector.forget();
        for sent in &mut self.sent {
            if sent.answer.is_some_and(|entry| entry >= entries) {
                sent.answer = None;
            }
        }
        self.start()
    }
}

async fn beside(future: impl Future<Output = ()>) -> Done {
    future.await;
    Done::Beside
}

fn told(recorded: &Recorded) -> String {
    let outcome = match &recorded.record.outcome {
        Outcome::Done(events) => format!("{events:?}"),
        Outcome::Refused(refused) => format!("no: {} {}", refused.rule, refused.message),
    };
    format!(
        "  entry {} at {} {}: {outcome}",
        recorded.entry, recorded.at.0, recorded.kind
    )
}

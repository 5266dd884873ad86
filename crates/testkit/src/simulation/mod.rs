//! A whole life of the engine made up from one number: people and enforcement points at work, a disk that fails and loses power, a
//! network that loses and repeats, platforms that hang and lie, clocks that are turned by years, copies that are put back. The
//! engine is the real one; nothing of it waits for real time, and no thread of it runs by itself, so the same seed gives the same
//! life. A second, simple account of what must be true is held against every entry and against every platform.
mod clock;
mod dice;
mod disk;
mod ending;
mod first_day;
mod hearing;
mod model;
mod projection;
mod sim;
mod target;
mod tasks;
#[cfg(test)]
mod tests;
mod wishes;

pub use disk::IoFault;

use dice::Dice;
use domain::time::Timestamp;
use sim::Sim;
use std::fmt;

/// A fault of a port that no promise survives: planted to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// The disk says that it has stored what it hasn't.
    DiskForgets,
    /// The disk changes what it holds.
    DiskRots,
    /// The disk drops the answers that are kept for those who ask again.
    AnswersAreLost,
    /// A removal that was read back as done wasn't done.
    RemovalIsSkipped,
    /// A platform makes another role each time it is asked for the same.
    TargetDoubles,
    /// Both clocks stand still.
    ClocksStick,
    /// The projections leave out an entry.
    ProjectionSkips,
}

/// What to live through.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// From which everything follows.
    pub seed: u64,
    /// What is broken on purpose.
    pub plant: Option<Plant>,
    /// The access to the disk that goes wrong, by its number. If there is one, the life is short and nothing else goes wrong.
    pub fault_at: Option<(u64, IoFault)>,
    /// Whether to write down each step.
    pub told: bool,
}

impl Script {
    /// The life of `seed`, with nothing broken on purpose.
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            plant: None,
            fault_at: None,
            told: false,
        }
    }
}

/// A life that kept every promise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lived {
    /// Entries of its log at the end.
    pub entries: u64,
    /// How often the server started.
    pub starts: u64,
    /// Answers that arrived.
    pub answers: u64,
    /// Accesses to the disk.
    pub accesses: u64,
    /// Those that went wrong.
    pub faults: u64,
    /// Uses that were allowed.
    pub uses: u64,
    /// Roles that came into being in platforms.
    pub roles: u64,
    /// Copies that were put back.
    pub copies: u64,
    /// The root of its log: two lives with the same root wrote the same.
    pub root: String,
    /// Each step in a line, if told.
    pub steps: Vec<String>,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// In which life.
    pub seed: u64,
    /// Which, and how.
    pub what: String,
    /// Each step that led to it, if told.
    pub steps: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        write!(f, "seed {:#x}: {}", self.seed, self.what)
    }
}

impl std::error::Error for Broken {}

/// Lives through a script to its end.
///
/// # Errors
/// [`Broken`] names the first promise that wasn't kept.
pub fn live(script: &Script) -> Result<Lived, Broken> {
    let mut sim = Sim::new(script);
    match lived(&mut sim, script) {
        Ok(()) => Ok(sim.lived()),
        Err(what) => Err(Broken {
            seed: script.seed,
            what,
            steps: std::mem::take(&mut sim.steps),
        }),
    }
}

fn lived(sim: &mut Sim, script: &Script) -> Result<(), String> {
    let mut dice = Dice::of(script.seed, 1);
    // some lives are calm, and get further
    let trouble = dice.pick(&[5, 20, 50]).copied().unwrap_or_default();
    let steps = 250 + dice.below(250);
    let (trouble, steps) = match script.fault_at {
        Some(_) => (0, 80),
        None => (trouble, steps),
    };
    sim.start()?;
    for _ in 0..steps {
        step(sim, &mut dice, trouble)?;
    }
    sim.heal()?;
    sim.rest()?;
    sim.explain()?;
    for _ in 0..3 {
        sim.clock.advance(5 * 3_600_000);
        sim.rest()?;
    }
    sim.explain()?;
    sim.close()
}

fn step(sim: &mut Sim, dice: &mut Dice, trouble: u64) -> Result<(), String> {
    if sim.is_down() {
        if dice.chance(500) {
            return sim.start();
        }
        sim.clock.advance(span(dice));
        return Ok(());
    }
    if dice.chance(trouble) {
        return trouble_comes(sim, dice);
    }
    match dice.below(100) {
        0..=27 => sim.wish(),
        28..=30 => sim.ask_again(dice),
        31..=56 => {
            sim.poll(4)?;
        }
        57..=74 => {
            sim.decide()?;
        }
        75 | 76 => sim.project(),
        77 => sim.snapshot()?,
        78..=85 => {
            sim.take_job();
        }
        86..=95 => {
            sim.deliver();
        }
        _ => {
            let ms = span(dice);
            sim.tell(|| format!("{ms} ms go by"));
            sim.clock.advance(ms);
        }
    }
    Ok(())
}

fn trouble_comes(sim: &mut Sim, dice: &mut Dice) -> Result<(), String> {
    match dice.below(64) {
        0..=12 => sim.crash("killed"),
        13..=25 => {
            const YEARS: i64 = 10 * 365 * 24 * 3_600_000;
            let most = *dice.pick(&[4_000, 6_000, 3_600_000]).unwrap_or(&0);
            let ms = match dice.below(5) {
                0 => YEARS,
                1 => -YEARS,
                _ => dice.span(most),
            };
            sim.tell(|| format!("the wall clock is turned by {ms} ms"));
            sim.clock.turn(ms);
        }
        26..=30 => {
            sim.tell(|| "the wall clock is set right".to_owned());
            sim.clock.set_right(Timestamp(i64::MIN));
        }
        31..=36 => {
            let ms = span(dice);
            sim.tell(|| format!("the machine sleeps for {ms} ms"));
            sim.clock.suspend(ms);
        }
        37..=44 => {
            let cut = dice.chance(600);
            sim.tell(|| format!("lines to the platforms cut: {cut}"));
            for target in sim.targets.values() {
                target.cut(cut);
            }
        }
        45..=49 => {
            let full = dice.chance(600);
            sim.tell(|| format!("the disk is full: {full}"));
            sim.disk.set_full(full);
        }
        50..=53 => sim.copy(),
        54..=56 => return sim.put_back(),
        57..=59 => sim.projector.set_failing(dice.chance(500)),
        60 | 61 => sim.projector.forget(),
        62 => sim.spoil_snapshots(dice),
        _ => sim.keys.refuse_to_erase(dice.chance(500)),
    }
    Ok(())
}

/// How long nothing happens, in milliseconds: mostly short, sometimes longer than any grant.
fn span(dice: &mut Dice) -> i64 {
    let most = match dice.below(40) {
        0..=27 => 2_000,
        28..=35 => 120_000,
        36..=38 => 20 * 60_000,
        _ => 10 * 3_600_000,
    };
    i64::try_from(dice.below(most)).unwrap_or(0)
}

//! What is to be done in targets: one slot for each credential, so that two jobs on the same one never run at once. Slots are
//! derived from the state and bounded by it; a restart derives them again.
use crate::handle::JobsHealth;
use domain::{
    effect::Effect,
    ids::{CredentialId, GrantId},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// Removals that run at once; they wait for nothing else.
const REMOVALS_MAX: usize = 16;
/// Other jobs that run at once.
const OTHERS_MAX: usize = 8;
/// The longest that the worker sleeps.
const PAUSE_MS_MAX: i64 = 60_000;

/// What is to be done, in the order of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Remove,
    Provision,
    Renew,
}

/// One thing to do, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) grant: GrantId,
    pub(crate) credential: CredentialId,
    pub(crate) task: Task,
    /// Tries that failed so far.
    pub(crate) failures: u32,
}

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    /// There is nothing more to do.
    Done,
    /// To be tried again, not before this many milliseconds.
    AgainAfter(i64),
}

#[derive(Default)]
pub(crate) struct Jobs {
    slots: Mutex<BTreeMap<(GrantId, CredentialId), Slot>>,
    changed: Notify,
}

struct Slot {
    task: Task,
    failures: u32,
    due_ms: i64,
    run: Run,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Waiting,
    Running(Task),
    /// Running, and asked for once more meanwhile.
    RunningAndAgain(Task),
}

impl Jobs {
    /// Takes up effects, whatever lane they are for.
    pub(crate) fn add(&self, effects: Vec<Effect>, now_ms: i64) {
        let mut slots = self.lock();
        for effect in effects {
            let (grant, credential, task) = match effect {
                Effect::Remove { grant, credential } => (grant, credential, Task::Remove),
                Effect::Provision { grant, credential } => (grant, credential, Task::Provision),
                Effect::Renew { grant, credential } => (grant, credential, Task::Renew),
                // a containment is due at once: the writer's timers see to it; keys are destroyed by whoever keeps them
                Effect::Contain { .. } | Effect::Forget { .. } | Effect::Notify(_) => continue,
            };
            let slot = slots.entry((grant, credential)).or_insert(Slot {
                task,
                failures: 0,
                due_ms: now_ms,
                run: Run::Waiting,
            });
            if let Run::Running(running) | Run::RunningAndAgain(running) = slot.run {
                slot.run = Run::RunningAndAgain(running);
            }
            if slot.task != task {
                slot.task = task;
                slot.failures = 0;
                slot.due_ms = now_ms;
            }
        }
        drop(slots);
        self.changed.notify_one();
    }

    /// The next thing to do, if something is due and its lane has room.
    pub(crate) fn next(&self, now_ms: i64) -> Option<Work> {
        let mut slots = self.lock();
        let (removals, others) = running(&slots);
        let (&(grant, credential), slot) = slots
            .iter_mut()
            .filter(|(_, slot)| slot.run == Run::Waiting && slot.due_ms <= now_ms)
            .filter(|(_, slot)| match slot.task {
                Task::Remove => removals < REMOVALS_MAX,
                Task::Provision | Task::Renew => others < OTHERS_MAX,
            })
            .min_by_key(|(_, slot)| (slot.task, slot.due_ms))?;
        slot.run = Run::Running(slot.task);
        Some(Work {
            grant,
            credential,
            task: slot.task,
            failures: slot.failures,
        })
    }

    /// Notes how a try went.
    pub(crate) fn finish(&self, work: Work, finished: Finished, now_ms: i64) {
        let key = (work.grant, work.credential);
        let mut slots = self.lock();
        if let Some(slot) = slots.get_mut(&key) {
            let again = slot.run == Run::RunningAndAgain(work.task);
            slot.run = Run::Waiting;
            match finished {
                // another task came meanwhile: it starts afresh
                _ if slot.task != work.task => slot.due_ms = now_ms,
                Finished::AgainAfter(ms) => {
                    slot.failures = slot.failures.saturating_add(1);
                    slot.due_ms = now_ms.saturating_add(ms);
                }
                Finished::Done if again => {
                    slot.failures = 0;
                    slot.due_ms = now_ms;
                }
                Finished::Done => {
                    slots.remove(&key);
                }
            }
        }
        drop(slots);
        self.changed.notify_one();
    }

    /// How long until the next waiting job is due.
    pub(crate) fn pause(&self, now_ms: i64) -> Duration {
        let slots = self.lock();
        let next = slots
            .values()
            .filter(|slot| slot.run == Run::Waiting)
            .map(|slot| slot.due_ms.saturating_sub(now_ms))
            // what is due already waits for room in its lane, and whoever leaves it tells
            .filter(|ms| *ms > 0)
            .min();
        Duration::from_millis(
            next.map_or(PAUSE_MS_MAX, |ms| ms.min(PAUSE_MS_MAX))
                .unsigned_abs(),
        )
    }

    /// Returns when there may be something new to do.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    pub(crate) fn health(&self) -> JobsHealth {
        let slots = self.lock();
        let count = |of: fn(&Slot) -> bool| slots.values().filter(|slot| of(slot)).count();
        JobsHealth {
            open: slots.len(),
            running: count(|slot| slot.run != Run::Waiting),
            removals_failing: count(|slot| slot.task == Task::Remove && slot.failures > 0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(GrantId, CredentialId), Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn running(slots: &BTreeMap<(GrantId, CredentialId), Slot>) -> (usize, usize) {
    let mut counts = (0, 0);
    for slot in slots.values() {
        match slot.run {
            Run::Waiting => {}
            Run::Running(Task::Remove) | Run::RunningAndAgain(Task::Remove) => counts.0 += 1,
            Run::Running(_) | Run::RunningAndAgain(_) => counts.1 += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn ids(n: u128) -> (GrantId, CredentialId) {
        (
            GrantId(Uuid::from_u128(1)),
            CredentialId(Uuid::from_u128(n)),
        )
    }
    fn provision(n: u128) -> Effect {
        let (grant, credential) = ids(n);
        Effect::Provision { grant, credential }
    }
    fn remove(n: u128) -> Effect {
        let (grant, credential) = ids(n);
        Effect::Remove { grant, credential }
    }
    fn next(jobs: &Jobs, now_ms: i64) -> Option<(Task, u128, u32)> {
        jobs.next(now_ms)
            .map(|work| (work.task, work.credential.0.as_u128(), work.failures))
    }

    #[test]
    fn removals_go_first_whenever_they_came() {
        let jobs = Jobs::default();
        jobs.add(vec![provision(1), provision(2)], 0);
        jobs.add(vec![remove(3)], 5);
        assert_eq!(next(&jobs, 5), Some((Task::Remove, 3, 0)));
        assert_eq!(next(&jobs, 5), Some((Task::Provision, 1, 0)));
    }

    #[test]
    fn slow_targets_do_not_keep_removals_waiting() {
        let jobs = Jobs::default();
        jobs.add((0..20).map(provision).collect(), 0);
        let mut others = 0;
        while next(&jobs, 0).is_some() {
            others += 1;
        }
        assert_eq!(others, OTHERS_MAX);
        jobs.add((100..120).map(remove).collect(), 0);
        let mut removals = 0;
        while let Some((task, _, _)) = next(&jobs, 0) {
            assert_eq!(task, Task::Remove);
            removals += 1;
        }
        assert_eq!(removals, REMOVALS_MAX);
    }

    #[test]
    fn two_jobs_on_one_credential_never_run_at_once() {
        let jobs = Jobs::default();
        jobs.add(vec![provision(1)], 0);
        let work = jobs.next(0).unwrap();
        jobs.add(vec![remove(1)], 1);
        assert_eq!(next(&jobs, 1), None);
        jobs.finish(work, Finished::AgainAfter(1_000), 2);
        assert_eq!(next(&jobs, 2), Some((Task::Remove, 1, 0)));
    }

    #[test]
    fn what_failed_is_tried_again_after_its_pause() {
        let jobs = Jobs::default();
        jobs.add(vec![remove(1)], 0);
        let work = jobs.next(0).unwrap();
        // the failure is recorded, and its event asks for the removal again: that must not shorten the pause
        jobs.add(vec![remove(1)], 0);
        jobs.finish(work, Finished::AgainAfter(500), 0);
        assert_eq!(jobs.health().removals_failing, 1);
        assert_eq!(next(&jobs, 499), None);
        assert_eq!(jobs.pause(499), Duration::from_millis(1));
        assert_eq!(next(&jobs, 500), Some((Task::Remove, 1, 1)));
    }

    #[test]
    fn what_is_asked_for_again_while_it_runs_is_done_again() {
        let jobs = Jobs::default();
        jobs.add(vec![provision(1)], 0);
        let work = jobs.next(0).unwrap();
        jobs.add(vec![provision(1)], 0);
        jobs.finish(work, Finished::Done, 0);
        let work = jobs.next(0).unwrap();
        jobs.finish(work, Finished::Done, 0);
        assert_eq!(jobs.health(), JobsHealth::default());
    }
}

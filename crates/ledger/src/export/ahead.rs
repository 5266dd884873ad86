//! Work done ahead on all processors, taken in order: entries are decoded by several threads while they are hashed or replayed one
//! after the other, and what comes of it is the same as if there were one.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

/// Jobs that each thread may have waiting.
const WAITING: usize = 4;
/// Threads at most: what is left to do in order is not quicker with more.
const THREADS_MAX: usize = 8;

/// Threads that work on jobs of `J` and yield an `R` for each, in the order of the jobs.
pub(super) struct Ahead<J, R> {
    threads: Vec<(SyncSender<J>, Receiver<R>)>,
    pushed: usize,
    popped: usize,
}

impl<J: Send, R: Send> Ahead<J, R> {
    /// Starts as many threads as there are processors. They end with this, or with the scope.
    pub(super) fn start<'scope, W>(scope: &'scope Scope<'scope, '_>, work: W) -> Self
    where
        J: 'scope,
        R: 'scope,
        W: Fn(J) -> R + Copy + Send + 'scope,
    {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (0..processors.min(THREADS_MAX)).map(|_| {
            let (give, jobs) = sync_channel::<J>(WAITING);
            let (tell, results) = sync_channel::<R>(WAITING);
            scope.spawn(move || {
                for job in jobs {
                    if tell.send(work(job)).is_err() {
                        break;
                    }
                }
            });
            (give, results)
        });
        Self {
            threads: threads.collect(),
            pushed: 0,
            popped: 0,
        }
    }

    /// Whether something must be popped before more is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.pushed - self.popped >= self.threads.len() * WAITING
    }

    /// Adds a job.
    pub(super) fn push(&mut self, job: J) {
        let turn = self.pushed % self.threads.len().max(1);
        self.pushed += 1;
        if let Some((give, _)) = self.threads.get(turn) {
            // a thread that is gone has panicked, which the scope tells
            let _ = give.send(job);
        }
    }

    /// What came of the first job that was not popped yet; waits for it. `None` if there is none.
    pub(super) fn pop(&mut self) -> Option<R> {
        if self.popped == self.pushed {
            return None;
        }
        let turn = self.popped % self.threads.len().max(1);
        self.popped += 1;
        let (_, results) = self.threads.get(turn)?;
        results.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let mut taken = Vec::new();
        thread::scope(|scope| {
            let mut ahead = Ahead::start(scope, |n: u32| n * 2);
            for n in 0..1_000 {
                while ahead.is_full() {
                    taken.extend(ahead.pop());
                }
                ahead.push(n);
            }
            while let Some(result) = ahead.pop() {
                taken.push(result);
            }
        });
        assert!(taken.into_iter().eq((0..1_000).map(|n| n * 2)));
    }

    #[test]
    fn it_may_be_given_up_with_jobs_on_the_way() {
        thread::scope(|scope| {
            let mut ahead = Ahead::start(scope, |n: u32| n);
            while !ahead.is_full() {
                ahead.push(1);
            }
        });
    }
}

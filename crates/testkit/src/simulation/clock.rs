//! A clock that is made up: true time that only the simulation knows, a monotonic clock that the engine may trust, a wall clock
//! that anybody sets to anything, and pauses that end when the monotonic clock says so.
use crate::locked;
use domain::{fixture, time::Timestamp};
use engine::ports::{Clock, Eventually};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A clock; clones show the same time.
#[derive(Debug, Clone, Default)]
pub(super) struct SimClock(Arc<Mutex<Ticking>>);

#[derive(Debug, Default)]
struct Ticking {
    true_ms: i64,
    monotonic_ms: i64,
    wall_off_ms: i64,
    stuck: Option<(Timestamp, i64)>,
    pauses: BTreeMap<(i64, u64), Waker>,
    paused: u64,
}

impl SimClock {
    /// Time goes by.
    pub(super) fn advance(&self, ms: i64) {
        let mut ticking = locked(&self.0);
        ticking.true_ms += ms;
        ticking.monotonic_ms += ms;
        let now = ticking.monotonic_ms;
        let later = ticking.pauses.split_off(&(now + 1, 0));
        let over = std::mem::replace(&mut ticking.pauses, later);
        drop(ticking);
        for waker in over.into_values() {
            waker.wake();
        }
    }

    /// The machine sleeps: time goes by, and the monotonic clock doesn't notice.
    pub(super) fn suspend(&self, ms: i64) {
        locked(&self.0).true_ms += ms;
    }

    /// Somebody turns the wall clock.
    pub(super) fn turn(&self, ms: i64) {
        locked(&self.0).wall_off_ms += ms;
    }

    /// The wall clock shows true time again, and no less than `least`.
    pub(super) fn set_right(&self, least: Timestamp) {
        let mut ticking = locked(&self.0);
        let shown = fixture::NOW.0 + ticking.true_ms;
        ticking.wall_off_ms = least.0.saturating_sub(shown).max(0);
    }

    /// Both clocks stand still from now on: a machine that must not be trusted.
    pub(super) fn stick(&self) {
        let (wall, monotonic_ms) = (self.wall(), self.monotonic_ms());
        locked(&self.0).stuck = Some((wall, monotonic_ms));
    }

    /// What the wall clock would show if it weren't stuck.
    pub(super) fn unstuck_wall(&self) -> Timestamp {
        let ticking = locked(&self.0);
        Timestamp(fixture::NOW.0 + ticking.true_ms + ticking.wall_off_ms)
    }

    /// What the monotonic clock would show if it weren't stuck.
    pub(super) fn unstuck_monotonic_ms(&self) -> i64 {
        locked(&self.0).monotonic_ms
    }
}

impl Clock for SimClock {
    fn wall(&self) -> Timestamp {
        let stuck = locked(&self.0).stuck;
        stuck.map_or_else(|| self.unstuck_wall(), |(wall, _)| wall)
    }

    fn monotonic_ms(&self) -> i64 {
        let ticking = locked(&self.0);
        ticking.stuck.map_or(ticking.monotonic_ms, |(_, ms)| ms)
    }

    fn pause(&self, pause: Duration) -> Eventually<'static, ()> {
        Box::pin(Pause {
            clock: self.clone(),
            ms: i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2),
            kept: None,
        })
    }
}

struct Pause {
    clock: SimClock,
    ms: i64,
    kept: Option<(i64, u64)>,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut ticking = locked(&clock.0);
        let key = self.kept.unwrap_or_else(|| {
            ticking.paused += 1;
            (ticking.monotonic_ms + self.ms, ticking.paused)
        });
        self.kept = Some(key);
        if key.0 <= ticking.monotonic_ms {
            ticking.pauses.remove(&key);
            return Poll::Ready(());
        }
        ticking.pauses.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(key) = self.kept {
            locked(&self.clock.0).pauses.remove(&key);
        }
    }
}

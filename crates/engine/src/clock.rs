//! Trusted time, shared by every thread that needs it: one reading of the clock port at a time, and one alarm per doubt.
use crate::{
    ports::Clock,
    time::{ClockDoubt, Reading, TrustedTime},
};
use domain::time::Timestamp;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The clock port behind trusted time.
pub(crate) struct TimeKeeper {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

struct Kept {
    time: TrustedTime,
    alarmed: bool,
}

impl TimeKeeper {
    pub(crate) fn start(clock: Arc<dyn Clock>, newest_entry: Option<Timestamp>) -> Self {
        let time = TrustedTime::start(clock.wall(), clock.monotonic_ms(), newest_entry);
        Self {
            clock,
            kept: Mutex::new(Kept {
                time,
                alarmed: false,
            }),
        }
    }

    /// Trusted time now.
    pub(crate) fn read(&self) -> Reading {
        let (wall, monotonic_ms) = (self.clock.wall(), self.clock.monotonic_ms());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = kept.time.read(wall, monotonic_ms);
        let alarm = alarm(kept.alarmed, reading.doubt);
        kept.alarmed = reading.doubt.is_some();
        drop(kept);
        match alarm {
            Some(Alarm::Doubt(doubt)) => {
                tracing::error!(%doubt, "the clock is in doubt: nothing new is allowed");
            }
            Some(Alarm::Sure) => tracing::warn!("the clock agrees again"),
            None => {}
        }
        reading
    }

    /// Notes the instant of an entry: no later reading is before it.
    pub(crate) fn record(&self, at: Timestamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.time.record(at);
    }

    /// Milliseconds since some fixed instant, for pauses and retries.
    pub(crate) fn monotonic_ms(&self) -> i64 {
        self.clock.monotonic_ms()
    }

    /// Returns when `pause` has gone by.
    pub(crate) async fn pause(&self, pause: Duration) {
        self.clock.pause(pause).await;
    }

    /// What `attempt` comes to, unless it takes longer than `most`: then it is dropped.
    pub(crate) async fn within<T>(
        &self,
        most: Duration,
        attempt: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            done = attempt => Some(done),
            () = self.clock.pause(most) => None,
        }
    }
}

enum Alarm {
    Doubt(ClockDoubt),
    Sure,
}

fn alarm(alarmed: bool, doubt: Option<ClockDoubt>) -> Option<Alarm> {
    match (alarmed, doubt) {
        (false, Some(doubt)) => Some(Alarm::Doubt(doubt)),
        (true, None) => Some(Alarm::Sure),
        (true, Some(_)) | (false, None) => None,
    }
}

//! The real clock and the real random bits. Everything else takes them as arguments; this is the one place that owns them.
use domain::time::Timestamp;
use engine::ports::{Clock, Random};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clocks of this machine.
#[derive(Debug)]
pub(crate) struct MachineClock {
    started: Instant,
}

impl MachineClock {
    /// Starts the monotonic clock at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for MachineClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    fn wall(&self) -> Timestamp {
        // a clock before 1970 reads as 1970: trusted time then doubts it
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// Random bits of the operating system.
#[derive(Debug)]
pub(crate) struct MachineRandom;

impl Random for MachineRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // keys and session names must never be guessable: without random bits nothing may go on
            tracing::error!("the operating system gives no random bits");
            std::process::abort();
        }
    }
}

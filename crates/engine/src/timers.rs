//! What the clock alone brings about, asked at every turn of the writer and never more often than needed. A timer that the rules
//! refuse (a policy may forbid an activation) is tried again later, not at once: it must not fill the log.
use crate::{entry, record::Outcome, time::Reading};
use domain::{
    command::Command,
    due::{due, next_due},
    state::State,
    time::{Seconds, Timestamp},
};
use std::{collections::BTreeMap, time::Duration};

/// How long a refused timer waits.
const RETRY_AFTER: Seconds = Seconds(60);
/// The longest pause: a wall clock may be set while the writer sleeps.
const PAUSE_MS_MAX: i64 = 30_000;
/// The pause while something is past that can't be done yet: it hides when the next timer is due.
const PAST_PAUSE_MS: i64 = 250;
/// The pause while the clock is in doubt.
const DOUBT_PAUSE_MS: i64 = 1_000;

/// The writer's timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    refused: BTreeMap<(&'static str, String), Timestamp>,
}

impl Timers {
    /// What is due: ends by the later reading, starts by the earlier, and none while the clock is in doubt.
    pub(crate) fn due(&mut self, state: &State, reading: Reading) -> Vec<Command> {
        self.refused
            .retain(|_, again_at| *again_at > reading.starts);
        let ends = due(state, reading.ends)
            .into_iter()
            .filter(|command| !is_start(command));
        let starts = due(state, reading.starts)
            .into_iter()
            .filter(|command| is_start(command) && reading.doubt.is_none());
        ends.chain(starts)
            .filter(|command| !self.refused.contains_key(&name(command)))
            .collect()
    }

    /// Notes that a due command could not be done.
    pub(crate) fn put_off(&mut self, command: &Command, reading: Reading) {
        self.refused
            .insert(name(command), reading.starts.plus(RETRY_AFTER));
    }

    /// How long to wait when nothing is due now.
    pub(crate) fn pause(state: &State, reading: Reading) -> Duration {
        let most = if reading.doubt.is_some() {
            DOUBT_PAUSE_MS
        } else {
            PAUSE_MS_MAX
        };
        let next = next_due(state).map_or(most, |at| at.0.saturating_sub(reading.ends.0));
        // what is past and yet not due was put off, or starts within the seconds between both readings
        let pause = if next > 0 {
            next.min(most)
        } else {
            PAST_PAUSE_MS
        };
        Duration::from_millis(pause.unsigned_abs())
    }
}

/// What is not done too early, and not on a clock in doubt: it gives power, or can't be undone.
fn is_start(command: &Command) -> bool {
    matches!(
        command,
        Command::ActivateGrant { .. } | Command::ErasePerson { .. }
    )
}

fn name(command: &Command) -> (&'static str, String) {
    let nothing = Outcome::Done(Vec::new());
    (entry::kind(command), entry::stream(command, &nothing))
}

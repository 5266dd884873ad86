//! What the policies are asked about a command, before it is decided. Nothing is asked about timers, workers and bookkeeping:
//! policies rule over what people want.
use crate::{command::Given, state::State, time::Timestamp, verdict::PolicyQuestion};

/// The question to the policies in force, if this command needs one.
pub fn question(_state: &State, _given: &Given, _now: Timestamp) -> Option<PolicyQuestion> {
    None
}

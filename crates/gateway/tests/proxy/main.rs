//! The gateway as callers and platforms meet it: real connections on the loopback, a platform that tells what it got, and a
//! server that answers as each test says.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod authority;
mod bed;
mod cutting;
mod deciding;
mod entering;
mod node_red;
mod smuggling;
mod upstream;

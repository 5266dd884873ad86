//! The enforcement point in front of HTTP platforms. It decides nothing itself: it finds out who calls and what the call means,
//! has that decided and recorded, forwards what was allowed, counts it, and cuts what no longer is.
//!
//! Read in this order: [`gateway`] (the way of one request), `mapping` (what it means), `response` (what comes back).

pub mod forward;
pub mod gateway;
mod mapping;
pub mod node_red;
mod own;
pub mod page;
pub mod path;
pub mod remote;
mod response;
pub mod route;
pub mod session;
pub mod site;
mod to_the_end;
pub mod token;
pub mod watch;

//! Projections under a real engine: what pages would show, what is found, and that all of it can be thrown away.
mod forgotten;
mod found;
pub(crate) mod office;
mod rebuilt;
pub(crate) mod shown;

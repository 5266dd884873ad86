//! Projections under a real engine: what pages would show, what is found, and that all of it can be thrown away.
mod found;
mod office;
mod rebuilt;
mod shown;

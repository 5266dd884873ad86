//! The portal and its API as an outsider meets them: requests into the router, answers out of it, a real engine behind.
mod api;
mod emergency;
mod forms;
mod hostile;
mod keeping;
mod live;
mod log;
mod matrix;
mod office;
mod openapi;
mod pages;
mod quarantine;
mod sessions;

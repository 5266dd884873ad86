//! The pages.
use crate::app::Shared;
use axum::Router;
pub(crate) fn router(_portal: &Shared) -> Router<Shared> { Router::new() }

//! The committed description of the API is the one that the code gives.
use crate::openapi;

#[test]
fn the_committed_description_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == openapi(),
        "docs/openapi.json is not current: run `cargo run -p web --example openapi`"
    );
}

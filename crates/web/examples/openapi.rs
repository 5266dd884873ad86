//! Writes `docs/openapi.json` anew from the code: `cargo run -p web --example openapi`.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    std::fs::write(path, web::openapi())
}

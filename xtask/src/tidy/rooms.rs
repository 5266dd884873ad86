//! Dependencies point one way: each room names the rooms below it.
use super::Tree;

/// Who may depend on whom. A crate missing here is a finding.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("ledger", &[]),
    ("policy", &["domain"]),
    ("engine", &["domain", "policy", "ledger"]),
    ("store", &["domain", "policy", "ledger", "engine"]),
    ("connectors", &["domain", "engine"]),
    ("gateway", &["domain", "engine"]),
    ("web", &["domain", "engine", "ledger"]),
    ("testkit", &["domain", "engine", "ledger", "policy"]),
    (
        "hostile",
        &[
            "domain",
            "policy",
            "ledger",
            "engine",
            "connectors",
            "gateway",
        ],
    ),
    (
        "remit",
        &[
            "domain",
            "policy",
            "ledger",
            "engine",
            "store",
            "connectors",
            "gateway",
            "web",
        ],
    ),
];

/// What the manifests say against the table above.
pub(super) fn findings(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, manifest) in tree.ending("/Cargo.toml") {
        let Some(name) = path
            .strip_prefix("crates/")
            .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let Some((_, below)) = ROOMS.iter().find(|(room, _)| *room == name) else {
            found.push(format!(
                "{path}: a room that xtask/src/tidy/rooms.rs does not know"
            ));
            continue;
        };
        for dependency in dependencies(manifest) {
            let is_room = ROOMS.iter().any(|(room, _)| *room == dependency);
            if is_room && !below.contains(&dependency) {
                found.push(format!("{path}: {name} must not depend on {dependency}"));
            }
        }
    }
    found
}

/// Names under `[dependencies]`; those for tests alone may point upwards.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut section = "";
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
        }
        if section != "[dependencies]" {
            return None;
        }
        let (name, _) = line.split_once('=')?;
        Some(name.trim().trim_end_matches(".workspace"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_that_points_upwards_is_found() {
        let manifest = "[dependencies]\nengine.workspace = true\n[dev-dependencies]\ntestkit.workspace = true\n";
        let tree = Tree::of(&[("crates/domain/Cargo.toml", manifest)]);
        assert_eq!(
            findings(&tree),
            ["crates/domain/Cargo.toml: domain must not depend on engine"]
        );
    }

    #[test]
    fn an_unknown_room_is_found() {
        let tree = Tree::of(&[("crates/attic/Cargo.toml", "")]);
        assert_eq!(
            findings(&tree),
            ["crates/attic/Cargo.toml: a room that xtask/src/tidy/rooms.rs does not know"]
        );
    }

    #[test]
    fn an_edge_that_points_downwards_is_fine() {
        let manifest = "[dependencies]\ndomain.workspace = true\nserde = \"1\"\n";
        let tree = Tree::of(&[("crates/engine/Cargo.toml", manifest)]);
        assert_eq!(findings(&tree), Vec::<String>::new());
    }
}

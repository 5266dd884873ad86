//! What the documents promise is there: paths, links, and a reason for every dependency.
use super::Tree;

/// First parts of a path that mean a place in this repository.
const TOPS: &[&str] = &[
    "crates",
    "docs",
    "xtask",
    "policies",
    "scenarios",
    "tests",
    ".ci",
    ".cargo",
];

const DEPENDENCIES: &str = "docs/dependencies.md";

/// Promises that the tree doesn't keep.
pub(super) fn findings(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(".md") {
        for place in quoted(text).filter(|span| is_place(span)) {
            if !tree.has(place) {
                found.push(format!("{path}: `{place}` is not there"));
            }
        }
        for link in links(text).filter(|link| !is_elsewhere(link)) {
            let target = resolve(path, link);
            if !tree.has(&target) {
                found.push(format!("{path}: the link to `{link}` leads nowhere"));
            }
        }
    }
    found.extend(unexplained(tree));
    found
}

/// The dependencies that the workspace names and `docs/dependencies.md` doesn't explain.
fn unexplained(tree: &Tree) -> Vec<String> {
    let (Some(manifest), Some(reasons)) = (tree.text("Cargo.toml"), tree.text(DEPENDENCIES)) else {
        return Vec::new();
    };
    let named = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.contains("path = \"crates/"))
        .filter_map(|line| line.split_once(" = "));
    named
        .map(|(name, _)| name)
        .filter(|name| !reasons.contains(&format!("| `{name}` |")))
        .map(|name| format!("{DEPENDENCIES}: no reason is given for `{name}`"))
        .collect()
}

/// Text between single backticks, outside code blocks.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let mut in_block = false;
    text.lines()
        .filter(move |line| {
            if line.trim_start().starts_with("```") {
                in_block = !in_block;
                return false;
            }
            !in_block
        })
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn is_place(span: &str) -> bool {
    let first = span.split('/').next().unwrap_or_default();
    let shape = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    span.contains('/') && TOPS.contains(&first) && span.chars().all(shape)
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    let markdown = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next());
    let pictures = text
        .split("src=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    markdown.chain(pictures)
}

fn is_elsewhere(link: &str) -> bool {
    link.is_empty() || link.contains("://") || link.starts_with("mailto:") || link.contains(' ')
}

/// `link` as seen from the document at `path`, as a path from the top.
fn resolve(path: &str, link: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_gone_is_found() {
        let text =
            "See `docs/gone.md`, `crates/web`, `application/json` and `remit ledger verify OUT`.\n";
        let tree = Tree::of(&[("README.md", text), ("crates/web/Cargo.toml", "")]);
        assert_eq!(findings(&tree), ["README.md: `docs/gone.md` is not there"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let text = "[here](../README.md#top) [there](adr/9.md) [out](https://example.org/x)\n";
        let tree = Tree::of(&[("docs/a.md", text), ("README.md", "")]);
        assert_eq!(
            findings(&tree),
            ["docs/a.md: the link to `adr/9.md` leads nowhere"]
        );
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest = "[workspace.dependencies]\nweb = { path = \"crates/web\" }\nserde = \"1\"\ntoml = \"1\"\n[profile]\n";
        let tree = Tree::of(&[
            ("Cargo.toml", manifest),
            (DEPENDENCIES, "| `serde` | MIT | reads and writes |\n"),
        ]);
        assert_eq!(
            findings(&tree),
            ["docs/dependencies.md: no reason is given for `toml`"]
        );
    }
}

//! A file holds one idea, says why it exists, and its tests run.
use super::Tree;

const FILE_LINES_MAX: usize = 600;

/// Marks of a test that doesn't test. Written in two parts, or this file would find itself.
const UNTESTED: &[(&str, &str, &str)] = &[
    (".rs", concat!("#[ig", "nore"), "a test that never runs"),
    (".mjs", concat!("test.sk", "ip"), "a test that never runs"),
    (
        ".mjs",
        concat!("waitForTime", "out"),
        "a sleep: wait for what the page shows",
    ),
    (
        ".rs",
        concat!("assert!(tr", "ue)"),
        "a test that cannot fail",
    ),
];

/// What the files' own shape gives away.
pub(super) fn findings(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(".rs").chain(tree.ending(".mjs")) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!(
                "{path}: {lines} lines, {FILE_LINES_MAX} is the most"
            ));
        }
        for (ending, mark, why) in UNTESTED {
            if path.ends_with(ending) && text.contains(mark) {
                found.push(format!("{path}: `{mark}` is {why}"));
            }
        }
    }
    for (path, text) in tree.ending(".rs") {
        if !text.starts_with("//!") {
            found.push(format!(
                "{path}: begins without `//!` and the reason it exists"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let text = format!("//! Why.\n{}", "\n".repeat(FILE_LINES_MAX));
        let tree = Tree::of(&[("crates/web/src/lib.rs", &text)]);
        assert_eq!(
            findings(&tree),
            ["crates/web/src/lib.rs: 601 lines, 600 is the most"]
        );
    }

    #[test]
    fn a_test_that_never_runs_is_found() {
        let mark = concat!("#[ig", "nore");
        let text = format!("//! Why.\n{mark}]\nfn later() {{}}\n");
        let tree = Tree::of(&[("crates/web/src/lib.rs", &text)]);
        assert_eq!(
            findings(&tree),
            [format!(
                "crates/web/src/lib.rs: `{mark}` is a test that never runs"
            )]
        );
    }

    #[test]
    fn a_file_without_a_reason_is_found() {
        let tree = Tree::of(&[("crates/web/src/lib.rs", "fn nothing() {}\n")]);
        assert_eq!(
            findings(&tree),
            ["crates/web/src/lib.rs: begins without `//!` and the reason it exists"]
        );
    }
}

//! What was run against its mutants is what is there, and nothing survives where it must not.
use super::Tree;
use crate::mutants::{LIST, List, digest};

/// Where nothing may survive. Every file that decides about consent, expiry and verifying belongs here once it was run.
const NONE_SURVIVES: &[&str] = &[
    "crates/domain/src/decide/agreed.rs",
    "crates/domain/src/due.rs",
];

/// What the list says against the tree.
pub(super) fn findings(tree: &Tree) -> Vec<String> {
    let Some(text) = tree.text(LIST) else {
        return vec![format!("{LIST}: is not there")];
    };
    let list = match List::read(text) {
        Ok(list) => list,
        Err(error) => return vec![error.to_string()],
    };
    let mut found = Vec::new();
    for (path, file) in &list.files {
        match tree.text(path) {
            None => found.push(format!("{LIST}: `{path}` is not there")),
            Some(text) if digest(text) != file.digest => found.push(format!(
                "{path}: has changed since its mutants were run; `cargo xtask mutants {path}` runs them"
            )),
            Some(_) => {}
        }
        let survivors = file.survivors.len();
        if survivors > 0 && NONE_SURVIVES.contains(&path.as_str()) {
            found.push(format!(
                "{LIST}: {survivors} mutants of `{path}` survive, where none may"
            ));
        }
    }
    for path in NONE_SURVIVES {
        if !list.files.contains_key(*path) {
            found.push(format!("{LIST}: the mutants of `{path}` were never run"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "crates/domain/src/time.rs";

    /// What is told of that file when this is in the list.
    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        let unnamed = NONE_SURVIVES.iter().filter(|path| !lines.contains(**path));
        let others = unnamed.map(|path| format!("\nfile {path} {} 1", digest("")));
        let list: String = std::iter::once(lines.to_owned()).chain(others).collect();
        let empty = NONE_SURVIVES.iter().map(|path| (*path, ""));
        let files = empty.chain([(LIST, list.as_str()), (FILE, "//! Time.\n")]);
        let files: Vec<_> = files.collect();
        assert_eq!(findings(&Tree::of(&files)), expected);
    }

    #[test]
    fn a_file_that_was_run_as_it_is_is_fine() {
        let digest = digest("//! Time.\n");
        check(
            &format!("file {FILE} {digest} 9\nsurvives this: equal"),
            &[],
        );
    }

    #[test]
    fn a_file_that_changed_since_names_the_chore() {
        check(
            &format!("file {FILE} ab 9"),
            &[
                "crates/domain/src/time.rs: has changed since its mutants were run; `cargo xtask mutants crates/domain/src/time.rs` runs them",
            ],
        );
    }

    #[test]
    fn a_file_that_is_gone_is_told() {
        check(
            "file crates/domain/src/gone.rs ab 9",
            &["docs/mutants.txt: `crates/domain/src/gone.rs` is not there"],
        );
    }

    #[test]
    fn a_survivor_where_none_may_be_is_told() {
        let digest = digest("");
        check(
            &format!("file crates/domain/src/due.rs {digest} 9\nsurvives this: equal"),
            &["docs/mutants.txt: 1 mutants of `crates/domain/src/due.rs` survive, where none may"],
        );
    }

    #[test]
    fn a_list_that_leaves_out_what_must_be_run_is_told() {
        let tree = Tree::of(&[(LIST, "")]);
        assert_eq!(findings(&tree).len(), NONE_SURVIVES.len());
    }
}

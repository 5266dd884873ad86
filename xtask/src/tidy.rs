//! The rules of the house that the compiler cannot see.
//!
//! Each rule is a function from the tree of files, held in memory, to the lines it has to say about it;
//! so every rule is itself tested on a tree of two or three invented files.
mod commands;
mod docs;
mod files;
mod mutants;
mod rooms;
mod words;

use crate::{shell, tree};
use anyhow::{Context as _, Result, bail};
use std::{collections::BTreeMap, path::Path, process::Command};

/// The text files that git knows of, by path from the top.
#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads every file that is committed or about to be; what isn't text is left out.
    ///
    /// # Errors
    /// When git can't list the files.
    fn load(root: &Path) -> Result<Self> {
        let listed = shell::run_quietly(
            Command::new("git")
                .args(["ls-files", "--cached", "--others", "--exclude-standard"])
                .current_dir(root),
        )
        .context("tidy looks at the files that git knows of")?;
        let files = listed
            .lines()
            .filter_map(|path| {
                let text = std::fs::read_to_string(root.join(path)).ok()?;
                Some((path.to_owned(), text))
            })
            .collect();
        Ok(Self { files })
    }

    fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether a file or a folder of that name is in the tree.
    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self {
            files: files.iter().map(own).collect(),
        }
    }
}

/// Checks the tree; with `quick`, all but the documented commands, which need a built `remit`.
///
/// # Errors
/// When a rule has something to say; every finding is told.
pub(crate) fn run(quick: bool) -> Result<()> {
    let tree = Tree::load(&tree::root())?;
    let mut findings = rooms::findings(&tree);
    findings.extend(files::findings(&tree));
    findings.extend(words::findings(&tree));
    findings.extend(docs::findings(&tree));
    findings.extend(mutants::findings(&tree));
    if !quick {
        findings.extend(commands::findings(&tree)?);
    }
    if !findings.is_empty() {
        bail!("the house is untidy:\n  {}", findings.join("\n  "));
    }
    shell::say(&format!(
        "tidy: {} files, nothing to tell",
        tree.files.len()
    ));
    Ok(())
}

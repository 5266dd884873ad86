//! The list of survivors: a file's path, digest and number of mutants, and below it what survives, and why that is borne.
use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt::Write as _};

/// Where the list lies.
pub(crate) const LIST: &str = "docs/mutants.txt";

/// What stands above the list.
const HEAD: &str = "\
# Mutants: code of the rules, changed in one place, and run against the tests of its room. `cargo xtask mutants` writes this file.
#
# file PATH DIGEST MUTANTS: this content of the file was run, with so many mutants
#   survives MUTANT: REASON: no test notices this one, and why that is borne
";

/// What was run, and what survived.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// By path.
    pub(crate) files: BTreeMap<String, File>,
}

/// One file of the rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    /// SHA-256 of the content that was run, in hexadecimal.
    pub(crate) digest: String,
    /// How many mutants it has that compile.
    pub(crate) mutants: usize,
    /// Those that no test notices.
    pub(crate) survivors: Vec<Survivor>,
}

/// A mutant that no test notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Survivor {
    /// What was changed, without the line, which moves with every edit.
    pub(crate) mutant: String,
    /// Why that is borne.
    pub(crate) reason: String,
}

impl Survivor {
    /// From a line of the tool: `crates/domain/src/due.rs: replace < with <= in due`.
    pub(crate) fn named(line: &str) -> Self {
        let mutant = line.split_once(": ").map_or(line, |(_, mutant)| mutant);
        Self {
            mutant: mutant.replace(": ", ":"),
            reason: String::new(),
        }
    }
}

/// SHA-256 of a file's content, in hexadecimal.
pub(crate) fn digest(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        // writing to a string never fails
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

impl List {
    /// Reads the list.
    ///
    /// # Errors
    /// When a line is none of a list.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let mut list = Self::default();
        let mut open = None;
        for (n, line) in text.lines().enumerate() {
            let wrong = || format!("{LIST}:{}: `{line}` is no line of the list", n + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(rest) = line.strip_prefix("file ") {
                let mut words = rest.split(' ');
                let (Some(path), Some(digest), Some(mutants), None) =
                    (words.next(), words.next(), words.next(), words.next())
                else {
                    bail!(wrong());
                };
                let file = File {
                    digest: digest.to_owned(),
                    mutants: mutants.parse().with_context(wrong)?,
                    survivors: Vec::new(),
                };
                open = Some(list.files.entry(path.to_owned()).insert_entry(file));
                continue;
            }
            let (Some(file), Some(rest)) = (&mut open, line.strip_prefix("survives ")) else {
                bail!(wrong());
            };
            let (mutant, reason) = rest.split_once(": ").with_context(wrong)?;
            file.get_mut().survivors.push(Survivor {
                mutant: mutant.to_owned(),
                reason: reason.to_owned(),
            });
        }
        Ok(list)
    }

    /// The list as it is kept.
    pub(crate) fn write(&self) -> String {
        let mut text = HEAD.to_owned();
        for (path, file) in &self.files {
            let (digest, mutants) = (&file.digest, file.mutants);
            let _ = writeln!(text, "\nfile {path} {digest} {mutants}");
            for Survivor { mutant, reason } in &file.survivors {
                let _ = writeln!(text, "  survives {mutant}: {reason}");
            }
        }
        text
    }

    /// Takes over what came of a run of `path` at `digest`. Survivors keep their reasons; new ones are taken over with `reason`,
    /// and without one they are told and nothing is changed.
    ///
    /// # Errors
    /// When the reason is empty or longer than a line.
    pub(crate) fn replace(
        &mut self,
        path: &str,
        digest: &str,
        mut found: File,
        reason: Option<&str>,
    ) -> Result<Vec<String>> {
        if reason.is_some_and(|reason| reason.trim().is_empty() || reason.contains('\n')) {
            bail!("a reason is one line");
        }
        let mut known = self
            .files
            .get(path)
            .map(|file| file.survivors.clone())
            .unwrap_or_default();
        let mut new = Vec::new();
        for survivor in &mut found.survivors {
            let same = known.iter().position(|k| k.mutant == survivor.mutant);
            match (same.map(|at| known.swap_remove(at)), reason) {
                (Some(known), _) => survivor.reason = known.reason,
                (None, Some(reason)) => reason.trim().clone_into(&mut survivor.reason),
                (None, None) => new.push(survivor.mutant.clone()),
            }
        }
        if new.is_empty() {
            digest.clone_into(&mut found.digest);
            self.files.insert(path.to_owned(), found);
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: &str = "crates/domain/src/due.rs";

    fn found(survivors: &[&str]) -> File {
        let named = |line: &&str| Survivor::named(&format!("{DUE}: {line}"));
        File {
            digest: String::new(),
            mutants: 9,
            survivors: survivors.iter().map(named).collect(),
        }
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let mut list = List::default();
        let lines = ["replace < with <= in due", "replace Due::at -> T with T: x"];
        let told = list.replace(DUE, "ab", found(&lines), Some("equal"));
        assert_eq!(told.unwrap(), [""; 0]);
        let text = list.write();
        assert!(text.contains("\nfile crates/domain/src/due.rs ab 9\n"));
        assert!(text.contains("\n  survives replace < with <= in due: equal\n"));
        assert_eq!(List::read(&text).unwrap(), list);
    }

    #[test]
    fn what_is_no_line_of_a_list_is_told() {
        for (text, told) in [
            ("survives x: y", "`survives x: y` is no line of the list"),
            ("file a b", "`file a b` is no line of the list"),
            ("file a b x", "`file a b x` is no line of the list"),
            ("file a b 1\nx", "`x` is no line of the list"),
        ] {
            let error = List::read(text).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn survivors_grow_only_with_a_reason_and_shrink_without() {
        let mut list = List::default();
        let told = list.replace(DUE, "ab", found(&["one"]), None).unwrap();
        assert_eq!((told, list.files.len()), (vec!["one".to_owned()], 0));
        list.replace(DUE, "ab", found(&["one"]), Some("why"))
            .unwrap();
        let told = list.replace(DUE, "cd", found(&["one", "one"]), None);
        assert_eq!(told.unwrap(), ["one"]);
        assert_eq!(list.files[DUE].digest, "ab", "nothing was taken over");
        list.replace(DUE, "cd", found(&["one"]), None).unwrap();
        assert_eq!(list.files[DUE].survivors[0].reason, "why");
        list.replace(DUE, "ef", found(&[]), None).unwrap();
        assert_eq!(list.files[DUE].survivors, []);
        assert!(list.replace(DUE, "ef", found(&[]), Some(" ")).is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        assert_eq!(
            digest("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

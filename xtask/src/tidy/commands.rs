//! Every command that a document shows is one that the binaries know, with the flags it shows.
//!
//! Asked of the real programs (`remit ledger verify --help`), so that no list has to be kept.
use super::{Tree, docs};
use crate::{remit, shell};
use anyhow::{Context as _, Result};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

/// How a document calls the programs.
const CALLS: &[(&str, Program)] = &[
    ("remit ", Program::Remit),
    ("cargo run --release -- ", Program::Remit),
    ("cargo run -- ", Program::Remit),
    ("cargo xtask ", Program::Xtask),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Program {
    Remit,
    Xtask,
}

/// A documented call: the leading words, and the long flags after them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    program: Program,
    words: Vec<String>,
    flags: Vec<String>,
}

/// Documented commands that no program knows.
///
/// # Errors
/// When `remit` can't be built or started.
pub(super) fn findings(tree: &Tree) -> Result<Vec<String>> {
    let remit = remit::binary()?;
    let xtask = this_program()?;
    let mut found = Vec::new();
    let mut asked = BTreeSet::new();
    for (path, text) in tree.ending(".md") {
        for call in calls(text) {
            let program = match call.program {
                Program::Remit => &remit,
                Program::Xtask => &xtask,
            };
            let fault = fault(program, &call);
            if asked.insert(call)
                && let Some(fault) = fault
            {
                found.push(format!("{path}: {fault}"));
            }
        }
    }
    Ok(found)
}

/// This program. A suite before may have had it built anew in its place while it runs: the system then calls it deleted.
fn this_program() -> Result<PathBuf> {
    let path = std::env::current_exe().context("where this program lies")?;
    let replaced = path
        .to_str()
        .and_then(|text| text.strip_suffix(" (deleted)"));
    Ok(replaced.map_or_else(|| path.clone(), PathBuf::from))
}

fn fault(program: &Path, call: &Call) -> Option<String> {
    let shown = call.words.join(" ");
    let asked = shell::run_quietly(Command::new(program).args(&call.words).arg("--help"));
    let Ok(help) = asked else {
        return Some(format!("the command `{shown}` is not known"));
    };
    let unknown = call.flags.iter().find(|flag| !help.contains(flag.as_str()));
    unknown.map(|flag| format!("the command `{shown}` does not know `{flag}`"))
}

/// Commands in code blocks and in backticks.
fn calls(text: &str) -> Vec<Call> {
    let mut in_block = false;
    let blocks = text.lines().filter(move |line| {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            return false;
        }
        in_block
    });
    blocks.chain(docs::quoted(text)).filter_map(call).collect()
}

fn call(line: &str) -> Option<Call> {
    let line = line.trim().trim_start_matches("$ ");
    let (rest, program) = CALLS
        .iter()
        .find_map(|(start, program)| Some((line.strip_prefix(start)?, *program)))?;
    let rest = rest.split(['#', '|', ';', '>']).next().unwrap_or_default();
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let words: Vec<String> = rest
        .split_whitespace()
        .take_while(|word| is_word(word) && !word.starts_with('-'))
        .map(str::to_owned)
        .collect();
    let flags = rest
        .split_whitespace()
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .filter_map(|word| word.split('=').next())
        .map(|flag| flag.trim_end_matches([',', '.', ']']).to_owned())
        .collect();
    (!words.is_empty()).then_some(Call {
        program,
        words,
        flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found: Vec<(String, String)> = calls(text)
            .into_iter()
            .map(|call| (call.words.join(" "), call.flags.join(" ")))
            .collect();
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(words, flags)| ((*words).to_owned(), (*flags).to_owned()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn commands_are_seen_in_blocks_and_in_backticks() {
        check(
            "Run `remit ledger verify OUT --vkey F`.\n```sh\n$ cargo run --release -- demo --port 1  # look\n```\n",
            &[("demo", "--port"), ("ledger verify", "--vkey")],
        );
    }

    #[test]
    fn words_that_are_no_command_are_left_alone() {
        check("`cargo test` and `git remit` and `remit`", &[]);
    }
}

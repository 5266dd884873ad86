//! Mutants: the code of the rules, changed one place at a time. One that no test notices survives.
//!
//! The list of survivors is committed and only shrinks; beside each file stands the digest of what was run, so that `tidy` knows
//! when it has changed since.
mod list;

use crate::{install, shell, tree};
use anyhow::{Context as _, Result, bail};
use list::{File, Survivor};
pub(crate) use list::{LIST, List, digest};
use std::{fs, path::Path, process::Command};

/// Runs the mutants of `files`, or of every listed file that has changed, and writes down what came of them. Survivors that
/// weren't listed are taken over with `reason` only.
///
/// # Errors
/// When the tool can't be had, a file isn't of the rules, the tests fail as they are, or more survive than before.
pub(crate) fn run(files: &[String], reason: Option<&str>) -> Result<()> {
    let path = tree::root().join(LIST);
    let mut list = List::read(&fs::read_to_string(&path).with_context(|| format!("`{LIST}`"))?)?;
    let changed = if files.is_empty() {
        changed(&list)?
    } else {
        files.to_vec()
    };
    for file in &changed {
        room(file)?;
        read(file)?;
    }
    let tool = install::mutants()?;
    for file in &changed {
        let text = read(file)?;
        let found = of(&tool, file)?;
        let new = list.replace(file, &digest(&text), found, reason)?;
        fs::write(&path, list.write()).with_context(|| format!("`{LIST}`"))?;
        if !new.is_empty() {
            bail!(
                "{} more of `{file}` survive than before; write a test for each, or say with --accept why none can be:\n  {}",
                new.len(),
                new.join("\n  ")
            );
        }
        shell::say(&format!("{file}: written to {LIST}"));
    }
    shell::say(&format!("mutants: {} files were run", changed.len()));
    Ok(())
}

/// Files of the list that aren't any more what was run.
fn changed(list: &List) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for (path, file) in &list.files {
        if digest(&read(path)?) != file.digest {
            changed.push(path.clone());
        }
    }
    Ok(changed)
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(tree::root().join(file)).with_context(|| {
        format!("`{file}` could not be read; name it from the top of the repository")
    })
}

/// The room of a file: `crates/domain/src/due.rs` is of `domain`.
fn room(file: &str) -> Result<&str> {
    let room = file
        .strip_prefix("crates/")
        .and_then(|rest| rest.split_once("/src/"))
        .filter(|_| Path::new(file).extension().is_some_and(|e| e == "rs"));
    room.map(|(room, _)| room).with_context(|| {
        format!("`{file}` is no file of a room; one is `crates/domain/src/due.rs`")
    })
}

/// How many mutants of a file there are, and which of them survive every test of its room. Those that the tests beside the code
/// catch, which are quick, aren't tried on all others.
fn of(tool: &Path, file: &str) -> Result<File> {
    let out = tree::fresh_folder("target/mutants")?;
    let told = |name: &str| -> Result<Vec<String>> {
        let path = out.join("mutants.out").join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    try_all(tool, file, &out, &["--timeout=120", "--cargo-arg=--lib"])?;
    let mut missed = told("missed.txt")?;
    // one that goes round in circles is noticed too
    let mutants = missed.len() + told("caught.txt")?.len() + told("timeout.txt")?.len();
    if !missed.is_empty() {
        let left = ["--iterate", "--baseline=skip", "--timeout=600"];
        try_all(tool, file, &out, &left)?;
        missed = told("missed.txt")?;
    }
    Ok(File {
        digest: String::new(),
        mutants,
        survivors: missed.iter().map(|line| Survivor::named(line)).collect(),
    })
}

fn try_all(tool: &Path, file: &str, out: &Path, how: &[&str]) -> Result<()> {
    let status = Command::new(tool)
        .args(["mutants", "--no-shuffle", "--no-times"])
        .args(["--cargo-arg=--locked", "--package", room(file)?])
        .args(["--file", file, "--output"])
        .arg(out)
        .args(how)
        .current_dir(tree::root())
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .status()
        .context("`cargo-mutants` could not be started")?;
    // survivors and those that go round in circles have codes of their own; which they are is told by its files
    if matches!(status.code(), Some(0 | 2 | 3)) {
        Ok(())
    } else {
        bail!("`cargo mutants` on `{file}` ended with {status}")
    }
}

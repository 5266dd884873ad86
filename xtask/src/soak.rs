//! One made-up life of the engine after another, for as long as somebody likes to wait: every seed gives another, and a seed whose life
//! breaks a promise is told with the command that repeats it.
use crate::{shell, test::write_run, tree};
use anyhow::{Context as _, Result, bail};
use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

/// How long, and from where.
pub(crate) enum Soak {
    /// Seeds for so many seconds.
    Seconds(u64),
    /// So many seeds.
    Seeds(u64),
    /// This one, with each of its steps.
    Seed(String),
}

/// Runs seeds on every processor, with a line of progress each few seconds; `log` writes down what came of it.
///
/// # Errors
/// When a promise is broken: the words say which command repeats it.
pub(crate) fn run(soak: &Soak, from: Option<&str>, log: bool) -> Result<()> {
    let program = built()?;
    let mut command = Command::new(program);
    match soak {
        Soak::Seconds(seconds) => command.args(["--seconds", &seconds.to_string()]),
        Soak::Seeds(seeds) => command.args(["--seeds", &seeds.to_string()]),
        Soak::Seed(seed) => command.args(["--seed", seed]),
    };
    if let Some(from) = from {
        command.args(["--from", from]);
    }
    let measures = followed(&mut command)?;
    if let Some((_, seed)) = measures.iter().find(|(name, _)| name == "broken") {
        bail!("a promise was broken; `cargo xtask soak --seed {seed}` repeats it");
    }
    if log {
        let mut text = "| what | count |\n|---|---|\n".to_owned();
        for (name, value) in &measures {
            writeln!(text, "| {name} | {value} |")?;
        }
        write_run("soak", &text)?;
    }
    Ok(())
}

/// Optimised, and nothing but it: a seed costs milliseconds then.
fn built() -> Result<std::path::PathBuf> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", "testkit", "--example", "soak"])
        .current_dir(tree::root());
    shell::run(&mut command)?;
    Ok(tree::root().join("target/release/examples/soak"))
}

/// Shows what the program says as it says it, and returns the lines that are a name and a value.
fn followed(command: &mut Command) -> Result<Vec<(String, String)>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the soak could not be started")?;
    let stdout = child.stdout.take().context("the soak says nothing")?;
    let mut measures = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("the soak can't be read")?;
        shell::say(&line);
        if let Some((name, value)) = line.split_once('\t') {
            measures.push((name.to_owned(), value.to_owned()));
        }
    }
    let status = child.wait().context("the soak")?;
    let broken = measures.iter().any(|(name, _)| name == "broken");
    if !status.success() && !broken {
        bail!("the soak ended with {status}");
    }
    Ok(measures)
}

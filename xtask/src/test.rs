//! Every suite, one after another, and one line for each at the end.
//!
//! A suite is in the table once its files exist. One whose tools can't be had here is skipped and says
//! what is missing; on a build server (`CI=true`) a skipped suite fails the run.
mod interop;
mod long;
mod suites;

use crate::{shell, tree};
use anyhow::{Context as _, Result, bail};
use long::LONG;
use std::{
    fmt::Write as _,
    fs,
    process::Command,
    time::{Duration, Instant},
};
use suites::SUITES;
pub(crate) use suites::tests_on_real_platforms;

/// Where the whole runs are written down.
const RUNS: &str = "docs/runs";

/// One suite: its name, what it shows, the tools it needs, and how it runs.
struct Suite {
    name: &'static str,
    shows: &'static str,
    needs: fn() -> Result<()>,
    run: fn() -> Result<()>,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// Says the name of each suite and what it shows.
pub(crate) fn list() {
    for suite in SUITES {
        shell::say(&format!("{:8} {}", suite.name, suite.shows));
    }
    for suite in LONG {
        shell::say(&format!("{:8} {} (with --all)", suite.name, suite.shows));
    }
}

/// Runs the suites named in `only`, or the ordinary ones; with `long` those that take long as well, and writes down what came of it.
///
/// # Errors
/// When a name is unknown, a suite fails, or, on a build server, one is skipped.
pub(crate) fn run(only: &[String], long: bool) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| !is_known(name)) {
        bail!("there is no suite `{unknown}`; `cargo xtask test --list` names them");
    }
    let mut told = Vec::new();
    let suites = SUITES.iter().map(|suite| (suite, true));
    let suites = suites.chain(LONG.iter().map(|suite| (suite, long)));
    for (suite, unnamed) in suites {
        let wanted = only.is_empty() && unnamed || only.iter().any(|name| name == suite.name);
        if !wanted {
            continue;
        }
        shell::say(&format!("== {}: {}", suite.name, suite.shows));
        let began = now();
        let outcome = outcome(suite);
        told.push((suite.name, outcome, now().saturating_duration_since(began)));
    }
    if long {
        write_down(&told)?;
    }
    close(&told)
}

fn is_known(name: &str) -> bool {
    let suites = SUITES.iter().chain(LONG);
    suites.into_iter().any(|suite| suite.name == name)
}

/// Writes what came of a whole run, on which machine and at which revision, to a file named by the time.
fn write_down(told: &[(&str, Outcome, Duration)]) -> Result<()> {
    let mut text = "| suite | outcome | seconds |\n|---|---|---|\n".to_owned();
    for (name, outcome, took) in told {
        writeln!(
            text,
            "| {name} | {} | {} |",
            outcome.words(),
            took.as_secs()
        )?;
    }
    write_run("suites", &text)
}

/// Writes a table of what came of a run to a file named by the time and the kind of run, with the revision and the machine.
pub(crate) fn write_run(kind: &str, table: &str) -> Result<()> {
    let asked = |program: &str, words: &[&str]| {
        let said = shell::run_quietly(Command::new(program).args(words).current_dir(tree::root()));
        said.map(|said| said.trim().to_owned())
    };
    let when = asked("date", &["-u", "+%Y-%m-%d-%H%M"])?;
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| {
        let kib = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
        Some(format!(" and {} GiB of memory", kib / 1024 / 1024))
    });
    let text = format!(
        "# Run of {when} UTC: {kind}\n\nRevision {}{}, on {} with {} processors{}.\n\n{table}",
        asked("git", &["rev-parse", "HEAD"])?,
        if asked("git", &["status", "--porcelain"])?.is_empty() {
            ""
        } else {
            " with changes"
        },
        asked("uname", &["-sm"])?,
        std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        memory.unwrap_or_default(),
    );
    let folder = tree::root().join(RUNS);
    let file = folder.join(format!("{when}-{kind}.md"));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, text))
        .with_context(|| format!("`{}` could not be written", file.display()))?;
    shell::say(&format!("written to {RUNS}/{when}-{kind}.md"));
    Ok(())
}

impl Outcome {
    fn words(&self) -> String {
        match self {
            Self::Passed => "passed".to_owned(),
            Self::Failed => "failed".to_owned(),
            Self::Skipped(why) => format!("skipped: {why}"),
        }
    }
}

fn outcome(suite: &Suite) -> Outcome {
    if let Err(missing) = (suite.needs)() {
        return Outcome::Skipped(format!("{missing:#}"));
    }
    match (suite.run)() {
        Ok(()) => Outcome::Passed,
        Err(error) => {
            shell::complain(&format!("{}: {error:#}", suite.name));
            Outcome::Failed
        }
    }
}

/// The closing lines, and whether the run as a whole is good.
fn close(told: &[(&str, Outcome, Duration)]) -> Result<()> {
    let (mut passed, mut failed, mut skipped) = (0_usize, 0_usize, 0_usize);
    shell::say("");
    for (name, outcome, took) in told {
        let count = match outcome {
            Outcome::Passed => &mut passed,
            Outcome::Failed => &mut failed,
            Outcome::Skipped(_) => &mut skipped,
        };
        *count = count.saturating_add(1);
        shell::say(&format!(
            "suite {name}: {} ({} s)",
            outcome.words(),
            took.as_secs()
        ));
    }
    shell::say(&format!(
        "{passed} passed, {failed} failed, {skipped} skipped"
    ));
    let on_a_build_server = std::env::var_os("CI").is_some_and(|value| value == "true");
    if failed > 0 {
        bail!("{failed} suites failed");
    }
    if skipped > 0 && on_a_build_server {
        bail!("{skipped} suites were skipped, which a build server must not do");
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a suite took is for the eye only; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

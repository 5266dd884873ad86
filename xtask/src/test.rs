//! Every suite, one after another, and one line for each at the end.
//!
//! A suite is in the table once its files exist. One whose tools can't be had here is skipped and says
//! what is missing; on a build server (`CI=true`) a skipped suite fails the run.
mod interop;
mod suites;

use crate::shell;
use anyhow::{Result, bail};
use std::time::{Duration, Instant};
use suites::SUITES;

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
}

/// Runs the suites named in `only`, or all.
///
/// # Errors
/// When a name is unknown, a suite fails, or, on a build server, one is skipped.
pub(crate) fn run(only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| !is_known(name)) {
        bail!("there is no suite `{unknown}`; `cargo xtask test --list` names them");
    }
    let mut told = Vec::new();
    for suite in SUITES {
        if !only.is_empty() && !only.iter().any(|name| name == suite.name) {
            continue;
        }
        shell::say(&format!("== {}: {}", suite.name, suite.shows));
        let began = now();
        let outcome = outcome(suite);
        told.push((suite.name, outcome, now().saturating_duration_since(began)));
    }
    close(&told)
}

fn is_known(name: &str) -> bool {
    SUITES.iter().any(|suite| suite.name == name)
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
        let (count, words) = match outcome {
            Outcome::Passed => (&mut passed, "passed".to_owned()),
            Outcome::Failed => (&mut failed, "failed".to_owned()),
            Outcome::Skipped(why) => (&mut skipped, format!("skipped: {why}")),
        };
        *count = count.saturating_add(1);
        shell::say(&format!("suite {name}: {words} ({} s)", took.as_secs()));
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

//! Real servers, killed under load for as often as somebody likes to wait.
use crate::{
    shell,
    test::{tests_on_real_platforms, write_run},
    tree,
};
use anyhow::{Context as _, Result};
use std::{collections::BTreeMap, fmt::Write as _, fs, process::Command};

/// Kills between two looks at what is left.
const ROUND: u64 = 500;
/// Servers at a time: most of a life is waiting.
const SERVERS: &str = "5";

/// Kills servers of the release build until `wanted` kills were survived since the last commit; what was survived before counts. `log`
/// writes down what came of it.
///
/// # Errors
/// When something that was acknowledged is lost or done twice, or a role is orphaned.
pub(crate) fn run(wanted: u64, log: bool) -> Result<()> {
    let mut build = Command::new("cargo");
    build
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", "remit"])
        .current_dir(tree::root());
    shell::run(&mut build)?;
    let mut revision = Command::new("git");
    let revision = revision.args(["rev-parse", "HEAD"]);
    let revision = shell::run_quietly(revision.current_dir(tree::root()))?;
    let folder = tree::root().join("target/soak");
    fs::create_dir_all(&folder).with_context(|| format!("`{}`", folder.display()))?;
    let told = folder.join(format!("kills-{}", revision.trim()));
    let program = tree::root().join("target/release/remit");
    loop {
        let counts = counted(&fs::read_to_string(&told).unwrap_or_default());
        let survived = counts.get("kills").copied().unwrap_or(0);
        shell::say(&format!("{survived} of {wanted} kills survived"));
        if survived >= wanted {
            return if log { write_down(&counts) } else { Ok(()) };
        }
        let round = ROUND.min(wanted.saturating_sub(survived));
        tests_on_real_platforms("crash_kill9", &|command| {
            command
                .env("REMIT_TEST_KILLS", round.to_string())
                .env("REMIT_TEST_SERVERS", SERVERS)
                .env("REMIT_TEST_TOLD", &told)
                .env("REMIT_TEST_PROGRAM", &program);
        })?;
    }
}

fn write_down(counts: &BTreeMap<String, u64>) -> Result<()> {
    let mut text = "| what | count |\n|---|---|\n".to_owned();
    for (name, count) in counts {
        writeln!(text, "| {name} | {count} |")?;
    }
    write_run("kills", &text)
}

/// Sums of lines that are a name and a count, with a tab between.
fn counted(told: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (name, count) in told.lines().filter_map(|line| line.split_once('\t')) {
        let sum: &mut u64 = counts.entry(name.to_owned()).or_default();
        *sum = sum.saturating_add(count.parse().unwrap_or(0));
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_server_survived_adds_up() {
        let counts = counted("kills\t250\nanswers\t7\nkills\t250\nhalf a li");
        assert_eq!(counts["kills"], 500);
        assert_eq!(counts["answers"], 7);
        assert_eq!(counts.len(), 2);
    }
}

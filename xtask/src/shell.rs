//! The only place that prints and that starts other programs.
use anyhow::{Context as _, Result, bail};
use std::process::{Command, Stdio};

/// One line for the person who runs the chore.
#[expect(clippy::print_stdout, reason = "a chore talks to a terminal")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// One line about what went wrong.
#[expect(clippy::print_stderr, reason = "a chore talks to a terminal")]
pub(crate) fn complain(line: &str) {
    eprintln!("xtask: {line}");
}

/// Runs `command` to its end with its output shown; no standard input.
///
/// # Errors
/// When it can't be started or doesn't succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("`{shown}` could not be started"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs `command` quietly; its output is told only when it fails.
///
/// # Errors
/// When it can't be started or doesn't succeed.
pub(crate) fn run_quietly(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{shown}` could not be started"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}\n{stdout}{stderr}", output.status);
    }
    Ok(stdout)
}

/// Whether `program` is there and does what it is asked.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    run_quietly(Command::new(program).args(arguments)).is_ok()
}

/// Waits a moment before a server that is starting is asked again.
#[expect(
    clippy::disallowed_methods,
    reason = "a server in another process cannot be waited for in any other way"
)]
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

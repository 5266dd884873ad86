//! The one place that writes to the terminal: results to standard output, everything else to standard error.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this module owns the terminal"
)]

/// A line of the result.
pub(crate) fn line(text: impl std::fmt::Display) {
    println!("{text}");
}

/// A line about how it goes.
pub(crate) fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// An error with everything that led to it, and then nothing more.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

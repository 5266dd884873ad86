//! The one place that writes to the terminal: results to standard output, everything else to standard error.
#![expect(clippy::print_stderr, reason = "this module owns the terminal")]
use std::io::Write as _;

/// A line of the result. That nobody reads it any more is no reason for a server to stop.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = write(format!("{text}\n").as_bytes());
}

/// A result that is all there is to do: when its reader has gone away (`| head`), so does this program.
pub(crate) fn bytes(bytes: &[u8]) {
    if write(bytes).is_err() {
        std::process::exit(0);
    }
}

fn write(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// A line about how it goes.
pub(crate) fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// A question; the answer is typed on the same line.
pub(crate) fn prompt(text: impl std::fmt::Display) {
    eprint!("{text}");
}

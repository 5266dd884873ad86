//! An error as people read it in a log: what went wrong, and everything that led to it, on one line.

/// `error` and its sources, each after a colon.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        told.push_str(": ");
        told.push_str(&cause.to_string());
        next = cause.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not read `a`")]
    struct Outer(#[source] std::fmt::Error);

    #[test]
    fn every_cause_is_told_once_in_order() {
        assert_eq!(
            chain(&Outer(std::fmt::Error)),
            "could not read `a`: an error occurred when formatting an argument"
        );
    }
}

//! Why a command failed: a problem document (RFC 9457), its words for people, and the exit code that tells it to scripts.
use crate::{ledger_files::Changed, render::safe};
use serde_json::{Value, json};

/// How a command ended, where it isn't 0. `remit help exit-codes` explains them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It couldn't be done.
    Failed = 1,
    /// The command was called wrongly.
    Usage = 2,
    /// The rules say no.
    Denied = 3,
    /// Nobody is signed in.
    SignIn = 4,
    /// There is no such thing, or it is hidden.
    NotFound = 5,
    /// Waiting ran out before it was decided.
    Pending = 6,
    /// It has changed, or is over.
    Stale = 7,
    /// Evidence was changed.
    Changed = 8,
    /// The server can't be reached.
    Unreachable = 9,
    /// Stopped by the user.
    Interrupted = 130,
}

/// A failure whose cause and exit code are known.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(problem))]
pub(crate) struct Failed {
    exit: Exit,
    problem: Value,
}

impl Failed {
    /// A failure found here: `slug` names its kind, `detail` says what was found, `fix` what would work.
    pub(crate) fn new(exit: Exit, slug: &str, detail: impl Into<String>, fix: &[&str]) -> Self {
        Self {
            exit,
            problem: json!({ "type": format!("urn:remit:problem:{slug}"), "title": title(exit), "detail": detail.into(), "fix": fix }),
        }
    }

    /// A command that was called wrongly.
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", detail, &[])
    }

    /// What a server answered instead of a yes.
    pub(crate) fn answered(status: u16, body: &Value) -> Self {
        let problem = if body.get("detail").is_some_and(Value::is_string) {
            body.clone()
        } else {
            json!({ "type": "about:blank", "title": "No problem document", "status": status,
                "detail": format!("the server answered {status} without saying why: is it a Remit server?") })
        };
        Self {
            exit: exit_of(status, &problem),
            problem,
        }
    }

    /// Its exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Which kind of problem it is.
    pub(crate) fn kind(&self) -> &str {
        self.problem
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// The exit code and the problem document of any failure.
pub(crate) fn of(error: &anyhow::Error) -> (Exit, Value) {
    if let Some(failed) = error.downcast_ref::<Failed>() {
        return (failed.exit(), failed.problem.clone());
    }
    let (exit, slug) = if error.is::<Changed>() {
        (Exit::Changed, "evidence-changed")
    } else {
        (Exit::Failed, "failed")
    };
    let problem = json!({ "type": format!("urn:remit:problem:{slug}"), "title": title(exit), "detail": format!("{error:#}"), "fix": [] });
    (exit, problem)
}

fn title(exit: Exit) -> &'static str {
    match exit {
        Exit::Failed => "It could not be done",
        Exit::Usage => "The command was called wrongly",
        Exit::Denied => "The rules say no",
        Exit::SignIn => "Sign in first",
        Exit::NotFound => "There is nothing here for you",
        Exit::Pending => "It still waits",
        Exit::Stale => "It has changed, or is over",
        Exit::Changed => "Evidence was changed",
        Exit::Unreachable => "The server can't be reached",
        Exit::Interrupted => "Interrupted",
    }
}

fn exit_of(status: u16, problem: &Value) -> Exit {
    match status {
        401 => Exit::SignIn,
        403 => Exit::Denied,
        404 => Exit::NotFound,
        409 | 412 => Exit::Stale,
        422 if problem.get("rule").is_some_and(Value::is_string) => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// A problem in words: what was found, why the rule exists, what would be allowed.
pub(crate) fn told(problem: &Value) -> String {
    let text = |name: &str| {
        safe::words(
            problem
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default(),
        )
    };
    let fixes = problem
        .get("fix")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|fix| ("try", safe::words(fix)));
    let said = [
        ("why", text("why")),
        ("rule", text("rule")),
        ("reference", text("reference")),
    ];
    let (why, rest): (Vec<_>, Vec<_>) = said.into_iter().partition(|(name, _)| *name == "why");
    why.into_iter()
        .chain(fixes)
        .chain(rest)
        .filter(|(_, words)| !words.is_empty())
        .fold(text("detail"), |told, (name, words)| {
            format!("{told}\n  {name}: {words}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_whole() {
        let body = json!({ "detail": "`ada` filed this request and cannot approve it.", "why": "Nobody decides on what they asked for.", "fix": ["Ask the data owner."], "rule": "own-request" });
        assert_eq!(
            Failed::answered(403, &body).to_string(),
            "`ada` filed this request and cannot approve it.\n  why: Nobody decides on what they asked for.\n  try: Ask the data owner.\n  rule: own-request"
        );
    }

    #[test]
    fn each_kind_of_answer_has_an_exit_code_of_its_own() {
        let ruled = json!({ "detail": "no", "rule": "own-request" });
        let codes = [401, 403, 404, 409, 412, 422, 500]
            .map(|status| Failed::answered(status, &ruled).exit() as u8);
        assert_eq!(codes, [4, 3, 5, 7, 7, 3, 1]);
        let unusable = json!({ "detail": "no" });
        assert_eq!(Failed::answered(422, &unusable).exit(), Exit::Failed);
    }

    #[test]
    fn words_of_a_server_do_not_drive_the_terminal() {
        let body = json!({ "detail": "\u{1b}[2Jcome\u{202e}back", "fix": ["\u{9b}31m now"] });
        assert_eq!(
            Failed::answered(500, &body).to_string(),
            "[2Jcomeback\n  try: 31m now"
        );
    }

    #[test]
    fn an_answer_of_something_else_is_said_to_be_one() {
        assert_eq!(
            Failed::answered(502, &Value::String("<html>".to_owned())).to_string(),
            "the server answered 502 without saying why: is it a Remit server?"
        );
    }

    #[test]
    fn changed_evidence_has_its_own_code_and_kind() {
        let (exit, problem) = of(&anyhow::Error::new(Changed("entry 3 differs".to_owned())));
        assert_eq!(exit as u8, 8);
        assert_eq!(problem["type"], "urn:remit:problem:evidence-changed");
        assert_eq!(problem["detail"], "entry 3 differs");
    }
}

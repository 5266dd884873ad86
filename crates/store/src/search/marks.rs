//! What people look for, as the index knows it: words, and marks that stand for the values of filters. What people type is never
//! query syntax: each word goes to the index as a quoted string, so no input is an error.
use domain::ids::{PersonId, PrivilegeId, TargetId};
use engine::views::EvidenceQuery;
use ledger::digest::Digest;
use std::fmt::Write as _;

/// Words of one question that are looked for; further ones are left out.
const WORDS_MAX: usize = 32;

/// What a mark begins with: the index takes it for a letter, and nothing that is looked for as a word has it.
const MARK: char = '\u{e000}';

/// Letters and digits of a mark after what it is about: 80 bits, so that a list is rarely read for nothing.
const MARK_DIGITS: usize = 20;

/// What an entry has one value of, or several.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    Grant,
    Kind,
    Outcome,
    Person,
    Privilege,
    Request,
    Target,
    Ticket,
}

impl About {
    const fn letter(self) -> char {
        match self {
            Self::Grant => 'g',
            Self::Kind => 'k',
            Self::Outcome => 'o',
            Self::Person => 'p',
            Self::Privilege => 'v',
            Self::Request => 'r',
            Self::Target => 't',
            Self::Ticket => 'i',
        }
    }
}

/// The mark of everything that was refused, by whatever rule.
pub(crate) fn refused() -> String {
    format!("{MARK}x")
}

/// The one word that stands for a value.
pub(crate) fn mark(about: About, value: &str) -> String {
    let mut word = String::from(MARK);
    word.push(about.letter());
    for byte in Digest::of(value.as_bytes()).as_bytes() {
        // writing to a string can't fail
        let _ = write!(word, "{byte:02x}");
    }
    word.chars().take(2 + MARK_DIGITS).collect()
}

/// The index's own query for all that is looked for and that it can tell; `None` if nothing typed can be looked for, so that
/// nothing is found.
pub(crate) fn matching(query: &EvidenceQuery) -> Option<Matching> {
    let mut parts = Vec::new();
    if let Some(typed) = query
        .words
        .as_deref()
        .filter(|words| !words.trim().is_empty())
    {
        let words = words(typed);
        if words.is_empty() {
            return None;
        }
        parts.extend(words);
    }
    parts.extend(wanted(query).iter().map(|mark| format!("\"{mark}\"")));
    if parts.is_empty() {
        return Some(Matching::All);
    }
    Some(Matching::These(parts.join(" AND ")))
}

/// What the index is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matching {
    /// Nothing: every entry will do.
    All,
    /// A query of its own language.
    These(String),
}

/// Marks of the filters.
fn wanted(query: &EvidenceQuery) -> Vec<String> {
    let numbers = [
        (About::Request, query.request.map(|number| number.0)),
        (About::Grant, query.grant.map(|number| number.0)),
    ];
    let texts = [
        (About::Person, query.actor.as_ref().map(PersonId::as_str)),
        (
            About::Privilege,
            query.privilege.as_ref().map(PrivilegeId::as_str),
        ),
        (About::Target, query.target.as_ref().map(TargetId::as_str)),
        (About::Ticket, query.ticket.as_deref()),
        (About::Kind, query.kind.as_deref()),
    ];
    let mut marks: Vec<String> = Vec::new();
    for (about, value) in numbers {
        marks.extend(value.map(|value| mark(about, &value.to_string())));
    }
    for (about, value) in texts {
        marks.extend(value.map(|value| mark(about, value)));
    }
    marks.extend(query.outcome.as_deref().map(|outcome| match outcome {
        "refused" => refused(),
        rule => mark(About::Outcome, rule),
    }));
    marks
}

/// What somebody typed: every word must occur, `"two words"` in this order, `invoi*` as a beginning.
fn words(typed: &str) -> Vec<String> {
    let mut words = Vec::new();
    // every second part stood between quotation marks
    for (n, part) in typed.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(quoted(part));
        } else {
            words.extend(part.split_whitespace().map(quoted));
        }
    }
    words.into_iter().flatten().take(WORDS_MAX).collect()
}

/// A word or phrase as a string of the index's query language; `None` if it has no letter or digit.
fn quoted(word: &str) -> Option<String> {
    let beginning = word.ends_with('*');
    // the index breaks words at everything else; what it might break differently must not reach it
    let plain: String = word
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let star = if beginning { "*" } else { "" };
    (!plain.is_empty()).then(|| format!("\"{plain}\"{star}"))
}

#[cfg(test)]
mod tests {
    use super::{About, MARK, Matching, mark, matching, refused};
    use engine::views::EvidenceQuery;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_word_that_is_typed_is_a_mark(typed in "(\u{e000}|[a-z0-9]|\"|\\*| ){0,40}") {
            let words = EvidenceQuery { words: Some(typed), ..EvidenceQuery::default() };
            if let Some(Matching::These(query)) = matching(&words) {
                prop_assert!(!query.contains(MARK));
            }
        }

        #[test]
        fn marks_of_different_things_differ(a in "[a-z]{1,4}", b in "[a-z]{1,4}") {
            prop_assert_ne!(mark(About::Person, &a), mark(About::Kind, &a));
            prop_assert_eq!(mark(About::Person, &a) == mark(About::Person, &b), a == b);
            prop_assert_ne!(mark(About::Outcome, &a), refused());
        }
    }
}

//! Mistakes in a bundle, each with the place it is at and what would be right: whoever writes a catalog is told everything that is
//! wrong in one go, in the words of the catalog.
use std::{fmt, sync::Arc};

/// One thing that is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Path within the bundle.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was found.
    pub message: String,
    /// What would be right, if that can be said.
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    /// `file:line:column: message`, and on a line of its own `help: ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A file of the bundle, for telling places in it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// A place in a file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    source: Arc<Source>,
    offset: usize,
}

impl Place {
    /// `offset` in bytes.
    pub(crate) fn new(source: &Arc<Source>, offset: usize) -> Self {
        Self {
            source: Arc::clone(source),
            offset,
        }
    }

    /// The file.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// In bytes from the file's beginning.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Where `words` first stand from here on; here, if they don't.
    pub(crate) fn further(&self, words: &str) -> Self {
        let rest = self.source.text.get(self.offset..).unwrap_or_default();
        Self {
            source: Arc::clone(&self.source),
            offset: self.offset + rest.find(words).unwrap_or_default(),
        }
    }

    /// Something is wrong here.
    pub(crate) fn mistake(&self, message: impl Into<String>, help: Option<String>) -> Mistake {
        let (line, column) = self.line_and_column();
        Mistake {
            file: self.source.file.clone(),
            line,
            column,
            message: message.into(),
            help,
        }
    }

    /// `file:line`, for pointing at it from elsewhere.
    pub(crate) fn short(&self) -> String {
        format!("{}:{}", self.source.file, self.line_and_column().0)
    }

    fn line_and_column(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// "did you mean ...", if something known is near enough.
pub(crate) fn did_you_mean<'k>(
    found: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    let near = found.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|known| (distance(found, known), known))
        .filter(|(distance, _)| *distance <= near)
        .min()
        .map(|(_, known)| format!("did you mean `{known}`?"))
}

/// Edits from one text to the other: insert, remove, replace a character (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, a) in from.chars().enumerate() {
        let mut next = vec![above + 1];
        for ((b, diagonal), straight) in to.chars().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            next.push(
                (diagonal + usize::from(a != b))
                    .min(straight + 1)
                    .min(left + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// "`a`, `b` or `c`".
pub(crate) fn one_of<'k>(known: impl IntoIterator<Item = &'k str>) -> String {
    let quoted: Vec<String> = known.into_iter().map(|k| format!("`{k}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_place_and_what_would_be_right() {
        let source = Arc::new(Source {
            file: "catalog/x.toml".into(),
            text: "a = 1\nöö = 2\n".into(),
        });
        let place = Place::new(&source, source.text.find('2').unwrap());
        insta::assert_snapshot!(
            place.mistake("`2` is wrong", Some("write `3`".into())),
            @r"
        catalog/x.toml:2:6: `2` is wrong
          help: write `3`
        "
        );
    }

    #[test]
    fn the_nearest_known_name_is_suggested_if_it_is_near() {
        let known = ["security", "data-owner", "auditor"];
        let told = |found| did_you_mean(found, known);
        assert_eq!(told("securty"), Some("did you mean `security`?".into()));
        assert_eq!(told("dataowner"), Some("did you mean `data-owner`?".into()));
        assert_eq!(told("plumber"), None);
        assert_eq!(told(""), None);
    }
}

//! Reading TOML with places: every value knows its field and where it stands, every table knows which fields were asked of it, so a
//! field nobody asked for is a mistake with a suggestion instead of a setting that silently does nothing.
use super::known::{Claim, Kind, Known};
use crate::mistake::{Located, Mistake, Place, Source, did_you_mean, one_of};
use domain::ids::IdError;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::Arc,
};
use toml::de::{DeTable, DeValue};

/// What reading the files brings to light, collected while the files are read.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    mistakes: RefCell<Vec<Mistake>>,
    known: RefCell<Known>,
}

impl Findings {
    pub(crate) fn mistake(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }

    /// An id is declared here; a second declaration is a mistake.
    pub(crate) fn declare(&self, kind: Kind, within: &str, id: &str, place: &Place) {
        let first = self.known.borrow_mut().declare(kind, within, id, place);
        if let Some(first) = first {
            let help = format!("the first is at {}", first.short());
            self.mistake(place.mistake(
                format!("there are two {} `{id}`", kind.plural()),
                Some(help),
            ));
        }
    }

    /// An id is used here, and must be declared somewhere.
    pub(crate) fn claim<T: AsRef<str>>(&self, kind: Kind, within: &str, id: &Located<T>) {
        self.known.borrow_mut().claim(Claim {
            kind,
            within: within.to_owned(),
            id: id.value.as_ref().to_owned(),
            place: id.place.clone(),
        });
    }

    /// All mistakes so far, and all declared and used ids.
    pub(crate) fn close(self) -> (Vec<Mistake>, Known) {
        (self.mistakes.into_inner(), self.known.into_inner())
    }
}

/// A file that is being read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'t> {
    pub(crate) source: &'t Arc<Source>,
    pub(crate) findings: &'t Findings,
}

/// A value of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    pub(crate) file: File<'t>,
    /// The field's name.
    pub(crate) name: &'t str,
    value: &'t DeValue<'t>,
    offset: usize,
}

impl<'t> Node<'t> {
    pub(crate) fn place(&self) -> Place {
        Place::new(self.file.source, self.offset)
    }

    pub(crate) fn wrong(&self, message: impl Into<String>, help: Option<&str>) {
        let mistake = self.place().mistake(message, help.map(str::to_owned));
        self.file.findings.mistake(mistake);
    }

    fn wrong_type(&self, wanted: &str) {
        let found = match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(
            format!("`{}` is {found}; {wanted} is needed", self.name),
            None,
        );
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// A text that says something.
    pub(crate) fn text(&self) -> Option<&'t str> {
        let Some(text) = self.value.as_str() else {
            self.wrong_type("text");
            return None;
        };
        if text.trim().is_empty() {
            self.wrong(format!("`{}` is empty", self.name), None);
            return None;
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            let message = format!("`{}` contains control characters", self.name);
            self.wrong(message, Some("write plain text"));
            return None;
        }
        Some(text)
    }

    pub(crate) fn truth(&self) -> Option<bool> {
        let found = self.value.as_bool();
        if found.is_none() {
            self.wrong_type("true or false");
        }
        found
    }

    /// A whole number between two bounds, both included.
    pub(crate) fn number<T>(&self, min: T, max: T) -> Option<T>
    where
        T: Copy + PartialOrd + TryFrom<i64> + std::fmt::Display,
    {
        let Some(written) = self.value.as_integer() else {
            self.wrong_type("a whole number");
            return None;
        };
        let found = i64::from_str_radix(written.as_str(), written.radix())
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| (min..=max).contains(number));
        if found.is_none() {
            let message = format!(
                "`{}` is {}; {min} to {max} is possible",
                self.name,
                written.as_str()
            );
            self.wrong(message, None);
        }
        found
    }

    /// An instant with an offset from UTC.
    pub(crate) fn instant(&self) -> Option<domain::time::Timestamp> {
        let Some(written) = self.value.as_datetime() else {
            self.wrong_type("a time such as 2026-12-24T00:00:00Z");
            return None;
        };
        let found = written.to_string().parse::<jiff::Timestamp>().ok();
        if found.is_none() {
            let message = format!("`{}` names no instant", self.name);
            self.wrong(
                message,
                Some("write date, time and offset: 2026-12-24T00:00:00+01:00"),
            );
        }
        found.map(|at| domain::time::Timestamp(at.as_millisecond()))
    }

    pub(crate) fn list(&self) -> Option<Vec<Node<'t>>> {
        let Some(items) = self.value.as_array() else {
            self.wrong_type("a list");
            return None;
        };
        let node = |item: &'t toml::Spanned<DeValue<'t>>| Node {
            value: item.get_ref(),
            offset: item.span().start,
            ..*self
        };
        Some(items.iter().map(node).collect())
    }

    /// A table, called `what` in messages.
    pub(crate) fn table(&self, what: impl Into<String>) -> Option<Table<'t>> {
        let Some(fields) = self.value.as_table() else {
            self.wrong_type("a table");
            return None;
        };
        Some(Table {
            file: self.file,
            what: what.into(),
            place: self.place(),
            fields,
            asked: RefCell::default(),
        })
    }

    /// An id that is told where it stands.
    pub(crate) fn id<T: FromStr<Err = IdError>>(&self) -> Option<Located<T>> {
        let text = self.text()?;
        match text.parse() {
            Ok(value) => Some(Located {
                value,
                place: self.place(),
            }),
            Err(error) => {
                let error: IdError = error;
                self.wrong(error.to_string(), None);
                None
            }
        }
    }

    /// Ids, none of them twice.
    pub(crate) fn ids<T: FromStr<Err = IdError> + Ord>(&self) -> Option<Vec<Located<T>>> {
        let mut ids: Vec<Located<T>> = Vec::new();
        for node in self.list()? {
            let Some(id) = node.id() else { continue };
            if ids.iter().any(|known| known.value == id.value) {
                node.wrong(format!("this is in `{}` already", self.name), None);
            } else {
                ids.push(id);
            }
        }
        Some(ids)
    }

    /// Ids that are declared somewhere.
    pub(crate) fn claimed<T>(&self, kind: Kind, within: &str) -> Option<BTreeSet<T>>
    where
        T: FromStr<Err = IdError> + Ord + AsRef<str>,
    {
        let ids: Vec<Located<T>> = self.ids()?;
        for id in &ids {
            self.file.findings.claim(kind, within, id);
        }
        Some(ids.into_iter().map(|id| id.value).collect())
    }

    /// One of a few words.
    pub(crate) fn choice<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let possible = one_of(words.iter().map(|(word, _)| *word));
            let message = format!("`{text}` is not possible for `{}`", self.name);
            self.wrong(message, Some(&format!("write {possible}")));
        }
        found.map(|(_, value)| value.clone())
    }

    /// Several of a few words.
    pub(crate) fn choices<T: Clone + Ord>(&self, words: &[(&str, T)]) -> Option<BTreeSet<T>> {
        let nodes = self.list()?;
        Some(nodes.iter().filter_map(|node| node.choice(words)).collect())
    }

    /// Texts, each of which says something.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let nodes = self.list()?;
        Some(
            nodes
                .iter()
                .filter_map(|n| n.text().map(str::to_owned))
                .collect(),
        )
    }
}

/// A table of a file.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    pub(crate) file: File<'t>,
    /// What messages call it, such as "the privilege `x`".
    pub(crate) what: String,
    pub(crate) place: Place,
    fields: &'t DeTable<'t>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'t> Table<'t> {
    /// The whole of a file.
    pub(crate) fn root(file: File<'t>, fields: &'t DeTable<'t>) -> Self {
        Self {
            file,
            what: "a file of the catalog".to_owned(),
            place: Place::new(file.source, 0),
            fields,
            asked: RefCell::default(),
        }
    }

    /// A field, if it is there.
    pub(crate) fn find(&self, name: &'static str) -> Option<Node<'t>> {
        self.asked.borrow_mut().insert(name);
        let (key, value) = self.fields.get_key_value(name)?;
        Some(self.node(key, value))
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &'static str) -> Option<Node<'t>> {
        let found = self.find(name);
        if found.is_none() {
            self.wrong(format!("{} has no `{name}`", self.what), None);
        }
        found
    }

    /// What `read` makes of a field that must be there.
    pub(crate) fn must<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Node<'t>) -> Option<T>,
    ) -> Option<T> {
        read(&self.need(name)?)
    }

    /// What `read` makes of a field, or what holds without it.
    pub(crate) fn or<T>(
        &self,
        name: &'static str,
        otherwise: T,
        read: impl FnOnce(&Node<'t>) -> Option<T>,
    ) -> Option<T> {
        self.find(name).map_or(Some(otherwise), |node| read(&node))
    }

    /// Every field with its name, for tables whose fields are ids.
    pub(crate) fn all(&self) -> Vec<Node<'t>> {
        let fields = self.fields.iter();
        fields.map(|(key, value)| self.node(key, value)).collect()
    }

    /// The text of a field that must be there.
    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        self.need(name)?.text().map(str::to_owned)
    }

    pub(crate) fn wrong(&self, message: impl Into<String>, help: Option<&str>) {
        let mistake = self.place.mistake(message, help.map(str::to_owned));
        self.file.findings.mistake(mistake);
    }

    /// Whatever wasn't asked for is a mistake.
    pub(crate) fn close(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.fields {
            let name = key.get_ref().as_ref();
            if !asked.contains(name) {
                let help = did_you_mean(name, asked.iter().copied())
                    .unwrap_or_else(|| format!("its fields are {}", one_of_all(&asked)));
                let place = Place::new(self.file.source, key.span().start);
                let message = format!("`{name}` is not a field of {}", self.what);
                self.file
                    .findings
                    .mistake(place.mistake(message, Some(help)));
            }
        }
    }

    fn node(
        &self,
        key: &'t toml::Spanned<toml::de::DeString<'t>>,
        value: &'t toml::Spanned<DeValue<'t>>,
    ) -> Node<'t> {
        // the place of a sub-table is its name: its own span may be anywhere behind dotted keys
        let offset = match value.get_ref() {
            DeValue::Table(_) => key.span().start,
            _ => value.span().start,
        };
        Node {
            file: self.file,
            name: key.get_ref().as_ref(),
            value: value.get_ref(),
            offset,
        }
    }
}

fn one_of_all(names: &BTreeSet<&'static str>) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Reads a table whose fields are ids: declares each, and reads what it says.
pub(crate) fn by_id<'t, Id, T>(
    node: Option<Node<'t>>,
    (kind, within): (Kind, &str),
    read: impl Fn(&Id, &Node<'t>) -> Option<T>,
) -> BTreeMap<Id, T>
where
    Id: FromStr<Err = IdError> + Ord,
{
    let mut found = BTreeMap::new();
    let entries = node.and_then(|node| node.table(kind.plural()));
    for entry in entries.iter().flat_map(Table::all) {
        match entry.name.parse::<Id>() {
            Ok(id) => {
                let findings = entry.file.findings;
                findings.declare(kind, within, entry.name, &entry.place());
                if let Some(value) = read(&id, &entry) {
                    found.insert(id, value);
                }
            }
            Err(error) => entry.wrong(error.to_string(), None),
        }
    }
    found
}

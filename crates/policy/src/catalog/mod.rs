//! The catalog of a bundle, read from `catalog/**/*.toml`. How it is spread over files is the author's choice: what stands in them
//! is put together, and everything that is wrong is told at once, with its place.
mod impact;
mod known;
mod organisation;
mod platforms;
mod privileges;
mod read;
mod seats;
mod targets;
mod terms;
mod words;

use crate::mistake::{Mistake, Place, Source};
use domain::{
    catalog::{Catalog, Freeze, Lesson, Platform, Privilege, Provisioning, Terms},
    ids::{ConflictId, LessonId, PlatformId, PrivilegeId},
    impact::ImpactPolicy,
    path::SECURITY,
    seats::DATA_OWNER,
};
pub(crate) use known::{Kind, Known};
pub use organisation::Organisation;
use read::{File, Findings, Node, Table};
use std::{collections::BTreeMap, sync::Arc};
use targets::Targets;
use toml::de::DeTable;

/// What the files of a catalog say.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Nothing, if something that must be there is missing or wrong.
    pub(crate) catalog: Option<Catalog>,
    pub(crate) organisation: Organisation,
    pub(crate) known: Known,
    pub(crate) mistakes: Vec<Mistake>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Draft {
    organisation: Organisation,
    lessons: BTreeMap<LessonId, Lesson>,
    platforms: BTreeMap<PlatformId, Platform>,
    targets: Targets,
    privileges: BTreeMap<PrivilegeId, Privilege>,
    conflicts: BTreeMap<ConflictId, domain::catalog::Conflict>,
    freezes: Vec<Freeze>,
    impact: Single<ImpactPolicy>,
    terms: Single<Terms>,
}

/// Something that a bundle says just once.
#[derive(Debug)]
struct Single<T>(Option<(Option<T>, Place)>);

impl<T> Default for Single<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// Reads all files of a catalog.
pub(crate) fn read(sources: &[Arc<Source>]) -> Reading {
    let findings = Findings::default();
    let mut draft = Draft::default();
    let mut broken = false;
    for source in sources {
        let (document, errors) = DeTable::parse_recoverable(&source.text);
        broken |= !errors.is_empty();
        let readable = errors.is_empty();
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            findings.mistake(Place::new(source, at).mistake(message, None));
        }
        // what a broken file seems to say isn't judged
        if readable {
            let file = File {
                source,
                findings: &findings,
            };
            draft.read(Table::root(file, document.get_ref()));
        }
    }
    draft.finish(findings, sources.first(), broken)
}

impl Draft {
    fn read(&mut self, root: Table<'_>) {
        organisation::read(&root, &mut self.organisation, &mut self.lessons);
        platforms::read(&root, &mut self.platforms);
        self.targets.read(&root);
        privileges::read(&root, &mut self.privileges);
        terms::conflicts(&root, &mut self.conflicts);
        terms::freezes(&root, &mut self.freezes);
        self.impact.read(root.find("impact"), impact::impact);
        self.terms.read(root.find("terms"), terms::terms);
        root.close();
    }

    /// With a broken file among them, what isn't declared may be declared there: then only what is wrong by itself is told.
    fn finish(self, findings: Findings, first: Option<&Arc<Source>>, broken: bool) -> Reading {
        let (mut mistakes, known) = findings.close();
        if !broken {
            mistakes.extend(known.unmet());
            mistakes.extend(self.tables(&known));
            let begin = first.map(|first| Place::new(first, 0));
            mistakes.extend(begin.iter().flat_map(|begin| self.missing(begin, &known)));
        }
        let catalog = match (self.impact.found(), self.terms.found()) {
            (Some(impact), Some(terms)) => Some(Catalog {
                platforms: self.platforms,
                targets: self.targets.all,
                privileges: self.privileges,
                conflicts: self.conflicts,
                freezes: self.freezes,
                lessons: self.lessons,
                impact,
                terms,
            }),
            (None, _) | (_, None) => None,
        };
        Reading {
            catalog,
            organisation: self.organisation,
            known,
            mistakes,
        }
    }

    /// What every catalog has to say somewhere.
    fn missing(&self, begin: &Place, known: &Known) -> Vec<Mistake> {
        let lacks = |what: &str, help: &str| {
            begin.mistake(
                format!("no file of the catalog has {what}"),
                Some(help.into()),
            )
        };
        let mut mistakes = Vec::new();
        if self.impact.0.is_none() {
            mistakes.push(lacks("`[impact]`", "say how a request is scored"));
        }
        if self.terms.0.is_none() {
            mistakes.push(lacks("`[terms]`", "say how long a request waits"));
        }
        for duty in [SECURITY, DATA_OWNER] {
            if !known.has(Kind::Duty, "", duty) {
                let help =
                    "the broker asks for it wherever production or confidential data is concerned";
                mistakes.push(lacks(&format!("the duty `{duty}`"), help));
            }
        }
        mistakes
    }

    /// A database role is given rights on tables, so its targets must be named as tables.
    fn tables(&self, known: &Known) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for privilege in self.privileges.values() {
            let Provisioning::PostgresRole { .. } = privilege.provisioning else {
                continue;
            };
            let targets = privilege.targets.iter();
            for target in targets.filter_map(|target| self.targets.all.get(target)) {
                if is_table(&target.native) {
                    continue;
                }
                let place = known.place(Kind::Privilege, privilege.id.as_str());
                mistakes.extend(place.map(|place| {
                    let message = format!(
                        "`{}` can't be given to a database role: `{}` is not a table",
                        target.id, target.native
                    );
                    place.mistake(
                        message,
                        Some("write its `native` as `schema.table`".to_owned()),
                    )
                }));
            }
        }
        mistakes
    }
}

impl<T> Single<T> {
    fn read<'t>(&mut self, node: Option<Node<'t>>, read: impl FnOnce(&Node<'t>) -> Option<T>) {
        let Some(node) = node else { return };
        if let Some((_, first)) = &self.0 {
            let help = format!("the first is at {}", first.short());
            node.wrong(format!("there are two `[{}]`", node.name), Some(&help));
        } else {
            self.0 = Some((read(&node), node.place()));
        }
    }

    fn found(self) -> Option<T> {
        self.0.and_then(|(found, _)| found)
    }
}

/// `schema.table`, in plain lower-case names.
fn is_table(native: &str) -> bool {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    native
        .split_once('.')
        .is_some_and(|(schema, table)| plain(schema) && plain(table))
}

#[cfg(test)]
mod tests;

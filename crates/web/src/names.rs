//! What people and things are called. Names are bodies and may be erased; the id remains.
use crate::{app::Portal, trouble::Trouble};
use domain::{
    catalog::Catalog,
    ids::{PersonId, PlatformId, PrivilegeId, TargetId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Names, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    people: BTreeMap<PersonId, Option<String>>,
    catalog: Option<Arc<Catalog>>,
}

impl Names {
    /// As they are now.
    pub(crate) fn load(portal: &Portal) -> Result<Self, Trouble> {
        let people = portal
            .app
            .engine
            .views()
            .people()
            .map_err(|error| portal.unread(&error))?;
        Ok(Self {
            people: people.into_iter().map(|row| (row.id, row.name)).collect(),
            catalog: catalog(portal),
        })
    }

    /// A person's name, or the id if there is none.
    pub(crate) fn person(&self, id: &PersonId) -> String {
        match self.people.get(id) {
            Some(Some(name)) => name.clone(),
            Some(None) => format!("{id} (name erased)"),
            None => id.to_string(),
        }
    }

    /// A person's name, if known.
    pub(crate) fn person_known(&self, id: &PersonId) -> Option<String> {
        self.people.get(id).cloned().flatten()
    }

    /// Several names, in a sentence.
    pub(crate) fn persons<'a>(&self, ids: impl IntoIterator<Item = &'a PersonId>) -> String {
        let names: Vec<String> = ids.into_iter().map(|id| self.person(id)).collect();
        listed(&names, "and")
    }

    pub(crate) fn people(&self) -> impl Iterator<Item = (&PersonId, &Option<String>)> {
        self.people.iter()
    }

    pub(crate) fn privilege(&self, id: &PrivilegeId) -> String {
        let known = self
            .catalog()
            .and_then(|catalog| catalog.privileges.get(id));
        known.map_or_else(|| id.to_string(), |privilege| privilege.title.clone())
    }

    pub(crate) fn target(&self, id: &TargetId) -> String {
        let known = self.catalog().and_then(|catalog| catalog.targets.get(id));
        known.map_or_else(|| id.to_string(), |target| target.title.clone())
    }

    pub(crate) fn targets(&self, ids: &BTreeSet<TargetId>) -> String {
        let titles: Vec<String> = ids.iter().map(|id| self.target(id)).collect();
        listed(&titles, "and")
    }

    pub(crate) fn platform(&self, id: &PlatformId) -> String {
        let known = self.catalog().and_then(|catalog| catalog.platforms.get(id));
        known.map_or_else(|| id.to_string(), |platform| platform.title.clone())
    }

    pub(crate) fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_deref()
    }
}

/// The catalog in force.
pub(crate) fn catalog(portal: &Portal) -> Option<Arc<Catalog>> {
    portal.app.engine.read(|state| {
        state
            .bundle
            .and_then(|bundle| state.catalogs.get(&bundle).cloned())
    })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(items: &[String], and: &str) -> String {
    match items {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

//! Where the projector finds what entries only name: the words behind a commitment, and the titles of a bundle's catalog.
use crate::error::RowError;
use domain::{
    catalog::Catalog,
    ids::{Digest, PrivilegeId, TargetId},
    text::Text,
};
use engine::{
    ports::{KeyStore, LogReader},
    record::Recorded,
};
use policy::bundle::{Bundle, unpack};
use std::{collections::BTreeMap, sync::Arc};

/// Everything outside the projections' own file.
pub(super) struct Sources {
    pub(super) log: Arc<dyn LogReader>,
    pub(super) keys: Arc<dyn KeyStore>,
    /// Catalogs by bundle; there are few bundles.
    pub(super) catalogs: BTreeMap<Digest, Arc<Catalog>>,
}

impl Sources {
    /// Whose a text of `recorded` is, and its words; `None` once their person is erased.
    pub(super) fn words<'r>(
        &self,
        recorded: &'r Recorded,
        text: &Text,
    ) -> Result<Option<(&'r str, String)>, RowError> {
        let named = recorded
            .record
            .bodies
            .iter()
            .find(|body| body.commitment == text.commitment);
        // a text that the entry commits to no body for has no words to be found
        let Some(named) = named else { return Ok(None) };
        let Some(key) = self.keys.key(&named.subject)? else {
            return Ok(None);
        };
        let commitment = ledger::digest::Digest::from_bytes(text.commitment.0);
        let Some(body) = self.log.body(&commitment)? else {
            let row = format!(
                "the body `{commitment}` of entry {} is missing",
                recorded.entry
            );
            return Err(RowError::inconsistent("body", row));
        };
        ledger::body::open(&key, &body)
            .map(|words| Some((named.subject.as_str(), words)))
            .map_err(|error| RowError::inconsistent("body", error.to_string()))
    }

    /// The catalog of a bundle; `None` where no bundle is in force.
    pub(super) fn catalog(
        &mut self,
        bundle: Option<Digest>,
    ) -> Result<Option<Arc<Catalog>>, RowError> {
        let Some(bundle) = bundle else {
            return Ok(None);
        };
        if let Some(catalog) = self.catalogs.get(&bundle) {
            return Ok(Some(Arc::clone(catalog)));
        }
        let Some(bytes) = self
            .log
            .blob(&ledger::digest::Digest::from_bytes(bundle.0))?
        else {
            return Err(RowError::inconsistent(
                "blob",
                format!("the bundle `{bundle}` is missing"),
            ));
        };
        let catalog = read_catalog(&bytes).map_err(|mistakes| {
            RowError::inconsistent("blob", format!("the bundle `{bundle}`: {mistakes}"))
        })?;
        self.catalogs.insert(bundle, Arc::clone(&catalog));
        Ok(Some(catalog))
    }
}

/// What people call a privilege; its id where the catalog in force doesn't know it.
pub(super) fn privilege_title(catalog: Option<&Catalog>, id: &PrivilegeId) -> String {
    let known = catalog.and_then(|catalog| catalog.privileges.get(id));
    known.map_or_else(|| id.to_string(), |privilege| privilege.title.clone())
}

/// What people call a target; its id where the catalog in force doesn't know it.
pub(super) fn target_title(catalog: Option<&Catalog>, id: &TargetId) -> String {
    let known = catalog.and_then(|catalog| catalog.targets.get(id));
    known.map_or_else(|| id.to_string(), |target| target.title.clone())
}

fn read_catalog(packed: &[u8]) -> Result<Arc<Catalog>, String> {
    let files = unpack(packed).map_err(|error| error.to_string())?;
    let bundle = Bundle::load(&files).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        lines.join("; ")
    })?;
    Ok(bundle.catalog)
}

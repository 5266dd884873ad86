//! The read side. Each question is answered from one state of the file, also where it takes several statements.
use super::{hour, open, person, read_grant, read_request};
use crate::{
    error::{OpenError, RowError},
    file::Readers,
    search::{self, SearchFiles},
};
use domain::{
    grant::EndReason,
    ids::{GrantId, GrantNumber, PersonId, RequestNumber},
    time::Timestamp,
};
use engine::{
    ports::ReadError,
    views::{
        EntryRow, EvidenceQuery, GrantFilter, GrantRow, HourRow, Page, Paged, PersonRow,
        RequestFilter, RequestRow, UseRow, Views,
    },
};
use rusqlite::Connection;
use std::path::Path;

/// Connections that read projections at a time.
const READERS: usize = 4;

/// KiB of pages that each of them keeps.
const CACHE_KIB: u32 = 8_192;

/// Reads the projections that [`crate::SqliteProjector`] writes.
#[derive(Debug)]
pub struct SqliteViews {
    readers: Readers,
    search: SearchFiles,
}

impl SqliteViews {
    /// Opens the projections at `file`; the projector must have opened them before.
    ///
    /// # Errors
    /// [`OpenError`] if there are none or they can't be used.
    pub fn open(file: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            readers: Readers::open(file, open::MIGRATIONS, READERS, CACHE_KIB)?,
            search: SearchFiles::new(&open::search_folder(file)),
        })
    }

    fn ask<T>(
        &self,
        what: &'static str,
        question: impl FnOnce(&Connection) -> Result<T, RowError>,
    ) -> Result<T, ReadError> {
        self.readers.ask(what, |db| {
            let snapshot = db.unchecked_transaction()?;
            let answer = question(&snapshot)?;
            snapshot.commit()?;
            Ok(answer)
        })
    }
}

impl Views for SqliteViews {
    fn projected(&self) -> Result<u64, ReadError> {
        self.ask("how far the projections are", projected)
    }

    fn people(&self) -> Result<Vec<PersonRow>, ReadError> {
        self.ask("people", person::all)
    }

    fn person(&self, id: &PersonId) -> Result<Option<PersonRow>, ReadError> {
        self.ask("a person", |db| person::by_id(db, id))
    }

    fn requests(&self, filter: &RequestFilter, page: Page) -> Result<Paged<RequestRow>, ReadError> {
        self.ask("requests", |db| read_request::list(db, filter, page))
    }

    fn request(&self, number: RequestNumber) -> Result<Option<RequestRow>, ReadError> {
        self.ask("a request", |db| read_request::one(db, number))
    }

    fn grants(&self, filter: &GrantFilter, page: Page) -> Result<Paged<GrantRow>, ReadError> {
        self.ask("grants", |db| read_grant::list(db, filter, page))
    }

    fn grant(&self, number: GrantNumber) -> Result<Option<GrantRow>, ReadError> {
        self.ask("a grant", |db| read_grant::one(db, number))
    }

    fn uses(&self, grant: GrantId, page: Page) -> Result<Paged<UseRow>, ReadError> {
        self.ask("uses of a grant", |db| read_grant::uses(db, grant, page))
    }

    fn entries(&self, query: &EvidenceQuery, page: Page) -> Result<Paged<EntryRow>, ReadError> {
        search::entries(&self.search, query, page)
    }

    fn count(&self, query: &EvidenceQuery, most: u64) -> Result<u64, ReadError> {
        search::count(&self.search, query, most)
    }

    fn entry(&self, entry: u64) -> Result<Option<EntryRow>, ReadError> {
        search::entry(&self.search, entry)
    }

    fn hours(&self, from: Timestamp, to: Timestamp) -> Result<Vec<HourRow>, ReadError> {
        self.ask("counts by the hour", |db| hour::between(db, from, to))
    }

    fn end_reasons(&self, from: Timestamp) -> Result<Vec<(EndReason, u64)>, ReadError> {
        self.ask("why grants ended", |db| read_grant::end_reasons(db, from))
    }
}

fn projected(db: &Connection) -> Result<u64, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            position.entries
        FROM position
        WHERE position.one = 1",
    )?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

//! The projector: follows entries in order and moves its position in the same transaction, so that following an entry twice,
//! or stopping anywhere, changes nothing.
use super::{
    entry, grant,
    open::{self, Opened},
    person, request,
    sources::Sources,
    usage,
};
use crate::{
    error::{OpenError, RowError},
    followed,
    search::Index,
};
use domain::{catalog::Catalog, event::Event, text::Text};
use engine::{
    ports::{KeyStore, LogReader, Projector, ReadError},
    record::{Outcome, Recorded},
};
use ledger::digest::Digest;
use rusqlite::Connection;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Keeps the projections in files of SQLite: one for what people and pages ask by name, and the search beside it.
pub struct SqliteProjector {
    file: PathBuf,
    db: Connection,
    search: Index,
    entries: u64,
    sources: Sources,
    /// What was wiped may still be read from the write-ahead file.
    leftovers: bool,
    /// Whether every write so far went well: only then may the next start trust the file without looking through it.
    sound: bool,
}

impl fmt::Debug for SqliteProjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteProjector")
            .field("file", &self.file)
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

impl SqliteProjector {
    /// Opens the projections at `file`; empty if there are none, or none that can be gone on with.
    ///
    /// # Errors
    /// [`OpenError`] if the file or the log can't be used.
    pub fn open(
        file: &Path,
        reader: Arc<dyn LogReader>,
        keys: Arc<dyn KeyStore>,
    ) -> Result<Self, OpenError> {
        let opened = open::open(file, reader.as_ref())?;
        Ok(Self::on(opened, file.to_owned(), reader, keys))
    }

    /// Empty projections in files without names, which are gone with them.
    ///
    /// # Errors
    /// [`OpenError`] if there is no room for them.
    pub(crate) fn unnamed(
        reader: Arc<dyn LogReader>,
        keys: Arc<dyn KeyStore>,
    ) -> Result<Self, OpenError> {
        let opened = open::unnamed()?;
        Ok(Self::on(opened, PathBuf::from(open::UNNAMED), reader, keys))
    }

    fn on(
        opened: Opened,
        file: PathBuf,
        reader: Arc<dyn LogReader>,
        keys: Arc<dyn KeyStore>,
    ) -> Self {
        opened.db.set_prepared_statement_cache_capacity(128);
        Self {
            file,
            db: opened.db,
            search: opened.search,
            entries: opened.entries,
            sources: Sources {
                log: reader,
                keys,
                catalogs: BTreeMap::new(),
            },
            leftovers: false,
            sound: true,
        }
    }

    /// The search beside it.
    pub(crate) const fn search(&self) -> &Index {
        &self.search
    }

    /// What it writes to, but for the search.
    pub(crate) fn connection(&self) -> &Connection {
        &self.db
    }

    /// The leaf hash of the newest of `entries` entries; `None` if the log has fewer.
    pub(crate) fn leaf_hash(&self, entries: u64) -> Result<Option<Digest>, ReadError> {
        let log = self.sources.log.as_ref();
        if log.head()?.tree.size < entries {
            return Ok(None);
        }
        followed::leaf_hash(log, entries).map(Some)
    }

    /// Whether these files tell words of somebody whom one of these entries reports as erased.
    fn holds_words_of_the_erased(&self, entries: &[Recorded]) -> Result<bool, RowError> {
        let fresh = entries
            .iter()
            .filter(|recorded| recorded.entry >= self.entries);
        let mut statement = self.db.prepare_cached(
            "SELECT
                worded.subject
            FROM worded
            WHERE worded.subject = ?1",
        )?;
        for subject in fresh.flat_map(|recorded| &recorded.record.erased) {
            if statement.exists([subject])? || self.search.is_ahead_with(subject) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn follow_all(&mut self, entries: &[Recorded]) -> Result<(), RowError> {
        if self.holds_words_of_the_erased(entries)? {
            // in this order: after a crash in between, projections that are ahead of their search are made again
            self.search.wipe()?;
            followed::wipe(&mut self.db, open::MIGRATIONS)?;
            self.entries = 0;
            self.leftovers = true;
        }
        if self.leftovers {
            let dropped = self.search.drop_logs()?;
            self.leftovers = !(followed::drop_log(&self.db)? && dropped);
        }
        let from = self.entries;
        if entries.first().is_none_or(|first| first.entry > from) {
            // wiped: whoever hands over entries reads on from where this is
            return Ok(());
        }
        let fresh = entries.iter().skip_while(|recorded| recorded.entry < from);
        let transaction = self.db.transaction()?;
        let mut to = from;
        for recorded in fresh {
            if recorded.entry != to {
                let row = format!("entry {to} was to be followed, and {} came", recorded.entry);
                return Err(RowError::inconsistent("position", row));
            }
            let catalog = self.sources.catalog(recorded.bundle)?;
            let catalog = catalog.as_deref();
            let step = Step {
                db: &transaction,
                sources: &self.sources,
                catalog,
                recorded,
                subjects: RefCell::default(),
            };
            follow(&step, &mut self.search)?;
            to += 1;
        }
        if to > from {
            let log = self.sources.log.as_ref();
            self.search.commit(log)?;
            open::advance(&transaction, &followed::leaf_hash(log, to)?, from, to)?;
            transaction.commit()?;
            self.entries = to;
            self.search.followed(to);
        }
        Ok(())
    }
}

impl Projector for SqliteProjector {
    fn projected(&self) -> u64 {
        self.entries
    }

    fn project(&mut self, entries: &[Recorded]) -> Result<(), ReadError> {
        self.follow_all(entries).map_err(|error| {
            // what was committed to the search is passed over when these entries come again
            self.sound = false;
            if let Err(error) = self.search.abandon() {
                tracing::warn!(%error, "the search could not go back to where it was");
            }
            error.reading("the projections while following the log", &self.file)
        })
    }
}

impl Drop for SqliteProjector {
    fn drop(&mut self) {
        if !self.sound {
            return;
        }
        let closed = self.search.close();
        if let Err(error) = closed.and_then(|()| followed::set_sound(&self.db, true)) {
            tracing::warn!(%error, "the projections will be looked through at the next start");
        }
    }
}

/// One entry being followed.
pub(super) struct Step<'a> {
    pub(super) db: &'a Connection,
    pub(super) sources: &'a Sources,
    /// The catalog in force at this entry.
    pub(super) catalog: Option<&'a Catalog>,
    pub(super) recorded: &'a Recorded,
    /// Whose words it brought.
    pub(super) subjects: RefCell<Vec<String>>,
}

impl Step<'_> {
    /// The words of a text of this entry; `None` once their person is erased.
    pub(super) fn words(&self, text: &Text) -> Result<Option<String>, RowError> {
        let Some((subject, words)) = self.sources.words(self.recorded, text)? else {
            return Ok(None);
        };
        self.db
            .prepare_cached(
                "INSERT INTO worded (subject)
                VALUES (?1)
                ON CONFLICT (subject) DO NOTHING",
            )?
            .execute([subject])?;
        self.subjects.borrow_mut().push(subject.to_owned());
        Ok(Some(words))
    }

    /// The events of this entry.
    pub(super) fn events(&self) -> &[Event] {
        match &self.recorded.record.outcome {
            Outcome::Done(events) => events,
            Outcome::Refused(_) => &[],
        }
    }
}

fn follow(step: &Step<'_>, search: &mut Index) -> Result<(), RowError> {
    for event in step.events() {
        apply(step, event)?;
    }
    // the line about the entry speaks of what its events made
    entry::add(step, search)
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm per event: the list is the point"
)]
fn apply(step: &Step<'_>, event: &Event) -> Result<(), RowError> {
    let db = step.db;
    match event {
        Event::DirectoryChanged { change } => person::changed(step, change),
        Event::RequestSubmitted { .. } => request::submitted(step, event),
        Event::RequestEdited { .. } => request::edited(step, event),
        Event::RequestWithdrawn { request } => request::closed(step, *request, "withdrawn"),
        Event::RequestApproved {
            request,
            consent,
            narrowed,
        } => request::approved(step, *request, consent, narrowed.as_ref()),
        Event::RequestDenied {
            request,
            by,
            comment,
        } => request::denied(step, *request, by, comment),
        Event::RequestDiscussed { request, turn } => request::discussed(step, *request, turn),
        Event::RequestEscalated { request, .. } => request::touch(db, *request, step.recorded.at),
        Event::RequestExpired { request } => request::closed(step, *request, "expired"),
        Event::GrantScheduled { terms, starts_at } => grant::scheduled(step, terms, *starts_at),
        Event::GrantActivated { grant, expires_at } => grant::activated(step, *grant, *expires_at),
        Event::GrantExtended {
            grant,
            request,
            expires_at,
        } => grant::extended(step, *grant, *request, *expires_at),
        Event::GrantHeld { grant, .. } => grant::moved(db, *grant, "active", "held"),
        Event::GrantResumed { grant, .. } => grant::moved(db, *grant, "held", "active"),
        Event::GrantEnded { grant, reason, .. } => grant::ended(step, *grant, *reason),
        Event::GrantClosed { grant, .. } => grant::closed(step, *grant),
        Event::CredentialIntended {
            grant, credential, ..
        }
        | Event::CredentialIssued {
            grant, credential, ..
        } => grant::has_credential(db, *grant, *credential),
        Event::CredentialRemoved {
            credential,
            read_back,
            ..
        } => grant::read_back(db, *credential, read_back),
        Event::UseAllowed {
            use_id,
            grant,
            metered,
            ..
        } => usage::allowed(step, *use_id, *grant, *metered),
        Event::UseRefused {
            grant,
            attempt,
            rule,
        } => usage::refused(step, *grant, attempt, rule),
        Event::UseFinished {
            use_id,
            grant,
            outcome,
        } => usage::finished(db, *use_id, *grant, outcome),
        Event::ActivityRecorded { activity } => usage::told(step, activity),
        Event::ReviewDue { grant, due_at, .. } => grant::review_due(db, *grant, *due_at),
        Event::GrantReviewed {
            grant,
            by,
            finding,
            comment,
        } => grant::reviewed(step, *grant, by, *finding, comment),
        // these change no row but the line about their entry
        Event::BundleAdopted { .. }
        | Event::BundleProposed { .. }
        | Event::AlarmRaised { .. }
        | Event::WitnessesAnswering { .. }
        | Event::ReviewEscalated { .. }
        | Event::ErasureIntended { .. }
        | Event::PersonErased { .. }
        | Event::LegalHoldPlaced { .. }
        | Event::LegalHoldLifted { .. }
        | Event::CredentialFailed { .. }
        | Event::CredentialRemovalIntended { .. }
        | Event::CredentialRemovalFailed { .. }
        | Event::QuarantineBegun { .. }
        | Event::StraysFound { .. }
        | Event::StrayEnded { .. }
        | Event::CredentialMissing { .. }
        | Event::PlatformReconciled { .. }
        | Event::QuarantineLifted { .. } => Ok(()),
    }
}

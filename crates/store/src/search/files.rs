//! Reading the search: connections to the files of the months that were asked last.
use super::{MIGRATIONS, Month, index};
use crate::{
    error::{OpenError, RowError},
    file::Readers,
};
use engine::ports::ReadError;
use rusqlite::Connection;
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Connections that read one month at a time.
const READERS: usize = 4;

/// Months that are kept open: two years of them.
const OPEN_MAX: usize = 24;

/// KiB of pages that a connection keeps; the system keeps the rest.
const CACHE_KIB: u32 = 1_024;

/// The files of the search, to read.
#[derive(Debug)]
pub(crate) struct SearchFiles {
    folder: PathBuf,
    /// Those asked last at the end.
    open: Mutex<VecDeque<(Month, Arc<Readers>)>>,
}

impl SearchFiles {
    /// The files in `folder`, which are opened once they are needed.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: Mutex::default(),
        }
    }

    /// The months there are, newest first.
    pub(super) fn months(&self) -> Result<Vec<Month>, ReadError> {
        let mut months = index::months(&self.folder).map_err(|source| {
            reading(OpenError::File {
                file: self.folder.clone(),
                source,
            })
        })?;
        months.reverse();
        Ok(months)
    }

    /// Puts one question to a month, answered from one state of its file; `None` if it is about to be made.
    pub(super) fn ask<T>(
        &self,
        month: Month,
        what: &'static str,
        question: impl FnOnce(&Connection) -> Result<T, RowError>,
    ) -> Result<Option<T>, ReadError> {
        let Some(readers) = self.readers(month)? else {
            return Ok(None);
        };
        let answer = readers.ask(what, |db| {
            let snapshot = db.unchecked_transaction()?;
            let answer = question(&snapshot)?;
            snapshot.commit()?;
            Ok(answer)
        })?;
        Ok(Some(answer))
    }

    fn readers(&self, month: Month) -> Result<Option<Arc<Readers>>, ReadError> {
        // a panic elsewhere can't leave a list of readers half changed
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = open.iter().position(|(other, _)| *other == month);
        let readers = match place.and_then(|place| open.remove(place)) {
            Some((_, readers)) => readers,
            None => match Readers::open(
                &self.folder.join(month.file()),
                MIGRATIONS,
                READERS,
                CACHE_KIB,
            ) {
                Ok(readers) => Arc::new(readers),
                Err(OpenError::Newer { found, known, .. }) if found < known => return Ok(None),
                Err(error) => return Err(reading(error)),
            },
        };
        if open.len() == OPEN_MAX {
            open.pop_front();
        }
        open.push_back((month, Arc::clone(&readers)));
        Ok(Some(readers))
    }
}

fn reading(error: OpenError) -> ReadError {
    ReadError {
        what: "the files of the search",
        source: Box::new(error),
    }
}

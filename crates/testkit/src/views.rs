//! Views of a world whose pages nobody reads.
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

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoViews;

fn none<T>() -> Paged<T> {
    Paged {
        rows: Vec::new(),
        next: None,
    }
}

impl Views for NoViews {
    fn projected(&self) -> Result<u64, ReadError> {
        Ok(0)
    }
    fn people(&self) -> Result<Vec<PersonRow>, ReadError> {
        Ok(Vec::new())
    }
    fn person(&self, _: &PersonId) -> Result<Option<PersonRow>, ReadError> {
        Ok(None)
    }
    fn requests(&self, _: &RequestFilter, _: Page) -> Result<Paged<RequestRow>, ReadError> {
        Ok(none())
    }
    fn request(&self, _: RequestNumber) -> Result<Option<RequestRow>, ReadError> {
        Ok(None)
    }
    fn grants(&self, _: &GrantFilter, _: Page) -> Result<Paged<GrantRow>, ReadError> {
        Ok(none())
    }
    fn grant(&self, _: GrantNumber) -> Result<Option<GrantRow>, ReadError> {
        Ok(None)
    }
    fn uses(&self, _: GrantId, _: Page) -> Result<Paged<UseRow>, ReadError> {
        Ok(none())
    }
    fn entries(&self, _: &EvidenceQuery, _: Page) -> Result<Paged<EntryRow>, ReadError> {
        Ok(none())
    }
    fn count(&self, _: &EvidenceQuery, _: u64) -> Result<u64, ReadError> {
        Ok(0)
    }
    fn entry(&self, _: u64) -> Result<Option<EntryRow>, ReadError> {
        Ok(None)
    }
    fn hours(&self, _: Timestamp, _: Timestamp) -> Result<Vec<HourRow>, ReadError> {
        Ok(Vec::new())
    }
    fn end_reasons(&self, _: Timestamp) -> Result<Vec<(EndReason, u64)>, ReadError> {
        Ok(Vec::new())
    }
}

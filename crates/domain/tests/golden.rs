//! Logs outlive code: every kind of event that was ever written is kept here as it was written, and today's code must read it
//! and write the same bytes. A file that no longer fits means that an old log can no longer be read: add a variant instead.
#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read fails the test"
)]
use domain::{event::Event, evolve::evolve, fixture, ids::Digest, state::LAYOUT, time::Seconds};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// Names of all events, as files start with them. The compiler asks for a new event here; the list below then asks for its file.
fn name(event: &Event) -> &'static str {
    match event {
        Event::BundleAdopted { .. } => "bundle-adopted",
        Event::BundleProposed { .. } => "bundle-proposed",
        Event::DirectoryChanged { .. } => "directory-changed",
        Event::RequestSubmitted { .. } => "request-submitted",
        Event::RequestEdited { .. } => "request-edited",
        Event::RequestWithdrawn { .. } => "request-withdrawn",
        Event::RequestApproved { .. } => "request-approved",
        Event::RequestDenied { .. } => "request-denied",
        Event::RequestDiscussed { .. } => "request-discussed",
        Event::RequestEscalated { .. } => "request-escalated",
        Event::RequestExpired { .. } => "request-expired",
        Event::GrantScheduled { .. } => "grant-scheduled",
        Event::GrantActivated { .. } => "grant-activated",
        Event::GrantExtended { .. } => "grant-extended",
        Event::GrantHeld { .. } => "grant-held",
        Event::GrantResumed { .. } => "grant-resumed",
        Event::GrantEnded { .. } => "grant-ended",
        Event::GrantClosed { .. } => "grant-closed",
        Event::AlarmRaised { .. } => "alarm-raised",
        Event::WitnessesAnswering { .. } => "witnesses-answering",
        Event::CredentialIntended { .. } => "credential-intended",
        Event::CredentialIssued { .. } => "credential-issued",
        Event::CredentialFailed { .. } => "credential-failed",
        Event::CredentialRemovalIntended { .. } => "credential-removal-intended",
        Event::CredentialRemovalFailed { .. } => "credential-removal-failed",
        Event::CredentialRemoved { .. } => "credential-removed",
        Event::UseAllowed { .. } => "use-allowed",
        Event::UseRefused { .. } => "use-refused",
        Event::UseFinished { .. } => "use-finished",
        Event::ActivityRecorded { .. } => "activity-recorded",
        Event::ReviewDue { .. } => "review-due",
        Event::ReviewEscalated { .. } => "review-escalated",
        Event::GrantReviewed { .. } => "grant-reviewed",
        Event::QuarantineBegun { .. } => "quarantine-begun",
        Event::StraysFound { .. } => "strays-found",
        Event::StrayEnded { .. } => "stray-ended",
        Event::CredentialMissing { .. } => "credential-missing",
        Event::PlatformReconciled { .. } => "platform-reconciled",
        Event::QuarantineLifted { .. } => "quarantine-lifted",
        Event::ErasureIntended { .. } => "erasure-intended",
        Event::PersonErased { .. } => "person-erased",
        Event::LegalHoldPlaced { .. } => "legal-hold-placed",
        Event::LegalHoldLifted { .. } => "legal-hold-lifted",
    }
}

const NAMES: usize = 43;

fn golden() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events");
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn every_event_ever_written_is_read_and_written_again_in_the_same_bytes() {
    for (file, bytes) in golden() {
        let event: Event = serde_json::from_str(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        let mut again = serde_json::to_string_pretty(&event).unwrap();
        again.push('\n');
        assert_eq!(again, bytes, "{file}");
        assert_eq!(file.split("--").next(), Some(name(&event)), "{file}");
    }
}

#[test]
fn every_event_has_a_golden_file() {
    let kinds: BTreeSet<String> = golden()
        .into_iter()
        .filter_map(|(file, _)| file.split("--").next().map(str::to_owned))
        .collect();
    assert_eq!(kinds.len(), NAMES, "{kinds:?}");
}

/// Every golden event folded in after the other, twice, so that later ones find what earlier ones left.
#[test]
fn whatever_changes_what_events_make_of_a_state_raises_its_layout() {
    let mut state = fixture::world();
    let mut told = Sha256::new();
    for (n, (file, bytes)) in golden().into_iter().chain(golden()).enumerate() {
        let event: Event = serde_json::from_str(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        let at = fixture::NOW.plus(Seconds(u32::try_from(n).unwrap()));
        evolve(&mut state, &event, at);
        told.update(serde_json::to_vec(&state).unwrap());
    }
    let told = Digest(told.finalize().into());
    assert_eq!(
        (LAYOUT, told.to_string().as_str()),
        (
            2,
            "d331182dd5b18d1afa937b9dafbcf820be80a4ac5d07a01b4854fd038c2c09bf"
        ),
        "raise `LAYOUT` in `crates/domain/src/state.rs`, unless only the golden files are others; then write both here"
    );
}

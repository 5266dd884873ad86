//! Has the real projections follow a log, then searches them as people do, newest first.
use domain::fixture;
use engine::{
    ports::{LogReader, Projector},
    record::Recorded,
    views::{EvidenceQuery, Page, Views},
};
use std::{path::Path, sync::Arc, time::Instant};
use store::{SqliteLog, SqliteProjector, SqliteViews};
use testkit::MemoryKeys;

/// Searches of each kind.
const TIMES: usize = 50;
const PAGE: Page = Page {
    before: None,
    limit: 50,
};

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
pub(crate) fn run(folder: &Path) {
    let reader = SqliteLog::read(&folder.join("log.db")).unwrap();
    let file = folder.join("views.db");
    let keys = Arc::new(MemoryKeys::default());
    let mut projector = SqliteProjector::open(&file, reader.clone(), keys).unwrap();
    let begun = Instant::now();
    follow(reader.as_ref(), &mut projector);
    let rate = projector.projected() as f64 / begun.elapsed().as_secs_f64();
    let views = SqliteViews::open(&file).unwrap();
    let mut took = Vec::new();
    for _ in 0..TIMES {
        for query in queries() {
            let asked = Instant::now();
            let found = views.entries(&query, PAGE).unwrap();
            took.push(asked.elapsed().as_secs_f64() * 1_000.0);
            assert!(!found.rows.is_empty(), "{query:?}");
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!("{} {} {rate}", at(50), at(99));
}

fn follow(reader: &dyn LogReader, projector: &mut dyn Projector) {
    loop {
        let from = projector.projected();
        let leaves = reader.leaves(from, 1_000).unwrap();
        if leaves.is_empty() {
            return;
        }
        let entries: Vec<Recorded> = (from..)
            .zip(&leaves)
            .map(|(entry, leaf)| Recorded::from_bytes(entry, leaf).unwrap())
            .collect();
        projector.project(&entries).unwrap();
    }
}

/// Words that are everywhere, words that are rare, filters, and both together.
fn queries() -> Vec<EvidenceQuery> {
    let words = |words: &str| EvidenceQuery {
        words: Some(words.to_owned()),
        ..EvidenceQuery::default()
    };
    vec![
        EvidenceQuery::default(),
        words("maker"),
        words("edit flow"),
        words("\"maker 7\""),
        EvidenceQuery {
            actor: Some(fixture::id("maker-7")),
            ..EvidenceQuery::default()
        },
        EvidenceQuery {
            kind: Some("withdraw-request".to_owned()),
            ..EvidenceQuery::default()
        },
        EvidenceQuery {
            ticket: Some("INC-9".to_owned()),
            ..EvidenceQuery::default()
        },
        EvidenceQuery {
            target: Some(fixture::id("nodered.invoices")),
            ..EvidenceQuery::default()
        },
        EvidenceQuery {
            actor: Some(fixture::id("maker-11")),
            ..words("maker")
        },
    ]
}

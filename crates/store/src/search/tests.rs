//! The search against a search that reads every line, and its files after stops at any moment.
use super::{Index, Line, SearchFiles, count, entries, entry, months};
use domain::{
    fixture,
    ids::{GrantNumber, PersonId, PrivilegeId, RequestNumber, TargetId},
    time::Timestamp,
};
use engine::{
    ports::{Head, KeptAnswer, LogReader, ReadError},
    views::{EntryRow, EvidenceQuery, Page},
};
use ledger::{body::SealedBody, digest::Digest, tree::TreeHead};
use proptest::prelude::*;
use std::{collections::BTreeSet, fs, path::Path};
use tempfile::TempDir;

const DAY_MS: i64 = 86_400_000;

/// A log of which only the hashes are asked, one for each place.
struct Hashes;

impl LogReader for Hashes {
    fn head(&self) -> Result<Head, ReadError> {
        Ok(Head {
            tree: TreeHead {
                size: 1_000_000,
                root: Digest::of(b""),
            },
            checkpoint: String::new(),
        })
    }
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError> {
        let hash = |index: &u64| Digest::of(&index.to_be_bytes());
        Ok(indexes.iter().map(hash).collect())
    }
    fn leaves(&self, _: u64, _: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(Vec::new())
    }
    fn body(&self, _: &Digest) -> Result<Option<SealedBody>, ReadError> {
        Ok(None)
    }
    fn blob(&self, _: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(None)
    }
    fn copied(&self) -> Result<Option<u64>, ReadError> {
        Ok(None)
    }
    fn answer(&self, _: &str, _: &str) -> Result<Option<KeptAnswer>, ReadError> {
        Ok(None)
    }
}

/// What a line is made of.
#[derive(Debug, Clone)]
struct Made {
    /// Days since the one before.
    days: u8,
    person: Option<u8>,
    privilege: Option<u8>,
    targets: BTreeSet<u8>,
    request: Option<u8>,
    grant: Option<u8>,
    ticket: Option<u8>,
    refused: bool,
    words: Vec<u8>,
}

const WORDS: [&str; 5] = ["invoice", "Überblick", "audit", "late", "in-voice"];

fn made() -> impl Strategy<Value = Made> {
    let few = || prop::option::of(0..3_u8);
    (
        (prop_oneof![3 => Just(0_u8), 1 => 0..40_u8], few(), few()),
        prop::collection::btree_set(0..3_u8, 0..3),
        (few(), few(), few(), any::<bool>()),
        prop::collection::vec(0..5_u8, 0..4),
    )
        .prop_map(|(first, targets, rest, words)| Made {
            days: first.0,
            person: first.1,
            privilege: first.2,
            targets,
            request: rest.0,
            grant: rest.1,
            ticket: rest.2,
            refused: rest.3,
            words,
        })
}

fn person(n: u8) -> PersonId {
    fixture::id(&format!("person-{n}"))
}

fn privilege(n: u8) -> PrivilegeId {
    fixture::id(&format!("privilege-{n}"))
}

fn target(n: u8) -> TargetId {
    fixture::id(&format!("platform.target-{n}"))
}

fn ticket(n: u8) -> String {
    format!("INC {n}")
}

const fn outcome(refused: bool) -> &'static str {
    if refused { "scope" } else { "done" }
}

/// The row that a line becomes, and its ticket and words.
type Told = (EntryRow, Option<String>, String);

fn told(lives: &[Made]) -> Vec<Told> {
    let mut at = fixture::NOW;
    let mut all = Vec::new();
    for (entry, made) in (0..).zip(lives) {
        at = Timestamp(at.0 + i64::from(made.days) * DAY_MS);
        let words: Vec<&str> = made.words.iter().map(|n| WORDS[usize::from(*n)]).collect();
        let row = EntryRow {
            entry,
            at,
            kind: format!("kind-{}", made.words.len()),
            stream: "requests".to_owned(),
            person: made.person.map(person),
            privilege: made.privilege.map(privilege),
            targets: made.targets.iter().copied().map(target).collect(),
            request: made.request.map(|n| RequestNumber(n.into())),
            grant: made.grant.map(|n| GrantNumber(n.into())),
            outcome: outcome(made.refused).to_owned(),
            summary: format!("Entry {entry}"),
        };
        all.push((row, made.ticket.map(ticket), words.join(" ")));
    }
    all
}

fn add(index: &mut Index, (row, ticket, words): &Told, subjects: &[&str]) {
    let targets: BTreeSet<TargetId> = row.targets.iter().cloned().collect();
    let line = Line {
        entry: row.entry,
        at: row.at,
        kind: &row.kind,
        stream: &row.stream,
        person: row.person.as_ref(),
        privilege: row.privilege.as_ref(),
        targets: &targets,
        request: row.request,
        grant: row.grant,
        ticket: ticket.as_deref(),
        outcome: &row.outcome,
        summary: row.summary.clone(),
        words: words.clone(),
        subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
    };
    index.add(&line).unwrap();
}

/// Adds them `batch` at a time.
fn write(folder: &Path, all: &[Told], batch: usize) {
    let mut index = Index::anew(folder).unwrap();
    for part in all.chunks(batch) {
        for told in part {
            add(&mut index, told, &[]);
        }
        index.commit(&Hashes).unwrap();
    }
    index.close().unwrap();
}

fn open(folder: &Path, followed: u64) -> Option<Index> {
    let Ok(index) = Index::open(folder, followed, &Hashes) else {
        panic!("the files can't be opened")
    };
    index
}

fn query() -> impl Strategy<Value = EvidenceQuery> {
    let few = || prop::option::weighted(0.2, 0..3_u8);
    let outcomes = prop::sample::select(vec!["done", "refused", "scope", "freeze"]);
    (
        prop::option::weighted(0.5, 0..5_usize),
        (few(), few(), few(), few(), few(), few()),
        prop::option::weighted(0.3, outcomes),
        prop::option::weighted(0.2, 0..4_u8),
        prop::option::weighted(0.3, 0..400_i64),
        prop::option::weighted(0.3, 0..400_i64),
    )
        .prop_map(|(words, numbers, outcome, kind, from, to)| {
            let day = |n: i64| Timestamp(fixture::NOW.0 + n * DAY_MS);
            EvidenceQuery {
                words: words.map(|n| WORDS[n].to_owned()),
                actor: numbers.0.map(person),
                privilege: numbers.1.map(privilege),
                target: numbers.2.map(target),
                ticket: numbers.3.map(ticket),
                request: numbers.4.map(|n| RequestNumber(n.into())),
                grant: numbers.5.map(|n| GrantNumber(n.into())),
                outcome: outcome.map(str::to_owned),
                kind: kind.map(|n| format!("kind-{n}")),
                from: from.map(day),
                to: to.map(day),
            }
        })
}

/// Whether a line is wanted, told by reading it.
fn wanted(query: &EvidenceQuery, (row, ticket, words): &Told) -> bool {
    fn is<T: PartialEq>(asked: Option<&T>, found: Option<&T>) -> bool {
        asked.is_none() || asked == found
    }
    // `in-voice` is two words, side by side
    let has = |word: &String| match word.as_str() {
        "in-voice" => words.contains("in-voice"),
        word => words.split(' ').any(|other| other == word),
    };
    query.words.as_ref().is_none_or(has)
        && is(query.actor.as_ref(), row.person.as_ref())
        && is(query.privilege.as_ref(), row.privilege.as_ref())
        && query
            .target
            .as_ref()
            .is_none_or(|id| row.targets.contains(id))
        && is(query.ticket.as_ref(), ticket.as_ref())
        && is(query.request.as_ref(), row.request.as_ref())
        && is(query.grant.as_ref(), row.grant.as_ref())
        && is(query.kind.as_ref(), Some(&row.kind))
        && query.from.is_none_or(|from| from <= row.at)
        && query.to.is_none_or(|to| row.at < to)
        && match query.outcome.as_deref() {
            None => true,
            Some("refused") => row.outcome != "done",
            Some(outcome) => row.outcome == outcome,
        }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_is_what_reading_every_line_finds(
        lives in prop::collection::vec(made(), 1..60),
        queries in prop::collection::vec(query(), 60),
        batch in 1..20_usize,
        limit in 1..7_usize,
    ) {
        let folder = TempDir::new().unwrap();
        let all = told(&lives);
        write(folder.path(), &all, batch);
        let files = SearchFiles::new(folder.path());
        for query in &queries {
            let expected: Vec<&EntryRow> =
                all.iter().rev().filter(|told| wanted(query, told)).map(|told| &told.0).collect();
            let (mut before, mut found) = (None, Vec::new());
            loop {
                let part = entries(&files, query, Page { before, limit }).unwrap();
                prop_assert!(part.rows.len() <= limit);
                found.extend(part.rows);
                before = part.next;
                if before.is_none() {
                    break;
                }
            }
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected.clone(), "{:?}", query);
            let n = expected.len() as u64;
            prop_assert_eq!(count(&files, query, u64::MAX).unwrap(), n);
            prop_assert_eq!(count(&files, query, 3).unwrap(), n.min(3));
        }
        for told in &all {
            prop_assert_eq!(entry(&files, told.0.entry).unwrap(), Some(told.0.clone()));
        }
        prop_assert_eq!(entry(&files, all.len() as u64).unwrap(), None);
    }

    #[test]
    fn a_stop_at_any_moment_loses_no_line_and_doubles_none(
        lives in prop::collection::vec(made(), 2..40),
        stops in prop::collection::vec((1..12_usize, 0..12_usize, any::<bool>()), 1..6),
    ) {
        let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let all = told(&lives);
        write(other.path(), &all, all.len());
        // how far the projections are, which are committed after the search
        let mut followed = 0;
        for (count, more, committed) in stops {
            let mut index = open(folder.path(), followed as u64).unwrap();
            let to = (followed + count).min(all.len());
            for told in &all[followed..to] {
                add(&mut index, told, &[]);
            }
            index.commit(&Hashes).unwrap();
            if committed {
                followed = to;
                index.followed(followed as u64);
            }
            // these come, and the power goes
            for told in &all[to..(to + more).min(all.len())] {
                add(&mut index, told, &[]);
            }
        }
        let mut index = open(folder.path(), followed as u64).unwrap();
        for told in &all[followed..] {
            add(&mut index, told, &[]);
        }
        index.commit(&Hashes).unwrap();
        drop(index);
        let whole = |folder: &Path| {
            let query = EvidenceQuery::default();
            let files = SearchFiles::new(folder);
            (months(folder).unwrap(), entries(&files, &query, Page { before: None, limit: 100 }).unwrap().rows)
        };
        prop_assert_eq!(whole(folder.path()), whole(other.path()));
        for words in WORDS {
            let query = EvidenceQuery { words: Some(words.to_owned()), ..EvidenceQuery::default() };
            let found = |folder: &Path| count(&SearchFiles::new(folder), &query, u64::MAX).unwrap();
            prop_assert_eq!(found(folder.path()), found(other.path()));
        }
    }
}

/// Three lines in November, two in December, one in February.
fn winter() -> Vec<Told> {
    let days = [0, 1, 2, 30, 1, 60];
    let made = days.map(|days| Made {
        days,
        person: None,
        privilege: None,
        targets: BTreeSet::new(),
        request: None,
        grant: None,
        ticket: None,
        refused: false,
        words: vec![0],
    });
    told(&made)
}

#[test]
fn each_month_has_a_file_and_a_new_start_writes_only_the_newest() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), &winter(), 2);
    let names: Vec<String> = months(folder.path())
        .unwrap()
        .into_iter()
        .map(super::Month::file)
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let older = folder.path().join(&names[0]);
    let before = fs::read(&older).unwrap();
    let mut index = open(folder.path(), 6).unwrap();
    let mut next = winter()[5].clone();
    next.0.entry = 6;
    add(&mut index, &next, &[]);
    index.commit(&Hashes).unwrap();
    drop(index);
    assert!(fs::read(&older).unwrap() == before);
    let files = SearchFiles::new(folder.path());
    let all = EvidenceQuery::default();
    assert_eq!(count(&files, &all, u64::MAX).unwrap(), 7);
}

#[test]
fn files_that_are_behind_the_projections_or_lack_a_month_are_not_gone_on_with() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), &winter(), 6);
    assert!(open(folder.path(), 6).is_some());
    assert!(open(folder.path(), 7).is_none());
    let months = months(folder.path()).unwrap();
    fs::remove_file(folder.path().join(months[1].file())).unwrap();
    assert!(open(folder.path(), 6).is_none());
}

#[test]
fn words_that_came_before_a_crash_are_known_to_be_there_after_it() {
    let folder = TempDir::new().unwrap();
    let winter = winter();
    let mut index = Index::anew(folder.path()).unwrap();
    add(&mut index, &winter[0], &["ada"]);
    index.commit(&Hashes).unwrap();
    assert!(index.is_ahead_with("ada"));
    index.followed(1);
    assert!(!index.is_ahead_with("ada"));
    add(&mut index, &winter[1], &["ben", "ada"]);
    add(&mut index, &winter[2], &[]);
    add(&mut index, &winter[3], &["cyd"]);
    index.commit(&Hashes).unwrap();
    // the projections were not committed
    drop(index);
    let mut index = open(folder.path(), 1).unwrap();
    assert!(index.is_ahead_with("ben") && index.is_ahead_with("cyd"));
    index.wipe().unwrap();
    assert!(!index.is_ahead_with("ben"));
    assert!(index.drop_logs().unwrap());
    drop(index);
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let found = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        assert!(!found(b"ben") && !found(b"invoice") && !found(b"Entry"));
    }
}

//! Has the real projections follow years of entries, then searches them as auditors do, newest first, in the files that came of it.
//! The entries are lives of requests and grants that a real engine decided, each told again and again under other numbers, people,
//! tickets, words and times. Prints a line for each measure, with tabs between: name, value, whence.
//!
//! `search_years [ENTRIES]`; 200,000 if left out. They are spread over two years.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "it measures real time, prints, and panics where it can't go on"
)]

mod asked;
mod lives;
mod told;

use engine::{
    ports::Projector,
    record::Recorded,
    views::{Page, Views},
};
use lives::Lives;
use std::{path::Path, sync::Arc, time::Instant};
use store::{SqliteProjector, SqliteViews};

const ENTRIES: u64 = 200_000;

/// Entries that are followed at a time, as a server does that is behind.
const BATCH: usize = 1_000;

/// Searches of each kind.
const TIMES: usize = 200;

/// Matches that the page counts at most, plus one that says there are more.
const COUNTED: u64 = 1_001;

fn main() {
    let entries = std::env::args()
        .nth(1)
        .map_or(ENTRIES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir_in(".").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let lives = runtime.block_on(Lives::lived(entries));
    follow(folder.path(), &lives, entries);
    search(folder.path(), &lives);
}

fn follow(folder: &Path, lives: &Lives, entries: u64) {
    let file = folder.join("views.db");
    let log = Arc::new(lives.log(entries));
    let keys = Arc::new(lives.keys.clone());
    let mut projector = SqliteProjector::open(&file, log, keys).unwrap();
    let begun = Instant::now();
    let mut batch: Vec<Recorded> = Vec::with_capacity(BATCH);
    let mut following = 0.0;
    for recorded in lives.told(entries) {
        batch.push(recorded);
        if batch.len() == BATCH {
            following += project(&mut projector, &mut batch);
            if projector.projected().is_multiple_of(1_000_000) {
                eprintln!(
                    "{} entries after {:.0} s",
                    projector.projected(),
                    begun.elapsed().as_secs_f64()
                );
            }
        }
    }
    following += project(&mut projector, &mut batch);
    let months = std::fs::read_dir(folder.join("search")).unwrap();
    let months = months.filter(|file| {
        let name = file.as_ref().unwrap().file_name().into_string().unwrap();
        !name.contains("db-")
    });
    println!(
        "entries followed a second\t{:.0}\tall {entries}, of {} months; {:.0} bytes of projections and search an entry",
        projector.projected() as f64 / following,
        months.count(),
        bytes(folder) as f64 / entries as f64
    );
    drop(projector);
    let begun = Instant::now();
    let projector = SqliteProjector::open(
        &file,
        Arc::new(lives.log(entries)),
        Arc::new(lives.keys.clone()),
    )
    .unwrap();
    assert_eq!(projector.projected(), entries);
    println!(
        "opening the projections\t{:.1}\tms, with every month there is",
        begun.elapsed().as_secs_f64() * 1_000.0
    );
}

fn project(projector: &mut SqliteProjector, batch: &mut Vec<Recorded>) -> f64 {
    let begun = Instant::now();
    projector.project(batch).unwrap();
    batch.clear();
    begun.elapsed().as_secs_f64()
}

fn bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap())
        .map(|file| match file.metadata().unwrap() {
            folder if folder.is_dir() => bytes(&file.path()),
            file => file.len(),
        })
        .sum()
}

fn search(folder: &Path, lives: &Lives) {
    let views = SqliteViews::open(&folder.join("views.db")).unwrap();
    let mut all = Vec::new();
    for kind in asked::KINDS {
        let mut took = Vec::new();
        let (mut rows, mut least) = (0, usize::MAX);
        for n in 0..TIMES {
            let asked = (kind.ask)(lives, n);
            let page = Page {
                before: asked.before,
                limit: 50,
            };
            let begun = Instant::now();
            let found = views.entries(&asked.query, page).unwrap();
            views.count(&asked.query, COUNTED).unwrap();
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
            rows += found.rows.len();
            least = least.min(found.rows.len());
        }
        assert!(kind.finds == (least > 0), "{}: {least}", kind.name);
        println!(
            "search: {}\t{:.2}\tms at p99, {:.2} ms at p50; {:.0} rows each",
            kind.name,
            at(&mut took, 99),
            at(&mut took, 50),
            rows as f64 / TIMES as f64
        );
        all.extend(took);
    }
    println!(
        "search newest first p99\t{:.2}\tms, a part of 50 and how many there are; half within {:.2} ms, the slowest {:.2} ms of {}",
        at(&mut all, 99),
        at(&mut all, 50),
        at(&mut all, 100),
        all.len()
    );
}

/// A percentile.
fn at(took: &mut [f64], percent: usize) -> f64 {
    took.sort_by(f64::total_cmp);
    took[(took.len() * percent / 100).min(took.len() - 1)]
}

//! How a server grows with its past: logs of a few and of many closed requests are written by a real engine; then, each in a process of
//! its own, an engine starts on them, from a snapshot and from the first entry, and says how long that took and how much memory it
//! holds; projections follow, and are searched. Prints a line for each measure, with tabs between: name, value, whence.
//!
//! `growth [FEW MANY]` takes the numbers of closed requests; 10,000 and 100,000 if left out.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "it measures, prints, and panics where it can't go on"
)]

mod search;
mod start;
mod write;

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Closed requests of the two logs, if nobody says otherwise.
const SIZES: [u64; 2] = [10_000, 100_000];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["write", folder, requests] => write::run(Path::new(folder), requests.parse().unwrap()),
        ["start", folder, from] => start::run(Path::new(folder), from),
        ["search", folder] => search::run(Path::new(folder)),
        [] => measure(SIZES),
        [few, many] => measure([few, many].map(|text| text.parse().unwrap())),
        _ => unreachable!("`growth [FEW MANY]`"),
    }
}

/// What a process of its own printed: numbers.
fn child(args: &[&str]) -> Vec<f64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

fn measure(sizes: [u64; 2]) {
    let mut held = Vec::new();
    for requests in sizes {
        let folder = tempfile::tempdir_in(".").unwrap();
        let path = folder.path().display().to_string();
        let written = child(&["write", &path, &requests.to_string()]);
        let (entries, seconds) = (written[0], written[1]);
        let whole = child(&["start", &path, "first-entry"]);
        let short = child(&["start", &path, "snapshot"]);
        held.push(short[1]);
        println!(
            "start from a snapshot, {requests} closed requests\t{:.3}\ts for {entries} entries, {:.3} s from the first entry; written in {seconds:.0} s",
            short[0], whole[0]
        );
        println!(
            "memory after a start, {requests} closed requests\t{:.1}\tMB, {:.1} MB once everything was read again; {:.1} MB from the first entry",
            short[1], short[2], whole[1]
        );
        println!(
            "entries folded a second, {requests} closed requests\t{:.0}\tbeside {:.0} hashed a second and nothing else",
            entries / whole[0],
            entries / whole[3]
        );
        let found = child(&["search", &path]);
        println!(
            "search newest first p99, {requests} closed requests\t{:.2}\tms, half of them within {:.2} ms, over {entries} entries; {:.0} entries followed a second",
            found[1], found[0], found[2]
        );
    }
    println!(
        "memory, many closed requests beside few\t{:.3}\t{:.1} MB beside {:.1} MB",
        held[1] / held[0],
        held[1],
        held[0]
    );
}

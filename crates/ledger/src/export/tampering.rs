//! Spoils a log of 16 KiB in every single place, and one of 1 MiB in places chosen by a seed: each time the real verifier names
//! the file, and within a bundle the entry.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::json;

use super::testing::{Folder, body, key, leaf, put_body, signed};
use super::{BodyFile, Fault, blob_path, verify};
use crate::body::SealedBody;
use crate::checkpoint::VerifierKey;
use crate::digest::Digest;
use crate::leaf::{BLOBS_FIELD, BODIES_FIELD};
use crate::tile::bundle_entries;

/// Read once: a hundred thousand folders are verified with it.
static KEY: LazyLock<VerifierKey> = LazyLock::new(key);

const BLOB: [u8; 3_000] = [b'x'; 3_000];

fn fault(files: &Folder) -> Option<Fault> {
    verify(files, &KEY, &mut |_, _| ()).err()
}

fn bytes_of(files: &Folder) -> usize {
    files.values().map(Vec::len).sum()
}

/// A log of `entries` entries with `padding` bytes of record each; every fourth commits to a body, the first to a blob.
fn log(entries: u8, repeats: usize, padding: usize) -> Folder {
    let record = |n: u8, round: usize| {
        let mut record = json!({"purpose": "x".repeat(padding), "round": round});
        if n.is_multiple_of(4) && round == 0 {
            record[BODIES_FIELD] = json!([SealedBody::reference(&body(n, "ada"))]);
        }
        if n == 0 && round == 0 {
            record[BLOBS_FIELD] = json!([Digest::of(&BLOB)]);
        }
        record
    };
    let record = &record;
    let leaves: Vec<Vec<u8>> = (0..repeats)
        .flat_map(|round| (0..entries).map(move |n| leaf(i64::from(n), record(n, round))))
        .collect();
    let mut files = signed(&leaves);
    for n in (0..entries).step_by(4) {
        put_body(&mut files, &BodyFile::Sealed(body(n, "ada")));
    }
    files.insert(blob_path(&Digest::of(&BLOB)), BLOB.to_vec());
    assert_eq!(fault(&files).map(|fault| fault.to_string()), None);
    files
}

/// All files of a log, 16 KiB together.
fn small_log() -> Folder {
    let files = log(12, 1, 920);
    let bytes = bytes_of(&files);
    assert!((16_384..=17_408).contains(&bytes), "{bytes} bytes");
    files
}

/// All files of a log, 1 MiB together.
fn large_log() -> Folder {
    let files = log(24, 84, 380);
    let bytes = bytes_of(&files);
    assert!((1_048_576..=1_180_000).contains(&bytes), "{bytes} bytes");
    files
}

/// Does `check` for every number below `count`, on all processors; each worker has a copy of `files` to spoil and mend.
fn each(files: &Folder, count: usize, check: impl Fn(&mut Folder, usize) + Sync) {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let check = &check;
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || {
                let mut files = files.clone();
                (worker..count)
                    .step_by(workers)
                    .for_each(|n| check(&mut files, n));
            });
        }
    });
}

/// The entry within the bundle that the byte at `offset` belongs to, its length included; the one after the last for the end.
fn entry_at(bundle: &[u8], offset: usize) -> u64 {
    let mut end = 0;
    let ends = bundle_entries(bundle).map(|entry| {
        end += entry.unwrap().len() + 2;
        end
    });
    ends.take_while(|end| *end <= offset).count() as u64
}

/// The number of the first entry of a bundle by its file's name, such as `tile/entries/007`.
fn first_entry(file: &str) -> Option<u64> {
    let (index, _) = file.strip_prefix("tile/entries/")?.split_at(3);
    Some(index.parse::<u64>().unwrap() * 256)
}

/// Expects the fault in `file`, and where it is a bundle, in the entry at `offset`.
#[track_caller]
fn located(files: &Folder, file: &str, genuine: &[u8], offset: usize, what: &str) {
    let Some(fault) = fault(files) else {
        panic!("{what} at byte {offset} of `{file}` goes unnoticed");
    };
    assert_eq!(fault.file(), file, "{what} at byte {offset}: {fault}");
    if let Some(first) = first_entry(file) {
        let expected = first + entry_at(genuine, offset);
        assert_eq!(
            fault.entry(),
            Some(expected),
            "{what} at byte {offset}: {fault}"
        );
    }
}

fn with(files: &Folder, file: &str, bytes: Vec<u8>) -> Folder {
    let mut files = files.clone();
    files.insert(file.to_owned(), bytes);
    files
}

fn flip(files: &mut Folder, file: &str, bit: usize) {
    files.get_mut(file).unwrap()[bit / 8] ^= 1 << (bit % 8);
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[test]
fn every_flipped_bit_of_16_kib_is_found_where_it_is() {
    let files = small_log();
    for (file, bytes) in &files {
        each(&files, bytes.len() * 8, |files, bit| {
            flip(files, file, bit);
            located(files, file, bytes, bit / 8, "a flipped bit");
            flip(files, file, bit);
        });
    }
}

#[test]
fn every_cut_of_16_kib_is_found_where_it_is() {
    let files = small_log();
    for (file, bytes) in &files {
        each(&files, bytes.len(), |files, length| {
            let spoiled = with(files, file, bytes[..length].to_vec());
            located(&spoiled, file, bytes, length, "a cut");
        });
    }
}

/// The units that somebody would move about in a file: entries of a bundle, hashes of a tile, else single bytes.
fn units(file: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    if file.starts_with("tile/entries/") {
        let with_length = |entry: &[u8]| {
            let length = u16::try_from(entry.len()).unwrap().to_be_bytes();
            [length.as_slice(), entry].concat()
        };
        let entries = bundle_entries(bytes);
        return entries.map(|entry| with_length(entry.unwrap())).collect();
    }
    let width = if file.starts_with("tile/") { 32 } else { 1 };
    bytes.chunks(width).map(<[u8]>::to_vec).collect()
}

#[test]
fn every_swap_within_a_file_of_16_kib_is_found_where_it_is() {
    let files = small_log();
    for (file, bytes) in &files {
        let units = units(file, bytes);
        // single bytes are swapped with the next one, entries and hashes with every other
        let reach = if file.starts_with("tile/") {
            units.len()
        } else {
            1
        };
        each(&files, units.len(), |files, a| {
            for b in (a + 1..units.len())
                .take(reach)
                .filter(|b| units[a] != units[*b])
            {
                let mut swapped = units.clone();
                swapped.swap(a, b);
                let offset = units[..a].concat().len();
                located(
                    &with(files, file, swapped.concat()),
                    file,
                    bytes,
                    offset,
                    "a swap",
                );
            }
        });
    }
}

#[test]
fn every_duplicate_within_a_file_of_16_kib_is_found_where_it_is() {
    let files = small_log();
    for (file, bytes) in &files {
        let units = units(file, bytes);
        each(&files, units.len(), |files, n| {
            let mut doubled = units.clone();
            doubled.insert(n, units[n].clone());
            let spoiled = with(files, file, doubled.concat());
            let fault = fault(&spoiled);
            let found = fault.as_ref().map(Fault::file);
            assert_eq!(found, Some(file.as_str()), "unit {n} doubled: {fault:?}");
        });
    }
}

#[test]
fn every_pair_of_swapped_files_and_every_copy_of_one_over_another_is_found() {
    let files = small_log();
    let names: Vec<&String> = files.keys().collect();
    each(&files, names.len(), |files, a| {
        for b in (0..names.len()).filter(|b| *b != a) {
            let copied = with(files, names[a], files[names[b]].clone());
            let found = fault(&copied).map(|fault| fault.file().to_owned());
            assert_eq!(found.as_ref(), Some(names[a]), "`{}` over it", names[b]);
            let swapped = with(&copied, names[b], files[names[a]].clone());
            let found = fault(&swapped)
                .map(|fault| fault.file().to_owned())
                .unwrap();
            assert!([names[a], names[b]].contains(&&found), "{found}");
        }
    });
}

/// What is done to a file of the large log.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip,
    Cut,
    Double,
}

#[test]
fn every_file_of_1_mib_spoiled_in_places_of_a_seed_is_found() {
    let files = large_log();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[16; 32]);
    let mut harms: Vec<(&String, Harm, usize)> = Vec::new();
    for (file, bytes) in &files {
        let places = if bytes.len() > 10_000 { 6 } else { 2 };
        for n in 0..places {
            let harm = [
                Harm::Flip,
                Harm::Cut,
                Harm::Flip,
                Harm::Double,
                Harm::Flip,
                Harm::Cut,
            ][n];
            let place = usize::try_from(rng.next_u32()).unwrap() % bytes.len();
            harms.push((file, harm, place));
        }
    }
    each(&files, harms.len(), |files, n| {
        let (file, harm, place) = harms[n];
        let bytes = &files[file].clone();
        match harm {
            Harm::Flip => {
                let bit = place * 8 + place % 8;
                flip(files, file, bit);
                located(files, file, bytes, place, "a flipped bit");
                flip(files, file, bit);
            }
            Harm::Cut => {
                let spoiled = with(files, file, bytes[..place].to_vec());
                located(&spoiled, file, bytes, place, "a cut");
            }
            Harm::Double => {
                let doubled = [&bytes[..place], &bytes[place.saturating_sub(64)..]].concat();
                let found = fault(&with(files, file, doubled)).unwrap();
                assert_eq!(found.file(), file, "{found}");
            }
        }
    });
}

#[test]
fn every_missing_or_emptied_file_of_1_mib_is_found() {
    let files = large_log();
    for file in files.keys() {
        let mut without = files.clone();
        without.remove(file);
        assert_eq!(fault(&without).unwrap().file(), file);
        assert_eq!(fault(&with(&files, file, Vec::new())).unwrap().file(), file);
    }
}

#[test]
fn every_entry_of_1_mib_is_bound_by_its_own_hash() {
    let files = large_log();
    for (file, bytes) in &files {
        let Some(first) = first_entry(file) else {
            continue;
        };
        let hashes = &files[&file.replace("entries", "0")];
        for (n, entry) in bundle_entries(bytes).enumerate() {
            let (entry, hash) = (entry.unwrap(), &hashes[n * 32..][..32]);
            assert_eq!(crate::tree::leaf_hash(entry).as_bytes(), hash);
            for byte in 0..entry.len() {
                let other = crate::tree::leaf_hash(&flipped(entry, byte * 8 + byte % 8));
                assert_ne!(
                    other.as_bytes(),
                    hash,
                    "entry {}, byte {byte}",
                    first + n as u64
                );
            }
        }
    }
}

//! Spoils exported folders in every way and expects the fault to be found where it was made.

use std::error::Error as _;
use std::thread;

use proptest::prelude::*;
use serde_json::json;

use super::COSIGNED;
use super::testing::{
    Folder, body, key, leaf, log_files, put_body, signed, signer, small, small_entries,
};
use super::{BodyFile, CHECKPOINT, Fault, FileError, Files, Verified, body_path, entries, verify};
use crate::digest::Digest;
use crate::leaf::{BODIES_FIELD, Leaf};
use crate::tile::bundle_entries;

const ENTRIES: &str = "tile/entries/000.p/6";
const HASHES: &str = "tile/0/000.p/6";

fn check(files: &Folder) -> Result<Verified, Fault> {
    verify(files, &key(), &mut |_, _| ())
}

#[track_caller]
fn fault(files: &Folder) -> Fault {
    check(files).unwrap_err()
}

#[track_caller]
fn refused(files: &Folder, expected: &str) {
    let fault = fault(files);
    let cause = fault
        .source()
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    assert_eq!(format!("{fault}{cause}"), expected);
}

/// The files that somebody could spoil unnoticed: nothing reads them.
fn is_covered(file: &str) -> bool {
    file != "vkey" && file != "README.md"
}

fn changed(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> Folder {
    let mut files = small();
    change(files.get_mut(file).unwrap());
    files
}

/// The entry that the byte at `offset` of the bundle belongs to, its length included.
fn entry_at(bundle: &[u8], offset: usize) -> u64 {
    let mut end = 0;
    let ends = bundle_entries(bundle).map(|entry| {
        end += entry.unwrap().len() + 2;
        end
    });
    ends.take_while(|end| *end <= offset).count() as u64
}

#[test]
fn a_genuine_folder_is_verified() {
    let mut steps = Vec::new();
    let verified = verify(&small(), &key(), &mut |done, all| steps.push((done, all))).unwrap();
    let (_, head) = log_files(&small_entries());
    assert_eq!(
        verified,
        Verified {
            size: 6,
            root: head.root,
            bodies_present: 2,
            bodies_erased: 1,
            bodies_missing: 1,
            blobs: 1,
            cosigned: None,
        }
    );
    assert_eq!(steps, [(6, 6)]);
    assert_eq!(check(&signed(&[])).unwrap().size, 0);
}

#[test]
fn every_changed_bit_is_found_in_its_file() {
    for (file, bytes) in small().iter().filter(|(file, _)| is_covered(file)) {
        let mut files = small();
        for n in 0..bytes.len() * 8 {
            files.get_mut(file).unwrap().clone_from(bytes);
            files.get_mut(file).unwrap()[n / 8] ^= 1 << (n % 8);
            let fault = fault(&files);
            assert_eq!(fault.file(), file, "bit {n}: {fault}");
            if file == ENTRIES {
                assert_eq!(
                    fault.entry(),
                    Some(entry_at(bytes, n / 8)),
                    "bit {n}: {fault}"
                );
            }
        }
    }
}

#[test]
fn every_cut_is_found_in_its_file() {
    for (file, bytes) in small().iter().filter(|(file, _)| is_covered(file)) {
        let mut files = small();
        for length in 0..bytes.len() {
            files.insert(file.clone(), bytes[..length].to_vec());
            let fault = fault(&files);
            assert_eq!(fault.file(), file, "{length} bytes: {fault}");
        }
        for added in [b"\0".as_slice(), b"\n", b" ", &[0; 32], bytes] {
            let fault = fault(&changed(file, |bytes| bytes.extend_from_slice(added)));
            assert_eq!(fault.file(), file, "with {added:?} added: {fault}");
        }
    }
}

#[test]
fn every_removed_file_is_named() {
    for file in small().keys().filter(|file| is_covered(file)) {
        let mut files = small();
        files.remove(file);
        assert_eq!(fault(&files).file(), file);
    }
}

#[test]
fn every_pair_of_swapped_files_is_noticed() {
    let files = small();
    for (a, a_bytes) in files.iter().filter(|(file, _)| is_covered(file)) {
        for (b, b_bytes) in files.iter().filter(|(b, _)| is_covered(b) && *b > a) {
            let mut swapped = files.clone();
            swapped.insert(a.clone(), b_bytes.clone());
            swapped.insert(b.clone(), a_bytes.clone());
            let fault = fault(&swapped);
            assert!(
                [a.as_str(), b.as_str()].contains(&fault.file()),
                "{a} and {b}: {fault}"
            );
        }
    }
}

#[test]
fn every_added_file_is_named() {
    let files = small();
    let mut names: Vec<String> = files.keys().map(|file| format!("{file}.old")).collect();
    names.retain(|file| !file.starts_with("README"));
    names.extend(
        [
            "bodies/x",
            "blobs/x",
            "tile/0/000",
            "tile/0/000.p/5",
            "tile/1/000.p/1",
            "tile/0/001.p/1",
            "tile/entries/000",
            "x",
            "tile",
            "vkey/x",
            "README/x",
            "sub/README",
            "Vkey",
            "",
        ]
        .map(str::to_owned),
    );
    names.extend([
        format!("bodies/{}.json", Digest::of(b"")),
        format!("blobs/{}", Digest::of(b"")),
    ]);
    for name in names {
        let mut files = files.clone();
        files.insert(name.clone(), vec![]);
        refused(&files, &format!("`{name}` does not belong to this log"));
    }
    for (file, bytes) in &files {
        let mut files = files.clone();
        let copy = format!("bodies/{}", file.replace('/', "-"));
        files.insert(copy.clone(), bytes.clone());
        assert_eq!(fault(&files).file(), copy);
    }
}

#[test]
fn what_explains_the_folder_is_not_read() {
    let mut files = small();
    files.insert("vkey".into(), signer(2).vkey().into_bytes());
    files.insert("README".into(), vec![0xff]);
    assert!(check(&files).is_ok());
    files.remove("README.md");
    files.remove("vkey");
    assert!(check(&files).is_ok());
}

#[test]
fn entries_out_of_order_doubled_or_left_out_are_found() {
    let good = small_entries();
    let (genuine, _) = log_files(&good);
    let with = |entries: Vec<Vec<u8>>| {
        let (forged, _) = log_files(&entries);
        let bundle = forged
            .into_iter()
            .find(|(file, _)| file.starts_with("tile/entries/"))
            .unwrap()
            .1;
        changed(ENTRIES, |bytes| *bytes = bundle)
    };
    assert_eq!(with(good.clone()), small());
    assert!(genuine.contains_key(ENTRIES));
    let mut swapped = good.clone();
    swapped.swap(2, 4);
    refused(
        &with(swapped),
        "entry `2` in `tile/entries/000.p/6` was altered",
    );
    let mut doubled = good.clone();
    doubled[5] = doubled[4].clone();
    refused(
        &with(doubled),
        "entry `5` in `tile/entries/000.p/6` was altered",
    );
    let mut more = good.clone();
    more.push(good[0].clone());
    refused(
        &with(more),
        "`tile/entries/000.p/6` has `7` entries instead of `6`",
    );
    let mut fewer = good;
    fewer.pop();
    refused(
        &with(fewer),
        "`tile/entries/000.p/6` has `5` entries instead of `6`",
    );
    refused(
        &changed(ENTRIES, |bytes| bytes.truncate(bytes.len() - 1)),
        "entry `5` in `tile/entries/000.p/6` breaks off: the bundle ends inside its entry `5`",
    );
}

#[test]
fn a_wrong_hash_is_told_from_an_altered_entry() {
    refused(
        &changed(HASHES, |bytes| bytes[64] ^= 1),
        "hash `2` in `tile/0/000.p/6` is wrong",
    );
    refused(
        &changed(ENTRIES, |bytes| bytes[20] ^= 1),
        "entry `0` in `tile/entries/000.p/6` was altered",
    );
    refused(
        &changed(HASHES, |bytes| bytes.truncate(160)),
        "`tile/0/000.p/6` has `160` bytes instead of `192`",
    );
}

#[test]
fn a_checkpoint_of_another_size_key_or_log_is_refused() {
    let entries = small_entries();
    let sign = |seed, entries: &[Vec<u8>]| {
        let note = signer(seed).sign(&log_files(entries).1).into_bytes();
        changed(CHECKPOINT, |bytes| *bytes = note)
    };
    refused(&sign(1, &entries[..5]), "`tile/0/000.p/5` is missing");
    refused(
        &sign(2, &entries),
        "`checkpoint` is not to be believed: it is signed with another key of `example.com/remit` than the one given",
    );
    let mut other = entries;
    other.swap(0, 1);
    refused(
        &sign(1, &other),
        "the `6` entries agree with their hashes but not with the root signed in `checkpoint`: the log was rewritten",
    );
    refused(
        &changed(CHECKPOINT, |bytes| bytes.push(0xff)),
        "`checkpoint` is not text",
    );
    let mut none = small();
    none.remove(CHECKPOINT);
    refused(&none, "`checkpoint` is missing");
}

#[test]
fn a_cosigned_checkpoint_beside_the_log_is_one_of_its_beginnings() {
    let with = |note: &str| {
        let mut files = small();
        files.insert(COSIGNED.to_owned(), note.as_bytes().to_vec());
        files
    };
    let sign = |seed, entries: &[Vec<u8>]| signer(seed).sign(&log_files(entries).1);
    let entries = small_entries();
    for size in 0..=6 {
        let verified = verify(&with(&sign(1, &entries[..size])), &key(), &mut |_, _| {}).unwrap();
        let cosigned = verified.cosigned.map(|cosigned| cosigned.size);
        assert_eq!(cosigned, Some(size as u64));
    }
    refused(
        &with(&sign(2, &entries)),
        "`cosigned` is not to be believed: it is signed with another key of `example.com/remit` than the one given",
    );
    let mut longer = entries.clone();
    longer.push(leaf(6, json!({})));
    refused(
        &with(&sign(1, &longer)),
        "the log has `6` entries and had `7` when the earlier checkpoint was signed: its end is lost",
    );
    refused(
        &with(&sign(1, &longer[1..5])),
        "the first `4` entries are not those that the earlier checkpoint signed: there are two logs under one name",
    );
    let mut files = with("");
    files.insert(COSIGNED.to_owned(), vec![0xff]);
    refused(&files, "`cosigned` is not text");
}

#[test]
fn signed_bytes_that_are_no_entry_are_named() {
    let mut entries = small_entries();
    entries[2] = b"{}".to_vec();
    let mut files = small();
    files.extend(signed(&entries));
    refused(
        &files,
        "entry `2` in `tile/entries/000.p/6` is signed but can't be read: the bytes are no entry",
    );
    let mut spaced = small_entries();
    spaced[5].push(b' ');
    files.extend(signed(&spaced));
    refused(
        &files,
        "entry `5` in `tile/entries/000.p/6` is signed but can't be read: the entry is not canonical",
    );
}

#[test]
fn bodies_are_held_against_their_commitments() {
    let id = body_path(&body(1, "ada").commitment);
    let with = |file: &BodyFile| changed(&id, |bytes| *bytes = file.to_bytes().unwrap());
    refused(
        &with(&BodyFile::Sealed(body(9, "ada"))),
        &format!("`{id}` speaks of another body or person than entry `1`"),
    );
    let mut other = body(1, "ada");
    other.subject = "bob".into();
    refused(
        &with(&BodyFile::Sealed(other)),
        &format!("`{id}` speaks of another body or person than entry `1`"),
    );
    let mut other = body(1, "ada");
    other.ciphertext[40] ^= 1;
    let commitment = other.commitment;
    refused(
        &with(&BodyFile::Sealed(other)),
        &format!(
            "`{id}` is not what entry `1` committed to: the body does not match its commitment `{commitment}`"
        ),
    );
    refused(
        &changed(&id, |bytes| bytes.push(b'\n')),
        &format!("`{id}`, which entry `1` commits to, can't be understood: it is not canonical"),
    );
    let mut none = small();
    none.remove(&id);
    refused(
        &none,
        &format!("`{id}`, which entry `1` commits to, is missing"),
    );
}

#[test]
fn a_body_counts_as_erased_only_by_a_later_entry() {
    let counts = |files: &Folder| {
        let verified = check(files).unwrap();
        (
            verified.bodies_present,
            verified.bodies_erased,
            verified.bodies_missing,
        )
    };
    assert_eq!(counts(&small()), (2, 1, 1));

    let mut never = small();
    put_body(&mut never, &BodyFile::Erased(body(1, "ada").reference()));
    assert_eq!(counts(&never), (1, 1, 2));

    let mut entries = small_entries();
    entries.push(leaf(6, json!({BODIES_FIELD: [body(5, "bob").reference()]})));
    let mut before = small();
    before.retain(|file, _| !file.starts_with("tile/"));
    before.extend(signed(&entries));
    put_body(&mut before, &BodyFile::Erased(body(5, "bob").reference()));
    assert_eq!(counts(&before), (2, 1, 2));
}

#[test]
fn one_body_can_not_belong_to_two_persons() {
    let mut reference = body(1, "ada").reference();
    reference.subject = "bob".into();
    let mut entries = small_entries();
    entries[5] = leaf(5, json!({BODIES_FIELD: [reference]}));
    let mut files = small();
    files.extend(signed(&entries));
    let id = body_path(&body(1, "ada").commitment);
    refused(
        &files,
        &format!("`{id}` speaks of another body or person than entry `5`"),
    );
}

#[test]
fn blobs_are_what_their_names_say() {
    let id = super::blob_path(&Digest::of(super::testing::BLOB));
    refused(
        &changed(&id, |bytes| bytes[0] ^= 1),
        &format!(
            "`{id}`, which entry `0` refers to, was altered: its content does not match its name"
        ),
    );
    let mut none = small();
    none.remove(&id);
    refused(
        &none,
        &format!("`{id}`, which entry `0` refers to, is missing"),
    );
}

#[test]
fn entries_are_replayed_in_order() {
    let all: Vec<_> = (0..600).map(|n| leaf(n, json!({"n": n}))).collect();
    let files = signed(&all);
    let size = check(&files).unwrap().size;
    let read: Vec<_> =
        thread::scope(|scope| entries(&files, size, scope).map(Result::unwrap).collect());
    assert_eq!(read.len(), 600);
    for (n, entry) in read.into_iter().enumerate() {
        assert_eq!((entry.index, &entry.bytes), (n as u64, &all[n]));
        assert_eq!(entry.leaf, Leaf::decode(&all[n]).unwrap());
    }
}

/// A long log is read by several threads; what they find is found where it is all the same.
#[test]
fn an_entry_that_is_none_is_named_in_a_long_log_too() {
    let mut all: Vec<_> = (0..2_600).map(|n| leaf(n, json!({"n": n}))).collect();
    assert_eq!(check(&signed(&all)).unwrap().size, 2_600);
    all[2_599] = b"{}".to_vec();
    all[2_301] = b"[]".to_vec();
    refused(
        &signed(&all),
        "entry `2301` in `tile/entries/008` is signed but can't be read: the bytes are no entry",
    );
}

#[test]
fn replay_stops_at_the_first_fault() {
    let mut files = signed(&(0..600).map(|n| leaf(n, json!({}))).collect::<Vec<_>>());
    files.remove("tile/entries/001");
    let read: Vec<_> = thread::scope(|scope| entries(&files, 600, scope).collect());
    assert_eq!(read.len(), 257);
    assert_eq!(
        read[256].as_ref().unwrap_err().to_string(),
        "`tile/entries/001` is missing"
    );
}

#[test]
fn a_file_that_can_not_be_read_is_named() {
    struct Broken;
    impl Files for Broken {
        fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
            Err(FileError {
                path: path.to_owned(),
                reason: "permission denied".to_owned(),
            })
        }
        fn list(&self, _: &str) -> Result<Vec<String>, FileError> {
            Ok(vec![])
        }
    }
    let fault = verify(&Broken, &key(), &mut |_, _| ()).unwrap_err();
    assert_eq!(fault.to_string(), "`checkpoint` can't be read");
    assert_eq!(fault.source().unwrap().to_string(), "permission denied");
    assert_eq!((fault.file(), fault.entry()), ("checkpoint", None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_changed_bit_in_a_larger_log_is_found_in_its_file(file: prop::sample::Index, byte: prop::sample::Index, bit in 0..8) {
        let mut files = signed(&(0..270).map(|n| leaf(n, json!({}))).collect::<Vec<_>>());
        let name = file.get(&files.keys().cloned().collect::<Vec<_>>()).clone();
        let bytes = files.get_mut(&name).unwrap();
        let byte = byte.index(bytes.len());
        bytes[byte] ^= 1_u8 << bit;
        let fault = fault(&files);
        prop_assert_eq!(fault.file(), name);
    }
}

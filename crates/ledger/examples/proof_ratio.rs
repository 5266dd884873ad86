//! An inclusion proof in a tree of a million entries, made and checked, beside the bare work that can't be saved: hashing as many nodes
//! as are on the way to the root. Prints a line for each measure, with tabs between: name, value, whence.
use ledger::{
    digest::Digest,
    tree::{Tree, prove_inclusion, verify_inclusion},
};
use sha2::{Digest as _, Sha256};
use std::{
    error::Error,
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};

/// Entries of the tree.
const ENTRIES: u64 = 1_000_000;
/// Proofs in a row.
const PROOFS: u64 = 20_000;
/// Any stride without a common factor visits places all over the tree.
const STRIDE: u64 = 714_025;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut tree, mut stored) = (Tree::new(), Vec::new());
    for entry in 0..ENTRIES {
        let hashes = tree.append(&entry.to_be_bytes());
        stored.extend(hashes.into_iter().map(|node| node.hash));
    }
    let head = tree.head();
    let places: Vec<u64> = (0..PROOFS).map(|n| n * STRIDE % ENTRIES).collect();
    let mut proofs = Vec::new();
    let made = timed(|| {
        for place in &places {
            proofs.push(prove_inclusion(&stored, *place, ENTRIES)?);
        }
        Ok(())
    })?;
    let checked = timed(|| {
        for (place, proof) in places.iter().zip(&proofs) {
            let leaf = ledger::tree::leaf_hash(&place.to_be_bytes());
            verify_inclusion(proof, &head, *place, leaf)?;
        }
        Ok(())
    })?;
    let bare = timed(|| {
        for proof in &proofs {
            black_box(hashed(proof));
        }
        Ok(())
    })?;
    let mut out = std::io::stdout().lock();
    for (what, time) in [("made", made), ("checked", checked)] {
        writeln!(
            out,
            "inclusion proof at 1M entries, {what}\t{:.2}\t{:.2} us beside {:.2} us of bare hashing",
            time.as_secs_f64() / bare.as_secs_f64(),
            micros(time),
            micros(bare)
        )?;
    }
    Ok(())
}

/// The hashes on the way up, and nothing else.
fn hashed(proof: &[Digest]) -> [u8; 32] {
    proof.iter().fold([0; 32], |below, beside| {
        let mut hasher = Sha256::new();
        hasher.update([1]);
        hasher.update(beside.as_bytes());
        hasher.update(below);
        hasher.finalize().into()
    })
}

/// Microseconds for one of all proofs.
fn micros(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number for a table")]
    let proofs = PROOFS as f64;
    time.as_secs_f64() * 1e6 / proofs
}

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
fn timed(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}

//! Files of an export, and what travels alone: all of them come from whoever is to be checked.
use crate::text;
use ledger::{
    canonical::{canonical_json, parse_canonical},
    checkpoint::{Signer, VerifierKey},
    cosignature::{Cosigner, WitnessKey},
    export::BodyFile,
    leaf::Leaf,
    proof_file::{ProofFile, verify_proof_file},
    receipt::Receipt,
    tile::{TileId, bundle_entries, entries_bundle, tile_hashes},
    tree::Tree,
};

/// The one head that is signed with the key below: nothing else may be believed.
pub(crate) fn genuine() -> Tree {
    let mut tree = Tree::new();
    for entry in ["a", "b", "c"] {
        tree.append(entry.as_bytes());
    }
    tree
}

/// Signs [`genuine`], in the inputs that were kept and nowhere else.
pub(crate) fn signer() -> Option<Signer> {
    Some(Signer::from_seed(
        "example.com/remit".parse().ok()?,
        &[1; 32],
    ))
}

fn key() -> Option<VerifierKey> {
    VerifierKey::parse(&signer()?.vkey()).ok()
}

/// A checkpoint is believed only if it is the one that was signed.
pub(crate) fn checkpoint(bytes: &[u8]) {
    let Some((text, key)) = text(bytes).zip(key()) else {
        return;
    };
    if let Ok(checkpoint) = key.open(text) {
        assert_eq!(
            checkpoint.head(),
            genuine().head(),
            "a head that nobody signed is believed"
        );
    }
    let _ = Receipt::open(text, &key);
}

/// A key that is read is written back as it was.
pub(crate) fn vkey(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.vkey(), text, "a verifier key reads in two ways");
    }
    if let Ok(key) = WitnessKey::parse(text) {
        let again = WitnessKey::parse(&key.vkey()).map(|key| key.vkey());
        assert_eq!(
            again.ok(),
            Some(key.vkey()),
            "a witness's key reads in two ways"
        );
    }
    let _ = Cosigner::parse(text);
}

/// A proof file that is read and written reads the same again.
pub(crate) fn proof_file(bytes: &[u8]) {
    let Some((text, key)) = text(bytes).zip(key()) else {
        return;
    };
    if let Ok(file) = ProofFile::parse(text) {
        let again = ProofFile::parse(&file.to_text());
        assert_eq!(again.ok(), Some(file), "a proof file reads in two ways");
    }
    if let Ok(proven) = verify_proof_file(text, None, &key) {
        assert_eq!(
            proven.checkpoint.head(),
            genuine().head(),
            "a proof of nothing is believed"
        );
        assert!(proven.index < 3, "an entry beyond the end is proven");
    }
}

/// The bytes of a tile, and its path.
pub(crate) fn tile(bytes: &[u8]) {
    if let Some(hashes) = tile_hashes(bytes) {
        assert_eq!(hashes.len() * 32, bytes.len());
    }
    let entries: Result<Vec<&[u8]>, _> = bundle_entries(bytes).collect();
    if let Ok(entries) = entries {
        let again = entries_bundle(&entries).ok();
        assert_eq!(
            again.as_deref(),
            Some(bytes),
            "a bundle of entries reads in two ways"
        );
    }
    if let Some(path) = text(bytes)
        && let Ok(tile) = path.parse::<TileId>()
    {
        assert_eq!(tile.to_string(), path, "a tile has two names");
    }
}

/// An entry, and any canonical JSON, is read only from the bytes that would be written.
pub(crate) fn leaf(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::decode(bytes) {
        assert_eq!(
            leaf.encode().ok().as_deref(),
            Some(bytes),
            "an entry reads in two ways"
        );
        let _ = (leaf.bodies(), leaf.blobs(), leaf.erased());
    }
    if let Ok(value) = parse_canonical(bytes) {
        let again = canonical_json(&value).ok();
        assert_eq!(
            again.as_deref(),
            Some(bytes),
            "canonical JSON reads in two ways"
        );
    }
}

/// A body's file is read only from the bytes that would be written.
pub(crate) fn body_file(bytes: &[u8]) {
    if let Ok(file) = BodyFile::parse(bytes) {
        assert_eq!(
            file.to_bytes().ok().as_deref(),
            Some(bytes),
            "a body's file reads in two ways"
        );
        let _ = file.check();
    }
}

//! Small exported logs, held in memory, to spoil.

use std::collections::BTreeMap;

use serde_json::json;

use super::{BodyFile, CHECKPOINT, blob_path, body_path};
use crate::body::{PersonKey, SealedBody, seal};
use crate::checkpoint::{Signer, VerifierKey};
use crate::digest::Digest;
use crate::leaf::{BLOBS_FIELD, BODIES_FIELD, ERASED_FIELD, LEAF_VERSION, Leaf};
use crate::tile::{TileKind, entries_bundle, tile_bytes, tiles_for};
use crate::tree::{Tree, TreeHead};

pub(crate) type Folder = BTreeMap<String, Vec<u8>>;

pub(crate) const BLOB: &[u8] = b"a bundle of policies";

const ADA: PersonKey = PersonKey::from_bytes([7; 32]);

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed("example.com/remit".parse().unwrap(), &[seed; 32])
}

pub(crate) fn key() -> VerifierKey {
    VerifierKey::parse(&signer(1).vkey()).unwrap()
}

/// Tiles and bundles of a log.
pub(crate) fn log_files(entries: &[Vec<u8>]) -> (Folder, TreeHead) {
    let mut tree = Tree::new();
    let mut stored = Vec::new();
    for entry in entries {
        stored.extend(tree.append(entry).iter().map(|stored| stored.hash));
    }
    let mut files = Folder::new();
    for tile in tiles_for(tree.size()) {
        let bytes = match tile.kind() {
            TileKind::Hashes { .. } => tile_bytes(&stored, tile).unwrap(),
            TileKind::Entries => {
                let first = usize::try_from(tile.first()).unwrap();
                entries_bundle(&entries[first..first + usize::from(tile.width())]).unwrap()
            }
        };
        files.insert(tile.to_string(), bytes);
    }
    (files, tree.head())
}

/// A log with its checkpoint.
pub(crate) fn signed(entries: &[Vec<u8>]) -> Folder {
    let (mut files, head) = log_files(entries);
    files.insert(CHECKPOINT.to_owned(), signer(1).sign(&head).into_bytes());
    files
}

pub(crate) fn leaf(n: i64, record: serde_json::Value) -> Vec<u8> {
    let leaf = Leaf {
        v: LEAF_VERSION,
        kind: "note".into(),
        stream: "s".into(),
        at: n,
        engine: "0.1.0".into(),
        bundle: None,
        record,
    };
    leaf.encode().unwrap()
}

pub(crate) fn body(n: u8, subject: &str) -> SealedBody {
    seal(&ADA, subject, [n; 32], [n; 24], "They asked.").unwrap()
}

/// Six entries: bodies sealed, opened, erased and missing, a blob, and an erasure.
pub(crate) fn small_entries() -> Vec<Vec<u8>> {
    let bodies = |ids: &[SealedBody]| json!({BODIES_FIELD: ids.iter().map(SealedBody::reference).collect::<Vec<_>>()});
    vec![
        leaf(0, json!({BLOBS_FIELD: [Digest::of(BLOB)]})),
        leaf(1, bodies(&[body(1, "ada"), body(2, "ada")])),
        leaf(2, bodies(&[body(3, "bob")])),
        leaf(3, bodies(&[body(4, "ada"), body(1, "ada")])),
        leaf(4, json!({ERASED_FIELD: ["bob"]})),
        leaf(5, json!({"a": 1})),
    ]
}

pub(crate) fn put_body(files: &mut Folder, file: &BodyFile) {
    files.insert(body_path(&file.commitment()), file.to_bytes().unwrap());
}

/// The exported folder of [`small_entries`].
pub(crate) fn small() -> Folder {
    let mut files = signed(&small_entries());
    put_body(&mut files, &BodyFile::Sealed(body(1, "ada")));
    put_body(
        &mut files,
        &BodyFile::Opened(body(2, "ada").open(&ADA).unwrap()),
    );
    put_body(&mut files, &BodyFile::Erased(body(3, "bob").reference()));
    put_body(&mut files, &BodyFile::Missing(body(4, "ada").reference()));
    files.insert(blob_path(&Digest::of(BLOB)), BLOB.to_vec());
    files.insert("vkey".into(), signer(1).vkey().into_bytes());
    files.insert("README.md".into(), b"What this is.".to_vec());
    files
}

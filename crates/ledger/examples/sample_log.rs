//! Writes an exported log of any size, with a cosigned checkpoint somewhat behind its head, for verifiers that aren't ours: `tests/interop`.
//!
//! `cargo run -p ledger --example sample_log -- FOLDER SIZE`
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an example that can't go on says so by panicking"
)]
use ledger::{
    Cosigner, Leaf, Signer, TileKind, Tree, TreeHead, VerifierKey, export,
    leaf::LEAF_VERSION,
    tile::{entries_bundle, tile_bytes, tiles_for},
};
use std::{fs, path::Path};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder comes first");
    let size = arguments.next().expect("the size comes second");
    let size: i64 = size.parse().expect("the size is a number");
    let entries: Vec<Vec<u8>> = (0..size).map(leaf).collect();
    let (mut tree, mut stored, mut heads) = (Tree::new(), Vec::new(), vec![Tree::new().head()]);
    for entry in &entries {
        stored.extend(tree.append(entry).iter().map(|one| one.hash));
        heads.push(tree.head());
    }
    for tile in tiles_for(tree.size()) {
        let bytes = match tile.kind() {
            TileKind::Hashes { .. } => tile_bytes(&stored, tile).unwrap(),
            TileKind::Entries => {
                let first = usize::try_from(tile.first()).unwrap();
                entries_bundle(&entries[first..first + usize::from(tile.width())]).unwrap()
            }
        };
        write(&folder, &tile.to_string(), &bytes);
    }
    let signer = Signer::from_seed("example.com/sample".parse().unwrap(), &[1; 32]);
    let checkpoint = signer.sign(&tree.head());
    write(&folder, export::CHECKPOINT, checkpoint.as_bytes());
    write(&folder, "vkey", signer.vkey().as_bytes());
    let behind = heads.len() - 1 - heads.len() / 5;
    cosign(&folder, &signer, &heads[behind]);
}

/// Two witnesses, whose keys are written beside the folder: in it they would be foreign.
fn cosign(folder: &str, signer: &Signer, head: &TreeHead) {
    let mut note = signer.sign(head);
    let key = VerifierKey::parse(&signer.vkey()).unwrap();
    let checkpoint = key.open(&note).unwrap();
    for n in 1..=2_u8 {
        let name = format!("witness.example/w{n}").parse().unwrap();
        let witness = Cosigner::from_seed(name, &[10 + n; 32]);
        note.push_str(&witness.cosign(&checkpoint, 1_800_000_000 + u64::from(n)));
        note.push('\n');
        fs::write(format!("{folder}.w{n}"), witness.vkey()).unwrap();
    }
    write(folder, export::COSIGNED, note.as_bytes());
}

fn leaf(n: i64) -> Vec<u8> {
    let leaf = Leaf {
        v: LEAF_VERSION,
        kind: "sample".into(),
        stream: "sample".into(),
        at: n,
        engine: "0.1.0".into(),
        bundle: None,
        record: serde_json::json!({ "n": n }),
    };
    leaf.encode().unwrap()
}

fn write(folder: &str, path: &str, bytes: &[u8]) {
    let file = Path::new(folder).join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

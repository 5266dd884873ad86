//! What is exported from a live log verifies and replays; and a log that was forged and signed again verifies, but doesn't replay.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    fixture,
    request::Ask,
};
use engine::{
    Submission,
    export::{Exported, Words, export},
    ports::KeyStore,
    replay::{ReplayError, Replayed, replay},
};
use ledger::{
    checkpoint::VerifierKey,
    digest::Digest,
    export::{CHECKPOINT, FileError, Files, Verified, blob_path, entries, verify},
    leaf::Leaf,
    tile::{TileKind, entries_bundle, tile_bytes, tiles_for},
    tree::Tree,
};
use serde_json::json;
use std::{collections::BTreeMap, thread};
use testkit::{World, person, signer, tell};

#[derive(Default)]
struct Folder(BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        Ok(self.0.get(path).cloned())
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self
            .0
            .keys()
            .filter(|path| path.starts_with(prefix))
            .cloned()
            .collect())
    }
}

fn exported(world: &World, words: &Words<'_>) -> (Folder, Exported) {
    let mut folder = Folder::default();
    let mut out = |path: &str, bytes: &[u8]| {
        folder.0.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    };
    let reader = world.engine.reader();
    let vkey = world.engine.vkey();
    let exported = export(reader.as_ref(), words, &vkey, &mut out, &mut |_, _| ()).unwrap();
    (folder, exported)
}

fn verified(folder: &Folder) -> Verified {
    let key = VerifierKey::parse(&signer().vkey()).unwrap();
    verify(folder, &key, &mut |_, _| ()).unwrap()
}

fn replayed(folder: &Folder, size: u64) -> Result<Replayed, ReplayError<ledger::export::Fault>> {
    let blob = |digest: &Digest| folder.0.get(&blob_path(digest)).cloned();
    thread::scope(|scope| {
        let entries = entries(folder, size, scope);
        let leaves = entries.map(|entry| entry.map(|entry| (entry.index, entry.leaf)));
        replay(leaves, blob, "test", |_| ())
    })
}

/// A request whose answer really is sealed under its author's key.
async fn with_words(world: &World, words: &str) {
    let mut writer = world.engine.body_writer("ada");
    let answer = writer.write(words, 400).unwrap();
    let ask = Ask {
        answers: [(fixture::id("goal"), answer)].into(),
        ..fixture::ask("edit-flow")
    };
    let mut submission = Submission::of(Given {
        actor: person("ada"),
        command: Command::SubmitRequest { ask },
    });
    submission.bodies = writer.finish();
    world.engine.submit(submission).await.unwrap();
}

#[tokio::test]
async fn what_is_exported_from_a_live_log_verifies_and_replays() {
    let world = World::start().await;
    tell(&world).await;
    with_words(&world, "match the invoices of October").await;
    for n in 0..300 {
        let change = DirectoryChange::GroupRemoved(fixture::id(&format!("g{n}")));
        let command = Command::ChangeDirectory { change };
        world.refused(Actor::Operator, command).await;
    }
    let entries = world.engine.health().entries;
    let (sealed, told) = exported(&world, &Words::Sealed);
    assert_eq!(
        (told.entries, told.bodies, told.opened, told.blobs),
        (entries, 1, 0, 2)
    );
    let found = verified(&sealed);
    assert_eq!(
        (
            found.size,
            found.bodies_present,
            found.bodies_missing,
            found.blobs
        ),
        (entries, 1, 0, 2)
    );
    let replayed = replayed(&sealed, found.size).unwrap();
    assert_eq!(replayed.state, world.state());
    let shows = |folder: &Folder| {
        folder
            .0
            .values()
            .any(|bytes| String::from_utf8_lossy(bytes).contains("invoices of October"))
    };
    assert!(!shows(&sealed), "words are readable in a sealed export");
    let (opened, told) = exported(&world, &Words::Opened(&world.ports.keys));
    assert_eq!(told.opened, 1);
    assert_eq!(verified(&opened).bodies_present, 1);
    assert!(shows(&opened));
    world.ports.keys.erase("ada", fixture::NOW).unwrap();
    let (erased, told) = exported(&world, &Words::Opened(&world.ports.keys));
    assert_eq!((told.bodies, told.opened), (1, 0));
    assert!(!shows(&erased), "an erased person's words are readable");
    assert_eq!(verified(&erased).size, entries);
}

#[tokio::test]
async fn a_log_that_was_forged_and_signed_again_verifies_but_does_not_replay() {
    let world = World::start().await;
    tell(&world).await;
    let (mut folder, told) = exported(&world, &Words::Sealed);
    let mut leaves: Vec<Leaf> = thread::scope(|scope| {
        let entries = entries(&folder, told.entries, scope);
        entries.map(|entry| entry.unwrap().leaf).collect()
    });
    let n = leaves
        .iter()
        .position(|leaf| {
            leaf.kind == "approve-request" && leaf.record["outcome"].get("done").is_some()
        })
        .unwrap();
    leaves[n].record["outcome"]["done"][0]["consent"]["by"] = json!("ada");
    let bytes: Vec<Vec<u8>> = leaves.iter().map(|leaf| leaf.encode().unwrap()).collect();
    let mut tree = Tree::new();
    let stored: Vec<Digest> = bytes
        .iter()
        .flat_map(|leaf| tree.append(leaf))
        .map(|node| node.hash)
        .collect();
    for tile in tiles_for(told.entries) {
        let content = match tile.kind() {
            TileKind::Hashes { .. } => tile_bytes(&stored, tile).unwrap(),
            TileKind::Entries => {
                let first = usize::try_from(tile.first()).unwrap();
                entries_bundle(&bytes[first..first + usize::from(tile.width())]).unwrap()
            }
        };
        folder.0.insert(tile.to_string(), content);
    }
    folder.0.insert(
        CHECKPOINT.to_owned(),
        signer().sign(&tree.head()).into_bytes(),
    );
    assert_eq!(verified(&folder).size, told.entries);
    assert_eq!(
        replayed(&folder, told.entries).unwrap_err().to_string(),
        format!(
            "entry `{n}` (written by engine `test`) differs in `outcome.done[0].consent.by`: expected \"cyd\", found \"ada\""
        )
    );
}

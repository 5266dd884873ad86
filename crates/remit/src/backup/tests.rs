//! Backups of a small real data folder, as they are and with every kind of damage.
use super::*;
use crate::{failure, ports::MachineRandom};
use engine::ports::KeyStore as _;
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;

/// Words that must not come back once they are erased.
const NAME: &str = "Ada Lindqvist of Invoices";

/// A data folder with a log of a few entries and words in it, and the key that verifies it.
struct Office {
    folder: TempDir,
}

impl Office {
    async fn open() -> Self {
        let office = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let data = Data::open(&office.at("data")).unwrap();
        let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/example");
        let (engine, running) = server::start_engine(
            &data,
            crate::config::bundle(&bundle).unwrap(),
            "http://localhost:8080",
            BTreeMap::new(),
        )
        .unwrap();
        let people = format!("[person.p-ada]\nname = \"{NAME}\"\n");
        let people = crate::directory::read(&people, "people.toml").unwrap();
        people.import(&engine).await.unwrap();
        running.stop().await;
        office
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> Data {
        Data::existing(&self.at("data")).unwrap()
    }

    fn create(&self, out: &str, keys: Option<&str>) -> Result<()> {
        let keys = keys.map(|keys| self.at(keys));
        create(&self.data(), &self.at(out), keys.as_deref())
    }

    /// What is said about the backup, and the exit code.
    fn verified(&self, out: &str) -> Result<(), (u8, String)> {
        verify(&self.at(out), &self.at("data/vkey")).map_err(|error| {
            let (exit, problem) = failure::of(&error);
            let told = problem["detail"].as_str().unwrap().to_owned();
            (exit as u8, told)
        })
    }
}

#[tokio::test]
async fn a_backup_verifies_and_is_never_written_over() {
    let office = Office::open().await;
    office.create("b", None).unwrap();
    assert_eq!(office.verified("b"), Ok(()));
    let again = office.create("b", None).unwrap_err().to_string();
    assert!(
        again.ends_with("is there already: name a backup that is new"),
        "{again}"
    );
    let left: Vec<_> = fs::read_dir(office.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<std::ffi::OsString>::new());
}

/// A byte of `file` changed, and put right again afterwards.
fn flipped(office: &Office, file: &Path, at: usize, bit: u8) -> Result<(), (u8, String)> {
    let bytes = fs::read(file).unwrap();
    let mut changed = bytes.clone();
    changed[at] ^= 1 << bit;
    fs::write(file, changed).unwrap();
    let verified = office.verified("b");
    fs::write(file, bytes).unwrap();
    verified
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_a_backup_is_found() {
    let office = Office::open().await;
    office.create("b", None).unwrap();
    for name in [MANIFEST, CHECKPOINT] {
        let file = office.at("b").join(name);
        for at in 0..fs::read(&file).unwrap().len() {
            let found = flipped(&office, &file, at, u8::try_from(at % 8).unwrap());
            let (exit, told) = found.unwrap_err();
            assert_eq!(exit, 8, "byte {at} of `{name}`: {told}");
        }
    }
    let file = office.at("b").join(LOG);
    let length = fs::read(&file).unwrap().len();
    let mut random: u64 = 0x5eed;
    for _ in 0..64 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = usize::try_from(random >> 20).unwrap() % length;
        let found = flipped(&office, &file, at, u8::try_from(at % 8).unwrap());
        assert_eq!(
            found,
            Err((8, "`log.db` is not as it was written".to_owned())),
            "byte {at}"
        );
    }
    assert_eq!(office.verified("b"), Ok(()));
}

/// The backup's log with all of `from` in it replaced by as many bytes, and a manifest to fit; put right again afterwards.
fn rewritten(office: &Office, from: &str, to: &str) -> (u8, String) {
    assert_eq!(from.len(), to.len());
    let folder = office.at("b");
    let (log, manifest) = (folder.join(LOG), folder.join(MANIFEST));
    let (whole, fitting) = (fs::read(&log).unwrap(), fs::read(&manifest).unwrap());
    let mut bytes = whole.clone();
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "`{from}` is in the log");
    fs::write(&log, bytes).unwrap();
    fit(&folder);
    let told = office.verified("b").unwrap_err();
    fs::write(&log, whole).unwrap();
    fs::write(&manifest, fitting).unwrap();
    told
}

#[tokio::test]
async fn what_was_changed_with_a_manifest_to_fit_is_found_by_the_signature() {
    let office = Office::open().await;
    office.create("b", None).unwrap();
    let changes = [
        // a leaf, a bundle, the head
        (
            "\"kind\":\"adopt-genesis\"",
            "\"kind\":\"adopt-general\"",
            "entry 0: its nodes in the tree",
        ),
        ("forbid (", "permit (", "entry 0: its large input "),
        (
            "localhost/remit\n",
            "localhost/timer\n",
            "`checkpoint`, `manifest` and the head",
        ),
    ];
    for (from, to, expected) in changes {
        let (exit, told) = rewritten(&office, from, to);
        assert_eq!(exit, 8, "{from}: {told}");
        assert!(told.starts_with(expected), "{from}: {told}");
    }
    assert_eq!(office.verified("b"), Ok(()));
}

/// Writes a manifest that fits the parts as they are now.
fn fit(folder: &Path) {
    let mut manifest: Manifest = sealed::read(&folder.join(MANIFEST)).unwrap();
    for part in &mut manifest.parts {
        let (bytes, sha256) = digest_of(&folder.join(&part.name), 0, &mut |_, _, _| {}).unwrap();
        (part.bytes, part.sha256) = (bytes, sha256);
    }
    fs::write(
        folder.join(MANIFEST),
        sealed::write(&manifest).unwrap().as_bytes(),
    )
    .unwrap();
}

#[tokio::test]
async fn a_file_beside_the_parts_or_another_key_is_told() {
    let office = Office::open().await;
    office.create("b", None).unwrap();
    fs::write(office.at("b/log.db-wal"), b"").unwrap();
    assert_eq!(
        office.verified("b"),
        Err((8, "`log.db-wal` is not of this backup".to_owned()))
    );
    fs::remove_file(office.at("b/log.db-wal")).unwrap();
    let other = Data::open(&office.at("other")).unwrap();
    let signer = other.signer("localhost/remit", &MachineRandom).unwrap();
    fs::write(office.at("data/vkey"), signer.vkey()).unwrap();
    let (exit, told) = office.verified("b").unwrap_err();
    assert_eq!(exit, 8, "{told}");
    assert!(told.starts_with("`checkpoint`: "), "{told}");
}

#[tokio::test]
async fn keys_are_kept_apart_for_their_owner_alone() {
    let office = Office::open().await;
    office.create("b", Some("keys")).unwrap();
    let file = office.at("keys");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = keys::read(&file).unwrap();
    assert_eq!(*read.checkpoint, *office.data().checkpoint_key().unwrap());
    let key = read.people.keys().find(|(subject, _)| *subject == "p-ada");
    let key = *key.unwrap().1.expose();
    for secret in [key, *read.checkpoint] {
        for entry in fs::read_dir(office.at("b")).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(32).any(|window| window == secret));
        }
    }
    // replaced by the next one, and nothing else ever is
    office.create("c", Some("keys")).unwrap();
    fs::write(office.at("letter"), "dear ada").unwrap();
    let refused = office.create("d", Some("letter")).unwrap_err().to_string();
    assert!(
        refused.ends_with("is there and is no file of keys"),
        "{refused}"
    );
    assert_eq!(fs::read_to_string(office.at("letter")).unwrap(), "dear ada");
}

impl Office {
    fn restore(&self, backup: &str, data: &str, keys: &[&str]) -> Result<()> {
        let keys: Vec<PathBuf> = keys.iter().map(|keys| self.at(keys)).collect();
        restore::run(&restore::Wanted {
            backup: &self.at(backup),
            data: &self.at(data),
            keys: &keys,
            vkey: &self.at("data/vkey"),
        })
    }

    fn start(&self, data: &str) -> Result<(engine::Engine, engine::Running)> {
        let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/example");
        server::start_engine(
            &Data::existing(&self.at(data))?,
            crate::config::bundle(&bundle)?,
            "http://localhost:8080",
            BTreeMap::new(),
        )
    }
}

#[tokio::test]
async fn a_restored_folder_starts_in_quarantine_and_stays_in_it() {
    let office = Office::open().await;
    office.create("b", Some("keys")).unwrap();
    office.restore("b", "new", &["keys"]).unwrap();
    for _ in 0..2 {
        let (engine, running) = office.start("new").unwrap();
        let quarantine = engine.read(|state| state.quarantine.clone()).unwrap();
        let copied = SqliteLog::copied(&office.at("new/log.db")).unwrap();
        assert_eq!(Some(quarantine.copied), copied);
        assert!(engine.keys().key("p-ada").unwrap().is_some());
        running.stop().await;
    }
    // and so does what a hand put there
    fs::create_dir(office.at("by-hand")).unwrap();
    for name in ["checkpoint.key", "vkey"] {
        fs::copy(
            office.at("data").join(name),
            office.at("by-hand").join(name),
        )
        .unwrap();
    }
    fs::copy(office.at("b/log.db"), office.at("by-hand/log.db")).unwrap();
    let (engine, running) = office.start("by-hand").unwrap();
    assert!(engine.read(|state| state.quarantine.is_some()));
    running.stop().await;
    let (engine, running) = office.start("data").unwrap();
    assert!(engine.read(|state| state.quarantine.is_none()));
    running.stop().await;
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_under(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[tokio::test]
async fn a_backup_older_than_an_erasure_does_not_bring_the_words_back() {
    let office = Office::open().await;
    office.create("b", Some("before")).unwrap();
    let keys = store::SqliteKeys::open(&office.data().keys()).unwrap();
    keys.erase("p-ada", domain::time::Timestamp(1)).unwrap();
    drop(keys);
    office.create("c", Some("after")).unwrap();
    for (data, files) in [
        ("newest", vec!["after"]),
        ("both", vec!["before", "after"]),
        ("turned", vec!["after", "before"]),
    ] {
        office.restore("b", data, &files).unwrap();
        let (engine, running) = office.start(data).unwrap();
        assert!(engine.keys().key("p-ada").unwrap().is_none(), "{data}");
        running.stop().await;
        let found = files_under(&office.at(data)).iter().any(|file| {
            let bytes = fs::read(file).unwrap();
            bytes
                .windows(NAME.len())
                .any(|window| window == NAME.as_bytes())
        });
        assert!(!found, "{data}");
    }
}

#[tokio::test]
async fn nothing_is_restored_over_a_folder_from_a_changed_backup_or_with_other_keys() {
    let office = Office::open().await;
    office.create("b", Some("keys")).unwrap();
    let taken = office.restore("b", "data", &[]).unwrap_err().to_string();
    assert!(
        taken.ends_with("name a folder that is new or empty"),
        "{taken}"
    );

    let mut other: serde_json::Value = sealed::read(&office.at("keys")).unwrap();
    other["checkpoint_key"] = "07".repeat(32).into();
    fs::write(
        office.at("other"),
        sealed::write(&other).unwrap().as_bytes(),
    )
    .unwrap();
    let refused = office
        .restore("b", "new", &["other"])
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "the keys are those of another log than the backup's"
    );
    let mixed = office
        .restore("b", "new", &["keys", "other"])
        .unwrap_err()
        .to_string();
    assert!(
        mixed.ends_with("holds the keys of another log than the files before it"),
        "{mixed}"
    );

    let log = office.at("b/log.db");
    let mut bytes = fs::read(&log).unwrap();
    bytes[5_000] ^= 1;
    fs::write(&log, bytes).unwrap();
    let changed = office.restore("b", "new", &["keys"]).unwrap_err();
    assert_eq!(failure::of(&changed).0 as u8, 8);
    assert!(!office.at("new").exists());
    let left = fs::read_dir(office.folder.path()).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with('.')
    });
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_log_is_not_served_without_the_key_that_signed_it() {
    let office = Office::open().await;
    office.create("b", None).unwrap();
    office.restore("b", "new", &[]).unwrap();
    let refused = office.start("new").unwrap_err().to_string();
    assert!(refused.contains("`checkpoint.key` is missing"), "{refused}");
    assert!(!office.at("new/checkpoint.key").exists());
}

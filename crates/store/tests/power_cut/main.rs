//! Writes that a power cut loses, tears and re-orders, under the real files of a real engine.
//!
//! A process lives a short life in a folder, and a small library in front of the C library writes down each access to its files.
//! Then the power is cut at hundreds of places of that life, before and after a sync and anywhere between: what was synced is there,
//! and of the rest any part. Each time the log opens, holds everything that was acknowledged and nothing half, and its checkpoint
//! verifies; every few times an engine starts on it, does a next command, and the doctor has nothing to say.
//!
//! A failure says how it is repeated: `REMIT_TEST_TRACE` names the folder with the life as it was lived, `REMIT_TEST_SEED` the seed.
//! `REMIT_TEST_CUTS` says another number of cuts.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod disk;
mod life;

use disk::{Access, Dice, Disk, accesses};
use life::{ACKNOWLEDGED, Expected};
use std::{
    fmt::Debug,
    fs,
    hash::{BuildHasher as _, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Moments at which the power is cut.
const CUTS: usize = 160;
/// After one in so many cuts an engine starts on what is left, and everything is looked through.
const STARTS_EVERY: usize = 10;
/// The test that is started again as the process that lives.
const LIVES: &str = "after_every_power_cut_everything_acknowledged_is_there_and_nothing_half";

/// A life as it was lived.
struct Lived {
    folder: PathBuf,
    accesses: Vec<Access>,
    expected: Expected,
}

impl Lived {
    /// Lives one in `folder`, unless one was lived there.
    fn of(folder: &Path) -> Self {
        let (data, trace) = (folder.join("data"), folder.join("trace"));
        if !trace.exists() {
            fs::create_dir(&data).unwrap();
            let library = folder.join("traced.so");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_cut/traced.c");
            let mut compile = Command::new("cc");
            compile.args(["-O1", "-shared", "-fPIC", "-o"]);
            compile.arg(&library).arg(source).arg("-ldl");
            assert!(compile.status().unwrap().success());
            let mut child = Command::new(std::env::current_exe().unwrap());
            child
                .args(["--exact", LIVES])
                .env("LD_PRELOAD", library)
                .env("TRACED_FOLDER", data.canonicalize().unwrap())
                .env("TRACED_INTO", &trace);
            let lived = child.output().unwrap();
            assert!(lived.status.success(), "{lived:?}");
        }
        let expected = Expected::of(&data);
        Self {
            folder: folder.to_owned(),
            accesses: accesses(&fs::read(trace).unwrap()),
            expected,
        }
    }

    /// As many moments as were asked for, in order: right before a sync, right after it, or anywhere.
    fn moments(&self, seed: u64) -> Vec<usize> {
        let synced = |access: &Access| matches!(access, Access::Synced(_));
        let syncs: Vec<usize> = (0..self.accesses.len())
            .filter(|n| synced(&self.accesses[*n]))
            .collect();
        let mut dice = Dice::new(seed);
        let mut moments: Vec<usize> = (0..asked("REMIT_TEST_CUTS").unwrap_or(CUTS))
            .map(|_| match dice.below(3) {
                0 => syncs[dice.below(syncs.len())],
                1 => syncs[dice.below(syncs.len())] + 1,
                _ => dice.below(self.accesses.len()),
            })
            .collect();
        moments.sort_unstable();
        moments
    }

    /// Cuts the power at each of these moments, on a disk that heeds these accesses, and hands what is left to `look`, with how many
    /// entries were acknowledged before.
    ///
    /// # Errors
    /// What `look` finds wrong first, after which access.
    fn cut(
        &self,
        seed: u64,
        heeded: impl Fn(&Access) -> bool,
        mut look: impl FnMut(&Path, u64) -> Result<(), String>,
    ) -> Result<(), (usize, String)> {
        let mut disk = Disk::default();
        let (mut done, mut acknowledged) = (0, 0);
        for (n, moment) in self.moments(seed).into_iter().enumerate() {
            for access in &self.accesses[done..moment] {
                match access {
                    Access::Made(path) | Access::Cut(path, _) if path == ACKNOWLEDGED => {}
                    Access::Written(path, _, bytes) if path == ACKNOWLEDGED => {
                        acknowledged = String::from_utf8_lossy(bytes).parse().unwrap();
                    }
                    access if heeded(access) => disk.apply(access),
                    _ => {}
                }
            }
            done = moment;
            let mut dice = Dice::new(seed.wrapping_add(n as u64 + 1));
            let left = self.left(&disk, &mut dice);
            look(left.path(), acknowledged).map_err(|what| (moment, what))?;
        }
        Ok(())
    }

    /// The folder after the power was cut.
    fn left(&self, disk: &Disk, dice: &mut Dice) -> TempDir {
        let left = tempfile::tempdir().unwrap();
        for (path, bytes) in disk.after_a_power_cut(dice) {
            let path = left.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        // it is as it was: writing it anew for every cut takes its time
        let reserve = self.folder.join("data/reserve.bin");
        fs::hard_link(reserve, left.path().join("reserve.bin")).unwrap();
        left
    }
}

/// The number that the environment says, if it says one.
fn asked<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    let asked = std::env::var_os(name)?;
    Some(asked.to_str().unwrap().parse().unwrap())
}

/// What is wrong with what a server finds when it starts on it, if anything.
fn trouble(left: &Path, expected: &Expected) -> Result<(), String> {
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(life::goes_on(left, expected))
    }));
    looked.unwrap_or_else(|_| Err("it doesn't start".to_owned()))
}

#[test]
fn after_every_power_cut_everything_acknowledged_is_there_and_nothing_half() {
    if let Some(data) = std::env::var_os("TRACED_FOLDER") {
        return Runtime::new()
            .unwrap()
            .block_on(life::live(Path::new(&data)));
    }
    let folder = tempfile::tempdir().unwrap();
    let again: Option<PathBuf> = asked("REMIT_TEST_TRACE");
    let lived = Lived::of(again.as_deref().unwrap_or(folder.path()));
    let begun = lived
        .accesses
        .iter()
        .filter(|access| matches!(access, Access::Written(path, 0, _) if path == "log.db-wal"));
    assert!(
        begun.count() > 2 * usize::try_from(life::STARTS).unwrap(),
        "the write-ahead file was never begun anew"
    );
    let seed = asked("REMIT_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let (mut latest, mut cuts) = (0, 0);
    let cut = lived.cut(
        seed,
        |_| true,
        |left, acknowledged| {
            latest = acknowledged;
            cuts += 1;
            lived.expected.in_log(left, acknowledged)?;
            if cuts % STARTS_EVERY == 0 {
                trouble(left, &lived.expected)?;
            }
            Ok(())
        },
    );
    if let Err((moment, what)) = cut {
        let kept = again.unwrap_or_else(|| folder.keep());
        unreachable!(
            "{what}, when the power is cut after {moment} accesses of {}; `REMIT_TEST_TRACE={} REMIT_TEST_SEED={seed} cargo test -p store --test power_cut {LIVES}` repeats it",
            lived.accesses.len(),
            kept.display()
        );
    }
    assert!(
        latest > lived.expected.entries() / 2,
        "it was cut early only: {latest}"
    );
}

/// Syncs that a disk doesn't heed, or that were never asked for, are missed.
#[test]
fn a_sync_that_is_left_out_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let lived = Lived::of(folder.path());
    for file in ["log.db-wal", "log.db", ""] {
        let heeded = |access: &Access| !matches!(access, Access::Synced(path) if path == file);
        let look = |left: &Path, acknowledged| lived.expected.in_log(left, acknowledged);
        let missed = lived.cut(1, heeded, look);
        assert!(missed.is_err(), "nobody misses the syncs of `{file}`");
    }
}

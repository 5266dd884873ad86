//! The power is cut while a server starts for the first time: what was told as done is there, the keys with it, and whatever was not
//! done is done when it is asked for again. `REMIT_TEST_SEED` repeats the cuts of a seed that a failure told.
#![cfg(all(feature = "real-platforms", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]

#[path = "../../store/tests/power_cut/disk.rs"]
mod disk;
mod support;

use disk::{Access, Dice, Disk, accesses};
use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    path::{Path, PathBuf},
    process::Command,
};
use support::{Home, faulty::compiled, remit, run};

/// Moments at which the power is cut; `REMIT_TEST_CUTS` says another number.
const CUTS: usize = 18;

/// A first start, and each access of it to the data folder.
struct Start {
    home: Home,
    trace: PathBuf,
}

impl Start {
    fn new() -> Self {
        let home = Home::new("", "", "");
        let trace = home.path("trace");
        fs::rename(home.path("data"), home.path("before")).unwrap();
        fs::create_dir(home.path("data")).unwrap();
        compiled(
            "../../../store/tests/power_cut/traced.c",
            &home.path("traced.so"),
        );
        Self { home, trace }
    }

    fn traced(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let data = self.home.path("data").canonicalize().unwrap();
        vec![
            ("LD_PRELOAD", path(&self.home.path("traced.so"))),
            ("TRACED_FOLDER", path(&data)),
            ("TRACED_INTO", path(&self.trace)),
        ]
    }

    fn import(&self) -> Command {
        let mut import = remit();
        import
            .args(["directory", "import"])
            .arg(self.home.path("people.toml"))
            .arg("--config")
            .arg(self.home.path("remit.toml"));
        import
    }

    fn accesses(&self) -> Vec<Access> {
        accesses(&fs::read(&self.trace).unwrap())
    }

    /// Puts what a power cut left in the place of the data folder.
    fn put(&self, disk: &Disk, dice: &mut Dice) {
        let data = self.home.path("data");
        fs::remove_dir_all(&data).unwrap();
        fs::create_dir(&data).unwrap();
        for (path, bytes) in disk.after_a_power_cut(dice) {
            let path = data.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        // it is as it was: writing it anew for every cut takes its time
        let reserve = self.home.path("before").join("reserve.bin");
        fs::hard_link(reserve, data.join("reserve.bin")).unwrap();
    }
}

fn said(command: &mut Command, when: &str) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{when}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_in_a_first_start_takes_nothing_that_was_told_as_done() {
    let start = Start::new();
    run(start.import().envs(start.traced()));
    let imported = start.accesses().len();
    start
        .home
        .try_serve(&start.traced())
        .await
        .unwrap()
        .kill_now();
    let accesses = start.accesses();
    let seed = std::env::var_os("REMIT_TEST_SEED").map_or_else(
        || RandomState::new().hash_one(0),
        |seed| seed.to_str().unwrap().parse().unwrap(),
    );
    let cuts = std::env::var_os("REMIT_TEST_CUTS");
    let cuts = cuts.map_or(CUTS, |cuts| cuts.to_str().unwrap().parse().unwrap());
    let mut dice = Dice::new(seed);
    for cut in 0..cuts {
        // one in three after everything was told as done
        let moment = match cut % 3 {
            0 => imported + dice.below(accesses.len() - imported),
            _ => dice.below(imported),
        };
        let mut disk = Disk::default();
        for access in &accesses[..moment] {
            disk.apply(access);
        }
        start.put(&disk, &mut dice);
        let when = format!(
            "cut after {moment} of {} accesses, seed {seed}",
            accesses.len()
        );
        let again = said(&mut start.import(), &when);
        if moment >= imported {
            assert!(
                again.starts_with("0 facts put on record"),
                "{when}: {again}"
            );
        }
        let mut doctor = remit();
        doctor
            .arg("doctor")
            .arg("--data")
            .arg(start.home.path("data"));
        said(&mut doctor, &when);
    }
}

//! The library in front of the C library that makes accesses to files go wrong and turns the wall clock, and how it is spoken to.
use super::{Home, run};
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Seconds by which the clocks of these tests are turned.
pub const TEN_YEARS: i64 = 10 * 365 * 24 * 3_600;

/// Compiles one of the libraries beside this file.
pub fn compiled(source: &str, into: &Path) {
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    run(Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .arg(into)
        .arg(support.join(source))
        .arg("-ldl"));
}

/// The library for the server of one home, and the file through which it is spoken to.
pub struct Faulty {
    shim: PathBuf,
    state: PathBuf,
    folder: PathBuf,
}

impl Faulty {
    pub fn of(home: &Home) -> Self {
        let (shim, state) = (home.path("faulty.so"), home.path("faulty"));
        compiled("faulty.c", &shim);
        fs::write(&state, [0; 24]).unwrap();
        let folder = home.path("data").canonicalize().unwrap();
        Self {
            shim,
            state,
            folder,
        }
    }

    /// What a process is started with for nothing to go wrong yet.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        self.failing("", ("", 0))
    }

    /// The same, with an access that goes wrong in this way: the so-maniest to a file whose name begins so, counted from here.
    pub fn failing(&self, how: &str, (file, at): (&str, i64)) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        self.set(0, 0);
        vec![
            ("LD_PRELOAD", path(&self.shim)),
            ("FAULTY_STATE", path(&self.state)),
            ("FAULTY_FOLDER", format!("{}/{file}", path(&self.folder))),
            ("FAULTY_HOW", how.to_owned()),
            ("FAULTY_AT", at.to_string()),
        ]
    }

    /// How many accesses there were.
    pub fn accesses(&self) -> i64 {
        let state = fs::read(&self.state).unwrap();
        i64::from_ne_bytes(state[..8].try_into().unwrap())
    }

    /// The wall clock is wrong by so much from now on, in a server that runs as well.
    pub fn turn_clock(&self, seconds: i64) {
        self.set(1, seconds);
    }

    /// From now on nothing more goes on the disk than what is given up of it.
    pub fn fill_disk(&self) {
        self.set(2, 1);
    }

    /// There is room again, as much as one likes.
    pub fn empty_disk(&self) {
        self.set(2, 0);
    }

    fn set(&self, which: u64, number: i64) {
        let state = fs::OpenOptions::new()
            .write(true)
            .open(&self.state)
            .unwrap();
        state
            .write_all_at(&number.to_ne_bytes(), which * 8)
            .unwrap();
    }
}

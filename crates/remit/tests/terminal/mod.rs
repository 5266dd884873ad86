//! The real program at a real demo on a free port, with somebody signed in for each role: what the tests of the command line share.
#![expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its own part, and a test that can't go on panics: that is how it reports"
)]
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Who is signed in.
const PEOPLE: [&str; 6] = [
    "a-lindqvist",
    "d-moreau",
    "r-haddad",
    "m-sato",
    "t-weiss",
    "o-danso",
];

/// This program, with nothing of the surroundings that would change what it says.
pub fn remit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remit"));
    bare(&mut command);
    command
}

fn bare(command: &mut Command) {
    let kept = ["PATH", "HOME", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"];
    let kept = kept
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let kept: Vec<_> = kept.collect();
    command
        .env_clear()
        .envs(kept)
        .env("TZ", "Europe/Berlin")
        .stdin(Stdio::null());
}

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `command` to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running demo; ends with the test.
pub struct Demo {
    pub process: Child,
    pub url: String,
    folder: TempDir,
}

impl Demo {
    /// Starts it, and signs everybody in.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = remit()
            .args(["demo", "--port", "0", "--data"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let url = lines
            .find_map(|line| Some(line.split_once("Portal")?.1.trim().to_owned()))
            .unwrap_or_else(|| panic!("the demo ended without saying where its portal is"));
        let demo = Self {
            process,
            url,
            folder,
        };
        for account in PEOPLE {
            let signed_in = ran(remit()
                .args(["login", account, "--server", &demo.url, "--save"])
                .arg(demo.token_file(account)));
            assert_eq!(signed_in.code, 0, "{signed_in:?}");
        }
        fs::copy(demo.path("data/vkey"), demo.path("vkey")).unwrap();
        demo
    }

    /// A file in the folder where commands run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn token_file(&self, account: &str) -> PathBuf {
        self.path(&format!("{account}.token"))
    }

    /// `command` as somebody who is signed in.
    pub fn signed_in(&self, command: &mut Command, account: &str) {
        bare(command);
        command
            .current_dir(self.folder.path())
            .env("REMIT_SERVER", &self.url)
            .env("REMIT_TOKEN_FILE", self.token_file(account));
    }

    /// `remit WORDS` as `account`; no word holds a blank.
    pub fn remit(&self, account: &str, words: &str) -> Ran {
        self.remit_with(account, &words.split_whitespace().collect::<Vec<_>>())
    }

    /// The same with words that do.
    pub fn remit_with(&self, account: &str, words: &[&str]) -> Ran {
        let mut command = remit();
        self.signed_in(&mut command, account);
        ran(command.args(words))
    }

    /// A line as somebody types it into a shell, and everything it shows.
    pub fn typed(&self, account: &str, line: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_remit")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let mut command = Command::new("sh");
        self.signed_in(&mut command, account);
        let shown = ran(command
            .env("PATH", format!("{}:{}", program.display(), path.display()))
            .args(["-c", &format!("exec 2>&1; {line}")]));
        shown.out.replace('\r', "")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

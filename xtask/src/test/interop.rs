//! Exported logs, verified by a program in Go that uses the tlog and note packages of Go's checksum database: the formats are what the
//! specifications say, not only what our reader takes them for. Spoiled ones are refused.
use crate::{
    install,
    remit::{self, Demo},
    shell, tree,
};
use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Sizes around the edges of tiles, and one with three levels of them.
const SIZES: &[u32] = &[1, 2, 255, 256, 257, 700, 66_000];

/// Builds logs, has them verified, spoils them and has them refused.
///
/// # Errors
/// When a good log is refused or a spoiled one isn't.
pub(super) fn run() -> Result<()> {
    let verifier = Verifier::build()?;
    let folder = tree::fresh_folder("target/interop")?;
    for size in SIZES {
        let log = sample(&folder, *size)?;
        verifier.holds(&log)?;
    }
    let log = sample(&folder, 300)?;
    for (file, byte) in [
        ("checkpoint", 20),
        ("cosigned", 20),
        ("cosigned", 190),
        ("tile/0/000", 70),
        ("tile/0/001.p/44", 70),
        ("tile/1/000.p/1", 3),
        ("tile/entries/000", 90),
        ("tile/entries/001.p/44", 1_000),
    ] {
        verifier.refuses(&log, file, byte)?;
    }
    real_log(&verifier, &folder)
}

/// The log that a server writes, exported while it runs.
fn real_log(verifier: &Verifier, folder: &Path) -> Result<()> {
    let demo = Demo::start("interop")?;
    let out = folder.join("real");
    let mut export = Command::new(remit::binary()?);
    export.args(["ledger", "export", "--data"]).arg(demo.data());
    shell::run_quietly(export.arg("--out").arg(&out))?;
    let vkey = demo.data().join("vkey");
    let told = shell::run_quietly(&mut verifier.command(&out, &vkey, &[]))?;
    shell::say(&format!("a server's log: {}", told.trim()));
    Ok(())
}

/// A log with its keys.
struct Log {
    folder: PathBuf,
    witnesses: [PathBuf; 2],
}

fn sample(folder: &Path, size: u32) -> Result<Log> {
    let folder = folder.join(size.to_string());
    let mut command = Command::new("cargo");
    command
        .args(["run", "--locked", "--quiet", "--package", "ledger"])
        .args(["--example", "sample_log", "--"])
        .arg(&folder)
        .arg(size.to_string())
        .current_dir(tree::root());
    shell::run_quietly(&mut command)?;
    Ok(Log {
        witnesses: ["w1", "w2"].map(|name| folder.with_extension(name)),
        folder,
    })
}

/// The program in Go, built.
struct Verifier {
    program: PathBuf,
}

impl Verifier {
    fn build() -> Result<Self> {
        let program = tree::tools().join("interop/verify");
        let source = tree::root().join("tests/interop/verify.go");
        let mut go = Command::new(install::go()?);
        // Debian's packages lie in a folder of their own; nothing is fetched
        go.args(["build", "-o"])
            .arg(&program)
            .arg(source)
            .env("GO111MODULE", "off")
            .env("GOPATH", "/usr/share/gocode")
            .env("GOCACHE", tree::tools().join("go-cache"))
            .env_remove("GOFLAGS");
        shell::run_quietly(&mut go)?;
        Ok(Self { program })
    }

    fn command(&self, folder: &Path, vkey: &Path, witnesses: &[PathBuf]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(folder).arg(vkey).args(witnesses);
        command
    }

    fn holds(&self, log: &Log) -> Result<()> {
        let vkey = log.folder.join("vkey");
        let told = shell::run_quietly(&mut self.command(&log.folder, &vkey, &log.witnesses))?;
        shell::say(told.trim());
        Ok(())
    }

    /// One bit of one file is turned, and turned back.
    fn refuses(&self, log: &Log, file: &str, byte: usize) -> Result<()> {
        let (path, vkey) = (log.folder.join(file), log.folder.join("vkey"));
        let good = fs::read(&path).with_context(|| format!("`{}`", path.display()))?;
        let mut spoiled = good.clone();
        *spoiled
            .get_mut(byte)
            .with_context(|| format!("`{file}` has no byte {byte}"))? ^= 1;
        fs::write(&path, spoiled)?;
        let told = shell::run_quietly(&mut self.command(&log.folder, &vkey, &log.witnesses));
        fs::write(&path, good)?;
        ensure!(
            told.is_err(),
            "a bit of byte {byte} in `{file}` was turned, and the log was still taken for good"
        );
        Ok(())
    }
}

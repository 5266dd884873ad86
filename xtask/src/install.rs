//! What the suites need besides cargo, installed once: it is said what and why, and a second run installs nothing.
//!
//! Debian's packages go where Debian puts them (that takes root); everything else goes under `target/tools`.
use crate::{shell, tree};
use anyhow::{Context as _, Result, bail};
use std::{fs, path::PathBuf, process::Command};

const NODE: &[&str] = &["nodejs", "npm"];
const PYTHON: &[&str] = &["python3", "python3-venv"];
const POSTGRES: &[&str] = &["postgresql-15", "postgresql-15-pgaudit"];
const RSYSLOG: &[&str] = &["rsyslog", "rsyslog-gnutls"];
const GO: &[&str] = &["golang-1.19-go", "golang-golang-x-mod-dev"];
const MUTANTS: &str = "27.1.0";
const CHROMIUM: &[&str] = &["chromium", "fonts-liberation"];

/// Debian's PostgreSQL 15 with pgaudit; answers with the folder of its programs.
///
/// Only the programs are used: the tests start clusters of their own in temporary folders.
///
/// # Errors
/// When the packages can't be installed.
pub(crate) fn postgres() -> Result<PathBuf> {
    apt(
        POSTGRES,
        "the tests of temporary database roles talk to a real server and read its audit log",
    )?;
    Ok(PathBuf::from("/usr/lib/postgresql/15/bin"))
}

/// Debian's rsyslog with TLS.
///
/// Only the program is used: the tests start it with configurations of their own.
///
/// # Errors
/// When the packages can't be installed.
pub(crate) fn rsyslog() -> Result<()> {
    apt(
        RSYSLOG,
        "the heads of the log are told to a real collector of a SIEM",
    )
}

/// Node-RED; answers with its start script.
///
/// # Errors
/// When Node.js or the packages can't be installed.
pub(crate) fn node_red() -> Result<PathBuf> {
    let packages = npm(
        "tests/platforms",
        "the gateway's tests govern a real Node-RED",
    )?;
    Ok(packages.join("node-red/red.js"))
}

/// Debian's Go with the packages of its checksum database; answers with its program.
///
/// # Errors
/// When the packages can't be installed.
pub(crate) fn go() -> Result<PathBuf> {
    apt(
        GO,
        "exported logs are verified by Go's packages, which share no code with ours",
    )?;
    Ok(PathBuf::from("/usr/lib/go-1.19/bin/go"))
}

/// Debian's Chromium; answers with its program.
///
/// # Errors
/// When the packages can't be installed.
pub(crate) fn chromium() -> Result<PathBuf> {
    apt(
        CHROMIUM,
        "the portal's pages are looked at in a real browser",
    )?;
    Ok(PathBuf::from("/usr/bin/chromium"))
}

/// What drives the browser; answers with the folder of the packages.
///
/// # Errors
/// When Node.js or the packages can't be installed.
pub(crate) fn browser_driver() -> Result<PathBuf> {
    npm(
        "tests/browser",
        "drives the browser and checks accessibility",
    )
}

/// Schemathesis in a Python of its own; answers with that Python.
///
/// # Errors
/// When Python or the packages can't be installed.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let place = tree::tools().join("hostile");
    let python = place.join("bin/python");
    let wanted = fs::read_to_string(tree::root().join("tests/hostile/requirements.txt"))?;
    let stamp = place.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let has_venv =
        shell::run_quietly(Command::new("python3").args(["-m", "ensurepip", "--version"]));
    if has_venv.is_err() {
        apt(PYTHON, "schemathesis is a Python program")?;
    }
    shell::say(
        "installing schemathesis under target/tools/hostile: it sends hostile input to the API",
    );
    shell::run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    shell::run_quietly(
        Command::new(place.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(tree::root().join("tests/hostile/requirements.txt")),
    )?;
    fs::write(&stamp, wanted)?;
    Ok(python)
}

/// Installs exactly what the lock file in `sources` names, once per lock file; answers with the packages' folder.
///
/// # Errors
/// When Node.js or the packages can't be installed.
pub(crate) fn npm(sources: &str, why: &str) -> Result<PathBuf> {
    node()?;
    let from = tree::root().join(sources);
    let place = tree::tools().join(sources);
    let packages = place.join("node_modules");
    let lock = fs::read(from.join("package-lock.json")).with_context(|| format!("`{sources}`"))?;
    let stamp = packages.join("installed-from-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(packages);
    }
    shell::say(&format!(
        "installing the packages of {sources} under target/tools: {why}"
    ));
    fs::create_dir_all(&place)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(from.join(name), place.join(name))?;
    }
    shell::run_quietly(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--omit=optional"])
            .current_dir(&place),
    )?;
    fs::write(&stamp, lock)?;
    Ok(packages)
}

/// What changes code to see whether a test fails; answers with its program.
///
/// # Errors
/// When it can't be built.
pub(crate) fn mutants() -> Result<PathBuf> {
    let place = tree::tools().join("mutants");
    let program = place.join("bin/cargo-mutants");
    let told = Command::new(&program)
        .args(["mutants", "--version"])
        .output();
    let version = told.map_or_else(|_| Vec::new(), |output| output.stdout);
    if String::from_utf8_lossy(&version).trim() == format!("cargo-mutants {MUTANTS}") {
        return Ok(program);
    }
    shell::say(
        "installing cargo-mutants under target/tools/mutants: it changes the code of the rules, to see that a test fails",
    );
    shell::run_quietly(
        Command::new("cargo")
            .args([
                "install",
                "--quiet",
                "--locked",
                "--debug",
                "--version",
                MUTANTS,
            ])
            .args(["cargo-mutants", "--root"])
            .arg(&place),
    )?;
    Ok(program)
}

fn node() -> Result<()> {
    if shell::answers("node", &["--version"]) && shell::answers("npm", &["--version"]) {
        return Ok(());
    }
    apt(NODE, "the browser's driver and Node-RED run on Node.js")
}

/// Installs those of the Debian packages that aren't there.
fn apt(packages: &[&str], why: &str) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !is_root()? {
        bail!("needs Debian's {names}; as root: apt-get install --no-install-recommends {names}");
    }
    shell::say(&format!("installing Debian's {names}: {why}"));
    shell::run_quietly(Command::new("apt-get").args(["--quiet", "update"]))?;
    shell::run_quietly(
        Command::new("apt-get")
            .args(["install", "--quiet", "--yes", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    Ok(())
}

fn is_installed(package: &str) -> bool {
    let asked = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output();
    asked.is_ok_and(|output| output.stdout == b"installed")
}

fn is_root() -> Result<bool> {
    let id = shell::run_quietly(Command::new("id").arg("--user"))?;
    Ok(id.trim() == "0")
}

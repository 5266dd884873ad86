//! The table of suites, in the order in which they run: the quickest to fail comes first.
use super::{Suite, interop};
use crate::{
    assets, install,
    remit::{self, Demo},
    shell,
    soak::{self, Soak},
    tidy, tree,
};
use anyhow::{Result, bail};
use std::process::Command;

/// Every suite whose files exist.
pub(super) const SUITES: &[Suite] = &[
    Suite {
        name: "fmt",
        shows: "the code is formatted",
        needs: || Ok(()),
        run: fmt,
    },
    Suite {
        name: "clippy",
        shows: "no lint has anything to say",
        needs: || Ok(()),
        run: clippy,
    },
    Suite {
        name: "unit",
        shows: "every rule, room by room, on nothing but cargo",
        needs: || Ok(()),
        run: unit,
    },
    Suite {
        name: "tidy",
        shows: "the rules of the house, and every documented path and command",
        needs: || Ok(()),
        run: || tidy::run(false),
    },
    Suite {
        name: "doc",
        shows: "the code's documentation builds and its links lead somewhere",
        needs: || Ok(()),
        run: doc,
    },
    Suite {
        name: "assets",
        shows: "the portal's style sheet and scripts are what the pinned packages give",
        needs: || assets::packages().map(drop),
        run: || assets::run(true),
    },
    Suite {
        name: "real",
        shows: "a real PostgreSQL and a real Node-RED, governed; real witnesses and a real collector of a SIEM, told",
        needs: || {
            install::postgres()?;
            install::rsyslog()?;
            install::node_red().map(drop)
        },
        run: || tests_on_real_platforms("real_*", &|_| {}),
    },
    Suite {
        name: "crash",
        shows: "killed a hundred times under load: nothing acknowledged is lost or done twice, no role is orphaned; and power cuts in a first start",
        needs: || install::postgres().map(drop),
        run: || tests_on_real_platforms("crash_*", &|_| {}),
    },
    Suite {
        name: "soak",
        shows: "two minutes of made-up lives: disks, networks, platforms, clocks and copies fail as a seed says",
        needs: || Ok(()),
        run: || soak::run(&Soak::Seconds(120), None, false),
    },
    Suite {
        name: "tour",
        shows: "the whole life of a grant through the public API, then verified and replayed",
        needs: || Ok(()),
        run: tour,
    },
    Suite {
        name: "interop",
        shows: "exported logs verified, and spoiled ones refused, by Go's packages for such logs",
        needs: || install::go().map(drop),
        run: interop::run,
    },
    Suite {
        name: "browser",
        shows: "every page in a real browser, and a grant's life clicked through by three persons",
        needs: || install::browser_driver().and(install::chromium()).map(drop),
        run: browser,
    },
    Suite {
        name: "hostile",
        shows: "input made to break the API, as three kinds of person",
        needs: || install::schemathesis().map(drop),
        run: hostile,
    },
];

/// Compiles the tests that need real platforms.
const REAL_PLATFORMS: &str = "remit/real-platforms";

/// Readers of the code's documentation read private items too.
const RUSTDOC_FLAGS: &str = "--deny warnings --allow rustdoc::private_intra_doc_links";

/// Cargo in the top folder, with the lock file as it is.
fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(words).current_dir(tree::root());
    command
}

fn fmt() -> Result<()> {
    shell::run(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let mut command = cargo(&["clippy", "--locked", "--quiet", "--workspace"]);
    command.args(["--all-targets", "--features", REAL_PLATFORMS]);
    shell::run(command.args(["--", "--deny", "warnings"]))
}

fn unit() -> Result<()> {
    shell::run(cargo_tests().arg("--no-fail-fast"))
}

/// The workspace's tests by nextest where it is installed, else by cargo itself.
fn cargo_tests() -> Command {
    if shell::answers("cargo", &["nextest", "--version"]) {
        return cargo(&[
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--status-level=fail",
        ]);
    }
    cargo(&["test", "--locked", "--quiet", "--workspace"])
}

/// The integration tests whose file name fits `pattern`; they exist under the feature `real-platforms` only,
/// so that no plain `cargo test` passes over them in silence. `told` adds what else they are to know.
pub(crate) fn tests_on_real_platforms(pattern: &str, told: &dyn Fn(&mut Command)) -> Result<()> {
    let mut command = cargo_tests();
    command
        .args(["--features", REAL_PLATFORMS, "--test", pattern])
        .env("REMIT_TEST_PG_BIN", install::postgres()?)
        .env("REMIT_TEST_NODE_RED", install::node_red()?);
    told(&mut command);
    shell::run(&mut command)
}

fn tour() -> Result<()> {
    let data = tree::fresh_folder("target/tour")?;
    let mut command = Command::new(remit::binary()?);
    command.args(["demo", "--tour", "--data"]).arg(data);
    shell::run(&mut command)
}

/// One file after another: they share a demo and a machine of two cores.
fn browser() -> Result<()> {
    let demo = Demo::start("browser")?;
    let folder = tree::root().join("tests/browser");
    let chromium = install::chromium()?;
    let driver = install::browser_driver()?;
    let shots = tree::fresh_folder("target/shots")?;
    let tests = tree::files_below(&folder)?
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"));
    let mut failed = Vec::new();
    for test in tests {
        let mut command = Command::new("node");
        command
            .arg("--test")
            .arg(&test)
            .current_dir(&folder)
            .env("REMIT_TEST_URL", demo.url())
            .env("REMIT_TEST_CHROMIUM", &chromium)
            .env("REMIT_TEST_DRIVER", &driver)
            .env("REMIT_TEST_SHOTS", &shots);
        if let Err(error) = shell::run(&mut command) {
            failed.push(format!("{error:#}"));
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}

fn hostile() -> Result<()> {
    let demo = Demo::start("hostile")?;
    let mut command = Command::new(install::schemathesis()?);
    command
        .arg("run.py")
        .arg(demo.url())
        .args(["a-lindqvist", "m-sato", "o-danso"])
        .current_dir(tree::root().join("tests/hostile"));
    shell::run(&mut command)
}

fn doc() -> Result<()> {
    let mut command = cargo(&[
        "doc",
        "--locked",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    shell::run(command.env("RUSTDOCFLAGS", RUSTDOC_FLAGS))?;
    shell::run(&mut cargo(&[
        "test",
        "--locked",
        "--quiet",
        "--workspace",
        "--doc",
    ]))
}

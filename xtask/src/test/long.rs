//! The suites that take long: they run with `--all`, or by their names.
use super::{Suite, tests_on_real_platforms};
use crate::{install, shell, tree};
use anyhow::{Context as _, Result, bail};
use std::{fs, process::Command};

/// Every suite of the long tier.
pub(super) const LONG: &[Suite] = &[
    Suite {
        name: "models",
        shows: "every interleaving of consent within wider bounds than the plain tests have time for",
        needs: || Ok(()),
        run: models,
    },
    Suite {
        name: "fuzz",
        shows: "every parser of outside bytes, on ten seconds each of what a fuzzer makes up",
        needs: || Ok(()),
        run: fuzz,
    },
    Suite {
        name: "faults",
        shows: "fifty accesses of a server to its disk failing in each way, and a thousand power cuts",
        needs: || install::postgres().map(drop),
        run: faults,
    },
];

/// By cargo itself: a search may take longer than any single test is allowed to elsewhere.
fn models() -> Result<()> {
    let words = [
        "test",
        "--locked",
        "--quiet",
        "--package=domain",
        "--features=long-models",
        "--test=model_*",
        "--",
        "--show-output",
        "long_",
    ];
    shell::run(Command::new("cargo").args(words).current_dir(tree::root()))
}

/// What the plain tests do, more often.
fn faults() -> Result<()> {
    tests_on_real_platforms("real_faults", &|command| {
        command.env("REMIT_TEST_FAULTS", "50");
    })?;
    tests_on_real_platforms("power_cut", &|command| {
        command.env("REMIT_TEST_CUTS", "1000");
    })
}

/// How long each parser is fuzzed.
const SECONDS: u32 = 10;

/// What `cargo fuzz` asks of the compiler, without its sanitizer: it works on the stable toolchain and needs no tool of its own.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1";

/// What is found new lies in `target/fuzz`; an input that breaks a parser in `fuzz/artifacts`. Whoever fixes that moves it to
/// `fuzz/corpus`, where a plain test reads it for ever.
fn fuzz() -> Result<()> {
    let folder = tree::root().join("fuzz");
    // named, so that what runs while building isn't watched as well
    let host = shell::run_quietly(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let host = host.trim();
    shell::run(
        Command::new("cargo")
            .args(["build", "--locked", "--quiet", "--target", host])
            .current_dir(&folder)
            .env("RUSTFLAGS", COVERAGE),
    )?;
    let artifacts = folder.join("artifacts");
    fs::create_dir_all(&artifacts).context("`fuzz/artifacts`")?;
    let mut broken = Vec::new();
    for target in targets(&fs::read_to_string(folder.join("Cargo.toml"))?) {
        let found = tree::fresh_folder(&format!("target/fuzz/{target}"))?;
        let mut command = Command::new(folder.join(format!("target/{host}/debug/{target}")));
        command
            .arg(found)
            .arg(folder.join("corpus").join(target))
            .arg(format!("-max_total_time={SECONDS}"))
            .arg(format!(
                "-artifact_prefix={}/{target}-",
                artifacts.display()
            ));
        if let Err(error) = shell::run_quietly(&mut command) {
            shell::complain(&format!("{target}: {error:#}"));
            broken.push(target.to_owned());
        }
    }
    if !broken.is_empty() {
        bail!(
            "broken: {}; the inputs lie in `fuzz/artifacts`",
            broken.join(", ")
        );
    }
    Ok(())
}

/// Names of the binaries in the fuzzer's manifest.
fn targets(manifest: &str) -> Vec<&str> {
    manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| bin.split_once("name = \"")?.1.split_once('"'))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary_of_the_manifest_is_a_target() {
        let manifest = "[package]\nname = \"x\"\n[[bin]]\nname = \"a\"\npath = \"p\"\n\n[[bin]]\nname = \"b_c\"\n";
        assert_eq!(targets(manifest), ["a", "b_c"]);
    }
}

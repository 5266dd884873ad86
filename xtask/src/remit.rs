//! The built `remit`: where it lies, and a demo of it that runs while a suite looks at it.
use crate::{shell, tree};
use anyhow::Result;
use std::{path::PathBuf, process::Command};

/// The debug build of `remit`, built now when it isn't up to date.
///
/// Built the way the tests build it: another selection of packages would unify features differently
/// and compile half the dependencies a second time.
///
/// # Errors
/// When it doesn't build.
pub(crate) fn binary() -> Result<PathBuf> {
    shell::run_quietly(
        Command::new("cargo")
            .args(["test", "--quiet", "--workspace", "--no-run", "--locked"])
            .current_dir(tree::root()),
    )?;
    Ok(tree::root().join("target/debug/remit"))
}

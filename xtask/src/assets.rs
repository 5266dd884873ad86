//! Builds the portal's front-end files from pinned packages.
//!
//! The result is committed, so building Remit needs neither Node.js nor a network; this chore makes the
//! files again and can prove that nobody edited them by hand.
use crate::{install, shell, tree};
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCES: &str = "crates/web/assets-src";

/// File in an installed package, and its name among the portal's files.
const VENDORED: &[(&str, &str)] = &[
    ("htmx.org/dist/htmx.min.js", "htmx.min.js"),
    ("htmx.org/dist/ext/hx-sse.min.js", "hx-sse.min.js"),
    ("htmx.org/dist/ext/hx-csp.min.js", "hx-csp.min.js"),
    (
        "@github/relative-time-element/dist/bundle.js",
        "relative-time.js",
    ),
    (
        "govuk-frontend/dist/govuk/govuk-frontend.min.js",
        "govuk-frontend.min.js",
    ),
    ("htmx.org/LICENSE", "licences/htmx.txt"),
    (
        "@github/relative-time-element/LICENSE",
        "licences/relative-time-element.txt",
    ),
];

/// Our own file, and its name among the portal's files. The licence is ours to add: the package ships none.
const OWN: &[(&str, &str)] = &[
    ("app.js", "app.js"),
    ("favicon.svg", "favicon.svg"),
    ("licences/govuk-frontend.txt", "licences/govuk-frontend.txt"),
];

/// Builds the files; with `check`, compares them with the committed ones instead of replacing those.
///
/// # Errors
/// When a package can't be installed, the style sheet doesn't compile, or a committed file differs.
pub(crate) fn run(check: bool) -> Result<()> {
    let sources = tree::root().join(SOURCES);
    let committed = tree::root().join("crates/web/assets");
    let packages = packages()?;
    let built = tree::tools().join("assets-built");
    build(&sources, &packages, &built)?;
    if check {
        compare(&built, &committed)?;
        shell::say("assets: the committed files are what the pinned packages give");
    } else {
        replace(&built, &committed)?;
        shell::say("assets: crates/web/assets is up to date");
    }
    Ok(())
}

/// The pinned packages, installed once per lock file.
///
/// # Errors
/// When they can't be installed.
pub(crate) fn packages() -> Result<PathBuf> {
    install::npm(
        SOURCES,
        "the portal's style sheet and scripts are built from them",
    )
}

fn build(sources: &Path, packages: &Path, built: &Path) -> Result<()> {
    if built.exists() {
        fs::remove_dir_all(built)?;
    }
    fs::create_dir_all(built.join("licences"))?;
    for (from, to) in VENDORED {
        let text = fs::read_to_string(packages.join(from)).with_context(|| format!("`{from}`"))?;
        fs::write(built.join(to), without_source_map(&text))?;
    }
    for (from, to) in OWN {
        fs::copy(sources.join(from), built.join(to)).with_context(|| format!("`{from}`"))?;
    }
    shell::run_quietly(
        Command::new("node")
            .arg(packages.join("sass/sass.js"))
            .args(["--no-source-map", "--style=compressed", "--quiet-deps"])
            .arg("--load-path")
            .arg(packages.join("govuk-frontend/dist"))
            .arg(sources.join("app.scss"))
            .arg(built.join("app.css")),
    )?;
    Ok(())
}

/// A source map isn't shipped, and a browser that is told of one asks for it in vain.
fn without_source_map(script: &str) -> String {
    let kept: String = script
        .split_inclusive('\n')
        .map(|line| match line.split_once("//# sourceMappingURL=") {
            Some((before, _)) => before,
            None => line,
        })
        .collect();
    format!("{}\n", kept.trim_end())
}

fn compare(built: &Path, committed: &Path) -> Result<()> {
    let made = tree::files_below(built)?;
    let kept = tree::files_below(committed)?;
    let mut differing: Vec<String> = Vec::new();
    for name in &made {
        if fs::read(built.join(name))? != fs::read(committed.join(name)).unwrap_or_default() {
            differing.push(format!("`{}` differs or is missing", name.display()));
        }
    }
    for name in kept.iter().filter(|name| !made.contains(name)) {
        differing.push(format!("`{}` comes from nowhere", name.display()));
    }
    if !differing.is_empty() {
        bail!(
            "crates/web/assets is not what `cargo xtask assets` makes:\n  {}",
            differing.join("\n  ")
        );
    }
    Ok(())
}

fn replace(built: &Path, committed: &Path) -> Result<()> {
    if committed.exists() {
        fs::remove_dir_all(committed)?;
    }
    for name in tree::files_below(built)? {
        let to = committed.join(&name);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(built.join(&name), to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_map_is_never_announced() {
        let script = "let a=1;//# sourceMappingURL=a.js.map\n";
        assert_eq!(without_source_map(script), "let a=1;\n");
    }
}

//! Where things lie in the repository.
use anyhow::{Context as _, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository's top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where fetched tools live: nothing outside the repository is written, and `target/` is ignored by git.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// Every file below `dir`, sorted, as paths relative to it.
///
/// # Errors
/// When a folder can't be read.
pub(crate) fn files_below(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(relative) = path.strip_prefix(dir) {
                found.push(relative.to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// An empty folder of that name below the top, for what a suite leaves behind.
///
/// # Errors
/// When it can't be emptied or made.
pub(crate) fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = root().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("`{name}`"))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("`{name}`"))?;
    Ok(folder)
}

//! The bundle shipped as an example, compiled in: the demo runs on it, and so do tests that need a whole organisation.
use crate::bundle::{BundleFiles, FilesError};

macro_rules! files {
    ($($path:literal)*) => {
        [$(($path, include_bytes!(concat!("../../../policies/example/", $path)).as_slice()),)*]
    };
}

/// The files of `policies/example/`.
///
/// # Errors
///
/// None with the files as shipped; a test holds that.
pub fn files() -> Result<BundleFiles, FilesError> {
    let files = files![
        "README.md"
        "catalog/organisation.toml"
        "catalog/platforms/ledgerly.toml"
        "catalog/platforms/nodered.toml"
        "catalog/platforms/warehouse.toml"
        "catalog/privileges/ledgerly.toml"
        "catalog/privileges/nodered.toml"
        "catalog/privileges/warehouse.toml"
        "catalog/rules.toml"
        "policies/all.cedar"
        "policies/approve.cedar"
        "policies/obtain.cedar"
        "policies/use.cedar"
        "policies/watch.cedar"
        "schema.cedarschema"
    ];
    let owned = files.map(|(path, content)| (path.to_owned(), content.to_vec()));
    BundleFiles::new(owned.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bundle;
    use std::{collections::BTreeMap, fs, path::Path};

    fn on_disk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                on_disk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(name.to_owned(), fs::read(&path).unwrap());
            }
        }
    }

    #[test]
    fn what_is_compiled_in_is_the_whole_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/example");
        let mut found = BTreeMap::new();
        on_disk(&root, &root, &mut found);
        assert_eq!(files().unwrap(), BundleFiles::new(found).unwrap());
    }

    #[test]
    fn the_example_has_no_mistake() {
        let mistakes = Bundle::load(&files().unwrap()).err().unwrap_or_default();
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("\n"), "");
    }
}

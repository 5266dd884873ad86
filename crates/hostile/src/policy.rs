//! What a governance engineer, or whoever writes to their folder, hands over.
use policy::bundle::{Bundle, BundleFiles, pack, unpack};

const SCHEMA: &[u8] = include_bytes!("../../../policies/example/schema.cedarschema");

/// A packed bundle is read only from the bytes that would be packed.
pub(crate) fn packed_bundle(bytes: &[u8]) {
    if let Ok(files) = unpack(bytes) {
        assert_eq!(pack(&files), bytes, "a packed bundle reads in two ways");
    }
}

/// A catalog in TOML: read, or told where it is wrong.
pub(crate) fn catalog(bytes: &[u8]) {
    load("catalog/all.toml", bytes);
}

/// Policies in Cedar: read, or told where they are wrong.
pub(crate) fn policies(bytes: &[u8]) {
    load("policies/all.cedar", bytes);
}

fn load(path: &str, bytes: &[u8]) {
    let files = [(path, bytes), ("schema.cedarschema", SCHEMA)];
    let files = files.map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
    let Ok(files) = BundleFiles::new(files.into()) else {
        return;
    };
    if let Err(mistakes) = Bundle::load(&files) {
        assert!(
            !mistakes.is_empty(),
            "a bundle is refused and nothing is wrong with it"
        );
        for mistake in mistakes {
            assert!(!mistake.to_string().is_empty());
        }
    }
}

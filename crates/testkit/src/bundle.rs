//! The small bundle of the tests: the privileges of the domain's fixture as an organisation would write them down.
use policy::bundle::BundleFiles;

const CATALOG: &str = include_str!("../bundle/catalog/all.toml");
const POLICIES: &str = include_str!("../bundle/policies/all.cedar");
const SCHEMA: &str = include_str!("../../../policies/example/schema.cedarschema");

/// The bundle with which [`crate::World`] starts.
pub fn bundle() -> BundleFiles {
    files(POLICIES)
}

/// The same catalog under policies that say no to every use.
pub fn strict_bundle() -> BundleFiles {
    let strict = r#"
@id("perform.never")
@why("Nothing is used today.")
@fix("Come back tomorrow.")
forbid (principal, action == Remit::Action::"perform", resource);
"#;
    files(&format!("{POLICIES}{strict}"))
}

fn files(policies: &str) -> BundleFiles {
    let files = [
        ("catalog/all.toml", CATALOG),
        ("policies/all.cedar", policies),
        ("schema.cedarschema", SCHEMA),
    ];
    let files = files.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()));
    match BundleFiles::new(files.into()) {
        Ok(files) => files,
        Err(error) => unreachable!("the bundle of the tests: {error}"),
    }
}

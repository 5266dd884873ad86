//! From files to a bundle that can be asked: catalog, schema and policies are each read, then held against each other. Nothing of a
//! bundle with a mistake is used.
use super::{BundleFiles, hash};
use crate::{
    catalog::{self, Kind, Known, Organisation},
    mistake::{Located, Mistake, Place, Source, did_you_mean},
    model::{Model, ModelError},
    rules::{self, Rules},
    trial,
};
use cedar_policy::{EntityUid, Schema};
use domain::{catalog::Catalog, ids::Digest};
use std::sync::Arc;

/// Where the schema lies.
const SCHEMA: &str = "schema.cedarschema";

/// A bundle without mistakes.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its name.
    pub digest: Digest,
    /// What can be lent.
    pub catalog: Arc<Catalog>,
    /// Titles of the organisation's own words.
    pub organisation: Arc<Organisation>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) model: Model,
}

impl Bundle {
    /// Reads `catalog/**/*.toml`, `policies/**/*.cedar` and `schema.cedarschema`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, by file and place.
    pub fn load(files: &BundleFiles) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = stray(files);
        let reading = catalog::read(&sources(files, "catalog/", ".toml", &mut mistakes));
        mistakes.extend(reading.mistakes);
        let mut rules = Rules::default();
        for source in sources(files, "policies/", ".cedar", &mut mistakes) {
            rules.read(&source, &mut mistakes);
        }
        let model = model(files, &mut mistakes);
        if let Some((model, _)) = &model {
            rules.validate(model, &mut mistakes);
        }
        for name in rules.names() {
            mistakes.extend(misnamed(&name, &reading.known));
        }
        if let (Some((model, schema)), Some(catalog)) = (&model, &reading.catalog)
            && let Err(why) = trial::fits(model, catalog)
        {
            let help = "take the schema of the example bundle: it says just what the broker sends";
            let message = format!("the schema doesn't fit what the broker sends: {why}");
            mistakes.push(Place::new(schema, 0).mistake(message, Some(help.to_owned())));
        }
        if let (Some((model, _)), Some(catalog), true) =
            (model, reading.catalog, mistakes.is_empty())
        {
            return Ok(Self {
                digest: hash(files),
                catalog: Arc::new(catalog),
                organisation: Arc::new(reading.organisation),
                rules: Arc::new(rules),
                model,
            });
        }
        mistakes.sort();
        mistakes.dedup();
        Err(mistakes)
    }
}

/// A file that looks like a part but lies elsewhere would silently not count.
fn stray(files: &BundleFiles) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let belongs = |path: &str| match path.rsplit_once('.').map(|(_, kind)| kind) {
        Some("toml") => path.starts_with("catalog/") || path.starts_with("tests/"),
        Some("cedar") => path.starts_with("policies/") || path.starts_with("tests/"),
        Some("cedarschema") => path == SCHEMA,
        _ => true,
    };
    for (path, _) in files.iter().filter(|(path, _)| !belongs(path)) {
        mistakes.push(whole(
            path,
            "nothing reads this file",
            "the catalog lies in `catalog/`, policies in `policies/`, the schema in `schema.cedarschema`",
        ));
    }
    for (begin, end, what) in [
        ("catalog/", ".toml", "catalog"),
        ("policies/", ".cedar", "policy"),
    ] {
        if !files
            .iter()
            .any(|(path, _)| path.starts_with(begin) && path.ends_with(end))
        {
            let message = format!("the bundle has no {what}");
            mistakes.push(whole(
                begin,
                &message,
                &format!("write a file `{begin}NAME{end}`"),
            ));
        }
    }
    mistakes
}

fn sources(
    files: &BundleFiles,
    begin: &str,
    end: &str,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Arc<Source>> {
    files
        .iter()
        .filter(|(path, _)| path.starts_with(begin) && path.ends_with(end))
        .filter_map(|(path, content)| source(path, content, mistakes))
        .collect()
}

fn source(path: &str, content: &[u8], mistakes: &mut Vec<Mistake>) -> Option<Arc<Source>> {
    let Ok(text) = std::str::from_utf8(content) else {
        mistakes.push(whole(
            path,
            "the file is not UTF-8 text",
            "save it as UTF-8",
        ));
        return None;
    };
    Some(Arc::new(Source {
        file: path.to_owned(),
        text: text.to_owned(),
    }))
}

fn whole(file: &str, message: &str, help: &str) -> Mistake {
    Mistake {
        file: file.to_owned(),
        line: 1,
        column: 1,
        message: message.to_owned(),
        help: Some(help.to_owned()),
    }
}

fn model(files: &BundleFiles, mistakes: &mut Vec<Mistake>) -> Option<(Model, Arc<Source>)> {
    let Some(content) = files.content(SCHEMA) else {
        let help = "copy the schema of the example bundle";
        mistakes.push(whole(SCHEMA, "the bundle has no schema", help));
        return None;
    };
    let source = source(SCHEMA, content, mistakes)?;
    let schema = match Schema::from_cedarschema_str(&source.text) {
        Ok((schema, _)) => schema,
        Err(error) => {
            mistakes.push(rules::told(&error, &source, 0));
            return None;
        }
    };
    match Model::new(schema) {
        Ok(model) => Some((model, source)),
        Err(error) => {
            let help = match &error {
                ModelError::ActionMissing(_) => "policies are asked about it, so declare it",
                ModelError::Name(_) | ModelError::Actions(_) => "start from the example bundle's",
            };
            mistakes.push(Place::new(&source, 0).mistake(error.to_string(), Some(help.to_owned())));
            None
        }
    }
}

/// A name in a policy that the catalog doesn't have: such a policy would silently never match.
fn misnamed(name: &Located<EntityUid>, known: &Known) -> Option<Mistake> {
    let kind = match name.value.type_name().basename() {
        "Duty" => Kind::Duty,
        "Group" => Kind::Group,
        "JobRole" => Kind::JobRole,
        "Lesson" => Kind::Lesson,
        "Platform" => Kind::Platform,
        "PlatformAction" => Kind::Action,
        "Privilege" => Kind::Privilege,
        "Project" => Kind::Project,
        "Target" => Kind::Target,
        "Team" => Kind::Team,
        _ => return None,
    };
    let id: &str = name.value.id().as_ref();
    if known.ids_anywhere(kind).any(|known| known == id) {
        return None;
    }
    let message = format!("there is no {} `{id}` in the catalog", kind.singular());
    let help = did_you_mean(id, known.ids_anywhere(kind));
    Some(name.place.mistake(message, help))
}

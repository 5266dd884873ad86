//! Which route of the catalog a request takes. The first match decides; no match is refused, because what the catalog doesn't
//! know it can't have allowed.
use crate::path::ParsedPath;
use domain::{
    catalog::{Route, RouteMeaning, TargetFrom},
    ids::{ActionId, TargetId},
};
use engine::enforcement::PlatformMap;
use std::collections::BTreeMap;

/// A route that was found, with what its path variables stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The route.
    pub route: &'a Route,
    /// Path variables.
    pub variables: BTreeMap<&'a str, &'a str>,
}

/// Finds the first route that takes `method` and `path`.
pub fn find<'a>(
    platform: &'a PlatformMap,
    method: &str,
    path: &'a ParsedPath,
) -> Option<Match<'a>> {
    platform
        .routes
        .iter()
        .filter(|route| route.methods.contains(method))
        .find_map(|route| variables(&route.path, path).map(|variables| Match { route, variables }))
}

fn variables<'a>(pattern: &'a str, path: &'a ParsedPath) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut found = BTreeMap::new();
    let mut segments = path.segments().iter();
    let mut parts = pattern.split('/').filter(|part| !part.is_empty());
    loop {
        match (parts.next(), segments.next()) {
            (None, None) | (Some("*"), _) => return Some(found),
            (None, Some(_)) | (Some(_), None) => return None,
            (Some(part), Some(segment)) => match part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                Some(name) => {
                    found.insert(name, segment.as_str());
                }
                None if part == segment => {}
                None => return None,
            },
        }
    }
}

/// What an elevated route does, to which target; or why it can't be told, in plain words.
///
/// # Errors
/// The words for `Attempt::unmapped` if the target can't be told.
pub fn elevated<'a>(
    found: &Match<'a>,
    platform: &PlatformMap,
    body: Option<&serde_json::Value>,
) -> Option<Result<(&'a ActionId, TargetId), String>> {
    let RouteMeaning::Elevated { action, target } = &found.route.meaning else {
        return None;
    };
    let native = match target {
        TargetFrom::Fixed(id) => return Some(Ok((action, id.clone()))),
        TargetFrom::Path(name) => found
            .variables
            .get(name.as_str())
            .map(|text| (*text).to_owned()),
        TargetFrom::Json(pointer) => body
            .and_then(|body| body.pointer(pointer))
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned),
    };
    let Some(native) = native else {
        return Some(Err("the request does not name its target".to_owned()));
    };
    Some(
        platform
            .targets
            .get(&native)
            .map(|id| (action, id.clone()))
            .ok_or_else(|| format!("`{}` is not a target of the catalog", bounded(&native))),
    )
}

/// A platform's own name for something, cut so that it fits a sentence and carries no control characters.
pub fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn platform(routes: &[(&str, &str)]) -> PlatformMap {
        PlatformMap {
            platform: "desk".parse().unwrap(),
            title: "Supplier desk".to_owned(),
            targets: BTreeMap::new(),
            routes: routes
                .iter()
                .map(|(method, path)| Route {
                    methods: BTreeSet::from([(*method).to_owned()]),
                    path: (*path).to_owned(),
                    meaning: RouteMeaning::Ambient,
                    rows: None,
                    destination: None,
                })
                .collect(),
        }
    }

    #[track_caller]
    fn check(method: &str, path: &str, expected: &str) {
        let platform = platform(&[
            ("GET", "/"),
            ("GET", "/flows/{flow}"),
            ("PUT", "/flows/{flow}"),
            ("POST", "/flows/{flow}/run"),
            ("GET", "/static/*"),
        ]);
        let path = ParsedPath::parse(path).unwrap();
        let actual = match find(&platform, method, &path) {
            Some(found) => format!("{} {:?}", found.route.path, found.variables),
            None => "no route".to_owned(),
        };
        assert_eq!(actual, expected);
    }

    #[test]
    fn a_route_matches_whole_paths_only() {
        check("GET", "/", "/ {}");
        check("GET", "/flows/a", "/flows/{flow} {\"flow\": \"a\"}");
        check(
            "POST",
            "/flows/a/run",
            "/flows/{flow}/run {\"flow\": \"a\"}",
        );
        check("POST", "/flows/a", "no route");
        check("GET", "/flows", "no route");
        check("GET", "/flows/a/b", "no route");
        check("GET", "/static/x/y.js", "/static/* {}");
        check("get", "/", "no route");
        check("GET", "/FLOWS/a", "no route");
    }
}

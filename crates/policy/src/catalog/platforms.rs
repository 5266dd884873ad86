//! Platforms: what can be done in them, and how an HTTP platform's traffic maps to that. A route that can't be what its author
//! meant (a variable that isn't in the path, a second route for the same calls) is a mistake, because the gateway refuses or
//! allows by it.
use super::{
    known::Kind,
    read::{Node, Table, by_id},
    words::pointer,
};
use crate::mistake::Located;
use domain::{
    catalog::{Action, ActionKind, DocumentEditor, Platform, Route, RouteMeaning, TargetFrom},
    ids::{ActionId, PlatformId, TargetId},
};
use std::collections::{BTreeMap, BTreeSet};

const KINDS: [(&str, ActionKind); 5] = [
    ("read", ActionKind::Read),
    ("run", ActionKind::Run),
    ("change", ActionKind::Change),
    ("export", ActionKind::Export),
    ("administer", ActionKind::Administer),
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const EDITORS: [(&str, DocumentEditor); 1] = [("node-red-flows", DocumentEditor::NodeRedFlows)];

/// Adds the platforms of one file.
pub(super) fn read(root: &Table<'_>, to: &mut BTreeMap<PlatformId, Platform>) {
    to.extend(by_id(root.find("platform"), (Kind::Platform, ""), platform));
}

fn platform(id: &PlatformId, node: &Node<'_>) -> Option<Platform> {
    let table = node.table(format!("the platform `{id}`"))?;
    let title = table.text("title");
    let within = (Kind::Action, id.as_str());
    let actions = by_id(table.need("action"), within, action);
    let mut routes = Vec::new();
    let mut seen = BTreeSet::new();
    for node in table
        .find("route")
        .and_then(|node| node.list())
        .unwrap_or_default()
    {
        for (route, on) in self::routes(id, &node) {
            for method in &route.methods {
                if !seen.insert((method.clone(), shape(&route.path))) {
                    let message = format!("`{method} {}` never comes here", route.path);
                    on.wrong(
                        message,
                        Some("an earlier route takes the same calls; remove one of them"),
                    );
                }
            }
            routes.push(route);
        }
    }
    table.close();
    Some(Platform {
        id: id.clone(),
        title: title?,
        actions,
        routes,
    })
}

fn action(id: &ActionId, node: &Node<'_>) -> Option<Action> {
    let table = node.table(format!("the action `{id}`"))?;
    let title = table.text("title");
    let kind = table.must("kind", |node| node.choice(&KINDS));
    table.close();
    Some(Action {
        id: id.clone(),
        title: title?,
        kind: kind?,
    })
}

/// One `[[platform.x.route]]`: a route for each of its calls.
fn routes<'t>(platform: &PlatformId, node: &Node<'t>) -> Vec<(Route, Node<'t>)> {
    let Some(table) = node.table("a route") else {
        return Vec::new();
    };
    let calls = match table.need("on") {
        Some(on) if on.is_list() => on.list().unwrap_or_default(),
        Some(on) => vec![on],
        None => Vec::new(),
    };
    let calls: Vec<_> = calls
        .into_iter()
        .filter_map(|on| Some((call(&on)?, on)))
        .collect();
    let meaning = meaning(platform, &table, &calls);
    let rows = table.find("rows").map(|node| pointer(&node));
    let destination = table.find("destination").map(|node| pointer(&node));
    if matches!(meaning, Some(RouteMeaning::Ambient)) && (rows.is_some() || destination.is_some()) {
        table.wrong(
            "an ambient route counts no rows and names no destination",
            None,
        );
    }
    table.close();
    let Some(meaning) = meaning else {
        return Vec::new();
    };
    let route = |((methods, path), on)| {
        let route = Route {
            methods,
            path,
            meaning: meaning.clone(),
            rows: rows.clone().flatten(),
            destination: destination.clone().flatten(),
        };
        (route, on)
    };
    calls.into_iter().map(route).collect()
}

type Call = (BTreeSet<String>, String);

/// `"GET /api/suppliers/{id}"`, `"GET|HEAD /static/*"`.
fn call(node: &Node<'_>) -> Option<Call> {
    let text = node.text()?;
    let Some((methods, path)) = text.split_once(' ') else {
        let message = format!("`{text}` names no calls");
        node.wrong(
            message,
            Some("write methods and path: `GET /flows/{flow}`, `GET|HEAD /static/*`"),
        );
        return None;
    };
    for method in methods
        .split('|')
        .filter(|method| !METHODS.contains(method))
    {
        let message = format!("`{method}` is not a method");
        node.wrong(
            message,
            Some(&format!("write {}", crate::mistake::one_of(METHODS))),
        );
    }
    if let Err(why) = path_is_clear(path) {
        node.wrong(format!("`{path}` can't be matched: {why}"), None);
        return None;
    }
    let methods = methods.split('|').map(str::to_owned).collect();
    Some((methods, path.to_owned()))
}

fn path_is_clear(path: &str) -> Result<(), &'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("it doesn't begin with `/`");
    };
    let mut names = BTreeSet::new();
    let segments: Vec<&str> = rest.split('/').collect();
    let last = segments.len() - 1;
    for (at, segment) in segments.iter().enumerate() {
        let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$'()+,;=:@".contains(c);
        match (*segment, name) {
            ("*" | "", _) if at == last => {}
            ("", _) => return Err("it has an empty segment"),
            ("." | "..", _) => return Err("`.` and `..` never arrive"),
            (_, Some(name)) => {
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    return Err("a variable is written `{name}`, with letters, digits and `_`");
                }
                if !names.insert(name) {
                    return Err("a variable stands in it twice");
                }
            }
            (segment, None) if segment.contains('*') => {
                return Err("`*` can only be the whole last segment");
            }
            (segment, None) if !segment.chars().all(plain) => {
                return Err("a segment is written without `?`, `#`, `%`, blanks, braces inside");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The path with the names of its variables left out: two paths of one shape take the same calls.
fn shape(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|s| if s.starts_with('{') { "{}" } else { s });
    segments.collect::<Vec<_>>().join("/")
}

fn meaning(
    platform: &PlatformId,
    table: &Table<'_>,
    calls: &[(Call, Node<'_>)],
) -> Option<RouteMeaning> {
    let ambient = table.find("ambient");
    let action = table.find("action");
    let target = table.find("target");
    let document = table.find("document");
    if let Some(ambient) = ambient {
        if ambient.truth() == Some(false)
            || action.is_some()
            || target.is_some()
            || document.is_some()
        {
            let help = "write `ambient = true` alone, or `action` with `target` or `document`";
            ambient.wrong("a route is either ambient or an action", Some(help));
            return None;
        }
        return Some(RouteMeaning::Ambient);
    }
    let Some(action) = action else {
        let help = "write `action` with `target` or `document`, or `ambient = true`";
        table.wrong(
            "the route says nothing about what its calls mean",
            Some(help),
        );
        return None;
    };
    let action: Located<ActionId> = action.id()?;
    table
        .file
        .findings
        .claim(Kind::Action, platform.as_str(), &action);
    let action = action.value;
    match (target, document) {
        (Some(target), None) => {
            let target = target_from(platform, &target, calls)?;
            Some(RouteMeaning::Elevated { action, target })
        }
        (None, Some(document)) => {
            let editor = document.choice(&EDITORS)?;
            Some(RouteMeaning::Document { action, editor })
        }
        (Some(_), Some(document)) => {
            document.wrong(
                "a document's targets are what changed in it, so it has no `target`",
                None,
            );
            None
        }
        (None, None) => {
            table.wrong("the route doesn't say on what its action is", Some(
                "write `target = \"ID\"`, `target = { path = \"NAME\" }`, `target = { json = \"/POINTER\" }` or `document`",
            ));
            None
        }
    }
}

fn target_from(
    platform: &PlatformId,
    node: &Node<'_>,
    calls: &[(Call, Node<'_>)],
) -> Option<TargetFrom> {
    if node.is_text() {
        let id: Located<TargetId> = node.id()?;
        node.file
            .findings
            .claim(Kind::Target, platform.as_str(), &id);
        return Some(TargetFrom::Fixed(id.value));
    }
    let table = node.table("a route's `target`")?;
    let path = table.find("path");
    let json = table.find("json");
    table.close();
    match (path, json) {
        (Some(path), None) => {
            let name = path.text()?;
            let variable = format!("{{{name}}}");
            let lacking = calls
                .iter()
                .find(|((_, path), _)| !path.split('/').any(|s| s == variable));
            if let Some(((_, route), _)) = lacking {
                path.wrong(format!("`{route}` has no variable `{variable}`"), None);
                return None;
            }
            Some(TargetFrom::Path(name.to_owned()))
        }
        (None, Some(json)) => pointer(&json).map(TargetFrom::Json),
        (Some(_), Some(_)) | (None, None) => {
            node.wrong(
                "a target comes from either the path or the body",
                Some("write `{ path = \"NAME\" }` or `{ json = \"/POINTER\" }`"),
            );
            None
        }
    }
}

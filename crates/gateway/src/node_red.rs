//! Node-RED's editor posts the whole document (`POST /flows`). This reads the posted and the present document as Node-RED does
//! and says which tabs changed; whatever changed outside a tab (a configuration node, a subflow) is named, because no target
//! stands for it and so no grant can cover it.
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What changed between two documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Ids of tabs in which something changed.
    pub tabs: BTreeSet<String>,
    /// What changed outside any tab, in plain words.
    pub elsewhere: Vec<String>,
}

/// Why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Neither form of the admin API.
    #[error("the document is neither an array of nodes nor an object with `flows`")]
    Shape,
    /// A node without a readable id.
    #[error("a node of the document has no text `id`")]
    NodeWithoutId,
    /// Two nodes with one id.
    #[error("two nodes of the document have the id `{id}`")]
    RepeatedId {
        /// Which.
        id: String,
    },
}

/// The nodes of a document and the revision it was made for.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    nodes: BTreeMap<&'a str, &'a Value>,
    order: Vec<&'a str>,
    /// `rev` of an API version 2 document.
    pub revision: Option<&'a str>,
}

impl<'a> Document<'a> {
    /// Reads either form: an array of nodes (API version 1) or `{"flows": [...], "rev": ...}` (version 2).
    ///
    /// # Errors
    /// [`DocumentError`] if the nodes can't be told apart.
    pub fn read(value: &'a Value) -> Result<Self, DocumentError> {
        let (list, revision) = match value {
            Value::Array(list) => (list, None),
            Value::Object(object) => {
                let list = object
                    .get("flows")
                    .and_then(Value::as_array)
                    .ok_or(DocumentError::Shape)?;
                (list, object.get("rev").and_then(Value::as_str))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(DocumentError::Shape);
            }
        };
        let mut nodes = BTreeMap::new();
        let mut order = Vec::with_capacity(list.len());
        for node in list {
            let id = node
                .get("id")
                .and_then(Value::as_str)
                .ok_or(DocumentError::NodeWithoutId)?;
            if nodes.insert(id, node).is_some() {
                return Err(DocumentError::RepeatedId {
                    id: crate::route::bounded(id),
                });
            }
            order.push(id);
        }
        Ok(Self {
            nodes,
            order,
            revision,
        })
    }

    /// What `next` changes against this document.
    pub fn changes(&self, next: &Document<'_>) -> Changes {
        let mut changes = Changes::default();
        let ids: BTreeSet<&str> = self
            .nodes
            .keys()
            .chain(next.nodes.keys())
            .copied()
            .collect();
        for id in ids {
            let (before, after) = (self.nodes.get(id).copied(), next.nodes.get(id).copied());
            if before == after {
                continue;
            }
            // a node that moves from one tab to another changes both
            for (document, node) in [(self, before), (next, after)] {
                if let Some(node) = node {
                    document.attribute(id, node, &mut changes);
                }
            }
        }
        let tabs = |document: &Document<'_>| -> Vec<String> {
            document
                .order
                .iter()
                .filter(|id| {
                    document
                        .nodes
                        .get(*id)
                        .is_some_and(|node| kind(node) == "tab")
                })
                .map(|id| (*id).to_owned())
                .collect()
        };
        if changes == Changes::default() && tabs(self) != tabs(next) {
            changes.elsewhere.push("the order of the tabs".to_owned());
        }
        changes.elsewhere.sort();
        changes.elsewhere.dedup();
        changes
    }

    fn attribute(&self, id: &str, node: &Value, changes: &mut Changes) {
        if kind(node) == "tab" {
            changes.tabs.insert(id.to_owned());
            return;
        }
        let parent = node
            .get("z")
            .and_then(Value::as_str)
            .filter(|z| !z.is_empty());
        match parent.and_then(|z| self.nodes.get(z).map(|parent| (z, *parent))) {
            Some((z, parent)) if kind(parent) == "tab" => {
                changes.tabs.insert(z.to_owned());
            }
            Some((z, _)) => changes
                .elsewhere
                .push(format!("the subflow `{}`", crate::route::bounded(z))),
            None if kind(node) == "subflow" => {
                changes
                    .elsewhere
                    .push(format!("the subflow `{}`", crate::route::bounded(id)));
            }
            None => changes.elsewhere.push(format!(
                "the configuration node `{}` of type `{}`",
                crate::route::bounded(id),
                crate::route::bounded(kind(node))
            )),
        }
    }
}

fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn present() -> Value {
        json!([
            {"id": "t1", "type": "tab", "label": "Invoices"},
            {"id": "t2", "type": "tab", "label": "Payroll"},
            {"id": "n1", "type": "inject", "z": "t1", "x": 1},
            {"id": "n2", "type": "debug", "z": "t2", "x": 1},
            {"id": "c1", "type": "mqtt-broker", "host": "a"},
            {"id": "s1", "type": "subflow"},
            {"id": "n3", "type": "debug", "z": "s1"},
        ])
    }

    #[track_caller]
    fn check(edit: impl FnOnce(&mut Vec<Value>), expected: &str) {
        let before = present();
        let mut after = present();
        edit(after.as_array_mut().unwrap());
        let (before, after) = (
            Document::read(&before).unwrap(),
            Document::read(&after).unwrap(),
        );
        let changes = before.changes(&after);
        assert_eq!(
            format!("{:?} {:?}", changes.tabs, changes.elsewhere),
            expected
        );
    }

    #[test]
    fn a_change_belongs_to_the_tab_it_lies_on() {
        check(|_| (), "{} []");
        check(|nodes| nodes[2]["x"] = json!(2), r#"{"t1"} []"#);
        check(|nodes| nodes[2]["z"] = json!("t2"), r#"{"t1", "t2"} []"#);
        check(|nodes| nodes[1]["label"] = json!("x"), r#"{"t2"} []"#);
        check(
            |nodes| {
                nodes.remove(3);
            },
            r#"{"t2"} []"#,
        );
        check(
            |nodes| nodes.push(json!({"id": "n9", "type": "debug", "z": "t1"})),
            r#"{"t1"} []"#,
        );
        check(
            |nodes| nodes.push(json!({"id": "t9", "type": "tab"})),
            r#"{"t9"} []"#,
        );
    }

    #[test]
    fn a_change_outside_every_tab_is_named() {
        check(
            |nodes| nodes[4]["host"] = json!("b"),
            r#"{} ["the configuration node `c1` of type `mqtt-broker`"]"#,
        );
        check(
            |nodes| nodes[6]["x"] = json!(1),
            r#"{} ["the subflow `s1`"]"#,
        );
        check(
            |nodes| nodes.push(json!({"id": "n9", "type": "debug", "z": "gone"})),
            r#"{} ["the configuration node `n9` of type `debug`"]"#,
        );
        check(|nodes| nodes.swap(0, 1), r#"{} ["the order of the tabs"]"#);
    }

    #[test]
    fn what_cannot_be_read_in_one_way_is_refused() {
        let repeated = json!([{"id": "a"}, {"id": "a"}]);
        assert_eq!(
            Document::read(&repeated).unwrap_err().to_string(),
            "two nodes of the document have the id `a`"
        );
        assert_eq!(
            Document::read(&json!([{}])).unwrap_err(),
            DocumentError::NodeWithoutId
        );
        assert_eq!(
            Document::read(&json!({"flow": []})).unwrap_err(),
            DocumentError::Shape
        );
        let second = json!({"flows": [], "rev": "r"});
        assert_eq!(Document::read(&second).unwrap().revision, Some("r"));
    }
}

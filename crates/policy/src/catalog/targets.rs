//! Targets: one governed thing each, with where it stands, how its data is classified, and who answers for it.
use super::{
    known::Kind,
    read::{Node, Table, by_id},
};
use crate::mistake::{Located, Place};
use domain::{
    catalog::{DataClass, Environment, Target},
    ids::{PersonId, PlatformId, ProjectId, TargetId},
};
use std::collections::BTreeMap;

pub(super) const ENVIRONMENTS: [(&str, Environment); 3] = [
    ("development", Environment::Development),
    ("test", Environment::Test),
    ("production", Environment::Production),
];
pub(super) const CLASSES: [(&str, DataClass); 4] = [
    ("public", DataClass::Public),
    ("internal", DataClass::Internal),
    ("confidential", DataClass::Confidential),
    ("restricted", DataClass::Restricted),
];

/// Targets, and where their native names stand.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub(super) all: BTreeMap<TargetId, Target>,
    natives: BTreeMap<(PlatformId, String), Place>,
}

impl Targets {
    /// Adds the targets of one file.
    pub(super) fn read(&mut self, root: &Table<'_>) {
        for (id, (target, native)) in by_id(root.find("target"), (Kind::Target, ""), target) {
            let key = (target.platform.clone(), target.native.clone());
            if let Some(first) = self.natives.get(&key) {
                let message = format!("another target of `{}` is `{}` already", key.0, key.1);
                let help = format!("it is at {}", first.short());
                root.file
                    .findings
                    .mistake(native.mistake(message, Some(help)));
            }
            self.natives.insert(key, native);
            self.all.insert(id, target);
        }
    }
}

fn target(id: &TargetId, node: &Node<'_>) -> Option<(Target, Place)> {
    let findings = node.file.findings;
    let table = node.table(format!("the target `{id}`"))?;
    let title = table.text("title");
    let platform: Option<Located<PlatformId>> = table.must("platform", Node::id);
    if let Some(platform) = &platform {
        findings.claim(Kind::Platform, "", platform);
        findings.declare(
            Kind::Target,
            platform.value.as_str(),
            id.as_str(),
            &node.place(),
        );
    }
    let native = table.need("native");
    let environment = table.must("environment", |node| node.choice(&ENVIRONMENTS));
    let project: Option<Located<ProjectId>> = table.must("project", Node::id);
    if let Some(project) = &project {
        findings.claim(Kind::Project, "", project);
    }
    let data_class = table.must("data-class", |node| node.choice(&CLASSES));
    let data_owner: Option<Located<PersonId>> = table.must("data-owner", Node::id);
    table.close();
    let target = Target {
        id: id.clone(),
        title: title?,
        platform: platform?.value,
        native: native.and_then(|node| node.text())?.to_owned(),
        environment: environment?,
        project: project?.value,
        data_class: data_class?,
        data_owner: data_owner?.value,
    };
    Some((target, native?.place()))
}

//! What policies can speak about: the names of the schema's entities and actions, and the schema itself. The evaluator sends one
//! fixed shape of entities, so a bundle's schema is tried out with that shape before any policy of it is asked.
use cedar_policy::entities_errors::EntitiesError;
use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, ParseErrors, Schema};
use domain::verdict::PolicyAction;
use std::collections::{BTreeMap, BTreeSet};

/// All actions that policies are asked about, with their names in the schema.
pub(crate) const ACTIONS: [(PolicyAction, &str); 7] = [
    (PolicyAction::Request, "request"),
    (PolicyAction::BreakGlass, "break-glass"),
    (PolicyAction::Approve, "approve"),
    (PolicyAction::Activate, "activate"),
    (PolicyAction::Perform, "perform"),
    (PolicyAction::Intervene, "intervene"),
    (PolicyAction::Review, "review"),
];

/// A schema that this version of the broker can speak.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) names: Names,
    pub(crate) schema: Schema,
    pub(crate) actions: BTreeMap<PolicyAction, ModelAction>,
}

/// One action of the schema.
#[derive(Debug, Clone)]
pub(crate) struct ModelAction {
    pub(crate) uid: EntityUid,
    /// With its groups as ancestors.
    pub(crate) entity: Entity,
    /// The groups it is in.
    pub(crate) groups: BTreeSet<EntityUid>,
}

/// Why a schema can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    #[error("a name of the model can't be read")]
    Name(#[source] Box<ParseErrors>),
    #[error("the actions of the schema can't be read")]
    Actions(#[source] Box<EntitiesError>),
    #[error("the action `{0}` is missing")]
    ActionMissing(&'static str),
}

impl Model {
    /// Finds the broker's actions in a schema.
    pub(crate) fn new(schema: Schema) -> Result<Self, ModelError> {
        let names = Names::new().map_err(ModelError::Name)?;
        let all = schema
            .action_entities()
            .map_err(|error| ModelError::Actions(Box::new(error)))?;
        let mut actions = BTreeMap::new();
        for (action, name) in ACTIONS {
            let uid = uid(&names.action, name);
            let found = model_action(&all, uid).ok_or(ModelError::ActionMissing(name))?;
            actions.insert(action, found);
        }
        Ok(Self {
            names,
            schema,
            actions,
        })
    }
}

fn model_action(all: &Entities, uid: EntityUid) -> Option<ModelAction> {
    let entity = all.get(&uid)?.clone();
    let groups = all.ancestors(&uid)?.cloned().collect();
    Some(ModelAction {
        uid,
        entity,
        groups,
    })
}

/// `Type::"id"`.
pub(crate) fn uid(name: &EntityTypeName, id: impl AsRef<str>) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

macro_rules! names {
    ($($field:ident $name:literal;)*) => {
        /// Entity types of the namespace `Remit`, parsed once.
        #[derive(Debug, Clone)]
        pub(crate) struct Names { $(pub(crate) $field: EntityTypeName,)* }

        impl Names {
            fn new() -> Result<Self, Box<ParseErrors>> {
                Ok(Self { $($field: concat!("Remit::", $name).parse().map_err(Box::new)?,)* })
            }
        }
    };
}

names! {
    action "Action";
    action_kind "ActionKind";
    data_class "DataClass";
    duty "Duty";
    elevation "Elevation";
    environment "Environment";
    group "Group";
    job_role "JobRole";
    lesson "Lesson";
    person "Person";
    phase "Phase";
    platform "Platform";
    platform_action "PlatformAction";
    privilege "Privilege";
    project "Project";
    target "Target";
    team "Team";
}

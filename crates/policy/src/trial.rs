//! Tries a schema out with the entities that the broker sends, every field of them filled: a schema that asks for something else would
//! make policies pass validation and then fail on every real question.
use crate::{
    entities::{self, Needed},
    model::{ACTIONS, Model, uid},
    people,
};
use cedar_policy::{Entities, Request};
use domain::{
    catalog::{ActionKind, Catalog, DataClass, Environment, Phase},
    directory::{Directory, Person, Standing},
    ids::{GrantId, PersonId, PrivilegeId, RequestId},
    time::{Seconds, Timestamp},
    verdict::{Elevation, PolicyAction, PolicyQuestion, Session},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Whether the schema describes what the broker sends about each privilege of the catalog.
///
/// # Errors
///
/// The first thing that doesn't fit, in Cedar's words.
pub(crate) fn fits(model: &Model, catalog: &Catalog) -> Result<(), String> {
    let who: PersonId = "somebody".parse().map_err(told)?;
    let directory = Directory {
        persons: [(who.clone(), person(&who)?)].into(),
        ..Directory::default()
    };
    for privilege in catalog.privileges.values() {
        let names = &model.names;
        let question = question(PolicyAction::Request, &who, &privilege.id);
        let mut all = Vec::new();
        for facts in people::in_question(&directory, &question, true) {
            all.push(entities::person(names, &facts, &Needed::All).map_err(told)?);
        }
        let elevation = entities::elevation(names, catalog, &question.elevation, &Needed::All);
        all.push(elevation.map_err(told)?);
        all.push(entities::privilege(names, privilege).map_err(told)?);
        Entities::from_entities(all, Some(&model.schema)).map_err(told_whole)?;
        for (action, _) in ACTIONS {
            let Some(about) = model.actions.get(&action) else {
                continue;
            };
            let context = entities::context(&question.session, &Needed::All).map_err(told)?;
            let principal = uid(&names.person, who.as_str());
            let resource = entities::elevation_uid(names, &question.elevation);
            Request::new(
                principal,
                about.uid.clone(),
                resource,
                context,
                Some(&model.schema),
            )
            .map_err(told_whole)?;
        }
    }
    Ok(())
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}

/// With the causes, which carry what is wrong.
fn told_whole(error: impl std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

fn person(who: &PersonId) -> Result<Person, String> {
    Ok(Person {
        id: who.clone(),
        job_roles: ["role".parse().map_err(told)?].into(),
        team: Some("team".parse().map_err(told)?),
        duties: ["duty".parse().map_err(told)?].into(),
        training: BTreeMap::from([("lesson".parse().map_err(told)?, Timestamp(i64::MAX))]),
        standing: Standing::Active,
        manager: Some(who.clone()),
    })
}

fn question(action: PolicyAction, who: &PersonId, privilege: &PrivilegeId) -> PolicyQuestion {
    PolicyQuestion {
        action,
        principal: who.clone(),
        elevation: Elevation {
            request: RequestId(Uuid::nil()),
            grant: Some(GrantId(Uuid::nil())),
            holder: who.clone(),
            privilege: privilege.clone(),
            phase: Phase::RunTime,
            actions: BTreeSet::new(),
            action_kind: ActionKind::Read,
            targets: BTreeSet::new(),
            environment: Environment::Production,
            data_class: DataClass::Restricted,
            data_owners: [who.clone()].into(),
            duration: Seconds(60),
            impact: 0,
            approved_by: [who.clone()].into(),
            approved_duties: BTreeSet::new(),
            active: true,
            held: false,
            break_glass: false,
            not_before: Some(Timestamp(0)),
            expires_at: Some(Timestamp(1)),
        },
        session: Session {
            now: Timestamp(0),
            signed_in_at: Timestamp(0),
            second_factor: true,
            frozen: false,
            in_window: true,
            risk: 0,
        },
    }
}

//! Verdicts. Cedar skips a policy that fails to evaluate, which turns a failing `forbid` into an allow; so here any failure at all is
//! a refusal. Policies whose scope can't match an action aren't looked at for it: Cedar reads policies one after the other, and
//! this is what keeps a verdict as quick as its few relevant policies.
use crate::{
    bundle::Bundle,
    entities,
    model::{Model, ModelAction},
    rules::{Reason, Rules},
};
use cedar_policy::{
    ActionConstraint, AuthorizationError, Authorizer, Decision, Entities, Entity, EntityUid,
    PolicySet, Request,
};
use domain::{
    catalog::Catalog,
    directory::Directory,
    ids::PrivilegeId,
    verdict::{Outcome, PolicyAction, PolicyQuestion, Verdict},
};
use std::{collections::BTreeMap, sync::Arc};

/// Named in a verdict when no policy permits: ids that start with `remit.` are the broker's own.
pub const NOT_PERMITTED: &str = "remit.not-permitted";
/// Named in a verdict when the question could not be put.
pub const NOT_ASKED: &str = "remit.not-asked";
/// Named in a verdict when who acts isn't in the directory.
pub const UNKNOWN_PERSON: &str = "remit.unknown-person";

/// A question in Cedar's own types.
#[derive(Debug, Clone)]
pub struct AsCedar {
    /// Who wants to do what with which elevation, under which circumstances.
    pub request: Request,
    /// All policies of the bundle.
    pub policies: PolicySet,
    /// What they can look into.
    pub entities: Entities,
}

/// Asks the policies of one bundle.
#[derive(Debug)]
pub struct Evaluator {
    authorizer: Authorizer,
    model: Model,
    catalog: Arc<Catalog>,
    rules: Arc<Rules>,
    /// The policies whose scope lets them speak about an action.
    relevant: BTreeMap<PolicyAction, PolicySet>,
    privileges: BTreeMap<PrivilegeId, Entity>,
}

impl Evaluator {
    /// Prepares all that doesn't depend on a question.
    pub fn new(bundle: &Bundle) -> Self {
        let model = bundle.model.clone();
        let relevant = model
            .actions
            .iter()
            .map(|(action, about)| (*action, speaking_about(&bundle.rules.policies, about)))
            .collect();
        let privileges = bundle
            .catalog
            .privileges
            .iter()
            .filter_map(|(id, entry)| {
                let entity = entities::privilege(&model.names, entry).ok()?;
                Some((id.clone(), entity))
            })
            .collect();
        Self {
            authorizer: Authorizer::new(),
            model,
            catalog: Arc::clone(&bundle.catalog),
            rules: Arc::clone(&bundle.rules),
            relevant,
            privileges,
        }
    }

    /// What the policies say. Anything that can't be asked or evaluated is a no with its reason among the errors.
    #[must_use]
    pub fn evaluate(&self, directory: &Directory, question: &PolicyQuestion) -> Verdict {
        if !directory.persons.contains_key(&question.principal) {
            return not_asked(UNKNOWN_PERSON);
        }
        let Some((request, policies, entities)) = self.ask(directory, question) else {
            return not_asked(NOT_ASKED);
        };
        let response = self.authorizer.is_authorized(&request, policies, &entities);
        let said = response.diagnostics();
        let mut errors: Vec<String> = said.errors().map(policy_of).collect();
        errors.sort();
        let mut policies: Vec<String> = said.reason().map(ToString::to_string).collect();
        policies.sort();
        let outcome = match (response.decision(), errors.is_empty()) {
            (Decision::Allow, true) => Outcome::Allow,
            (Decision::Allow, false) => {
                policies.clear();
                Outcome::Deny
            }
            (Decision::Deny, no_errors) => {
                if policies.is_empty() && no_errors {
                    policies.push(NOT_PERMITTED.to_owned());
                }
                Outcome::Deny
            }
        };
        Verdict {
            outcome,
            policies,
            errors,
        }
    }

    /// The question as Cedar itself would be asked it, with all policies of the bundle: for measurements and for tools that speak
    /// Cedar. `None` if it can't be put.
    pub fn as_cedar(&self, directory: &Directory, question: &PolicyQuestion) -> Option<AsCedar> {
        let (request, _, entities) = self.ask(directory, question)?;
        Some(AsCedar {
            request,
            policies: self.rules.policies.clone(),
            entities,
        })
    }

    /// What the policies named in a verdict say about themselves, in the order given.
    pub fn explain(&self, policy_ids: &[String]) -> Vec<Reason> {
        policy_ids.iter().map(|id| self.rules.reason(id)).collect()
    }

    /// The question as Cedar gets it, with the policies that are looked at for it; `None` if it can't be put. Public so that what a
    /// verdict costs can be measured beside Cedar alone.
    pub fn ask(
        &self,
        directory: &Directory,
        question: &PolicyQuestion,
    ) -> Option<(Request, &PolicySet, Entities)> {
        let names = &self.model.names;
        let action = self.model.actions.get(&question.action)?;
        let policies = self.relevant.get(&question.action)?;
        let context = entities::context(&question.session).ok()?;
        let mut all = entities::persons(names, directory, question).ok()?;
        all.push(entities::elevation(names, &self.catalog, &question.elevation).ok()?);
        all.push(self.privileges.get(&question.elevation.privilege)?.clone());
        all.push(action.entity.clone());
        let entities = Entities::from_entities(all, None).ok()?;
        let principal = crate::model::uid(&names.person, question.principal.as_str());
        let resource = entities::elevation_uid(names, &question.elevation);
        let request = Request::new(principal, action.uid.clone(), resource, context, None).ok()?;
        Some((request, policies, entities))
    }
}

fn speaking_about(all: &PolicySet, about: &ModelAction) -> PolicySet {
    let names = |uid: &EntityUid| *uid == about.uid || about.groups.contains(uid);
    let speaking = all
        .policies()
        .filter(|policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => names(&uid),
            ActionConstraint::In(uids) => uids.iter().any(names),
        });
    // ids are unique already, so this can't fail; if it did, everything would have to be asked
    PolicySet::from_policies(speaking.cloned()).unwrap_or_else(|_| all.clone())
}

fn policy_of(error: &AuthorizationError) -> String {
    match error {
        AuthorizationError::PolicyEvaluationError(error) => error.policy_id().to_string(),
    }
}

fn not_asked(because: &str) -> Verdict {
    Verdict {
        outcome: Outcome::Deny,
        policies: Vec::new(),
        errors: vec![because.to_owned()],
    }
}

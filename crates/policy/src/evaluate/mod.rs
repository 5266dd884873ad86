//! Verdicts. Cedar skips a policy that fails to evaluate, which turns a failing `forbid` into an allow; so here any failure at all is
//! a refusal. Policies whose scope can't match an action aren't looked at for it: Cedar reads policies one after the other, and
//! this is what keeps a verdict as quick as its few relevant policies.
use crate::{
    bundle::Bundle,
    entities::{self, Needed},
    model::{Model, ModelAction, uid},
    people::{self, Facts},
    rules::{Reason, Rules},
};
mod memo;

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
use memo::Memo;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
    /// What the policies can look into.
    pub entities: Entities,
}

/// Asks the policies of one bundle.
#[derive(Debug)]
pub struct Evaluator {
    authorizer: Authorizer,
    model: Model,
    catalog: Arc<Catalog>,
    rules: Arc<Rules>,
    relevant: BTreeMap<PolicyAction, Relevant>,
    privileges: BTreeMap<PrivilegeId, Entity>,
    memo: Memo,
}

/// What a verdict about one action depends on.
#[derive(Debug, Clone)]
struct Relevant {
    /// The policies whose scope lets them speak about it.
    policies: PolicySet,
    /// The attributes they look at.
    needed: Needed,
}

impl Evaluator {
    /// Prepares all that doesn't depend on a question.
    pub fn new(bundle: &Bundle) -> Self {
        let model = bundle.model.clone();
        let relevant = model
            .actions
            .iter()
            .map(|(action, about)| (*action, relevant(&bundle.rules.policies, about)))
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
            memo: Memo::default(),
        }
    }

    /// The same policies, asked by somebody else: nothing of earlier questions is kept.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            authorizer: Authorizer::new(),
            model: self.model.clone(),
            catalog: Arc::clone(&self.catalog),
            rules: Arc::clone(&self.rules),
            relevant: self.relevant.clone(),
            privileges: self.privileges.clone(),
            memo: Memo::default(),
        }
    }

    /// What the policies say. Anything that can't be asked or evaluated is a no with its reason among the errors.
    #[must_use]
    pub fn evaluate(&self, directory: &Directory, question: &PolicyQuestion) -> Verdict {
        if !directory.persons.contains_key(&question.principal) {
            return not_asked(UNKNOWN_PERSON);
        }
        let Some(relevant) = self.relevant.get(&question.action) else {
            return not_asked(NOT_ASKED);
        };
        let asked = self
            .entities(directory, question, &relevant.needed)
            .and_then(|entities| Some((self.request(question, &relevant.needed)?, entities)));
        let Some((request, entities)) = asked else {
            return not_asked(NOT_ASKED);
        };
        let policies = &relevant.policies;
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

    /// All policies of the bundle.
    pub fn policies(&self) -> &PolicySet {
        &self.rules.policies
    }

    /// The question as Cedar itself would be asked it, to be put to [`Evaluator::policies`]: for measurements and for tools that
    /// speak Cedar. `None` if it can't be put.
    pub fn as_cedar(&self, directory: &Directory, question: &PolicyQuestion) -> Option<AsCedar> {
        let facts = people::in_question(directory, question, true);
        Some(AsCedar {
            request: self.request(question, &Needed::All)?,
            entities: self.build(question, &facts, &Needed::All)?,
        })
    }

    /// What the policies named in a verdict say about themselves, in the order given.
    pub fn explain(&self, policy_ids: &[String]) -> Vec<Reason> {
        policy_ids.iter().map(|id| self.rules.reason(id)).collect()
    }

    fn request(&self, question: &PolicyQuestion, needed: &Needed) -> Option<Request> {
        let names = &self.model.names;
        let action = self.model.actions.get(&question.action)?.uid.clone();
        let context = entities::context(&question.session, needed).ok()?;
        let principal = uid(&names.person, &question.principal);
        let resource = entities::elevation_uid(names, &question.elevation);
        Request::new(principal, action, resource, context, None).ok()
    }

    /// What the policies can look into: as it was for the last question about the same elevation, if nothing has changed.
    fn entities(
        &self,
        directory: &Directory,
        question: &PolicyQuestion,
        needed: &Needed,
    ) -> Option<Arc<Entities>> {
        let facts = people::in_question(directory, question, needed.has("manager"));
        if let Some(kept) = self.memo.recall(question, &facts) {
            return Some(kept);
        }
        let built = Arc::new(self.build(question, &facts, needed)?);
        self.memo.keep(question, facts, Arc::clone(&built));
        Some(built)
    }

    fn build(
        &self,
        question: &PolicyQuestion,
        facts: &[Facts],
        needed: &Needed,
    ) -> Option<Entities> {
        let names = &self.model.names;
        let elevation = &question.elevation;
        let mut all = vec![
            entities::elevation(names, &self.catalog, elevation, needed).ok()?,
            self.privileges.get(&elevation.privilege)?.clone(),
            self.model.actions.get(&question.action)?.entity.clone(),
        ];
        for facts in facts {
            all.push(entities::person(names, facts, needed).ok()?);
        }
        Entities::from_entities(all, None).ok()
    }
}

fn relevant(all: &PolicySet, about: &ModelAction) -> Relevant {
    let policies = speaking_about(all, about);
    let needed = looked_at(&policies).map_or(Needed::All, Needed::Named);
    Relevant { policies, needed }
}

/// Names of all attributes that policies mention, from their JSON form, where names are written out; `None` if one has no such form.
fn looked_at(policies: &PolicySet) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for policy in policies.policies() {
        let mut waiting = vec![policy.to_json().ok()?];
        while let Some(value) = waiting.pop() {
            if let Some(attribute) = value.get("attr") {
                // `x has a.b` may be written as a list
                let listed = attribute.as_array().into_iter().flatten();
                let written = listed
                    .chain(Some(attribute))
                    .filter_map(|name| name.as_str());
                names.extend(written.map(str::to_owned));
            }
            if let Some(members) = value.as_object() {
                waiting.extend(members.values().cloned());
            }
            waiting.extend(value.as_array().into_iter().flatten().cloned());
        }
    }
    Some(names)
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

#[cfg(test)]
mod tests;

//! The policies of a bundle: one permit for each action, then named forbids. Every one says in its annotations who it is (`@id`), why
//! it exists (`@why`) and, if it forbids, what would be allowed instead (`@fix`), so that a refusal explains itself.
use crate::{
    evaluate::{NOT_ASKED, NOT_PERMITTED, UNKNOWN_PERSON},
    mistake::{Located, Mistake, Place, Source},
    model::Model,
};
use cedar_policy::{
    Effect, Policy, PolicyId, PolicySet, ValidationError, ValidationMode, ValidationResult,
    Validator,
};
use miette::Diagnostic;
use std::{collections::BTreeMap, sync::Arc};

/// How far a policy may look from principal and resource: `resource.holder.duties` is two steps. The evaluator sends just these.
const LEVEL: u32 = 2;
/// Most characters of an `@id`.
const ID_CHARS_MAX: usize = 64;

/// A policy as a refusal shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Its `@id`.
    pub rule: String,
    /// Why it exists.
    pub why: String,
    /// The smallest change that would be allowed, if there is one.
    pub fix: Option<String>,
}

/// All policies of a bundle.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// By `@id`.
    pub(crate) policies: PolicySet,
    /// In the policies' own words, by `@id`.
    pub(crate) reasons: BTreeMap<String, Reason>,
    /// Where each policy begins, by `@id`.
    places: BTreeMap<String, Place>,
}

impl Rules {
    /// What a policy says about itself.
    pub(crate) fn reason(&self, id: &str) -> Reason {
        let own = |why: &str, fix: Option<&str>| Reason {
            rule: id.to_owned(),
            why: why.to_owned(),
            fix: fix.map(str::to_owned),
        };
        match id {
            NOT_PERMITTED => own("No rule of your organisation allows this.", None),
            UNKNOWN_PERSON => own(
                "The directory doesn't know who acts.",
                Some("Ask whoever runs the directory to add you."),
            ),
            NOT_ASKED => own(
                "The rules could not be asked, and without their answer nothing is allowed.",
                Some("Tell whoever runs the broker; nothing was changed."),
            ),
            _ => self
                .reasons
                .get(id)
                .cloned()
                .unwrap_or_else(|| own("This rule is not in the bundle in force.", None)),
        }
    }

    /// Adds the policies of one file.
    pub(crate) fn read(&mut self, source: &Arc<Source>, mistakes: &mut Vec<Mistake>) {
        let parsed: PolicySet = match source.text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => {
                let errors: cedar_policy::ParseErrors = errors;
                mistakes.extend(errors.iter().map(|error| told(error, source, 0)));
                return;
            }
        };
        let starts = statement_starts(&source.text);
        for template in parsed.templates() {
            let place = start_of(source, &starts, template.id());
            let help = "write one policy for each case; who may do what comes from the directory";
            mistakes.push(place.mistake(
                "a template is not a policy: nothing would fill its slots",
                Some(help.into()),
            ));
        }
        for policy in parsed.policies() {
            let place = start_of(source, &starts, policy.id());
            self.add(policy, &place, mistakes);
        }
    }

    fn add(&mut self, policy: &Policy, place: &Place, mistakes: &mut Vec<Mistake>) {
        let Some(id) = read_id(policy, place, mistakes) else {
            return;
        };
        if let Some(first) = self.places.get(&id) {
            let help = format!("the first is at {}", first.short());
            mistakes.push(place.mistake(format!("there are two policies `{id}`"), Some(help)));
            return;
        }
        self.places.insert(id.clone(), place.clone());
        let words = |name| {
            policy
                .annotation(name)
                .map(str::trim)
                .filter(|w| !w.is_empty())
        };
        let (why, fix) = (words("why"), words("fix"));
        let missing = |name: &str, help: &str| {
            place.mistake(
                format!("the policy `{id}` has no `@{name}`"),
                Some(help.into()),
            )
        };
        if why.is_none() {
            mistakes.push(missing("why", "say in a sentence why the rule exists"));
        }
        if fix.is_none() && policy.effect() == Effect::Forbid {
            mistakes.push(missing("fix", "say what the reader can do instead"));
        }
        let reason = Reason {
            rule: id.clone(),
            why: why.unwrap_or_default().to_owned(),
            fix: fix.map(str::to_owned),
        };
        self.reasons.insert(id.clone(), reason);
        // the id is new, so this can't be refused
        if self
            .policies
            .add(policy.new_id(PolicyId::new(&id)))
            .is_err()
        {
            mistakes.push(place.mistake(format!("there are two policies `{id}`"), None));
        }
    }

    /// Validates all policies against the schema, strictly.
    pub(crate) fn validate(&self, model: &Model, mistakes: &mut Vec<Mistake>) {
        let validator = Validator::new(model.schema.clone());
        let found: ValidationResult =
            validator.validate_with_level(&self.policies, ValidationMode::Strict, LEVEL);
        for error in found.validation_errors() {
            let mut mistake = self.told(error.policy_id(), error);
            if let ValidationError::EntityDerefLevelViolation(_) = error {
                let help = "a policy looks two steps far at most, as in `resource.holder.duties`";
                mistake.help = Some(help.to_owned());
            }
            mistakes.push(mistake);
        }
        for warning in found.validation_warnings() {
            mistakes.push(self.told(warning.policy_id(), warning));
        }
    }

    /// Names of entities in the policies, with where they stand.
    pub(crate) fn names(&self) -> Vec<Located<cedar_policy::EntityUid>> {
        let mut names = Vec::new();
        for policy in self.policies.policies() {
            let Some(place) = self.places.get(&policy.id().to_string()) else {
                continue;
            };
            names.extend(policy.entity_literals().into_iter().map(|uid| Located {
                place: place.further(&uid.to_string()),
                value: uid,
            }));
        }
        names
    }

    fn told(&self, id: &PolicyId, error: &dyn Diagnostic) -> Mistake {
        let id = id.to_string();
        match self.places.get(&id) {
            Some(place) => {
                let mut mistake = told(error, place.source(), place.offset());
                // Cedar begins with the name of the policy; the place says it already
                let begins = format!("for policy `{id}`, ");
                if let Some(rest) = mistake.message.strip_prefix(&begins) {
                    mistake.message = rest.trim_start().into();
                }
                mistake
            }
            None => Mistake {
                file: String::new(),
                line: 1,
                column: 1,
                message: error.to_string(),
                help: None,
            },
        }
    }
}

fn read_id(policy: &Policy, place: &Place, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let help = || Some("write `@id(\"action.what-it-says\")` before it".to_owned());
    let Some(id) = policy.annotation("id") else {
        mistakes.push(place.mistake("a policy has no `@id`", help()));
        return None;
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let reserved = id.starts_with("remit.");
    if reserved {
        let message =
            format!("`{id}` can't be the `@id` of a policy: `remit.` is the broker's own");
        mistakes.push(place.mistake(message, help()));
    } else if id.is_empty() || id.len() > ID_CHARS_MAX || !id.chars().all(legal) {
        let message = format!(
            "`{id}` can't be the `@id` of a policy: use 1 to {ID_CHARS_MAX} of a-z, 0-9, `.` and `-`"
        );
        mistakes.push(place.mistake(message, help()));
    } else {
        return Some(id.to_owned());
    }
    None
}

/// Cedar's complaint as a mistake; without a place of its own it is at `offset`.
pub(crate) fn told(error: &dyn Diagnostic, source: &Arc<Source>, offset: usize) -> Mistake {
    let labelled = error.labels().and_then(|mut labels| labels.next());
    let at = labelled
        .as_ref()
        .map_or(offset, miette::LabeledSpan::offset);
    let help = error
        .help()
        .map(|help| help.to_string())
        .or_else(|| labelled.and_then(|label| label.label().map(str::to_owned)));
    Place::new(source, at).mistake(error.to_string(), help)
}

/// Cedar numbers the policies of a text `policy0`, `policy1`, ... in their order.
fn start_of(source: &Arc<Source>, starts: &[usize], id: &PolicyId) -> Place {
    let text = id.to_string();
    let number = text.strip_prefix("policy").and_then(|n| n.parse().ok());
    let start = number.and_then(|n: usize| starts.get(n)).copied();
    Place::new(source, start.unwrap_or_default())
}

/// Offsets at which the policies of a text begin: each ends with `;`, outside of texts and comments.
fn statement_starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut begun = false;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '/' if rest.peek().is_some_and(|(_, next)| *next == '/') => {
                while rest.next_if(|(_, c)| *c != '\n').is_some() {}
            }
            ';' => begun = false,
            c if c.is_whitespace() => {}
            c => {
                if !begun {
                    starts.push(at);
                    begun = true;
                }
                if c == '"' {
                    while let Some((_, inside)) = rest.next() {
                        match inside {
                            '\\' => drop(rest.next()),
                            '"' => break,
                            _ => {}
                        }
                    }
                }
            }
        }
    }
    starts
}

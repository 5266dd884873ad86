//! The rules of asking, each a function of the same facts. Sending runs them and stops at the first no; the pre-check runs them and
//! shows all; the last consent runs those again that may have changed meanwhile. One list, so the three can't disagree.
mod fit;
mod form;
mod lends;
mod time;

pub(crate) use lends::Lends;

use crate::{
    catalog::{BreakGlassRule, Catalog, Privilege, Stage},
    directory::Person,
    grant::{Grant, GrantState},
    ids::{GrantId, PersonId, PrivilegeId, RequestId},
    impact::{Impact, ImpactFacts, score},
    path::consent_path,
    precheck::Finding,
    refusal::Refused,
    request::{Ask, RequestKind, Start},
    seats::Case,
    state::State,
    time::{Seconds, Timestamp},
    window::Stretch,
};

/// One ask, with everything its rules read.
#[derive(Debug, Clone)]
pub(crate) struct Look<'a> {
    pub(crate) state: &'a State,
    pub(crate) catalog: &'a Catalog,
    pub(crate) privilege: &'a Privilege,
    pub(crate) person: &'a Person,
    pub(crate) ask: &'a Ask,
    /// The request that this ask is or replaces: it doesn't stand in its own way.
    pub(crate) except: Option<RequestId>,
    pub(crate) now: Timestamp,
}

/// What an ask comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) impact: Impact,
    pub(crate) stages: Vec<Stage>,
}

type Rule = fn(&Look<'_>) -> Vec<Finding>;

/// Rules about the person and the world, which may change while a request waits.
const CHANGING: [Rule; 8] = [
    fit::job_role,
    fit::team,
    fit::training,
    fit::conflicts,
    fit::duty_conflicts,
    time::extension,
    time::window,
    time::freeze,
];
/// Rules about the words of the ask, which stay true once they were.
const FIXED: [Rule; 6] = [
    time::duration,
    time::start,
    form::answers,
    form::ticket,
    form::controls,
    form::open_requests,
];

impl<'a> Look<'a> {
    /// Finds what is asked for in the catalog in force.
    pub(crate) fn at(
        state: &'a State,
        person: &PersonId,
        ask: &'a Ask,
        except: Option<RequestId>,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let suspended = || Refused::Suspended {
            person: person.clone(),
        };
        let person = state.directory.persons.get(person).ok_or_else(suspended)?;
        if !person.is_active() {
            return Err(suspended());
        }
        let catalog = state.catalog().ok_or(Refused::NoBundle)?;
        let privilege = catalog.privilege(&ask.privilege)?;
        if ask.targets.is_empty() {
            return Err(Refused::NoTarget);
        }
        for target in &ask.targets {
            if !privilege.targets.contains(target) || !catalog.targets.contains_key(target) {
                return Err(Refused::UnknownTarget {
                    target: target.clone(),
                });
            }
        }
        Ok(Self {
            state,
            catalog,
            privilege,
            person,
            ask,
            except,
            now,
        })
    }

    /// Everything the rules find, in the order in which sending would stop.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let rules = CHANGING.iter().chain(&FIXED);
        let mut found: Vec<Finding> = rules.flat_map(|rule| rule(self)).collect();
        found.extend(self.quorum());
        found
    }

    /// The first rule that says no.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        first_no(self.findings())
    }

    /// The first rule that says no of those that may have changed since the ask was sent.
    pub(crate) fn check_again(&self) -> Result<(), Refused> {
        let mut found: Vec<Finding> = CHANGING.iter().flat_map(|rule| rule(self)).collect();
        if self.extends().is_some() {
            // two requests for more time, each short enough alone, may be too long together
            found.extend(time::duration(self));
        }
        first_no(found)
    }

    /// How much could go wrong, and whose consent that takes.
    pub(crate) fn plan(&self) -> Plan {
        let facts = self.facts();
        let impact = score(&self.catalog.impact, &facts);
        let owners = self.catalog.data_owners(&self.ask.targets);
        let stages = consent_path(self.catalog, self.privilege, &facts, impact.band, &owners);
        Plan { impact, stages }
    }

    pub(crate) fn facts(&self) -> ImpactFacts {
        // more time for a running grant is judged by the whole time: slices must not look smaller than the loaf
        let duration = match self.extended().map(|grant| &grant.state) {
            Some(GrantState::Active { since, .. } | GrantState::Held { since, .. }) => {
                self.stretch().ends_at.seconds_since(*since)
            }
            Some(GrantState::Scheduled { .. } | GrantState::Ended { .. }) | None => {
                self.ask.duration
            }
        };
        let history = self.state.histories.get(&self.person.id);
        ImpactFacts::of(
            self.catalog,
            self.privilege,
            (&self.ask.targets, duration),
            (self.person, history),
            self.now,
        )
    }

    /// The case of this ask before anybody consented.
    pub(crate) fn case<'p>(&'p self, stages: &'p [Stage]) -> Case<'p> {
        Case {
            directory: &self.state.directory,
            requester: &self.person.id,
            governance_owner: &self.privilege.owner,
            data_owners: self.catalog.data_owners(&self.ask.targets),
            stages,
            consents: &[],
            escalated: false,
            now: self.now,
        }
    }

    fn quorum(&self) -> Vec<Finding> {
        if self.is_break_glass() {
            return Vec::new();
        }
        let plan = self.plan();
        let case = self.case(&plan.stages);
        let text = match case.consents_needed() {
            0 => "Nobody needs to consent.".to_owned(),
            1 => "The 1 consent it needs can be given.".to_owned(),
            n => format!("The {n} consents it needs can be given, each by somebody else."),
        };
        vec![match case.quorum() {
            Ok(()) => passed("quorum", text),
            Err(refused) => Finding::MustFix(refused),
        }]
    }

    /// The time in which it would be active, if consent came now.
    pub(crate) fn stretch(&self) -> Stretch {
        let starts_at = match (self.extended(), self.ask.start) {
            (Some(grant), _) => grant.state.expires_at().unwrap_or(self.now),
            (None, Start::At(at)) if !self.is_break_glass() => at.max(self.now),
            (None, Start::At(_) | Start::Now) => self.now,
        };
        Stretch {
            starts_at,
            ends_at: starts_at.plus(self.ask.duration),
        }
    }

    /// The grant that would be extended, while it is there.
    pub(crate) fn extended(&self) -> Option<&'a Grant> {
        self.extends().and_then(|id| self.state.grants.get(&id))
    }

    fn extends(&self) -> Option<GrantId> {
        match self.ask.kind {
            RequestKind::Extension(grant) => Some(grant),
            RequestKind::New | RequestKind::BreakGlass => None,
        }
    }

    pub(crate) fn is_break_glass(&self) -> bool {
        self.ask.kind == RequestKind::BreakGlass
    }

    /// Longest loan of this kind.
    fn longest(&self) -> Result<Seconds, Refused> {
        match (self.ask.kind, self.privilege.break_glass) {
            (RequestKind::BreakGlass, BreakGlassRule::Allowed { grant_seconds_max }) => {
                Ok(grant_seconds_max)
            }
            (RequestKind::BreakGlass, BreakGlassRule::Barred) => Err(Refused::BreakGlassBarred {
                privilege: self.ask.privilege.clone(),
            }),
            (RequestKind::New | RequestKind::Extension(_), _) => {
                Ok(self.privilege.grant_seconds_max)
            }
        }
    }

    /// Privileges the person holds or asks for elsewhere.
    fn others(&self) -> impl Iterator<Item = &PrivilegeId> {
        let held = self.state.grants.values().filter(|grant| {
            let live = !matches!(grant.state, GrantState::Ended { .. });
            live && grant.terms.holder == self.person.id
        });
        let asked = self.state.requests.values().filter(|request| {
            request.requester == self.person.id && Some(request.id) != self.except
        });
        held.map(|grant| &grant.terms.privilege)
            .chain(asked.map(|request| &request.ask.privilege))
    }
}

fn first_no(findings: Vec<Finding>) -> Result<(), Refused> {
    let mut refusals = findings.into_iter().filter_map(|finding| match finding {
        Finding::MustFix(refused) => Some(refused),
        Finding::Passed { .. } | Finding::TakeCare { .. } => None,
    });
    refusals.next().map_or(Ok(()), Err)
}

fn passed(rule: &'static str, text: impl Into<String>) -> Finding {
    Finding::Passed {
        rule,
        text: text.into(),
    }
}

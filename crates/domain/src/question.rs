//! What the policies are asked about a command, before it is decided. Nothing is asked about timers, workers and bookkeeping:
//! policies rule over what people want. Whatever can't be found in the catalog is taken at its most delicate.
use crate::{
    acting::acting,
    actor::Actor,
    asking::Look,
    catalog::{ActionKind, Catalog, DataClass, Environment, Phase},
    command::{Attempt, Command, Given},
    grant::{Grant, GrantState},
    ids::{ActionId, GrantId, PersonId, PrivilegeId, RequestId, TargetId},
    request::{Ask, Request, RequestKind},
    seats::Case,
    state::State,
    time::{Seconds, Timestamp},
    verdict::{Elevation, PolicyAction, PolicyQuestion, Session},
    window::{Stretch, covers},
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The question to the policies in force, if this command needs one. `None` too where the domain refuses anyway: no such request,
/// no such person.
pub fn question(state: &State, given: &Given, now: Timestamp) -> Option<PolicyQuestion> {
    let asker = Asker { state, given, now };
    match &given.command {
        Command::SubmitRequest { ask } => asker.about_ask(ask, RequestId(Uuid::nil())),
        Command::EditRequest { request, ask, .. } => asker.about_ask(ask, *request),
        Command::ApproveRequest { request, .. } => asker.about_request(*request),
        Command::ActivateGrant { grant } => match given.actor {
            Actor::Person { .. } => asker.about_grant(PolicyAction::Activate, *grant),
            Actor::Gateway { .. } | Actor::Operator | Actor::System => None,
        },
        Command::IssueCredential { grant, .. } => asker.about_grant(PolicyAction::Activate, *grant),
        Command::BeginUse { attempt } => asker.about_use(attempt),
        Command::RevokeGrant { grant, .. }
        | Command::HoldGrant { grant, .. }
        | Command::ResumeGrant { grant, .. } => asker.about_grant(PolicyAction::Intervene, *grant),
        Command::ReviewGrant { grant, .. } => asker.about_grant(PolicyAction::Review, *grant),
        Command::AdoptGenesis { .. }
        | Command::ProposeBundle { .. }
        | Command::ConfirmBundle { .. }
        | Command::ChangeDirectory { .. }
        | Command::WithdrawRequest { .. }
        | Command::DenyRequest { .. }
        | Command::AskRequester { .. }
        | Command::AnswerApprovers { .. }
        | Command::EscalateRequest { .. }
        | Command::ExpireRequest { .. }
        | Command::ExpireGrant { .. }
        | Command::ReturnGrant { .. }
        | Command::ContainGrant { .. }
        | Command::RecordProvisioned { .. }
        | Command::RecordProvisionFailed { .. }
        | Command::RecordRemoved { .. }
        | Command::RecordRemovalFailed { .. }
        | Command::FinishUse { .. }
        | Command::RecordActivity { .. } => None,
    }
}

struct Asker<'a> {
    state: &'a State,
    given: &'a Given,
    now: Timestamp,
}

impl Asker<'_> {
    fn about_ask(&self, ask: &Ask, id: RequestId) -> Option<PolicyQuestion> {
        let principal = acting(self.state, &self.given.actor).ok()?.person;
        let look = Look::at(self.state, &principal, ask, Some(id), self.now).ok()?;
        let stretch = look.stretch();
        let (action, break_glass) = match ask.kind {
            RequestKind::BreakGlass => (PolicyAction::BreakGlass, true),
            RequestKind::New | RequestKind::Extension(_) => (PolicyAction::Request, false),
        };
        let elevation = Elevation {
            request: id,
            grant: extended(ask.kind),
            duration: ask.duration,
            impact: look.plan().impact.score,
            break_glass,
            not_before: Some(stretch.starts_at),
            expires_at: Some(stretch.ends_at),
            ..elevation(look.catalog, &principal, &ask.privilege, &ask.targets)
        };
        Some(self.put(action, principal, elevation))
    }

    fn about_request(&self, id: RequestId) -> Option<PolicyQuestion> {
        let principal = acting(self.state, &self.given.actor).ok()?.person;
        let request = self.state.requests.get(&id)?;
        Some(self.put(
            PolicyAction::Approve,
            principal,
            self.elevation_of(request)?,
        ))
    }

    fn elevation_of(&self, request: &Request) -> Option<Elevation> {
        let (ask, targets) = (&request.ask, request.targets());
        let catalog = self.state.catalog()?;
        let case = Case::of(self.state, request, self.now).ok()?;
        Some(Elevation {
            request: request.id,
            grant: extended(ask.kind),
            duration: request.duration(),
            impact: request.impact.score,
            approved_by: request.consents.iter().map(|c| c.by.clone()).collect(),
            approved_duties: case.duties_seated(),
            ..elevation(catalog, &request.requester, &ask.privilege, targets)
        })
    }

    fn about_grant(&self, action: PolicyAction, id: GrantId) -> Option<PolicyQuestion> {
        let principal = acting(self.state, &self.given.actor).ok()?.person;
        let grant = self.state.grants.get(&id)?;
        Some(self.put(action, principal, self.elevation_by(grant)?))
    }

    fn about_use(&self, attempt: &Attempt) -> Option<PolicyQuestion> {
        let grant = self.state.grants.get(&attempt.grant?)?;
        let catalog = self.state.catalog()?;
        let whole = self.elevation_by(grant)?;
        let actions: BTreeSet<ActionId> = attempt.actions.iter().map(|(a, _)| a.clone()).collect();
        let targets: BTreeSet<TargetId> = attempt.actions.iter().map(|(_, t)| t.clone()).collect();
        let elevation = if attempt.actions.is_empty() {
            whole
        } else {
            let used = elevation(catalog, &whole.holder, &whole.privilege, &targets);
            Elevation {
                action_kind: farthest(catalog, &grant.terms.privilege, &actions),
                actions,
                targets,
                environment: used.environment,
                data_class: used.data_class,
                data_owners: used.data_owners,
                ..whole
            }
        };
        Some(self.put(PolicyAction::Perform, grant.terms.holder.clone(), elevation))
    }

    fn elevation_by(&self, grant: &Grant) -> Option<Elevation> {
        let terms = &grant.terms;
        let (active, held, not_before) = match &grant.state {
            GrantState::Active { since, .. } => (true, false, Some(*since)),
            GrantState::Held { since, .. } => (false, true, Some(*since)),
            GrantState::Scheduled { starts_at } => (false, false, Some(*starts_at)),
            GrantState::Ended { .. } => (false, false, None),
        };
        let catalog = self.state.catalog()?;
        Some(Elevation {
            request: terms.request,
            grant: Some(terms.id),
            actions: terms.actions.clone(),
            action_kind: farthest(catalog, &terms.privilege, &terms.actions),
            duration: terms.duration,
            impact: terms.impact,
            approved_by: terms.approved_by.clone(),
            approved_duties: terms.approved_duties.clone(),
            active,
            held,
            break_glass: terms.break_glass,
            not_before,
            expires_at: grant.state.expires_at(),
            ..elevation(catalog, &terms.holder, &terms.privilege, &terms.targets)
        })
    }

    fn put(
        &self,
        action: PolicyAction,
        principal: PersonId,
        elevation: Elevation,
    ) -> PolicyQuestion {
        let moment = Stretch {
            starts_at: self.now,
            ends_at: Timestamp(self.now.0.saturating_add(1)),
        };
        let catalog = self.state.catalog();
        let entry = catalog.and_then(|c| c.privileges.get(&elevation.privilege));
        let (signed_in_at, second_factor) = match &self.given.actor {
            Actor::Person {
                signed_in_at,
                second_factor,
                ..
            } => (*signed_in_at, *second_factor),
            // an enforcement point doesn't know when its caller signed in: not later than the grant began
            Actor::Gateway { .. } | Actor::Operator | Actor::System => {
                (elevation.not_before.unwrap_or(self.now), false)
            }
        };
        let session = Session {
            now: self.now,
            signed_in_at,
            second_factor,
            frozen: catalog.is_some_and(|c| c.freeze(&elevation.targets, moment).is_some()),
            in_window: entry.is_some_and(|e| covers(&e.windows, moment)),
            risk: 0,
        };
        PolicyQuestion {
            action,
            principal,
            elevation,
            session,
        }
    }
}

/// What the catalog tells of a privilege on targets; nobody consented and nothing is active yet.
fn elevation(
    catalog: &Catalog,
    holder: &PersonId,
    privilege: &PrivilegeId,
    targets: &BTreeSet<TargetId>,
) -> Elevation {
    let entry = catalog.privileges.get(privilege);
    let actions = entry.map(|e| e.actions.clone()).unwrap_or_default();
    let known = || targets.iter().map(|id| catalog.targets.get(id));
    let environment = known().map(|t| t.map_or(Environment::Production, |t| t.environment));
    let data_class = known().map(|t| t.map_or(DataClass::Restricted, |t| t.data_class));
    Elevation {
        request: RequestId(Uuid::nil()),
        grant: None,
        holder: holder.clone(),
        privilege: privilege.clone(),
        phase: entry.map_or(Phase::BuildTime, |e| e.phase),
        action_kind: farthest(catalog, privilege, &actions),
        actions,
        targets: targets.clone(),
        environment: environment.max().unwrap_or(Environment::Production),
        data_class: data_class.max().unwrap_or(DataClass::Restricted),
        data_owners: catalog.data_owners(targets),
        duration: Seconds(0),
        impact: 0,
        approved_by: BTreeSet::new(),
        approved_duties: BTreeSet::new(),
        active: false,
        held: false,
        break_glass: false,
        not_before: None,
        expires_at: None,
    }
}

fn extended(kind: RequestKind) -> Option<GrantId> {
    match kind {
        RequestKind::Extension(grant) => Some(grant),
        RequestKind::New | RequestKind::BreakGlass => None,
    }
}

fn farthest(
    catalog: &Catalog,
    privilege: &PrivilegeId,
    actions: &BTreeSet<ActionId>,
) -> ActionKind {
    let entry = catalog.privileges.get(privilege);
    let platform = entry.and_then(|entry| catalog.platforms.get(&entry.platform));
    let kind = |id| {
        let action = platform.and_then(|p| p.actions.get(id));
        action.map_or(ActionKind::Administer, |action| action.kind)
    };
    actions.iter().map(kind).max().unwrap_or(ActionKind::Read)
}

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
        | Command::EscalateReview { .. }
        | Command::ExpireRequest { .. }
        | Command::ExpireGrant { .. }
        | Command::ReturnGrant { .. }
        | Command::ContainGrant { .. }
        | Command::RecordProvisioned { .. }
        | Command::RecordProvisionFailed { .. }
        | Command::RecordRemoved { .. }
        | Command::RecordRemovalFailed { .. }
        | Command::FinishUse { .. }
        | Command::FinishUses { .. }
        | Command::ReportWitnesses { .. }
        | Command::RecordActivity { .. }
        | Command::BeginQuarantine { .. }
        | Command::RecordStrays { .. }
        | Command::RecordStrayEnded { .. }
        | Command::RecordMissing { .. }
        | Command::EndUnconfirmed { .. }
        | Command::RecordReconciled { .. }
        | Command::LiftQuarantine { .. }
        | Command::ErasePerson { .. }
        | Command::RecordErased { .. }
        | Command::PlaceLegalHold { .. }
        | Command::LiftLegalHold { .. } => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{NOW, ask, by, gateway, gateway_id, id, ids, system, text},
        ids::{Digest, UseId},
        play::Play,
        request::Start,
    };

    fn put(
        play: &Play,
        context: &crate::actor::Context,
        command: Command,
    ) -> Option<PolicyQuestion> {
        let actor = context.actor.clone();
        question(&play.state, &Given { actor, command }, play.now)
    }

    fn told(question: Option<PolicyQuestion>) -> String {
        let list = |set: &BTreeSet<PersonId>| {
            set.iter()
                .map(PersonId::as_str)
                .collect::<Vec<_>>()
                .join("+")
        };
        question.map_or("nothing".to_owned(), |q| {
            let e = &q.elevation;
            format!(
                "may {} {:?} {} of {} ({:?}, {:?}, {:?}, {:?}, owners {}) for {}, impact {}, approved by [{}], active {}, held {}, \
                 emergency {}, frozen {}, in window {}, second factor {}",
                q.principal, q.action, e.privilege, e.holder, e.phase, e.action_kind, e.environment, e.data_class,
                list(&e.data_owners), e.duration, e.impact, list(&e.approved_by), e.active, e.held, e.break_glass,
                q.session.frozen, q.session.in_window, q.session.second_factor
            )
        })
    }

    const EDIT: &str =
        "edit-flow of ada (BuildTime, Change, Production, Confidential, owners cyd) for 1 hour";

    #[test]
    fn policies_are_asked_about_what_people_want() {
        let mut play = Play::new();
        let send = Command::SubmitRequest {
            ask: ask("edit-flow"),
        };
        assert_eq!(
            told(put(&play, &by("ada-alias", NOW), send)),
            format!(
                "may ada Request {EDIT}, impact 55, approved by [], active false, held false, emergency false, frozen false, \
                 in window true, second factor true"
            )
        );
        let emergency = Ask {
            kind: RequestKind::BreakGlass,
            ..ask("edit-flow")
        };
        let send = Command::SubmitRequest { ask: emergency };
        assert!(told(put(&play, &by("ada", NOW), send)).contains("may ada BreakGlass"));
        play.submit("ada", &ask("edit-flow"));
        play.approve("bob");
        let yes = Command::ApproveRequest {
            request: play.request(),
            digest: Digest([0; 32]),
            narrowing: None,
            comment: text("fine"),
        };
        assert_eq!(
            told(put(&play, &by("cyd", NOW), yes)),
            format!(
                "may cyd Approve {EDIT}, impact 55, approved by [bob], active false, held false, emergency false, frozen false, \
                 in window true, second factor true"
            )
        );
    }

    #[test]
    fn policies_are_asked_about_exactly_what_is_used() {
        let mut play = Play::new();
        let both = Ask {
            targets: ids("nodered.invoices nodered.invoices-test"),
            ..ask("edit-flow")
        };
        play.submit("ada", &both);
        play.approve("bob");
        play.approve("cyd");
        let attempt = |actions: &[(&str, &str)]| Command::BeginUse {
            attempt: Attempt {
                gateway: gateway_id(),
                grant: Some(play.grant()),
                credential: None,
                platform: id("nodered"),
                actions: actions
                    .iter()
                    .map(|(action, target)| (id(action), id(target)))
                    .collect(),
                method: "GET".to_owned(),
                path: "/flow/f2".to_owned(),
                destination: None,
                unmapped: Vec::new(),
            },
        };
        let rest = "owners cyd) for 1 hour, impact 60, approved by [bob+cyd], active true, held false, emergency false, \
                    frozen false, in window true, second factor false";
        assert_eq!(
            told(put(
                &play,
                &gateway(NOW),
                attempt(&[("flow.read", "nodered.invoices-test")])
            )),
            format!("may ada Perform edit-flow of ada (BuildTime, Read, Test, Internal, {rest}")
        );
        assert_eq!(
            told(put(&play, &gateway(NOW), attempt(&[]))),
            format!(
                "may ada Perform edit-flow of ada (BuildTime, Change, Production, Confidential, {rest}"
            )
        );
        // what the catalog doesn't know is taken at its most delicate
        assert_eq!(
            told(put(&play, &gateway(NOW), attempt(&[("flow.burn", "nodered.nowhere")]))),
            format!("may ada Perform edit-flow of ada (BuildTime, Administer, Production, Restricted, {rest}")
                .replace("owners cyd", "owners ")
        );
    }

    #[test]
    fn policies_are_asked_when_somebody_steps_into_a_grant_and_never_when_it_is_given_back() {
        let mut play = Play::new();
        play.submit(
            "ada",
            &Ask {
                start: Start::At(NOW.plus(Seconds(600))),
                ..ask("edit-flow")
            },
        );
        play.approve("bob");
        play.approve("cyd");
        let grant = play.grant();
        let revoke = Command::RevokeGrant {
            grant,
            comment: text("odd"),
        };
        assert!(
            told(put(&play, &by("eve", NOW), revoke))
                .starts_with(&format!("may eve Intervene {EDIT}"))
        );
        let begin = || Command::ActivateGrant { grant };
        assert!(
            told(put(&play, &by("ada", NOW), begin()))
                .starts_with(&format!("may ada Activate {EDIT}"))
        );
        assert_eq!(told(put(&play, &system(NOW), begin())), "nothing");
        assert_eq!(
            told(put(&play, &by("ada", NOW), Command::ReturnGrant { grant })),
            "nothing"
        );
        let finish = Command::FinishUse {
            use_id: UseId(Uuid::nil()),
            grant,
            outcome: crate::command::UseOutcome {
                status: None,
                bytes: 0,
                rows: 0,
                cut: true,
            },
        };
        assert_eq!(told(put(&play, &gateway(NOW), finish)), "nothing");
    }

    #[test]
    fn a_policy_that_cannot_be_evaluated_keeps_nobody_from_taking_privilege_away() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        play.approve("bob");
        play.approve("cyd");
        let grant = play.grant();
        let comment = text("odd");
        let hold = Command::HoldGrant {
            grant,
            comment: comment.clone(),
        };
        let resume = Command::ResumeGrant { grant, comment };
        assert_eq!(play.give_with("eve", &hold, None), "grant-held");
        assert_eq!(
            play.give_with("eve", &resume, None),
            "no: a policy could not be evaluated: no verdict"
        );
        let no = Some(crate::fixture::deny("intervene.two"));
        assert_eq!(
            play.give_with("eve", &resume, no),
            "no: the policies say no: intervene.two"
        );
    }
}

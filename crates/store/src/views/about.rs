//! What an entry is about: the request, the grant, the person and the things behind it, as they stand after its events.
use super::{cell::Cells, grant, projector::Step};
use crate::error::RowError;
use domain::{
    command::{Activity, Command},
    event::Event,
    grant::GrantTerms,
    ids::{GrantId, PersonId, PrivilegeId, RequestId, RequestNumber, TargetId},
    request::Ask,
};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// What an entry is about.
pub(super) struct About {
    /// The human behind it: who gave the command, or whose grant was used.
    pub(super) person: Option<PersonId>,
    pub(super) request: Option<RequestFacts>,
    pub(super) grant: Option<GrantTerms>,
    pub(super) privilege: Option<PrivilegeId>,
    pub(super) targets: BTreeSet<TargetId>,
    pub(super) ticket: Option<String>,
}

/// What lists need of a request.
pub(super) struct RequestFacts {
    pub(super) number: RequestNumber,
    pub(super) requester: PersonId,
    pub(super) privilege: PrivilegeId,
    pub(super) targets: BTreeSet<TargetId>,
    pub(super) ticket: Option<String>,
}

impl About {
    pub(super) fn of(step: &Step<'_>) -> Result<Self, RowError> {
        let command = &step.recorded.record.command;
        let request = match request_id(step) {
            Some(id) => request_facts(step.db, id)?,
            None => None,
        };
        let grant = match grant_id(step) {
            Some(id) => grant::terms(step.db, id)?,
            None => None,
        };
        // an entry about a grant alone is found by the ticket of the request that led to it
        let behind = match (&request, &grant) {
            (None, Some(terms)) => request_facts(step.db, terms.request)?,
            (Some(_) | None, _) => None,
        };
        let holder = grant.as_ref().map(|terms| terms.holder.clone());
        let person = step
            .recorded
            .record
            .person
            .clone()
            .or(holder.filter(|_| is_use(command)));
        Ok(Self {
            person,
            privilege: privilege(command, request.as_ref(), grant.as_ref()),
            targets: targets(step, request.as_ref(), grant.as_ref()),
            ticket: ticket(command, request.as_ref().or(behind.as_ref())),
            request,
            grant,
        })
    }
}

/// Whether a command tells of the use of a grant.
pub(super) const fn is_use(command: &Command) -> bool {
    matches!(
        command,
        Command::BeginUse { .. }
            | Command::FinishUse { .. }
            | Command::FinishUses { .. }
            | Command::RecordActivity { .. }
    )
}

fn asked(command: &Command) -> Option<&Ask> {
    match command {
        Command::SubmitRequest { ask } | Command::EditRequest { ask, .. } => Some(ask),
        _ => None,
    }
}

fn privilege(
    command: &Command,
    request: Option<&RequestFacts>,
    grant: Option<&GrantTerms>,
) -> Option<PrivilegeId> {
    let asked = asked(command).map(|ask| &ask.privilege);
    let behind = request.map(|request| &request.privilege);
    asked
        .or(behind)
        .or(grant.map(|terms| &terms.privilege))
        .cloned()
}

fn ticket(command: &Command, request: Option<&RequestFacts>) -> Option<String> {
    match asked(command) {
        Some(ask) => ask.ticket.clone(),
        None => request.and_then(|request| request.ticket.clone()),
    }
}

/// A use names its own targets, also those outside its grant.
fn targets(
    step: &Step<'_>,
    request: Option<&RequestFacts>,
    grant: Option<&GrantTerms>,
) -> BTreeSet<TargetId> {
    match &step.recorded.record.command {
        Command::SubmitRequest { ask } | Command::EditRequest { ask, .. } => ask.targets.clone(),
        Command::BeginUse { attempt } => attempt
            .actions
            .iter()
            .map(|(_, target)| target.clone())
            .collect(),
        Command::RecordActivity { activity } => native(step, activity),
        Command::FinishUse { .. } | Command::FinishUses { .. } => BTreeSet::new(),
        _ => {
            let of_request = request.map(|request| &request.targets);
            of_request
                .or(grant.map(|terms| &terms.targets))
                .cloned()
                .unwrap_or_default()
        }
    }
}

/// The targets that the platform's log calls by the object's name.
fn native(step: &Step<'_>, activity: &Activity) -> BTreeSet<TargetId> {
    let targets = step
        .catalog
        .iter()
        .flat_map(|catalog| catalog.targets.values());
    targets
        .filter(|target| target.platform == activity.platform && target.native == activity.object)
        .map(|target| target.id.clone())
        .collect()
}

fn request_id(step: &Step<'_>) -> Option<RequestId> {
    match &step.recorded.record.command {
        Command::EditRequest { request, .. }
        | Command::WithdrawRequest { request }
        | Command::ApproveRequest { request, .. }
        | Command::DenyRequest { request, .. }
        | Command::AskRequester { request, .. }
        | Command::AnswerApprovers { request, .. }
        | Command::EscalateRequest { request }
        | Command::ExpireRequest { request } => Some(*request),
        Command::SubmitRequest { .. } => step.events().iter().find_map(|event| match event {
            Event::RequestSubmitted { request, .. } => Some(*request),
            _ => None,
        }),
        _ => None,
    }
}

fn grant_id(step: &Step<'_>) -> Option<GrantId> {
    match &step.recorded.record.command {
        Command::ActivateGrant { grant }
        | Command::ExpireGrant { grant }
        | Command::ReturnGrant { grant }
        | Command::RevokeGrant { grant, .. }
        | Command::HoldGrant { grant, .. }
        | Command::EscalateReview { grant }
        | Command::ResumeGrant { grant, .. }
        | Command::ContainGrant { grant, .. }
        | Command::IssueCredential { grant, .. }
        | Command::RecordProvisioned { grant, .. }
        | Command::RecordProvisionFailed { grant, .. }
        | Command::RecordRemoved { grant, .. }
        | Command::RecordRemovalFailed { grant, .. }
        | Command::RecordMissing { grant, .. }
        | Command::EndUnconfirmed { grant }
        | Command::FinishUse { grant, .. }
        | Command::FinishUses { grant, .. }
        | Command::ReviewGrant { grant, .. } => Some(*grant),
        Command::BeginUse { attempt } => attempt.grant,
        Command::RecordActivity { activity } => activity.grant,
        _ => step.events().iter().find_map(|event| match event {
            Event::GrantScheduled { terms, .. } => Some(terms.id),
            Event::GrantExtended { grant, .. } => Some(*grant),
            _ => None,
        }),
    }
}

fn request_facts(db: &Connection, id: RequestId) -> Result<Option<RequestFacts>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            request.number,
            request.requester,
            request.privilege,
            request.targets,
            request.ticket
        FROM request
        WHERE request.id = ?1",
    )?;
    let mut rows = statement.query([id.to_string()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = Cells {
        table: "request",
        row,
    };
    Ok(Some(RequestFacts {
        number: RequestNumber(cells.plain(0)?),
        requester: cells.id(1)?,
        privilege: cells.id(2)?,
        targets: cells.json(3)?,
        ticket: cells.plain(4)?,
    }))
}

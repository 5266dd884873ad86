//! From a command to the events that follow, or the reason they don't. Pure: the same state, command and context give the same
//! answer on every machine and at every replay. The domain's own rules speak first, because they can say best what to do; the
//! policies may then still say no, never yes.
mod agreed;
mod bundle;
mod consent;
mod directory;
mod ending;
pub mod grant;
mod keeping;
pub mod provision;
pub(crate) mod quarantine;
mod review;
mod submit;
mod talk;
pub mod usage;

pub use bundle::GOVERNANCE;

use crate::{
    actor::Context,
    command::{Command, Given},
    event::Event,
    ids::RequestId,
    question::question,
    refusal::Refused,
    request::Request,
    state::State,
    time::Timestamp,
    verdict::{Outcome, Verdict},
    witnessing,
};

/// Decides one command.
///
/// # Errors
///
/// The first rule that says no.
pub fn decide(state: &State, command: &Command, context: &Context) -> Result<Vec<Event>, Refused> {
    quarantine::passes(state, command)?;
    let events = by_domain(state, command, context)?;
    quarantine::holds(state, &events)?;
    let given = Given {
        actor: context.actor.clone(),
        command: command.clone(),
    };
    // a refused use, and a scheduled grant that may not begin, are events: these two read the verdict themselves
    if !matches!(
        command,
        Command::BeginUse { .. } | Command::ActivateGrant { .. }
    ) && question(state, &given, context.now).is_some()
    {
        permitted(command, context.verdict.as_ref())?;
    }
    Ok(events)
}

/// Passes if the policies allow it. A missing verdict is a failed policy, never an allow.
///
/// # Errors
///
/// [`Refused::Policy`] names who said no, [`Refused::PolicyFailed`] what could not be evaluated.
pub fn allowed(verdict: Option<&Verdict>) -> Result<(), Refused> {
    let Some(verdict) = verdict else {
        return Err(Refused::PolicyFailed {
            policies: vec!["no verdict".to_owned()],
        });
    };
    if !verdict.errors.is_empty() {
        return Err(Refused::PolicyFailed {
            policies: verdict.errors.clone(),
        });
    }
    match verdict.outcome {
        Outcome::Allow => Ok(()),
        Outcome::Deny => Err(Refused::Policy {
            policies: verdict.policies.clone(),
        }),
    }
}

/// As [`allowed`], except that a policy which can't be evaluated never keeps anybody from taking privilege away.
fn permitted(command: &Command, verdict: Option<&Verdict>) -> Result<(), Refused> {
    let takes_away = matches!(
        command,
        Command::RevokeGrant { .. } | Command::HoldGrant { .. } | Command::DenyRequest { .. }
    );
    match allowed(verdict) {
        Err(Refused::PolicyFailed { .. }) if takes_away => Ok(()),
        answer => answer,
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm per command: the list is the point"
)]
fn by_domain(state: &State, command: &Command, context: &Context) -> Result<Vec<Event>, Refused> {
    match command {
        Command::AdoptGenesis { bundle } => bundle::adopt_genesis(state, *bundle, context),
        Command::ProposeBundle { bundle } => bundle::propose(state, *bundle, context),
        Command::ConfirmBundle { bundle } => bundle::confirm(state, *bundle, context),
        Command::ChangeDirectory { change } => directory::change(state, change, context),
        Command::SubmitRequest { ask } => submit::submit(state, ask, context),
        Command::EditRequest {
            request,
            ask,
            revision,
        } => submit::edit(state, *request, ask, *revision, context),
        Command::WithdrawRequest { request } => submit::withdraw(state, *request, context),
        Command::ApproveRequest {
            request,
            digest,
            narrowing,
            comment,
        } => {
            let yes = consent::Yes {
                digest: *digest,
                narrowing: narrowing.as_ref(),
                comment,
            };
            consent::approve(state, *request, &yes, context)
        }
        Command::DenyRequest {
            request,
            digest,
            comment,
        } => consent::deny(state, *request, *digest, comment, context),
        Command::AskRequester { request, text } => talk::ask(state, *request, text, context),
        Command::AnswerApprovers { request, text } => talk::answer(state, *request, text, context),
        Command::EscalateRequest { request } => talk::escalate(state, *request, context),
        Command::ExpireRequest { request } => talk::expire(state, *request, context),
        Command::ActivateGrant { grant } => grant::activate(state, *grant, context),
        Command::ExpireGrant { grant } => grant::expire(state, *grant, context),
        Command::ReturnGrant { grant } => grant::give_back(state, *grant, context),
        Command::RevokeGrant { grant, comment } => grant::revoke(state, *grant, comment, context),
        Command::HoldGrant { grant, comment } => grant::hold(state, *grant, comment, context),
        Command::ResumeGrant { grant, comment } => grant::resume(state, *grant, comment, context),
        Command::ContainGrant { grant, because } => {
            grant::contain(state, *grant, *because, context)
        }
        Command::IssueCredential { grant, kind } => provision::issue(state, *grant, kind, context),
        Command::RecordProvisioned {
            grant,
            credential,
            expires_at,
        } => provision::provisioned(state, (*grant, *credential), *expires_at, context),
        Command::RecordProvisionFailed {
            grant,
            credential,
            because,
        } => provision::provision_failed(state, (*grant, *credential), because, context),
        Command::RecordRemoved {
            grant,
            credential,
            read_back,
        } => provision::removed(state, (*grant, *credential), read_back, context),
        Command::RecordRemovalFailed {
            grant,
            credential,
            because,
        } => provision::removal_failed(state, (*grant, *credential), because, context),
        Command::BeginUse { attempt } => usage::begin(state, attempt, context),
        Command::FinishUse {
            use_id,
            grant,
            outcome,
        } => usage::finish(state, *grant, [(*use_id, outcome)], context),
        Command::FinishUses { grant, uses } => {
            let uses = uses.iter().map(|used| (used.use_id, &used.outcome));
            usage::finish(state, *grant, uses, context)
        }
        Command::RecordActivity { activity } => usage::activity(state, activity, context),
        Command::EscalateReview { grant } => review::escalate(state, *grant, context),
        Command::ReportWitnesses { report } => witnessing::report(report, context),
        Command::ErasePerson { person } => keeping::erase(state, person, context),
        Command::RecordErased { person } => keeping::erased(state, person, context),
        Command::PlaceLegalHold { hold } => keeping::place(state, hold, context),
        Command::LiftLegalHold { hold } => keeping::lift(state, hold, context),
        Command::ReviewGrant {
            grant,
            finding,
            comment,
        } => review::review(state, *grant, *finding, comment, context),
        Command::BeginQuarantine { copied, platforms } => {
            quarantine::begin(state, *copied, platforms, context)
        }
        Command::RecordStrays { platform, names } => {
            quarantine::strays(state, platform, names, context)
        }
        Command::RecordStrayEnded {
            platform,
            name,
            read_back,
        } => quarantine::stray_ended(state, platform, (name, read_back), context),
        Command::RecordMissing { grant, credential } => {
            quarantine::missing(state, (*grant, *credential), context)
        }
        Command::EndUnconfirmed { grant } => quarantine::end_unconfirmed(state, *grant, context),
        Command::RecordReconciled { platform } => quarantine::reconciled(state, platform, context),
        Command::LiftQuarantine { comment } => quarantine::lift(state, comment, context),
    }
}

/// A request that still waits. Its time may be over before the timer said so.
fn open_request(state: &State, id: RequestId, now: Timestamp) -> Result<&Request, Refused> {
    let open = state
        .requests
        .get(&id)
        .filter(|request| now < request.expires_at);
    open.ok_or(Refused::NoOpenRequest { request: id })
}

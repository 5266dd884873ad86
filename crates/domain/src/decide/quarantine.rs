//! The quarantine of a restored copy: it begins before anything else is decided, targets are compared with the copy one by one,
//! and an operator lifts it when nothing is left that the copy can't explain.
use super::ending::ending;
use crate::{
    acting::broker_only,
    actor::{Actor, Context},
    command::Command,
    event::Event,
    grant::{CredentialKind, EndReason},
    ids::{CredentialId, GrantId, PlatformId},
    quarantine::{Comparison, Quarantine, unconfirmed},
    refusal::Refused,
    state::State,
    text::Text,
};
use std::collections::BTreeSet;

/// Whether a command may be decided at all: what only gives is refused at once, with the words for it.
pub(super) fn passes(state: &State, command: &Command) -> Result<(), Refused> {
    let Some(quarantine) = &state.quarantine else {
        return Ok(());
    };
    match command {
        Command::SubmitRequest { .. }
        | Command::EditRequest { .. }
        | Command::ApproveRequest { .. }
        | Command::ActivateGrant { .. }
        | Command::ResumeGrant { .. }
        | Command::IssueCredential { .. }
        // it can't be undone, and a legal hold may have been placed after the copy was made
        | Command::ErasePerson { .. } => Err(barred(quarantine)),
        // a use is refused by an event of its own
        Command::BeginUse { .. }
        // rules and people may have changed since the copy was made: they are to be put right before the quarantine is lifted
        | Command::AdoptGenesis { .. }
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
        | Command::RevokeGrant { .. }
        | Command::HoldGrant { .. }
        | Command::ContainGrant { .. }
        | Command::RecordProvisioned { .. }
        | Command::RecordProvisionFailed { .. }
        | Command::RecordRemoved { .. }
        | Command::RecordRemovalFailed { .. }
        | Command::FinishUse { .. }
        | Command::FinishUses { .. }
        | Command::RecordActivity { .. }
        | Command::EscalateReview { .. }
        | Command::ReviewGrant { .. }
        | Command::ReportWitnesses { .. }
        | Command::BeginQuarantine { .. }
        | Command::RecordStrays { .. }
        | Command::RecordStrayEnded { .. }
        | Command::RecordMissing { .. }
        | Command::EndUnconfirmed { .. }
        | Command::RecordReconciled { .. }
        | Command::LiftQuarantine { .. }
        | Command::RecordErased { .. }
        | Command::PlaceLegalHold { .. }
        | Command::LiftLegalHold { .. } => Ok(()),
    }
}

/// The same for what follows from a command, whichever command it was.
///
/// INVARIANT: no event that gives power to anybody follows while there is a quarantine.
pub(super) fn holds(state: &State, events: &[Event]) -> Result<(), Refused> {
    match &state.quarantine {
        Some(quarantine) if events.iter().any(|event| gives(event, events)) => {
            Err(barred(quarantine))
        }
        Some(_) | None => Ok(()),
    }
}

fn gives(event: &Event, all: &[Event]) -> bool {
    let taken_away_at_once = |made: &CredentialId| {
        all.iter().any(|event| {
            matches!(event, Event::CredentialRemovalIntended { credential, .. } if credential == made)
        })
    };
    // what is found made after its grant was over is recorded, and taken away at once
    let made = matches!(event, Event::CredentialIssued { credential, .. } if !taken_away_at_once(credential));
    made || event.gives_power()
}

/// The refusal of everything that gives.
pub(crate) fn barred(quarantine: &Quarantine) -> Refused {
    Refused::Quarantined {
        since: quarantine.began_at,
    }
}

pub(super) fn begin(
    state: &State,
    copied: u64,
    connected: &BTreeSet<PlatformId>,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    // a copy of a copy begins anew: what was compared before it was made may have changed since
    if state
        .quarantine
        .as_ref()
        .is_some_and(|quarantine| quarantine.copied == copied)
    {
        return Err(Refused::Repeated);
    }
    // a role that the copy explains must be looked for, even where nothing is connected any more
    let roles = state.grants.values().filter(|grant| {
        grant
            .credentials
            .values()
            .any(|credential| matches!(credential.kind, CredentialKind::PostgresRole { .. }))
    });
    let platforms: BTreeSet<PlatformId> = roles
        .map(|grant| grant.terms.platform.clone())
        .chain(connected.iter().cloned())
        .collect();
    Ok(vec![Event::QuarantineBegun {
        copied,
        platforms: platforms.into_iter().collect(),
    }])
}

pub(super) fn strays(
    state: &State,
    platform: &PlatformId,
    names: &BTreeSet<String>,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    open(state)?;
    let explained = state.explained_roles();
    if let Some(name) = names
        .iter()
        .find(|name| explained.contains_key(name.as_str()))
    {
        return Err(Refused::Explained { name: name.clone() });
    }
    Ok(vec![Event::StraysFound {
        platform: platform.clone(),
        names: names.iter().cloned().collect(),
    }])
}

pub(super) fn stray_ended(
    state: &State,
    platform: &PlatformId,
    (name, read_back): (&str, &str),
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    match open(state)?.platforms.get(platform) {
        Some(Comparison::Open { strays }) if strays.contains(name) => {}
        Some(Comparison::Open { .. } | Comparison::Reconciled { .. }) | None => {
            return Err(Refused::Repeated);
        }
    }
    Ok(vec![Event::StrayEnded {
        platform: platform.clone(),
        name: name.to_owned(),
        read_back: read_back.to_owned(),
    }])
}

/// A role of the copy is not in its target any more: its grant was over after the copy was made, whatever the copy says.
pub(super) fn missing(
    state: &State,
    (grant, credential): (GrantId, CredentialId),
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    open(state)?;
    let known = super::grant::live(state, grant)?;
    if !known
        .credentials
        .get(&credential)
        .is_some_and(crate::grant::Credential::is_live_in_target)
    {
        return Err(Refused::CredentialUnknown);
    }
    let mut events = vec![Event::CredentialMissing { grant, credential }];
    events.extend(ending(state, known, EndReason::Superseded, None, context));
    Ok(events)
}

pub(super) fn end_unconfirmed(
    state: &State,
    grant: GrantId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    open(state)?;
    let known = super::grant::live(state, grant)?;
    if !unconfirmed(known) {
        return Err(Refused::Confirmable { grant });
    }
    Ok(ending(state, known, EndReason::Superseded, None, context))
}

pub(super) fn reconciled(
    state: &State,
    platform: &PlatformId,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    broker_only(&context.actor)?;
    match open(state)?.platforms.get(platform) {
        Some(Comparison::Open { strays }) if !strays.is_empty() => Err(Refused::StraysLeft {
            platform: platform.clone(),
            count: strays.len(),
        }),
        Some(Comparison::Reconciled { .. }) => Err(Refused::Repeated),
        Some(Comparison::Open { .. }) | None => Ok(vec![Event::PlatformReconciled {
            platform: platform.clone(),
        }]),
    }
}

pub(super) fn lift(
    state: &State,
    comment: &Text,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    // not even the broker: somebody must have looked
    match context.actor {
        Actor::Operator => {}
        Actor::Person { .. } | Actor::Gateway { .. } | Actor::System => {
            return Err(Refused::NotForPersons);
        }
    }
    open(state)?;
    let platforms = state.unreconciled();
    if !platforms.is_empty() {
        return Err(Refused::NotReconciled {
            platforms: platforms.into_iter().collect(),
        });
    }
    // the timers end these at once; until they have, nothing is lifted
    if let Some(grant) = state.grants.values().find(|grant| unconfirmed(grant)) {
        return Err(Refused::Unconfirmed {
            grant: grant.terms.id,
        });
    }
    Ok(vec![Event::QuarantineLifted {
        comment: comment.clone(),
    }])
}

fn open(state: &State) -> Result<&Quarantine, Refused> {
    state.quarantine.as_ref().ok_or(Refused::NotQuarantined)
}

#[cfg(test)]
mod tests;

//! Use of a grant at an enforcement point. A refused use of a known grant is an event too (`UseRefused`): who tried what is as
//! much worth knowing as who did it. So this reads the verdict itself.
use super::ending::{holding, policy_alarm};
use crate::{
    actor::{Actor, Context},
    command::{Activity, Attempt, UseOutcome},
    event::Event,
    grant::{CredentialState, Grant, GrantState, HoldReason, Usage, outside},
    ids::{GatewayId, GrantId, UseId},
    refusal::{Meter, Refused},
    state::State,
};
use std::collections::BTreeSet;

/// Whether a use may go ahead; the reason is what its caller is told.
///
/// # Errors
///
/// The first rule that says no.
pub fn judge(state: &State, attempt: &Attempt, context: &Context) -> Result<(), Refused> {
    let grant = presented(state, attempt)?;
    if let Some(quarantine) = &state.quarantine {
        return Err(super::quarantine::barred(quarantine));
    }
    usable(grant, attempt, context)?;
    let terms = &grant.terms;
    if !state.directory.may_act(&terms.holder) {
        return Err(Refused::Suspended {
            person: terms.holder.clone(),
        });
    }
    if terms.approved_by.contains(&terms.holder) {
        return Err(Refused::ApproverUses {
            person: terms.holder.clone(),
        });
    }
    let what = outside(terms, attempt);
    if !what.is_empty() {
        return Err(barred_destination(attempt, &what).unwrap_or(Refused::OutOfScope { what }));
    }
    if let Some(meter) = spent(grant, attempt) {
        return Err(Refused::BudgetSpent { meter });
    }
    // an ambient route does nothing to any target: policies are heard if they were asked, but needn't be
    if attempt.actions.is_empty() && context.verdict.is_none() {
        return Ok(());
    }
    super::allowed(context.verdict.as_ref())
}

pub(super) fn begin(
    state: &State,
    attempt: &Attempt,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    at_gateway(&context.actor, Some(&attempt.gateway))?;
    let grant = presented(state, attempt)?;
    match judge(state, attempt, context) {
        Ok(()) => Ok(vec![Event::UseAllowed {
            use_id: UseId(context.uuid(2)),
            grant: grant.terms.id,
            holder: grant.terms.holder.clone(),
            credential: attempt.credential,
            metered: !attempt.actions.is_empty(),
        }]),
        Err(refused) => Ok(refusal(grant, attempt, &refused)),
    }
}

/// What came of uses of one grant, each use once.
pub(super) fn finish<'a>(
    state: &State,
    grant_id: GrantId,
    uses: impl IntoIterator<Item = (UseId, &'a UseOutcome)>,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    at_gateway(&context.actor, None)?;
    // what came of a use is recorded even if its grant is closed and forgotten
    let grant = state.grants.get(&grant_id);
    let mut usage = grant.map(|grant| grant.usage).unwrap_or_default();
    let mut told = BTreeSet::new();
    let mut events = Vec::new();
    for (use_id, outcome) in uses {
        let open = grant.is_none_or(|grant| grant.open_uses.contains(&use_id));
        if !open || !told.insert(use_id) {
            return Err(Refused::Repeated);
        }
        usage.bytes = usage.bytes.saturating_add(outcome.bytes);
        usage.rows = usage.rows.saturating_add(outcome.rows);
        events.push(Event::UseFinished {
            use_id,
            grant: grant_id,
            outcome: outcome.clone(),
        });
    }
    if told.is_empty() {
        return Err(Refused::Repeated);
    }
    if let Some(grant) = grant
        && matches!(grant.state, GrantState::Active { .. })
        && is_over(grant, usage)
    {
        events.extend(holding(grant, HoldReason::OverBudget, None, None));
    }
    Ok(events)
}

pub(super) fn activity(
    state: &State,
    activity: &Activity,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    match context.actor {
        Actor::System | Actor::Gateway { .. } => {}
        Actor::Person { .. } | Actor::Operator => return Err(Refused::NotForPersons),
    }
    let read = state.activity_read.get(&activity.platform);
    if read.is_some_and(|read| activity.source <= *read) {
        return Err(Refused::Repeated);
    }
    Ok(vec![Event::ActivityRecorded {
        activity: activity.clone(),
    }])
}

fn at_gateway(actor: &Actor, named: Option<&GatewayId>) -> Result<(), Refused> {
    match actor {
        Actor::Gateway { gateway } if named.is_none_or(|named| named == gateway) => Ok(()),
        Actor::Gateway { .. } | Actor::Person { .. } | Actor::Operator | Actor::System => {
            Err(Refused::OnlyGateways)
        }
    }
}

fn presented<'a>(state: &'a State, attempt: &Attempt) -> Result<&'a Grant, Refused> {
    attempt
        .grant
        .and_then(|grant| state.grants.get(&grant))
        .ok_or(Refused::NoGrant)
}

/// The grant runs at this very moment, and what was presented is one of its credentials, issued and not past its own end.
fn usable(grant: &Grant, attempt: &Attempt, context: &Context) -> Result<(), Refused> {
    match grant.state {
        GrantState::Active { expires_at, .. } if context.now < expires_at => {}
        GrantState::Active { expires_at, .. } => {
            return Err(Refused::Over {
                ended_at: expires_at,
            });
        }
        GrantState::Scheduled { starts_at } => return Err(Refused::NotBegun { starts_at }),
        GrantState::Held { .. } => return Err(Refused::OnHold),
        GrantState::Ended { at, .. } => return Err(Refused::Over { ended_at: at }),
    }
    let credential = attempt
        .credential
        .and_then(|credential| grant.credentials.get(&credential))
        .ok_or(Refused::CredentialUnknown)?;
    match credential.state {
        CredentialState::Issued { expires_at } if context.now < expires_at => Ok(()),
        CredentialState::Issued { expires_at } => Err(Refused::Over {
            ended_at: expires_at,
        }),
        CredentialState::Intended | CredentialState::Removing { .. } | CredentialState::Removed => {
            Err(Refused::CredentialUnknown)
        }
    }
}

/// If the destination is all that lies outside, the refusal names it.
fn barred_destination(attempt: &Attempt, what: &[String]) -> Option<Refused> {
    let destination = attempt.destination.clone()?;
    let alone = what.len() == 1 && what.first()?.starts_with("the destination ");
    alone.then_some(Refused::DestinationBarred { destination })
}

fn spent(grant: &Grant, attempt: &Attempt) -> Option<Meter> {
    let budget = &grant.terms.budget;
    let used_up = |used: u64, max: Option<u64>| max.is_some_and(|max| used >= max);
    if !attempt.actions.is_empty() && used_up(grant.usage.calls, budget.calls_max) {
        Some(Meter::Calls)
    } else if used_up(grant.usage.bytes, budget.bytes_max) {
        Some(Meter::Bytes)
    } else if used_up(grant.usage.rows, budget.rows_max) {
        Some(Meter::Rows)
    } else {
        None
    }
}

fn is_over(grant: &Grant, usage: Usage) -> bool {
    let budget = &grant.terms.budget;
    let over = |used: u64, max: Option<u64>| max.is_some_and(|max| used > max);
    over(usage.calls, budget.calls_max)
        || over(usage.bytes, budget.bytes_max)
        || over(usage.rows, budget.rows_max)
}

fn refusal(grant: &Grant, attempt: &Attempt, refused: &Refused) -> Vec<Event> {
    let mut events = vec![Event::UseRefused {
        grant: Some(grant.terms.id),
        attempt: attempt.clone(),
        rule: refused.rule().to_owned(),
    }];
    events.extend(policy_alarm(refused));
    let reaches_out = matches!(
        refused,
        Refused::OutOfScope { .. } | Refused::DestinationBarred { .. }
    );
    let refusals = grant.usage.refusals.saturating_add(1);
    let too_many = grant
        .terms
        .budget
        .refusals_max
        .is_some_and(|max| refusals > max);
    if reaches_out && too_many {
        events.extend(holding(grant, HoldReason::OutOfScope, None, None));
    }
    events
}

#[cfg(test)]
mod tests;

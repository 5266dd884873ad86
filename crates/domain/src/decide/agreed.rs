//! What follows when nobody's consent is missing any more: a grant, or a later end for one that runs.
use super::grant::{activation, extended};
use crate::{
    actor::Context,
    asking::Look,
    event::{Alarm, Event},
    grant::GrantTerms,
    ids::{DutyId, GrantId, GrantNumber, PersonId, RequestId},
    refusal::Refused,
    request::RequestKind,
};
use std::collections::BTreeSet;

/// A request that is agreed, with the ask as approvers left it.
pub(super) struct Agreed<'a> {
    pub(super) look: &'a Look<'a>,
    pub(super) request: RequestId,
    pub(super) impact: u8,
    pub(super) approved_by: BTreeSet<PersonId>,
    pub(super) approved_duties: BTreeSet<DutyId>,
}

impl Agreed<'_> {
    /// The events that carry it out at `context.now`.
    pub(super) fn carry_out(&self, context: &Context) -> Result<Vec<Event>, Refused> {
        if let RequestKind::Extension(grant) = self.look.ask.kind {
            let more = self.look.ask.duration;
            return extended(self.look.state, grant, self.request, more, context);
        }
        let stretch = self.look.stretch();
        let terms = self.terms(context);
        let begins = if stretch.starts_at <= context.now {
            activation(self.look.state, &terms, context)
        } else {
            Vec::new()
        };
        let mut events = vec![Event::GrantScheduled {
            terms,
            starts_at: stretch.starts_at,
        }];
        events.extend(begins);
        Ok(events)
    }

    /// As [`Self::carry_out`], for an emergency: everybody concerned is told at once, and somebody must look at it afterwards.
    pub(super) fn carry_out_in_emergency(&self, context: &Context) -> Result<Vec<Event>, Refused> {
        let holder = &self.look.person.id;
        let grant = GrantId(context.uuid(1));
        let review_within = self.look.catalog.terms.review_within;
        let mut events = self.carry_out(context)?;
        events.push(Event::AlarmRaised {
            alarm: Alarm::BreakGlass {
                grant,
                holder: holder.clone(),
            },
        });
        events.push(Event::ReviewDue {
            grant,
            holder: holder.clone(),
            due_at: self.look.stretch().ends_at.plus(review_within),
        });
        Ok(events)
    }

    fn terms(&self, context: &Context) -> GrantTerms {
        let Look {
            state,
            privilege,
            person,
            ask,
            ..
        } = self.look;
        GrantTerms {
            id: GrantId(context.uuid(1)),
            number: GrantNumber(state.grants_numbered.saturating_add(1)),
            request: self.request,
            holder: person.id.clone(),
            privilege: privilege.id.clone(),
            platform: privilege.platform.clone(),
            targets: ask.targets.clone(),
            actions: privilege.actions.clone(),
            duration: ask.duration,
            provisioning: privilege.provisioning.clone(),
            budget: privilege.budget.clone(),
            approved_by: self.approved_by.clone(),
            approved_duties: self.approved_duties.clone(),
            impact: self.impact,
            break_glass: self.look.is_break_glass(),
        }
    }
}

//! The rules that are taken away one by one, to see that each is missed.
use crate::watch::{ASKED, Tick, Told, World, at};
use domain::{
    catalog::Catalog, command::Command, due::due, event::Event, fixture::id, grant::GrantState,
    state::State, time::Seconds,
};
use std::{borrow::Cow, sync::Arc};

/// Which safety rule is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    /// No reading is before what is on record.
    Recorded,
    /// Whoever lets a use pass compares the clock with the end, without waiting for the timer.
    OwnLook,
    /// What is over isn't resumed, though its timer is late.
    OverIsOver,
    /// What is over has expired, whoever ends it.
    EndFirst,
    /// A hold doesn't stop the clock.
    HoldRunsOn,
    /// What is held ends on its clock.
    HeldEnds,
    /// More time begins where the time before ends.
    NoGap,
    /// The last consent to more time looks at how much lies ahead.
    AheadAtMost,
    /// A credential ends with its grant at the latest.
    CredentialEnd,
    /// What begins lies in its hours, outside freezes.
    LookAtStart,
    /// Nothing begins before its start.
    StartTime,
}

impl World {
    /// The state as a broker without one of its rules would take it.
    pub(crate) fn as_seen_without(&self, without: Without, command: &Command) -> Cow<'_, State> {
        let mut seen = Cow::Borrowed(&self.state);
        match (without, command) {
            (Without::OverIsOver, Command::ResumeGrant { .. })
            | (Without::EndFirst, Command::RevokeGrant { .. } | Command::ReturnGrant { .. }) => {
                for grant in seen.to_mut().grants.values_mut() {
                    move_end(&mut grant.state, 1_000);
                }
            }
            (Without::AheadAtMost, Command::ApproveRequest { .. }) => {
                relax(seen.to_mut(), |catalog| {
                    let edit = catalog.privileges.get_mut(&id("edit-flow"));
                    edit.expect("it is there").grant_seconds_max = Seconds(u32::MAX);
                });
            }
            (
                Without::LookAtStart,
                Command::ApproveRequest { .. } | Command::ActivateGrant { .. },
            ) => relax(seen.to_mut(), |catalog| {
                catalog.freezes.clear();
                let edit = catalog.privileges.get_mut(&id("edit-flow"));
                edit.expect("it is there").windows.clear();
            }),
            (Without::StartTime, Command::ActivateGrant { .. }) => {
                for grant in seen.to_mut().grants.values_mut() {
                    if let GrantState::Scheduled { starts_at } = &mut grant.state {
                        *starts_at = at(0);
                    }
                }
            }
            _ => {}
        }
        seen
    }

    /// What the timers ask for at this reading.
    pub(crate) fn due(&self, without: Without, reading: Tick) -> Vec<Command> {
        let mut seen = Cow::Borrowed(&self.state);
        if without == Without::HeldEnds {
            let grants = &mut seen.to_mut().grants;
            grants.retain(|_, grant| !matches!(grant.state, GrantState::Held { .. }));
        }
        let mut commands = due(&seen, at(reading));
        if let (Without::StartTime, Told::Scheduled { .. }) = (without, &self.told) {
            let grants = self.state.grants.keys();
            commands.extend(grants.map(|grant| Command::ActivateGrant { grant: *grant }));
        }
        commands
    }
}

/// What a broker would record that lacks the rule.
pub(crate) fn without_rule(without: Without, event: &mut Event, reading: Tick) {
    match (without, event) {
        (Without::NoGap, Event::GrantExtended { expires_at, .. }) => {
            *expires_at = at(reading + ASKED);
        }
        (Without::CredentialEnd, Event::CredentialIssued { expires_at, .. }) => {
            *expires_at = expires_at.plus(Seconds::from_minutes(30));
        }
        _ => {}
    }
}

pub(crate) fn move_end(state: &mut GrantState, by: Tick) {
    if let GrantState::Active { expires_at, .. } | GrantState::Held { expires_at, .. } = state {
        *expires_at = expires_at.plus(Seconds::from_minutes(30 * u32::from(by)));
    }
}

fn relax(state: &mut State, change: impl Fn(&mut Catalog)) {
    for catalog in state.catalogs.values_mut() {
        change(Arc::make_mut(catalog));
    }
}

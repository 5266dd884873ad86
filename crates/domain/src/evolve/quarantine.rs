//! What is remembered of the quarantine of a restored copy.
use crate::{
    ids::PlatformId,
    quarantine::{Comparison, Quarantine},
    state::State,
    time::Timestamp,
};
use std::collections::BTreeSet;

pub(super) fn begun(state: &mut State, copied: u64, platforms: &[PlatformId], at: Timestamp) {
    let open = || Comparison::Open {
        strays: BTreeSet::new(),
    };
    state.quarantine = Some(Quarantine {
        copied,
        began_at: at,
        platforms: platforms
            .iter()
            .map(|platform| (platform.clone(), open()))
            .collect(),
    });
}

pub(super) fn strays_found(state: &mut State, platform: &PlatformId, names: &[String]) {
    let Some(quarantine) = &mut state.quarantine else {
        return;
    };
    let mut found: BTreeSet<String> = names.iter().cloned().collect();
    if let Some(Comparison::Open { strays }) = quarantine.platforms.get(platform) {
        found.extend(strays.iter().cloned());
    }
    // what was reconciled is open again
    quarantine
        .platforms
        .insert(platform.clone(), Comparison::Open { strays: found });
}

pub(super) fn stray_ended(state: &mut State, platform: &PlatformId, name: &str) {
    if let Some(quarantine) = &mut state.quarantine
        && let Some(Comparison::Open { strays }) = quarantine.platforms.get_mut(platform)
    {
        strays.remove(name);
    }
}

pub(super) fn reconciled(state: &mut State, platform: &PlatformId, at: Timestamp) {
    if let Some(quarantine) = &mut state.quarantine {
        quarantine
            .platforms
            .insert(platform.clone(), Comparison::Reconciled { at });
    }
}

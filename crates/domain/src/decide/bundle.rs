//! Which rules are in force: the first bundle is genesis, every later one takes two persons. The domain knows bundles by digest
//! and can only adopt one whose catalog it was taught.
use crate::{
    acting::{acting, operator_only},
    actor::Context,
    event::Event,
    ids::{Digest, DutyId, PersonId},
    refusal::Refused,
    state::State,
};

/// The duty whose holders change the rules.
pub const GOVERNANCE: &str = "governance";

pub(super) fn adopt_genesis(
    state: &State,
    bundle: Digest,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    operator_only(&context.actor)?;
    if state.bundle.is_some() {
        return Err(Refused::BundleInForce);
    }
    known(state, bundle)?;
    Ok(vec![Event::BundleAdopted {
        bundle,
        genesis: true,
        by: Vec::new(),
    }])
}

pub(super) fn propose(
    state: &State,
    bundle: Digest,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let by = governor(state, context)?;
    known(state, bundle)?;
    if state.bundle == Some(bundle) {
        return Err(Refused::BundleInForce);
    }
    Ok(vec![Event::BundleProposed { bundle, by }])
}

pub(super) fn confirm(
    state: &State,
    bundle: Digest,
    context: &Context,
) -> Result<Vec<Event>, Refused> {
    let by = governor(state, context)?;
    let waiting = state.proposed.as_ref();
    let Some((_, proposer)) = waiting.filter(|(waits, _)| *waits == bundle) else {
        return Err(Refused::NotProposed);
    };
    if *proposer == by {
        return Err(Refused::OwnBundle { person: by });
    }
    known(state, bundle)?;
    Ok(vec![Event::BundleAdopted {
        bundle,
        genesis: false,
        by: vec![proposer.clone(), by],
    }])
}

/// Somebody who holds the duty in their own right: rules aren't changed by deputies.
fn governor(state: &State, context: &Context) -> Result<PersonId, Refused> {
    let person = acting(state, &context.actor)?.person;
    let duties = state.directory.duties(&person);
    if duties.keys().any(|duty| duty.as_str() == GOVERNANCE) {
        return Ok(person);
    }
    Err(match GOVERNANCE.parse::<DutyId>() {
        Ok(duty) => Refused::DutyMissing { person, duty },
        Err(_) => Refused::NotForPersons,
    })
}

fn known(state: &State, bundle: Digest) -> Result<(), Refused> {
    if state.catalogs.contains_key(&bundle) {
        Ok(())
    } else {
        Err(Refused::UnknownBundle)
    }
}

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

#[cfg(test)]
mod tests {
    use crate::{
        command::Command,
        fixture::{BUNDLE, catalog, world},
        ids::Digest,
        play::Play,
        state::State,
    };
    use std::sync::Arc;

    const NEXT: Digest = Digest([0xb1; 32]);

    fn with_governors() -> Play {
        let mut play = Play::of(world());
        play.state.learn(NEXT, Arc::new(catalog()));
        for name in ["dee", "mia"] {
            play.duty(name, super::GOVERNANCE);
        }
        play
    }

    #[test]
    fn the_first_bundle_is_adopted_by_the_operator_and_only_the_first() {
        let adopt = Command::AdoptGenesis { bundle: BUNDLE };
        let mut play = Play::of(State {
            directory: world().directory,
            ..State::default()
        });
        assert_eq!(
            play.give("operator", &adopt),
            "no: this bundle is not known here"
        );
        play.state.learn(BUNDLE, Arc::new(catalog()));
        assert_eq!(
            play.give("dee", &adopt),
            "no: this is done by the broker itself or its operator, not by a person"
        );
        assert_eq!(play.give("operator", &adopt), "bundle-adopted");
        assert_eq!(play.state.bundle, Some(BUNDLE));
        assert_eq!(
            play.give("operator", &adopt),
            "no: a bundle is in force already"
        );
    }

    #[test]
    fn every_later_bundle_takes_two_persons_who_hold_the_duty() {
        let mut play = with_governors();
        let propose = Command::ProposeBundle { bundle: NEXT };
        let confirm = Command::ConfirmBundle { bundle: NEXT };
        play.delegate("mia", "fay", "");
        assert_eq!(
            play.give("ada", &propose),
            "no: `ada` does not hold the duty `governance`"
        );
        assert_eq!(
            play.give("mia", &confirm),
            "no: this bundle is not the one that was proposed"
        );
        assert_eq!(play.give("dee", &propose), "bundle-proposed");
        assert_eq!(
            play.give("dee", &confirm),
            "no: `dee` proposed this bundle and cannot confirm it"
        );
        assert_eq!(
            play.give("fay", &confirm),
            "no: `fay` does not hold the duty `governance`"
        );
        let other = Command::ConfirmBundle { bundle: BUNDLE };
        assert_eq!(
            play.give("mia", &other),
            "no: this bundle is not the one that was proposed"
        );
        assert_eq!(play.give("mia", &confirm), "bundle-adopted");
        assert_eq!(play.state.bundle, Some(NEXT));
        assert_eq!(
            play.give("mia", &confirm),
            "no: this bundle is not the one that was proposed"
        );
        assert_eq!(
            play.give("mia", &propose),
            "no: a bundle is in force already"
        );
    }

    #[test]
    fn a_bundle_nobody_can_read_here_is_not_proposed() {
        let unknown = Command::ProposeBundle {
            bundle: Digest([9; 32]),
        };
        assert_eq!(
            with_governors().give("dee", &unknown),
            "no: this bundle is not known here"
        );
    }
}

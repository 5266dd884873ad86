//! From a login to the human behind it, and from a decision's random bits to its ids. Both are looked up or derived here and
//! nowhere else: a rule that takes a person from its caller can be lied to.
use crate::{
    actor::{Acting, Actor, Context},
    refusal::Refused,
    state::State,
};
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// The human who acts.
///
/// # Errors
///
/// Refuses machines, accounts without a person, accounts of persons nobody knows, and suspended persons.
pub fn acting(state: &State, actor: &Actor) -> Result<Acting, Refused> {
    let account = match actor {
        Actor::Person { account, .. } => account,
        Actor::Gateway { .. } | Actor::Operator | Actor::System => return Err(Refused::NoPerson),
    };
    let unlinked = || Refused::UnlinkedAccount {
        account: account.clone(),
    };
    let directory = &state.directory;
    let linked = directory
        .accounts
        .get(account)
        .and_then(|account| account.person.as_ref())
        .ok_or_else(unlinked)?;
    let person = directory.persons.get(linked).ok_or_else(unlinked)?;
    if !person.is_active() {
        return Err(Refused::Suspended {
            person: person.id.clone(),
        });
    }
    Ok(Acting {
        person: person.id.clone(),
        account: account.clone(),
    })
}

/// Passes for the broker's own timers and workers.
///
/// # Errors
///
/// Refuses everybody else.
pub fn broker_only(actor: &Actor) -> Result<(), Refused> {
    match actor {
        Actor::System => Ok(()),
        Actor::Person { .. } | Actor::Gateway { .. } | Actor::Operator => {
            Err(Refused::NotForPersons)
        }
    }
}

/// Passes for whoever runs the server, and for the broker.
///
/// # Errors
///
/// Refuses everybody else.
pub fn operator_only(actor: &Actor) -> Result<(), Refused> {
    match actor {
        Actor::System | Actor::Operator => Ok(()),
        Actor::Person { .. } | Actor::Gateway { .. } => Err(Refused::NotForPersons),
    }
}

impl Context {
    /// The `n`th id of this decision: a UUIDv7 (RFC 9562 §5.7) with the time of `now` and bits from SHA-256 of seed and `n`.
    ///
    /// Requests take 0, their grants 1, uses 2, credentials 16 and up.
    pub fn uuid(&self, n: u32) -> Uuid {
        let mut hasher = Sha256::new();
        hasher.update(b"remit id v1\n");
        hasher.update(self.seed.0.as_bytes());
        hasher.update(n.to_be_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        let mut bits = [0; 10];
        for (bit, byte) in bits.iter_mut().zip(hash) {
            *bit = byte;
        }
        let millis = u64::try_from(self.now.0).unwrap_or(0);
        Builder::from_unix_timestamp_millis(millis, &bits).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, by, context, gateway, id, world};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_person_is_looked_up_and_must_be_free_to_act() {
        let told = |context: &Context| match acting(&world(), &context.actor) {
            Ok(acting) => format!("{} by {}", acting.person, acting.account),
            Err(refused) => refused.to_string(),
        };
        assert_eq!(told(&by("ada", NOW)), "ada by ada");
        assert_eq!(told(&by("ada-alias", NOW)), "ada by ada-alias");
        assert_eq!(
            told(&by("svc-build", NOW)),
            "account `svc-build` belongs to no person"
        );
        assert_eq!(told(&by("zoe", NOW)), "account `zoe` belongs to no person");
        assert_eq!(told(&by("leo", NOW)), "`leo` may not act at present");
        let nobody =
            "this is done by a person, not by the broker, its operator or an enforcement point";
        assert_eq!(told(&gateway(NOW)), nobody);
        assert_eq!(told(&context(Actor::Operator, NOW)), nobody);
        assert_eq!(told(&context(Actor::System, NOW)), nobody);
    }

    #[test]
    fn an_account_of_somebody_who_is_gone_acts_for_nobody() {
        let mut state = world();
        state.directory.persons.remove(&id("ada"));
        let refused = acting(&state, &by("ada-alias", NOW).actor).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "account `ada-alias` belongs to no person"
        );
    }

    #[test]
    fn an_id_tells_its_time_and_is_the_same_at_every_replay() {
        let context = by("ada", NOW);
        let told: Vec<String> = (0..2).map(|n| context.uuid(n).to_string()).collect();
        assert_eq!(
            told,
            [
                "01a207a2-3280-7055-8846-889b2d40d4f2",
                "01a207a2-3280-7ba1-8c1c-7fc3853f89ed"
            ]
        );
        for n in 0..2 {
            let id = context.uuid(n);
            assert_eq!(id.get_version_num(), 7);
            let (seconds, nanos) = id.get_timestamp().expect("a time").to_unix();
            assert_eq!(
                seconds * 1000 + u64::from(nanos) / 1_000_000,
                1_795_424_400_000
            );
        }
    }

    proptest! {
        #[test]
        fn no_two_ids_of_a_decision_are_the_same(seed in any::<u128>(), count in 2_u32..50) {
            let mut context = by("ada", NOW);
            context.seed.0 = Uuid::from_u128(seed);
            let ids: BTreeSet<Uuid> = (0..count).map(|n| context.uuid(n)).collect();
            prop_assert_eq!(ids.len(), count as usize);
        }
    }
}

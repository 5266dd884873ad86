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

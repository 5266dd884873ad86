//! Secrets that are shown once: in memory only, bounded, gone with the grant, at the first showing or at a restart.
use crate::ports::OneTimeSecret;
use domain::{
    ids::{CredentialId, PersonId},
    time::Timestamp,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Most secrets that wait to be shown.
const SECRETS_MAX: usize = 1_000;

#[derive(Default)]
pub(crate) struct Vault {
    secrets: Mutex<BTreeMap<CredentialId, Kept>>,
}

struct Kept {
    holder: PersonId,
    expires_at: Timestamp,
    secret: OneTimeSecret,
}

impl Vault {
    /// Keeps a secret for its holder; when full, the one that ends first goes.
    pub(crate) fn put(
        &self,
        credential: CredentialId,
        holder: PersonId,
        expires_at: Timestamp,
        secret: OneTimeSecret,
    ) {
        let mut secrets = self.lock();
        if secrets.len() >= SECRETS_MAX {
            let first = secrets
                .iter()
                .min_by_key(|(_, kept)| kept.expires_at)
                .map(|(credential, _)| *credential);
            first.map(|credential| secrets.remove(&credential));
        }
        secrets.insert(
            credential,
            Kept {
                holder,
                expires_at,
                secret,
            },
        );
    }

    /// Shows a secret to its holder and forgets it. Others get nothing, and take nothing away.
    pub(crate) fn take(
        &self,
        credential: CredentialId,
        holder: &PersonId,
        now: Timestamp,
    ) -> Option<OneTimeSecret> {
        let mut secrets = self.lock();
        secrets.retain(|_, kept| now < kept.expires_at);
        if secrets.get(&credential)?.holder != *holder {
            return None;
        }
        secrets.remove(&credential).map(|kept| kept.secret)
    }

    /// Forgets a secret.
    pub(crate) fn forget(&self, credential: CredentialId) {
        self.lock().remove(&credential);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CredentialId, Kept>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(n: u128) -> CredentialId {
        CredentialId(Uuid::from_u128(n))
    }

    fn person(id: &str) -> PersonId {
        id.parse().unwrap()
    }

    fn put(vault: &Vault, n: u128, ends: i64) {
        vault.put(
            id(n),
            person("ada"),
            Timestamp(ends),
            OneTimeSecret(zeroize::Zeroizing::new(format!("secret {n}"))),
        );
    }

    fn shown(vault: &Vault, n: u128, who: &str, now: i64) -> Option<String> {
        vault
            .take(id(n), &person(who), Timestamp(now))
            .map(|secret| secret.0.to_string())
    }

    #[test]
    fn a_secret_is_shown_once_and_only_to_its_holder() {
        let vault = Vault::default();
        put(&vault, 1, 10);
        assert_eq!(shown(&vault, 1, "bob", 5), None);
        assert_eq!(shown(&vault, 1, "ada", 5), Some("secret 1".to_owned()));
        assert_eq!(shown(&vault, 1, "ada", 5), None);
    }

    #[test]
    fn a_secret_goes_with_its_grant() {
        let vault = Vault::default();
        put(&vault, 1, 10);
        assert_eq!(shown(&vault, 1, "ada", 10), None);
        assert_eq!(shown(&vault, 1, "ada", 5), None);
        put(&vault, 2, 10);
        vault.forget(id(2));
        assert_eq!(shown(&vault, 2, "ada", 5), None);
    }

    #[test]
    fn when_the_vault_is_full_the_secret_that_ends_first_goes() {
        let vault = Vault::default();
        for n in 0..=SECRETS_MAX {
            put(&vault, n as u128, 1_000 + i64::try_from(n).unwrap());
        }
        assert_eq!(shown(&vault, 0, "ada", 5), None);
        assert_eq!(shown(&vault, 1, "ada", 5), Some("secret 1".to_owned()));
    }
}

//! Signing in. The demo lets its visitor choose a seeded person; a server knows accounts from a file of argon2 hashes. Either
//! way the answer to a wrong account and to a wrong password is the same, and takes as long.
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::{
    ids::{AccountId, IdError},
    time::{Seconds, Timestamp},
};
use engine::ports::Random;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Attempts of one account in [`WINDOW`] before it must wait.
pub const ATTEMPTS_MAX: usize = 10;
/// The stretch over which attempts count.
pub const WINDOW: Seconds = Seconds::from_minutes(5);
/// Accounts whose attempts are remembered at a time.
const REMEMBERED_MAX: usize = 50_000;
/// Longest accepted password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// How people prove who they are.
#[derive(Debug)]
pub enum SignIn {
    /// Choose one of these; for the demo only.
    Demo(Vec<DemoAccount>),
    /// A password against a hash from a file.
    Accounts(Accounts),
}

/// Somebody to be in the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAccount {
    /// Which login.
    pub account: AccountId,
    /// What they are called.
    pub name: String,
    /// What they do: "maker in finance".
    pub role: String,
}

/// Accounts and the argon2id hashes (PHC strings) of their passwords.
pub struct Accounts {
    hashes: BTreeMap<AccountId, String>,
    decoy: String,
    turns: Arc<Semaphore>,
}

/// Passwords checked at a time: each takes 19 MiB.
const CHECKS_MAX: usize = 4;

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("accounts", &self.hashes.keys())
            .finish_non_exhaustive()
    }
}

/// Why an accounts file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// Not TOML of the right shape.
    #[error("the accounts file must have one table `accounts` of `id = \"$argon2id$...\"`")]
    Shape(#[source] toml::de::Error),
    /// A key that is no account id.
    #[error("an account in the accounts file has no usable id")]
    Id(#[source] IdError),
    /// A value that is no argon2id hash.
    #[error(
        "account `{account}` has no argon2id hash: write the line that `remit accounts hash` prints"
    )]
    Hash {
        /// Which.
        account: AccountId,
    },
    /// The decoy hash could not be made.
    #[error("the password hasher failed")]
    Hasher,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accounts: BTreeMap<String, String>,
}

impl Accounts {
    /// Reads an accounts file: a table `accounts` from account id to PHC string.
    ///
    /// # Errors
    /// [`AccountsError`] names what must be put right.
    pub fn parse(text: &str, random: &dyn Random) -> Result<Self, AccountsError> {
        let file: File = toml::from_str(text).map_err(AccountsError::Shape)?;
        let mut hashes = BTreeMap::new();
        for (id, hash) in file.accounts {
            let account: AccountId = id.parse().map_err(AccountsError::Id)?;
            let usable =
                PasswordHash::new(&hash).is_ok_and(|hash| hash.algorithm.as_str() == "argon2id");
            if !usable {
                return Err(AccountsError::Hash { account });
            }
            hashes.insert(account, hash);
        }
        let mut unknowable = [0; 32];
        random.fill(&mut unknowable);
        let decoy = hash(&unknowable, random)?;
        Ok(Self {
            hashes,
            decoy,
            turns: Arc::new(Semaphore::new(CHECKS_MAX)),
        })
    }

    /// Whether the password is the account's. An unknown account costs the same work as a known one; the work is done on a
    /// thread of its own, a few at a time, so that guessing can't hold up everybody else.
    pub(crate) async fn check(&self, account: &AccountId, password: &str) -> bool {
        let known = self.hashes.get(account);
        let hash = known.unwrap_or(&self.decoy).clone();
        let password = Zeroizing::new(password.to_owned());
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else {
            return false;
        };
        let checked = tokio::task::spawn_blocking(move || {
            let matches = PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            });
            drop(turn);
            matches
        });
        checked.await.unwrap_or(false) && known.is_some()
    }
}

/// The argon2id hash of a password, as an accounts file wants it.
///
/// # Errors
/// [`AccountsError::Hasher`] if the hasher fails.
pub fn hash(password: &[u8], random: &dyn Random) -> Result<String, AccountsError> {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password, &salt)
        .map_err(|_| AccountsError::Hasher)?;
    Ok(hash.to_string())
}

/// Counts attempts, so that guessing is slow.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<BTreeMap<AccountId, VecDeque<Timestamp>>>);

impl Attempts {
    /// Counts one attempt; `Err` says how long to wait instead.
    pub(crate) fn count(&self, account: &AccountId, now: Timestamp) -> Result<(), Seconds> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, times| times.back().is_some_and(|last| now < last.plus(WINDOW)));
        }
        let times = all.entry(account.clone()).or_default();
        while times.front().is_some_and(|first| first.plus(WINDOW) <= now) {
            times.pop_front();
        }
        if times.len() >= ATTEMPTS_MAX {
            let free_at = times.front().map_or(now, |first| first.plus(WINDOW));
            return Err(Seconds(free_at.seconds_since(now).0.saturating_add(1)));
        }
        times.push_back(now);
        Ok(())
    }

    /// Forgets the attempts of somebody who got in.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_counts() {
        let line = hash(b"correct horse", &Fixed).unwrap();
        let accounts = Accounts::parse(&format!("[accounts]\nmia = '{line}'\n"), &Fixed).unwrap();
        let mia = "mia".parse().unwrap();
        assert!(accounts.check(&mia, "correct horse").await);
        assert!(!accounts.check(&mia, "correct house").await);
        assert!(
            !accounts
                .check(&"nobody".parse().unwrap(), "correct horse")
                .await
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_says_what_to_write() {
        let refused = |text: &str| Accounts::parse(text, &Fixed).unwrap_err().to_string();
        assert_eq!(
            refused("[accounts]\nmia = 'secret'"),
            "account `mia` has no argon2id hash: write the line that `remit accounts hash` prints"
        );
        assert_eq!(
            refused("[acounts]\n"),
            "the accounts file must have one table `accounts` of `id = \"$argon2id$...\"`"
        );
    }

    #[test]
    fn guessing_is_slow() {
        let attempts = Attempts::default();
        let mia = "mia".parse().unwrap();
        let now = Timestamp(0);
        for _ in 0..ATTEMPTS_MAX {
            assert_eq!(attempts.count(&mia, now), Ok(()));
        }
        assert_eq!(attempts.count(&mia, now), Err(Seconds(301)));
        assert_eq!(attempts.count(&"ben".parse().unwrap(), now), Ok(()));
        assert_eq!(attempts.count(&mia, now.plus(WINDOW)), Ok(()));
    }
}

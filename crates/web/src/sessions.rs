//! Sessions, in memory: a restart signs everybody out, and nothing on disk is worth stealing. Only the hash of an id is kept.
use crate::tokens::random_text;
use domain::{
    actor::Actor,
    ids::AccountId,
    time::{Seconds, Timestamp},
};
use engine::ports::Random;
use ledger::Digest;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A session nobody uses ends after this.
pub(crate) const IDLE: Seconds = Seconds::from_minutes(30);
/// Any session ends after this.
pub(crate) const LIFE: Seconds = Seconds::from_minutes(12 * 60);
/// Most sessions at a time; the one idle for longest goes first.
const SESSIONS_MAX: usize = 20_000;

/// Where a session may be used: a cookie is never good as a bearer token, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The pages, by cookie.
    Portal,
    /// The API, by bearer token.
    Api,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Factors {
    /// By what they know.
    One,
    /// By what they know and what they have; the demo plays it.
    Two,
}

/// Somebody signed in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: Digest,
    pub(crate) door: Door,
    pub(crate) account: AccountId,
    pub(crate) factors: Factors,
    pub(crate) signed_in_at: Timestamp,
    pub(crate) seen_at: Timestamp,
    /// What every form of this session carries.
    pub(crate) form_token: String,
}

impl Session {
    /// Who acts, as the engine wants to know it.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Person {
            account: self.account.clone(),
            signed_in_at: self.signed_in_at,
            second_factor: self.factors == Factors::Two,
        }
    }

    /// First instant at which it ends, if it isn't used any more.
    pub(crate) fn ends_at(&self) -> Timestamp {
        self.seen_at.plus(IDLE).min(self.signed_in_at.plus(LIFE))
    }
}

/// Everybody signed in.
pub(crate) struct Sessions {
    random: Arc<dyn Random>,
    open: Mutex<BTreeMap<Digest, Session>>,
}

impl Sessions {
    pub(crate) fn new(random: Arc<dyn Random>) -> Self {
        Self {
            random,
            open: Mutex::default(),
        }
    }

    /// Opens a session, and gives the secret that names it.
    pub(crate) fn open(
        &self,
        account: AccountId,
        factors: Factors,
        door: Door,
        now: Timestamp,
    ) -> (String, Session) {
        let secret = random_text(&*self.random);
        let session = Session {
            id: Digest::of(secret.as_bytes()),
            door,
            account,
            factors,
            signed_in_at: now,
            seen_at: now,
            form_token: random_text(&*self.random),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| now < session.ends_at());
        if open.len() >= SESSIONS_MAX {
            let idle = open.values().min_by_key(|session| session.seen_at);
            if let Some(id) = idle.map(|session| session.id) {
                open.remove(&id);
            }
        }
        open.insert(session.id, session.clone());
        (secret, session)
    }

    /// The session a secret names, if it still lives; using it keeps it alive.
    pub(crate) fn find(&self, secret: &str, door: Door, now: Timestamp) -> Option<Session> {
        let id = Digest::of(secret.as_bytes());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get_mut(&id)?;
        if session.ends_at() <= now {
            open.remove(&id);
            return None;
        }
        if session.door != door {
            return None;
        }
        session.seen_at = session.seen_at.max(now);
        Some(session.clone())
    }

    /// As [`Self::find`], for somebody who only looks on: the session is not kept alive by it.
    pub(crate) fn peek(&self, secret: &str, door: Door, now: Timestamp) -> Option<Session> {
        let id = Digest::of(secret.as_bytes());
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&id)
            .filter(|session| now < session.ends_at() && session.door == door)
            .cloned()
    }

    /// Ends a session.
    pub(crate) fn close(&self, id: &Digest) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(Mutex<u8>);
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            bytes.fill(*next);
        }
    }

    fn sessions() -> Sessions {
        Sessions::new(Arc::new(Counting(Mutex::new(0))))
    }

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_session_ends_when_idle() {
        let sessions = sessions();
        let (secret, _) = sessions.open("mia".parse().unwrap(), Factors::One, Door::Portal, NOW);
        let later = NOW.plus(Seconds(IDLE.0 - 1));
        assert!(sessions.find(&secret, Door::Portal, later).is_some());
        assert!(
            sessions
                .find(&secret, Door::Portal, later.plus(Seconds(IDLE.0 - 1)))
                .is_some()
        );
        assert!(
            sessions
                .find(&secret, Door::Portal, later.plus(Seconds(3 * IDLE.0)))
                .is_none()
        );
    }

    #[test]
    fn a_session_ends_however_busy() {
        let sessions = sessions();
        let (secret, _) = sessions.open("mia".parse().unwrap(), Factors::One, Door::Portal, NOW);
        let mut now = NOW;
        while now < NOW.plus(LIFE) {
            assert!(sessions.find(&secret, Door::Portal, now).is_some());
            now = now.plus(Seconds(600));
        }
        assert!(sessions.find(&secret, Door::Portal, now).is_none());
    }

    #[test]
    fn a_cookie_is_no_bearer_token() {
        let sessions = sessions();
        let (secret, _) = sessions.open("mia".parse().unwrap(), Factors::One, Door::Portal, NOW);
        assert!(sessions.find(&secret, Door::Api, NOW).is_none());
        assert!(sessions.find(&secret, Door::Portal, NOW).is_some());
    }

    #[test]
    fn looking_on_keeps_no_session_alive() {
        let sessions = sessions();
        let (secret, _) = sessions.open("mia".parse().unwrap(), Factors::One, Door::Portal, NOW);
        let before = NOW.plus(Seconds(IDLE.0 - 1));
        assert!(sessions.peek(&secret, Door::Portal, before).is_some());
        assert!(sessions.peek(&secret, Door::Api, before).is_none());
        assert!(
            sessions
                .peek(&secret, Door::Portal, NOW.plus(IDLE))
                .is_none()
        );
    }
}

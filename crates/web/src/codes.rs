//! One-time codes: how a browser session at the portal becomes one at a gateway without a secret in any address. A code is good
//! for one exchange, for a minute, at one host, and only while the portal session that made it lives.
use crate::tokens::random_text;
use domain::{
    actor::Actor,
    ids::{GrantId, PersonId, PlatformId},
    time::{Seconds, Timestamp},
};
use engine::{enforcement::WayIn, ports::Random};
use ledger::Digest;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// How long a code is good for.
pub const CODE_SECONDS: Seconds = Seconds(60);

/// Most codes that wait at a time; the oldest goes first.
pub const CODES_MAX: usize = 10_000;

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Which grant.
    pub grant: GrantId,
    /// Of which platform.
    pub platform: PlatformId,
    /// Whose.
    pub holder: PersonId,
    /// The holder as they were signed in at the portal.
    pub actor: Actor,
    /// The host that may exchange it, without its port.
    pub host: String,
    /// The portal's own origin: only one of its pages may post the code.
    pub origin: String,
    /// The portal session that made it.
    pub session: Digest,
}

#[derive(Debug)]
struct Waiting {
    bound: Bound,
    expires_at: Timestamp,
}

/// The codes that wait for their exchange; kept as hashes, so that a look into memory or a timing of look-ups yields none.
pub struct Codes {
    random: Arc<dyn Random>,
    waiting: Mutex<BTreeMap<Digest, Waiting>>,
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codes").finish_non_exhaustive()
    }
}

impl Codes {
    /// No codes yet.
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self {
            random,
            waiting: Mutex::default(),
        }
    }

    /// Makes a code for `bound`, and says when it ends.
    pub fn make(&self, bound: Bound, now: Timestamp) -> (String, Timestamp) {
        let code = random_text(&*self.random);
        let expires_at = now.plus(CODE_SECONDS);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, code| now < code.expires_at);
        if waiting.len() >= CODES_MAX {
            let oldest = waiting
                .iter()
                .min_by_key(|(_, code)| code.expires_at)
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                waiting.remove(&oldest);
            }
        }
        waiting.insert(Digest::of(code.as_bytes()), Waiting { bound, expires_at });
        (code, expires_at)
    }

    /// Exchanges a code. Whatever comes of it, the code is spent.
    pub fn redeem(&self, way_in: &WayIn, now: Timestamp) -> Option<Bound> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.remove(&Digest::of(way_in.code.as_bytes()))?;
        let bound = found.bound;
        let fits = now < found.expires_at
            && bound.host.eq_ignore_ascii_case(&way_in.host)
            && bound.origin == way_in.origin;
        fits.then_some(bound)
    }

    /// Forgets the codes of a portal session that ended.
    pub fn forget(&self, session: &Digest) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, code| code.bound.session != *session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    struct Counting(Mutex<u8>);
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            bytes.fill(*next);
        }
    }

    const PORTAL: &str = "http://portal.localhost";
    const NOW: Timestamp = Timestamp(1_000_000);

    fn codes() -> Codes {
        Codes::new(Arc::new(Counting(Mutex::new(0))))
    }

    fn redeem(
        codes: &Codes,
        code: &str,
        (host, origin): (&str, &str),
        now: Timestamp,
    ) -> Option<Bound> {
        let way_in = WayIn {
            code: code.to_owned(),
            host: host.to_owned(),
            origin: origin.to_owned(),
        };
        codes.redeem(&way_in, now)
    }

    const RIGHT: (&str, &str) = ("nodered.localhost", PORTAL);

    fn bound() -> Bound {
        Bound {
            grant: GrantId(Uuid::nil()),
            platform: "nodered".parse().unwrap(),
            holder: "mia".parse().unwrap(),
            actor: Actor::System,
            host: "nodered.localhost".to_owned(),
            origin: PORTAL.to_owned(),
            session: Digest::of(b"session"),
        }
    }

    #[test]
    fn a_code_is_good_once() {
        let codes = codes();
        let (code, _) = codes.make(bound(), NOW);
        assert_eq!(code.len(), 43);
        assert_eq!(redeem(&codes, &code, RIGHT, NOW), Some(bound()));
        assert_eq!(redeem(&codes, &code, RIGHT, NOW), None);
    }

    #[test]
    fn a_code_is_good_for_a_minute() {
        let codes = codes();
        let (code, expires_at) = codes.make(bound(), NOW);
        assert_eq!(redeem(&codes, &code, RIGHT, expires_at), None);
    }

    #[test]
    fn a_code_at_another_host_is_refused_and_spent() {
        let codes = codes();
        let (code, _) = codes.make(bound(), NOW);
        assert_eq!(redeem(&codes, &code, ("evil.localhost", PORTAL), NOW), None);
        assert_eq!(redeem(&codes, &code, RIGHT, NOW), None);
    }

    #[test]
    fn a_code_from_another_page_than_the_portals_is_refused_and_spent() {
        for origin in ["http://evil.localhost", "null", ""] {
            let codes = codes();
            let (code, _) = codes.make(bound(), NOW);
            let other = ("nodered.localhost", origin);
            assert_eq!(redeem(&codes, &code, other, NOW), None, "{origin}");
            assert_eq!(redeem(&codes, &code, RIGHT, NOW), None, "{origin}");
        }
    }

    #[test]
    fn a_code_dies_with_its_portal_session() {
        let codes = codes();
        let (code, _) = codes.make(bound(), NOW);
        codes.forget(&Digest::of(b"session"));
        assert_eq!(redeem(&codes, &code, RIGHT, NOW), None);
    }
}

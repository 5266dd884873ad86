//! Browser sessions at the gateway: a one-time code becomes a cookie of the platform's own host. The cookie is a random name for
//! what is kept here; it carries nothing, and the platform never sees it.
use domain::{
    ids::{CredentialId, GrantId, PlatformId},
    time::Timestamp,
};
use std::{collections::BTreeMap, sync::Mutex};

/// Name of the cookie.
pub const COOKIE: &str = "remit_gateway";
/// Most sessions kept at a time; beyond it the ones that end first go.
const SESSIONS_MAX: usize = 10_000;

/// Who is behind a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which grant.
    pub grant: GrantId,
    /// Which credential.
    pub credential: CredentialId,
    /// For which platform; a cookie of another host is no good here.
    pub platform: PlatformId,
    /// When to forget it. Whether the grant still runs is asked at each use.
    pub forget_at: Timestamp,
}

/// The sessions of one gateway.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<BTreeMap<[u8; 32], Session>>);

impl Sessions {
    /// Keeps `session` under `name`.
    pub fn keep(&self, name: [u8; 32], session: Session) {
        let mut kept = self.lock();
        if kept.len() >= SESSIONS_MAX
            && let Some(first) = kept
                .iter()
                .min_by_key(|(_, session)| session.forget_at)
                .map(|(name, _)| *name)
        {
            kept.remove(&first);
        }
        kept.insert(name, session);
    }

    /// The session of a `Cookie` header for this platform.
    pub fn find(&self, cookies: &str, platform: &PlatformId, now: Timestamp) -> Option<Session> {
        let name = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == COOKIE)
            .and_then(|(_, value)| unhex(value))?;
        let mut kept = self.lock();
        let session = kept.get(&name)?;
        if session.forget_at <= now {
            kept.remove(&name);
            return None;
        }
        (session.platform == *platform).then(|| session.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Session>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The `Cookie` header without our own cookie; `None` if nothing is left.
pub fn without_ours(cookies: &str) -> Option<String> {
    let rest: Vec<&str> = cookies
        .split(';')
        .map(str::trim)
        .filter(|pair| {
            !pair.is_empty() && pair.split_once('=').map_or(*pair, |(key, _)| key.trim()) != COOKIE
        })
        .collect();
    (!rest.is_empty()).then(|| rest.join("; "))
}

/// `bytes` in lower-case hexadecimal.
pub fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    text.parse::<domain::ids::Digest>()
        .ok()
        .map(|digest| digest.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid_for_tests::*;

    mod uuid_for_tests {
        pub(super) fn grant() -> domain::ids::GrantId {
            "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
        }
        pub(super) fn credential() -> domain::ids::CredentialId {
            "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap()
        }
    }

    #[test]
    fn a_cookie_counts_for_its_own_platform_until_its_time() {
        let sessions = Sessions::default();
        let platform: PlatformId = "desk".parse().unwrap();
        sessions.keep(
            [7; 32],
            Session {
                grant: grant(),
                credential: credential(),
                platform: platform.clone(),
                forget_at: Timestamp(100),
            },
        );
        let cookie = format!("a=b; {COOKIE}={}", hex(&[7; 32]));
        assert!(sessions.find(&cookie, &platform, Timestamp(99)).is_some());
        assert!(
            sessions
                .find(&cookie, &"other".parse().unwrap(), Timestamp(99))
                .is_none()
        );
        assert!(
            sessions
                .find(
                    &format!("{COOKIE}={}", hex(&[8; 32])),
                    &platform,
                    Timestamp(99)
                )
                .is_none()
        );
        assert!(sessions.find(&cookie, &platform, Timestamp(100)).is_none());
        assert!(
            sessions.find(&cookie, &platform, Timestamp(99)).is_none(),
            "forgotten for good"
        );
    }

    #[test]
    fn our_cookie_never_reaches_the_platform() {
        assert_eq!(without_ours("remit_gateway=x"), None);
        assert_eq!(
            without_ours("a=1; remit_gateway=x;b=2").as_deref(),
            Some("a=1; b=2")
        );
        assert_eq!(without_ours("remit_gateway"), None);
    }
}

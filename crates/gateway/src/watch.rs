//! Watches one grant while something long runs under it, and says when it must be cut: at a signal, at its end, or when the
//! server can't be asked for longer than the lease.
use domain::{ids::GrantId, time::Timestamp};
use engine::{
    enforcement::{Authority, LEASE_MS, Lease},
    ports::{Clock, GrantSignal},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// How often the lease is renewed.
const RENEW_MS: u64 = LEASE_MS / 4;

/// Watches one grant.
pub struct Watch {
    authority: Arc<dyn Authority>,
    clock: Arc<dyn Clock>,
    signals: Receiver<GrantSignal>,
    grant: GrantId,
    expires_at: Timestamp,
    heard_at: i64,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Starts to listen at once, so that no signal from here on is missed.
    pub fn new(
        authority: Arc<dyn Authority>,
        clock: Arc<dyn Clock>,
        grant: GrantId,
        expires_at: Timestamp,
    ) -> Self {
        let signals = authority.signals();
        let heard_at = clock.monotonic_ms();
        Self {
            authority,
            clock,
            signals,
            grant,
            expires_at,
            heard_at,
        }
    }

    /// Returns when the grant may no longer be used. May be dropped and called again.
    pub async fn ended(&mut self) {
        loop {
            let left = self.expires_at.0.saturating_sub(self.clock.wall().0);
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
                return;
            };
            if self
                .told_within(Duration::from_millis(left.min(RENEW_MS)))
                .await
            {
                return;
            }
            let asked = tokio::time::timeout(
                Duration::from_millis(RENEW_MS),
                self.authority.lease(self.grant),
            )
            .await;
            match asked {
                Ok(Ok(Lease { usable: false, .. })) => return,
                Ok(Ok(Lease { expires_at, .. })) => {
                    self.heard_at = self.clock.monotonic_ms();
                    self.expires_at = expires_at.unwrap_or(self.expires_at);
                }
                Ok(Err(_)) | Err(_) => {
                    let silent = self.clock.monotonic_ms().saturating_sub(self.heard_at);
                    if silent >= i64::try_from(LEASE_MS - RENEW_MS).unwrap_or(0) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether it is told that the grant has ended; returns after `wait` however many signals of other grants come in.
    async fn told_within(&mut self, wait: Duration) -> bool {
        let due = tokio::time::sleep(wait);
        tokio::pin!(due);
        loop {
            tokio::select! {
                signal = self.signals.recv() => match signal {
                    Ok(signal) if signal.grant == self.grant && !signal.usable => return true,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return false,
                    Err(RecvError::Closed) => return true,
                },
                () = &mut due => return false,
            }
        }
    }
}

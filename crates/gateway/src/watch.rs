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
        Self {
            authority,
            clock,
            signals,
            grant,
            expires_at,
        }
    }

    /// Returns when the grant may no longer be used.
    pub async fn ended(&mut self) {
        let mut heard_at = self.clock.monotonic_ms();
        loop {
            let left = self.expires_at.0.saturating_sub(self.clock.wall().0).max(0);
            let wait = Duration::from_millis(u64::try_from(left).unwrap_or(0).clamp(1, RENEW_MS));
            tokio::select! {
                signal = self.signals.recv() => match signal {
                    Ok(signal) if signal.grant == self.grant && !signal.usable => return,
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                () = tokio::time::sleep(wait) => {}
            }
            let asked = tokio::time::timeout(
                Duration::from_millis(RENEW_MS),
                self.authority.lease(self.grant),
            )
            .await;
            match asked {
                Ok(Ok(Lease { usable: false, .. })) => return,
                Ok(Ok(Lease { expires_at, .. })) => {
                    heard_at = self.clock.monotonic_ms();
                    self.expires_at = expires_at.unwrap_or(self.expires_at);
                }
                Ok(Err(_)) | Err(_) => {
                    let silent = self.clock.monotonic_ms().saturating_sub(heard_at);
                    if silent >= i64::try_from(LEASE_MS - RENEW_MS).unwrap_or(0) {
                        return;
                    }
                }
            }
            if self.expires_at <= self.clock.wall() {
                return;
            }
        }
    }
}

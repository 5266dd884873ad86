//! Waits until somebody asks the process to stop: Ctrl-C, or SIGTERM from a service manager.

use anyhow::{Result, anyhow};
use engine::Engine;

/// Returns when the process is asked to stop, or when the engine decides nothing more: then a fresh start must read the log again, and
/// whoever runs the server must hear of it.
///
/// # Errors
/// If the engine stopped by itself.
pub(crate) async fn asked_or_stopped(engine: &Engine) -> Result<()> {
    tokio::select! {
        () = asked() => Ok(()),
        () = engine.stopped() => Err(anyhow!(
            "the engine has stopped, because its log is not as it left it: the lines before this one say what was found; start the server again, and it reads the whole log"
        )),
    }
}

/// Returns when the process is asked to stop.
pub(crate) async fn asked() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        match terminated {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = interrupted => {}
                    _ = terminated.recv() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM can't be listened for; Ctrl-C works");
                let _ = interrupted.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
    tracing::info!("stopping");
}

//! Tells a SIEM the log's newest signed head: at the start, every minute, and at the end. Whoever keeps it finds a log that was cut or
//! rewritten since.
use crate::config::SiemTable;
use anyhow::{Context, Result, ensure};
use connectors::syslog::{Message, Syslog, Trust};
use engine::{Engine, witnesses::Witnesses};
use ledger::{Checkpoint, VerifierKey};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Seconds between two heads, if the configuration says nothing.
const EVERY_S: u32 = 60;

/// The collector that a configuration names.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    syslog: Syslog,
    every: Duration,
}

impl Collector {
    /// Reads the collector of a configuration.
    ///
    /// # Errors
    /// If its address, a file or a number doesn't work; names the setting.
    pub(crate) fn read(table: &SiemTable) -> Result<Self> {
        let own = match (&table.certificate, &table.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => anyhow::bail!(
                "`siem.certificate` and `siem.key` belong together: set both, or leave both out"
            ),
        };
        let every = table.heads_every.unwrap_or(EVERY_S);
        ensure!(
            (1..=86_400).contains(&every),
            "`siem.heads-every` is {every}: write seconds from 1 to 86400"
        );
        let trust = Trust {
            authorities: table.authorities.clone(),
            own,
        };
        Ok(Self {
            syslog: Syslog::new(&table.syslog, &trust).context("`siem` can't be used")?,
            every: Duration::from_secs(every.into()),
        })
    }
}

/// Tells `collector`, if there is one, the heads of `engine` until `stop`.
///
/// # Errors
/// If the log's own key can't be read.
pub(crate) fn tell(
    collector: Option<Collector>,
    engine: &Engine,
    witnesses: Option<&Arc<Witnesses>>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<()> {
    let Some(collector) = collector else {
        return Ok(());
    };
    let telling = Telling {
        collector,
        key: VerifierKey::parse(&engine.vkey())?,
        engine: engine.clone(),
        witnesses: witnesses.cloned(),
        failing: false,
    };
    tasks.spawn(telling.run(stop.clone()));
    Ok(())
}

/// The one who tells.
struct Telling {
    collector: Collector,
    key: VerifierKey,
    engine: Engine,
    witnesses: Option<Arc<Witnesses>>,
    failing: bool,
}

impl Telling {
    /// Tells until `stop`, and once more then.
    async fn run(mut self, stop: CancellationToken) {
        loop {
            self.tell().await;
            tokio::select! {
                () = tokio::time::sleep(self.collector.every) => {}
                () = stop.cancelled() => break,
            }
        }
        self.tell().await;
    }

    async fn tell(&mut self) {
        match self.told().await {
            Ok(()) => {
                let now = u32::try_from(self.engine.now().0 / 1_000).unwrap_or(u32::MAX);
                metrics::gauge!("remit_siem_last_head_timestamp_seconds").set(now);
                if self.failing {
                    tracing::info!("the SIEM takes heads of the log again");
                }
                self.failing = false;
            }
            Err(error) => {
                metrics::counter!("remit_siem_failures_total").increment(1);
                if !self.failing {
                    tracing::error!(error = %format!("{error:#}"), "the SIEM could not be told the head of the log; trying again");
                }
                self.failing = true;
            }
        }
    }

    async fn told(&self) -> Result<()> {
        let reader = self.engine.reader();
        let head = tokio::task::spawn_blocking(move || reader.head()).await??;
        if head.checkpoint.is_empty() {
            return Ok(());
        }
        let checkpoint = self.key.open(&head.checkpoint)?;
        let value = self.value(&checkpoint, &head.checkpoint);
        let origin = checkpoint.origin.to_string();
        let message = Message {
            at: self.engine.now(),
            host: origin.split('/').next().unwrap_or_default(),
            kind: "log-head",
            value: &value,
        };
        self.collector
            .syslog
            .tell(&message)
            .await
            .context("could not send it")
    }

    /// What is told of a head; `checkpoint` alone is a receipt.
    fn value(&self, checkpoint: &Checkpoint, note: &str) -> serde_json::Value {
        let cosigned = self
            .witnesses
            .as_ref()
            .and_then(|witnesses| witnesses.overview().cosigned);
        json!({
            "event": "log-head",
            "log": checkpoint.origin.to_string(),
            "entries": checkpoint.size,
            "cosigned_entries": cosigned,
            "checkpoint": note,
        })
    }
}

//! Carries effects out in the targets and reports what came of them as commands, so that the circle closes on record. The intent
//! is durable before a job starts; a job that ran twice does no harm; a removal is tried for ever.
use crate::{
    body::clean,
    chain,
    handle::{Answer, Engine, Failed, Submission},
    jobs::{Finished, Task, Work},
    ports::{Connector, ConnectorError, Job},
};
use domain::{
    actor::Actor,
    command::{Command, Given},
    grant::{CredentialState, GrantState},
    ids::{PlatformId, TargetId},
    state::State,
};
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinSet};

/// The longest that one try may take.
const DEADLINE_MS: u64 = 30_000;
/// First pause after a failure; it doubles with each further one.
const BACKOFF_MS: i64 = 500;
/// Longest pause after a failure.
const BACKOFF_MS_MAX: i64 = 300_000;
/// Tries of what gives power; removals have no limit.
const TRIES_MAX: u32 = 5;
/// Most characters of a connector's words that are recorded.
const WORDS_CHARS_MAX: usize = 500;

pub(crate) struct Worker {
    pub(crate) engine: Engine,
    pub(crate) connectors: Arc<BTreeMap<PlatformId, Arc<dyn Connector>>>,
}

/// Reports a job that panicked or was dropped as failed, so that its slot is never lost.
struct Slot {
    engine: Engine,
    work: Work,
    finished: Finished,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let shared = &self.engine.shared;
        shared
            .jobs
            .finish(self.work, self.finished, shared.clock.monotonic_ms());
    }
}

impl Worker {
    /// Works until told to stop, then finishes what runs.
    pub(crate) async fn run(self, stop: Arc<Notify>) {
        let mut running = JoinSet::new();
        loop {
            let shared = &self.engine.shared;
            while let Some(work) = shared.jobs.next(shared.clock.monotonic_ms()) {
                running.spawn(carry_out(
                    self.engine.clone(),
                    Arc::clone(&self.connectors),
                    work,
                ));
            }
            let pause = shared.jobs.pause(shared.clock.monotonic_ms());
            tokio::select! {
                biased;
                () = stop.notified() => break,
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = shared.jobs.changed() => {}
                () = shared.clock.pause(pause) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }
}

pub(crate) async fn carry_out(
    engine: Engine,
    connectors: Arc<BTreeMap<PlatformId, Arc<dyn Connector>>>,
    work: Work,
) {
    let mut slot = Slot {
        finished: Finished::AgainAfter(backoff(&engine, work.failures)),
        engine,
        work,
    };
    let Some(job) = slot.engine.read(|state| job(state, work)) else {
        // no longer wanted
        slot.finished = Finished::Done;
        return;
    };
    let outcome = match connectors.get(&job.terms.platform) {
        Some(connector) => carry_out_by(&slot.engine, connector.as_ref(), work, &job).await,
        None => Err(format!(
            "no connector for platform `{}` is configured",
            job.terms.platform
        )),
    };
    let report = match outcome {
        Ok(command) => command,
        Err(because) => match failure(work, because) {
            Some(command) => command,
            None => return,
        },
    };
    let again = matches!(report, Command::RecordRemovalFailed { .. });
    let reported = slot.engine.submit(submission(report)).await;
    if settled(&slot.engine, work, reported) && !again {
        slot.finished = Finished::Done;
    }
}

/// One try; the command that reports its success.
async fn carry_out_by(
    engine: &Engine,
    connector: &dyn Connector,
    work: Work,
    job: &Job,
) -> Result<Command, String> {
    let Work {
        grant, credential, ..
    } = work;
    match work.task {
        Task::Remove => {
            let read_back = in_time(engine, connector.remove(job)).await?;
            Ok(Command::RecordRemoved {
                grant,
                credential,
                read_back: bounded(&read_back),
            })
        }
        Task::Provision => {
            let made = in_time(engine, connector.provision(job)).await?;
            if let Some(secret) = made.secret {
                // before the report: whoever sees the credential as made finds its secret
                let holder = job.terms.holder.clone();
                let vault = &engine.shared.vault;
                vault.put(credential, holder, made.expires_at, secret);
            }
            Ok(Command::RecordProvisioned {
                grant,
                credential,
                expires_at: made.expires_at,
            })
        }
        Task::Renew => {
            let expires_at = in_time(engine, connector.renew(job)).await?;
            Ok(Command::RecordProvisioned {
                grant,
                credential,
                expires_at,
            })
        }
    }
}

/// What is reported about a failed try; nothing while what gives power may still be tried again.
fn failure(work: Work, because: String) -> Option<Command> {
    let Work {
        grant, credential, ..
    } = work;
    let last = work.failures.saturating_add(1) >= TRIES_MAX;
    match work.task {
        Task::Remove => Some(Command::RecordRemovalFailed {
            grant,
            credential,
            because,
        }),
        Task::Provision if last => Some(Command::RecordProvisionFailed {
            grant,
            credential,
            because,
        }),
        Task::Provision | Task::Renew => {
            tracing::warn!(%grant, %credential, %because, "a credential could not be made or renewed");
            None
        }
    }
}

/// Whether the report is on record, or never will be.
fn settled(engine: &Engine, work: Work, reported: Result<Answer, Failed>) -> bool {
    let made = work.task == Task::Provision;
    match reported {
        Ok(Answer::Done { .. }) => true,
        Ok(Answer::Refused { refused, .. }) => {
            tracing::warn!(rule = %refused.rule, "a worker's report was refused");
            if made {
                engine.shared.vault.forget(work.credential);
            }
            true
        }
        Err(failed) => {
            tracing::warn!(error = %chain(&failed), "a worker's report could not be recorded");
            if made {
                engine.shared.vault.forget(work.credential);
            }
            false
        }
    }
}

/// What the connector needs to know; `None` if the state no longer wants the job done.
fn job(state: &State, work: Work) -> Option<Job> {
    let grant = state.grants.get(&work.grant)?;
    let credential = grant.credentials.get(&work.credential)?;
    let active = state.quarantine.is_none() && matches!(grant.state, GrantState::Active { .. });
    let wanted = match (work.task, credential.state) {
        (Task::Remove, CredentialState::Removing { .. }) => true,
        (Task::Provision, CredentialState::Intended)
        | (Task::Renew, CredentialState::Issued { .. }) => active,
        (Task::Remove | Task::Provision | Task::Renew, _) => false,
    };
    wanted.then(|| Job {
        terms: grant.terms.clone(),
        credential: credential.id,
        kind: credential.kind.clone(),
        natives: grant
            .terms
            .targets
            .iter()
            .filter_map(|target| Some((target.clone(), native(state, target)?)))
            .collect(),
        expires_at: grant.state.expires_at(),
    })
}

/// The platform's own name of a target: as the catalog in force has it, or any other known one, for what was lent under it.
fn native(state: &State, target: &TargetId) -> Option<String> {
    let in_force = state.catalog();
    let others = state.catalogs.values().map(Arc::as_ref);
    in_force
        .into_iter()
        .chain(others)
        .find_map(|catalog| catalog.targets.get(target))
        .map(|target| target.native.clone())
}

async fn in_time<T>(
    engine: &Engine,
    attempt: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, String> {
    let most = Duration::from_millis(DEADLINE_MS);
    match engine.shared.clock.within(most, attempt).await {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) => Err(bounded(&error.because)),
        None => Err(format!(
            "the target did not answer within {} seconds",
            DEADLINE_MS / 1_000
        )),
    }
}

/// A pause that doubles with each failure, up to five minutes, of which a random quarter is left off: targets that failed
/// together are not asked together again.
fn backoff(engine: &Engine, failures: u32) -> i64 {
    let factor = 1_i64.checked_shl(failures.min(20)).unwrap_or(1);
    let full = BACKOFF_MS.saturating_mul(factor).min(BACKOFF_MS_MAX);
    let mut byte = [0; 1];
    engine.shared.random.fill(&mut byte);
    let [byte] = byte;
    full - full / 4 * i64::from(byte) / 255
}

fn submission(command: Command) -> Submission {
    Submission::of(Given {
        actor: Actor::System,
        command,
    })
}

fn bounded(words: &str) -> String {
    clean(words).chars().take(WORDS_CHARS_MAX).collect()
}

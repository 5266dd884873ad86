//! Compares every connected platform with a restored copy: what the copy can't explain is ended there and read back, what it takes
//! for live and isn't there any more ends here. Each finding is durable before anything is done about it, so a crash in between
//! is followed by the same comparison again; none of it does harm twice.
use crate::{
    body::clean,
    chain,
    handle::{Answer, Engine, Submission},
    ports::Connector,
};
use domain::{
    actor::Actor,
    command::{Command, Given},
    grant::{CredentialKind, GrantState},
    ids::{CredentialId, GrantId, PlatformId},
    quarantine::Comparison,
    state::State,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Notify, task::JoinSet};

/// The longest that one question to a platform may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Pauses after a failure: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Names put on record at a time: an entry is bounded.
const NAMES_MAX: usize = 100;
/// Most characters of what a platform showed.
const WORDS_CHARS_MAX: usize = 500;

type Connectors = Arc<BTreeMap<PlatformId, Arc<dyn Connector>>>;

/// Compares until every platform is reconciled, or told to stop.
pub(crate) async fn run(engine: Engine, connectors: Connectors, stop: Arc<Notify>) {
    let mut comparing = JoinSet::new();
    for (platform, connector) in connectors.iter() {
        comparing.spawn(platform_until_done(
            engine.clone(),
            platform.clone(),
            Arc::clone(connector),
        ));
    }
    let all = async { while comparing.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = stop.notified() => {}
        () = all => {}
    }
    // what still runs is dropped: the next start compares again
}

/// Compares one platform until it is reconciled.
pub(crate) async fn platform_until_done(
    engine: Engine,
    platform: PlatformId,
    connector: Arc<dyn Connector>,
) {
    let mut pause = PAUSE;
    while engine.read(|state| is_open(state, &platform)) {
        match compare(&engine, &platform, connector.as_ref()).await {
            Ok(()) => pause = PAUSE,
            Err(because) => {
                tracing::warn!(%platform, %because, "a platform could not be compared with the restored copy");
                engine.shared.clock.pause(pause).await;
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
    }
}

fn is_open(state: &State, platform: &PlatformId) -> bool {
    state.quarantine.as_ref().is_some_and(|quarantine| {
        !matches!(
            quarantine.platforms.get(platform),
            Some(Comparison::Reconciled { .. })
        )
    })
}

/// One round: what is there is held against the copy; only a round that finds nothing to do reconciles the platform.
async fn compare(
    engine: &Engine,
    platform: &PlatformId,
    connector: &dyn Connector,
) -> Result<(), String> {
    let there = in_time(engine, connector.list()).await?;
    let (strays, missing) = engine.read(|state| differences(state, platform, &there));
    let names: Vec<String> = strays.into_iter().collect();
    for names in names.chunks(NAMES_MAX) {
        let command = Command::RecordStrays {
            platform: platform.clone(),
            names: names.iter().cloned().collect(),
        };
        record(engine, command).await?;
    }
    let strays = engine.read(|state| open_strays(state, platform));
    let mut failed = None;
    for name in &strays {
        match in_time(engine, connector.end(name)).await {
            Ok(read_back) => {
                let command = Command::RecordStrayEnded {
                    platform: platform.clone(),
                    name: name.clone(),
                    read_back: clean(&read_back).chars().take(WORDS_CHARS_MAX).collect(),
                };
                record(engine, command).await?;
            }
            // the others are ended all the same
            Err(because) => failed = Some(because),
        }
    }
    if let Some(because) = failed {
        return Err(because);
    }
    let none = strays.is_empty() && missing.is_empty();
    for (grant, credential) in missing {
        record(engine, Command::RecordMissing { grant, credential }).await?;
    }
    if none {
        let platform = platform.clone();
        record(engine, Command::RecordReconciled { platform }).await?;
    }
    Ok(())
}

/// What is there and can't be explained, and what should be there and isn't.
fn differences(
    state: &State,
    platform: &PlatformId,
    there: &BTreeSet<String>,
) -> (BTreeSet<String>, Vec<(GrantId, CredentialId)>) {
    let explained = state.explained_roles();
    let strays = there
        .iter()
        .filter(|name| !explained.contains_key(name.as_str()))
        .cloned()
        .collect();
    let active = state.grants.values().filter(|grant| {
        grant.terms.platform == *platform && matches!(grant.state, GrantState::Active { .. })
    });
    let missing = active
        .flat_map(|grant| {
            let credentials = grant.credentials.values();
            credentials
                .filter(|credential| credential.is_live_in_target())
                .filter(|credential| match &credential.kind {
                    CredentialKind::PostgresRole { role } => !there.contains(role),
                    CredentialKind::AccessToken
                    | CredentialKind::GatewaySession
                    | CredentialKind::NodeRedToken => false,
                })
                .map(|credential| (grant.terms.id, credential.id))
        })
        .collect();
    (strays, missing)
}

fn open_strays(state: &State, platform: &PlatformId) -> BTreeSet<String> {
    let comparison = state
        .quarantine
        .as_ref()
        .and_then(|quarantine| quarantine.platforms.get(platform));
    match comparison {
        Some(Comparison::Open { strays }) => strays.clone(),
        Some(Comparison::Reconciled { .. }) | None => BTreeSet::new(),
    }
}

async fn record(engine: &Engine, command: Command) -> Result<(), String> {
    let given = Given {
        actor: Actor::System,
        command,
    };
    match engine.submit(Submission::of(given)).await {
        Ok(Answer::Done { .. }) => Ok(()),
        Ok(Answer::Refused { refused, .. }) => Err(refused.message),
        Err(failed) => Err(chain(&failed)),
    }
}

async fn in_time<T>(
    engine: &Engine,
    question: impl Future<Output = Result<T, crate::ports::ConnectorError>>,
) -> Result<T, String> {
    match engine.shared.clock.within(DEADLINE, question).await {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(clean(&error.because)
            .chars()
            .take(WORDS_CHARS_MAX)
            .collect()),
        None => Err(format!(
            "the platform did not answer within {} seconds",
            DEADLINE.as_secs()
        )),
    }
}

//! Follows the platforms' own logs and puts what was done on record, with the grant that explains it. What no grant explains is
//! recorded too: it is drift or ordinary work, and somebody should know which.
use connectors::{
    follow::{self, Line, Position},
    node_red, pgaudit,
};
use domain::{
    actor::Actor,
    command::{Activity, Command, Given},
    grant::{CredentialKind, Grant},
    ids::{GrantId, GrantNumber, PersonId, PlatformId},
    time::Timestamp,
};
use engine::{Answer, Engine, Submission};
use std::{path::PathBuf, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Lines taken at a time.
const LINES_MAX: usize = 500;
/// Names of the roles that Remit makes start with this.
const ROLE_PREFIX: &str = "remit_";
/// Longest part of a line kept as a body, in characters.
const DETAIL_CHARS_MAX: u32 = 4_000;

/// A log to follow.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    platform: PlatformId,
    folder: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Postgres,
    NodeRed,
}

/// Something that was read, before it is known which grant explains it.
struct Seen {
    who: Who,
    action: String,
    object: String,
    detail: Option<String>,
    happened_at: Timestamp,
    source: String,
}

enum Who {
    Role(String),
    GrantNumber(Option<String>),
}

impl Followed {
    /// PostgreSQL's JSON logs in `folder`.
    pub(crate) fn postgres(platform: PlatformId, folder: PathBuf) -> Self {
        Self {
            platform,
            folder,
            kind: Kind::Postgres,
        }
    }

    /// The audit log that the ready settings file writes into `folder`.
    pub(crate) fn node_red(platform: PlatformId, folder: PathBuf) -> Self {
        Self {
            platform,
            folder,
            kind: Kind::NodeRed,
        }
    }

    fn suffix(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => ".json",
            Kind::NodeRed => ".jsonl",
        }
    }

    fn read(&self, line: &Line) -> Option<Seen> {
        match self.kind {
            Kind::Postgres => pgaudit::statement(line, ROLE_PREFIX).map(|statement| Seen {
                who: Who::Role(statement.role),
                action: statement.action,
                object: statement.object,
                detail: Some(statement.detail),
                happened_at: statement.happened_at,
                source: statement.source,
            }),
            Kind::NodeRed => node_red::audited(line).map(|audited| Seen {
                who: Who::GrantNumber(audited.user),
                action: audited.action,
                object: audited.object,
                detail: None,
                happened_at: audited.happened_at,
                source: audited.source,
            }),
        }
    }
}

/// Follows a log until `stop`.
pub(crate) async fn follow(engine: Engine, followed: Followed, stop: CancellationToken) {
    loop {
        if let Err(error) = take(&engine, &followed).await {
            tracing::warn!(platform = %followed.platform, error = %format!("{error:#}"), "the platform's log could not be followed; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn take(engine: &Engine, followed: &Followed) -> anyhow::Result<()> {
    let after = engine.read(|state| {
        state
            .activity_read
            .get(&followed.platform)
            .map(|source| Position::from(source.as_str()))
    });
    let (folder, suffix) = (followed.folder.clone(), followed.suffix());
    let lines = tokio::task::spawn_blocking(move || {
        follow::lines(&folder, suffix, after.as_ref(), LINES_MAX)
    })
    .await??;
    for seen in lines.iter().filter_map(|line| followed.read(line)) {
        record(engine, followed, seen).await?;
    }
    Ok(())
}

async fn record(engine: &Engine, followed: &Followed, seen: Seen) -> anyhow::Result<()> {
    let explained = explained(engine, followed, &seen.who)?;
    let subject = explained
        .as_ref()
        .map_or("nobody", |(_, holder)| holder.as_str());
    let mut words = engine.body_writer(subject);
    let cut = |text: &str| {
        text.chars()
            .take(usize::try_from(DETAIL_CHARS_MAX).unwrap_or(0))
            .collect::<String>()
    };
    let detail = seen
        .detail
        .as_deref()
        .map(|text| words.write(&cut(text), DETAIL_CHARS_MAX))
        .transpose()?;
    let bodies = words.finish();
    let bounded = |text: &str| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect::<String>()
    };
    let activity = Activity {
        platform: followed.platform.clone(),
        grant: explained.map(|(grant, _)| grant),
        action: bounded(&seen.action),
        object: bounded(&seen.object),
        detail,
        data_class: None,
        happened_at: seen.happened_at,
        source: seen.source,
    };
    let given = Given {
        actor: Actor::System,
        command: Command::RecordActivity { activity },
    };
    match engine
        .submit(Submission {
            bodies,
            ..Submission::of(given)
        })
        .await?
    {
        Answer::Done { .. } => Ok(()),
        Answer::Refused { refused, .. } => anyhow::bail!("{}", refused.message),
    }
}

/// The grant behind a role or user name. The line may be read when the grant is closed already: its number then leads to it.
fn explained(
    engine: &Engine,
    followed: &Followed,
    who: &Who,
) -> anyhow::Result<Option<(GrantId, PersonId)>> {
    let live = engine.read(|state| {
        state
            .grants
            .values()
            .find(|grant| explains(grant, followed, who))
            .map(|grant| (grant.terms.id, grant.terms.holder.clone()))
    });
    if live.is_some() {
        return Ok(live);
    }
    let Some(number) = who.number() else {
        return Ok(None);
    };
    let row = engine
        .views()
        .grant(number)?
        .filter(|row| row.platform == followed.platform);
    Ok(row.map(|row| (row.id, row.holder)))
}

impl Who {
    /// The number that the name was made with: `remit_g877_...` or `G-877`.
    fn number(&self) -> Option<GrantNumber> {
        match self {
            Self::Role(role) => {
                let digits = role.strip_prefix(ROLE_PREFIX)?.strip_prefix('g')?;
                let digits = digits.split_once('_').map_or(digits, |(digits, _)| digits);
                digits.parse().ok().map(GrantNumber)
            }
            Self::GrantNumber(name) => name.as_deref()?.parse().ok(),
        }
    }
}

fn explains(grant: &Grant, followed: &Followed, who: &Who) -> bool {
    grant.terms.platform == followed.platform
        && match who {
            Who::Role(role) => grant.credentials.values().any(|credential| matches!(&credential.kind, CredentialKind::PostgresRole { role: own } if own == role)),
            Who::GrantNumber(number) => number.as_deref() == Some(grant.terms.number.to_string().as_str()),
        }
}

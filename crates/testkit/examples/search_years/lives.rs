//! Lives of requests and grants, decided once by a real engine and told again under other numbers, people, tickets, words and times.
use crate::told::{Slot, Template};
use domain::{
    command::{Command, UseOutcome},
    event::Event,
    fixture,
    request::Ask,
    text::Text,
};
use engine::{
    Submission,
    ports::{Head, KeptAnswer, LogReader, ReadError},
    record::Recorded,
};
use ledger::{body::SealedBody, digest::Digest, tree::TreeHead};
use std::collections::BTreeMap;
use testkit::{MemoryKeys, World, person};

/// People who ask.
pub(crate) const PEOPLE: u64 = 400;

/// Tickets there are.
pub(crate) const TICKETS: u64 = 50_000;

/// Purposes, each in words of its own.
const PURPOSES: usize = 2_000;

/// Uses of one grant that are allowed.
const USES: usize = 4;

/// The span of all entries.
const YEARS_MS: i64 = 2 * 365 * 86_400_000;

/// The life that is told.
pub(crate) struct Lives {
    /// What comes first, once: bundle and people.
    before: Vec<Vec<u8>>,
    life: Vec<Template>,
    purposes: Vec<Text>,
    bodies: BTreeMap<Digest, SealedBody>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) keys: MemoryKeys,
    /// How many lives are told.
    pub(crate) count: u64,
    pub(crate) entries: u64,
    pub(crate) began: i64,
    pub(crate) ended: i64,
}

impl Lives {
    /// Lives one, to be told for `entries` entries.
    pub(crate) async fn lived(entries: u64) -> Self {
        let world = World::start().await;
        let before = world.engine.health().entries;
        let mut writer = world.engine.body_writer("ada");
        let purposes: Vec<Text> = (0..PURPOSES)
            .map(|n| writer.write(&purpose(n), 200).unwrap())
            .collect();
        let bodies = writer.finish();
        live(&world, &purposes[0], &bodies).await;
        world.idle().await;
        let ports = world.stop().await;
        let leaves = ports.log.leaves(0, usize::MAX).unwrap();
        let (before, life) = leaves.split_at(usize::try_from(before).unwrap());
        let purpose = purposes[0].commitment.to_string();
        let life: Vec<Template> = life
            .iter()
            .map(|leaf| Template::of(leaf, &purpose))
            .collect();
        let count = entries
            .saturating_sub(before.len() as u64)
            .div_ceil(life.len() as u64);
        Self {
            before: before.to_vec(),
            life,
            purposes,
            bodies: bodies
                .into_iter()
                .map(|body| (body.commitment, body))
                .collect(),
            blobs: ports.log.stored().blobs,
            keys: ports.keys,
            count,
            entries,
            began: fixture::NOW.0,
            ended: fixture::NOW.0 + YEARS_MS,
        }
    }

    /// A word that one in two thousand purposes has.
    pub(crate) fn rare(&self, n: usize) -> String {
        case(n * 13 % PURPOSES.min(usize::try_from(self.count).unwrap()))
    }

    /// All entries, in order.
    pub(crate) fn told(&self, entries: u64) -> impl Iterator<Item = Recorded> {
        let lives = (0..).flat_map(move |life| {
            self.life
                .iter()
                .enumerate()
                .map(move |(step, template)| self.tell(life, step, template))
        });
        let all = self.before.iter().cloned().chain(lives);
        (0..entries)
            .zip(all)
            .map(|(entry, leaf)| Recorded::from_bytes(entry, &leaf).unwrap())
    }

    fn tell(&self, life: u64, step: usize, template: &Template) -> Vec<u8> {
        let step = i64::try_from(step).unwrap();
        let at = self.began
            + YEARS_MS / i64::try_from(self.count).unwrap() * i64::try_from(life).unwrap()
            + step;
        let purpose = &self.purposes[usize::try_from(life).unwrap() % PURPOSES];
        template.tell(&|slot| match slot {
            Slot::At => at.to_string(),
            Slot::Number => (life + 1).to_string(),
            Slot::Person => format!("person-{}", life % PEOPLE),
            Slot::Ticket => format!("INC-{}", life % TICKETS),
            Slot::Purpose => purpose.commitment.to_string(),
            // UUIDs in the form of version 7, one for each of the life and of the thing
            Slot::Id(thing) => format!("{life:08x}-0000-7000-8000-{thing:012x}"),
        })
    }

    /// A log that knows what the projector asks it.
    pub(crate) fn log(&self, entries: u64) -> ToldLog {
        ToldLog {
            entries,
            bodies: self.bodies.clone(),
            blobs: self.blobs.clone(),
        }
    }
}

fn case(n: usize) -> String {
    format!("c{n}")
}

fn purpose(n: usize) -> String {
    format!(
        "Supplier {} changed its invoice layout, case {}, before the month is closed",
        n % 90,
        case(n)
    )
}

/// One that is granted, used, refused out of scope, and given back.
async fn live(world: &World, purpose: &Text, bodies: &[SealedBody]) {
    let mut ask = Ask {
        ticket: Some("INC-4711".to_owned()),
        ..fixture::ask("edit-flow")
    };
    for answer in ask.answers.values_mut() {
        *answer = purpose.clone();
    }
    let mut submission = Submission::of(domain::command::Given {
        actor: person("ada"),
        command: Command::SubmitRequest { ask },
    });
    submission.bodies = bodies
        .iter()
        .filter(|body| body.commitment == Digest::from_bytes(purpose.commitment.0))
        .cloned()
        .collect();
    world.engine.submit(submission).await.unwrap();
    let request = *world.state().requests.keys().next().unwrap();
    world.approve("cyd", request).await;
    world.approve("bob", request).await;
    let grant = *world.state().grants.keys().next().unwrap();
    let credential = world.open("ada", grant).await;
    for _ in 0..USES {
        let events = world
            .done(world.gateway(), world.attempt(grant, credential))
            .await;
        let use_id = events
            .iter()
            .find_map(|event| match event {
                Event::UseAllowed { use_id, .. } => Some(*use_id),
                _ => None,
            })
            .unwrap();
        let outcome = UseOutcome {
            status: Some(200),
            bytes: 812,
            rows: 3,
            cut: false,
        };
        let finish = Command::FinishUse {
            grant,
            use_id,
            outcome,
        };
        world.done(world.gateway(), finish).await;
    }
    let mut beyond = world.attempt(grant, credential);
    if let Command::BeginUse { attempt } = &mut beyond {
        let payments = || fixture::id("nodered.payments");
        let actions = std::mem::take(&mut attempt.actions);
        attempt.actions = actions
            .into_iter()
            .map(|(action, _)| (action, payments()))
            .collect();
    }
    world.done(world.gateway(), beyond).await;
    let give_back = Command::ReturnGrant { grant };
    world.done(person("ada"), give_back).await;
}

/// Answers what the projector asks of a log whose entries are handed to it.
pub(crate) struct ToldLog {
    entries: u64,
    bodies: BTreeMap<Digest, SealedBody>,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl LogReader for ToldLog {
    fn head(&self) -> Result<Head, ReadError> {
        Ok(Head {
            tree: TreeHead {
                size: self.entries,
                root: Digest::of(b""),
            },
            checkpoint: String::new(),
        })
    }
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError> {
        Ok(indexes
            .iter()
            .map(|index| Digest::of(&index.to_be_bytes()))
            .collect())
    }
    fn body(&self, commitment: &Digest) -> Result<Option<SealedBody>, ReadError> {
        Ok(self.bodies.get(commitment).cloned())
    }
    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.blobs.get(digest).cloned())
    }
    fn leaves(&self, _: u64, _: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        Ok(Vec::new())
    }
    fn copied(&self) -> Result<Option<u64>, ReadError> {
        Ok(None)
    }
    fn answer(&self, _: &str, _: &str) -> Result<Option<KeptAnswer>, ReadError> {
        Ok(None)
    }
}

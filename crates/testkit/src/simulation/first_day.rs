//! The log of a server that has its rules and its people and nothing else: made once, and where every life begins.
use super::{
    clock::SimClock,
    dice::Dice,
    disk::{Content, SimDisk},
    model::{Model, Now},
    projection::SimProjector,
    sim::SimRandom,
    tasks::{Polled, Tasks},
    wishes,
};
use crate::{MemoryKeys, NoViews, bundle, people, signer};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    fixture,
};
use engine::{
    Ports, Settings, Submission,
    by_hand::{ByHand, Stock},
    ports::NoSnapshots,
    record::Recorded,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

/// The rules of every life, read once.
pub(super) fn stock() -> Stock {
    static STOCK: OnceLock<Stock> = OnceLock::new();
    STOCK.get_or_init(Stock::default).clone()
}

pub(super) fn settings(snapshot_every: u64) -> Settings {
    Settings {
        signer: signer(),
        bundle: bundle(),
        engine_version: "test".to_owned(),
        snapshot_every,
    }
}

/// The log of a server that has its rules and its people and nothing else: made once, and where every life begins.
pub(super) fn first_day() -> &'static (Content, Model, Vec<Recorded>) {
    static FIRST_DAY: OnceLock<(Content, Model, Vec<Recorded>)> = OnceLock::new();
    FIRST_DAY.get_or_init(|| {
        let disk = SimDisk::new(Content::default(), Dice::of(0, 0), None);
        let ports = Ports {
            clock: Arc::new(SimClock::default()),
            random: Arc::new(SimRandom(Mutex::new(Dice::of(0, 0)))),
            reader: Arc::new(disk.clone()),
            writer: Box::new(disk.clone()),
            keys: Arc::new(MemoryKeys::default()),
            projector: Box::new(SimProjector::default()),
            views: Arc::new(NoViews),
            snapshots: Arc::new(NoSnapshots),
            connectors: BTreeMap::new(),
        };
        let (engine, mut by_hand) = ByHand::start(ports, settings(u64::MAX), stock()).unwrap();
        let mut tasks = Tasks::default();
        for change in people() {
            let change = match change {
                DirectoryChange::Person { person, name, mail } => DirectoryChange::Person {
                    person: wishes::trained(person),
                    name,
                    mail,
                },
                other => other,
            };
            let given = Given {
                actor: Actor::Operator,
                command: Command::ChangeDirectory { change },
            };
            let engine = engine.clone();
            tasks.spawn(async move { engine.submit(Submission::of(given)).await });
        }
        let mut dice = Dice::of(0, 0);
        while !matches!(tasks.poll(&mut dice), Polled::Nothing) {}
        by_hand.decide();
        let mut model = Model::default();
        let mut decoded = Vec::new();
        let now = Now {
            life: 0,
            wall: fixture::NOW,
            monotonic_ms: 0,
        };
        for leaf in disk.since(0) {
            let recorded = Recorded::from_bytes(model.entries, &leaf).unwrap();
            model.next(&recorded, now).unwrap();
            decoded.push(recorded);
        }
        (disk.content(), model, decoded)
    })
}

//! What the log said at an instant is what the engine said then, at every second of a life, whatever snapshots there are.
mod life;

use domain::{evolve::evolve, ids::GrantId, state::State, time::Timestamp};
use engine::{
    Engine,
    past::PastError,
    record::{Outcome, Recorded},
};
use life::{Seen, Step, steps, take};
use proptest::{prelude::*, test_runner::TestRunner};
use std::{cell::Cell, collections::BTreeSet};
use testkit::{World, WorldPorts};

const SECOND: i64 = 1_000;

fn usable(state: &State, at: Timestamp) -> BTreeSet<GrantId> {
    let access = state.access(at);
    let usable = access.iter().filter(|access| access.standing.is_usable());
    usable.map(|access| access.grant.terms.id).collect()
}

/// What the engine said at an instant, and how many entries it knew of.
struct Said {
    at: Timestamp,
    entries: u64,
    state: State,
}

fn listen(engine: &Engine) -> Said {
    let entries = engine.health().entries;
    Said {
        at: engine.now(),
        entries,
        state: engine.read(Clone::clone),
    }
}

/// The log folded by nothing but the rules; catalogs are inputs, not events.
fn folded(entries: &[Recorded], at: Timestamp) -> (u64, State) {
    let mut state = State::default();
    let before: Vec<_> = entries.iter().filter(|entry| entry.at <= at).collect();
    for recorded in &before {
        if let Outcome::Done(events) = &recorded.record.outcome {
            for event in events {
                evolve(&mut state, event, recorded.at);
            }
        }
    }
    (before.len() as u64, state)
}

fn without_catalogs(mut state: State) -> State {
    state.catalogs.clear();
    state
}

async fn live(steps: &[Step], snapshot_every: u64) -> (World, Vec<Said>) {
    let world = World::begun(WorldPorts {
        snapshot_every,
        ..WorldPorts::default()
    })
    .await;
    world.grant("ada", "edit-flow").await;
    let (mut seen, mut said) = (Seen::default(), Vec::new());
    for step in steps {
        take(&world, &mut seen, step).await;
        world.ports.clock.advance(SECOND / 2);
        world.engine.wake();
        tokio::task::yield_now().await;
        said.push(listen(&world.engine));
    }
    (world, said)
}

#[test]
fn the_log_says_of_every_second_of_a_life_what_the_engine_said_then() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: 5,
        max_shrink_iters: 30,
        ..ProptestConfig::default()
    };
    let (compared, lent) = (Cell::new(0), Cell::new(0));
    TestRunner::new(config)
        .run(&(steps(), 5..40_u64), |(steps, every)| {
            runtime.block_on(async {
                let (world, said) = live(&steps, every).await;
                let last = world.engine.now();
                // later than everything that is still being recorded
                world.ports.clock.advance(SECOND);
                world
                    .engine
                    .settled(world.engine.health().entries - 1)
                    .await;
                for said in &said {
                    let past = world.engine.past(said.at).await.unwrap();
                    // what was recorded at that instant after it was listened to is not what was said
                    if past.tree.size == said.entries {
                        prop_assert_eq!(&past.state, &said.state);
                        compared.set(compared.get() + 1);
                    }
                }
                let entries = world.ports.projector.entries();
                // between two entries only time goes by: each instant with one, the moment before it, and the next whole second
                let around = entries.iter().flat_map(|entry| {
                    let at = entry.at.0;
                    [at - 1, at, (at / SECOND + 1) * SECOND]
                });
                let around: BTreeSet<i64> = around.filter(|at| *at <= last.0).collect();
                for at in around.into_iter().map(Timestamp) {
                    let past = world.engine.past(at).await.unwrap();
                    let (size, state) = folded(&entries, at);
                    prop_assert_eq!(past.tree.size, size);
                    lent.set(lent.get() + usable(&state, at).len());
                    prop_assert_eq!(usable(&past.state, at), usable(&state, at));
                    prop_assert_eq!(without_catalogs(past.state), state);
                }
                drop(world.stop().await);
                Ok(())
            })
        })
        .unwrap();
    assert!(compared.get() > 0, "nothing was compared");
    assert!(lent.get() > 0, "no grant could ever be used");
}

#[tokio::test]
async fn an_end_is_an_end_at_its_instant_though_it_is_recorded_later() {
    let world = World::start().await;
    let grant = world.grant("ada", "edit-flow").await;
    world.turn().await;
    world
        .until("it runs", |world| {
            !usable(&world.state(), world.engine.now()).is_empty()
        })
        .await;
    let began = world.engine.now();
    let ends = began.plus(grant.duration);
    world
        .advance(i64::from(grant.duration.0) * SECOND + 5 * SECOND)
        .await;
    world
        .until("it is over", |world| world.state().grants.is_empty())
        .await;
    for (at, expected) in [
        (Timestamp(began.0 - 1), 0),
        (began, 1),
        (Timestamp(ends.0 - 1), 1),
        (ends, 0),
        (Timestamp(ends.0 + SECOND), 0),
    ] {
        let past = world.engine.past(at).await.unwrap();
        assert_eq!(usable(&past.state, at).len(), expected, "at {at:?}");
    }
}

#[tokio::test]
async fn before_the_first_entry_there_is_nothing_and_of_the_future_nothing_is_said() {
    let world = World::start().await;
    let past = world.engine.past(Timestamp(0)).await.unwrap();
    assert_eq!((past.tree.size, past.state), (0, State::default()));
    let now = world.engine.now();
    let future = world.engine.past(Timestamp(now.0 + 1)).await.unwrap_err();
    assert!(matches!(future, PastError::Future { now: told } if told == now));
}

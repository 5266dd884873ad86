//! How many uses of a grant a real engine decides, records durably and answers in a second, on SQLite: by how many callers ask at
//! the same time. Prints a line for each measure, with tabs between: name, value, whence.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures real time, prints, and panics where it can't go on"
)]
use domain::{actor::Actor, command::Command, event::Event, fixture};
use engine::Engine;
use std::time::{Duration, Instant};
use testkit::measured;

/// Every caller asks again as soon as it is answered.
async fn measure(engine: &Engine, callers: usize, attempt: &Command) -> (f64, Duration, Duration) {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(3);
    let asking: Vec<_> = (0..callers)
        .map(|_| {
            let (engine, attempt) = (engine.clone(), attempt.clone());
            tokio::spawn(async move {
                let actor = Actor::Gateway {
                    gateway: fixture::gateway_id(),
                };
                let mut took = Vec::new();
                while Instant::now() < until {
                    let asked = Instant::now();
                    let made = measured::events(&engine, actor.clone(), attempt.clone()).await;
                    took.push(asked.elapsed());
                    assert!(matches!(made[..], [Event::UseAllowed { .. }]), "{made:?}");
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for asking in asking {
        took.extend(asking.await.unwrap());
    }
    took.sort();
    let at = |percent: usize| {
        took.get(took.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    let count = f64::from(u32::try_from(took.len()).unwrap());
    (count / begun.elapsed().as_secs_f64(), at(50), at(99))
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    for callers in [1, 16, 64, 256, 1_024] {
        let file = folder.path().join(format!("{callers}.db"));
        let (reader, writer) = store::SqliteLog::open(&file).unwrap();
        let (engine, running) = measured::engine_on(reader, writer).await;
        let (grant, credential) = measured::emergency(&engine).await;
        let attempt = testkit::attempt(grant, credential);
        let (rate, p50, p99) = measure(&engine, callers, &attempt).await;
        println!(
            "decided and durable a second, {callers} callers\t{rate:.0}\tp50 {p50:.1?}, p99 {p99:.1?}"
        );
        running.stop().await;
    }
}

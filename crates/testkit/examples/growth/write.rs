//! Writes a log of requests that were sent and then taken back or denied, by a real engine on SQLite.
use crate::start::{Nothing, ports, settings};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    event::Event,
    fixture,
    ids::RequestId,
    request::Ask,
};
use engine::{Answer, Engine, Submission};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use testkit::{people, person};

/// People who ask at the same time.
const MAKERS: usize = 400;

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
pub(crate) fn run(folder: &Path, requests: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let begun = Instant::now();
    let entries = runtime.block_on(async {
        let (engine, running) = Engine::start(
            ports(folder, true, Box::new(Nothing::default())),
            settings(),
        )
        .unwrap();
        enrol(&engine).await;
        let left = Arc::new(AtomicU64::new(requests));
        let makers: Vec<_> = (0..MAKERS)
            .map(|n| tokio::spawn(ask(engine.clone(), n, Arc::clone(&left))))
            .collect();
        for maker in makers {
            maker.await.unwrap();
        }
        assert_eq!(engine.read(|state| state.requests.len()), 0);
        let entries = engine.health().entries;
        running.stop().await;
        entries
    });
    println!("{entries} {}", begun.elapsed().as_secs_f64());
}

async fn events(engine: &Engine, actor: Actor, command: Command) -> Vec<Event> {
    let given = Given { actor, command };
    match engine.submit(Submission::of(given)).await.unwrap() {
        Answer::Done { events, .. } => events,
        Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
    }
}

/// The people of the fixture, and makers like Ada.
async fn enrol(engine: &Engine) {
    for change in people() {
        events(engine, Actor::Operator, Command::ChangeDirectory { change }).await;
    }
    let directory = fixture::directory();
    let ada = &directory.persons[&fixture::id("ada")];
    for n in 0..MAKERS {
        let name = format!("maker-{n}");
        let mut maker = ada.clone();
        maker.id = fixture::id(&name);
        let account = domain::directory::Account {
            id: fixture::id(&name),
            person: Some(maker.id.clone()),
        };
        let changes = [
            DirectoryChange::Person {
                person: maker,
                name: None,
                mail: None,
            },
            DirectoryChange::Account(account),
        ];
        for change in changes {
            events(engine, Actor::Operator, Command::ChangeDirectory { change }).await;
        }
    }
}

async fn ask(engine: Engine, n: usize, left: Arc<AtomicU64>) {
    let name = format!("maker-{n}");
    let one = |left: u64| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one)
        .is_ok()
    {
        let ask = Ask {
            ticket: Some(format!("INC-{n}")),
            ..fixture::ask("edit-flow")
        };
        let sent = events(&engine, person(&name), Command::SubmitRequest { ask }).await;
        let request: RequestId = sent
            .iter()
            .find_map(|event| match event {
                Event::RequestSubmitted { request, .. } => Some(*request),
                _ => None,
            })
            .unwrap();
        let withdraw = Command::WithdrawRequest { request };
        events(&engine, person(&name), withdraw).await;
    }
}

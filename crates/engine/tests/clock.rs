//! Nobody lengthens a grant by turning the clock, and one bad jump does no lasting harm.
use domain::{
    command::Command,
    event::Event,
    fixture,
    grant::{EndReason, GrantState},
    ids::GrantId,
};
use engine::{Failed, ports::GrantSignal, time::ClockDoubt};
use testkit::{World, person};

const HOUR: i64 = 3_600_000;

fn state(world: &World, grant: GrantId) -> String {
    world.engine.read(|state| match state.grants.get(&grant) {
        None => "closed".to_owned(),
        Some(grant) => match &grant.state {
            GrantState::Scheduled { .. } => "scheduled".to_owned(),
            GrantState::Active { .. } => "active".to_owned(),
            GrantState::Held { .. } => "held".to_owned(),
            GrantState::Ended { reason, .. } => format!("{reason:?}"),
        },
    })
}

#[tokio::test]
async fn a_grant_ends_when_its_time_is_over_and_stays_over() {
    let world = World::start().await;
    let mut signals = world.engine.signals();
    let grant = world.grant("ada", "edit-flow").await.id;
    let session = world.open("ada", grant).await;
    let usable = |usable| GrantSignal { grant, usable };
    assert_eq!(signals.recv().await, Ok(usable(true)));
    world.advance(HOUR - 1).await;
    assert_eq!(state(&world, grant), "active");
    world.advance(1).await;
    assert_eq!(state(&world, grant), "closed");
    assert_eq!(signals.recv().await, Ok(usable(false)));
    // the wall clock is set back to when it was active, and the server starts again
    world.ports.clock.turn(-HOUR / 2);
    let world = world.restart().await;
    let attempt = world.attempt(grant, session);
    assert_eq!(world.refused(world.gateway(), attempt).await, "no-grant");
    let reason = world
        .ports
        .projector
        .entries()
        .iter()
        .flat_map(|recorded| match &recorded.record.outcome {
            engine::record::Outcome::Done(events) => events.clone(),
            engine::record::Outcome::Refused(_) => Vec::new(),
        })
        .find_map(|event| match event {
            Event::GrantEnded { reason, .. } => Some(reason),
            _ => None,
        });
    assert_eq!(reason, Some(EndReason::Expired));
}

#[tokio::test]
async fn a_clock_that_falls_back_lengthens_nothing() {
    let world = World::start().await;
    let grant = world.grant("ada", "edit-flow").await.id;
    world.ports.clock.turn(-7 * 24 * HOUR);
    assert_eq!(world.engine.health().clock, None);
    world.advance(HOUR).await;
    assert_eq!(state(&world, grant), "closed");
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_stops_new_allows_and_only_those() {
    let world = World::start().await;
    let grant = world.grant("ada", "edit-flow").await.id;
    let session = world.open("ada", grant).await;
    let waiting = world.ask("ann", "edit-flow").await;
    world.approve("cyd", waiting).await;
    world.ports.clock.turn(24 * HOUR);
    assert_eq!(
        world.engine.health().clock,
        Some(ClockDoubt::Ahead { by_ms: 24 * HOUR })
    );
    assert_eq!(
        world.engine.now().0,
        fixture::NOW.0 + 24 * HOUR,
        "enforcement points see the latest reading: the grant is over for them"
    );
    let entries = world.engine.health().entries;
    let digest = world.engine.read(|state| state.requests[&waiting].digest);
    let last_consent = Command::ApproveRequest {
        request: waiting,
        digest,
        narrowing: None,
        comment: fixture::text("fine"),
    };
    for (actor, command) in [
        (world.gateway(), world.attempt(grant, session)),
        (person("bob"), last_consent),
    ] {
        let failed = world.submit(actor, command).await.unwrap_err();
        assert!(matches!(failed, Failed::ClockDoubtful { .. }), "{failed}");
    }
    assert_eq!(
        world.engine.health().entries,
        entries,
        "nothing is recorded of it"
    );
    assert_eq!(
        state(&world, grant),
        "active",
        "a jump ends nothing by itself"
    );
    let hold = Command::HoldGrant {
        grant,
        comment: fixture::text("odd"),
    };
    world.done(person("bob"), hold).await;
    world.ports.clock.turn(-24 * HOUR);
    world.turn().await;
    let resume = Command::ResumeGrant {
        grant,
        comment: fixture::text("fine again"),
    };
    world.done(person("eve"), resume).await;
    let events = world
        .done(world.gateway(), world.attempt(grant, session))
        .await;
    assert!(
        matches!(events[..], [Event::UseAllowed { .. }]),
        "{events:?}"
    );
    world
        .engine
        .settled(world.engine.health().entries - 1)
        .await;
    let newest = world.ports.projector.entries().last().unwrap().at;
    assert!(
        newest.0 <= fixture::NOW.0 + 5_000,
        "the jump got into the log: {newest:?}"
    );
}

#[tokio::test]
async fn a_start_behind_the_log_is_in_doubt_until_the_clock_is_set_right() {
    let world = World::start().await;
    world.advance(HOUR).await;
    world.ask("ada", "edit-flow").await;
    world.ports.clock.turn(-HOUR);
    let world = world.restart().await;
    assert_eq!(
        world.engine.health().clock,
        Some(ClockDoubt::BehindLog { by_ms: HOUR })
    );
    let ask = domain::request::Ask {
        kind: domain::request::RequestKind::BreakGlass,
        duration: domain::time::Seconds::from_minutes(30),
        ..fixture::ask("edit-flow")
    };
    let command = Command::SubmitRequest { ask };
    let failed = world
        .submit(person("ann"), command.clone())
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "nothing new is allowed while the clock is in doubt: the wall clock is 3600000 ms behind the newest entry of the log: \
         set it right"
    );
    world.ports.clock.turn(HOUR);
    world.done(person("ann"), command).await;
}

#[tokio::test]
async fn a_scheduled_grant_begins_when_its_time_has_come() {
    let world = World::start().await;
    let ask = domain::request::Ask {
        start: domain::request::Start::At(domain::time::Timestamp(fixture::NOW.0 + HOUR)),
        ..fixture::ask("edit-flow")
    };
    let request = world.send("ada", ask).await;
    world.approve("cyd", request).await;
    let events = world.approve("bob", request).await;
    let grant = events
        .iter()
        .find_map(|event| match event {
            Event::GrantScheduled { terms, .. } => Some(terms.id),
            _ => None,
        })
        .unwrap();
    world.advance(HOUR - 1).await;
    assert_eq!(state(&world, grant), "scheduled");
    world.advance(1).await;
    assert_eq!(state(&world, grant), "active");
    world.advance(HOUR).await;
    assert_eq!(state(&world, grant), "closed");
}

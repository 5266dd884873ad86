//! What came of uses that end at the same time is one entry, and everybody who told of one learns what came of theirs.
use domain::{
    command::{Command, UseOutcome},
    event::Event,
    fixture,
    grant::Usage,
    ids::{GrantId, UseId},
};
use engine::{Answer, Failed, enforcement::Finish};
use futures_util::future::join_all;
use testkit::{Fault, World, WorldPorts, measured};

/// A world in which a grant may be used for ever.
async fn unbounded() -> World {
    World::under(WorldPorts::default(), measured::unbounded_bundle()).await
}

/// A grant with so many uses under way.
async fn begun(world: &World, count: usize) -> (GrantId, Vec<UseId>) {
    let (grant, session) = measured::emergency(&world.engine).await;
    let mut uses = Vec::new();
    for _ in 0..count {
        let attempt = world.attempt(grant, session);
        let events = world.done(world.gateway(), attempt).await;
        uses.extend(events.iter().find_map(|event| match event {
            Event::UseAllowed { use_id, .. } => Some(*use_id),
            _ => None,
        }));
    }
    assert_eq!(uses.len(), count);
    (grant, uses)
}

async fn finish(world: &World, grant: GrantId, uses: &[UseId]) -> Vec<Result<Answer, Failed>> {
    let finishing = uses.iter().map(|use_id| {
        let outcome = UseOutcome {
            status: Some(200),
            bytes: 1,
            rows: 0,
            cut: false,
        };
        let finish = Finish {
            use_id: *use_id,
            grant,
            outcome,
        };
        world.engine.finish_use(fixture::gateway_id(), finish)
    });
    join_all(finishing).await
}

fn usage(world: &World, grant: GrantId) -> Usage {
    let state = world.state();
    state
        .grants
        .get(&grant)
        .map(|grant| grant.usage)
        .unwrap_or_default()
}

#[tokio::test]
async fn uses_that_end_while_an_entry_is_written_are_told_in_one() {
    let world = unbounded().await;
    let (grant, uses) = begun(&world, 10).await;
    let before = world.engine.health().entries;
    let answers = finish(&world, grant, &uses).await;
    for (use_id, answer) in uses.iter().zip(&answers) {
        let Ok(Answer::Done { entry, events, .. }) = answer else {
            unreachable!("{answer:?}");
        };
        let own = events.iter().map(|event| match event {
            Event::UseFinished { use_id, .. } => *use_id,
            other => unreachable!("{other:?}"),
        });
        assert_eq!(own.collect::<Vec<_>>(), [*use_id]);
        assert_eq!(*entry, before + u64::from(use_id != &uses[0]));
    }
    assert_eq!(world.engine.health().entries, before + 2);
    assert_eq!(usage(&world, grant).bytes, 10);
}

#[tokio::test]
async fn a_use_that_is_told_twice_takes_no_other_along() {
    let world = unbounded().await;
    let (grant, uses) = begun(&world, 3).await;
    let told = [uses[0], uses[1], uses[1], uses[2]];
    let refused = finish(&world, grant, &told)
        .await
        .into_iter()
        .map(|answer| matches!(answer, Ok(Answer::Refused { .. })));
    assert_eq!(refused.collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(usage(&world, grant).bytes, 3);
    // nobody is left waiting: the next one is told as well
    let again = finish(&world, grant, &uses[..1]).await;
    assert!(
        matches!(again[..], [Ok(Answer::Refused { .. })]),
        "{again:?}"
    );
}

#[tokio::test]
async fn many_uses_make_entries_that_the_ledger_can_hold() {
    let world = unbounded().await;
    let (grant, uses) = begun(&world, 200).await;
    let answers = finish(&world, grant, &uses).await;
    world
        .engine
        .settled(world.engine.health().entries - 1)
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(Answer::Done { .. })))
    );
    let together = world.ports.projector.entries();
    let together = together
        .iter()
        .filter_map(|recorded| match &recorded.record.command {
            Command::FinishUses { uses, .. } => Some(uses.len()),
            _ => None,
        });
    let together: Vec<usize> = together.collect();
    assert_eq!(together, [64, 64, 64, 7]);
}

#[tokio::test]
async fn whoever_waits_learns_that_nothing_was_written() {
    let world = unbounded().await;
    let (grant, uses) = begun(&world, 3).await;
    world.ports.log.fail_next(&[Fault::Full]);
    let answers = finish(&world, grant, &uses).await;
    assert!(matches!(answers[0], Err(Failed::Full)), "{answers:?}");
    assert_eq!(usage(&world, grant).bytes, 2);
    assert!(
        answers[1..]
            .iter()
            .all(|answer| matches!(answer, Ok(Answer::Done { .. })))
    );
}

//! A restored copy in a running engine: what it can't explain is ended, what nothing confirms is ended, and nothing is given before
//! an operator has lifted the quarantine.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]
use domain::{
    actor::Actor,
    command::Command,
    fixture,
    grant::{CredentialKind, EndReason, GrantState},
    ids::GrantId,
    request::Ask,
};
use engine::replay::replay;
use ledger::leaf::Leaf;
use std::convert::Infallible;
use testkit::{Fault, MemoryLog, MemoryProjector, Trouble, World, person};

fn lift() -> Command {
    Command::LiftQuarantine {
        comment: fixture::text("compared and looked at"),
    }
}

fn ask(privilege: &str) -> Command {
    Command::SubmitRequest {
        ask: Ask {
            ..fixture::ask(privilege)
        },
    }
}

/// The world on a copy of its log, made before; targets are as they are.
async fn restored(world: World, copy: MemoryLog) -> World {
    let mut ports = world.stop().await;
    ports.log = copy;
    ports.projector = MemoryProjector::default();
    World::on(ports)
}

async fn compared(world: &World) {
    world
        .until("every platform is compared", |world| {
            world.state().unreconciled().is_empty()
        })
        .await;
    world
        .until("nothing is left unconfirmed", |world| {
            let state = world.state();
            !state.grants.values().any(domain::quarantine::unconfirmed)
        })
        .await;
}

fn is_active(world: &World, grant: GrantId) -> bool {
    let state = world.state();
    let grant = state.grants.get(&grant);
    grant.is_some_and(|grant| matches!(grant.state, GrantState::Active { .. }))
}

fn role(world: &World, grant: GrantId) -> String {
    let state = world.state();
    let explained = state.explained_roles();
    let found = explained.iter().find(|(_, (of, _))| *of == grant);
    (*found.unwrap().0).to_owned()
}

#[tokio::test]
async fn a_copy_keeps_what_its_targets_confirm_and_ends_all_else() {
    let world = World::start().await;
    let kept = world.grant("ada", "read-invoices").await;
    let at_gateway = world.grant("ann", "edit-flow").await;
    world.idle().await;
    let kept_role = role(&world, kept.id);
    let copy = world.ports.log.copy();
    let after = world.grant("ann", "read-invoices").await;
    let session = world.open("ann", at_gateway.id).await;
    world.idle().await;
    assert_eq!(world.ports.platform.roles().len(), 2);

    let world = restored(world, copy).await;
    let platform = world.ports.platform.clone();
    assert_eq!(
        world.refused(person("ann"), ask("run-flow")).await,
        "quarantine"
    );
    compared(&world).await;
    assert_eq!(
        platform.roles().into_iter().collect::<Vec<_>>(),
        [kept_role]
    );
    assert!(is_active(&world, kept.id));
    assert!(!is_active(&world, at_gateway.id) && !is_active(&world, after.id));
    // a session that was opened after the copy belongs to nothing here
    let used = world.attempt(at_gateway.id, session);
    let refused = world.submit(world.gateway(), used).await.unwrap();
    assert!(
        !format!("{refused:?}").contains("UseAllowed"),
        "{refused:?}"
    );
    let provisions = |world: &World| {
        let calls = world.ports.platform.calls();
        calls.iter().filter(|call| *call == "provision").count()
    };
    let before = provisions(&world);
    assert_eq!(
        world.refused(person("ann"), ask("read-invoices")).await,
        "quarantine"
    );
    world.done(Actor::Operator, lift()).await;
    assert!(is_active(&world, kept.id));
    world.grant("ann", "read-invoices").await;
    world.idle().await;
    assert_eq!(provisions(&world), before + 1);
    assert_eq!(platform.roles().len(), 2);
    is_replayed(&world);
}

/// Every decision of the log comes out the same when it is made again.
fn is_replayed(world: &World) {
    let stored = world.ports.log.stored();
    let entries = stored.leaves.iter().zip(0..);
    let entries =
        entries.map(|(leaf, entry)| Ok::<_, Infallible>((entry, Leaf::decode(leaf).unwrap())));
    let blob = |digest: &ledger::digest::Digest| stored.blobs.get(digest).cloned();
    let replayed = replay(entries, blob, "test", |_| {}).unwrap();
    assert_eq!(replayed.state.grants, world.state().grants);
    assert_eq!(replayed.state.quarantine, None);
}

#[tokio::test]
async fn a_role_that_was_taken_away_after_the_copy_is_not_made_again() {
    let world = World::start().await;
    let lent = world.grant("ada", "read-invoices").await;
    world.idle().await;
    let copy = world.ports.log.copy();
    let back = Command::ReturnGrant { grant: lent.id };
    world.done(person("ada"), back).await;
    world.idle().await;
    let world = restored(world, copy).await;
    compared(&world).await;
    world.idle().await;
    world.done(Actor::Operator, lift()).await;
    world.idle().await;
    assert!(!is_active(&world, lent.id));
    assert_eq!(world.ports.platform.roles().len(), 0);
    let calls = world.ports.platform.calls();
    assert_eq!(calls.iter().filter(|call| *call == "provision").count(), 1);
}

#[tokio::test]
async fn what_was_only_intended_in_the_copy_waits_for_the_lift() {
    let world = World::start().await;
    world.ports.platform.trouble(&[Trouble::DoneYetFails]);
    let lent = world.grant("ada", "read-invoices").await;
    let copy = world.ports.log.copy();
    world.idle_in_time().await;
    let calls = world.ports.platform.calls().len();
    let world = restored(world, copy).await;
    compared(&world).await;
    let since = world.ports.platform.calls().split_off(calls);
    assert!(!since.contains(&"provision".to_owned()), "{since:?}");
    world.done(Actor::Operator, lift()).await;
    world.idle().await;
    let since = world.ports.platform.calls().split_off(calls);
    assert!(since.contains(&"provision".to_owned()), "{since:?}");
    assert!(is_active(&world, lent.id));
}

#[tokio::test]
async fn a_target_that_does_not_answer_keeps_the_quarantine() {
    let world = World::start().await;
    let copy = world.ports.log.copy();
    // nobody knows of this one
    world.grant("ada", "read-invoices").await;
    world.idle().await;
    let ports = world.stop().await;
    ports.platform.trouble(&[Trouble::Fails; 4]);
    let mut ports = ports;
    ports.log = copy;
    ports.projector = MemoryProjector::default();
    let world = World::on(ports);
    assert_eq!(world.refused(Actor::Operator, lift()).await, "reconciled");
    compared(&world).await;
    assert_eq!(world.ports.platform.roles().len(), 0);
    world.done(Actor::Operator, lift()).await;
}

#[tokio::test]
async fn what_is_over_by_the_clock_ends_as_expired() {
    let world = World::start().await;
    let lent = world.grant("ada", "read-invoices").await;
    world.idle().await;
    let copy = world.ports.log.copy();
    let ports = world.stop().await;
    ports.clock.advance(2 * 60 * 60 * 1_000);
    let mut ports = ports;
    ports.log = copy;
    ports.projector = MemoryProjector::default();
    let world = World::on(ports);
    world
        .until("the end", |world| !is_active(world, lent.id))
        .await;
    compared(&world).await;
    world.idle().await;
    assert_eq!(world.ports.platform.roles().len(), 0);
    let ended = world.ports.log.stored().leaves;
    let said = format!("\"reason\":\"{}\"", reason(EndReason::Expired));
    let found = ended
        .iter()
        .any(|leaf| String::from_utf8_lossy(leaf).contains(&said));
    assert!(found);
}

fn reason(reason: EndReason) -> String {
    let value = serde_json::to_value(reason).unwrap();
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_quarantine_that_can_not_be_put_on_record_keeps_the_server_from_starting() {
    let world = World::start().await;
    let copy = world.ports.log.copy();
    let mut ports = world.stop().await;
    copy.fail_next(&[Fault::NotStored]);
    ports.log = copy;
    ports.projector = MemoryProjector::default();
    assert!(ports.start(testkit::bundle()).is_err());
    let world = World::on(ports);
    assert!(world.state().quarantine.is_some());
    let world = world.restart().await;
    assert!(
        world.state().quarantine.is_some(),
        "a restart lifts nothing"
    );
    let refused = world
        .refused(
            person("ann"),
            Command::IssueCredential {
                grant: GrantId(uuid::Uuid::nil()),
                kind: CredentialKind::AccessToken,
            },
        )
        .await;
    assert_eq!(refused, "quarantine");
}

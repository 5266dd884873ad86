//! Effects in targets: the intent is durable first, what ran twice does no harm, and a removal is never given up.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't go on panics: that is how it reports"
)]
use domain::{
    command::Command,
    event::Event,
    fixture,
    grant::{CredentialState, GrantTerms},
    ids::CredentialId,
};
use engine::record::Outcome;
use testkit::{Fault, Trouble, World, person};

const MINUTE: i64 = 60_000;

fn credential(world: &World, grant: &GrantTerms) -> (CredentialId, CredentialState) {
    world.engine.read(|state| {
        let (id, credential) = state.grants[&grant.id]
            .credentials
            .first_key_value()
            .unwrap();
        (*id, credential.state)
    })
}

fn give_back(grant: &GrantTerms) -> Command {
    Command::ReturnGrant { grant: grant.id }
}

/// The events of the whole log by name, of credentials and closings only.
async fn life(world: &World) -> Vec<String> {
    world
        .engine
        .settled(world.engine.health().entries - 1)
        .await;
    let entries = world.ports.projector.entries();
    let events = entries
        .iter()
        .flat_map(|recorded| match &recorded.record.outcome {
            Outcome::Done(events) => events.as_slice(),
            Outcome::Refused(_) => &[],
        });
    events
        .filter_map(|event| match event {
            Event::CredentialIntended { .. } => Some("intended"),
            Event::CredentialIssued { .. } => Some("issued"),
            Event::CredentialFailed { .. } => Some("failed"),
            Event::CredentialRemovalIntended { .. } => Some("removal intended"),
            Event::CredentialRemovalFailed { .. } => Some("removal failed"),
            Event::CredentialRemoved { .. } => Some("removed"),
            Event::GrantClosed { .. } => Some("closed"),
            _ => None,
        })
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_credential_is_made_shown_once_and_taken_away() {
    let world = World::start().await;
    let grant = world.grant("ada", "read-invoices").await;
    world.idle().await;
    let (id, state) = credential(&world, &grant);
    let expires_at = domain::time::Timestamp(fixture::NOW.0 + 60 * MINUTE);
    assert_eq!(state, CredentialState::Issued { expires_at });
    assert_eq!(world.ports.platform.live(), [(id, expires_at)].into());
    let secret = |who: &str| {
        let secret = world.engine.secret(id, &fixture::id(who));
        secret.map(|secret| secret.0.to_string())
    };
    assert_eq!(secret("bob"), None);
    assert_eq!(secret("ada"), Some("s3cret".to_owned()));
    assert_eq!(secret("ada"), None);
    world.done(person("ada"), give_back(&grant)).await;
    world.idle().await;
    assert_eq!(world.ports.platform.live(), [].into());
    assert_eq!(
        life(&world).await,
        [
            "intended",
            "issued",
            "removal intended",
            "removed",
            "closed"
        ]
    );
}

#[tokio::test]
async fn a_removal_is_tried_until_it_is_read_back_as_done() {
    let world = World::start().await;
    let grant = world.grant("ada", "read-invoices").await;
    world.idle().await;
    world
        .ports
        .platform
        .trouble(&[Trouble::Fails, Trouble::DoneYetFails, Trouble::Panics]);
    world.done(person("ada"), give_back(&grant)).await;
    world.idle_in_time().await;
    assert_eq!(world.ports.platform.live(), [].into());
    assert_eq!(
        life(&world).await,
        [
            "intended",
            "issued",
            "removal intended",
            "removal failed",
            "removal failed",
            "removed",
            "closed"
        ]
    );
}

#[tokio::test]
async fn a_credential_that_can_not_be_made_is_given_up_and_cleared_away() {
    let world = World::start().await;
    world.ports.platform.trouble(&[Trouble::Fails; 5]);
    world.grant("ada", "read-invoices").await;
    world.idle_in_time().await;
    let calls = world.ports.platform.calls();
    assert_eq!(calls.iter().filter(|call| *call == "provision").count(), 5);
    assert_eq!(calls.last().map(String::as_str), Some("remove"));
    assert_eq!(world.ports.platform.live(), [].into());
}

#[tokio::test]
async fn what_was_made_is_found_again_after_a_crash_before_the_report() {
    let world = World::start().await;
    let request = world.ask("ada", "read-invoices").await;
    world.approve("cyd", request).await;
    // the consent is committed, then the report is lost with the process
    world.ports.platform.trouble(&[Trouble::DoneYetFails]);
    world.approve("bob", request).await;
    world
        .until("it was made", |world| {
            world.ports.platform.live().len() == 1
        })
        .await;
    let world = world.restart().await;
    world.idle().await;
    assert_eq!(world.ports.platform.calls(), ["provision", "provision"]);
    assert_eq!(world.ports.platform.live().len(), 1);
    assert_eq!(life(&world).await, ["intended", "issued"]);
}

#[tokio::test]
async fn a_report_that_may_be_lost_is_made_again_without_harm() {
    let world = World::start().await;
    for fault in [Fault::NotStored, Fault::StoredYetFailed] {
        // the request and the consents to a grant are three commits, the worker's report is the fourth
        world
            .ports
            .log
            .fail_next(&[Fault::None, Fault::None, Fault::None, fault]);
        let grant = world.grant("ada", "read-invoices").await;
        world.idle_in_time().await;
        let (_, state) = credential(&world, &grant);
        assert!(
            matches!(state, CredentialState::Issued { .. }),
            "{fault:?}: {state:?}"
        );
        world.done(person("ada"), give_back(&grant)).await;
        world.idle_in_time().await;
        assert_eq!(world.ports.platform.live(), [].into());
    }
}

#[tokio::test]
async fn an_extension_moves_the_end_of_what_was_made() {
    let world = World::start().await;
    let grant = world.grant("ada", "read-invoices").await;
    world.idle().await;
    let ask = domain::request::Ask {
        kind: domain::request::RequestKind::Extension(grant.id),
        ..fixture::ask("read-invoices")
    };
    let request = world.send("ada", ask).await;
    world.approve("cyd", request).await;
    world.approve("bob", request).await;
    world.idle().await;
    assert_eq!(world.ports.platform.calls(), ["provision", "renew"]);
    let until = world.ports.platform.live().into_values().next().unwrap();
    let expires_at = world
        .engine
        .read(|state| state.grants[&grant.id].state.expires_at());
    assert_eq!(Some(until), expires_at);
    assert!(until.0 > fixture::NOW.0 + 60 * MINUTE);
}

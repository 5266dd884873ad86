//! Everything that can happen, at least once: every kind of command is done in it, and some are refused. For tests that must see
//! every kind of entry.
use crate::{Trouble, World, person, strict_bundle};
use domain::{
    actor::Actor,
    command::{
        Activity, Attempt, Command, DirectoryChange, FinishedUse, Given, ReviewFinding, UseOutcome,
    },
    event::Event,
    fixture,
    ids::{CredentialId, GrantId, PersonId, UseId},
    keeping::{LegalHold, LegalScope},
    request::{Ask, RequestKind, Start},
    time::{Seconds, Timestamp},
    witnessing::WitnessReport,
};
use engine::Submission;
use policy::bundle::{hash, pack};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Tells the story in `world`, which has just begun.
pub async fn tell(world: &World) {
    requests(world).await;
    uses(world).await;
    interventions(world).await;
    targets(world).await;
    emergency(world).await;
    rules(world).await;
    world
        .engine
        .settled(world.engine.health().entries - 1)
        .await;
}

/// Asked about, answered, edited, withdrawn, denied, escalated, lapsed, refused.
async fn requests(world: &World) {
    let request = world.ask("ada", "edit-flow").await;
    let text = fixture::text("which invoices are these?");
    let ask_requester = Command::AskRequester { request, text };
    world.done(person("bob"), ask_requester).await;
    let text = fixture::text("those of October");
    let answer = Command::AnswerApprovers { request, text };
    world.done(person("ada"), answer).await;
    let ask = Ask {
        duration: Seconds::from_minutes(30),
        ..fixture::ask("edit-flow")
    };
    let edit = Command::EditRequest {
        request,
        ask,
        revision: 1,
    };
    world.done(person("ada"), edit).await;
    let withdraw = Command::WithdrawRequest { request };
    world.refused(person("bob"), withdraw.clone()).await;
    world.done(person("ada"), withdraw).await;
    let request = world.ask("ann", "edit-flow").await;
    let digest = world
        .engine
        .read(|state| state.requests.get(&request).map(|r| r.digest));
    let comment = fixture::text("not in this week");
    let deny = Command::DenyRequest {
        request,
        digest: digest.unwrap(),
        comment,
    };
    world.done(person("bob"), deny).await;
    world.ask("ann", "edit-flow").await;
    world.advance(HOUR).await;
    world.advance(8 * HOUR).await;
    let too_long = Ask {
        duration: Seconds::from_minutes(24 * 60),
        ..fixture::ask("edit-flow")
    };
    for (name, ask) in [("leo", fixture::ask("edit-flow")), ("ada", too_long)] {
        world
            .refused(person(name), Command::SubmitRequest { ask })
            .await;
    }
    let own = world.ask("ada", "edit-flow").await;
    let approve_own = Command::ApproveRequest {
        request: own,
        digest: world
            .engine
            .read(|state| state.requests.get(&own).map(|r| r.digest))
            .unwrap(),
        narrowing: None,
        comment: fixture::text("I trust myself"),
    };
    world.refused(person("ada"), approve_own).await;
    world
        .done(person("ada"), Command::WithdrawRequest { request: own })
        .await;
}

/// Used within and outside the scope, until the broker ends it.
async fn uses(world: &World) {
    let grant = world.grant("ada", "edit-flow").await.id;
    let session = world.open("ada", grant).await;
    let attempt = world.attempt(grant, session);
    let use_id = begun(&world.done(world.gateway(), attempt).await);
    let outcome = UseOutcome {
        status: Some(200),
        bytes: 512,
        rows: 3,
        cut: false,
    };
    let finish = Command::FinishUse {
        use_id: use_id.unwrap(),
        grant,
        outcome,
    };
    world.done(world.gateway(), finish).await;
    finished_together(world, grant, session).await;
    for _ in 0..3 {
        let outside = outside(world, grant, session);
        let _ = world.submit(world.gateway(), outside).await.unwrap();
    }
    world.turn().await;
    let activity = Activity {
        platform: fixture::id("nodered"),
        grant: None,
        action: "flows.set".to_owned(),
        object: "f2".to_owned(),
        detail: None,
        data_class: None,
        happened_at: fixture::NOW,
        source: "00000001".to_owned(),
    };
    world
        .done(Actor::System, Command::RecordActivity { activity })
        .await;
}

/// Two uses whose outcome is told at once.
async fn finished_together(world: &World, grant: GrantId, session: CredentialId) {
    let mut uses = Vec::new();
    for bytes in [512, 0] {
        let attempt = world.attempt(grant, session);
        let use_id = begun(&world.done(world.gateway(), attempt).await);
        uses.push(FinishedUse {
            use_id: use_id.unwrap(),
            outcome: UseOutcome {
                status: Some(200),
                bytes,
                rows: 0,
                cut: bytes == 0,
            },
        });
    }
    let finish = Command::FinishUses { grant, uses };
    world.done(world.gateway(), finish).await;
}

fn outside(world: &World, grant: GrantId, session: CredentialId) -> Command {
    match world.attempt(grant, session) {
        Command::BeginUse { attempt } => Command::BeginUse {
            attempt: Attempt {
                actions: [(fixture::id("flow.change"), fixture::id("nodered.payments"))].into(),
                method: "PUT".to_owned(),
                path: "/flow/f3".to_owned(),
                ..attempt
            },
        },
        command => command,
    }
}

fn begun(events: &[Event]) -> Option<UseId> {
    events.iter().find_map(|event| match event {
        Event::UseAllowed { use_id, .. } => Some(*use_id),
        _ => None,
    })
}

/// Scheduled, begun, held, resumed, returned; begun and expired.
async fn interventions(world: &World) {
    let now = world.engine.now();
    let ask = Ask {
        start: Start::At(Timestamp(now.0 + 10 * MINUTE)),
        ..fixture::ask("edit-flow")
    };
    let request = world.send("ann", ask).await;
    world.approve("cyd", request).await;
    let events = world.approve("bob", request).await;
    let grant = events
        .iter()
        .find_map(|event| match event {
            Event::GrantScheduled { terms, .. } => Some(terms.id),
            _ => None,
        })
        .unwrap();
    world.advance(10 * MINUTE).await;
    let comment = fixture::text("this looks odd");
    world
        .done(person("eve"), Command::HoldGrant { grant, comment })
        .await;
    let comment = fixture::text("it was the right flow");
    world
        .done(person("bob"), Command::ResumeGrant { grant, comment })
        .await;
    world
        .done(person("ann"), Command::ReturnGrant { grant })
        .await;
    world.grant("ann", "edit-flow").await;
    world.advance(HOUR).await;
}

/// Made, extended, revoked, removed at the second try; not made at all.
async fn targets(world: &World) {
    let grant = world.grant("ada", "read-invoices").await.id;
    world.idle_in_time().await;
    let ask = Ask {
        kind: RequestKind::Extension(grant),
        ..fixture::ask("read-invoices")
    };
    let request = world.send("ada", ask).await;
    world.approve("cyd", request).await;
    world.approve("bob", request).await;
    world.idle_in_time().await;
    world.ports.platform.trouble(&[Trouble::Fails]);
    let comment = fixture::text("the task is over");
    world
        .done(person("cyd"), Command::RevokeGrant { grant, comment })
        .await;
    world.idle_in_time().await;
    world.ports.platform.trouble(&[Trouble::Fails; 5]);
    world.grant("ann", "read-invoices").await;
    world.idle_in_time().await;
}

/// Taken in an emergency, and looked at afterwards.
async fn emergency(world: &World) {
    let grant = world.break_glass("ada", "edit-flow").await.id;
    world
        .done(person("ada"), Command::ReturnGrant { grant })
        .await;
    let review = Command::ReviewGrant {
        grant,
        finding: ReviewFinding::AsStated,
        comment: fixture::text("as the purpose said"),
    };
    world.refused(person("ada"), review.clone()).await;
    // nobody reviews it in time
    world.advance(4 * 24 * HOUR).await;
    world.done(person("mia"), review).await;
}

/// A person leaves, and other rules come into force.
async fn rules(world: &World) {
    let grant = world.grant("ada", "edit-flow").await.id;
    let session = world.open("ada", grant).await;
    let bundle = hash(&strict_bundle());
    let mut propose = Submission::of(Given {
        actor: person("dee"),
        command: Command::ProposeBundle { bundle },
    });
    propose.blobs.push(pack(&strict_bundle()));
    world.engine.submit(propose).await.unwrap();
    let confirm = Command::ConfirmBundle { bundle };
    world.refused(person("dee"), confirm.clone()).await;
    world.done(person("mia"), confirm).await;
    world
        .done(world.gateway(), world.attempt(grant, session))
        .await;
    let leo = || fixture::id("leo");
    let change = DirectoryChange::PersonRemoved(leo());
    world
        .done(Actor::Operator, Command::ChangeDirectory { change })
        .await;
    forgotten(world, leo()).await;
    let report = WitnessReport::TooFew {
        answering: 1,
        needed: 2,
        silent: vec!["witness.example/w".to_owned()],
    };
    world
        .done(Actor::System, Command::ReportWitnesses { report })
        .await;
}

/// A legal hold, and somebody who is forgotten once it is lifted.
async fn forgotten(world: &World, person: PersonId) {
    let hold = LegalHold {
        id: fixture::id("case-7"),
        covers: LegalScope::Persons([person.clone()].into()),
    };
    let lift = Command::LiftLegalHold {
        hold: hold.id.clone(),
    };
    let erase = Command::ErasePerson {
        person: person.clone(),
    };
    let place = Command::PlaceLegalHold { hold };
    world.done(Actor::Operator, place).await;
    world.refused(Actor::Operator, erase.clone()).await;
    world.done(Actor::Operator, lift).await;
    world.done(Actor::Operator, erase).await;
    world
        .until("the key is destroyed", |world| {
            world.state().erased.contains(&person)
        })
        .await;
}

//! What people, enforcement points and the operator want: mostly sense, some of it forbidden, in an order that the seed says.
use super::{dice::Dice, model::Model};
use crate::{attempt, people, person};
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given, ReviewFinding, UseOutcome},
    directory::{Person, Standing},
    fixture,
    grant::{CredentialKind, GrantState},
    ids::{CredentialId, GrantId, RequestId},
    request::{Ask, RequestKind, Start},
    state::State,
    time::{Seconds, Timestamp},
};

const MINUTE: i64 = 60_000;

/// The next wish; `None` if there is nothing to wish it about.
pub(super) fn wish(dice: &mut Dice, state: &State, model: &Model, now: Timestamp) -> Option<Given> {
    let (actor, command) = match dice.below(100) {
        0..=16 => asked(dice, state, now)?,
        17..=49 => decided(dice, state)?,
        50..=52 => reconsidered(dice, state)?,
        53..=61 => intervened(dice, state)?,
        62..=71 => entered(dice, state)?,
        72..=86 => used(dice, model)?,
        87..=91 => finished(dice, model)?,
        92..=94 => reviewed(dice, state)?,
        _ => directory(dice)?,
    };
    Some(Given { actor, command })
}

fn asked(dice: &mut Dice, state: &State, now: Timestamp) -> Option<(Actor, Command)> {
    let privilege = *dice.pick(&["edit-flow", "read-invoices"])?;
    let grants: Vec<GrantId> = state.grants.keys().copied().collect();
    let (kind, minutes) = match dice.below(10) {
        0..=3 => (RequestKind::BreakGlass, 30),
        4 => (RequestKind::Extension(*dice.pick(&grants)?), 60),
        _ => (RequestKind::New, *dice.pick(&[1, 60, 240])?),
    };
    let start = if kind == RequestKind::New && dice.chance(150) {
        Start::At(Timestamp(now.0 + MINUTE))
    } else {
        Start::Now
    };
    let ask = Ask {
        kind,
        start,
        duration: Seconds::from_minutes(minutes),
        ..fixture::ask(privilege)
    };
    let who = dice.pick(&[
        "ada",
        "ann",
        "ada",
        "ann",
        "ada",
        "ann",
        "ada-alias",
        "ada",
        "ann",
        "leo",
        "mia",
    ])?;
    Some((person(who), Command::SubmitRequest { ask }))
}

fn any_request(dice: &mut Dice, state: &State) -> Option<RequestId> {
    let requests: Vec<RequestId> = state.requests.keys().copied().collect();
    dice.pick(&requests).copied()
}

fn any_grant(dice: &mut Dice, state: &State) -> Option<GrantId> {
    let grants: Vec<GrantId> = state.grants.keys().copied().collect();
    dice.pick(&grants).copied()
}

fn decided(dice: &mut Dice, state: &State) -> Option<(Actor, Command)> {
    let request = any_request(dice, state)?;
    let digest = state.requests.get(&request)?.digest;
    let who = if dice.chance(100) {
        dice.pick(&["ada", "fay", "ann"])?
    } else if state.requests.get(&request)?.consents.is_empty() {
        "cyd"
    } else {
        dice.pick(&["bob", "eve"])?
    };
    let comment = fixture::text("so be it");
    let command = if dice.chance(930) {
        Command::ApproveRequest {
            request,
            digest,
            narrowing: None,
            comment,
        }
    } else {
        Command::DenyRequest {
            request,
            digest,
            comment,
        }
    };
    Some((person(who), command))
}

fn reconsidered(dice: &mut Dice, state: &State) -> Option<(Actor, Command)> {
    let request = any_request(dice, state)?;
    let known = state.requests.get(&request)?;
    let who = person(known.account.as_str());
    let command = if dice.chance(300) {
        Command::WithdrawRequest { request }
    } else {
        let mut ask = known.ask.clone();
        ask.duration = Seconds::from_minutes(*dice.pick(&[15, 30])?);
        Command::EditRequest {
            request,
            ask,
            revision: known.revision,
        }
    };
    Some((who, command))
}

fn intervened(dice: &mut Dice, state: &State) -> Option<(Actor, Command)> {
    let grant = any_grant(dice, state)?;
    let comment = fixture::text("so be it");
    let who = *dice.pick(&["bob", "eve", "cyd"])?;
    let holder = state.grants.get(&grant)?.terms.holder.clone();
    Some(match dice.below(6) {
        0 | 1 => (person(who), Command::HoldGrant { grant, comment }),
        2 | 3 => (person(who), Command::ResumeGrant { grant, comment }),
        4 => (person(who), Command::RevokeGrant { grant, comment }),
        _ => (person(holder.as_str()), Command::ReturnGrant { grant }),
    })
}

fn entered(dice: &mut Dice, state: &State) -> Option<(Actor, Command)> {
    let there = state
        .grants
        .values()
        .filter(|grant| !matches!(grant.state, GrantState::Ended { .. }));
    let grants: Vec<_> = there.map(|grant| &grant.terms).collect();
    let terms = dice.pick(&grants)?;
    let kind = *dice.pick(&[
        &CredentialKind::GatewaySession,
        &CredentialKind::AccessToken,
    ])?;
    let command = Command::IssueCredential {
        grant: terms.id,
        kind: kind.clone(),
    };
    Some((person(terms.holder.as_str()), command))
}

fn gateway() -> Actor {
    Actor::Gateway {
        gateway: fixture::gateway_id(),
    }
}

/// A use under a credential that was issued at any time: its grant may be over, held, or gone with a copy that was put back.
fn used(dice: &mut Dice, model: &Model) -> Option<(Actor, Command)> {
    let issued = model
        .credentials
        .iter()
        .filter(|(_, issued)| !issued.in_target);
    // mostly the newest: older ones are over
    let few = if dice.chance(700) { 3 } else { 100 };
    let mut issued: Vec<_> = issued.map(|(id, issued)| (issued, *id)).collect();
    issued.sort_by_key(|(issued, _)| std::cmp::Reverse(issued.entry));
    let issued: Vec<(GrantId, CredentialId)> = issued
        .iter()
        .take(few)
        .map(|(issued, id)| (issued.grant, *id))
        .collect();
    let (grant, credential) = *dice.pick(&issued)?;
    let mut command = attempt(grant, credential);
    if let Command::BeginUse { attempt } = &mut command
        && dice.chance(50)
    {
        attempt.unmapped.push("something else".to_owned());
    }
    Some((gateway(), command))
}

fn finished(dice: &mut Dice, model: &Model) -> Option<(Actor, Command)> {
    let (grant, use_id) = *dice.pick(&model.uses)?;
    let outcome = UseOutcome {
        status: Some(200),
        bytes: dice.below(4_000),
        rows: dice.below(30),
        cut: false,
    };
    let command = Command::FinishUse {
        use_id,
        grant,
        outcome,
    };
    Some((gateway(), command))
}

fn reviewed(dice: &mut Dice, state: &State) -> Option<(Actor, Command)> {
    let due: Vec<GrantId> = state.reviews.keys().copied().collect();
    let grant = *dice.pick(&due)?;
    let command = Command::ReviewGrant {
        grant,
        finding: ReviewFinding::AsStated,
        comment: fixture::text("as the purpose said"),
    };
    Some((person(dice.pick(&["cyd", "mia", "dee", "bob"])?), command))
}

/// A person who has learnt for life: wall clocks are turned by years here.
pub(super) fn trained(mut person: Person) -> Person {
    for until in person.training.values_mut() {
        until.0 += 200 * 365 * 24 * 3_600_000;
    }
    person
}

/// Somebody is suspended, let back in, or leaves and is forgotten.
fn directory(dice: &mut Dice) -> Option<(Actor, Command)> {
    let leo = fixture::id("leo");
    let command = match dice.below(8) {
        0 => Command::ChangeDirectory {
            change: DirectoryChange::PersonRemoved(leo),
        },
        1 => Command::ErasePerson { person: leo },
        _ => {
            let standing = if dice.chance(200) {
                Standing::Suspended
            } else {
                Standing::Active
            };
            let name = *dice.pick(&["ada", "ann", "bob"])?;
            let change = people().into_iter().find_map(|change| match change {
                DirectoryChange::Person { person, .. } if person.id.as_str() == name => {
                    Some(DirectoryChange::Person {
                        person: trained(Person { standing, ..person }),
                        name: None,
                        mail: None,
                    })
                }
                _ => None,
            });
            Command::ChangeDirectory { change: change? }
        }
    };
    Some((Actor::Operator, command))
}

//! Whose consent a request needs: the catalog's seats, those its impact band adds, and those that no catalog can leave out. Seats
//! are only ever added here.
use crate::{
    catalog::{Catalog, Privilege, SeatHolder, SeatRule, Stage},
    ids::{DutyId, PersonId, SeatId},
    impact::{Band, ImpactFacts},
};
use std::collections::BTreeSet;

/// The duty whose holders watch over everything that is lent.
pub const SECURITY: &str = "security";

/// The stages of a request with these facts and this band.
///
/// A band's seat that is there already (same id and holders) raises its count; a second seat for the one data owner or governance
/// owner could never be filled, so it is the same seat under any id. Additions go to the last stage: the catalog's order stays.
pub fn consent_path(
    catalog: &Catalog,
    privilege: &Privilege,
    facts: &ImpactFacts,
    band: Band,
    data_owners: &BTreeSet<PersonId>,
) -> Vec<Stage> {
    let mut stages = privilege.stages.clone();
    let [medium, high, critical] = &catalog.impact.seats;
    for (from, seats) in [
        (Band::Medium, medium),
        (Band::High, high),
        (Band::Critical, critical),
    ] {
        if band >= from {
            for seat in seats {
                demand(&mut stages, seat);
            }
        }
    }
    if facts.is_guarded() {
        guard(&mut stages);
    }
    if band == Band::Critical {
        second_human(&mut stages, data_owners.len());
    }
    stages.retain(|stage| !stage.seats.is_empty());
    stages
}

/// Adds a seat, or raises the count of the same seat.
fn demand(stages: &mut Vec<Stage>, seat: &SeatRule) {
    let mut there = stages.iter_mut().flat_map(|stage| &mut stage.seats);
    let same = there.find(|other| {
        let same_id = other.id == seat.id && other.distinct == seat.distinct;
        other.holders == seat.holders && (same_id || is_one_person(&seat.holders))
    });
    match same {
        Some(other) => other.count = other.count.max(seat.count),
        None => add(stages, seat.clone()),
    }
}

/// Whether one particular person holds the seat (data owners: one each).
fn is_one_person(holders: &[SeatHolder]) -> bool {
    matches!(
        holders,
        [SeatHolder::DataOwner | SeatHolder::GovernanceOwner]
    )
}

fn add(stages: &mut Vec<Stage>, mut seat: SeatRule) {
    let taken: BTreeSet<SeatId> = stages
        .iter()
        .flat_map(|stage| stage.seats.iter().map(|seat| seat.id.clone()))
        .collect();
    if let Some(free) = free_id(&seat.id, &taken) {
        seat.id = free;
    }
    match stages.last_mut() {
        Some(last) => last.seats.push(seat),
        None => stages.push(Stage { seats: vec![seat] }),
    }
}

/// This id, or with a number after it if another seat has it.
fn free_id(id: &SeatId, taken: &BTreeSet<SeatId>) -> Option<SeatId> {
    if !taken.contains(id) {
        return Some(id.clone());
    }
    let short: String = id.as_str().chars().take(60).collect();
    (2..100)
        .filter_map(|n| format!("{short}-{n}").parse::<SeatId>().ok())
        .find(|numbered| !taken.contains(numbered))
}

// INVARIANT: production or confidential data needs security and every data owner, by seats that nobody else can fill
fn guard(stages: &mut Vec<Stage>) {
    let Ok(security) = SECURITY.parse::<DutyId>() else {
        return;
    };
    for (name, holder) in [
        (SECURITY, SeatHolder::Duty(security)),
        (crate::seats::DATA_OWNER, SeatHolder::DataOwner),
    ] {
        let mut there = stages.iter().flat_map(|stage| &stage.seats);
        if there.any(|seat| {
            seat.holders == [holder.clone()] && (seat.count > 0 || is_one_person(&seat.holders))
        }) {
            continue;
        }
        if let Ok(id) = name.parse() {
            add(
                stages,
                SeatRule {
                    id,
                    holders: vec![holder],
                    count: 1,
                    distinct: false,
                },
            );
        }
    }
}

// INVARIANT: a critical request is never decided by fewer than two humans
fn second_human(stages: &mut Vec<Stage>, data_owners: usize) {
    let owners = u8::try_from(data_owners).unwrap_or(u8::MAX);
    let needed =
        stages
            .iter()
            .flat_map(|stage| &stage.seats)
            .map(|seat| match seat.holders.as_slice() {
                [SeatHolder::DataOwner] => owners,
                _ => seat.count,
            });
    let missing = 2_u8.saturating_sub(needed.fold(0, u8::saturating_add));
    if let (1.., Ok(security), Ok(id)) = (missing, SECURITY.parse(), "second-person".parse()) {
        let holders = vec![
            SeatHolder::Duty(security),
            SeatHolder::GovernanceOwner,
            SeatHolder::DataOwner,
        ];
        add(
            stages,
            SeatRule {
                id,
                holders,
                count: missing,
                distinct: false,
            },
        );
    }
}

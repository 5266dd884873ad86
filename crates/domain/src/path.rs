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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{ActionKind, DataClass, Environment},
        fixture::{catalog, edit_flow, id, ids, seat},
        time::Seconds,
    };
    use proptest::prelude::*;

    fn facts(data_class: DataClass, environment: Environment) -> ImpactFacts {
        ImpactFacts {
            data_class,
            environment,
            action: ActionKind::Read,
            targets: 1,
            duration: Seconds(60),
            violations: 0,
            held: 1,
            trained: false,
        }
    }

    fn told(stages: &[Stage]) -> String {
        let one = |seat: &SeatRule| format!("{}*{}", seat.id, seat.count);
        let stage = |stage: &Stage| stage.seats.iter().map(one).collect::<Vec<_>>().join("+");
        stages.iter().map(stage).collect::<Vec<_>>().join(" then ")
    }

    /// The path of a privilege with these stages; the critical band adds `second-look` of security.
    #[track_caller]
    fn check(stages: &[&[SeatRule]], facts: &ImpactFacts, band: Band, expected: &str) {
        let privilege = Privilege {
            stages: stages
                .iter()
                .map(|seats| Stage {
                    seats: seats.to_vec(),
                })
                .collect(),
            ..edit_flow()
        };
        let path = consent_path(&catalog(), &privilege, facts, band, &ids("cyd"));
        assert_eq!(told(&path), expected);
    }

    const OPEN: (DataClass, Environment) = (DataClass::Public, Environment::Test);

    #[test]
    fn what_guards_data_and_production_is_added_where_the_catalog_leaves_it_out() {
        let open = facts(OPEN.0, OPEN.1);
        let production = facts(OPEN.0, Environment::Production);
        let confidential = facts(DataClass::Confidential, OPEN.1);
        let owner = seat("owner", SeatHolder::DataOwner);
        let watch = seat("watch", SeatHolder::Duty(id("security")));
        let either = SeatRule {
            holders: vec![
                SeatHolder::Duty(id("security")),
                SeatHolder::GovernanceOwner,
            ],
            ..seat("security", SeatHolder::DataOwner)
        };
        check(&[], &open, Band::Low, "");
        check(&[], &production, Band::Low, "security*1+data-owner*1");
        check(
            &[std::slice::from_ref(&owner)],
            &confidential,
            Band::Low,
            "owner*1+security*1",
        );
        check(
            &[std::slice::from_ref(&owner), &[watch]],
            &production,
            Band::Low,
            "owner*1 then watch*1",
        );
        // a seat that somebody else could fill too guards nothing
        check(
            &[&[owner], &[either]],
            &production,
            Band::Low,
            "owner*1 then security*1+security-2*1",
        );
    }

    #[test]
    fn a_critical_request_takes_two_humans() {
        let mut bare = catalog();
        bare.impact.seats = Default::default();
        let path = |stages| {
            let privilege = Privilege {
                stages,
                ..edit_flow()
            };
            let facts = facts(OPEN.0, OPEN.1);
            told(&consent_path(
                &bare,
                &privilege,
                &facts,
                Band::Critical,
                &ids("cyd"),
            ))
        };
        let one = |holder| {
            vec![Stage {
                seats: vec![seat("one", holder)],
            }]
        };
        assert_eq!(path(Vec::new()), "second-person*2");
        assert_eq!(path(one(SeatHolder::DataOwner)), "one*1+second-person*1");
        assert_eq!(
            path(one(SeatHolder::Duty(id("security")))),
            "one*1+second-person*1"
        );
    }

    #[test]
    fn a_band_adds_its_seats_to_the_last_stage_and_never_a_second_for_one_person() {
        let mut bands = catalog();
        bands.impact.seats = [
            vec![seat("data", SeatHolder::DataOwner)],
            vec![SeatRule {
                count: 2,
                ..seat("security", SeatHolder::Duty(id("security")))
            }],
            vec![seat("board", SeatHolder::Duty(id("board")))],
        ];
        let path = |band| {
            let facts = facts(OPEN.0, OPEN.1);
            told(&consent_path(
                &bands,
                &edit_flow(),
                &facts,
                band,
                &ids("cyd"),
            ))
        };
        assert_eq!(path(Band::Low), "owner*1+security*1");
        assert_eq!(path(Band::Medium), "owner*1+security*1");
        assert_eq!(path(Band::High), "owner*1+security*2");
        assert_eq!(path(Band::Critical), "owner*1+security*2+board*1");
    }

    fn holder() -> impl Strategy<Value = SeatHolder> {
        prop::sample::select(vec![
            SeatHolder::Duty(id("security")),
            SeatHolder::Duty(id("product-owner")),
            SeatHolder::Group(id("soc")),
            SeatHolder::DataOwner,
            SeatHolder::GovernanceOwner,
        ])
    }

    prop_compose! {
        fn any_seat()(
            name in prop::sample::select(vec!["security", "data-owner", "one", "second-person"]),
            holders in prop::collection::vec(holder(), 1..3), count in 0_u8..3, distinct in any::<bool>(),
        ) -> SeatRule {
            SeatRule { id: id(name), holders, count, distinct }
        }
    }

    fn seats() -> impl Strategy<Value = Vec<SeatRule>> {
        prop::collection::vec(any_seat(), 0..3)
    }

    proptest! {
        #[test]
        fn seats_are_only_ever_added(
            stages in prop::collection::vec(seats(), 0..3), medium in seats(), high in seats(), critical in seats(),
            class in 0_usize..4, environment in 0_usize..3, band in 0_usize..4,
        ) {
            let class = [DataClass::Public, DataClass::Internal, DataClass::Confidential, DataClass::Restricted][class];
            let environment = [Environment::Development, Environment::Test, Environment::Production][environment];
            let band = [Band::Low, Band::Medium, Band::High, Band::Critical][band];
            let facts = facts(class, environment);
            let mut catalog = catalog();
            catalog.impact.seats = [medium, high, critical];
            let stages = stages.into_iter().map(|seats| Stage { seats }).collect();
            let privilege = Privilege { stages, ..edit_flow() };
            let path = consent_path(&catalog, &privilege, &facts, band, &ids("cyd"));
            let all: Vec<&SeatRule> = path.iter().flat_map(|stage| &stage.seats).collect();
            for seat in privilege.stages.iter().flat_map(|stage| &stage.seats) {
                prop_assert!(all.iter().any(|s| s.id == seat.id && s.holders == seat.holders && s.count >= seat.count));
            }
            let need = |seat: &SeatRule| if seat.holders == [SeatHolder::DataOwner] { 1 } else { seat.count };
            let needed: u8 = all.iter().map(|seat| need(seat)).sum();
            if band == Band::Critical {
                prop_assert!(needed >= 2);
            }
            if class >= DataClass::Confidential || environment == Environment::Production {
                let security = [SeatHolder::Duty(id("security"))];
                prop_assert!(all.iter().any(|seat| seat.holders == security && seat.count > 0));
                prop_assert!(all.iter().any(|seat| seat.holders == [SeatHolder::DataOwner]));
            }
        }
    }
}

//! Many lives, each of which must keep every promise; and broken ports, which must be noticed: else the lives prove nothing.
use super::*;

fn lived(script: &Script) -> Lived {
    live(script).unwrap_or_else(|broken| panic!("{broken}"))
}

#[test]
fn many_lives_keep_every_promise() {
    let mut all = Lived::default();
    for seed in 0..10 {
        let lived = lived(&Script::of(seed));
        all.faults += lived.faults;
        all.uses += lived.uses;
        all.roles += lived.roles;
    }
    // a simulation in which nothing happens would keep every promise too
    assert!(all.faults > 5 && all.uses > 3 && all.roles > 10);
}

#[test]
fn the_same_seed_gives_the_same_life() {
    for seed in [3, 11] {
        let script = Script {
            told: true,
            ..Script::of(seed)
        };
        assert_eq!(lived(&script), lived(&script));
    }
    assert_ne!(lived(&Script::of(3)).root, lived(&Script::of(4)).root);
}

/// Whether some life notices what is broken on purpose, and in which words.
fn noticed(plant: Plant) -> String {
    let found = (0..60).find_map(|seed| {
        let script = Script {
            plant: Some(plant),
            ..Script::of(seed)
        };
        live(&script).err()
    });
    found
        .unwrap_or_else(|| panic!("{plant:?} is not noticed"))
        .what
}

#[test]
fn a_disk_that_forgets_is_noticed() {
    let what = noticed(Plant::DiskForgets);
    assert!(what.ends_with("was told of and is lost"), "{what}");
}

#[test]
fn a_disk_that_rots_is_noticed() {
    let what = noticed(Plant::DiskRots);
    assert!(
        what.contains("entries do not hash to its signed head"),
        "{what}"
    );
}

#[test]
fn answers_that_are_lost_are_noticed() {
    let what = noticed(Plant::AnswersAreLost);
    assert!(what.contains("was done twice"), "{what}");
}

#[test]
fn a_removal_that_is_skipped_is_noticed() {
    let what = noticed(Plant::RemovalIsSkipped);
    assert!(what.contains("no grant explains it"), "{what}");
}

#[test]
fn a_platform_that_makes_two_for_one_is_noticed() {
    let what = noticed(Plant::TargetDoubles);
    assert!(
        what.contains("is there twice") || what.contains("times"),
        "{what}"
    );
}

#[test]
fn clocks_that_stand_still_are_noticed() {
    let what = noticed(Plant::ClocksStick);
    assert!(what.contains("over by the"), "{what}");
}

#[test]
fn projections_that_leave_something_out_are_noticed() {
    let what = noticed(Plant::ProjectionSkips);
    assert_eq!(what, "the projections are not what the log makes them");
}

/// One access after the other goes wrong, each in another way.
fn each_access_fails(seed: u64, faults: &[IoFault]) {
    let short = |fault_at| Script {
        fault_at: Some(fault_at),
        ..Script::of(seed)
    };
    let accesses = lived(&short((u64::MAX, IoFault::Eio))).accesses;
    assert!(accesses > 20, "{accesses}");
    for (access, fault) in (0..accesses).zip(faults.iter().cycle()) {
        let lived = live(&short((access, *fault)));
        let lived = lived.unwrap_or_else(|broken| panic!("{fault:?} at {access}: {broken}"));
        assert_eq!(lived.faults, 1);
    }
}

#[test]
fn every_access_to_the_disk_may_fail() {
    use IoFault::{Eio, EioYetStored, Enospc};
    each_access_fails(7, &[Eio, EioYetStored, Enospc]);
}

#[test]
fn the_power_may_fail_at_every_access_to_the_disk() {
    use IoFault::{PowerAfter, PowerBefore};
    each_access_fails(8, &[PowerBefore, PowerAfter]);
}

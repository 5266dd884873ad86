//! Impact: a score from 0 to 100 of one request, every part of it named. A band can add seats to the catalog's, never remove one.
use crate::{
    catalog::{ActionKind, Catalog, DataClass, Environment, Privilege, SeatRule},
    directory::Person,
    ids::TargetId,
    request::History,
    time::{Seconds, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Weights and bands; part of the bundle, so every change of them has a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpactPolicy {
    /// Points by data classification: public, internal, confidential, restricted.
    pub data_class: [u8; 4],
    /// Points by environment: development, test, production.
    pub environment: [u8; 3],
    /// Points by kind of action: read, run, change, export, administer.
    pub action: [u8; 5],
    /// Points for each target beyond the first, and the most they can add.
    pub breadth: (u8, u8),
    /// Points for each started hour beyond the first, and the most they can add.
    pub duration: (u8, u8),
    /// Points for each earlier violation by the requester, and the most they can add.
    pub history: (u8, u8),
    /// Points if the requester has never held this privilege.
    pub first_time: u8,
    /// Points taken off if all lessons of the privilege are passed.
    pub training: u8,
    /// First score of the medium, high and critical bands.
    pub bands: [u8; 3],
    /// Seats added by the medium, high and critical bands; each band also adds those below it.
    pub seats: [Vec<SeatRule>; 3],
}

/// How much could go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// 0 to 100.
    pub score: u8,
    /// What the score means for consent.
    pub band: Band,
    /// Where the score comes from; the points add up to the score before it is cut to 0..=100.
    pub parts: Vec<ImpactPart>,
}

/// One named part of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactPart {
    /// Which part.
    pub name: PartName,
    /// How much it adds (or takes away).
    pub points: i16,
    /// Why, in plain words.
    pub because: String,
}

/// The parts a score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PartName {
    DataClassification,
    Environment,
    Action,
    Breadth,
    Duration,
    History,
    FirstTime,
    Training,
}

/// What a score means for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Band {
    Low,
    Medium,
    High,
    Critical,
}

/// The facts of one request that its score is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpactFacts {
    /// The most delicate classification among the targets.
    pub data_class: DataClass,
    /// The most delicate environment among the targets.
    pub environment: Environment,
    /// The farthest-reaching action.
    pub action: ActionKind,
    /// How many targets.
    pub targets: usize,
    /// For how long.
    pub duration: Seconds,
    /// How many earlier grants of the requester were contained.
    pub violations: u32,
    /// How often the requester held this privilege.
    pub held: u32,
    /// Whether the privilege asks for lessons and all of them are passed.
    pub trained: bool,
}

impl ImpactFacts {
    /// The facts of `person` asking for `privilege` on `targets` for `duration`.
    pub fn of(
        catalog: &Catalog,
        privilege: &Privilege,
        asked: (&BTreeSet<TargetId>, Seconds),
        requester: (&Person, Option<&History>),
        now: Timestamp,
    ) -> Self {
        let (targets, duration) = asked;
        let (person, history) = requester;
        let known = || targets.iter().filter_map(|id| catalog.targets.get(id));
        let lessons = &privilege.eligibility.training;
        let passed = |lesson| {
            person
                .training
                .get(lesson)
                .is_some_and(|until| *until > now)
        };
        Self {
            data_class: known()
                .map(|t| t.data_class)
                .max()
                .unwrap_or(DataClass::Public),
            environment: known()
                .map(|t| t.environment)
                .max()
                .unwrap_or(Environment::Development),
            action: catalog.farthest(privilege),
            targets: targets.len(),
            duration,
            violations: history.map_or(0, |h| h.violations),
            held: history
                .and_then(|h| h.held.get(&privilege.id))
                .copied()
                .unwrap_or(0),
            trained: !lessons.is_empty() && lessons.iter().all(passed),
        }
    }

    /// Whether both security and the data owner must consent, whatever the score and the catalog say.
    pub fn is_guarded(&self) -> bool {
        self.environment == Environment::Production || self.data_class >= DataClass::Confidential
    }
}

impl Catalog {
    /// The farthest-reaching action of a privilege. An action the platform doesn't declare counts as the farthest there is.
    pub fn farthest(&self, privilege: &Privilege) -> ActionKind {
        let platform = self.platforms.get(&privilege.platform);
        let kind = |id| {
            let action = platform.and_then(|p| p.actions.get(id));
            action.map_or(ActionKind::Administer, |action| action.kind)
        };
        privilege
            .actions
            .iter()
            .map(kind)
            .max()
            .unwrap_or(ActionKind::Read)
    }
}

/// Scores a request.
pub fn score(policy: &ImpactPolicy, facts: &ImpactFacts) -> Impact {
    let parts = vec![
        data_class(policy, facts),
        environment(policy, facts),
        action(policy, facts),
        breadth(policy, facts),
        duration(policy, facts),
        history(policy, facts),
        first_time(policy, facts),
        training(policy, facts),
    ];
    let sum: i16 = parts.iter().map(|part| part.points).sum();
    let score = u8::try_from(sum.clamp(0, 100)).unwrap_or(100);
    let [medium, high, critical] = policy.bands;
    let band = match score {
        s if s >= critical => Band::Critical,
        s if s >= high => Band::High,
        s if s >= medium => Band::Medium,
        _ => Band::Low,
    };
    Impact { score, band, parts }
}

fn part(name: PartName, points: u8, because: String) -> ImpactPart {
    ImpactPart {
        name,
        points: i16::from(points),
        because,
    }
}

/// `each` for every one of `count`, at most `most`.
fn per(count: usize, (each, most): (u8, u8)) -> u8 {
    let count = u8::try_from(count).unwrap_or(u8::MAX);
    count.saturating_mul(each).min(most)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

fn data_class(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let [public, internal, confidential, restricted] = policy.data_class;
    let (points, word) = match facts.data_class {
        DataClass::Public => (public, "public"),
        DataClass::Internal => (internal, "internal"),
        DataClass::Confidential => (confidential, "confidential"),
        DataClass::Restricted => (restricted, "restricted"),
    };
    part(
        PartName::DataClassification,
        points,
        format!("its data is {word}"),
    )
}

fn environment(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let [development, test, production] = policy.environment;
    let (points, words) = match facts.environment {
        Environment::Development => (development, "it is for development"),
        Environment::Test => (test, "it is for testing"),
        Environment::Production => (production, "it is in production"),
    };
    part(PartName::Environment, points, words.to_owned())
}

fn action(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let [read, run, change, export, administer] = policy.action;
    let (points, words) = match facts.action {
        ActionKind::Read => (read, "it only looks"),
        ActionKind::Run => (run, "it starts what others built"),
        ActionKind::Change => (change, "it changes things"),
        ActionKind::Export => (export, "it takes data out"),
        ActionKind::Administer => (administer, "it changes who may do what"),
    };
    part(PartName::Action, points, words.to_owned())
}

fn breadth(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let points = per(facts.targets.saturating_sub(1), policy.breadth);
    part(
        PartName::Breadth,
        points,
        format!("it reaches {}", counted(facts.targets, "target", "targets")),
    )
}

fn duration(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let started = usize::try_from(facts.duration.0.div_ceil(3600)).unwrap_or(usize::MAX);
    let points = per(started.saturating_sub(1), policy.duration);
    part(
        PartName::Duration,
        points,
        format!("it lasts {}", facts.duration),
    )
}

fn history(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let violations = usize::try_from(facts.violations).unwrap_or(usize::MAX);
    let because = match violations {
        0 => "none of your earlier grants was contained".to_owned(),
        n => format!(
            "{} contained",
            counted(
                n,
                "of your earlier grants was",
                "of your earlier grants were"
            )
        ),
    };
    part(PartName::History, per(violations, policy.history), because)
}

fn first_time(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    match facts.held {
        0 => part(
            PartName::FirstTime,
            policy.first_time,
            "you have not held this before".to_owned(),
        ),
        n => part(
            PartName::FirstTime,
            0,
            format!(
                "you have held this {}",
                counted(n as usize, "time", "times")
            ),
        ),
    }
}

fn training(policy: &ImpactPolicy, facts: &ImpactFacts) -> ImpactPart {
    let (points, words) = if facts.trained {
        (-i16::from(policy.training), "you passed all its lessons")
    } else {
        (0, "no lesson takes anything off")
    };
    ImpactPart {
        name: PartName::Training,
        points,
        because: words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> ImpactPolicy {
        ImpactPolicy {
            data_class: [0, 5, 20, 35],
            environment: [0, 5, 20],
            action: [0, 5, 15, 25, 30],
            breadth: (3, 12),
            duration: (2, 10),
            history: (10, 20),
            first_time: 5,
            training: 5,
            bands: [20, 45, 75],
            seats: [Vec::new(), Vec::new(), Vec::new()],
        }
    }

    fn facts() -> ImpactFacts {
        ImpactFacts {
            data_class: DataClass::Confidential,
            environment: Environment::Production,
            action: ActionKind::Change,
            targets: 2,
            duration: Seconds::from_minutes(90),
            violations: 1,
            held: 0,
            trained: true,
        }
    }

    #[track_caller]
    fn check(facts: &ImpactFacts, expected: &str) {
        let impact = score(&policy(), facts);
        let parts = impact.parts.iter();
        let told: Vec<String> = parts
            .map(|part| format!("{:+} {}", part.points, part.because))
            .collect();
        let text = format!("{} {:?}: {}", impact.score, impact.band, told.join("; "));
        assert_eq!(text, expected);
    }

    #[test]
    fn every_part_of_a_score_is_named() {
        check(
            &facts(),
            "70 High: +20 its data is confidential; +20 it is in production; +15 it changes things; +3 it reaches 2 targets; \
             +2 it lasts 90 minutes; +10 1 of your earlier grants was contained; +5 you have not held this before; \
             -5 you passed all its lessons",
        );
    }

    #[test]
    fn a_score_stays_between_0_and_100() {
        check(
            &ImpactFacts {
                data_class: DataClass::Restricted,
                action: ActionKind::Administer,
                targets: 400,
                duration: Seconds(u32::MAX),
                violations: 7,
                ..facts()
            },
            "100 Critical: +35 its data is restricted; +20 it is in production; +30 it changes who may do what; \
             +12 it reaches 400 targets; +10 it lasts 4294967295 seconds; +20 7 of your earlier grants were contained; \
             +5 you have not held this before; -5 you passed all its lessons",
        );
        check(
            &ImpactFacts {
                data_class: DataClass::Public,
                environment: Environment::Development,
                action: ActionKind::Read,
                targets: 1,
                duration: Seconds::from_minutes(30),
                violations: 0,
                held: 3,
                trained: true,
            },
            "0 Low: +0 its data is public; +0 it is for development; +0 it only looks; +0 it reaches 1 target; \
             +0 it lasts 30 minutes; +0 none of your earlier grants was contained; +0 you have held this 3 times; \
             -5 you passed all its lessons",
        );
    }

    prop_compose! {
        fn any_policy()(
            data_class in any::<[u8; 4]>(), environment in any::<[u8; 3]>(), action in any::<[u8; 5]>(),
            breadth in any::<(u8, u8)>(), duration in any::<(u8, u8)>(), history in any::<(u8, u8)>(),
            first_time in any::<u8>(), training in any::<u8>(), mut bands in any::<[u8; 3]>(),
        ) -> ImpactPolicy {
            bands.sort_unstable();
            ImpactPolicy {
                data_class, environment, action, breadth, duration, history, first_time, training, bands,
                seats: [Vec::new(), Vec::new(), Vec::new()],
            }
        }
    }

    proptest! {
        #[test]
        fn the_points_add_up_to_the_score_before_it_is_cut(
            policy in any_policy(), targets in 0_usize..2000, seconds in any::<u32>(), violations in any::<u32>(), held in any::<u32>(),
        ) {
            let facts = ImpactFacts { targets, duration: Seconds(seconds), violations, held, ..facts() };
            let impact = score(&policy, &facts);
            let sum: i16 = impact.parts.iter().map(|part| part.points).sum();
            prop_assert_eq!(i16::from(impact.score), sum.clamp(0, 100));
        }

        #[test]
        fn a_longer_loan_never_scores_less(policy in any_policy(), one in any::<u32>(), other in any::<u32>()) {
            let at = |seconds| score(&policy, &ImpactFacts { duration: Seconds(seconds), ..facts() });
            let (short, long) = (at(one.min(other)), at(one.max(other)));
            prop_assert!(short.score <= long.score && short.band <= long.band);
        }
    }
}

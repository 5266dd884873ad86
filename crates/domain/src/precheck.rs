//! The pre-check: the same decision as the real one, made before sending, with what to do about each finding.
use crate::{
    asking::{Look, Plan},
    decide::{allowed, quarantine::barred},
    ids::{PersonId, PrivilegeId},
    impact::Impact,
    refusal::Refused,
    request::{Ask, OpenSeat},
    state::State,
    time::{Seconds, Timestamp},
    verdict::Verdict,
};

/// Shorter times are tried down from this many hours (30 days).
const HOURS_TRIED_MAX: u32 = 720;

/// What would happen if the request were sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precheck {
    /// Everything looked at, worst first.
    pub findings: Vec<Finding>,
    /// How much could go wrong, if the ask is complete enough to tell.
    pub impact: Option<Impact>,
    /// Whose consent it would need, with who could give it.
    pub seats: Vec<OpenSeat>,
    /// Asks that would need less.
    pub suggestions: Vec<Suggestion>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Fine.
    Passed {
        /// Which rule.
        rule: &'static str,
        /// What was found, in plain words.
        text: String,
    },
    /// Allowed, but worth a thought.
    TakeCare {
        /// Which rule.
        rule: &'static str,
        /// What was found, in plain words.
        text: String,
        /// What to do.
        advice: String,
    },
    /// Would be refused.
    MustFix(Refused),
}

/// An ask that would need less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Another privilege does less and may be enough.
    Smaller {
        /// Which.
        privilege: PrivilegeId,
        /// Consents it would need.
        consents: u8,
    },
    /// A shorter time needs fewer consents.
    Shorter {
        /// How long.
        duration: Seconds,
        /// Consents it would need.
        consents: u8,
    },
}

impl Precheck {
    /// Whether the request would be accepted.
    pub fn is_sendable(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| matches!(finding, Finding::MustFix(_)))
    }
}

/// What would happen if `person` sent this now, as far as the domain's own rules go.
pub fn precheck(state: &State, person: &PersonId, ask: &Ask, now: Timestamp) -> Precheck {
    let look = match Look::at(state, person, ask, None, now) {
        Ok(look) => look,
        Err(refused) => {
            return Precheck {
                findings: vec![Finding::MustFix(refused)],
                impact: None,
                seats: Vec::new(),
                suggestions: Vec::new(),
            };
        }
    };
    let plan = look.plan();
    let seats = if look.is_break_glass() {
        Vec::new()
    } else {
        look.case(&plan.stages).open_seats()
    };
    let mut suggestions = smaller(&look);
    suggestions.extend(shorter(&look, &plan));
    let mut findings = look.findings();
    findings.extend(
        state
            .quarantine
            .as_ref()
            .map(|quarantine| Finding::MustFix(barred(quarantine))),
    );
    findings.sort_by_key(Finding::rank);
    Precheck {
        findings,
        impact: Some(plan.impact),
        seats,
        suggestions,
    }
}

/// As [`precheck`], with what the policies said folded in.
pub fn precheck_with(
    state: &State,
    person: &PersonId,
    ask: &Ask,
    now: Timestamp,
    verdict: Option<&Verdict>,
) -> Precheck {
    let mut precheck = precheck(state, person, ask, now);
    if let Some(verdict) = verdict {
        precheck.findings.push(match allowed(Some(verdict)) {
            Ok(()) => Finding::Passed {
                rule: "policy",
                text: "The policies allow it.".to_owned(),
            },
            Err(refused) => Finding::MustFix(refused),
        });
        precheck.findings.sort_by_key(Finding::rank);
    }
    precheck
}

/// Privileges that do less, on the same targets, and that the person could send for.
fn smaller(look: &Look<'_>) -> Vec<Suggestion> {
    let mut found = Vec::new();
    for id in &look.privilege.smaller {
        let Some(privilege) = look.catalog.privileges.get(id) else {
            continue;
        };
        let ask = Ask {
            privilege: id.clone(),
            duration: look.ask.duration.min(privilege.grant_seconds_max),
            ..look.ask.clone()
        };
        let at = Look::at(look.state, &look.person.id, &ask, look.except, look.now);
        let Ok(at) = at else {
            continue;
        };
        if at.check_again().is_ok() {
            let consents = consents(&at, &at.plan());
            found.push(Suggestion::Smaller {
                privilege: id.clone(),
                consents,
            });
        }
    }
    found
}

/// The longest shorter time, in whole hours, that needs fewer consents. Found by trying: weights and bands are the bundle's.
fn shorter(look: &Look<'_>, plan: &Plan) -> Option<Suggestion> {
    if look.is_break_glass() {
        return None;
    }
    let needed = consents(look, plan);
    let hours = look.ask.duration.0.div_ceil(3600).min(HOURS_TRIED_MAX);
    (1..hours).rev().find_map(|hours| {
        let duration = Seconds(hours.saturating_mul(3600));
        let ask = Ask {
            duration,
            ..look.ask.clone()
        };
        let tried = Look {
            ask: &ask,
            ..look.clone()
        };
        let consents = consents(&tried, &tried.plan());
        (consents < needed).then_some(Suggestion::Shorter { duration, consents })
    })
}

fn consents(look: &Look<'_>, plan: &Plan) -> u8 {
    if look.is_break_glass() {
        0
    } else {
        look.case(&plan.stages).consents_needed()
    }
}

impl Finding {
    /// Worst first.
    fn rank(&self) -> u8 {
        match self {
            Self::MustFix(_) => 0,
            Self::TakeCare { .. } => 1,
            Self::Passed { .. } => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::SeatHolder,
        fixture::{self, NOW, ask, by, id, ids, seat},
        play::Play,
        request::{RequestKind, Start},
    };
    use proptest::prelude::*;

    fn told(precheck: &Precheck) -> Vec<String> {
        let finding = |finding: &Finding| match finding {
            Finding::Passed { rule, text } => format!("ok {rule}: {text}"),
            Finding::TakeCare { rule, text, advice } => format!("care {rule}: {text} {advice}"),
            Finding::MustFix(refused) => format!("fix {}: {refused}", refused.rule()),
        };
        let suggestion = |suggestion: &Suggestion| match suggestion {
            Suggestion::Smaller {
                privilege,
                consents,
            } => format!("or {privilege}: {consents}"),
            Suggestion::Shorter { duration, consents } => format!("or {duration}: {consents}"),
        };
        let findings = precheck.findings.iter().map(finding);
        findings
            .chain(precheck.suggestions.iter().map(suggestion))
            .collect()
    }

    #[track_caller]
    fn check(play: &Play, person: &str, ask: &Ask, expected: &[&str]) {
        assert_eq!(
            told(&precheck(&play.state, &id(person), ask, play.now)),
            expected
        );
    }

    #[test]
    fn everything_that_is_looked_at_is_told() {
        check(
            &Play::new(),
            "ada",
            &ask("edit-flow"),
            &[
                "ok job-role: Your job role `finance-analyst` may ask for this.",
                "ok training: Your lesson `finance-data` counts for the whole time.",
                "ok conflict: You hold nothing that rule `change-and-release` keeps apart from this.",
                "ok window: The whole time lies in an allowed window.",
                "ok duration: 1 hour is within the 4 hours it is lent for at most.",
                "ok answers: Every question that needs an answer has one.",
                "ok ticket: A ticket is given.",
                "ok risk-controls: Every risk control is confirmed.",
                "ok quorum: The 2 consents it needs can be given, each by somebody else.",
                "or run-flow: 2",
            ],
        );
    }

    #[test]
    fn everything_that_must_be_fixed_is_told_at_once_and_first() {
        let mut play = Play::new();
        play.group("soc", "", "");
        let bad = Ask {
            duration: Seconds::from_minutes(300),
            start: Start::At(Timestamp(NOW.0 - 1)),
            answers: [(id("mood"), fixture::text("good"))].into(),
            ticket: None,
            confirmed: ids(""),
            ..ask("edit-flow")
        };
        check(
            &play,
            "dee",
            &bad,
            &[
                "fix job-role: none of your job roles may ask for `edit-flow`",
                "fix duration: 5 hours is longer than the 4 hours this privilege is lent for at most",
                "fix answers: the answer `goal` is missing",
                "fix answer-unknown: `mood` is not a question of this privilege",
                "fix ticket: a ticket number is missing",
                "fix risk-controls: the risk control `tested` is not confirmed",
                "fix quorum: not enough people could fill the seat `security`: 1 more are needed",
                "care start: The start you chose is past. It will begin with the last consent; choose a later start if that is \
                 too early.",
                "ok training: Your lesson `finance-data` counts for the whole time.",
                "ok conflict: You hold nothing that rule `change-and-release` keeps apart from this.",
                "ok window: The whole time lies in an allowed window.",
            ],
        );
    }

    #[test]
    fn what_is_unknown_is_told_alone() {
        check(
            &Play::new(),
            "ada",
            &Ask {
                targets: ids("nodered.payments"),
                ..ask("edit-flow")
            },
            &["fix target: `nodered.payments` is not a target of this privilege"],
        );
        check(
            &Play::new(),
            "zoe",
            &ask("edit-flow"),
            &["fix standing: `zoe` may not act at present"],
        );
    }

    #[test]
    fn an_emergency_is_told_what_it_passes_over() {
        let mut play = Play::new();
        play.wait(12 * 60);
        let emergency = Ask {
            kind: RequestKind::BreakGlass,
            duration: Seconds::from_minutes(30),
            ..ask("edit-flow")
        };
        let found = told(&precheck(&play.state, &id("ada"), &emergency, play.now));
        assert_eq!(
            found.first().map(String::as_str),
            Some(
                "care window: This is outside the allowed windows. An emergency may be; say in your answers why it can't wait."
            )
        );
        assert!(
            found
                .iter()
                .all(|line| !line.starts_with("fix ") && !line.contains("quorum"))
        );
    }

    #[test]
    fn a_shorter_time_that_needs_fewer_consents_is_suggested() {
        let mut play = Play::new();
        play.catalog(|catalog| {
            // 25 for two hours, 27 for three: the band begins between them
            catalog.impact.bands = [27, 60, 80];
            catalog.impact.seats[0] = vec![seat("product", SeatHolder::Duty(id("product-owner")))];
        });
        let long = Ask {
            targets: ids("nodered.invoices-test"),
            duration: Seconds::from_minutes(230),
            ..ask("edit-flow")
        };
        let suggestions = precheck(&play.state, &id("ada"), &long, NOW).suggestions;
        let run = Suggestion::Smaller {
            privilege: id("run-flow"),
            consents: 1,
        };
        let shorter = Suggestion::Shorter {
            duration: Seconds::from_minutes(60),
            consents: 2,
        };
        assert_eq!(suggestions, [run, shorter]);
    }

    #[test]
    fn what_the_policies_say_is_folded_in() {
        let play = Play::new();
        let with = |verdict: Option<Verdict>| {
            let found = precheck_with(
                &play.state,
                &id("ada"),
                &ask("edit-flow"),
                NOW,
                verdict.as_ref(),
            );
            (
                found.is_sendable(),
                told(&found).into_iter().find(|line| line.contains("polic")),
            )
        };
        assert_eq!(with(None), (true, None));
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(
            with(Some(fixture::allow())),
            (true, told("ok policy: The policies allow it."))
        );
        let no = fixture::deny("ask.office-only");
        assert_eq!(
            with(Some(no)),
            (
                false,
                told("fix policy: the policies say no: ask.office-only")
            )
        );
    }

    prop_compose! {
        fn any_ask()(
            privilege in prop::sample::select(vec!["edit-flow", "run-flow", "release-payments", "read-invoices", "fly"]),
            targets in prop::sample::select(vec!["", "nodered.invoices", "nodered.invoices nodered.invoices-test", "ledgerdb.invoices", "nodered.payments"]),
            minutes in 0_u32..300, start in prop::option::of(-600_i64..20_000), words in 0_usize..30,
            ticket in prop::option::of(prop::sample::select(vec!["INC-1", "CHG-1", "INC-\u{202e}1", ""])),
            confirmed in any::<bool>(), emergency in any::<bool>(),
        ) -> Ask {
            Ask {
                privilege: id(privilege),
                targets: ids(targets),
                duration: Seconds::from_minutes(minutes),
                start: start.map_or(Start::Now, |m| Start::At(Timestamp(NOW.0 + m * 60_000))),
                answers: [(id("goal"), fixture::text(&"x".repeat(words)))].into(),
                ticket: ticket.map(str::to_owned),
                confirmed: ids(if confirmed { "tested" } else { "" }),
                kind: if emergency { RequestKind::BreakGlass } else { RequestKind::New },
            }
        }
    }

    proptest! {
        #[test]
        fn the_pre_check_is_the_decision_made_early(
            ask in any_ask(), earlier in any_ask(), hours in 0_u32..48,
            who in prop::sample::select(vec!["ada", "ann", "cyd", "leo"]),
        ) {
            let mut play = Play::new();
            play.submit("ada", &earlier);
            play.wait(hours * 60);
            let found = precheck(&play.state, &id(who), &ask, play.now);
            let sent = crate::decide::decide(
                &play.state,
                &crate::command::Command::SubmitRequest { ask: ask.clone() },
                &by(who, play.now),
            );
            prop_assert_eq!(found.is_sendable(), sent.is_ok());
            if let Err(refused) = sent {
                let fixes = |finding: &Finding| matches!(finding, Finding::MustFix(found) if *found == refused);
                prop_assert!(found.findings.iter().any(fixes));
            }
        }

        #[test]
        fn a_suggestion_is_true(ask in any_ask()) {
            let play = Play::new();
            let found = precheck(&play.state, &id("ada"), &ask, NOW);
            for suggestion in found.suggestions {
                let (tried, told) = match suggestion {
                    Suggestion::Shorter { duration, consents } => (Ask { duration, ..ask.clone() }, consents),
                    Suggestion::Smaller { privilege, consents } => (Ask { privilege, ..ask.clone() }, consents),
                };
                let tried = precheck(&play.state, &id("ada"), &tried, NOW);
                let needed: u8 = tried.seats.iter().map(|seat| seat.missing).sum();
                prop_assert_eq!(needed, told);
            }
        }
    }
}

//! Does the privilege fit the person: job role, team, lessons, and what may not be held together.
use super::{Look, passed};
use crate::{precheck::Finding, refusal::Refused};

pub(super) fn job_role(look: &Look<'_>) -> Vec<Finding> {
    let mut roles = look.person.job_roles.iter();
    let fitting = roles.find(|role| look.privilege.eligibility.job_roles.contains(role));
    vec![match fitting {
        Some(role) => passed(
            "job-role",
            format!("Your job role `{role}` may ask for this."),
        ),
        None => Finding::MustFix(Refused::NotEligible {
            privilege: look.privilege.id.clone(),
        }),
    }]
}

pub(super) fn team(look: &Look<'_>) -> Vec<Finding> {
    let teams = &look.privilege.eligibility.teams;
    if teams.is_empty() {
        return Vec::new();
    }
    vec![match &look.person.team {
        Some(team) if teams.contains(team) => {
            passed("team", format!("Your team `{team}` may ask for this."))
        }
        Some(_) | None => Finding::MustFix(Refused::NotInTeam {
            privilege: look.privilege.id.clone(),
        }),
    }]
}

pub(super) fn training(look: &Look<'_>) -> Vec<Finding> {
    let ends_at = look.stretch().ends_at;
    let lessons = look.privilege.eligibility.training.iter();
    lessons
        .map(|lesson| match look.person.training.get(lesson) {
            Some(until) if *until >= ends_at => passed(
                "training",
                format!("Your lesson `{lesson}` counts for the whole time."),
            ),
            Some(until) if *until > look.now => Finding::TakeCare {
                rule: "training",
                text: format!("Your lesson `{lesson}` stops counting before the time is over."),
                advice: "Repeat the lesson soon: more time will need it.".to_owned(),
            },
            Some(_) | None => Finding::MustFix(Refused::LessonMissing {
                lesson: lesson.clone(),
            }),
        })
        .collect()
}

pub(super) fn conflicts(look: &Look<'_>) -> Vec<Finding> {
    let privilege = &look.privilege.id;
    let rules = look.catalog.conflicts.values();
    let mut found = Vec::new();
    for rule in rules.filter(|rule| rule.privileges.contains(privilege)) {
        let clash = |other: &&_| *other != privilege && rule.privileges.contains(*other);
        found.push(match look.others().find(clash) {
            Some(other) => Finding::MustFix(Refused::Conflicting {
                privilege: privilege.clone(),
                other: other.clone(),
                conflict: rule.id.clone(),
            }),
            None => passed(
                "conflict",
                format!(
                    "You hold nothing that rule `{}` keeps apart from this.",
                    rule.id
                ),
            ),
        });
    }
    found
}

pub(super) fn duty_conflicts(look: &Look<'_>) -> Vec<Finding> {
    let privilege = &look.privilege.id;
    let duties = look.state.directory.duties_at(&look.person.id, look.now);
    let rules = look.catalog.conflicts.values();
    rules
        .filter(|rule| rule.privileges.contains(privilege))
        .flat_map(|rule| rule.duties.iter().map(move |duty| (rule, duty)))
        .filter(|(_, duty)| duties.contains_key(*duty))
        .map(|(rule, duty)| {
            Finding::MustFix(Refused::ConflictingDuty {
                privilege: privilege.clone(),
                duty: duty.clone(),
                conflict: rule.id.clone(),
            })
        })
        .collect()
}

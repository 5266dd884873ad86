//! What needs a look now, in words: what is on hold, not taken back in time, taken in an emergency, or used and not looked back
//! at. Told from the state of the rules, so an alarm stays until it is dealt with.
use crate::{names::Names, viewer::Viewer, words};
use domain::{
    grant::{CredentialState, Grant, GrantState, GrantTerms},
    ids::GrantNumber,
    state::State as Rules,
};
use engine::views::GrantRow;

/// Something that needs a look now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AlarmWords {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) grant: GrantNumber,
}

/// A credential that could not be taken back this often is overdue.
pub(crate) const ATTEMPTS_OVERDUE: u32 = 3;

/// How often taking a credential of this grant back has failed, at most.
pub(crate) fn overdue(grant: &Grant) -> u32 {
    let attempts = |state: &CredentialState| match state {
        CredentialState::Removing { attempts } => *attempts,
        CredentialState::Intended | CredentialState::Issued { .. } | CredentialState::Removed => 0,
    };
    grant
        .credentials
        .values()
        .map(|credential| attempts(&credential.state))
        .max()
        .unwrap_or(0)
}

fn is_emergency(grant: &Grant) -> bool {
    grant.terms.break_glass && !grant.has_ended()
}

fn emergency(names: &Names, terms: &GrantTerms) -> AlarmWords {
    AlarmWords {
        kind: "Emergency access",
        text: format!(
            "{} took \u{201c}{}\u{201d} in an emergency.",
            names.person(&terms.holder),
            names.privilege(&terms.privilege)
        ),
        grant: terms.number,
    }
}

/// Emergencies that go on and that this person may step into or will be asked about: they are told at once.
pub(crate) fn concerning(names: &Names, state: &Rules, viewer: &Viewer) -> Vec<AlarmWords> {
    let concerns = |grant: &&Grant| {
        let (person, terms) = (&viewer.person, &grant.terms);
        let may_review = state
            .reviews
            .get(&terms.id)
            .is_some_and(|due| state.may_review(person, due, viewer.now));
        *person != terms.holder && (state.may_revoke(person, terms, viewer.now) || may_review)
    };
    let grants = state.grants.values().filter(|grant| is_emergency(grant));
    grants
        .filter(concerns)
        .map(|grant| emergency(names, &grant.terms))
        .collect()
}

/// Every alarm about grants that are not closed.
pub(crate) fn of_grants(names: &Names, state: &Rules) -> Vec<AlarmWords> {
    let mut alarms = Vec::new();
    for grant in state.grants.values() {
        let who = names.person(&grant.terms.holder);
        let what = names.privilege(&grant.terms.privilege);
        let alarm = |kind, text| AlarmWords {
            kind,
            text,
            grant: grant.terms.number,
        };
        if let GrantState::Held { because, .. } = &grant.state {
            let because = words::hold_reason(*because);
            alarms.push(alarm(
                "On hold",
                format!("{who}\u{2019}s access \u{201c}{what}\u{201d}: {because}."),
            ));
        }
        let attempts = overdue(grant);
        if attempts >= ATTEMPTS_OVERDUE {
            let text = format!(
                "{who}\u{2019}s access \u{201c}{what}\u{201d} has ended, but a target has not confirmed after {attempts} attempts."
            );
            alarms.push(alarm("Revocation overdue", text));
        }
        if is_emergency(grant) {
            alarms.push(emergency(names, &grant.terms));
        }
    }
    alarms
}

/// The alarm of each of `rows` whose review nobody gave in time, or nobody may give.
pub(crate) fn of_reviews(
    names: &Names,
    state: &Rules,
    viewer: &Viewer,
    rows: &[GrantRow],
) -> Vec<AlarmWords> {
    let alarm = |row: &GrantRow| {
        let due = state.reviews.get(&row.id).filter(|due| due.escalated)?;
        let who = names.person(&row.holder);
        let what = names.privilege(&row.privilege);
        let reviewers = state.reviewers(due, viewer.now);
        let rest = if reviewers.is_empty() {
            "Nobody may: name a manager, an owner or somebody for security who took no part in it."
                .to_owned()
        } else {
            format!("These may: {}.", names.persons(&reviewers))
        };
        Some(AlarmWords {
            kind: "Review overdue",
            text: format!(
                "Nobody has looked back at what {who} did with \u{201c}{what}\u{201d}. {rest}"
            ),
            grant: row.number,
        })
    };
    rows.iter().filter_map(alarm).collect()
}

//! From an event to what must be done outside because of it.
//!
//! INVARIANT: what [`outstanding`] derives from the state alone is what [`react`] asked for after each event, less what result
//! events have answered since. So a crash loses no effect: after the restart the state says what is still to be done. Notices
//! are the exception: they are a courtesy, have no result event, and are not sent again.
use crate::{
    effect::{Effect, Notice},
    event::Event,
    grant::{Credential, CredentialState, Grant, GrantState, RENEWAL_SLACK},
    ids::{CredentialId, GrantId},
    request::TurnKind,
    state::State,
};

/// What must be done because of `event`, in the order of work; `state_after` is the state with the event folded in.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per event: the list is the point"
)]
pub fn react(state_after: &State, event: &Event) -> Vec<Effect> {
    let notice = |notice| vec![Effect::Notify(notice)];
    match event {
        Event::RequestSubmitted { request, .. }
        | Event::RequestEdited { request, .. }
        | Event::RequestApproved { request, .. }
        | Event::RequestEscalated { request, .. } => {
            if state_after.requests.contains_key(request) {
                notice(Notice::RequestWaits(*request))
            } else {
                Vec::new()
            }
        }
        Event::RequestDiscussed { request, turn } => notice(match turn.kind {
            TurnKind::Question => Notice::RequesterAsked(*request),
            TurnKind::Answer => Notice::RequestWaits(*request),
        }),
        Event::RequestDenied { request, .. } | Event::RequestExpired { request } => {
            notice(Notice::RequestDecided(*request))
        }
        Event::GrantScheduled { terms, .. } => notice(Notice::RequestDecided(terms.request)),
        Event::GrantExtended { grant, request, .. } => {
            let mut effects = changed(state_after, *grant);
            effects.push(Effect::Notify(Notice::RequestDecided(*request)));
            effects.sort();
            effects
        }
        Event::GrantActivated { grant, .. }
        | Event::GrantHeld { grant, .. }
        | Event::GrantResumed { grant, .. }
        | Event::GrantEnded { grant, .. } => changed(state_after, *grant),
        Event::CredentialIntended {
            grant, credential, ..
        }
        | Event::CredentialIssued {
            grant, credential, ..
        }
        | Event::CredentialFailed {
            grant, credential, ..
        }
        | Event::CredentialRemovalIntended { grant, credential }
        | Event::CredentialRemovalFailed {
            grant, credential, ..
        } => of_credential(state_after, *grant, *credential),
        Event::ReviewDue { grant, .. } => notice(Notice::ReviewDue(*grant)),
        Event::AlarmRaised { alarm } => notice(Notice::of(alarm)),
        // what waited meanwhile is to be done now
        Event::QuarantineLifted { .. } => outstanding(state_after),
        Event::ErasureIntended { person } if state_after.erasing.contains(person) => {
            vec![Effect::Forget {
                person: person.clone(),
            }]
        }
        Event::BundleAdopted { .. }
        | Event::BundleProposed { .. }
        | Event::DirectoryChanged { .. }
        | Event::RequestWithdrawn { .. }
        | Event::GrantClosed { .. }
        | Event::CredentialRemoved { .. }
        | Event::UseAllowed { .. }
        | Event::UseRefused { .. }
        | Event::UseFinished { .. }
        | Event::ActivityRecorded { .. }
        | Event::WitnessesAnswering { .. }
        // the alarm beside it tells
        | Event::ReviewEscalated { .. }
        | Event::GrantReviewed { .. }
        | Event::QuarantineBegun { .. }
        // strays belong to no grant: whoever compares the platforms ends them, and reads the state for what is left
        | Event::StraysFound { .. }
        | Event::StrayEnded { .. }
        | Event::CredentialMissing { .. }
        | Event::PlatformReconciled { .. }
        | Event::ErasureIntended { .. }
        | Event::PersonErased { .. }
        | Event::LegalHoldPlaced { .. }
        | Event::LegalHoldLifted { .. } => Vec::new(),
    }
}

/// Every effect that the state implies, in the order of work: what is to be done after a restart.
pub fn outstanding(state: &State) -> Vec<Effect> {
    let forget = state.erasing.iter().map(|person| Effect::Forget {
        person: person.clone(),
    });
    let mut effects: Vec<Effect> = state
        .grants
        .values()
        .flat_map(|grant| implied(state, grant))
        .chain(forget)
        .collect();
    effects.sort();
    effects
}

/// Whether `effect` is still to be done. To be asked before work begins: an effect that waited may have been overtaken, and a
/// credential that is made after its removal was read back would be nobody's.
pub fn is_outstanding(state: &State, effect: &Effect) -> bool {
    match effect {
        Effect::Remove { grant, .. }
        | Effect::Contain { grant }
        | Effect::Provision { grant, .. }
        | Effect::Renew { grant, .. } => state
            .grants
            .get(grant)
            .is_some_and(|grant| implied(state, grant).any(|implied| implied == *effect)),
        Effect::Forget { person } => state.erasing.contains(person),
        Effect::Notify(_) => true,
    }
}

fn changed(state: &State, id: GrantId) -> Vec<Effect> {
    let mut effects: Vec<Effect> = state
        .grants
        .get(&id)
        .into_iter()
        .flat_map(|grant| implied(state, grant))
        .collect();
    effects.push(Effect::Notify(Notice::GrantChanged(id)));
    effects.sort();
    effects
}

fn of_credential(state: &State, grant: GrantId, credential: CredentialId) -> Vec<Effect> {
    state
        .grants
        .get(&grant)
        .and_then(|grant| Some((grant, grant.credentials.get(&credential)?)))
        .and_then(|(grant, credential)| wanted(state, grant, credential))
        .into_iter()
        .collect()
}

fn implied(state: &State, grant: &Grant) -> impl Iterator<Item = Effect> {
    let contain = match grant.state {
        GrantState::Held { because, .. } if because.contains() => Some(Effect::Contain {
            grant: grant.terms.id,
        }),
        GrantState::Scheduled { .. }
        | GrantState::Active { .. }
        | GrantState::Held { .. }
        | GrantState::Ended { .. } => None,
    };
    let credentials = grant
        .credentials
        .values()
        .filter_map(|credential| wanted(state, grant, credential));
    contain.into_iter().chain(credentials)
}

/// What is to be done about one credential. Power is given only while the grant is active and there is no quarantine, and taken
/// away in any state.
fn wanted(state: &State, grant: &Grant, credential: &Credential) -> Option<Effect> {
    if !credential.kind.lives_in_target() {
        return None;
    }
    let (grant_id, credential_id) = (grant.terms.id, credential.id);
    let active_until = match grant.state {
        GrantState::Active { expires_at, .. } => state.quarantine.is_none().then_some(expires_at),
        GrantState::Scheduled { .. } | GrantState::Held { .. } | GrantState::Ended { .. } => None,
    };
    match credential.state {
        CredentialState::Removing { .. } => Some(Effect::Remove {
            grant: grant_id,
            credential: credential_id,
        }),
        CredentialState::Intended => active_until.map(|_| Effect::Provision {
            grant: grant_id,
            credential: credential_id,
        }),
        CredentialState::Issued { expires_at } => active_until
            .filter(|until| expires_at.plus(RENEWAL_SLACK) <= *until)
            .map(|_| Effect::Renew {
                grant: grant_id,
                credential: credential_id,
            }),
        CredentialState::Removed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::Command,
        decide::decide,
        fixture::{NOW, ask, by, system, terms, text},
        grant::HoldReason,
        story::{Story, grant_id, hold, resume, revoke},
        time::{Seconds, Timestamp},
    };

    /// Effects in one line, without ids.
    fn tell(effects: &[Effect]) -> String {
        let line = |effect: &Effect| match effect {
            Effect::Remove { .. } => "remove".to_owned(),
            Effect::Contain { .. } => "contain".to_owned(),
            Effect::Provision { .. } => "provision".to_owned(),
            Effect::Renew { .. } => "renew".to_owned(),
            Effect::Forget { .. } => "forget".to_owned(),
            Effect::Notify(Notice::Alarm(text)) => format!("alarm: {text}"),
            Effect::Notify(notice) => {
                let name = format!("{notice:?}");
                name.split('(').next().unwrap_or_default().to_owned()
            }
        };
        effects.iter().map(line).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn an_effect_that_was_overtaken_is_not_to_be_done_any_more() {
        let mut story = Story::lent(1, "ada", "read-invoices");
        let (grant, credential) = (grant_id(1), story.credential(1));
        let provision = Effect::Provision { grant, credential };
        let remove = Effect::Remove { grant, credential };
        let wanted = |story: &Story| {
            [&provision, &remove].map(|effect| is_outstanding(&story.state, effect))
        };
        assert_eq!(wanted(&story), [true, false]);
        story.person("bob", &revoke(1));
        assert_eq!(wanted(&story), [false, true]);
        let gone = Command::RecordRemoved {
            grant,
            credential,
            read_back: "no such role".to_owned(),
        };
        story.broker(&gone);
        assert_eq!(wanted(&story), [false, false]);
    }

    /// What `command` of `who` leads to, outside, and what would be done after a restart.
    #[track_caller]
    fn check(story: &mut Story, who: &str, command: &Command, expected: &str, after: &str) {
        let context = match who {
            "system" => system(story.now),
            person => by(person, story.now),
        };
        let events = decide(&story.state, command, &context).unwrap();
        let mut effects = Vec::new();
        for event in &events {
            story.fold(std::slice::from_ref(event));
            effects.extend(react(&story.state, event));
        }
        assert_eq!(tell(&effects), expected);
        assert_eq!(tell(&outstanding(&story.state)), after);
    }

    fn made(story: &Story, expires_at: Timestamp) -> Command {
        Command::RecordProvisioned {
            grant: grant_id(1),
            credential: story.credential(1),
            expires_at,
        }
    }

    #[test]
    fn a_role_is_provisioned_renewed_and_removed() {
        let mut story = Story::new();
        let starts_at = story.now;
        let terms = terms(1, "ada", "read-invoices");
        let request = terms.request;
        story.fold(&[Event::GrantScheduled { terms, starts_at }]);
        let activate = Command::ActivateGrant { grant: grant_id(1) };
        check(
            &mut story,
            "system",
            &activate,
            "GrantChanged, provision",
            "provision",
        );
        let ends_at = NOW.plus(Seconds::from_minutes(60));
        let whole_seconds = Timestamp(ends_at.0 - 999);
        let report = made(&story, whole_seconds);
        check(&mut story, "system", &report, "", "");
        let extended = Event::GrantExtended {
            grant: grant_id(1),
            request,
            expires_at: NOW.plus(Seconds::from_minutes(90)),
        };
        story.fold(std::slice::from_ref(&extended));
        let effects = tell(&react(&story.state, &extended));
        assert_eq!(effects, "renew, RequestDecided, GrantChanged");
        let report = made(&story, NOW.plus(Seconds::from_minutes(90)));
        check(&mut story, "system", &report, "", "");
        check(
            &mut story,
            "bob",
            &revoke(1),
            "GrantChanged, remove",
            "remove",
        );
    }

    #[test]
    fn a_hold_removes_and_a_resumption_provisions_anew_while_the_old_one_is_still_being_removed() {
        let mut story = Story::lent(1, "ada", "read-invoices");
        check(
            &mut story,
            "bob",
            &hold(1),
            "GrantChanged, remove",
            "remove",
        );
        check(
            &mut story,
            "bob",
            &resume(1),
            "remove, GrantChanged, provision",
            "remove, provision",
        );
    }

    #[test]
    fn a_removal_that_failed_is_to_be_done_again_and_alarms_are_told_in_words() {
        let mut story = Story::lent(1, "ada", "read-invoices");
        let credential = story.credential(1);
        story.person("bob", &revoke(1));
        let failed = Command::RecordRemovalFailed {
            grant: grant_id(1),
            credential,
            because: "timed out".to_owned(),
        };
        check(&mut story, "system", &failed, "remove", "remove");
        check(&mut story, "system", &failed, "remove", "remove");
        let grant = grant_id(1);
        let told = format!(
            "remove, alarm: credential {credential} of grant {grant} is still there after 3 attempts"
        );
        check(&mut story, "system", &failed, &told, "remove");
    }

    #[test]
    fn a_rule_that_holds_a_grant_has_it_contained() {
        let mut story = Story::lent(1, "ada", "edit-flow");
        let held = Event::GrantHeld {
            grant: grant_id(1),
            because: HoldReason::OverBudget,
            by: None,
            comment: None,
        };
        story.fold(std::slice::from_ref(&held));
        assert_eq!(tell(&react(&story.state, &held)), "contain, GrantChanged");
        assert_eq!(tell(&outstanding(&story.state)), "contain");
    }

    #[test]
    fn approvers_are_told_that_a_request_waits_and_the_requester_that_it_was_decided() {
        let mut story = Story::new();
        let submit = Command::SubmitRequest {
            ask: ask("edit-flow"),
        };
        check(&mut story, "ada", &submit, "RequestWaits", "");
        let (request, digest) = story
            .state
            .requests
            .values()
            .map(|request| (request.id, request.digest))
            .next()
            .unwrap();
        let question = Command::AskRequester {
            request,
            text: text("which flow?"),
        };
        check(&mut story, "cyd", &question, "RequesterAsked", "");
        let answer = Command::AnswerApprovers {
            request,
            text: text("the one of October"),
        };
        check(&mut story, "ada", &answer, "RequestWaits", "");
        let deny = Command::DenyRequest {
            request,
            digest,
            comment: text("try it in test"),
        };
        check(&mut story, "cyd", &deny, "RequestDecided", "");
    }
}

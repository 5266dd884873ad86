//! Plays commands against a state for this room's tests, and tells what came of each in one line.
use crate::{
    actor::{Actor, Context},
    catalog::{Catalog, SeatRule, Stage},
    command::Command,
    decide::decide,
    directory::{Delegation, Group, Member, Person},
    event::Event,
    evolve::evolve,
    fixture::{by, context, id, ids, text, world},
    ids::{GrantId, RequestId},
    refusal::Refused,
    request::{Ask, Narrowing},
    state::State,
    time::{Seconds, Timestamp},
    verdict::Verdict,
};
use std::sync::Arc;

/// A state and its clock.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
}

impl Play {
    /// The small world at nine o'clock.
    pub(crate) fn new() -> Self {
        Self::of(world())
    }

    pub(crate) fn of(state: State) -> Self {
        Self {
            state,
            now: crate::fixture::NOW,
        }
    }

    pub(crate) fn wait(&mut self, minutes: u32) {
        self.now = self.now.plus(Seconds::from_minutes(minutes));
    }

    /// A command through the account of this name, or of the broker (`system`) or its operator (`operator`).
    pub(crate) fn give(&mut self, who: &str, command: &Command) -> String {
        let context = match who {
            "system" => context(Actor::System, self.now),
            "operator" => context(Actor::Operator, self.now),
            account => by(account, self.now),
        };
        self.decide(command, &context)
    }

    pub(crate) fn give_with(
        &mut self,
        who: &str,
        command: &Command,
        verdict: Option<Verdict>,
    ) -> String {
        let context = Context {
            verdict,
            ..by(who, self.now)
        };
        self.decide(command, &context)
    }

    fn decide(&mut self, command: &Command, context: &Context) -> String {
        match self.events(command, context) {
            Ok(events) => events.iter().map(tell).collect::<Vec<_>>().join("; "),
            Err(refused) => format!("no: {refused}"),
        }
    }

    /// Decides, and folds what follows. Time goes on by a millisecond, so that no two decisions share their random bits.
    pub(crate) fn events(
        &mut self,
        command: &Command,
        context: &Context,
    ) -> Result<Vec<Event>, Refused> {
        let events = decide(&self.state, command, context)?;
        for event in &events {
            evolve(&mut self.state, event, self.now);
        }
        self.now = Timestamp(self.now.0 + 1);
        Ok(events)
    }

    pub(crate) fn submit(&mut self, who: &str, ask: &Ask) -> String {
        self.give(who, &Command::SubmitRequest { ask: ask.clone() })
    }

    /// The request sent last of those that wait.
    pub(crate) fn request(&self) -> RequestId {
        let newest = self
            .state
            .requests
            .values()
            .max_by_key(|request| request.number);
        newest.expect("a request waits").id
    }

    /// The grant made last of those that aren't closed.
    pub(crate) fn grant(&self) -> GrantId {
        let newest = self
            .state
            .grants
            .values()
            .max_by_key(|grant| grant.terms.number);
        newest.expect("a grant is there").terms.id
    }

    pub(crate) fn approve(&mut self, who: &str) -> String {
        self.approve_as(who, None)
    }

    pub(crate) fn approve_for(&mut self, who: &str, narrowing: Narrowing) -> String {
        self.approve_as(who, Some(narrowing))
    }

    fn approve_as(&mut self, who: &str, narrowing: Option<Narrowing>) -> String {
        let request = self.request();
        let digest = self.state.requests[&request].digest;
        let command = Command::ApproveRequest {
            request,
            digest,
            narrowing,
            comment: text("fine"),
        };
        self.give(who, &command)
    }

    pub(crate) fn deny(&mut self, who: &str) -> String {
        let request = self.request();
        let digest = self.state.requests[&request].digest;
        let command = Command::DenyRequest {
            request,
            digest,
            comment: text("not now"),
        };
        self.give(who, &command)
    }
}

impl Play {
    pub(crate) fn catalog(&mut self, change: impl Fn(&mut Catalog)) {
        for catalog in self.state.catalogs.values_mut() {
            change(Arc::make_mut(catalog));
        }
    }

    /// The stages of `edit-flow` are these.
    pub(crate) fn stages(&mut self, stages: &[&[SeatRule]]) {
        let stage = |seats: &&[SeatRule]| Stage {
            seats: seats.to_vec(),
        };
        let stages: Vec<Stage> = stages.iter().map(stage).collect();
        self.catalog(|catalog| {
            let edit = catalog.privileges.get_mut(&id("edit-flow"));
            edit.expect("it is there").stages.clone_from(&stages);
        });
    }

    pub(crate) fn person(&mut self, name: &str, change: impl Fn(&mut Person)) {
        change(
            self.state
                .directory
                .persons
                .get_mut(&id(name))
                .expect("a known person"),
        );
    }

    pub(crate) fn duty(&mut self, name: &str, duty: &str) {
        self.person(name, |person| {
            person.duties.insert(id(duty));
        });
    }

    pub(crate) fn delegate(&mut self, from: &str, to: &str, duties: &str) {
        let delegation = Delegation {
            id: id(&format!("{from}-{to}")),
            from: id(from),
            to: id(to),
            duties: ids(duties),
            starts_at: Timestamp(0),
            ends_at: Timestamp(i64::MAX),
        };
        let known = &mut self.state.directory.delegations;
        known.insert(delegation.id.clone(), delegation);
    }

    /// A group of persons, or of accounts (`@name`) and groups (`&name`).
    pub(crate) fn group(&mut self, name: &str, members: &str, duties: &str) {
        let member = |text: &str| match (text.strip_prefix('@'), text.strip_prefix('&')) {
            (Some(account), _) => Member::Account(id(account)),
            (_, Some(group)) => Member::Group(id(group)),
            (None, None) => Member::Person(id(text)),
        };
        let group = Group {
            id: id(name),
            members: members.split_whitespace().map(member).collect(),
            duties: ids(duties),
        };
        self.state.directory.groups.insert(group.id.clone(), group);
    }
}

fn list<T: ToString>(things: impl IntoIterator<Item = T>) -> String {
    let things: Vec<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    things.join("+")
}

/// What an event says, as far as these tests look at it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest is told by name alone"
)]
fn tell(event: &Event) -> String {
    match event {
        Event::RequestSubmitted {
            number,
            requester,
            impact,
            stages,
            ..
        } => {
            let seats = stages
                .iter()
                .map(|stage| list(stage.seats.iter().map(|s| format!("{}*{}", s.id, s.count))));
            format!(
                "{number} by {requester}, impact {}, needs {}",
                impact.score,
                seats.collect::<Vec<_>>().join(" then ")
            )
        }
        Event::RequestEdited {
            revision, voided, ..
        } => format!("revision {revision}, voids {}", list(voided)),
        Event::RequestApproved {
            consent, narrowed, ..
        } => {
            let narrowed = narrowed
                .as_ref()
                .map(|n| format!(", leaves {} for {}", list(&n.targets), n.duration));
            format!(
                "{} as {} for {}{}",
                consent.by,
                consent.authority,
                list(consent.seats.keys()),
                narrowed.unwrap_or_default()
            )
        }
        Event::RequestEscalated { to, .. } => format!("escalated to {}", list(to)),
        Event::GrantScheduled { terms, starts_at } => format!(
            "{} for {} on {} for {} at {} by {} with {}",
            terms.number,
            terms.holder,
            list(&terms.targets),
            terms.duration,
            starts_at.seconds_since(crate::fixture::NOW),
            list(&terms.approved_by),
            list(&terms.approved_duties)
        ),
        Event::GrantActivated { expires_at, .. } => format!(
            "active until {}",
            expires_at.seconds_since(crate::fixture::NOW)
        ),
        Event::GrantExtended { expires_at, .. } => format!(
            "extended until {}",
            expires_at.seconds_since(crate::fixture::NOW)
        ),
        other => {
            let json = serde_json::to_value(other).expect("an event serialises");
            json["event"]
                .as_str()
                .expect("an event has a name")
                .to_owned()
        }
    }
}

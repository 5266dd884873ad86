//! For tests: a world that is told what happens, and tells in one line what came of it.
use crate::{
    actor::{Context, Seed},
    command::{Attempt, Command},
    decide::decide,
    event::Event,
    evolve::evolve,
    fixture::{NOW, by, gateway, gateway_id, id, system, terms, text, world},
    grant::{CredentialState, GrantTerms},
    ids::{CredentialId, GrantId},
    state::State,
    time::Timestamp,
};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A world in motion.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    steps: u64,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            state: world(),
            now: NOW,
            steps: 0,
        }
    }

    /// `holder` was lent `privilege` as grant `n`, from now on.
    pub(crate) fn lent(n: u64, holder: &str, privilege: &str) -> Self {
        let mut story = Self::new();
        story.lend(terms(n, holder, privilege));
        story
    }

    pub(crate) fn lend(&mut self, terms: GrantTerms) {
        let grant = terms.id;
        let starts_at = self.now;
        self.fold(&[Event::GrantScheduled { terms, starts_at }]);
        self.act(&system(self.now), &Command::ActivateGrant { grant });
    }

    pub(crate) fn fold(&mut self, events: &[Event]) {
        for event in events {
            evolve(&mut self.state, event, self.now);
        }
    }

    pub(crate) fn minutes_later(&mut self, minutes: u32) -> &mut Self {
        self.now = self.now.plus(crate::time::Seconds::from_minutes(minutes));
        self
    }

    /// Decides, folds, and tells.
    pub(crate) fn act(&mut self, context: &Context, command: &Command) -> String {
        self.steps += 1;
        let context = Context {
            seed: Seed(Uuid::from_u64_pair(0x5eed, self.steps)),
            ..context.clone()
        };
        match decide(&self.state, command, &context) {
            Ok(events) => {
                self.fold(&events);
                tell(&events)
            }
            Err(refused) => format!("no: {refused}"),
        }
    }

    pub(crate) fn person(&mut self, person: &str, command: &Command) -> String {
        let context = by(person, self.now);
        self.act(&context, command)
    }

    pub(crate) fn broker(&mut self, command: &Command) -> String {
        let context = system(self.now);
        self.act(&context, command)
    }

    pub(crate) fn front(&mut self, command: &Command) -> String {
        let context = gateway(self.now);
        self.act(&context, command)
    }

    /// The newest credential of a grant.
    pub(crate) fn credential(&self, n: u64) -> CredentialId {
        let grant = &self.state.grants[&grant_id(n)];
        let mut alive = grant
            .credentials
            .values()
            .filter(|credential| credential.state != CredentialState::Removed);
        alive.next_back().unwrap().id
    }
}

pub(crate) const fn grant_id(n: u64) -> GrantId {
    GrantId(Uuid::from_u64_pair(0x6, n))
}

/// An attempt at `action` on `target` of Node-RED under grant `n`.
pub(crate) fn attempt(n: u64, credential: CredentialId, action: &str, target: &str) -> Attempt {
    Attempt {
        gateway: gateway_id(),
        grant: Some(grant_id(n)),
        credential: Some(credential),
        platform: id("nodered"),
        actions: [(id(action), id(target))].into(),
        method: "PUT".to_owned(),
        path: "/flow/f1".to_owned(),
        destination: None,
        unmapped: Vec::new(),
    }
}

pub(crate) fn revoke(n: u64) -> Command {
    Command::RevokeGrant {
        grant: grant_id(n),
        comment: text("the test is over"),
    }
}

pub(crate) fn hold(n: u64) -> Command {
    Command::HoldGrant {
        grant: grant_id(n),
        comment: text("what is this?"),
    }
}

pub(crate) fn resume(n: u64) -> Command {
    Command::ResumeGrant {
        grant: grant_id(n),
        comment: text("explained"),
    }
}

/// Events in one line: name and what distinguishes it; ids and bodies left out, times relative to the first.
pub(crate) fn tell(events: &[Event]) -> String {
    let lines: Vec<String> = events.iter().map(line).collect();
    lines.join("; ")
}

fn line(event: &Event) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(event) else {
        unreachable!("events are objects")
    };
    let mut line = fields["event"].as_str().unwrap_or_default().to_owned();
    // sorted: the order of a JSON object depends on which crates are built together
    let fields: BTreeMap<&String, &Value> = fields.iter().collect();
    for (name, value) in fields {
        let told = match (name.as_str(), value) {
            ("event" | "grant" | "credential" | "request" | "use_id" | "comment", _)
            | (_, Value::Null) => continue,
            ("kind", kind) => short(kind),
            ("removed", Value::Array(removed)) => format!("removed={}", removed.len()),
            ("alarm", alarm) => alarm
                .as_object()
                .and_then(|alarm| alarm.keys().next().cloned())
                .unwrap_or_default(),
            (name, Value::Number(at)) if name.ends_with("_at") => {
                let minutes = (at.as_i64().unwrap_or_default() - NOW.0) / 60_000;
                format!("{name}=+{minutes}m")
            }
            (_, Value::Object(_) | Value::Array(_)) => continue,
            (name, Value::String(text)) => format!("{name}={text}"),
            (name, Value::Number(_) | Value::Bool(_)) => format!("{name}={value}"),
        };
        line.push(' ');
        line.push_str(&told);
    }
    line
}

/// A role without its random digits.
fn short(kind: &Value) -> String {
    let role = kind["postgres-role"]["role"].as_str();
    role.map(|role| role.trim_end_matches(|c: char| c.is_ascii_hexdigit()))
        .or_else(|| kind.as_str())
        .unwrap_or_default()
        .to_owned()
}

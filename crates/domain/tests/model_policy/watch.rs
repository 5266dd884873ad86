//! What really happened to the rules and to what was lent under them, and what must never be part of it.
use crate::rules::{GOVERNORS, OLD, WORLD, enough, human, lent};
use domain::{
    event::Event,
    grant::{GrantState, GrantTerms},
    ids::Digest,
    state::State,
    time::Timestamp,
};
use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
};

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Broken {
    AdoptedAlone,
    AdoptedUnseen,
    AdoptedByOthers,
    HalfInForce,
    ConsentMissing,
    MoreThanConsented,
    Gained,
    NoLongerLent,
}

/// What should be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reached {
    Adopted,
    AdoptedBack,
    GrantedAfterChange,
    ToldOfChange,
    BegunAfterChange,
    NotBegun,
    Extended,
    NotExtended,
}

/// What a request was sent as, and who said yes to it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Sent {
    /// What the one name meant when it was sent and at each consent: no grant may give more.
    pub(crate) meant: BTreeSet<&'static str>,
    pub(crate) consents: BTreeSet<&'static str>,
    pub(crate) under: Digest,
}

/// What a grant gave when it was made.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Given {
    pub(crate) actions: BTreeSet<String>,
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) under: Digest,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub(crate) state: State,
    /// What two humans really agreed on last.
    pub(crate) in_force: Digest,
    /// Who named which bundle last.
    pub(crate) named: Option<(Digest, &'static str)>,
    pub(crate) sent: Option<Sent>,
    pub(crate) given: Option<Given>,
    pub(crate) proposals: u8,
    pub(crate) edits: u8,
    pub(crate) asked_for_more: bool,
    pub(crate) tick: u8,
    pub(crate) broken: BTreeSet<Broken>,
    pub(crate) reached: BTreeSet<Reached>,
}

impl Hash for World {
    /// What differs between states of this model, without the order of consents.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.state.bundle, &self.state.proposed).hash(hasher);
        for request in self.state.requests.values() {
            let by: BTreeSet<_> = request.consents.iter().map(|c| &c.by).collect();
            (request.number, request.digest, request.bundle, by).hash(hasher);
        }
        for grant in self.state.grants.values() {
            let ends_at = grant.state.expires_at();
            let ended = matches!(grant.state, GrantState::Ended { .. });
            (grant.terms.number, &grant.terms.actions, ends_at, ended).hash(hasher);
        }
        (
            (self.in_force, self.named, &self.sent, &self.given),
            (self.proposals, self.edits, self.asked_for_more, self.tick),
            (&self.broken, &self.reached),
        )
            .hash(hasher);
    }
}

impl World {
    pub(crate) fn beginning() -> Self {
        Self {
            state: WORLD.clone(),
            in_force: OLD,
            named: None,
            sent: None,
            given: None,
            proposals: 0,
            edits: 0,
            asked_for_more: false,
            tick: 0,
            broken: BTreeSet::new(),
            reached: BTreeSet::new(),
        }
    }

    fn breaks(&mut self, what: Broken, so: bool) {
        if so {
            self.broken.insert(what);
        }
    }

    fn reaches(&mut self, what: Reached, so: bool) {
        if so {
            self.reached.insert(what);
        }
    }

    /// Notes who agreed on rules: `account` named `bundle`.
    pub(crate) fn note_adoption(&mut self, account: &str, bundle: Digest) {
        let by = human(account);
        let (named, proposer) = self.named.unwrap_or((bundle, by));
        self.breaks(Broken::AdoptedAlone, proposer == by);
        self.breaks(Broken::AdoptedUnseen, named != bundle);
        let both = [proposer, by];
        self.breaks(
            Broken::AdoptedByOthers,
            !both.iter().all(|human| GOVERNORS.contains(human)),
        );
        self.reaches(Reached::Adopted, true);
        self.reaches(Reached::AdoptedBack, bundle == OLD);
        self.in_force = bundle;
        self.named = None;
    }

    /// Notes what really happened.
    pub(crate) fn note(&mut self, event: &Event, account: &str) {
        match event {
            Event::RequestSubmitted { .. } | Event::RequestEdited { .. } => {
                self.sent = Some(Sent {
                    meant: lent(self.in_force),
                    consents: BTreeSet::new(),
                    under: self.in_force,
                });
            }
            Event::RequestApproved { .. } => {
                let meant = lent(self.in_force);
                let sent = self.sent.as_mut().expect("it was sent");
                sent.meant.retain(|action| meant.contains(action));
                sent.consents.insert(human(account));
            }
            Event::GrantScheduled { terms, .. } => self.note_grant(terms),
            Event::GrantActivated { .. } => {
                let given = self.given.clone().expect("it was made");
                self.still_lent(&given);
                let changed = given.under != self.in_force;
                self.reaches(Reached::BegunAfterChange, changed);
            }
            Event::GrantExtended { expires_at, .. } => {
                let mut given = self.given.clone().expect("it was made");
                self.still_lent(&given);
                self.check_consents();
                given.ends_at = Some(*expires_at);
                self.given = Some(given);
                self.reaches(Reached::Extended, true);
            }
            Event::GrantEnded { .. } => {
                let begun = self.given.as_ref().is_some_and(|g| g.ends_at.is_some());
                self.reaches(Reached::NotBegun, !begun);
            }
            _ => {}
        }
    }

    /// What begins or goes on is lent by the rules in force.
    fn still_lent(&mut self, given: &Given) {
        let today = lent(self.in_force);
        let lent = |action: &String| today.contains(action.as_str());
        self.breaks(Broken::NoLongerLent, !given.actions.iter().all(lent));
    }

    fn check_consents(&mut self) {
        let sent = self.sent.clone().expect("it was sent");
        let missing = !enough(self.in_force, &sent.consents);
        self.breaks(Broken::ConsentMissing, missing);
        self.reaches(Reached::GrantedAfterChange, sent.under != self.in_force);
    }

    fn note_grant(&mut self, terms: &GrantTerms) {
        self.check_consents();
        let sent = self.sent.clone().expect("it was sent");
        let actions: BTreeSet<String> = terms.actions.iter().map(ToString::to_string).collect();
        let meant = |action: &String| sent.meant.contains(action.as_str());
        self.breaks(Broken::MoreThanConsented, !actions.iter().all(meant));
        self.given = Some(Given {
            actions,
            ends_at: None,
            under: self.in_force,
        });
    }

    /// Compares what is remembered with what really happened, after a step is done.
    pub(crate) fn compare(&mut self) {
        self.breaks(
            Broken::HalfInForce,
            self.state.bundle != Some(self.in_force),
        );
        let Some(given) = &mut self.given else {
            return;
        };
        let Some(grant) = self.state.grants.values().next() else {
            return;
        };
        let ends_at = grant.state.expires_at();
        // its end is known once it has begun
        if given.ends_at.is_none() {
            given.ends_at = ends_at;
        }
        let same = grant.terms.actions.iter().map(ToString::to_string);
        let gained = !same.collect::<BTreeSet<_>>().is_subset(&given.actions)
            || (ends_at.is_some() && ends_at > given.ends_at);
        self.breaks(Broken::Gained, gained);
    }
}

//! What really happened, told by whoever watches people rather than accounts, and what must never be part of it.
use crate::organisation::{human, voice};
use domain::{
    event::Event,
    grant::GrantTerms,
    ids::{Digest, RequestId},
    request::Consent,
    state::State,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Broken {
    OwnRequest,
    HumanTwice,
    VoiceTwice,
    Unseen,
    OutOfOrder,
    AfterLapse,
    NotEligible,
    Incomplete,
}

/// What should be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reached {
    Granted,
    ByDeputy,
    ByManager,
    AfterEdit,
    Lapsed,
}

/// What really happened to a request, told by whoever watches people rather than accounts.
#[derive(Clone, Debug, PartialEq, Hash, Default)]
pub(crate) struct Truth {
    pub(crate) requester: Option<&'static str>,
    /// Human, voice and revision seen, in any order.
    pub(crate) consents: BTreeSet<(&'static str, &'static str, u32)>,
    pub(crate) digests: Vec<Digest>,
    pub(crate) sent_at: u8,
    pub(crate) granted: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) truths: BTreeMap<RequestId, Truth>,
    pub(crate) tick: u8,
    pub(crate) edits: u8,
    pub(crate) job_changes: u8,
    pub(crate) broken: BTreeSet<Broken>,
    pub(crate) reached: BTreeSet<Reached>,
}

impl Hash for World {
    /// What differs between states of this model, without the order in which consents came and the instants at which.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for request in self.state.requests.values() {
            let consents: BTreeSet<_> = request
                .consents
                .iter()
                .map(|c| (&c.by, &c.authority, c.stage))
                .collect();
            (
                request.number,
                request.revision,
                request.escalated,
                consents,
            )
                .hash(hasher);
        }
        let truths: Vec<_> = self.truths.values().collect();
        (
            truths,
            self.tick,
            self.edits,
            self.job_changes,
            &self.broken,
            &self.reached,
        )
            .hash(hasher);
    }
}

impl World {
    /// Notes what really happened.
    pub(crate) fn note(&mut self, event: &Event, account: &'static str) {
        match event {
            Event::RequestSubmitted {
                request, digest, ..
            } => {
                let truth = Truth {
                    requester: Some(human(account)),
                    digests: vec![*digest],
                    sent_at: self.tick,
                    ..Truth::default()
                };
                self.truths.insert(*request, truth);
            }
            Event::RequestEdited {
                request, digest, ..
            } => {
                let truth = self.truths.get_mut(request).expect("it was sent");
                truth.digests.push(*digest);
                truth.sent_at = self.tick;
            }
            Event::RequestExpired { .. } => {
                self.reached.insert(Reached::Lapsed);
            }
            Event::GrantScheduled { terms, .. } => self.note_grant(terms),
            _ => {}
        }
    }

    pub(crate) fn note_consent(
        &mut self,
        request: RequestId,
        account: &'static str,
        consent: &Consent,
        seen: usize,
    ) {
        let truth = self.truths.get_mut(&request).expect("it was sent");
        let (by, authority) = (human(account), voice(&consent.authority));
        let requester = truth.requester.expect("somebody asked");
        let mut broken = |what, so: bool| {
            if so {
                self.broken.insert(what);
            }
        };
        let current = truth
            .consents
            .iter()
            .filter(|(_, _, revision)| *revision as usize == truth.digests.len());
        let before: Vec<_> = current.copied().collect();
        broken(
            Broken::OwnRequest,
            by == requester || authority == requester,
        );
        broken(
            Broken::HumanTwice,
            before.iter().any(|(human, _, _)| *human == by),
        );
        broken(
            Broken::VoiceTwice,
            before.iter().any(|(_, voice, _)| *voice == authority),
        );
        broken(Broken::Unseen, seen != truth.digests.len());
        // only the owner of the data speaks in the first stage
        let owner_spoke = before.iter().any(|(_, voice, _)| *voice == "cyd");
        broken(Broken::OutOfOrder, authority != "cyd" && !owner_spoke);
        if by != authority {
            self.reached.insert(if by == "mia" {
                Reached::ByManager
            } else {
                Reached::ByDeputy
            });
        }
        let revision = u32::try_from(seen).unwrap_or(u32::MAX);
        truth.consents.insert((by, authority, revision));
    }

    fn note_grant(&mut self, terms: &GrantTerms) {
        let truth = self.truths.get_mut(&terms.request).expect("it was sent");
        truth.granted = true;
        self.reached.insert(Reached::Granted);
        if truth.digests.len() > 1 {
            self.reached.insert(Reached::AfterEdit);
        }
        let requester = truth.requester.expect("somebody asked");
        if requester == "ada" && self.job_changes > 0 {
            self.broken.insert(Broken::NotEligible);
        }
        if self.tick - truth.sent_at >= 2 {
            self.broken.insert(Broken::AfterLapse);
        }
        // the last consent is noted after its grant: two others must have seen this revision
        let revision = u32::try_from(truth.digests.len()).unwrap_or(u32::MAX);
        let seen = truth
            .consents
            .iter()
            .filter(|consent| consent.2 == revision);
        if seen.count() < 2 {
            self.broken.insert(Broken::Incomplete);
        }
    }
}

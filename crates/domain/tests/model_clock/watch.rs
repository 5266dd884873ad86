//! What was promised about time when each thing was said, in half hours and apart from the state, and what must never be so.
use domain::{
    event::Event,
    fixture::NOW,
    grant::EndReason,
    ids::CredentialId,
    state::State,
    time::{Seconds, Timestamp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

/// A reading of the clock: half hours after [`NOW`].
pub(crate) type Tick = u16;

/// Every reading there is; the last is days ahead, where nothing of this model is left.
pub(crate) const READINGS: [Tick; 7] = [0, 1, 2, 3, 4, 6, 200];

/// How long a grant is asked for, and how much more.
pub(crate) const ASKED: Tick = 2;
/// The most that may lie ahead of a grant.
pub(crate) const MOST: Tick = 3;
/// First and last half hour in which the privilege may be active.
pub(crate) const WINDOW: (Tick, Tick) = (0, 8);
/// Nothing is changed in these half hours.
pub(crate) const FREEZE: (Tick, Tick) = (6, 7);

pub(crate) fn at(tick: Tick) -> Timestamp {
    NOW.plus(Seconds::from_minutes(30 * u32::from(tick)))
}

pub(crate) fn tick(at: Timestamp) -> Tick {
    let half_hours = at.seconds_since(NOW).0 / 1_800;
    Tick::try_from(half_hours).unwrap_or(Tick::MAX)
}

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Broken {
    Back,
    TwiceEnded,
    Gap,
    TooMuchAhead,
    HoldLengthens,
    OutsideHours,
    Outlives,
    WrongReason,
    TooEarly,
}

/// What should be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reached {
    Expired,
    Returned,
    Revoked,
    ExpiredOnHold,
    Extended,
    Resumed,
    Superseded,
    BegunLate,
    WorkedAfterFallBack,
}

/// The grant, as whoever listened would tell it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Told {
    Nothing,
    Scheduled { starts: Tick },
    Active { begun: Tick, ends: Tick },
    Held { begun: Tick, ends: Tick },
    Ended,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct World {
    pub(crate) state: State,
    /// What the wall clock shows.
    pub(crate) wall: Tick,
    /// The latest instant on record.
    pub(crate) recorded: Tick,
    pub(crate) turns: u8,
    pub(crate) told: Told,
    /// Ends of credentials, as told when they were issued.
    pub(crate) credentials: BTreeMap<CredentialId, Tick>,
    pub(crate) holds: u8,
    pub(crate) asked_for_more: u8,
    pub(crate) broken: BTreeSet<Broken>,
    pub(crate) reached: BTreeSet<Reached>,
}

impl Hash for World {
    /// What differs between states of this model.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for request in self.state.requests.values() {
            let (sent, lapses) = (request.sent_at, request.expires_at);
            (request.number, request.digest, sent, lapses).hash(hasher);
        }
        for grant in self.state.grants.values() {
            // the promises are compared with it after every step, so only its kind and what they don't tell is left
            std::mem::discriminant(&grant.state).hash(hasher);
            (grant.state.expires_at(), grant.extensions).hash(hasher);
        }
        let ends: Vec<_> = self.credentials.values().collect();
        (
            (self.wall, self.recorded, self.turns, &self.told, ends),
            (self.holds, self.asked_for_more),
            (&self.broken, &self.reached),
        )
            .hash(hasher);
    }
}

impl World {
    fn breaks(&mut self, what: Broken, so: bool) {
        if so {
            self.broken.insert(what);
        }
    }

    /// Notes what was said at this reading.
    pub(crate) fn note(&mut self, event: &Event, now: Tick) {
        match (event, self.told.clone()) {
            (Event::GrantScheduled { starts_at, .. }, _) => {
                self.told = Told::Scheduled {
                    starts: tick(*starts_at),
                };
            }
            (Event::GrantActivated { expires_at, .. }, told) => {
                self.note_begin(&told, now, tick(*expires_at));
            }
            (Event::GrantExtended { expires_at, .. }, told) => {
                self.note_extension(&told, now, tick(*expires_at));
            }
            (Event::GrantHeld { .. }, Told::Active { begun, ends }) => {
                self.told = Told::Held { begun, ends };
            }
            (Event::GrantResumed { .. }, Told::Held { begun, ends }) => {
                self.breaks(Broken::Back, ends <= now);
                self.told = Told::Active { begun, ends };
                self.reached.insert(Reached::Resumed);
            }
            (Event::GrantResumed { .. } | Event::GrantHeld { .. }, _) => {
                self.broken.insert(Broken::Back);
            }
            (Event::GrantEnded { reason, .. }, told) => self.note_end(&told, now, *reason),
            (
                Event::CredentialIssued {
                    credential,
                    expires_at,
                    ..
                },
                told,
            ) => {
                let ends = tick(*expires_at);
                self.breaks(Broken::Outlives, told.ends().is_none_or(|end| end < ends));
                self.credentials.insert(*credential, ends);
            }
            _ => {}
        }
    }

    /// The whole time lies in the hours of the privilege.
    fn within_hours(&mut self, from: Tick, to: Tick) {
        let in_window = WINDOW.0 <= from && to <= WINDOW.1;
        let frozen = FREEZE.0 < to && from < FREEZE.1;
        self.breaks(Broken::OutsideHours, !in_window || frozen);
    }

    fn note_begin(&mut self, told: &Told, now: Tick, ends: Tick) {
        let Told::Scheduled { starts } = told else {
            self.broken.insert(Broken::Back);
            return;
        };
        self.breaks(Broken::TooEarly, now < *starts);
        self.breaks(Broken::TooMuchAhead, ends != now.saturating_add(ASKED));
        self.within_hours(now, ends);
        self.told = Told::Active { begun: now, ends };
        if now > *starts {
            self.reached.insert(Reached::BegunLate);
        }
    }

    fn note_extension(&mut self, told: &Told, now: Tick, to: Tick) {
        let Told::Active { begun, ends } = *told else {
            self.broken.insert(Broken::Back);
            return;
        };
        self.breaks(Broken::Back, ends <= now);
        self.breaks(Broken::Gap, to != ends.saturating_add(ASKED));
        self.breaks(Broken::TooMuchAhead, to > now.saturating_add(MOST));
        self.within_hours(ends, to);
        self.told = Told::Active { begun, ends: to };
        self.reached.insert(Reached::Extended);
    }

    fn note_end(&mut self, told: &Told, now: Tick, reason: EndReason) {
        self.breaks(Broken::TwiceEnded, *told == Told::Ended);
        let over = told.ends().is_some_and(|ends| ends <= now);
        self.breaks(Broken::WrongReason, over != (reason == EndReason::Expired));
        let held = matches!(told, Told::Held { .. });
        self.reached.extend(match reason {
            EndReason::Expired if held => Some(Reached::ExpiredOnHold),
            EndReason::Expired => Some(Reached::Expired),
            EndReason::Returned => Some(Reached::Returned),
            EndReason::Revoked => Some(Reached::Revoked),
            EndReason::Superseded => Some(Reached::Superseded),
            EndReason::Contained => None,
        });
        self.told = Told::Ended;
    }

    /// Compares what is remembered with what was told, after a step is done.
    pub(crate) fn compare(&mut self) {
        let Some(grant) = self.state.grants.values().next() else {
            return;
        };
        let remembered = grant.state.expires_at().map(tick);
        self.breaks(Broken::HoldLengthens, remembered > self.told.ends());
    }
}

impl Told {
    pub(crate) fn ends(&self) -> Option<Tick> {
        match self {
            Self::Active { ends, .. } | Self::Held { ends, .. } => Some(*ends),
            Self::Nothing | Self::Scheduled { .. } | Self::Ended => None,
        }
    }

    /// Whether anybody may use it at this reading.
    pub(crate) fn usable_at(&self, reading: Tick) -> bool {
        match self {
            Self::Active { begun, ends } => *begun <= reading && reading < *ends,
            Self::Held { .. } | Self::Nothing | Self::Scheduled { .. } | Self::Ended => false,
        }
    }
}

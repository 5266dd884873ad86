//! Who could do what at an instant, read from a state: what each grant lends, and whether it may be used just then.
use crate::{
    grant::{EndReason, Grant, GrantState, HoldReason},
    state::State,
    time::Timestamp,
};

/// What a grant lent at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access<'s> {
    /// The grant: whose, what, on what, on whose word.
    pub grant: &'s Grant,
    /// Whether it could be used.
    pub standing: Standing,
}

/// Whether a grant could be used at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It could.
    Usable {
        /// Since when.
        since: Timestamp,
        /// First instant at which it is over.
        until: Timestamp,
    },
    /// It was agreed and hadn't begun.
    Scheduled {
        /// When it was to begin.
        starts_at: Timestamp,
    },
    /// It was on hold.
    Held {
        /// Why.
        because: HoldReason,
        /// First instant at which it is over.
        until: Timestamp,
    },
    /// It ran, in a restored copy that gave nothing yet.
    Quarantined {
        /// First instant at which it is over.
        until: Timestamp,
    },
    /// It was over, and what it had made was not yet read back as gone.
    Over {
        /// Why; `None` if its time was over and that wasn't on record yet.
        reason: Option<EndReason>,
        /// Since when.
        at: Timestamp,
    },
}

impl Standing {
    /// Whether it could be used.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Usable { .. })
    }

    /// Its name, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usable { .. } => "usable",
            Self::Scheduled { .. } => "scheduled",
            Self::Held { .. } => "held",
            Self::Quarantined { .. } => "quarantined",
            Self::Over { .. } => "over",
        }
    }

    /// First instant at which it is over, where that is known.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Usable { until, .. } | Self::Held { until, .. } | Self::Quarantined { until } => {
                Some(until)
            }
            Self::Over { at, .. } => Some(at),
            Self::Scheduled { .. } => None,
        }
    }
}

impl State {
    /// How `grant` stands at `now`. An end is an end at its instant, whether or not it is on record yet.
    pub fn standing(&self, grant: &Grant, now: Timestamp) -> Standing {
        match grant.state {
            GrantState::Scheduled { starts_at } => Standing::Scheduled { starts_at },
            GrantState::Ended { reason, at } => Standing::Over {
                reason: Some(reason),
                at,
            },
            GrantState::Active { expires_at, .. } | GrantState::Held { expires_at, .. }
                if expires_at <= now =>
            {
                Standing::Over {
                    reason: None,
                    at: expires_at,
                }
            }
            GrantState::Held {
                because,
                expires_at: until,
                ..
            } => Standing::Held { because, until },
            GrantState::Active {
                expires_at: until, ..
            } if self.quarantine.is_some() => Standing::Quarantined { until },
            GrantState::Active {
                since,
                expires_at: until,
            } => Standing::Usable { since, until },
        }
    }

    /// What every grant lends at `now`, by number, newest first.
    pub fn access(&self, now: Timestamp) -> Vec<Access<'_>> {
        let mut lent: Vec<Access<'_>> = self
            .grants
            .values()
            .map(|grant| Access {
                grant,
                standing: self.standing(grant, now),
            })
            .collect();
        lent.sort_by_key(|access| std::cmp::Reverse(access.grant.terms.number));
        lent
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        command::Command,
        fixture::{NOW, ask, text},
        play::Play,
        request::{Ask, Start},
        time::Seconds,
    };
    use std::fmt::Write as _;

    fn told(play: &Play) -> String {
        let mut told = String::new();
        for access in play.state.access(play.now) {
            let terms = &access.grant.terms;
            let until = access.standing.until();
            let until = until.map(|at| at.seconds_since(NOW).to_string());
            let _ = writeln!(
                told,
                "{} {} {} {}",
                terms.number,
                terms.holder,
                access.standing.name(),
                until.unwrap_or_default()
            );
        }
        told
    }

    #[test]
    fn a_grant_can_be_used_from_its_activation_to_the_instant_of_its_end_on_record_or_not() {
        let mut play = Play::new();
        assert_eq!(told(&play), "");
        play.submit("ada", &ask("edit-flow"));
        play.approve("cyd");
        assert_eq!(told(&play), "");
        play.approve("bob");
        assert_eq!(told(&play), "G-1 ada usable 1 hour\n");
        let grant = play.grant();
        let mut held = play.clone();
        let comment = text("what is this?");
        held.give("eve", &Command::HoldGrant { grant, comment });
        assert_eq!(told(&held), "G-1 ada held 1 hour\n");
        play.now = NOW.plus(Seconds(3_599));
        assert_eq!(told(&play), "G-1 ada usable 1 hour\n");
        play.now = NOW.plus(Seconds(3_601));
        assert_eq!(told(&play), "G-1 ada over 1 hour\n");
        play.give("system", &Command::ExpireGrant { grant });
        // nothing of it lives in a target, so it is closed at once
        assert_eq!(told(&play), "");
    }

    #[test]
    fn a_grant_that_has_not_begun_is_told_as_such() {
        let mut play = Play::new();
        let ask = Ask {
            start: Start::At(NOW.plus(Seconds(7_200))),
            ..ask("edit-flow")
        };
        play.submit("ada", &ask);
        play.approve("cyd");
        play.approve("bob");
        assert_eq!(told(&play), "G-1 ada scheduled \n");
    }

    #[test]
    fn a_restored_copy_lends_nothing_until_it_was_compared() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        play.approve("cyd");
        play.approve("bob");
        crate::evolve::evolve(
            &mut play.state,
            &crate::event::Event::QuarantineBegun {
                copied: 3,
                platforms: Vec::new(),
            },
            play.now,
        );
        assert_eq!(told(&play), "G-1 ada quarantined 1 hour\n");
    }
}

//! Is the time right: how long, from when, in a window, outside freezes; and for more time, on top of what.
use super::{Lends, Look, passed};
use crate::{
    catalog::{ActionKind, Catalog, Freeze},
    grant::GrantState,
    ids::TargetId,
    precheck::Finding,
    refusal::Refused,
    request::Start,
    time::Seconds,
    window::{Stretch, covers, next_opening},
};
use std::collections::BTreeSet;

/// Shortest loan.
const GRANT_SECONDS_MIN: Seconds = Seconds::from_minutes(1);

pub(super) fn duration(look: &Look<'_>) -> Vec<Finding> {
    let max = match look.longest() {
        Ok(max) => max,
        Err(refused) => return vec![Finding::MustFix(refused)],
    };
    // for more time, what counts is how much would lie ahead
    let asked = match look.extended() {
        Some(_) => look.stretch().ends_at.seconds_since(look.now),
        None => look.ask.duration,
    };
    vec![if look.ask.duration < GRANT_SECONDS_MIN {
        Finding::MustFix(Refused::TooShort)
    } else if asked > max {
        Finding::MustFix(Refused::TooLong { asked, max })
    } else {
        passed(
            "duration",
            format!("{asked} is within the {max} it is lent for at most."),
        )
    }]
}

pub(super) fn start(look: &Look<'_>) -> Vec<Finding> {
    let max = look.catalog.terms.start_ahead_max;
    match look.ask.start {
        Start::Now => Vec::new(),
        Start::At(_) if look.is_break_glass() || look.extended().is_some() => Vec::new(),
        Start::At(at) if at > look.now.plus(max) => {
            vec![Finding::MustFix(Refused::TooFarAhead { max })]
        }
        Start::At(at) if at < look.now => vec![Finding::TakeCare {
            rule: "start",
            text: "The start you chose is past.".to_owned(),
            advice:
                "It will begin with the last consent; choose a later start if that is too early."
                    .to_owned(),
        }],
        Start::At(_) => vec![passed(
            "start",
            "It begins at the time you chose, if consent is given by then.",
        )],
    }
}

pub(super) fn extension(look: &Look<'_>) -> Vec<Finding> {
    let Some(id) = look.extends() else {
        return Vec::new();
    };
    let no = |refused| vec![Finding::MustFix(refused)];
    let Some(grant) = look.extended() else {
        return no(Refused::NoLiveGrant { grant: id });
    };
    let terms = &grant.terms;
    let same = terms.holder == look.person.id
        && terms.privilege == look.ask.privilege
        && terms.targets == look.ask.targets
        && Lends::from(terms).is_within(&Lends::from(look.privilege));
    if !same {
        return no(Refused::ExtensionMismatch { grant: id });
    }
    match &grant.state {
        GrantState::Active { expires_at, .. } if *expires_at > look.now => {
            vec![passed(
                "extension",
                "The grant is active; its end would move without a gap.",
            )]
        }
        GrantState::Active { expires_at, .. } => no(Refused::Over {
            ended_at: *expires_at,
        }),
        GrantState::Ended { at, .. } => no(Refused::Over { ended_at: *at }),
        GrantState::Held { .. } => no(Refused::OnHold),
        GrantState::Scheduled { .. } => no(Refused::NothingToExtend { grant: id }),
    }
}

pub(super) fn window(look: &Look<'_>) -> Vec<Finding> {
    let windows = &look.privilege.windows;
    if windows.is_empty() {
        return Vec::new();
    }
    let stretch = look.stretch();
    vec![if covers(windows, stretch) {
        passed("window", "The whole time lies in an allowed window.")
    } else if look.is_break_glass() {
        Finding::TakeCare {
            rule: "window",
            text: "This is outside the allowed windows.".to_owned(),
            advice: "An emergency may be; say in your answers why it can't wait.".to_owned(),
        }
    } else {
        Finding::MustFix(Refused::OutsideWindow {
            next: next_opening(windows, stretch.starts_at, look.ask.duration),
        })
    }]
}

pub(super) fn freeze(look: &Look<'_>) -> Vec<Finding> {
    if !matches!(
        look.catalog.farthest(look.privilege),
        ActionKind::Change | ActionKind::Administer
    ) {
        return Vec::new();
    }
    let freeze = look.catalog.freeze(&look.ask.targets, look.stretch());
    match freeze {
        None => Vec::new(),
        Some(freeze) if look.is_break_glass() => vec![Finding::TakeCare {
            rule: "freeze",
            text: format!("A change freeze is on: {}.", freeze.why),
            advice: "An emergency may change things all the same; say in your answers why it can't wait.".to_owned(),
        }],
        Some(freeze) => vec![Finding::MustFix(Refused::Frozen {
            why: freeze.why.clone(),
            until: freeze.ends_at,
        })],
    }
}

impl Catalog {
    /// The first freeze that lies over one of these targets in this stretch.
    pub fn freeze(&self, targets: &BTreeSet<TargetId>, stretch: Stretch) -> Option<&Freeze> {
        let over = |freeze: &&Freeze| {
            let overlaps = freeze.starts_at < stretch.ends_at && stretch.starts_at < freeze.ends_at;
            let mut known = targets.iter().filter_map(|id| self.targets.get(id));
            overlaps
                && known.any(|target| {
                    let platforms = &freeze.platforms;
                    freeze.environments.contains(&target.environment)
                        && (platforms.is_empty() || platforms.contains(&target.platform))
                })
        };
        self.freezes.iter().find(over)
    }
}

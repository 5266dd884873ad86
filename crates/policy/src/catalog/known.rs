//! Which ids are declared, and which are used: a use without a declaration is a mistake, and the nearest declared id is suggested.
use crate::mistake::{Mistake, Place, did_you_mean};
use std::collections::BTreeMap;

/// Kinds of things that have ids in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Action,
    Conflict,
    Duty,
    Group,
    JobRole,
    Lesson,
    Platform,
    Privilege,
    Project,
    Target,
    Team,
}

impl Kind {
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Conflict => "conflict",
            Self::Duty => "duty",
            Self::Group => "group",
            Self::JobRole => "job role",
            Self::Lesson => "lesson",
            Self::Platform => "platform",
            Self::Privilege => "privilege",
            Self::Project => "project",
            Self::Target => "target",
            Self::Team => "team",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Action => "actions",
            Self::Conflict => "conflicts",
            Self::Duty => "duties",
            Self::Group => "groups",
            Self::JobRole => "job roles",
            Self::Lesson => "lessons",
            Self::Platform => "platforms",
            Self::Privilege => "privileges",
            Self::Project => "projects",
            Self::Target => "targets",
            Self::Team => "teams",
        }
    }
}

/// An id that is used somewhere.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) kind: Kind,
    /// The platform it must be in; empty means anywhere.
    pub(crate) within: String,
    pub(crate) id: String,
    pub(crate) place: Place,
}

/// Declared and used ids.
#[derive(Debug, Default)]
pub(crate) struct Known {
    declared: BTreeMap<(Kind, String), BTreeMap<String, Place>>,
    claims: Vec<Claim>,
}

impl Known {
    /// Remembers a declaration, unless there is one already: then that one's place comes back.
    pub(crate) fn declare(
        &mut self,
        kind: Kind,
        within: &str,
        id: &str,
        place: &Place,
    ) -> Option<Place> {
        let ids = self.declared.entry((kind, within.to_owned())).or_default();
        let first = ids.get(id).cloned();
        if first.is_none() {
            ids.insert(id.to_owned(), place.clone());
        }
        first
    }

    pub(crate) fn claim(&mut self, claim: Claim) {
        self.claims.push(claim);
    }

    /// Whether an id is declared.
    pub(crate) fn has(&self, kind: Kind, within: &str, id: &str) -> bool {
        self.ids(kind, within).any(|known| known == id)
    }

    /// The declared ids of a kind.
    pub(crate) fn ids(&self, kind: Kind, within: &str) -> impl Iterator<Item = &str> {
        self.declared
            .get(&(kind, within.to_owned()))
            .into_iter()
            .flat_map(|ids| ids.keys().map(String::as_str))
    }

    /// The declared ids of a kind, wherever they are.
    pub(crate) fn ids_anywhere(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.declared
            .iter()
            .filter(move |((declared, _), _)| *declared == kind)
            .flat_map(|(_, ids)| ids.keys().map(String::as_str))
    }

    /// Where an id is declared.
    pub(crate) fn place(&self, kind: Kind, id: &str) -> Option<&Place> {
        self.declared.get(&(kind, String::new()))?.get(id)
    }

    /// Uses of ids that nobody declared.
    pub(crate) fn unmet(&self) -> Vec<Mistake> {
        self.claims
            .iter()
            .filter_map(|claim| self.check(claim))
            .collect()
    }

    /// What is wrong with the use of an id, if anything.
    pub(crate) fn check(&self, claim: &Claim) -> Option<Mistake> {
        let Claim {
            kind,
            within,
            id,
            place,
        } = claim;
        // an unknown platform is a mistake of its own; what is said to be in it can't be judged
        let judged = within.is_empty() || self.has(Kind::Platform, "", within);
        if !judged || self.has(*kind, within, id) {
            return None;
        }
        let what = kind.singular();
        if !within.is_empty() && self.has(*kind, "", id) {
            let message = format!("the {what} `{id}` is not in the platform `{within}`");
            return Some(place.mistake(message, None));
        }
        let message = if within.is_empty() {
            format!("there is no {what} `{id}`")
        } else {
            format!("there is no {what} `{id}` in the platform `{within}`")
        };
        Some(place.mistake(message, did_you_mean(id, self.ids(*kind, within))))
    }
}

//! What is lent under a name, apart from to whom and for how long. Two bundles may mean different things by one name, so what was
//! consented to under the one is compared with what the other gives.
use super::Look;
use crate::{
    catalog::{Budget, Privilege, Provisioning},
    grant::GrantTerms,
    ids::{ActionId, PlatformId},
    impact::score,
    request::{Request, RequestKind},
};
use std::collections::BTreeSet;

/// What is lent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lends<'a> {
    platform: &'a PlatformId,
    actions: &'a BTreeSet<ActionId>,
    provisioning: &'a Provisioning,
    budget: &'a Budget,
}

impl<'a> From<&'a Privilege> for Lends<'a> {
    fn from(privilege: &'a Privilege) -> Self {
        Self {
            platform: &privilege.platform,
            actions: &privilege.actions,
            provisioning: &privilege.provisioning,
            budget: &privilege.budget,
        }
    }
}

impl<'a> From<&'a GrantTerms> for Lends<'a> {
    fn from(terms: &'a GrantTerms) -> Self {
        Self {
            platform: &terms.platform,
            actions: &terms.actions,
            provisioning: &terms.provisioning,
            budget: &terms.budget,
        }
    }
}

impl Lends<'_> {
    /// Whether this is the other or less of it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.platform == other.platform
            && self.actions.is_subset(other.actions)
            && self.provisioning == other.provisioning
            && is_thriftier(self.budget, other.budget)
    }
}

/// Whether no meter of `one` goes farther than that of `other`.
fn is_thriftier(one: &Budget, other: &Budget) -> bool {
    let at_most = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(one), Some(other)) => one <= other,
    };
    // no destination named is every destination allowed
    let destinations = other.destinations.is_empty()
        || (!one.destinations.is_empty() && one.destinations.is_subset(&other.destinations));
    destinations
        && at_most(one.calls_max, other.calls_max)
        && at_most(one.bytes_max, other.bytes_max)
        && at_most(one.rows_max, other.rows_max)
        && at_most(one.refusals_max, other.refusals_max)
}

impl Look<'_> {
    /// Whether the rules in force mean more by this ask, or another thing, than those under which `request` was sent: what was
    /// said yes to then isn't what would be lent now.
    pub(crate) fn means_more_than(&self, request: &Request) -> bool {
        if request.bundle == self.state.bundle {
            return false;
        }
        let then = request.bundle.and_then(|b| self.state.catalogs.get(&b));
        let Some(then) = then else {
            return true;
        };
        let same_targets = self.ask.targets.iter().all(|target| {
            let native = |known: &crate::catalog::Target| known.native.clone();
            let now = self.catalog.targets.get(target).map(native);
            then.targets.get(target).map(native) == now
        });
        let riskier = score(&self.catalog.impact, &self.facts()).band > request.impact.band;
        // more time is for a grant whose terms are fixed: that they are still lent is asked elsewhere
        let more = match request.ask.kind {
            RequestKind::Extension(_) => false,
            RequestKind::New | RequestKind::BreakGlass => {
                let privilege = then.privileges.get(&request.ask.privilege);
                let today = Lends::from(self.privilege);
                !privilege.is_some_and(|then| today.is_within(&Lends::from(then)))
            }
        };
        more || riskier || !same_targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{ActionKind, Catalog, TableRight},
        fixture::{ask, catalog, edit_flow, id, ids, terms},
        ids::Digest,
        play::Play,
    };
    use std::sync::Arc;

    /// `ada` sends under the rules as they are, `bob` says yes, other rules come into force, and `cyd` says yes.
    #[track_caller]
    fn check(change: impl Fn(&mut Catalog), expected: &str) {
        const NEXT: Digest = Digest([0xb1; 32]);
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        play.approve("bob");
        let mut next = catalog();
        change(&mut next);
        play.state.learn(NEXT, Arc::new(next));
        play.state.bundle = Some(NEXT);
        let told = play.approve("cyd");
        let told = told.split("; ").last().unwrap_or_default();
        assert_eq!(told, expected);
    }

    const LENT: &str = "active until 1 hour";
    const CHANGED: &str = "no: the rules have changed since this request was sent";

    fn edit(catalog: &mut Catalog) -> &mut Privilege {
        catalog.privileges.get_mut(&id("edit-flow")).unwrap()
    }

    #[test]
    fn rules_that_mean_the_same_or_less_let_consents_stand() {
        check(|_| (), LENT);
        check(|c| edit(c).actions = ids("flow.read"), LENT);
        check(|c| edit(c).budget.calls_max = Some(4), LENT);
        check(
            |c| edit(c).budget.destinations = ["a".to_owned()].into(),
            LENT,
        );
        check(|c| c.impact.bands = [70, 80, 90], LENT);
    }

    #[test]
    fn consents_do_not_carry_over_to_rules_that_mean_more_by_the_same_name() {
        check(
            |c| edit(c).actions = ids("flow.read flow.change flow.run"),
            CHANGED,
        );
        check(|c| edit(c).platform = id("ledgerdb"), CHANGED);
        check(|c| edit(c).budget.calls_max = Some(6), CHANGED);
        check(|c| edit(c).budget.bytes_max = None, CHANGED);
        check(|c| edit(c).budget.rows_max = None, CHANGED);
        check(|c| edit(c).budget.refusals_max = Some(3), CHANGED);
        check(
            |c| {
                edit(c).provisioning = Provisioning::PostgresRole {
                    rights: [TableRight::Select].into(),
                }
            },
            CHANGED,
        );
        check(
            |c| {
                let flow = c.targets.get_mut(&id("nodered.invoices")).unwrap();
                flow.native = "f9".to_owned();
            },
            CHANGED,
        );
        // another target than the one asked for may be what it likes
        check(
            |c| {
                let flow = c.targets.get_mut(&id("nodered.invoices-test")).unwrap();
                flow.native = "f9".to_owned();
            },
            LENT,
        );
    }

    #[test]
    fn consents_do_not_carry_over_to_a_higher_band() {
        let riskier = |c: &mut Catalog| {
            let change = c.platforms.get_mut(&id("nodered")).unwrap();
            let change = change.actions.get_mut(&id("flow.change")).unwrap();
            change.kind = ActionKind::Administer;
        };
        check(riskier, CHANGED);
    }

    #[test]
    fn a_request_from_under_rules_nobody_knows_any_more_is_sent_again() {
        let mut play = Play::new();
        play.submit("ada", &ask("edit-flow"));
        play.approve("bob");
        let request = play.request();
        let open = play.state.requests.get_mut(&request).unwrap();
        open.bundle = Some(Digest([9; 32]));
        assert_eq!(play.approve("cyd"), CHANGED);
        let edit = crate::command::Command::EditRequest {
            request,
            ask: ask("edit-flow"),
            revision: 1,
        };
        assert_eq!(play.give("ada", &edit), "revision 2, voids bob");
        play.approve("bob");
        assert_eq!(play.approve("cyd").split("; ").last(), Some(LENT));
    }

    #[test]
    fn more_time_is_given_only_for_what_is_still_lent() {
        let mut play = Play::new();
        let grant = |play: &mut Play| {
            play.submit("ada", &ask("edit-flow"));
            play.approve("bob");
            play.approve("cyd");
            play.grant()
        };
        let more = crate::request::Ask {
            kind: RequestKind::Extension(grant(&mut play)),
            ..ask("edit-flow")
        };
        let mut asked = play.clone();
        asked.submit("ada", &more);
        asked.approve("bob");
        for play in [&mut play, &mut asked] {
            play.catalog(|catalog| edit(catalog).actions = ids("flow.read"));
        }
        let told = "no: an extension is for the same privilege and targets as its grant, and for its holder";
        assert_eq!(play.submit("ada", &more), told);
        assert_eq!(asked.approve("cyd"), told);
        // and what is lent more by now is no reason against more time for less
        asked.catalog(|c| edit(c).actions = ids("flow.read flow.change flow.run"));
        let told = asked.approve("cyd");
        assert!(told.ends_with("extended until 2 hours"), "{told}");
    }

    #[test]
    fn a_destination_less_is_less_and_none_named_is_all() {
        let with = |destinations: &[&str]| Budget {
            destinations: destinations.iter().map(|&d| d.to_owned()).collect(),
            ..Budget::default()
        };
        let within = |one: &[&str], other: &[&str]| is_thriftier(&with(one), &with(other));
        assert!(within(&["a"], &["a", "b"]));
        assert!(within(&["a"], &[]));
        assert!(within(&[], &[]));
        assert!(!within(&["a", "c"], &["a", "b"]));
        assert!(!within(&[], &["a"]));
    }

    #[test]
    fn the_terms_of_a_grant_are_what_its_privilege_lent() {
        let (privilege, terms) = (edit_flow(), terms(1, "ada", "edit-flow"));
        let (lends, lent) = (Lends::from(&privilege), Lends::from(&terms));
        assert!(lends.is_within(&lent) && lent.is_within(&lends));
    }
}

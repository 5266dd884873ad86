//! Who looks, and what they may see. Makers see what is theirs; approvers what they could decide or have decided; people with a
//! watching duty see all. Whatever somebody may not see does not exist for them.
use crate::{
    app::Shared,
    guard,
    sessions::{Door, Session},
    trouble::Trouble,
};
use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    ids::{AccountId, DutyId, PersonId, RequestId},
    request::Request,
    seats::Case,
    state::State,
    time::Timestamp,
};
use engine::views::{EntryRow, GrantRow, RequestRow};
use std::collections::BTreeSet;

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "remit_session";

/// A duty that this room knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Holds and ends grants of others.
    Security,
    /// Reads all evidence.
    Auditor,
    /// Answers for catalog and policy.
    Governance,
}

impl Watch {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Auditor => "auditor",
            Self::Governance => "governance",
        }
    }
}

/// A person who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) person: PersonId,
    pub(crate) account: AccountId,
    pub(crate) duties: BTreeSet<DutyId>,
    pub(crate) now: Timestamp,
}

impl Viewer {
    /// The human behind an account, if they may act.
    pub(crate) fn of(state: &State, account: &AccountId, now: Timestamp) -> Option<Self> {
        let person = state.directory.person_of(account)?;
        person.is_active().then(|| Self {
            person: person.id.clone(),
            account: account.clone(),
            duties: state
                .directory
                .duties_at(&person.id, now)
                .into_keys()
                .collect(),
            now,
        })
    }

    pub(crate) fn has(&self, watch: Watch) -> bool {
        self.duties.iter().any(|duty| duty.as_str() == watch.name())
    }

    /// Whether all requests, grants and entries are open to them.
    pub(crate) fn sees_all(&self) -> bool {
        [Watch::Security, Watch::Auditor, Watch::Governance]
            .into_iter()
            .any(|watch| self.has(watch))
    }

    /// Whether the page or list for people who watch is theirs.
    pub(crate) fn must_watch(&self, duties: &[Watch], needs: &'static str) -> Result<(), Trouble> {
        if duties.iter().any(|watch| self.has(*watch)) {
            Ok(())
        } else {
            Err(Trouble::NotYours { needs })
        }
    }

    /// Whether a consent of theirs would count now.
    pub(crate) fn could_decide(&self, state: &State, request: &Request) -> bool {
        Case::of(state, request, self.now).is_ok_and(|case| !case.offers(&self.person).is_empty())
    }

    /// Whether they may yet be asked for a consent, in this stage or a later one.
    fn could_decide_later(&self, state: &State, request: &Request) -> bool {
        Case::of(state, request, self.now).is_ok_and(|case| {
            case.open_seats()
                .iter()
                .any(|seat| seat.candidates.contains(&self.person))
        })
    }

    fn is_candidate(&self, state: &State, request: RequestId) -> bool {
        state.requests.get(&request).is_some_and(|request| {
            self.could_decide(state, request) || self.could_decide_later(state, request)
        })
    }

    /// Whether a request exists for them.
    pub(crate) fn sees_request(&self, state: &State, row: &RequestRow) -> bool {
        row.requester == self.person
            || self.sees_all()
            || row.consents.iter().any(|consent| consent.by == self.person)
            || row.conversation.iter().any(|turn| turn.by == self.person)
            || matches!(&row.standing, engine::views::RequestStanding::Denied { by, .. } if *by == self.person)
            || self.is_candidate(state, row.id)
    }

    /// Whether a grant exists for them.
    pub(crate) fn sees_grant(&self, state: &State, row: &GrantRow) -> bool {
        row.holder == self.person
            || self.sees_all()
            || row.approved_by.contains(&self.person)
            || self.answers_for(state, row)
            || self.manages(state, &row.holder)
            || self.could_review(state, row)
            || self.could_revoke(state, row)
    }

    /// Whether they answer for the data of a target or for the privilege.
    fn answers_for(&self, state: &State, row: &GrantRow) -> bool {
        state.catalog().is_some_and(|catalog| {
            let owned = |target| {
                catalog
                    .targets
                    .get(target)
                    .is_some_and(|target| target.data_owner == self.person)
            };
            row.targets.iter().any(owned)
                || catalog
                    .privileges
                    .get(&row.privilege)
                    .is_some_and(|privilege| privilege.owner == self.person)
        })
    }

    fn manages(&self, state: &State, holder: &PersonId) -> bool {
        let known = state.directory.persons.get(holder);
        known.is_some_and(|person| person.manager.as_ref() == Some(&self.person))
    }

    /// Whether an entry exists for them, apart from what its request and grant open.
    pub(crate) fn sees_entry(&self, row: &EntryRow) -> bool {
        self.sees_all() || row.person.as_ref() == Some(&self.person)
    }

    /// Whether a review of this grant is open and could be theirs: never their own use, nor one they approved.
    pub(crate) fn could_review(&self, state: &State, row: &GrantRow) -> bool {
        let due = state.reviews.get(&row.id);
        state.is_over(row.id)
            && due.is_some_and(|due| state.may_review(&self.person, due, self.now))
    }

    /// Whether they may end this grant as somebody else's.
    pub(crate) fn could_revoke(&self, state: &State, row: &GrantRow) -> bool {
        let live = state.grants.get(&row.id);
        live.is_some_and(|grant| state.may_revoke(&self.person, &grant.terms, self.now))
    }
}

/// A caller of the API, by bearer token.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) session: Session,
    pub(crate) viewer: Viewer,
}

/// A visitor of the pages, by cookie.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) session: Session,
    pub(crate) viewer: Viewer,
}

fn signed_in(portal: &Shared, secret: &str, door: Door) -> Result<(Session, Viewer), Trouble> {
    let now = portal.app.engine.now();
    let session = portal
        .sessions
        .find(secret, door, now)
        .ok_or(Trouble::SignedOut)?;
    let viewer = portal
        .app
        .engine
        .read(|state| Viewer::of(state, &session.account, now))
        .ok_or(Trouble::SignedOut)?;
    Ok((session, viewer))
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Trouble;
    async fn from_request_parts(parts: &mut Parts, portal: &Shared) -> Result<Self, Trouble> {
        let secret = guard::bearer(&parts.headers).ok_or(Trouble::SignedOut)?;
        let (session, viewer) = signed_in(portal, secret, Door::Api)?;
        Ok(Self { session, viewer })
    }
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Trouble;
    async fn from_request_parts(parts: &mut Parts, portal: &Shared) -> Result<Self, Trouble> {
        let secret = guard::cookie(&parts.headers, COOKIE).ok_or(Trouble::SignedOut)?;
        let (session, viewer) = signed_in(portal, secret, Door::Portal)?;
        Ok(Self { session, viewer })
    }
}

//! What must be true of any log, told without the engine's own words for it: a second, simple account of grants and credentials,
//! held against every entry as it comes to lie on the disk.
use domain::{
    event::Event,
    grant::CredentialKind,
    ids::{CredentialId, GrantId, PersonId, RequestId, UseId},
    time::Timestamp,
};
use engine::record::{Outcome, Recorded};
use std::collections::{BTreeMap, BTreeSet};

/// How much later than it should a use may be allowed on a monotonic clock, in milliseconds: what the wall clock may differ from
/// trusted time without being in doubt.
const SLACK_MS: i64 = 5_100;

/// What entries so far come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) entries: u64,
    pub(super) newest: Option<Timestamp>,
    pub(super) grants: BTreeMap<GrantId, Known>,
    pub(super) credentials: BTreeMap<CredentialId, Issued>,
    pub(super) uses: Vec<(GrantId, UseId)>,
    quarantined: bool,
    consents: BTreeMap<RequestId, BTreeSet<PersonId>>,
}

/// A grant.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) holder: PersonId,
    pub(super) standing: Standing,
    /// First instant at which it is over, once it began.
    pub(super) ends_at: Option<Timestamp>,
    /// When that was said: in which life of the server, by its monotonic clock, and how much of it was left.
    said: Option<Moment>,
    seconds: i64,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    life: u64,
    monotonic_ms: i64,
    left_ms: i64,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Scheduled,
    Active,
    Held,
    Ended,
    Closed,
}

/// A credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issued {
    pub(super) grant: GrantId,
    pub(super) in_target: bool,
    pub(super) stage: Stage,
    /// Which entry brought it.
    pub(super) entry: u64,
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Intended,
    Made,
    Leaving,
    Gone,
}

/// What the clocks show while an entry is decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) life: u64,
    pub(super) wall: Timestamp,
    pub(super) monotonic_ms: i64,
}

impl Model {
    /// Takes up the next entry.
    ///
    /// # Errors
    /// What must never be.
    pub(super) fn next(&mut self, recorded: &Recorded, now: Now) -> Result<(), String> {
        if recorded.entry != self.entries {
            return Err(format!(
                "entry {} comes where {} should",
                recorded.entry, self.entries
            ));
        }
        if self.newest.is_some_and(|newest| recorded.at < newest) {
            return Err("an entry is earlier than the one before it".to_owned());
        }
        self.entries += 1;
        self.newest = Some(recorded.at);
        let Outcome::Done(events) = &recorded.record.outcome else {
            return Ok(());
        };
        for event in events {
            let told = self.event(event, recorded.at, now, events);
            told.map_err(|broken| format!("{broken}, in entry {}: {event:?}", recorded.entry))?;
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: &Event,
        at: Timestamp,
        now: Now,
        all: &[Event],
    ) -> Result<(), String> {
        match event {
            Event::QuarantineBegun { .. } => self.quarantined = true,
            Event::QuarantineLifted { .. } => self.quarantined = false,
            Event::RequestEdited { request, .. } => {
                self.consents.remove(request);
            }
            Event::RequestApproved {
                request, consent, ..
            } => {
                let by = consent.by.clone();
                self.consents.entry(*request).or_default().insert(by);
            }
            Event::RequestSubmitted { .. } => self.free("a request")?,
            Event::UseAllowed {
                use_id,
                grant,
                holder,
                credential,
                ..
            } => {
                self.used(*grant, holder, *credential, at, now)?;
                self.uses.push((*grant, *use_id));
            }
            Event::CredentialIntended {
                grant,
                credential,
                kind,
            } => self.intended(*grant, *credential, kind)?,
            Event::CredentialIssued {
                grant,
                credential,
                kind,
                expires_at,
            } => {
                let leaves = all.iter().any(|event| {
                    matches!(event, Event::CredentialRemovalIntended { credential: leaving, .. } if leaving == credential)
                });
                self.issued((*grant, *credential), kind, *expires_at, leaves)?;
            }
            Event::CredentialRemovalIntended { credential, .. }
            | Event::CredentialMissing { credential, .. } => {
                self.credential(*credential)?.stage = Stage::Leaving;
            }
            Event::CredentialRemoved { credential, .. } => {
                let credential = self.credential(*credential)?;
                if credential.stage != Stage::Leaving {
                    return Err("a credential is gone that nobody took away".to_owned());
                }
                credential.stage = Stage::Gone;
            }
            _ => return self.grant_event(event, at, now),
        }
        Ok(())
    }

    fn grant_event(&mut self, event: &Event, at: Timestamp, now: Now) -> Result<(), String> {
        match event {
            Event::GrantScheduled { terms, .. } => {
                self.free("a grant")?;
                if terms.approved_by.contains(&terms.holder) {
                    return Err("somebody lends to themselves".to_owned());
                }
                let consents = self.consents.remove(&terms.request).unwrap_or_default();
                if !terms.break_glass && (terms.approved_by != consents || consents.len() < 2) {
                    return Err(format!("it rests on {consents:?}"));
                }
                let known = Known {
                    holder: terms.holder.clone(),
                    standing: Standing::Scheduled,
                    ends_at: None,
                    said: None,
                    seconds: i64::from(terms.duration.0),
                };
                if self.grants.insert(terms.id, known).is_some() {
                    return Err("a grant is made twice".to_owned());
                }
            }
            Event::GrantActivated { grant, expires_at } => {
                self.free("a beginning")?;
                let most = at.0 + self.known(*grant)?.seconds * 1_000;
                if expires_at.0 > most {
                    return Err("a grant begins longer than it is".to_owned());
                }
                self.moves(*grant, &[Standing::Scheduled], Standing::Active)?;
                self.runs_until(*grant, *expires_at, at, now)?;
            }
            Event::GrantExtended {
                grant, expires_at, ..
            } => {
                self.free("more time")?;
                let known = self.known(*grant)?;
                if known.ends_at.is_none_or(|ends_at| *expires_at < ends_at) {
                    return Err("more time is less".to_owned());
                }
                if !matches!(known.standing, Standing::Active | Standing::Held) {
                    return Err("more time for what doesn't run".to_owned());
                }
                self.runs_until(*grant, *expires_at, at, now)?;
            }
            Event::GrantHeld { grant, .. } => {
                self.moves(*grant, &[Standing::Active], Standing::Held)?;
            }
            Event::GrantResumed { grant, .. } => {
                self.free("a resumption")?;
                self.moves(*grant, &[Standing::Held], Standing::Active)?;
                self.in_time(*grant, at, now)?;
            }
            Event::GrantEnded { grant, .. } => {
                let from = [Standing::Scheduled, Standing::Active, Standing::Held];
                self.moves(*grant, &from, Standing::Ended)?;
            }
            Event::GrantClosed { grant, .. } => {
                self.moves(*grant, &[Standing::Ended], Standing::Closed)?;
                let mut of = self.credentials.values();
                if of.any(|c| c.grant == *grant && c.in_target && c.stage != Stage::Gone) {
                    return Err("a grant is closed with something left".to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A use must be of an active grant, within its term by every clock, under a credential of it.
    fn used(
        &self,
        grant: GrantId,
        holder: &PersonId,
        credential: Option<CredentialId>,
        at: Timestamp,
        now: Now,
    ) -> Result<(), String> {
        self.free("a use")?;
        let known = self.grants.get(&grant).ok_or("a use of no grant")?;
        if known.standing != Standing::Active {
            return Err(format!("a use of a grant that is {:?}", known.standing));
        }
        if known.holder != *holder {
            return Err("a use by somebody else".to_owned());
        }
        let issued = credential.and_then(|credential| self.credentials.get(&credential));
        if issued.is_none_or(|issued| issued.grant != grant) {
            return Err("a use under no credential of it".to_owned());
        }
        self.in_time(grant, at, now)
    }

    fn in_time(&self, grant: GrantId, at: Timestamp, now: Now) -> Result<(), String> {
        let known = self.grants.get(&grant).ok_or("no such grant")?;
        let ends_at = known.ends_at.ok_or("it never began")?;
        if at >= ends_at {
            return Err("it is over by the ledger's own time".to_owned());
        }
        if now.wall >= ends_at {
            return Err("it is over by the wall clock".to_owned());
        }
        let Some(said) = known.said.filter(|said| said.life == now.life) else {
            return Ok(());
        };
        let elapsed = now.monotonic_ms - said.monotonic_ms;
        if elapsed - elapsed / 2_000 > said.left_ms + SLACK_MS {
            return Err("it is over by the monotonic clock".to_owned());
        }
        Ok(())
    }

    fn intended(
        &mut self,
        grant: GrantId,
        credential: CredentialId,
        kind: &CredentialKind,
    ) -> Result<(), String> {
        self.free("a credential")?;
        if self.known(grant)?.standing != Standing::Active {
            return Err("a credential is intended for what isn't active".to_owned());
        }
        let issued = Issued {
            grant,
            in_target: kind.lives_in_target(),
            stage: Stage::Intended,
            entry: self.entries,
        };
        if self.credentials.insert(credential, issued).is_some() {
            return Err("a credential is intended twice".to_owned());
        }
        Ok(())
    }

    fn issued(
        &mut self,
        (grant, credential): (GrantId, CredentialId),
        kind: &CredentialKind,
        expires_at: Timestamp,
        leaves: bool,
    ) -> Result<(), String> {
        let quarantined = self.quarantined;
        let known = self.known(grant)?;
        let usable = known.standing == Standing::Active && !quarantined;
        if !usable && !leaves {
            return Err("a credential is made for what isn't active".to_owned());
        }
        if usable && known.ends_at.is_none_or(|ends_at| expires_at > ends_at) {
            return Err("a credential outlives its grant".to_owned());
        }
        let in_target = kind.lives_in_target();
        match self.credentials.get_mut(&credential) {
            Some(issued) if issued.grant == grant => issued.stage = Stage::Made,
            Some(_) => return Err("a credential changes its grant".to_owned()),
            None if in_target => return Err("a credential is made that nobody intended".to_owned()),
            None => {
                let issued = Issued {
                    grant,
                    in_target,
                    stage: Stage::Made,
                    entry: self.entries,
                };
                self.credentials.insert(credential, issued);
            }
        }
        Ok(())
    }

    /// Nothing is given in a quarantine.
    fn free(&self, what: &str) -> Result<(), String> {
        if self.quarantined {
            return Err(format!("{what} in a quarantine"));
        }
        Ok(())
    }

    fn moves(&mut self, grant: GrantId, from: &[Standing], to: Standing) -> Result<(), String> {
        let known = self.known(grant)?;
        if !from.contains(&known.standing) {
            return Err(format!("a grant goes from {:?} to {to:?}", known.standing));
        }
        known.standing = to;
        Ok(())
    }

    fn runs_until(
        &mut self,
        grant: GrantId,
        ends_at: Timestamp,
        at: Timestamp,
        now: Now,
    ) -> Result<(), String> {
        let known = self.known(grant)?;
        known.ends_at = Some(ends_at);
        known.said = Some(Moment {
            life: now.life,
            monotonic_ms: now.monotonic_ms,
            left_ms: ends_at.0 - at.0,
        });
        Ok(())
    }

    fn known(&mut self, grant: GrantId) -> Result<&mut Known, String> {
        self.grants
            .get_mut(&grant)
            .ok_or_else(|| "no such grant".to_owned())
    }

    fn credential(&mut self, credential: CredentialId) -> Result<&mut Issued, String> {
        self.credentials
            .get_mut(&credential)
            .ok_or_else(|| "no such credential".to_owned())
    }
}

//! Who could fill which seat, and which are filled. A human fills one seat of a whole request, and an authority counts once: a
//! deputy and the person they stand for are one voice. Stages open in order, and a consent counts in the stage that was open when
//! it was given, so nobody's word is moved to a step they had not reached.
use crate::{
    catalog::{Catalog, Privilege, SeatHolder, SeatRule, Stage},
    directory::{Delegation, Directory},
    ids::{DutyId, PersonId, SeatId, TargetId},
    matching::{Place, Seating, Table},
    refusal::Refused,
    request::{Consent, OpenSeat, Request},
    state::State,
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// A duty that answers for data: what a delegation names to pass on a data owner's seat, and what a filled one is recorded as.
pub const DATA_OWNER: &str = "data-owner";
/// As [`DATA_OWNER`], for the governance owner of a privilege.
pub const GOVERNANCE_OWNER: &str = "governance-owner";

/// Everything that decides who may sit where.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Who is who.
    pub directory: &'a Directory,
    /// Who asks: barred in person and through deputies.
    pub requester: &'a PersonId,
    /// Who answers for the privilege.
    pub governance_owner: &'a PersonId,
    /// Who answers for the data of the targets.
    pub data_owners: BTreeSet<PersonId>,
    /// Whose consent is needed.
    pub stages: &'a [Stage],
    /// Whose was given.
    pub consents: &'a [Consent],
    /// Whether those who stand in for a silent data owner may decide.
    pub escalated: bool,
    /// The moment in question.
    pub now: Timestamp,
}

/// A consent somebody could give in the open stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who would give it.
    pub by: PersonId,
    /// Whose duty they would use.
    pub authority: PersonId,
    /// The stage.
    pub stage: u32,
    /// The seats it could fill, and as which holder.
    pub seats: BTreeMap<SeatId, BTreeSet<SeatHolder>>,
}

/// A seat rule, opened out into what the matching needs.
struct Rule<'a> {
    stage: u32,
    seat: &'a SeatRule,
    table: Table,
    entries: Vec<Entry<'a>>,
}

/// One way to sit at a rule: as this holder, and where each data owner has a seat of their own, for this one.
#[derive(Clone)]
struct Entry<'a> {
    holder: &'a SeatHolder,
    owner: Option<PersonId>,
}

impl<'a> Case<'a> {
    /// The case of an open request under the catalog in force.
    ///
    /// # Errors
    ///
    /// Refuses when the bundle or the privilege is gone.
    pub fn of(state: &'a State, request: &'a Request, now: Timestamp) -> Result<Self, Refused> {
        let catalog = state.catalog().ok_or(Refused::NoBundle)?;
        let privilege = catalog.privilege(&request.ask.privilege)?;
        Ok(Self {
            directory: &state.directory,
            requester: &request.requester,
            governance_owner: &privilege.owner,
            data_owners: catalog.data_owners(request.targets()),
            stages: &request.stages,
            consents: &request.consents,
            escalated: request.escalated,
            now,
        })
    }

    fn rules(&self) -> Vec<Rule<'a>> {
        let mut rules = Vec::new();
        for (stage, seats) in (0_u32..).zip(self.stages) {
            rules.extend(seats.seats.iter().map(|rule| self.open_out(stage, rule)));
        }
        rules
    }

    fn open_out(&self, stage: u32, rule: &'a SeatRule) -> Rule<'a> {
        let need = u32::from(rule.count);
        let (entries, need, room): (Vec<Entry<'a>>, u32, u32) = match rule.holders.as_slice() {
            [holder @ SeatHolder::DataOwner] => {
                let of = |owner: &PersonId| Entry {
                    holder,
                    owner: Some(owner.clone()),
                };
                let entries: Vec<_> = self.data_owners.iter().map(of).collect();
                let owners = u32::try_from(entries.len()).unwrap_or(u32::MAX);
                (entries, owners, 1)
            }
            holders => {
                let as_holder = |holder| Entry {
                    holder,
                    owner: None,
                };
                let room = if rule.distinct { 1 } else { need };
                (holders.iter().map(as_holder).collect(), need, room)
            }
        };
        Rule {
            stage,
            seat: rule,
            table: Table {
                need,
                entries: vec![room; entries.len()],
            },
            entries,
        }
    }

    /// Whether `person` holds a seat in their own right.
    fn bears(&self, person: &PersonId, entry: &Entry<'_>) -> bool {
        match entry.holder {
            SeatHolder::Duty(duty) => self.directory.holds(person, duty),
            SeatHolder::Group(group) => self.directory.members(group).contains(person),
            SeatHolder::DataOwner => match &entry.owner {
                Some(owner) => owner == person,
                None => self.data_owners.contains(person),
            },
            SeatHolder::GovernanceOwner => self.governance_owner == person,
        }
    }

    /// Everybody who holds a seat in their own right.
    fn bearers(&self, entry: &Entry<'_>) -> BTreeSet<PersonId> {
        match entry.holder {
            SeatHolder::Duty(duty) => self.directory.holders(duty),
            SeatHolder::Group(group) => self.directory.members(group),
            SeatHolder::DataOwner => match &entry.owner {
                Some(owner) => BTreeSet::from([owner.clone()]),
                None => self.data_owners.clone(),
            },
            SeatHolder::GovernanceOwner => BTreeSet::from([self.governance_owner.clone()]),
        }
    }

    /// Whether `by` may use the authority of `authority` for this entry: their own, by delegation, or, once the request has
    /// escalated, as the manager of a data owner.
    fn may_use(&self, by: &PersonId, authority: &PersonId, entry: &Entry<'_>) -> bool {
        if !self.bears(authority, entry) {
            return false;
        }
        let stands_in = || {
            let mut delegations = self.directory.standing_for(by, self.now);
            delegations.any(|d| d.from == *authority && passes_on(d, entry.holder))
        };
        by == authority
            || stands_in()
            || (*entry.holder == SeatHolder::DataOwner && self.manages(by, authority))
    }

    fn manages(&self, manager: &PersonId, person: &PersonId) -> bool {
        let known = self.directory.persons.get(person);
        self.escalated && known.is_some_and(|p| p.manager.as_ref() == Some(manager))
    }

    /// Whose authority `by` could use: their own first.
    fn authorities(&self, by: &PersonId) -> Vec<PersonId> {
        let mut found = vec![by.clone()];
        let stood_for = self.directory.standing_for(by, self.now);
        let mut others: BTreeSet<PersonId> = stood_for.map(|d| d.from.clone()).collect();
        let managed = self.data_owners.iter();
        others.extend(managed.filter(|owner| self.manages(by, owner)).cloned());
        others.remove(by);
        found.extend(others);
        found
    }

    /// Whether consents so far were given by this human.
    pub fn consented(&self, person: &PersonId) -> bool {
        self.consents.iter().any(|consent| consent.by == *person)
    }

    fn spoken_for(&self, authority: &PersonId) -> bool {
        let mut consents = self.consents.iter();
        consents.any(|consent| consent.authority == *authority)
    }

    /// Whether this human can take part at all.
    fn barred(&self, by: &PersonId) -> bool {
        by == self.requester || !self.directory.may_act(by) || self.consented(by)
    }

    fn seating(&self, rules: &[Rule<'_>], more: Vec<BTreeSet<Place>>) -> Seating {
        let tables: Vec<Table> = rules.iter().map(|rule| rule.table.clone()).collect();
        let mut humans: Vec<BTreeSet<Place>> = self
            .consents
            .iter()
            .map(|consent| places(rules, |rule, entry| taken_by(consent, rule, entry)))
            .collect();
        humans.extend(more);
        Seating::largest(&tables, &humans)
    }

    /// The first stage that still needs somebody; `None` when every seat is filled.
    pub fn open_stage(&self) -> Option<u32> {
        let rules = self.rules();
        let seating = self.seating(&rules, Vec::new());
        lowest_open(&rules, &seating)
    }

    /// The seats still open, in every stage, with who could fill them.
    pub fn open_seats(&self) -> Vec<OpenSeat> {
        let rules = self.rules();
        let seating = self.seating(&rules, Vec::new());
        let mut open = Vec::new();
        for (table, rule) in rules.iter().enumerate() {
            let missing = seating.missing(table);
            if missing == 0 {
                continue;
            }
            let ways_in = seating.ways_in(table);
            let same_stage = places(&rules, |other, _| other.stage == rule.stage);
            let mut candidates = BTreeSet::new();
            for place in ways_in.intersection(&same_stage) {
                if let Some(entry) = entry_at(&rules, *place) {
                    candidates.extend(self.candidates(entry));
                }
            }
            open.push(OpenSeat {
                stage: rule.stage,
                seat: rule.seat.id.clone(),
                missing: u8::try_from(missing).unwrap_or(u8::MAX),
                candidates,
            });
        }
        open
    }

    /// Who could sit here, in their own right or for somebody else.
    fn candidates(&self, entry: &Entry<'_>) -> BTreeSet<PersonId> {
        let mut found = BTreeSet::new();
        for authority in self.bearers(entry) {
            if authority == *self.requester || self.spoken_for(&authority) {
                continue;
            }
            let deputies = self.directory.deputies(&authority, self.now);
            let able = deputies.filter(|d| passes_on(d, entry.holder));
            found.extend(able.map(|d| d.to.clone()));
            let known = self.directory.persons.get(&authority);
            let manager = known.and_then(|person| person.manager.clone());
            if *entry.holder == SeatHolder::DataOwner && self.escalated {
                found.extend(manager);
            }
            found.insert(authority);
        }
        found.retain(|person| !self.barred(person));
        found
    }

    /// Every consent `by` could give now that would fill a seat of the open stage.
    pub fn offers(&self, by: &PersonId) -> Vec<Offer> {
        if self.barred(by) {
            return Vec::new();
        }
        self.claims(by)
            .into_iter()
            .filter(|offer| offer.authority != *self.requester)
            .collect()
    }

    /// Whether the only way for `by` to sit is in the requester's place.
    pub fn only_for_requester(&self, by: &PersonId) -> bool {
        let claims = self.claims(by);
        !claims.is_empty() && claims.iter().all(|c| c.authority == *self.requester)
    }

    fn claims(&self, by: &PersonId) -> Vec<Offer> {
        let rules = self.rules();
        let seating = self.seating(&rules, Vec::new());
        let Some(stage) = lowest_open(&rules, &seating) else {
            return Vec::new();
        };
        let useful: BTreeSet<Place> = (0..rules.len())
            .flat_map(|table| seating.ways_in(table))
            .collect();
        let mut claims = Vec::new();
        for authority in self.authorities(by) {
            if self.spoken_for(&authority) {
                continue;
            }
            let may = |rule: &Rule<'_>, entry: &Entry<'_>| {
                rule.stage == stage && self.may_use(by, &authority, entry)
            };
            let open = places(&rules, may);
            if open.is_disjoint(&useful) {
                continue;
            }
            let mut seats: BTreeMap<SeatId, BTreeSet<SeatHolder>> = BTreeMap::new();
            for place in open {
                if let (Some(rule), Some(entry)) = (rules.get(place.table), entry_at(&rules, place))
                {
                    let holders = seats.entry(rule.seat.id.clone()).or_default();
                    holders.insert(entry.holder.clone());
                }
            }
            claims.push(Offer {
                by: by.clone(),
                authority,
                stage,
                seats,
            });
        }
        claims
    }

    /// Passes if the people there are could still fill every open seat, each of them one.
    ///
    /// Counts people in their own right: deputies lend a hand, they are no further voice.
    ///
    /// # Errors
    ///
    /// Names the first seat that would stay empty.
    pub fn quorum(&self) -> Result<(), Refused> {
        let rules = self.rules();
        let open = self.open_stage().unwrap_or(u32::MAX);
        let mut by_person: BTreeMap<PersonId, BTreeSet<Place>> = BTreeMap::new();
        for (table, rule) in rules.iter().enumerate().filter(|(_, r)| r.stage >= open) {
            for (entry, way) in rule.entries.iter().enumerate() {
                for person in self.bearers(way) {
                    if !self.barred(&person) && !self.spoken_for(&person) {
                        by_person
                            .entry(person)
                            .or_default()
                            .insert(Place { table, entry });
                    }
                }
            }
        }
        let need: u32 = rules.iter().map(|rule| rule.table.need).sum();
        let seating = self.seating(&rules, alike_at_most(by_person, need));
        let short = |(table, rule): (usize, &Rule<'_>)| {
            let missing = seating.missing(table);
            (missing > 0).then(|| Refused::QuorumImpossible {
                seat: rule.seat.id.clone(),
                missing: u8::try_from(missing).unwrap_or(u8::MAX),
            })
        };
        let first = rules.iter().enumerate().find_map(short);
        first.map_or(Ok(()), Err)
    }

    /// The duties that fill the seats, one for each seated consent.
    pub fn duties_seated(&self) -> BTreeSet<DutyId> {
        let rules = self.rules();
        let seating = self.seating(&rules, Vec::new());
        let places = seating.seated().values();
        places
            .filter_map(|place| entry_at(&rules, *place))
            .filter_map(|entry| duty_of(entry.holder))
            .collect()
    }

    /// How many consents are needed in all.
    pub fn consents_needed(&self) -> u8 {
        let need: u32 = self.rules().iter().map(|rule| rule.table.need).sum();
        u8::try_from(need).unwrap_or(u8::MAX)
    }
}

impl Catalog {
    /// The entry with this id.
    ///
    /// # Errors
    ///
    /// Refuses an id that isn't in the catalog.
    pub fn privilege(&self, id: &crate::ids::PrivilegeId) -> Result<&Privilege, Refused> {
        let missing = || Refused::UnknownPrivilege {
            privilege: id.clone(),
        };
        self.privileges.get(id).ok_or_else(missing)
    }

    /// Who answers for the data of these targets.
    pub fn data_owners(&self, targets: &BTreeSet<TargetId>) -> BTreeSet<PersonId> {
        let known = targets.iter().filter_map(|id| self.targets.get(id));
        known.map(|target| target.data_owner.clone()).collect()
    }
}

/// The duty that a seat filled in this way stands for; a plain group brings none.
pub fn duty_of(holder: &SeatHolder) -> Option<DutyId> {
    match holder {
        SeatHolder::Duty(duty) => Some(duty.clone()),
        SeatHolder::Group(_) => None,
        SeatHolder::DataOwner => DATA_OWNER.parse().ok(),
        SeatHolder::GovernanceOwner => GOVERNANCE_OWNER.parse().ok(),
    }
}

/// Whether a delegation hands on a seat of this holder. A group is no duty: only a full delegation covers it.
fn passes_on(delegation: &Delegation, holder: &SeatHolder) -> bool {
    match duty_of(holder) {
        Some(duty) => delegation.covers(&duty),
        None => delegation.is_full(),
    }
}

fn taken_by(consent: &Consent, rule: &Rule<'_>, entry: &Entry<'_>) -> bool {
    let holders = consent.seats.get(&rule.seat.id);
    consent.stage == rule.stage
        && holders.is_some_and(|holders| holders.contains(entry.holder))
        && entry
            .owner
            .as_ref()
            .is_none_or(|owner| *owner == consent.authority)
}

fn places(rules: &[Rule<'_>], keep: impl Fn(&Rule<'_>, &Entry<'_>) -> bool) -> BTreeSet<Place> {
    let mut found = BTreeSet::new();
    for (table, rule) in rules.iter().enumerate() {
        for (entry, way) in rule.entries.iter().enumerate() {
            if keep(rule, way) {
                found.insert(Place { table, entry });
            }
        }
    }
    found
}

fn entry_at<'r, 'a>(rules: &'r [Rule<'a>], place: Place) -> Option<&'r Entry<'a>> {
    rules.get(place.table)?.entries.get(place.entry)
}

fn lowest_open(rules: &[Rule<'_>], seating: &Seating) -> Option<u32> {
    let open = rules.iter().enumerate();
    open.filter(|(table, _)| seating.missing(*table) > 0)
        .map(|(_, rule)| rule.stage)
        .min()
}

/// Of people who could sit at the same places, no more than there are seats: a group may have thousands of members.
fn alike_at_most(
    by_person: BTreeMap<PersonId, BTreeSet<Place>>,
    need: u32,
) -> Vec<BTreeSet<Place>> {
    let mut alike: BTreeMap<BTreeSet<Place>, u32> = BTreeMap::new();
    let mut kept = Vec::new();
    for places in by_person.into_values() {
        let count = alike.entry(places.clone()).or_default();
        if *count < need {
            *count += 1;
            kept.push(places);
        }
    }
    kept
}

#[cfg(test)]
pub(crate) mod tests;

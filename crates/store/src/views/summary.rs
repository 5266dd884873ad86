//! One line about each entry, in plain words and with the names of the moment. A refusal is told as what somebody wanted,
//! followed by what the rules found.
use super::{
    about::About,
    grant, person,
    projector::Step,
    sources::{privilege_title, target_title},
    usage,
};
use crate::error::RowError;
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, FinishedUse, ReviewFinding, UseOutcome},
    event::Event,
    grant::{CredentialKind, HoldReason},
    ids::{Digest, PersonId},
    keeping::LegalScope,
    request::{Ask, RequestKind},
    witnessing::WitnessReport,
};
use engine::record::Outcome;

/// The line about an entry.
pub(super) fn of(step: &Step<'_>, about: &About) -> Result<String, RowError> {
    match &step.recorded.record.outcome {
        Outcome::Done(_) => {
            let line = Line {
                step,
                about,
                tense: Tense::Past,
            };
            Ok(format!("{}{}", line.sentence()?, line.consequences()?))
        }
        Outcome::Refused(refusal) => {
            let line = Line {
                step,
                about,
                tense: Tense::Infinitive,
            };
            let (who, deed) = (line.who()?, line.deed()?);
            Ok(format!(
                "{who} wanted to {deed}, and was refused: {}",
                refusal.message
            ))
        }
    }
}

#[derive(Clone, Copy)]
enum Tense {
    Past,
    Infinitive,
}

struct Line<'a> {
    step: &'a Step<'a>,
    about: &'a About,
    tense: Tense,
}

impl Line<'_> {
    fn sentence(&self) -> Result<String, RowError> {
        let refused = self.step.events().iter().find_map(|event| match event {
            Event::UseRefused { attempt, rule, .. } => Some((attempt, rule)),
            _ => None,
        });
        match (refused, &self.step.recorded.record.command) {
            (Some((attempt, rule)), _) => {
                let what = usage::what(attempt);
                Ok(format!(
                    "{} was refused {what} under {}: {rule}",
                    self.user()?,
                    self.grant()
                ))
            }
            (
                None,
                Command::BeginUse { .. } | Command::FinishUse { .. } | Command::FinishUses { .. },
            ) => Ok(format!("{} {}", self.user()?, self.deed()?)),
            (None, Command::RecordActivity { activity }) => {
                let (platform, done) = (&activity.platform, usage::done(activity));
                let under = match &self.about.grant {
                    Some(_) => format!("under {}", self.grant_of_holder()?),
                    None => "without a grant".to_owned(),
                };
                Ok(format!("The log of `{platform}` tells of {done} {under}"))
            }
            (None, Command::ReportWitnesses { report }) => Ok(witnesses(report)),
            (None, _) => Ok(format!("{} {}", self.who()?, self.deed()?)),
        }
    }

    /// What was done, or what somebody wanted to do.
    fn deed(&self) -> Result<String, RowError> {
        match &self.step.recorded.record.command {
            Command::AdoptGenesis { bundle } => Ok(format!(
                "{} the first bundle {} in force",
                self.t("put", "put"),
                short(bundle)
            )),
            Command::ProposeBundle { bundle } => Ok(format!(
                "{} the bundle {}",
                self.t("proposed", "propose"),
                short(bundle)
            )),
            Command::ConfirmBundle { bundle } => Ok(format!(
                "{} the bundle {} in force",
                self.t("put", "put"),
                short(bundle)
            )),
            Command::ChangeDirectory { change } => self.directory(change),
            Command::ErasePerson { person } => Ok(format!(
                "{} that `{person}` is forgotten",
                self.t("decided", "decide")
            )),
            Command::RecordErased { person } => Ok(format!(
                "{} the key of the words of `{person}`",
                self.t("destroyed", "destroy")
            )),
            Command::PlaceLegalHold { hold } => Ok(format!(
                "{} the legal hold `{}` on {}",
                self.t("placed", "place"),
                hold.id,
                held(&hold.covers)
            )),
            Command::LiftLegalHold { hold } => Ok(format!(
                "{} the legal hold `{hold}`",
                self.t("lifted", "lift")
            )),
            Command::SubmitRequest { ask } => Ok(self.ask(ask)),
            command => match self.about_request(command)? {
                Some(deed) => Ok(deed),
                None => self.about_grant(command),
            },
        }
    }

    fn directory(&self, change: &DirectoryChange) -> Result<String, RowError> {
        let (put, took) = (self.t("put", "put"), self.t("took", "take"));
        Ok(match change {
            DirectoryChange::Person { person, .. } => {
                format!("{put} {} on record", self.name(&person.id)?)
            }
            DirectoryChange::PersonRemoved(id) => {
                format!("{took} {} out of the directory", self.name(id)?)
            }
            DirectoryChange::Account(account) => match &account.person {
                Some(id) => format!(
                    "{put} the account `{}` of {} on record",
                    account.id,
                    self.name(id)?
                ),
                None => format!("{put} the account `{}` of nobody on record", account.id),
            },
            DirectoryChange::AccountRemoved(id) => {
                format!("{took} the account `{id}` out of the directory")
            }
            DirectoryChange::Group(group) => format!("{put} the group `{}` on record", group.id),
            DirectoryChange::GroupRemoved(id) => {
                format!("{took} the group `{id}` out of the directory")
            }
            DirectoryChange::Delegation(delegation) => {
                let (from, to) = (self.name(&delegation.from)?, self.name(&delegation.to)?);
                format!("{} {to} the deputy of {from}", self.t("made", "make"))
            }
            DirectoryChange::DelegationRemoved(id) => {
                format!("{} the delegation `{id}`", self.t("ended", "end"))
            }
        })
    }

    fn ask(&self, ask: &Ask) -> String {
        let lent = self.lent();
        let deed = match ask.kind {
            RequestKind::New => format!("{} for {lent}", self.t("asked", "ask")),
            RequestKind::Extension(_) => {
                format!("{} for more time with {lent}", self.t("asked", "ask"))
            }
            RequestKind::BreakGlass => {
                format!("{} {lent} in an emergency", self.t("took", "take"))
            }
        };
        match &self.about.request {
            Some(request) => format!("{deed} ({})", request.number),
            None => deed,
        }
    }

    fn about_request(&self, command: &Command) -> Result<Option<String>, RowError> {
        let of = || self.request_of_requester();
        Ok(Some(match command {
            Command::EditRequest { .. } => {
                format!(
                    "{} {} to {}",
                    self.t("changed", "change"),
                    self.request(),
                    self.lent()
                )
            }
            Command::WithdrawRequest { .. } => {
                format!("{} {} back", self.t("took", "take"), self.request())
            }
            Command::ApproveRequest { .. } => {
                format!(
                    "{} to {}: {}",
                    self.t("consented", "consent"),
                    of()?,
                    self.lent()
                )
            }
            Command::DenyRequest { .. } => {
                format!("{} no to {}: {}", self.t("said", "say"), of()?, self.lent())
            }
            Command::AskRequester { .. } => {
                format!("{} a question about {}", self.t("asked", "ask"), of()?)
            }
            Command::AnswerApprovers { .. } => {
                format!(
                    "{} a question about {}",
                    self.t("answered", "answer"),
                    self.request()
                )
            }
            Command::EscalateRequest { .. } => {
                format!("{} the deputies about {}", self.t("asked", "ask"), of()?)
            }
            Command::ExpireRequest { .. } => {
                format!(
                    "{} {} lapse: nobody answered in time",
                    self.t("let", "let"),
                    of()?
                )
            }
            _ => return Ok(None),
        }))
    }

    fn about_grant(&self, command: &Command) -> Result<String, RowError> {
        let of = || self.grant_of_holder();
        let (ended, end) = ("ended", "end");
        Ok(match command {
            Command::ActivateGrant { .. } => {
                format!("{} {}: {}", self.t("began", "begin"), of()?, self.lent())
            }
            Command::ExpireGrant { .. } => {
                format!("{} {}: its time was over", self.t(ended, end), of()?)
            }
            Command::ReturnGrant { .. } => format!("{} {} back", self.t("gave", "give"), of()?),
            Command::RevokeGrant { .. } => format!("{} {}", self.t(ended, end), of()?),
            Command::HoldGrant { .. } => format!("{} {} on hold", self.t("put", "put"), of()?),
            Command::ResumeGrant { .. } => format!("{} {} go on", self.t("let", "let"), of()?),
            Command::ContainGrant { because, .. } => {
                format!(
                    "{} {}: {}",
                    self.t("contained", "contain"),
                    of()?,
                    hold(*because)
                )
            }
            Command::BeginUse { attempt } => {
                format!(
                    "{} {}: {}",
                    self.t("used", "use"),
                    self.grant(),
                    usage::what(attempt)
                )
            }
            Command::FinishUse { outcome, .. } => {
                format!(
                    "{} a use of {}: {}",
                    self.t("finished", "finish"),
                    self.grant(),
                    came(outcome)
                )
            }
            Command::FinishUses { uses, .. } => {
                format!(
                    "{} {} uses of {}: {}",
                    self.t("finished", "finish"),
                    uses.len(),
                    self.grant(),
                    came_together(uses)
                )
            }
            Command::EscalateReview { .. } => format!(
                "{} the alarm: nobody has reviewed {}",
                self.t("raised", "raise"),
                of()?
            ),
            Command::ReviewGrant { finding, .. } => {
                let finding = match finding {
                    ReviewFinding::AsStated => "as stated",
                    ReviewFinding::Questioned => "questioned",
                };
                format!("{} {}: {finding}", self.t("reviewed", "review"), of()?)
            }
            command => return self.about_credential(command),
        })
    }

    fn about_credential(&self, command: &Command) -> Result<String, RowError> {
        let of = || self.grant_of_holder();
        Ok(match command {
            Command::IssueCredential { kind, .. } => {
                format!(
                    "{} {} for {}",
                    self.t("got", "get"),
                    credential(kind),
                    self.grant()
                )
            }
            Command::RecordProvisioned { .. } => {
                format!(
                    "{} the credential of {} in {}",
                    self.t("made", "make"),
                    of()?,
                    self.platform()
                )
            }
            Command::RecordProvisionFailed { because, .. } => format!(
                "{} to make the credential of {} in {}: {because}",
                self.t("failed", "fail"),
                of()?,
                self.platform()
            ),
            Command::RecordRemoved { .. } => format!(
                "{} the credential of {} out of {} and {} it back as gone",
                self.t("took", "take"),
                of()?,
                self.platform(),
                self.t("read", "read")
            ),
            Command::RecordRemovalFailed { because, .. } => format!(
                "{} to take the credential of {} out of {}: {because}",
                self.t("failed", "fail"),
                of()?,
                self.platform()
            ),
            command => return self.about_quarantine(command),
        })
    }

    fn about_quarantine(&self, command: &Command) -> Result<String, RowError> {
        let of = || self.grant_of_holder();
        Ok(match command {
            Command::BeginQuarantine { copied, .. } => format!(
                "{} the quarantine: this log is a copy, made at {copied} entries",
                self.t("began", "begin")
            ),
            Command::RecordStrays { platform, names } => format!(
                "{} {} things in {platform} that the copy can't explain",
                self.t("found", "find"),
                names.len()
            ),
            Command::RecordStrayEnded {
                platform,
                name,
                read_back,
            } => format!(
                "{} `{name}` in {platform}: {read_back}",
                self.t("ended", "end")
            ),
            Command::RecordMissing { .. } => format!(
                "{} {}: its credential is not in its target any more",
                self.t("ended", "end"),
                of()?
            ),
            Command::EndUnconfirmed { .. } => format!(
                "{} {}: nothing outside this copy confirms it",
                self.t("ended", "end"),
                of()?
            ),
            Command::RecordReconciled { platform } => format!(
                "{} {platform} with this copy: nothing is left that it can't explain",
                self.t("compared", "compare")
            ),
            Command::LiftQuarantine { .. } => {
                format!("{} the quarantine", self.t("lifted", "lift"))
            }
            // the other commands are told of by the lines above
            _ => format!("{} `{}`", self.t("did", "do"), self.step.recorded.kind),
        })
    }

    /// What else followed at once.
    fn consequences(&self) -> Result<String, RowError> {
        let command = &self.step.recorded.record.command;
        let mut said = String::new();
        for event in self.step.events() {
            let more = match event {
                Event::GrantScheduled { terms, .. } => format!("granted as {}", terms.number),
                Event::GrantExtended { .. } => format!("{} runs longer", self.grant()),
                Event::GrantHeld { grant, because, .. }
                    if !matches!(command, Command::HoldGrant { .. }) =>
                {
                    match grant::terms(self.step.db, *grant)? {
                        Some(terms) => format!("{} is on hold: {}", terms.number, hold(*because)),
                        None => continue,
                    }
                }
                Event::GrantClosed { .. } => format!("{} is closed", self.grant()),
                _ => continue,
            };
            said.push_str("; ");
            said.push_str(&more);
        }
        Ok(said)
    }

    fn t(&self, past: &'static str, infinitive: &'static str) -> &'static str {
        match self.tense {
            Tense::Past => past,
            Tense::Infinitive => infinitive,
        }
    }

    fn who(&self) -> Result<String, RowError> {
        let record = &self.step.recorded.record;
        match (&record.actor, &record.person) {
            (Actor::Person { .. }, Some(id)) => self.name(id),
            (Actor::Person { account, .. }, None) => Ok(format!("The account `{account}`")),
            (Actor::Gateway { gateway }, _) => Ok(format!("The enforcement point `{gateway}`")),
            (Actor::Operator, _) => Ok("The operator".to_owned()),
            (Actor::System, _) => Ok("The broker".to_owned()),
        }
    }

    /// Whose use it is.
    fn user(&self) -> Result<String, RowError> {
        self.about
            .person
            .as_ref()
            .map_or_else(|| self.who(), |id| self.name(id))
    }

    fn name(&self, id: &PersonId) -> Result<String, RowError> {
        person::called(self.step.db, id)
    }

    fn request(&self) -> String {
        let request = self.about.request.as_ref();
        request.map_or_else(
            || "an unknown request".to_owned(),
            |request| request.number.to_string(),
        )
    }

    fn request_of_requester(&self) -> Result<String, RowError> {
        match &self.about.request {
            Some(request) => Ok(format!(
                "{} of {}",
                request.number,
                self.name(&request.requester)?
            )),
            None => Ok(self.request()),
        }
    }

    fn grant(&self) -> String {
        let grant = self.about.grant.as_ref();
        grant.map_or_else(
            || "an unknown grant".to_owned(),
            |terms| terms.number.to_string(),
        )
    }

    /// The grant, and whose it is unless that was said already.
    fn grant_of_holder(&self) -> Result<String, RowError> {
        match &self.about.grant {
            Some(terms) if self.step.recorded.record.person.as_ref() != Some(&terms.holder) => {
                Ok(format!("{} of {}", terms.number, self.name(&terms.holder)?))
            }
            Some(_) | None => Ok(self.grant()),
        }
    }

    fn platform(&self) -> String {
        let grant = self.about.grant.as_ref();
        grant.map_or_else(
            || "its target".to_owned(),
            |terms| format!("`{}`", terms.platform),
        )
    }

    /// `Edit the flow on Invoice matching`.
    fn lent(&self) -> String {
        let catalog = self.step.catalog;
        let privilege = self.about.privilege.as_ref();
        let privilege = privilege.map_or_else(
            || "an unknown privilege".to_owned(),
            |privilege| privilege_title(catalog, privilege),
        );
        let titles = self
            .about
            .targets
            .iter()
            .map(|target| target_title(catalog, target));
        let titles: Vec<String> = titles.collect();
        match titles.as_slice() {
            [] => privilege,
            titles => format!("{privilege} on {}", titles.join(", ")),
        }
    }
}

fn short(bundle: &Digest) -> String {
    bundle.to_string().chars().take(8).collect()
}

fn hold(because: HoldReason) -> &'static str {
    match because {
        HoldReason::ByHuman => "a human held it",
        HoldReason::OverBudget => "it was used beyond its budget",
        HoldReason::OutOfScope => "it reached outside its scope too often",
        HoldReason::HolderSuspended => "its holder may not act at present",
    }
}

fn credential(kind: &CredentialKind) -> String {
    match kind {
        CredentialKind::AccessToken => "an access token".to_owned(),
        CredentialKind::GatewaySession => "a session at the gateway".to_owned(),
        CredentialKind::PostgresRole { role } => format!("the database role `{role}`"),
        CredentialKind::NodeRedToken => "a Node-RED token".to_owned(),
    }
}

/// Of several uses the sums; which answered what is told with each of them.
fn came_together(uses: &[FinishedUse]) -> String {
    let sum = |part: fn(&UseOutcome) -> u64| {
        let parts = uses.iter().map(|used| part(&used.outcome));
        parts.fold(0, u64::saturating_add)
    };
    let cut = match uses.iter().filter(|used| used.outcome.cut).count() {
        0 => String::new(),
        cut => format!(", {cut} cut because the grant ended"),
    };
    format!(
        "{} bytes, {} rows{cut}",
        sum(|outcome| outcome.bytes),
        sum(|outcome| outcome.rows)
    )
}

fn came(outcome: &UseOutcome) -> String {
    let status = outcome.status.map_or_else(
        || "no answer".to_owned(),
        |status| format!("status {status}"),
    );
    let cut = if outcome.cut {
        ", cut because the grant ended"
    } else {
        ""
    };
    format!(
        "{status}, {} bytes, {} rows{cut}",
        outcome.bytes, outcome.rows
    )
}

/// What is new about the witnesses of the log.
fn witnesses(report: &WitnessReport) -> String {
    match report {
        WitnessReport::TooFew {
            answering,
            needed,
            silent,
        } => format!(
            "Alarm: {answering} witnesses cosign the log and {needed} are needed; silent: {}",
            silent.join(", ")
        ),
        WitnessReport::Enough { answering, needed } => {
            format!("{answering} witnesses cosign the log again; {needed} are needed")
        }
        WitnessReport::Contradicted { witness, found } => {
            format!("Alarm: the witness `{witness}` contradicts the log: {found}")
        }
    }
}

fn held(scope: &LegalScope) -> String {
    match scope {
        LegalScope::Everybody => "everybody's words".to_owned(),
        LegalScope::Persons(persons) => {
            let named: Vec<String> = persons.iter().map(|id| format!("`{id}`")).collect();
            format!("the words of {}", named.join(", "))
        }
    }
}

//! The smallest change that would be allowed, for each no. Empty where nothing the asker could do would change the answer.
use super::{Meter, Refused};
use crate::time::Timestamp;

impl Refused {
    /// What would be allowed instead, the smallest change first.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm per refusal: the list is the point"
    )]
    pub fn fix(&self) -> Vec<String> {
        match self {
            Self::UnlinkedAccount { .. } => {
                one("Ask the operator to link this account to your person in the directory.")
            }
            Self::NoPerson => one("Sign in as a person."),
            Self::Suspended { .. } => one("Ask security what it is about."),
            Self::NotForPersons
            | Self::OnlyGateways
            | Self::TooEarly { .. }
            | Self::Repeated
            | Self::NotOnHold
            | Self::NotQuarantined
            | Self::Confirmable { .. }
            | Self::Explained { .. }
            | Self::NotBeingErased { .. }
            | Self::NoReviewDue => Vec::new(),
            Self::Quarantined { .. } => one(
                "Wait until an operator has lifted the quarantine (`remit quarantine lift`); rights can be given back and taken away meanwhile.",
            ),
            Self::NotReconciled { .. } => vec![
                "Make sure that each of these can be reached and is in the server's configuration, as it was before; it is tried again by itself."
                    .to_owned(),
                "If one is gone for good, put rules in force that don't name it: one person proposes them, another confirms."
                    .to_owned(),
            ],
            Self::StraysLeft { .. } | Self::Unconfirmed { .. } => {
                one("Wait: it is tried again by itself. The server's log says what stands in the way.")
            }
            Self::DutyMissing { duty, .. } => {
                one(format!("Ask somebody who holds the duty `{duty}`."))
            }
            Self::StillInDirectory { person } => {
                one(format!("Take `{person}` out of the directory first."))
            }
            Self::StillConcerned { .. } => one(
                "Wait until it is closed, or have it withdrawn, ended or reviewed; then erase again.",
            ),
            Self::UnderLegalHold { hold, .. } => one(format!(
                "Ask whoever placed the legal hold `{hold}` to lift it."
            )),
            Self::NoLegalHold { .. } => one("Name a legal hold that is in place."),
            Self::WasErased { .. } => one("Give the person a new id."),
            Self::NoBundle => one("Ask the operator to adopt a bundle."),
            Self::BundleInForce => one("Propose another bundle; a second person confirms it."),
            Self::UnknownBundle => one("Ask the operator to load this bundle first."),
            Self::NotProposed => one("Propose this bundle; a second person confirms it."),
            Self::OwnBundle { .. } => one("Ask another person with the same duty to confirm it."),
            Self::UnknownPrivilege { .. } => one("Choose a privilege from the catalog."),
            Self::UnknownTarget { .. } => {
                one("Choose from the targets of this privilege, or another privilege.")
            }
            Self::NoTarget => one("Name at least one target."),
            Self::NoOpenRequest { .. } => one("Send it again; its answers can be taken over."),
            Self::NoLiveGrant { .. } | Self::Over { .. } | Self::NoGrant => {
                one("Ask for the privilege again.")
            }
            Self::NotEligible { .. } | Self::NotInTeam { .. } => {
                vec![
                    "Ask for a smaller privilege.".to_owned(),
                    "Ask the privilege's governance owner to include your work.".to_owned(),
                ]
            }
            Self::LessonMissing { lesson } => one(format!(
                "Take the lesson `{lesson}`; your answers are kept."
            )),
            Self::Conflicting { other, .. } => {
                vec![
                    format!("Give `{other}` back, or withdraw the request for it, first."),
                    "Ask for a smaller privilege.".to_owned(),
                ]
            }
            Self::ConflictingDuty { duty, .. } => {
                vec![
                    format!("Ask a colleague without the duty `{duty}` to do it."),
                    format!("Hand the duty `{duty}` over first."),
                ]
            }
            Self::TooLong { asked, max } => one(format!(
                "Ask for {max} instead of {asked}; more time can be asked for while it runs."
            )),
            Self::TooShort => one("Ask for at least 1 minute."),
            Self::TooFarAhead { max } => one(format!("Choose a start within {max}.")),
            Self::OutsideWindow { next: Some(next) } => {
                one(format!("Start at {}, or ask for less time.", utc(*next)))
            }
            Self::OutsideWindow { next: None } => {
                one("Ask for less time: no window is open for that long.")
            }
            Self::Frozen { until, .. } => {
                vec![
                    format!("Start at {}, when the freeze is over.", utc(*until)),
                    "Ask for a privilege that changes nothing.".to_owned(),
                ]
            }
            Self::AnswerMissing { question } => one(format!("Answer `{question}`.")),
            Self::AnswerLength {
                question,
                chars,
                min,
                max,
            } => one(if chars < min {
                format!(
                    "Add {} to `{question}`.",
                    characters(min.saturating_sub(*chars))
                )
            } else {
                format!(
                    "Shorten `{question}` by {}.",
                    characters(chars.saturating_sub(*max))
                )
            }),
            Self::AnswerUnknown { question } => one(format!("Leave `{question}` out.")),
            Self::TicketMissing { prefixes } => one(match any_of(prefixes) {
                Some(prefixes) => {
                    format!("Give the number of a ticket that starts with {prefixes}.")
                }
                None => "Give the number of a ticket.".to_owned(),
            }),
            Self::TicketForm { prefixes, .. } => one(match any_of(prefixes) {
                Some(prefixes) => format!(
                    "Use at most 64 letters, digits, `-`, `#` and `/`, starting with {prefixes}."
                ),
                None => "Use at most 64 letters, digits, `-`, `#` and `/`.".to_owned(),
            }),
            Self::ControlNotConfirmed { control } => {
                one(format!("Confirm `{control}`, if it is so."))
            }
            Self::QuorumImpossible { seat, missing } => {
                vec![
                    "Ask for a smaller privilege or less time, which may need fewer consents."
                        .to_owned(),
                    format!(
                        "Ask the governance owner to name {missing} more who can fill `{seat}`."
                    ),
                ]
            }
            Self::TooManyOpen { open, max } => {
                let count = open.saturating_sub(*max).saturating_add(1);
                one(if count == 1 {
                    "Withdraw 1 request, or wait until it is decided.".to_owned()
                } else {
                    format!("Withdraw {count} requests, or wait until they are decided.")
                })
            }
            Self::BreakGlassBarred { .. } => one("Send it as an ordinary request."),
            Self::ExtensionMismatch { .. } => {
                one("Ask for the same privilege and targets as the grant, or send a new request.")
            }
            Self::NotTheRequester { .. } => one("Ask the requester to do it."),
            Self::NothingToExtend { .. } => {
                one("Wait until the grant has begun, or change its request.")
            }
            Self::RulesChanged { .. } => {
                one("Ask the requester to send it again under today's rules.")
            }
            Self::Stale { .. } => one("Read it again, then decide."),
            Self::OwnRequest { .. } => {
                one("Ask another person who holds an approving duty; you can withdraw it.")
            }
            Self::OwnRequestByDelegation { .. } => {
                one("Ask another person who holds the duty in their own right.")
            }
            Self::AlreadyApproved { .. } => {
                one("Nothing more is needed from you; another person fills the next seat.")
            }
            Self::NoSeat { .. } => {
                one("Ask one of those who can fill an open seat; the request names them.")
            }
            Self::NeededLater { .. } => {
                one("Let somebody else fill this seat, and decide in the later stage.")
            }
            Self::NotNarrower => {
                one("Keep within what was asked, or ask the requester to change it.")
            }
            Self::NotTheHolder { .. } => one("Ask for the privilege yourself."),
            Self::ApproverUses { .. } => {
                one("Ask a colleague who didn't approve it to do the work.")
            }
            Self::NotBegun { starts_at } => one(format!("Wait until {}.", utc(*starts_at))),
            Self::OnHold => one("Say on the grant's page what you were doing; security decides."),
            Self::OutOfScope { .. } => one("Ask for a privilege that covers it."),
            Self::CredentialUnknown => one("Open the target again from the grant's page."),
            Self::BudgetSpent { meter } => one(match meter {
                Meter::Calls | Meter::Bytes | Meter::Rows => {
                    format!("Send a new request that explains a larger {meter}.")
                }
            }),
            Self::DestinationBarred { .. } => one("Use a destination that the privilege names."),
            Self::OwnGrant { .. } => one("Ask another person with the duty `security`."),
            Self::BeingContained => one("Ask for the privilege again, and explain what happened."),
            Self::NotToIntervene { .. } => one("Ask somebody with the duty `security`."),
            Self::NotOnDemand => one("Use the credential that was made when the grant began."),
            Self::TooManyCredentials { max } => {
                one(format!("Use one of the {max} that this grant has."))
            }
            Self::NotRemoving => one("Ask for its removal first."),
            Self::Outlives { ends_at } => one(format!("Let it end by {}.", utc(*ends_at))),
            Self::Policy { .. } => one("The policy's own text says what would be allowed."),
            Self::PolicyFailed { .. } => one("Ask the governance engineers; they have been told."),
            Self::NotAReviewer { .. } => {
                one("Ask the holder's manager, or an owner who had no part in it.")
            }
        }
    }
}

fn one(text: impl Into<String>) -> Vec<String> {
    vec![text.into()]
}

fn characters(count: u32) -> String {
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

/// "`A-` or `B-`", if there are any.
fn any_of(prefixes: &[String]) -> Option<String> {
    let quoted: Vec<String> = prefixes
        .iter()
        .map(|prefix| format!("`{prefix}`"))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" or "))
}

/// To the minute; pages show local time from the refusal's own fields.
fn utc(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "a later time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture::id, time::Seconds};

    #[track_caller]
    fn check(refused: &Refused, expected: &str) {
        let text = format!(
            "{}: {refused}. {} -> {}",
            refused.rule(),
            refused.why(),
            refused.fix().join(" ")
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_no_names_its_rule_its_reason_and_the_smallest_change_that_would_do() {
        check(
            &Refused::OwnRequest { person: id("ada") },
            "own-request: `ada` filed this request and cannot approve it. Nobody decides about their own request, through any \
             account they have. -> Ask another person who holds an approving duty; you can withdraw it.",
        );
        check(
            &Refused::TooLong {
                asked: Seconds(8 * 3600),
                max: Seconds(2 * 3600),
            },
            "duration: 8 hours is longer than the 2 hours this privilege is lent for at most. Privilege that lies around unused \
             is what attackers look for. -> Ask for 2 hours instead of 8 hours; more time can be asked for while it runs.",
        );
        check(
            &Refused::LessonMissing {
                lesson: id("finance-data"),
            },
            "training: the lesson `finance-data` is missing or no longer counts. The lesson tells what can go wrong with this \
             privilege, and what to do then. -> Take the lesson `finance-data`; your answers are kept.",
        );
        check(
            &Refused::OutsideWindow {
                next: Some(crate::fixture::NOW),
            },
            "window: the whole time does not lie in an allowed window of this privilege. Inside the window somebody is there who \
             can help if something goes wrong. -> Start at 2026-11-23 09:00 UTC, or ask for less time.",
        );
    }

    #[test]
    fn a_fix_counts_what_is_missing() {
        let length = |chars| Refused::AnswerLength {
            question: id("goal"),
            chars,
            min: 10,
            max: 400,
        };
        assert_eq!(length(9).fix(), ["Add 1 character to `goal`."]);
        assert_eq!(length(402).fix(), ["Shorten `goal` by 2 characters."]);
        let ticket = |prefixes: &[&str]| Refused::TicketMissing {
            prefixes: prefixes.iter().map(|&p| p.to_owned()).collect(),
        };
        assert_eq!(ticket(&[]).fix(), ["Give the number of a ticket."]);
        assert_eq!(
            ticket(&["INC-", "CHG-"]).fix(),
            ["Give the number of a ticket that starts with `INC-` or `CHG-`."]
        );
        assert_eq!(
            Refused::TooManyOpen { open: 5, max: 5 }.fix(),
            ["Withdraw 1 request, or wait until it is decided."]
        );
        assert_eq!(
            Refused::TooManyOpen { open: 6, max: 5 }.fix(),
            ["Withdraw 2 requests, or wait until they are decided."]
        );
    }
}

//! What a no teaches: which rule spoke, and why there is such a rule. In plain words, and never with words that people wrote.
use super::Refused;

impl Refused {
    /// The rule's name, for links, filters and records. Stable: it is written into the ledger.
    pub fn rule(&self) -> &'static str {
        self.rule_and_why().0
    }

    /// Why there is such a rule.
    pub fn why(&self) -> String {
        self.rule_and_why().1.to_owned()
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm per refusal: the list is the point"
    )]
    fn rule_and_why(&self) -> (&'static str, &'static str) {
        match self {
            Self::UnlinkedAccount { .. } => (
                "linked-account",
                "Every act has a human who answers for it. Nobody answers for this account.",
            ),
            Self::NoPerson => (
                "person",
                "Every act of this kind has a human who answers for it.",
            ),
            Self::Suspended { .. } => (
                "standing",
                "Whoever has left, or is being looked into, may do nothing until that is settled.",
            ),
            Self::NotForPersons => (
                "broker-only",
                "Timers and workers report what is so; a person could only claim it.",
            ),
            Self::DutyMissing { .. } => (
                "duty",
                "This is decided by those whose duty it is, so that it is clear who answers for it.",
            ),
            Self::OnlyGateways => (
                "gateway-only",
                "Uses are recorded by the enforcement point that forwards them, and by nobody else.",
            ),
            Self::NoBundle => ("bundle", "Without rules in force nothing can be decided."),
            Self::BundleInForce => (
                "bundle-in-force",
                "The first bundle is taken as it is; every later one takes two persons.",
            ),
            Self::UnknownBundle => (
                "known-bundle",
                "Rules can only be put in force if everybody can read them here first.",
            ),
            Self::NotProposed => (
                "proposed-bundle",
                "The second person must agree to exactly what the first one proposed.",
            ),
            Self::OwnBundle { .. } => (
                "own-bundle",
                "Nobody changes the rules alone: whoever sets them could grant themselves anything.",
            ),
            Self::UnknownPrivilege { .. } => (
                "privilege",
                "Only what is in the catalog can be lent, with the terms written there.",
            ),
            Self::UnknownTarget { .. } => (
                "target",
                "A privilege is lent on named targets only, so that its reach is known before.",
            ),
            Self::NoTarget => ("no-target", "A loan on nothing can't be judged."),
            Self::NoOpenRequest { .. } => (
                "open-request",
                "A request that was decided, taken back or left to lapse stays as it ended.",
            ),
            Self::NoLiveGrant { .. } => ("live-grant", "What is over stays over."),
            Self::NotEligible { .. } => (
                "job-role",
                "The owner of this privilege says whose work needs it.",
            ),
            Self::NotInTeam { .. } => (
                "team",
                "The owner of this privilege says which teams' work needs it.",
            ),
            Self::LessonMissing { .. } => (
                "training",
                "The lesson tells what can go wrong with this privilege, and what to do then.",
            ),
            Self::Conflicting { .. } => (
                "conflict",
                "Together the two would let one person do what two should see.",
            ),
            Self::ConflictingDuty { .. } => (
                "conflict-duty",
                "Whoever watches over something should not also do it.",
            ),
            Self::TooLong { .. } => (
                "duration",
                "Privilege that lies around unused is what attackers look for.",
            ),
            Self::TooShort => ("duration-min", "It would be over before it can be used."),
            Self::TooFarAhead { .. } => (
                "start-ahead",
                "A yes given now may be wrong by then: people and rules change.",
            ),
            Self::OutsideWindow { .. } => (
                "window",
                "Inside the window somebody is there who can help if something goes wrong.",
            ),
            Self::Frozen { .. } => (
                "freeze",
                "During a freeze nothing is changed, so that what breaks has fewer causes.",
            ),
            Self::AnswerMissing { .. } => (
                "answers",
                "Approvers decide by these answers, and reviewers compare the use with them.",
            ),
            Self::AnswerLength { .. } => (
                "answer-length",
                "Too short tells approvers nothing, too long is not read.",
            ),
            Self::AnswerUnknown { .. } => (
                "answer-unknown",
                "An answer that nobody asked for is shown to nobody.",
            ),
            Self::TicketMissing { .. } => (
                "ticket",
                "The ticket ties the privilege to a piece of work that others can look up.",
            ),
            Self::TicketForm { .. } => (
                "ticket-form",
                "A number that can't be looked up ties the privilege to nothing.",
            ),
            Self::ControlNotConfirmed { .. } => (
                "risk-controls",
                "The owner of this privilege lends it only to those who do this.",
            ),
            Self::QuorumImpossible { .. } => (
                "quorum",
                "Each consent must come from somebody else, and never from the requester.",
            ),
            Self::TooManyOpen { .. } => (
                "open-requests",
                "Approvers read every request; those that wait longest get least attention.",
            ),
            Self::BreakGlassBarred { .. } => (
                "break-glass",
                "What is taken before consent can't be undone; the owner rules it out here.",
            ),
            Self::ExtensionMismatch { .. } => (
                "extension",
                "More time is more of the same; anything else is another request.",
            ),
            Self::NotTheRequester { .. } => (
                "requester",
                "Only whoever asked can say what they meant, change it or take it back.",
            ),
            Self::NothingToExtend { .. } => (
                "extension-active",
                "The end of a grant can move only while the grant runs.",
            ),
            Self::TooEarly { .. } => ("time", "A deadline holds until it is reached."),
            Self::RulesChanged { .. } => (
                "rules-changed",
                "Today's rules ask for more consent, or lend more, than those under which this request was sent.",
            ),
            Self::Stale { .. } => (
                "stale",
                "A consent binds exactly what was seen; any later edit voids it.",
            ),
            Self::OwnRequest { .. } => (
                "own-request",
                "Nobody decides about their own request, through any account they have.",
            ),
            Self::OwnRequestByDelegation { .. } => (
                "own-request-by-delegation",
                "A deputy decides in the place of somebody; here that would be the requester.",
            ),
            Self::AlreadyApproved { .. } => (
                "one-seat",
                "One human fills one seat of a request, whichever duties they hold.",
            ),
            Self::NoSeat { .. } => (
                "seat",
                "Consent is given by those whom the privilege's stages name, in their order.",
            ),
            Self::NeededLater { .. } => (
                "seat-later",
                "One human fills one seat; this consent would leave a later one empty for good.",
            ),
            Self::NotNarrower => (
                "narrower",
                "More than was asked needs the requester's own words and everybody's consent.",
            ),
            Self::NotTheHolder { .. } => (
                "holder",
                "A grant is lent to one person and to nobody else.",
            ),
            Self::ApproverUses { .. } => (
                "approver-uses",
                "Whoever approved a grant never uses it: consent would be worth nothing.",
            ),
            Self::NotBegun { .. } => ("not-begun", "A grant is of use from its start on."),
            Self::Over { .. } => ("over", "What is over stays over, whatever a clock says."),
            Self::OnHold => ("on-hold", "Somebody is looking at how this grant was used."),
            Self::NotOnHold => ("not-on-hold", "Only what is on hold can go on."),
            Self::OutOfScope { .. } => (
                "scope",
                "Approvers agreed to named actions on named targets, and to nothing else.",
            ),
            Self::NoGrant => (
                "no-grant",
                "Privilege is lent for a time; without a grant there is none.",
            ),
            Self::CredentialUnknown => (
                "credential",
                "A credential counts only under the grant for which it was issued.",
            ),
            Self::BudgetSpent { .. } => (
                "budget",
                "The purpose explains this much use; more of it needs another look.",
            ),
            Self::DestinationBarred { .. } => (
                "destination",
                "Approvers agreed to named places where data may go.",
            ),
            Self::OwnGrant { .. } => (
                "own-grant",
                "Whoever was held can't be the one who lets it go on.",
            ),
            Self::BeingContained => (
                "contained",
                "The rule that held this grant also ends it: there is nothing to decide.",
            ),
            Self::NotToIntervene { .. } => (
                "intervene",
                "Stepping into a grant is for those who answer for it or watch over everything.",
            ),
            Self::NotOnDemand => (
                "credential-on-demand",
                "Credentials in a target are made when the grant begins, once.",
            ),
            Self::TooManyCredentials { .. } => (
                "credentials-max",
                "Every credential is one more thing to take back in time.",
            ),
            Self::NotRemoving => (
                "removal",
                "A credential is gone when it was to be removed and the target was read back.",
            ),
            Self::Outlives { .. } => ("outlives", "No credential outlives its grant."),
            Self::Policy { .. } => ("policy", "A policy of the bundle in force rules this out."),
            Self::PolicyFailed { .. } => (
                "policy-failed",
                "A policy that can't be evaluated might have said no, so it counts as a no.",
            ),
            Self::StillInDirectory { .. } => (
                "still-in-directory",
                "Whoever can still act leaves words behind that others must be able to read.",
            ),
            Self::StillConcerned { .. } => (
                "still-concerned",
                "Nobody is forgotten while others still decide on, take back or review what they were lent.",
            ),
            Self::UnderLegalHold { .. } => (
                "legal-hold",
                "What a court or an inquiry may ask for is not destroyed.",
            ),
            Self::NoLegalHold { .. } => {
                ("known-hold", "Only a hold that was placed can be lifted.")
            }
            Self::NotBeingErased { .. } => (
                "being-erased",
                "That a key was destroyed is recorded once, after it was decided.",
            ),
            Self::WasErased { .. } => (
                "erased",
                "The id of somebody who was erased stays theirs in the log, so it is given to nobody else.",
            ),
            Self::Repeated => ("repeated", "Each fact is recorded once."),
            Self::Quarantined { .. } | Self::NotQuarantined => (
                "quarantine",
                "A restored copy doesn't know what was granted or taken back after it was made. Until every target was compared with it, nothing is given.",
            ),
            Self::NotReconciled { .. }
            | Self::StraysLeft { .. }
            | Self::Unconfirmed { .. }
            | Self::Confirmable { .. }
            | Self::Explained { .. } => (
                "reconciled",
                "What the copy can't explain was given after it was made, and nobody here would ever take it back; so it ends first, and what the copy explains stays.",
            ),
            Self::NoReviewDue => ("review-due", "A review is given once, when it is due."),
            Self::NotAReviewer { .. } => (
                "reviewer",
                "A use is reviewed by somebody who answers for it and had no part in it.",
            ),
        }
    }
}

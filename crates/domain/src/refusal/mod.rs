//! Why the rules say no: which rule, why it exists, and the smallest change that would be allowed.
mod fix;
mod teach;

use crate::ids::{
    AccountId, ConflictId, DutyId, GrantId, LegalHoldId, LessonId, PersonId, PlatformId,
    PrivilegeId, QuestionId, RequestId, RiskControlId, SeatId, TargetId,
};
use crate::time::{Seconds, Timestamp};

/// Why the rules say no. `Display` says what was found; [`Refused::why`] and [`Refused::fix`] say the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the message of each variant is its documentation"
)]
pub enum Refused {
    // who
    #[error("account `{account}` belongs to no person")]
    UnlinkedAccount { account: AccountId },
    #[error("this is done by a person, not by the broker, its operator or an enforcement point")]
    NoPerson,
    #[error("`{person}` may not act at present")]
    Suspended { person: PersonId },
    #[error("this is done by the broker itself or its operator, not by a person")]
    NotForPersons,
    #[error("`{person}` does not hold the duty `{duty}`")]
    DutyMissing { person: PersonId, duty: DutyId },
    #[error("only a registered enforcement point does this")]
    OnlyGateways,
    // what there is
    #[error("no bundle is in force")]
    NoBundle,
    #[error("a bundle is in force already")]
    BundleInForce,
    #[error("this bundle is not known here")]
    UnknownBundle,
    #[error("this bundle is not the one that was proposed")]
    NotProposed,
    #[error("`{person}` proposed this bundle and cannot confirm it")]
    OwnBundle { person: PersonId },
    #[error("there is no privilege `{privilege}` in the catalog")]
    UnknownPrivilege { privilege: PrivilegeId },
    #[error("`{target}` is not a target of this privilege")]
    UnknownTarget { target: TargetId },
    #[error("no target is named")]
    NoTarget,
    #[error("there is no open request {request}")]
    NoOpenRequest { request: RequestId },
    #[error("there is no live grant {grant}")]
    NoLiveGrant { grant: GrantId },
    // asking
    #[error("none of your job roles may ask for `{privilege}`")]
    NotEligible { privilege: PrivilegeId },
    #[error("your team may not ask for `{privilege}`")]
    NotInTeam { privilege: PrivilegeId },
    #[error("the lesson `{lesson}` is missing or no longer counts")]
    LessonMissing { lesson: LessonId },
    #[error("`{privilege}` may not be held together with `{other}` (rule `{conflict}`)")]
    Conflicting {
        privilege: PrivilegeId,
        other: PrivilegeId,
        conflict: ConflictId,
    },
    #[error("whoever holds the duty `{duty}` may not hold `{privilege}` (rule `{conflict}`)")]
    ConflictingDuty {
        privilege: PrivilegeId,
        duty: DutyId,
        conflict: ConflictId,
    },
    #[error("{asked} is longer than the {max} this privilege is lent for at most")]
    TooLong { asked: Seconds, max: Seconds },
    #[error("a loan of less than one minute is of no use")]
    TooShort,
    #[error("the start is more than {max} ahead")]
    TooFarAhead { max: Seconds },
    #[error("the whole time does not lie in an allowed window of this privilege")]
    OutsideWindow { next: Option<Timestamp> },
    #[error("a change freeze is on: {why}")]
    Frozen { why: String, until: Timestamp },
    #[error("the answer `{question}` is missing")]
    AnswerMissing { question: QuestionId },
    #[error("the answer `{question}` has {chars} characters; {min} to {max} are needed")]
    AnswerLength {
        question: QuestionId,
        chars: u32,
        min: u32,
        max: u32,
    },
    #[error("`{question}` is not a question of this privilege")]
    AnswerUnknown { question: QuestionId },
    #[error("a ticket number is missing")]
    TicketMissing { prefixes: Vec<String> },
    #[error("`{ticket}` does not look like a ticket of this privilege")]
    TicketForm {
        ticket: String,
        prefixes: Vec<String>,
    },
    #[error("the risk control `{control}` is not confirmed")]
    ControlNotConfirmed { control: RiskControlId },
    #[error("not enough people could fill the seat `{seat}`: {missing} more are needed")]
    QuorumImpossible { seat: SeatId, missing: u8 },
    #[error("you have {open} open requests already; {max} is the most")]
    TooManyOpen { open: u32, max: u32 },
    #[error("`{privilege}` may not be taken as break-glass")]
    BreakGlassBarred { privilege: PrivilegeId },
    #[error("an extension is for the same privilege and targets as its grant, and for its holder")]
    ExtensionMismatch { grant: GrantId },
    #[error("`{person}` is not the requester")]
    NotTheRequester { person: PersonId },
    #[error("an extension needs a grant that is active now")]
    NothingToExtend { grant: GrantId },
    #[error("it is not time yet")]
    TooEarly { due_at: Timestamp },
    #[error("the rules have changed since this request was sent")]
    RulesChanged { request: RequestId },
    #[error("the request has changed since you saw it")]
    Stale { request: RequestId },
    // consenting
    #[error("`{person}` filed this request and cannot approve it")]
    OwnRequest { person: PersonId },
    #[error("`{person}` acts here for `{authority}`, who filed this request")]
    OwnRequestByDelegation {
        person: PersonId,
        authority: PersonId,
    },
    #[error("`{person}` has already approved this request")]
    AlreadyApproved { person: PersonId },
    #[error("`{person}` holds no duty that this stage of the request needs")]
    NoSeat { person: PersonId },
    #[error("the seat `{seat}` of a later stage needs `{person}`, and others can fill this one")]
    NeededLater { person: PersonId, seat: SeatId },
    #[error("an approver may take away from a request, never add to it")]
    NotNarrower,
    // using
    #[error("`{person}` is not the holder of this grant")]
    NotTheHolder { person: PersonId },
    #[error("`{person}` approved this grant and cannot use it")]
    ApproverUses { person: PersonId },
    #[error("the grant has not begun")]
    NotBegun { starts_at: Timestamp },
    #[error("the grant is over")]
    Over { ended_at: Timestamp },
    #[error("the grant is on hold")]
    OnHold,
    #[error("the grant is not on hold")]
    NotOnHold,
    #[error("outside the scope of the grant: {}", what.join("; "))]
    OutOfScope { what: Vec<String> },
    #[error("no grant of this person covers this")]
    NoGrant,
    #[error("the credential is not one of this grant")]
    CredentialUnknown,
    #[error("the {meter} of this grant is used up")]
    BudgetSpent { meter: Meter },
    #[error("`{destination}` is not among the destinations of this grant")]
    DestinationBarred { destination: String },
    #[error("`{person}` holds this grant and cannot let it go on")]
    OwnGrant { person: PersonId },
    #[error("the grant broke its terms and is being ended")]
    BeingContained,
    #[error("`{person}` may not step into this grant")]
    NotToIntervene { person: PersonId },
    #[error("only access tokens and gateway sessions are issued on demand")]
    NotOnDemand,
    #[error("a grant has at most {max} credentials")]
    TooManyCredentials { max: usize },
    #[error("the credential is not being taken away")]
    NotRemoving,
    #[error("a credential must not outlive its grant")]
    Outlives { ends_at: Timestamp },
    // after a restore
    #[error("this server was restored from a backup and is in quarantine: nothing is given yet")]
    Quarantined { since: Timestamp },
    #[error("there is no quarantine")]
    NotQuarantined,
    #[error("not yet compared with this copy: {}", names(platforms))]
    NotReconciled { platforms: Vec<PlatformId> },
    #[error("{count} things in `{platform}` that the copy can't explain are not read back as gone")]
    StraysLeft { platform: PlatformId, count: usize },
    #[error("grant {grant} of the copy is confirmed by nothing and has not ended yet")]
    Unconfirmed { grant: GrantId },
    #[error("grant {grant} can still be confirmed by its target")]
    Confirmable { grant: GrantId },
    #[error("`{name}` is explained by a grant")]
    Explained { name: String },
    // policies
    #[error("the policies say no: {}", policies.join(", "))]
    Policy { policies: Vec<String> },
    #[error("a policy could not be evaluated: {}", policies.join(", "))]
    PolicyFailed { policies: Vec<String> },
    // keeping and forgetting
    #[error("`{person}` is in the directory")]
    StillInDirectory { person: PersonId },
    #[error("the words of `{person}` are still needed: {}", needed_by.join(", "))]
    StillConcerned {
        person: PersonId,
        needed_by: Vec<String>,
    },
    #[error("the words of `{person}` are kept by the legal hold `{hold}`")]
    UnderLegalHold { person: PersonId, hold: LegalHoldId },
    #[error("there is no legal hold `{hold}`")]
    NoLegalHold { hold: LegalHoldId },
    #[error("`{person}` is not being erased")]
    NotBeingErased { person: PersonId },
    #[error("`{person}` was erased")]
    WasErased { person: PersonId },
    // bookkeeping
    #[error("this was recorded already")]
    Repeated,
    #[error("no review of this grant is due")]
    NoReviewDue,
    #[error("`{person}` cannot review this grant")]
    NotAReviewer { person: PersonId },
}

fn names(platforms: &[PlatformId]) -> String {
    let names: Vec<String> = platforms.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Meter {
    Calls,
    Bytes,
    Rows,
}

impl std::fmt::Display for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Calls => "number of calls",
            Self::Bytes => "volume",
            Self::Rows => "number of rows",
        })
    }
}

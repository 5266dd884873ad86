//! What the API says about requests and grants. The wire has its own types: it outlives changes of the rules' own.
use super::reviews::{OpenReview, ReviewOut};
use crate::{
    app::Portal,
    names::Names,
    viewer::Viewer,
    words::{because, kebab, rfc3339},
};
use domain::{
    grant::{Credential, CredentialKind, CredentialState},
    ids::PersonId,
    impact::Impact,
    request::{OpenSeat, Request, RequestKind, Start, TurnKind},
    seats::Case,
    state::State,
};
use engine::views::{GrantRow, GrantStanding, RequestRow, RequestStanding, UseRow};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A human.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PersonOut {
    pub(crate) id: String,
    /// Null once erased.
    pub(crate) name: Option<String>,
}

impl PersonOut {
    pub(crate) fn of(names: &Names, id: &PersonId) -> Self {
        Self {
            id: id.to_string(),
            name: names.person_known(id),
        }
    }

    pub(crate) fn all<'a>(names: &Names, ids: impl IntoIterator<Item = &'a PersonId>) -> Vec<Self> {
        ids.into_iter().map(|id| Self::of(names, id)).collect()
    }
}

/// How much could go wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImpactOut {
    /// 0 to 100.
    pub(crate) score: u8,
    /// `low`, `medium`, `high` or `critical`.
    pub(crate) band: String,
    pub(crate) parts: Vec<ImpactPartOut>,
}

/// One named part of the score.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ImpactPartOut {
    pub(crate) name: String,
    pub(crate) points: i16,
    pub(crate) because: String,
}

impl ImpactOut {
    /// `own` if whoever reads it is whom it is about.
    pub(crate) fn of(impact: &Impact, own: bool) -> Self {
        let part = |part: &domain::impact::ImpactPart| ImpactPartOut {
            name: kebab(&part.name),
            points: part.points,
            because: because(part, own),
        };
        Self {
            score: impact.score,
            band: kebab(&impact.band),
            parts: impact.parts.iter().map(part).collect(),
        }
    }
}

/// A seat that needs somebody.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SeatOut {
    /// From 0.
    pub(crate) stage: u32,
    pub(crate) seat: String,
    /// How many consents it still needs.
    pub(crate) missing: u8,
    /// Who could give one.
    pub(crate) candidates: Vec<PersonOut>,
}

impl SeatOut {
    pub(crate) fn of(names: &Names, seat: &OpenSeat) -> Self {
        Self {
            stage: seat.stage,
            seat: seat.seat.to_string(),
            missing: seat.missing,
            candidates: PersonOut::all(names, &seat.candidates),
        }
    }
}

/// A consent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConsentOut {
    pub(crate) by: PersonOut,
    /// Whose duty was used.
    pub(crate) authority: PersonOut,
    pub(crate) seats: Vec<String>,
    pub(crate) comment: Option<String>,
    pub(crate) at: String,
    /// An edit of the request made it void.
    pub(crate) voided: bool,
    pub(crate) entry: u64,
}

/// A question or an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TurnOut {
    pub(crate) by: PersonOut,
    /// `question` or `answer`.
    pub(crate) kind: String,
    pub(crate) text: Option<String>,
    pub(crate) at: String,
}

/// Who said no, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DeniedOut {
    pub(crate) by: PersonOut,
    pub(crate) comment: Option<String>,
}

/// A narrowing by an approver.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NarrowedOut {
    pub(crate) targets: Vec<String>,
    pub(crate) duration_seconds: u32,
}

/// A request, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RequestOut {
    /// Such as `R-1042`.
    pub(crate) number: String,
    pub(crate) id: String,
    pub(crate) requester: PersonOut,
    pub(crate) privilege: String,
    pub(crate) title: String,
    pub(crate) targets: Vec<String>,
    pub(crate) duration_seconds: u32,
    /// Null: as soon as the last consent is given.
    pub(crate) start_at: Option<String>,
    /// `new`, `extension` or `break-glass`.
    pub(crate) kind: String,
    pub(crate) ticket: Option<String>,
    /// By question; null once erased.
    pub(crate) answers: BTreeMap<String, Option<String>>,
    pub(crate) impact: ImpactOut,
    /// Counts edits, from 1.
    pub(crate) revision: u32,
    /// `pending`, `granted`, `denied`, `withdrawn` or `expired`.
    pub(crate) standing: String,
    pub(crate) denied: Option<DeniedOut>,
    pub(crate) sent_at: String,
    pub(crate) changed_at: String,
    pub(crate) expires_at: String,
    pub(crate) consents: Vec<ConsentOut>,
    pub(crate) conversation: Vec<TurnOut>,
    /// What approvers left of it so far.
    pub(crate) narrowed: Option<NarrowedOut>,
    /// Seats that need somebody; empty when it is decided.
    pub(crate) seats: Vec<SeatOut>,
    /// What a decision binds: send it back with yours. Null when it is decided.
    pub(crate) digest: Option<String>,
    /// Such as `G-877`.
    pub(crate) grant: Option<String>,
    /// Entries about it, oldest first.
    pub(crate) entries: Vec<u64>,
    /// What you could do now: `edit`, `withdraw`, `answer`, `approve`, `deny`, `ask`.
    pub(crate) may: Vec<String>,
}

/// What the live state adds to a request's row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// Whoever looks filed it.
    pub(crate) own: bool,
    pub(crate) seats: Vec<OpenSeat>,
    pub(crate) stage: Option<u32>,
    pub(crate) digest: Option<domain::ids::Digest>,
    pub(crate) narrowed: Option<domain::request::Narrowing>,
    pub(crate) may: Vec<&'static str>,
}

impl Live {
    pub(crate) fn of(state: &State, viewer: &Viewer, row: &RequestRow) -> Self {
        let own = row.requester == viewer.person;
        let Some(request) = state.requests.get(&row.id) else {
            return Self {
                own,
                ..Self::default()
            };
        };
        let case = Case::of(state, request, viewer.now).ok();
        Self {
            own,
            seats: case.as_ref().map(Case::open_seats).unwrap_or_default(),
            stage: case.as_ref().and_then(Case::open_stage),
            digest: Some(request.digest),
            narrowed: request.narrowed.clone(),
            may: may(state, viewer, request),
        }
    }
}

fn may(state: &State, viewer: &Viewer, request: &Request) -> Vec<&'static str> {
    if request.requester == viewer.person {
        vec!["edit", "withdraw", "answer"]
    } else if viewer.could_decide(state, request) {
        vec!["approve", "deny", "ask"]
    } else {
        Vec::new()
    }
}

impl RequestOut {
    pub(crate) fn of(names: &Names, row: &RequestRow, live: &Live) -> Self {
        let texts = |ids: &std::collections::BTreeSet<domain::ids::TargetId>| {
            ids.iter().map(ToString::to_string).collect()
        };
        Self {
            number: row.number.to_string(),
            id: row.id.to_string(),
            requester: PersonOut::of(names, &row.requester),
            privilege: row.privilege.to_string(),
            title: names.privilege(&row.privilege),
            targets: texts(&row.targets),
            duration_seconds: row.duration.0,
            start_at: match row.start {
                Start::Now => None,
                Start::At(at) => Some(rfc3339(at)),
            },
            kind: kind(row.kind).to_owned(),
            ticket: row.ticket.clone(),
            answers: row
                .answers
                .iter()
                .map(|(q, text)| (q.to_string(), text.clone()))
                .collect(),
            impact: ImpactOut::of(&row.impact, live.own),
            revision: row.revision,
            standing: standing(&row.standing).to_owned(),
            denied: denied(names, &row.standing),
            sent_at: rfc3339(row.sent_at),
            changed_at: rfc3339(row.changed_at),
            expires_at: rfc3339(row.expires_at),
            consents: consents(names, row),
            conversation: turns(names, row),
            narrowed: live.narrowed.as_ref().map(|narrowed| NarrowedOut {
                targets: texts(&narrowed.targets),
                duration_seconds: narrowed.duration.0,
            }),
            seats: live
                .seats
                .iter()
                .map(|seat| SeatOut::of(names, seat))
                .collect(),
            digest: live.digest.map(|digest| digest.to_string()),
            grant: row.grant.map(|number| number.to_string()),
            entries: row.entries.clone(),
            may: live.may.iter().map(|&word| word.to_owned()).collect(),
        }
    }
}

pub(crate) fn kind(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::New => "new",
        RequestKind::Extension(_) => "extension",
        RequestKind::BreakGlass => "break-glass",
    }
}

pub(crate) fn standing(standing: &RequestStanding) -> &'static str {
    match standing {
        RequestStanding::Pending => "pending",
        RequestStanding::Granted => "granted",
        RequestStanding::Denied { .. } => "denied",
        RequestStanding::Withdrawn => "withdrawn",
        RequestStanding::Expired => "expired",
    }
}

fn denied(names: &Names, standing: &RequestStanding) -> Option<DeniedOut> {
    let RequestStanding::Denied { by, comment } = standing else {
        return None;
    };
    Some(DeniedOut {
        by: PersonOut::of(names, by),
        comment: comment.clone(),
    })
}

fn consents(names: &Names, row: &RequestRow) -> Vec<ConsentOut> {
    let out = |consent: &engine::views::ConsentRow| ConsentOut {
        by: PersonOut::of(names, &consent.by),
        authority: PersonOut::of(names, &consent.authority),
        seats: consent.seats.iter().cloned().collect(),
        comment: consent.comment.clone(),
        at: rfc3339(consent.at),
        voided: consent.voided,
        entry: consent.entry,
    };
    row.consents.iter().map(out).collect()
}

fn turns(names: &Names, row: &RequestRow) -> Vec<TurnOut> {
    let out = |turn: &engine::views::TurnRow| TurnOut {
        by: PersonOut::of(names, &turn.by),
        kind: match turn.kind {
            TurnKind::Question => "question",
            TurnKind::Answer => "answer",
        }
        .to_owned(),
        text: turn.text.clone(),
        at: rfc3339(turn.at),
    };
    row.conversation.iter().map(out).collect()
}

/// A credential issued under a grant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CredentialOut {
    pub(crate) id: String,
    /// `access-token`, `gateway-session`, `postgres-role` or `node-red-token`.
    pub(crate) kind: String,
    /// `intended`, `issued`, `removing` or `removed`.
    pub(crate) state: String,
    pub(crate) expires_at: Option<String>,
}

impl CredentialOut {
    pub(crate) fn of(credential: &Credential) -> Self {
        let (state, expires_at) = match credential.state {
            CredentialState::Intended => ("intended", None),
            CredentialState::Issued { expires_at } => ("issued", Some(rfc3339(expires_at))),
            CredentialState::Removing { .. } => ("removing", None),
            CredentialState::Removed => ("removed", None),
        };
        Self {
            id: credential.id.to_string(),
            kind: credential_kind(&credential.kind).to_owned(),
            state: state.to_owned(),
            expires_at,
        }
    }
}

pub(crate) fn credential_kind(kind: &CredentialKind) -> &'static str {
    match kind {
        CredentialKind::AccessToken => "access-token",
        CredentialKind::GatewaySession => "gateway-session",
        CredentialKind::PostgresRole { .. } => "postgres-role",
        CredentialKind::NodeRedToken => "node-red-token",
    }
}

/// What was done with a grant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UsageOut {
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) refusals: u64,
}

/// A grant, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GrantOut {
    /// Such as `G-877`.
    pub(crate) number: String,
    pub(crate) id: String,
    /// Such as `R-1042`.
    pub(crate) request: String,
    pub(crate) holder: PersonOut,
    pub(crate) privilege: String,
    pub(crate) title: String,
    pub(crate) platform: String,
    pub(crate) targets: Vec<String>,
    /// `scheduled`, `active`, `held`, `ending` (over, being read back) or `closed`.
    pub(crate) standing: String,
    pub(crate) impact: u8,
    pub(crate) break_glass: bool,
    pub(crate) starts_at: String,
    pub(crate) activated_at: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    /// `expired`, `returned`, `revoked`, `contained` or `superseded`.
    pub(crate) reason: Option<String>,
    pub(crate) closed_at: Option<String>,
    pub(crate) usage: UsageOut,
    pub(crate) approved_by: Vec<PersonOut>,
    /// What targets showed when they were read back, by credential.
    pub(crate) read_backs: BTreeMap<String, String>,
    pub(crate) review: ReviewOut,
    pub(crate) credentials: Vec<CredentialOut>,
    /// Where the platform is opened, if it is behind a gateway.
    pub(crate) origin: Option<String>,
    /// Entries about it, oldest first, uses left out.
    pub(crate) entries: Vec<u64>,
    /// What you could do now: `return`, `credential`, `open`, `extend`, `revoke`, `hold`, `resume`, `review`.
    pub(crate) may: Vec<String>,
}

impl GrantOut {
    pub(crate) fn of(portal: &Portal, names: &Names, viewer: &Viewer, row: &GrantRow) -> Self {
        let (credentials, may, open) = portal.app.engine.read(|state| {
            let credentials = state.grants.get(&row.id).map_or_else(Vec::new, |grant| {
                grant.credentials.values().map(CredentialOut::of).collect()
            });
            (
                credentials,
                grant_may(portal, state, viewer, row),
                OpenReview::of(state, viewer.now, row),
            )
        });
        Self {
            number: row.number.to_string(),
            id: row.id.to_string(),
            request: row.request.to_string(),
            holder: PersonOut::of(names, &row.holder),
            privilege: row.privilege.to_string(),
            title: names.privilege(&row.privilege),
            platform: row.platform.to_string(),
            targets: row.targets.iter().map(ToString::to_string).collect(),
            standing: kebab(&row.standing),
            impact: row.impact,
            break_glass: row.break_glass,
            starts_at: rfc3339(row.starts_at),
            activated_at: row.activated_at.map(rfc3339),
            expires_at: row.expires_at.map(rfc3339),
            ended_at: row.ended_at.map(rfc3339),
            reason: row.reason.map(|reason| kebab(&reason)),
            closed_at: row.closed_at.map(rfc3339),
            usage: UsageOut {
                calls: row.usage.calls,
                bytes: row.usage.bytes,
                rows: row.usage.rows,
                refusals: row.usage.refusals,
            },
            approved_by: PersonOut::all(names, &row.approved_by),
            read_backs: row.read_backs.clone(),
            review: ReviewOut::of(names, open.as_ref(), &row.review),
            credentials,
            origin: portal.app.gateways.get(&row.platform).cloned(),
            entries: row.entries.clone(),
            may: may.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// What somebody could do with a grant now.
pub(crate) fn grant_may(
    portal: &Portal,
    state: &State,
    viewer: &Viewer,
    row: &GrantRow,
) -> Vec<&'static str> {
    let mut may = Vec::new();
    let (active, held, open) = match row.standing {
        GrantStanding::Active => (true, false, true),
        GrantStanding::Held => (false, true, true),
        GrantStanding::Scheduled => (false, false, true),
        GrantStanding::Ending | GrantStanding::Closed => (false, false, false),
    };
    if row.holder == viewer.person && open {
        may.push("return");
        if active {
            may.push("extend");
        }
        if active && portal.app.gateways.contains_key(&row.platform) {
            may.extend(["credential", "open"]);
        }
    }
    if let Some(grant) = state.grants.get(&row.id).filter(|_| open) {
        let (person, now) = (&viewer.person, viewer.now);
        let own = row.holder == *person;
        if !own && viewer.could_revoke(state, row) {
            may.push("revoke");
        }
        if !own && active && state.may_hold(person, now) {
            may.push("hold");
        }
        if held && state.may_resume(person, &grant.terms, now) {
            may.push("resume");
        }
    }
    if viewer.could_review(state, row) {
        may.push("review");
    }
    may
}

/// One recorded use or activity.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UseOut {
    pub(crate) entry: u64,
    pub(crate) at: String,
    pub(crate) what: String,
    pub(crate) actions: Vec<String>,
    pub(crate) targets: Vec<String>,
    /// The rule that refused it; null if it was allowed.
    pub(crate) refused: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: Option<u64>,
    pub(crate) rows: Option<u64>,
    /// It was cut because the grant ended.
    pub(crate) cut: bool,
}

impl UseOut {
    pub(crate) fn of(row: &UseRow) -> Self {
        Self {
            entry: row.entry,
            at: rfc3339(row.at),
            what: row.what.clone(),
            actions: row.actions.clone(),
            targets: row.targets.iter().map(ToString::to_string).collect(),
            refused: row.refused.clone(),
            status: row.status,
            bytes: row.bytes,
            rows: row.rows,
            cut: row.cut,
        }
    }
}

/// That a command was carried out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DoneOut {
    /// The entry that recorded it.
    pub(crate) entry: u64,
    pub(crate) at: String,
}

/// A request after a write.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RequestDone {
    /// The entry that recorded the write.
    pub(crate) entry: u64,
    pub(crate) request: RequestOut,
}

/// A grant after a write.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GrantDone {
    /// The entry that recorded the write.
    pub(crate) entry: u64,
    pub(crate) grant: GrantOut,
}

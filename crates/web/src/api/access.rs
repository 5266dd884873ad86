//! Who could do what at an instant, and why: answered from the log as it was then, with the entries that the answer rests on, each with
//! the proof that it is in the log.
use super::{
    evidence::{instant, must_search, one},
    extract::Asked,
    paging::page,
    problem::Problem,
    proven::Proven,
    wire::PersonOut,
};
use crate::{
    app::{Portal, Shared},
    names::Names,
    trouble::{Failure, Trouble},
    viewer::Caller,
    words::{kebab, rfc3339},
};
use axum::{Json, extract::State};
use domain::{
    access::{Access, Standing},
    ids::{PersonId, PrivilegeId, TargetId},
    time::Timestamp,
};
use engine::past::{Past, PastError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::{IntoParams, ToSchema};

/// What an auditor does to see that nothing was left out.
const COMPLETENESS: &str = "The proofs show that these entries are in the log. That no other entry mattered is shown by deciding all of it again: \
     `remit ledger export`, then `remit ledger replay OUT --vkey FILE --as-of TIME`, which lists the same.";

/// Whose access, and when; every part given must match.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Question {
    /// The instant (RFC 3339), any second; now if left out. What was recorded at that very instant counts.
    as_of: String,
    /// A person's id.
    person: String,
    privilege: String,
    target: String,
    /// `next` of the part before; say the same `as_of` again.
    cursor: Option<String>,
    /// How many rows at most, 1 to 200.
    limit: Option<usize>,
}

/// What a grant lent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccessOut {
    grant: String,
    request: String,
    person: PersonOut,
    privilege: String,
    platform: String,
    targets: Vec<String>,
    actions: Vec<String>,
    /// `usable`; or `scheduled`, `held`, `quarantined`, `over` (and not yet read back as gone).
    standing: String,
    /// Why it was held or over, if it was.
    reason: Option<String>,
    /// Since when it could be used, or was to begin.
    since: Option<String>,
    /// First instant at which it is over.
    until: Option<String>,
    approved_by: Vec<PersonOut>,
    /// The duties with which they approved.
    approved_duties: Vec<String>,
    break_glass: bool,
    /// Score of the request, 0 to 100.
    impact: u8,
    /// Numbers of the entries that made it so.
    entries: Vec<u64>,
}

/// An entry that the answer rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofOut {
    entry: u64,
    /// A `.tlog-proof` file (C2SP) with the entry in it, to be checked offline.
    file: String,
}

/// Who could do what, and how to check it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccessAnswer {
    as_of: String,
    /// Entries recorded at or before that instant: the answer is what they come to.
    entries: u64,
    /// Root of the tree over them.
    root: String,
    /// The bundle in force.
    bundle: Option<String>,
    /// Grants by number, newest first.
    items: Vec<AccessOut>,
    /// `cursor` of the next part, if there is one.
    next: Option<String>,
    /// The newest signed checkpoint, which the proofs lead to.
    checkpoint: String,
    /// The entries of `items`, the last entry at or before the instant, and the first after it.
    proofs: Vec<ProofOut>,
    completeness: String,
}

#[utoipa::path(get, path = "/api/v1/access", tag = "evidence", params(Question), responses(
    (status = 200, body = AccessAnswer),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Who could do what at an instant, and why, with proofs.
pub(crate) async fn access(
    State(portal): State<Shared>,
    caller: Caller,
    Asked(question): Asked<Question>,
) -> Result<Json<AccessAnswer>, Trouble> {
    must_search(&caller.viewer)?;
    let page = page(question.cursor.as_deref(), question.limit)?;
    let wanted = Wanted::read(&question)?;
    let at = instant("as_of", &question.as_of, &portal)?;
    let at = at.unwrap_or_else(|| portal.app.engine.now());
    let past = portal.app.engine.past(at).await;
    let past = past.map_err(|error| untold(&portal, &error))?;
    // why a grant is there is read from the projections, which follow the log
    let last = past.tree.size.saturating_sub(1);
    portal.app.engine.settled(last).await;
    let listed: Vec<Access<'_>> = past
        .state
        .access(at)
        .into_iter()
        .filter(|access| wanted.fits(access))
        .filter(|access| {
            page.before
                .is_none_or(|before| access.grant.terms.number.0 < before)
        })
        .collect();
    let names = Names::load(&portal)?;
    let items = listed.iter().take(page.limit);
    let items: Vec<AccessOut> = items
        .map(|access| told(&portal, &names, &past, access))
        .collect::<Result<_, _>>()?;
    let next = listed.get(page.limit).and(listed.get(page.limit - 1));
    answer(
        &portal,
        &past,
        items,
        next.map(|access| super::cursor(access.grant.terms.number.0)),
    )
    .map(Json)
}

fn untold(portal: &Portal, error: &PastError) -> Trouble {
    match error {
        PastError::Future { now } => Trouble::Unusable {
            message: format!(
                "`as_of` is an instant that has come, at most `{}`",
                rfc3339(*now)
            ),
        },
        PastError::Busy => Trouble::Failed {
            reference: portal.reference(),
            what: Failure::Busy,
        },
        PastError::Read(_) | PastError::Fold(_) | PastError::Entry { .. } => portal.failed(error),
    }
}

/// What is asked about.
struct Wanted {
    person: Option<PersonId>,
    privilege: Option<PrivilegeId>,
    target: Option<TargetId>,
}

impl Wanted {
    fn read(question: &Question) -> Result<Self, Trouble> {
        Ok(Self {
            person: one("person", &question.person)?,
            privilege: one("privilege", &question.privilege)?,
            target: one("target", &question.target)?,
        })
    }

    fn fits(&self, access: &Access<'_>) -> bool {
        let terms = &access.grant.terms;
        self.person.as_ref().is_none_or(|id| *id == terms.holder)
            && self
                .privilege
                .as_ref()
                .is_none_or(|id| *id == terms.privilege)
            && self
                .target
                .as_ref()
                .is_none_or(|id| terms.targets.contains(id))
    }
}

fn told(
    portal: &Portal,
    names: &Names,
    past: &Past,
    access: &Access<'_>,
) -> Result<AccessOut, Trouble> {
    let terms = &access.grant.terms;
    let views = portal.app.engine.views();
    let unread = |error: engine::ports::ReadError| portal.unread(&error);
    let row = views.grant(terms.number).map_err(unread)?;
    let behind = || Trouble::Failed {
        reference: portal.reference(),
        what: Failure::Unreadable,
    };
    let row = row.ok_or_else(behind)?;
    let request = views.request(row.request).map_err(unread)?;
    let request = request.map(|request| request.entries).unwrap_or_default();
    let entries: BTreeSet<u64> = row.entries.into_iter().chain(request).collect();
    let (reason, since) = match access.standing {
        Standing::Usable { since, .. } => (None, Some(since)),
        Standing::Scheduled { starts_at } => (None, Some(starts_at)),
        Standing::Held { because, .. } => (Some(kebab(&because)), None),
        Standing::Over { reason, .. } => (reason.as_ref().map(kebab), None),
        Standing::Quarantined { .. } => (None, None),
    };
    Ok(AccessOut {
        grant: terms.number.to_string(),
        request: row.request.to_string(),
        person: PersonOut::of(names, &terms.holder),
        privilege: terms.privilege.to_string(),
        platform: terms.platform.to_string(),
        targets: terms.targets.iter().map(ToString::to_string).collect(),
        actions: terms.actions.iter().map(ToString::to_string).collect(),
        standing: access.standing.name().to_owned(),
        reason,
        since: since.map(rfc3339),
        until: access.standing.until().map(rfc3339),
        approved_by: PersonOut::all(names, &terms.approved_by),
        approved_duties: terms
            .approved_duties
            .iter()
            .map(ToString::to_string)
            .collect(),
        break_glass: terms.break_glass,
        impact: terms.impact,
        entries: entries
            .into_iter()
            .filter(|entry| *entry < past.tree.size)
            .collect(),
    })
}

/// Adds the proofs, all under one checkpoint.
fn answer(
    portal: &Portal,
    past: &Past,
    items: Vec<AccessOut>,
    next: Option<String>,
) -> Result<AccessAnswer, Trouble> {
    let head = portal.app.engine.reader().head();
    let head = head.map_err(|error| portal.unread(&error))?;
    let size = past.tree.size;
    // where the instant lies in the log
    let bounds = [size.checked_sub(1), Some(size)].into_iter().flatten();
    let named = items.iter().flat_map(|item| item.entries.iter().copied());
    let entries: BTreeSet<u64> = named
        .chain(bounds)
        .filter(|entry| *entry < head.tree.size)
        .collect();
    let mut proofs = Vec::new();
    for entry in entries {
        let proven = Proven::under(portal, entry, &head)?;
        if proven.flaw.is_some() {
            return Err(Trouble::Failed {
                reference: portal.reference(),
                what: Failure::Unreadable,
            });
        }
        let file = proven.file(entry);
        proofs.push(ProofOut { entry, file });
    }
    Ok(AccessAnswer {
        as_of: rfc3339(Timestamp(past.at.0)),
        entries: size,
        root: past.tree.root.to_string(),
        bundle: past.state.bundle.map(|bundle| bundle.to_string()),
        items,
        next,
        checkpoint: head.checkpoint,
        proofs,
        completeness: COMPLETENESS.to_owned(),
    })
}

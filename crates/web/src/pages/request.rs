//! One page for a request, for all roles: what is asked, by whom, what happened, and what this person can do about it.
use super::{
    chrome::{Chrome, Hidden, Part, html, on_to, rendered},
    form::Posted,
    parts::{Answer, Choice, answers, open_seat, start, waits, words_or_erased},
};
use crate::{
    api::{Live, request_visible},
    app::{Portal, Shared},
    guard::Nonce,
    live,
    names::Names,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    viewer::Visitor,
    words::{self, Tag, When, request_tag},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{
    command::Command,
    ids::{GrantNumber, PrivilegeId, RequestId, RequestNumber},
    request::TurnKind,
    text::Text,
};
use engine::views::{RequestRow, RequestStanding};
use serde::Deserialize;

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "request.html", blocks = ["live"])]
pub(crate) struct RequestPage {
    pub(crate) chrome: Chrome,
    pub(crate) hidden: Hidden,
    pub(crate) notice: Option<String>,
    pub(crate) number: RequestNumber,
    pub(crate) title: String,
    pub(crate) platform: String,
    pub(crate) privilege: PrivilegeId,
    pub(crate) tag: Tag,
    pub(crate) waits: String,
    pub(crate) denied: Option<DeniedWords>,
    pub(crate) smaller: Vec<Choice>,
    pub(crate) own: bool,
    pub(crate) may: May,
    pub(crate) grant: Option<GrantNumber>,
    pub(crate) who: String,
    pub(crate) targets: String,
    pub(crate) duration: String,
    pub(crate) start: String,
    pub(crate) narrowed: Option<String>,
    pub(crate) ticket: String,
    pub(crate) impact: String,
    pub(crate) sent: When,
    pub(crate) revision: u32,
    pub(crate) answers: Vec<Answer>,
    pub(crate) turns: Vec<TurnWords>,
    pub(crate) consents: Vec<ConsentWords>,
    pub(crate) seats: Vec<Choice>,
    pub(crate) entries: Vec<u64>,
}

/// What this person could do with it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct May {
    pub(crate) decide: bool,
    pub(crate) change: bool,
}

/// Who said no, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeniedWords {
    pub(crate) by: String,
    pub(crate) comment: String,
}

/// A question or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TurnWords {
    pub(crate) by: String,
    pub(crate) verb: &'static str,
    pub(crate) text: String,
    pub(crate) when: When,
}

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsentWords {
    pub(crate) by: String,
    pub(crate) verb: String,
    pub(crate) comment: String,
    pub(crate) when: When,
    pub(crate) entry: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// The request that the address names, if it exists for this person.
pub(crate) fn named(
    portal: &Portal,
    visitor: &Visitor,
    number: &str,
) -> Result<RequestRow, Trouble> {
    let number: RequestNumber = number.parse().map_err(|_| Trouble::NotFound)?;
    request_visible(portal, &visitor.viewer, number)
}

fn notice(done: &str, waits: &str) -> Option<String> {
    Some(match done {
        "sent" => format!("Sent. {waits} You can change or withdraw it until somebody decides."),
        "changed" => format!("Changed. Earlier consents no longer count. {waits}"),
        "withdrawn" => "Withdrawn. Nothing was granted.".to_owned(),
        "approved" => "Your consent is recorded.".to_owned(),
        "denied" => "Your decision is recorded, and the requester sees your comment.".to_owned(),
        "asked" => "Your question is recorded; the requester sees it now.".to_owned(),
        "answered" => "Your answer is recorded; the approvers see it now.".to_owned(),
        _ => return None,
    })
}

fn consent(portal: &Portal, names: &Names, consent: &engine::views::ConsentRow) -> ConsentWords {
    let seats: Vec<String> = consent.seats.iter().map(|seat| words::duty(seat)).collect();
    let mut verb = format!("approved as {}", crate::names::listed(&seats, "and"));
    if consent.by != consent.authority {
        verb.push_str(", for ");
        verb.push_str(&names.person(&consent.authority));
    }
    if consent.voided {
        verb.push_str("; void since the request was changed");
    }
    ConsentWords {
        by: names.person(&consent.by),
        verb,
        comment: words_or_erased(consent.comment.as_deref()),
        when: words::when(consent.at, &portal.app.zone),
        entry: consent.entry,
    }
}

fn turn(portal: &Portal, names: &Names, turn: &engine::views::TurnRow) -> TurnWords {
    TurnWords {
        by: names.person(&turn.by),
        verb: match turn.kind {
            TurnKind::Question => "asked",
            TurnKind::Answer => "answered",
        },
        text: words_or_erased(turn.text.as_deref()),
        when: words::when(turn.at, &portal.app.zone),
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one line a field of the page: cutting it in two would hide which is missing"
)]
fn context(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    row: &RequestRow,
    done: &str,
) -> Result<RequestPage, Trouble> {
    let names = Names::load(portal)?;
    let live = portal
        .app
        .engine
        .read(|state| Live::of(state, &visitor.viewer, row));
    let waits = waits(portal, &names, row, &live.seats);
    let own = row.requester == visitor.viewer.person;
    let privilege = names
        .catalog()
        .and_then(|catalog| catalog.privileges.get(&row.privilege));
    let smaller = privilege
        .map(|privilege| privilege.smaller.as_slice())
        .unwrap_or_default();
    let denied = match &row.standing {
        RequestStanding::Denied { by, comment } => Some(DeniedWords {
            by: names.person(by),
            comment: words_or_erased(comment.as_deref()),
        }),
        RequestStanding::Pending
        | RequestStanding::Granted
        | RequestStanding::Withdrawn
        | RequestStanding::Expired => None,
    };
    let seat = |seat: &domain::request::OpenSeat| {
        Choice::new("", open_seat(&names, seat), Some(seat.stage) == live.stage)
    };
    Ok(RequestPage {
        chrome: Chrome::of(portal, nonce, visitor, &names, Part::Requests),
        hidden: Hidden::of(portal, &visitor.session),
        notice: notice(done, &waits),
        number: row.number,
        title: names.privilege(&row.privilege),
        platform: privilege
            .map(|privilege| names.platform(&privilege.platform))
            .unwrap_or_default(),
        privilege: row.privilege.clone(),
        tag: request_tag(&row.standing),
        waits,
        denied,
        smaller: smaller
            .iter()
            .map(|id| Choice::new(id, names.privilege(id), false))
            .collect(),
        own,
        may: May {
            decide: live.may.contains(&"approve"),
            change: live.may.contains(&"edit"),
        },
        grant: row.grant,
        who: names.person(&row.requester),
        targets: names.targets(&row.targets),
        duration: row.duration.to_string(),
        start: start(portal, row.start),
        narrowed: live.narrowed.as_ref().map(|narrowed| {
            format!(
                "{} on {}",
                narrowed.duration,
                names.targets(&narrowed.targets)
            )
        }),
        ticket: row.ticket.clone().unwrap_or_else(|| "none".to_owned()),
        impact: format!(
            "{} of 100 – {}",
            row.impact.score,
            words::band(row.impact.band)
        ),
        sent: words::when(row.sent_at, &portal.app.zone),
        revision: row.revision,
        answers: answers(&names, row),
        turns: row
            .conversation
            .iter()
            .map(|one| turn(portal, &names, one))
            .collect(),
        consents: row
            .consents
            .iter()
            .map(|one| consent(portal, &names, one))
            .collect(),
        seats: live.seats.iter().map(seat).collect(),
        entries: row.entries.clone(),
    })
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Trouble> {
    let row = named(&portal, &visitor, &number)?;
    let page = context(&portal, &nonce, &visitor, &row, &asked.done)?;
    Ok(html(&portal, StatusCode::OK, &page))
}

/// The part of the page that follows what happens.
pub(crate) async fn follow(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    Path(number): Path<String>,
) -> Response {
    live::follow(&portal, &headers, move |portal, visitor| {
        let row = named(portal, visitor, &number)?;
        let page = context(portal, &nonce, visitor, &row, "")?;
        rendered(portal, &page.as_live())
    })
}

pub(crate) async fn withdraw(
    State(portal): State<Shared>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let row = named(&portal, &posted.visitor, &number)?;
    let command = Command::WithdrawRequest { request: row.id };
    submit(
        &portal,
        Wish::plain(posted.visitor.session.actor(), command, posted.key),
    )
    .await?;
    Ok(on_to(&format!("/requests/{}?done=withdrawn", row.number)))
}

pub(crate) async fn answer(
    State(portal): State<Shared>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    talk(&portal, &number, posted, "answered", |request, text| {
        Command::AnswerApprovers { request, text }
    })
    .await
}

pub(crate) async fn question(
    State(portal): State<Shared>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    talk(&portal, &number, posted, "asked", |request, text| {
        Command::AskRequester { request, text }
    })
    .await
}

async fn talk(
    portal: &Portal,
    number: &str,
    posted: Posted,
    done: &str,
    command: impl FnOnce(RequestId, Text) -> Command,
) -> Result<Response, Trouble> {
    let row = named(portal, &posted.visitor, number)?;
    // The page for decisions calls its field "comment".
    let words = [posted.fields.one("text"), posted.fields.one("comment")].join("");
    if words.trim().is_empty() {
        return Err(Trouble::Unusable {
            message: "nothing was written".to_owned(),
        });
    }
    let (text, bodies) = seal(portal, &posted.visitor.viewer.person, &words)?;
    let wish = Wish {
        bodies,
        ..Wish::plain(
            posted.visitor.session.actor(),
            command(row.id, text),
            posted.key,
        )
    };
    submit(portal, wish).await?;
    Ok(on_to(&format!("/requests/{}?done={done}", row.number)))
}

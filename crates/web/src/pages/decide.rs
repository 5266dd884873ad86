//! The page on which an approver decides: first what will happen, then why it is asked, then the buttons.
use super::{
    checks::impact_part,
    chrome::{Chrome, Hidden, Part, html, on_to},
    form::Posted,
    parts::{Answer, Choice, answers, delicate_targets, durations, start, target_choice},
    request::named,
};
use crate::{
    api::{Live, narrowing},
    app::{Portal, Shared},
    guard::Nonce,
    names::Names,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    viewer::Visitor,
    words,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use domain::{
    command::Command,
    ids::{Digest, RequestNumber, TargetId},
    request::{RequestKind, Start},
    time::Seconds,
};
use engine::views::{Page, RequestFilter, RequestRow, RequestStanding};
use std::collections::BTreeSet;

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "decide.html")]
pub(crate) struct DecidePage {
    pub(crate) chrome: Chrome,
    pub(crate) hidden: Hidden,
    pub(crate) errors: Vec<String>,
    pub(crate) number: RequestNumber,
    pub(crate) title: String,
    pub(crate) platform: String,
    pub(crate) who: String,
    pub(crate) consequence: String,
    pub(crate) can: Vec<String>,
    pub(crate) cannot: Vec<String>,
    pub(crate) recorded: String,
    pub(crate) standing: String,
    pub(crate) digest: Digest,
    pub(crate) durations: Vec<Choice>,
    pub(crate) targets: Vec<Choice>,
    pub(crate) confirmed: Vec<String>,
    pub(crate) comment: String,
    pub(crate) answers: Vec<Answer>,
    pub(crate) ticket: String,
    pub(crate) impact: String,
    pub(crate) parts: Vec<String>,
    pub(crate) history: String,
}

/// What was filled in when something went wrong.
#[derive(Debug, Default)]
struct Kept {
    errors: Vec<String>,
    comment: String,
    chosen: Option<Chosen>,
}

/// For how long and on what the approver would have it: what was chosen, not what it comes to.
#[derive(Debug)]
struct Chosen {
    seconds: u32,
    targets: BTreeSet<String>,
}

fn history(portal: &Portal, row: &RequestRow) -> Result<String, Trouble> {
    const LOOKED_AT: usize = 20;
    let filter = RequestFilter {
        requester: Some(row.requester.clone()),
        pending: Some(false),
        privilege: Some(row.privilege.clone()),
    };
    let page = Page {
        before: None,
        limit: LOOKED_AT,
    };
    let paged = portal
        .app
        .engine
        .views()
        .requests(&filter, page)
        .map_err(|error| portal.unread(&error))?;
    let granted = paged
        .rows
        .iter()
        .filter(|earlier| earlier.standing == RequestStanding::Granted)
        .count();
    let refused = paged
        .rows
        .iter()
        .filter(|earlier| matches!(earlier.standing, RequestStanding::Denied { .. }))
        .count();
    Ok(earlier(paged.rows.len(), granted, refused))
}

fn earlier(all: usize, granted: usize, refused: usize) -> String {
    match all {
        0 => "their first request for this".to_owned(),
        1 => format!("one request like this: {granted} approved, {refused} refused"),
        n => format!("their last {n} requests like this: {granted} approved, {refused} refused"),
    }
}

fn standing(live: &Live) -> String {
    let open: u32 = live.seats.iter().map(|seat| u32::from(seat.missing)).sum();
    match open {
        0 | 1 => "Yours is the last consent it needs: it takes effect when you approve.".to_owned(),
        n => format!("{n} consents are still missing, and yours is one of them."),
    }
}

fn consequence(portal: &Portal, names: &Names, row: &RequestRow) -> String {
    let what = delicate_targets(names, &row.targets, "and");
    let duration = row.duration;
    match row.kind {
        RequestKind::Extension(_) => {
            format!("keeps this access on {what} for {duration} longer, without a gap.")
        }
        RequestKind::New | RequestKind::BreakGlass => {
            let at = match row.start {
                Start::Now => "",
                Start::At(_) => "at ",
            };
            format!(
                "gets this access on {what} for {duration}, starting {at}{}. It ends by itself.",
                start(portal, row.start)
            )
        }
    }
}

fn context(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    row: &RequestRow,
    kept: Kept,
) -> Result<DecidePage, Trouble> {
    let names = Names::load(portal)?;
    let live = portal
        .app
        .engine
        .read(|state| Live::of(state, &visitor.viewer, row));
    let digest = live
        .digest
        .filter(|_| live.may.contains(&"approve"))
        .ok_or(Trouble::NotFound)?;
    let catalog = names.catalog().ok_or(Trouble::NotFound)?;
    let privilege = catalog
        .privileges
        .get(&row.privilege)
        .ok_or(Trouble::NotFound)?;
    let (left_targets, left_duration) = live
        .narrowed
        .as_ref()
        .map_or((&row.targets, row.duration), |left| {
            (&left.targets, left.duration)
        });
    let chosen = kept.chosen.as_ref();
    let is_on = |id: &TargetId| chosen.is_none_or(|it| it.targets.contains(id.as_str()));
    let chosen_duration = chosen.map_or(left_duration, |it| Seconds(it.seconds));
    Ok(DecidePage {
        chrome: Chrome::of(portal, nonce, visitor, &names, Part::Approvals),
        hidden: Hidden::of(portal, &visitor.session),
        errors: kept.errors,
        number: row.number,
        title: privilege.title.clone(),
        platform: names.platform(&privilege.platform),
        who: names.person(&row.requester),
        consequence: consequence(portal, &names, row),
        can: privilege.can.clone(),
        cannot: privilege.cannot.clone(),
        recorded: "Every use is recorded, and you can see it on the page of the access.".to_owned(),
        standing: standing(&live),
        digest,
        durations: durations(left_duration, chosen_duration),
        targets: left_targets
            .iter()
            .map(|id| target_choice(&names, catalog, id, is_on(id)))
            .collect(),
        confirmed: privilege.risk_controls.values().cloned().collect(),
        comment: kept.comment,
        answers: answers(&names, row),
        ticket: row.ticket.clone().unwrap_or_else(|| "none".to_owned()),
        impact: format!(
            "{} of 100 – {}",
            row.impact.score,
            words::band(row.impact.band)
        ),
        parts: row
            .impact
            .parts
            .iter()
            .map(|part| impact_part(part, false))
            .collect(),
        history: history(portal, row)?,
    })
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    let row = named(&portal, &visitor, &number)?;
    let page = context(&portal, &nonce, &visitor, &row, Kept::default())?;
    Ok(html(&portal, StatusCode::OK, &page))
}

/// The page again with what is wrong, the comment kept; if there is nothing left to decide, the trouble itself.
fn again(
    portal: &Portal,
    nonce: &Nonce,
    posted: &Posted,
    row: &RequestRow,
    trouble: Trouble,
) -> Result<Response, Trouble> {
    if !matches!(trouble, Trouble::Refused(_) | Trouble::Unusable { .. }) {
        return Err(trouble);
    }
    let words = trouble.words();
    let mut errors = vec![words.detail];
    errors.extend(words.fix);
    let kept = Kept {
        errors,
        comment: engine::body::clean(posted.fields.one("comment")),
        // a choice that can't be read is told, and then nothing shorter was chosen
        chosen: seconds(posted, row).ok().map(|Seconds(seconds)| Chosen {
            seconds,
            targets: posted.fields.all("target").iter().cloned().collect(),
        }),
    };
    match context(portal, nonce, &posted.visitor, row, kept) {
        Ok(page) => Ok(html(portal, trouble.status(), &page)),
        Err(_) => Err(trouble),
    }
}

fn seen(posted: &Posted) -> Result<Digest, Trouble> {
    posted
        .fields
        .one("digest")
        .parse()
        .map_err(|_| Trouble::Stale)
}

fn comment(posted: &Posted) -> Result<&str, Trouble> {
    let comment = posted.fields.one("comment");
    if comment.trim().is_empty() {
        return Err(Trouble::Unusable {
            message: "write a comment: the requester and the record need it".to_owned(),
        });
    }
    Ok(comment)
}

/// For how long; a form that doesn't say leaves it as it is.
fn seconds(posted: &Posted, row: &RequestRow) -> Result<Seconds, Trouble> {
    let unreadable = |_| Trouble::Unusable {
        message: "choose for how long: one of the times on the page".to_owned(),
    };
    match posted.fields.one("seconds") {
        "" => Ok(row.duration),
        text => text.parse().map(Seconds).map_err(unreadable),
    }
}

fn left(posted: &Posted, row: &RequestRow) -> Result<Option<domain::request::Narrowing>, Trouble> {
    let chosen = posted.fields.all("target");
    // a form sends nothing for boxes that aren't ticked: none of them is not all of them
    if chosen.is_empty() && posted.fields.one("choose") == "targets" {
        return Err(Trouble::Unusable {
            message: "tick what it may be used on; if that is nothing, do not approve".to_owned(),
        });
    }
    let targets: Result<BTreeSet<TargetId>, _> = chosen.iter().map(|id| id.parse()).collect();
    let targets = targets.map_err(|_| Trouble::NotFound)?;
    let targets = (!targets.is_empty() && targets != row.targets).then_some(targets);
    let duration = seconds(posted, row)?;
    let duration = (duration != row.duration).then_some(duration);
    Ok(narrowing(row, targets, duration))
}

pub(crate) async fn approve(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let row = named(&portal, &posted.visitor, &number)?;
    let wish = (|| {
        let (text, bodies) = seal(&portal, &posted.visitor.viewer.person, comment(&posted)?)?;
        let command = Command::ApproveRequest {
            request: row.id,
            digest: seen(&posted)?,
            narrowing: left(&posted, &row)?,
            comment: text,
        };
        Ok(Wish {
            bodies,
            ..Wish::plain(posted.visitor.session.actor(), command, posted.key.clone())
        })
    })();
    carry_out(&portal, &nonce, &posted, &row, wish, "approved").await
}

pub(crate) async fn deny(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let row = named(&portal, &posted.visitor, &number)?;
    let wish = (|| {
        let (text, bodies) = seal(&portal, &posted.visitor.viewer.person, comment(&posted)?)?;
        let command = Command::DenyRequest {
            request: row.id,
            digest: seen(&posted)?,
            comment: text,
        };
        Ok(Wish {
            bodies,
            ..Wish::plain(posted.visitor.session.actor(), command, posted.key.clone())
        })
    })();
    carry_out(&portal, &nonce, &posted, &row, wish, "denied").await
}

async fn carry_out(
    portal: &Portal,
    nonce: &Nonce,
    posted: &Posted,
    row: &RequestRow,
    wish: Result<Wish, Trouble>,
    done: &str,
) -> Result<Response, Trouble> {
    let outcome = match wish {
        Ok(wish) => submit(portal, wish).await,
        Err(trouble) => Err(trouble),
    };
    match outcome {
        Ok(_) => Ok(on_to(&format!("/requests/{}?done={done}", row.number))),
        Err(trouble) => again(portal, nonce, posted, row, trouble),
    }
}

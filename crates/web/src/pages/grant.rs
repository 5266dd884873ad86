//! One page for a grant, for all roles: how long, for what, what was done; and what this person can do about it.
use super::{
    chrome::{Chrome, Hidden, Part, html, on_to, rendered},
    form::Posted,
    parts::{Answer, answers, used, words_or_erased},
};
use crate::{
    api::{cursor, grant_may, grant_visible, opening, read_cursor, take_secrets},
    app::{Portal, Shared},
    guard::Nonce,
    live,
    names::Names,
    submit::{Wish, seal, submit},
    trouble::Trouble,
    viewer::Visitor,
    words::{self, Tag, When, grant_tag},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use domain::{
    catalog::Budget,
    command::{Command, ReviewFinding},
    grant::{CredentialKind, GrantState},
    ids::{GrantId, GrantNumber, PrivilegeId, RequestNumber},
    text::Text,
};
use engine::views::{GrantRow, GrantStanding, Page, ReviewStanding, UseRow};
use serde::Deserialize;

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "grant.html", blocks = ["live"])]
pub(crate) struct GrantPage {
    pub(crate) chrome: Chrome,
    pub(crate) hidden: Hidden,
    pub(crate) errors: Vec<String>,
    pub(crate) notice: Option<String>,
    /// Whether the page follows what happens: not an older part of the list, nor one that shows a secret.
    pub(crate) live: bool,
    pub(crate) number: GrantNumber,
    pub(crate) request: RequestNumber,
    pub(crate) privilege: PrivilegeId,
    pub(crate) title: String,
    pub(crate) platform: String,
    pub(crate) tag: Tag,
    pub(crate) status: String,
    pub(crate) ticking: Option<When>,
    pub(crate) left: String,
    pub(crate) secrets: Vec<Answered>,
    pub(crate) may: Vec<&'static str>,
    pub(crate) who: String,
    pub(crate) targets: String,
    pub(crate) approved_by: String,
    pub(crate) began: Option<When>,
    pub(crate) ends: Option<When>,
    pub(crate) ends_label: &'static str,
    pub(crate) used: String,
    pub(crate) budget: String,
    pub(crate) ended: bool,
    pub(crate) nothing_left: &'static str,
    pub(crate) read_backs: Vec<String>,
    pub(crate) uses: Vec<UseLine>,
    pub(crate) next: Option<String>,
    pub(crate) purpose: Vec<Answer>,
    pub(crate) reviewed: Option<String>,
    pub(crate) entries: Vec<u64>,
}

impl GrantPage {
    /// Whether this person could do `what` with it now.
    fn may(&self, what: &str) -> bool {
        self.may.contains(&what)
    }
}

/// Something shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) label: &'static str,
    pub(crate) value: String,
}

/// One recorded action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UseLine {
    pub(crate) when: When,
    pub(crate) what: String,
    pub(crate) result: String,
    pub(crate) entry: u64,
}

/// The page that leads on to a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "open.html")]
pub(crate) struct OpenPage {
    pub(crate) chrome: Chrome,
    pub(crate) number: GrantNumber,
    pub(crate) platform: String,
    pub(crate) post_to: String,
    pub(crate) code: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    cursor: String,
}

const USES: usize = 25;

fn named(portal: &Portal, visitor: &Visitor, number: &str) -> Result<GrantRow, Trouble> {
    let number: GrantNumber = number.parse().map_err(|_| Trouble::NotFound)?;
    grant_visible(portal, &visitor.viewer, number)
}

fn notice(done: &str) -> Option<String> {
    let text = match done {
        "returned" => "You gave it back. Thank you.",
        "revoked" => "It has ended.",
        "held" => "It is on hold.",
        "resumed" => "It goes on.",
        "reviewed" => "Your review is recorded.",
        "shown" => "There is nothing more to show: it was shown already, or is not made yet.",
        _ => return None,
    };
    Some(text.to_owned())
}

fn status(portal: &Portal, row: &GrantRow) -> String {
    let at = |time: Option<domain::time::Timestamp>| {
        time.map(|at| words::when(at, &portal.app.zone).text)
            .unwrap_or_default()
    };
    let reason = row.reason.map(words::end_reason).unwrap_or_default();
    match row.standing {
        GrantStanding::Scheduled => format!("Begins at {} by itself.", at(Some(row.starts_at))),
        GrantStanding::Active => format!("Ends at {} by itself.", at(row.expires_at)),
        GrantStanding::Held => {
            let because = portal.app.engine.read(|state| {
                match state.grants.get(&row.id).map(|grant| &grant.state) {
                    Some(GrantState::Held { because, .. }) => Some(words::hold_reason(*because)),
                    _ => None,
                }
            });
            format!(
                "On hold: {}. Its time runs on and ends at {}.",
                because.unwrap_or("it was put on hold"),
                at(row.expires_at)
            )
        }
        GrantStanding::Ending => format!(
            "Ended at {}. {reason}. Not everything has confirmed yet; we are trying again.",
            at(row.ended_at)
        ),
        GrantStanding::Closed => format!("Ended at {}. {reason}.", at(row.ended_at)),
    }
}

fn budget(budget: &Budget) -> String {
    let mut parts = Vec::new();
    parts.extend(budget.calls_max.map(|n| words::count(n, "call", "calls")));
    parts.extend(budget.rows_max.map(|n| words::count(n, "row", "rows")));
    parts.extend(budget.bytes_max.map(|n| words::count(n, "byte", "bytes")));
    parts.extend(
        budget
            .refusals_max
            .map(|n| format!("{} refused attempts", words::grouped(n))),
    );
    if parts.is_empty() {
        "no limit but its scope".to_owned()
    } else {
        format!("at most {}", parts.join(", "))
    }
}

fn use_line(portal: &Portal, row: &UseRow) -> UseLine {
    let result = match (&row.refused, row.status) {
        (Some(rule), _) => format!("refused: {rule}"),
        (None, Some(status)) if row.cut => format!("cut off ({status})"),
        (None, Some(status)) => {
            let rows = row
                .rows
                .filter(|rows| *rows > 0)
                .map(|rows| format!(", {}", words::count(rows, "row", "rows")));
            format!("allowed ({status}{})", rows.unwrap_or_default())
        }
        (None, None) => "recorded".to_owned(),
    };
    UseLine {
        when: words::when_exactly(row.at, &portal.app.zone),
        what: row.what.clone(),
        result,
        entry: row.entry,
    }
}

fn reviewed(names: &Names, row: &GrantRow) -> Option<String> {
    let ReviewStanding::Given {
        by,
        questioned,
        comment,
    } = &row.review
    else {
        return None;
    };
    let finding = if *questioned {
        "questioned it"
    } else {
        "found it as stated"
    };
    Some(format!(
        "{} reviewed the use and {finding}: {}",
        names.person(by),
        words_or_erased(comment.as_deref())
    ))
}

/// What is asked for beside the grant itself.
#[derive(Debug, Default)]
struct Extra {
    secrets: Vec<Answered>,
    errors: Vec<String>,
}

#[expect(
    clippy::too_many_lines,
    reason = "one line a field of the page: cutting it in two would hide which is missing"
)]
fn context(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    row: &GrantRow,
    asked: &Asked,
    extra: Extra,
) -> Result<GrantPage, Trouble> {
    let names = Names::load(portal)?;
    let viewer = &visitor.viewer;
    let (mut may, live_budget, makes_secrets) = portal.app.engine.read(|state| {
        let live = state.grants.get(&row.id);
        let makes = |grant: &domain::grant::Grant| {
            grant
                .credentials
                .values()
                .any(|credential| match credential.kind {
                    CredentialKind::PostgresRole { .. } | CredentialKind::NodeRedToken => true,
                    CredentialKind::AccessToken | CredentialKind::GatewaySession => false,
                })
        };
        (
            grant_may(portal, state, viewer, row),
            live.map(|grant| budget(&grant.terms.budget)),
            live.is_some_and(makes),
        )
    });
    let page = Page {
        before: read_cursor(&asked.cursor),
        limit: USES,
    };
    let views = portal.app.engine.views();
    let uses = views
        .uses(row.id, page)
        .map_err(|error| portal.unread(&error))?;
    let request = views
        .request(row.request)
        .map_err(|error| portal.unread(&error))?;
    let zone = &portal.app.zone;
    let own = row.holder == viewer.person;
    let active = row.standing == GrantStanding::Active;
    let ended = row.ended_at.is_some();
    if own && active && makes_secrets && extra.secrets.is_empty() {
        may.push("secret");
    }
    let read_back = |(credential, text): (&String, &String)| format!("{credential}: {text}");
    Ok(GrantPage {
        chrome: Chrome::of(portal, nonce, visitor, &names, Part::Grants),
        hidden: Hidden::of(portal, &visitor.session),
        errors: extra.errors,
        notice: notice(&asked.done),
        live: asked.cursor.is_empty() && extra.secrets.is_empty(),
        number: row.number,
        request: row.request,
        privilege: row.privilege.clone(),
        title: names.privilege(&row.privilege),
        platform: names.platform(&row.platform),
        tag: grant_tag(row.standing),
        status: status(portal, row),
        ticking: row
            .expires_at
            .filter(|_| active)
            .map(|at| words::when(at, zone)),
        left: row
            .expires_at
            .map(|at| words::left(at, viewer.now))
            .unwrap_or_default(),
        secrets: extra.secrets,
        may,
        who: names.person(&row.holder),
        targets: names.targets(&row.targets),
        approved_by: names.persons(&row.approved_by),
        began: row.activated_at.map(|at| words::when(at, zone)),
        ends: row
            .ended_at
            .or(row.expires_at)
            .map(|at| words::when(at, zone)),
        ends_label: if ended { "Ended" } else { "Ends" },
        used: used(row),
        budget: live_budget.unwrap_or_else(|| "it is over".to_owned()),
        ended,
        nothing_left: "Nothing had been made in a target: the access was enforced at the gateway, and is void.",
        read_backs: row.read_backs.iter().map(read_back).collect(),
        uses: uses.rows.iter().map(|row| use_line(portal, row)).collect(),
        next: uses
            .next
            .map(|before| format!("/grants/{}?cursor={}#activity", row.number, cursor(before))),
        purpose: request
            .map(|request| answers(&names, &request))
            .unwrap_or_default(),
        reviewed: reviewed(&names, row),
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
    let page = context(&portal, &nonce, &visitor, &row, &asked, Extra::default())?;
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
        let page = context(
            portal,
            &nonce,
            visitor,
            &row,
            &Asked::default(),
            Extra::default(),
        )?;
        rendered(portal, &page.as_live())
    })
}

pub(crate) async fn open(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let visitor = &posted.visitor;
    let row = named(&portal, visitor, &number)?;
    let opening = opening(&portal, &visitor.session, &visitor.viewer, &row)?;
    let names = Names::load(&portal)?;
    let page = OpenPage {
        chrome: Chrome::of(&portal, &nonce, visitor, &names, Part::Grants),
        number: row.number,
        platform: names.platform(&row.platform),
        post_to: opening.post_to,
        code: opening.code,
    };
    let mut response = html(&portal, StatusCode::OK, &page);
    // the gateway wants to know that this page sent the code; under `same-origin` the browser would hide it
    response.headers_mut().insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin"),
    );
    Ok(response)
}

fn secret_label(kind: &CredentialKind) -> &'static str {
    match kind {
        CredentialKind::PostgresRole { .. } => "Database sign-in",
        CredentialKind::NodeRedToken => "Node-RED token",
        CredentialKind::AccessToken | CredentialKind::GatewaySession => "Token",
    }
}

/// Shown in the answer to the form itself: an address could be opened again, and there is nothing to open.
pub(crate) async fn secret(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let visitor = &posted.visitor;
    let row = named(&portal, visitor, &number)?;
    if row.holder != visitor.viewer.person {
        return Err(Trouble::NotFound);
    }
    let taken = take_secrets(&portal, &visitor.viewer, &row);
    if taken.is_empty() {
        return Ok(on_to(&format!("/grants/{}?done=shown", row.number)));
    }
    let secrets = taken.into_iter().map(|(_, kind, value)| Answered {
        label: secret_label(&kind),
        value,
    });
    let extra = Extra {
        secrets: secrets.collect(),
        errors: Vec::new(),
    };
    let page = context(&portal, &nonce, visitor, &row, &Asked::default(), extra)?;
    Ok(html(&portal, StatusCode::OK, &page))
}

pub(crate) async fn give_back(
    State(portal): State<Shared>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let row = named(&portal, &posted.visitor, &number)?;
    let command = Command::ReturnGrant { grant: row.id };
    submit(
        &portal,
        Wish::plain(posted.visitor.session.actor(), command, posted.key),
    )
    .await?;
    Ok(on_to(&format!("/grants/{}?done=returned", row.number)))
}

pub(crate) async fn revoke(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    intervene(
        &portal,
        &nonce,
        &number,
        posted,
        "revoked",
        |grant, comment| Command::RevokeGrant { grant, comment },
    )
    .await
}

pub(crate) async fn hold(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    intervene(
        &portal,
        &nonce,
        &number,
        posted,
        "held",
        |grant, comment| Command::HoldGrant { grant, comment },
    )
    .await
}

pub(crate) async fn resume(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    intervene(
        &portal,
        &nonce,
        &number,
        posted,
        "resumed",
        |grant, comment| Command::ResumeGrant { grant, comment },
    )
    .await
}

pub(crate) async fn review(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let finding = match posted.fields.one("finding") {
        "as-stated" => ReviewFinding::AsStated,
        "questioned" => ReviewFinding::Questioned,
        _ => {
            return Err(Trouble::Unusable {
                message: "say whether the use was as stated or not".to_owned(),
            });
        }
    };
    intervene(
        &portal,
        &nonce,
        &number,
        posted,
        "reviewed",
        |grant, comment| Command::ReviewGrant {
            grant,
            finding,
            comment,
        },
    )
    .await
}

async fn intervene(
    portal: &Portal,
    nonce: &Nonce,
    number: &str,
    posted: Posted,
    done: &str,
    command: impl FnOnce(GrantId, Text) -> Command,
) -> Result<Response, Trouble> {
    let row = named(portal, &posted.visitor, number)?;
    let comment = posted.fields.one("comment");
    if comment.trim().is_empty() {
        let extra = Extra {
            secrets: Vec::new(),
            errors: vec![
                "Write a reason: the holder and the record need it. Nothing was changed."
                    .to_owned(),
            ],
        };
        let page = context(
            portal,
            nonce,
            &posted.visitor,
            &row,
            &Asked::default(),
            extra,
        )?;
        return Ok(html(portal, StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let (text, bodies) = seal(portal, &posted.visitor.viewer.person, comment)?;
    let wish = Wish {
        bodies,
        ..Wish::plain(
            posted.visitor.session.actor(),
            command(row.id, text),
            posted.key,
        )
    };
    submit(portal, wish).await?;
    if posted.fields.one("back") == "security" {
        return Ok(on_to("/security"));
    }
    Ok(on_to(&format!("/grants/{}?done={done}", row.number)))
}

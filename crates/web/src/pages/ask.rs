//! Asking: the form, its live pre-check, sending and changing. Whatever goes wrong, the answers are kept.
use super::{
    checks::{Checks, ChecksAlone},
    chrome::{Chrome, Hidden, Part, html, on_to},
    form::{Fields, Posted},
    parts::{Choice, durations, target_choice},
};
use crate::{
    api::{AskIn, Live, ask_of, number_of, request_visible, unsealed},
    app::{Portal, Shared},
    guard::Nonce,
    names::Names,
    submit::{Wish, submit},
    trouble::Trouble,
    viewer::Visitor,
    words,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{
    catalog::{BreakGlassRule, Privilege, Requirement},
    command::Command,
    ids::{PrivilegeId, QuestionId, RequestNumber},
    request::{RequestKind, Start},
    time::Seconds,
};
use engine::{body::clean, views::RequestRow};
use std::collections::{BTreeMap, BTreeSet};

/// The form.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "ask.html")]
pub(crate) struct AskPage {
    pub(crate) chrome: Chrome,
    pub(crate) hidden: Hidden,
    pub(crate) errors: Vec<String>,
    pub(crate) heading: String,
    pub(crate) action: String,
    pub(crate) button: &'static str,
    pub(crate) privilege: PrivilegeId,
    pub(crate) title: String,
    pub(crate) platform: String,
    pub(crate) extends: String,
    pub(crate) revision: Option<u32>,
    pub(crate) editing: String,
    pub(crate) targets: Vec<Choice>,
    pub(crate) durations: Vec<Choice>,
    pub(crate) start: String,
    pub(crate) questions: Vec<Asking>,
    pub(crate) ticket: String,
    pub(crate) ticket_required: bool,
    pub(crate) ticket_hint: String,
    pub(crate) controls: Vec<Choice>,
    pub(crate) break_glass: Option<String>,
    pub(crate) emergency: bool,
    pub(crate) can: Vec<String>,
    pub(crate) cannot: Vec<String>,
    pub(crate) owner: String,
    pub(crate) checks: Checks,
}

/// One question of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) id: QuestionId,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) required: bool,
    pub(crate) chars_min: u32,
    pub(crate) chars_max: u32,
    pub(crate) answer: String,
}

/// What somebody has filled in so far.
#[derive(Debug, Clone, Default)]
struct Filled {
    privilege: String,
    targets: BTreeSet<String>,
    seconds: u32,
    start: String,
    answers: BTreeMap<String, String>,
    ticket: String,
    confirmed: BTreeSet<String>,
    extends: String,
    emergency: bool,
    /// Which request is changed, and which revision of it was seen.
    editing: Option<(RequestNumber, u32)>,
}

const SECONDS: u32 = 3_600;

impl Filled {
    fn of_fields(fields: &Fields) -> Self {
        let texts = |name| fields.all(name).iter().cloned().collect();
        let editing = fields.one("editing").parse().ok();
        Self {
            privilege: fields.one("privilege").to_owned(),
            targets: texts("target"),
            seconds: fields.one("seconds").parse().unwrap_or(0),
            start: clean(fields.one("start")),
            answers: fields
                .under("answer.")
                .map(|(question, text)| (question.to_owned(), clean(text)))
                .collect(),
            ticket: clean(fields.one("ticket")),
            confirmed: texts("confirm"),
            extends: clean(fields.one("extends")),
            emergency: fields.one("break_glass") == "yes",
            editing: editing.zip(fields.one("revision").parse().ok()),
        }
    }

    /// What an earlier request said, to start from. Risk controls are confirmed anew.
    fn of_request(portal: &Portal, row: &RequestRow) -> Self {
        Self {
            privilege: row.privilege.to_string(),
            targets: row.targets.iter().map(ToString::to_string).collect(),
            seconds: row.duration.0,
            start: match row.start {
                Start::Now => String::new(),
                Start::At(at) => words::local_field(at, &portal.app.zone),
            },
            answers: row
                .answers
                .iter()
                .map(|(question, text)| (question.to_string(), text.clone().unwrap_or_default()))
                .collect(),
            ticket: row.ticket.clone().unwrap_or_default(),
            emergency: row.kind == RequestKind::BreakGlass,
            ..Self::default()
        }
    }

    /// The ask it stands for; values that name nothing are trouble.
    fn ask(&self) -> Result<AskIn, Trouble> {
        let unusable = |error: &dyn std::error::Error| Trouble::Unusable {
            message: error.to_string(),
        };
        let mut answers = BTreeMap::new();
        for (question, text) in &self.answers {
            answers.insert(
                question.parse().map_err(|error| unusable(&error))?,
                text.clone(),
            );
        }
        let targets: Result<_, _> = self.targets.iter().map(|id| id.parse()).collect();
        let confirmed: Result<_, _> = self.confirmed.iter().map(|id| id.parse()).collect();
        Ok(AskIn {
            privilege: self.privilege.parse().map_err(|error| unusable(&error))?,
            targets: targets.map_err(|error: domain::ids::IdError| unusable(&error))?,
            duration_seconds: self.seconds,
            start_at: (!self.start.is_empty()).then(|| self.start.clone()),
            answers,
            ticket: Some(self.ticket.clone()),
            confirmed: confirmed.map_err(|error: domain::ids::IdError| unusable(&error))?,
            extends: (!self.extends.is_empty()).then(|| self.extends.clone()),
            break_glass: self.emergency,
        })
    }
}

fn checks(portal: &Portal, visitor: &Visitor, names: &Names, filled: &Filled) -> Checks {
    let ask = match filled.ask().and_then(|asked| unsealed(portal, &asked)) {
        Ok(ask) => ask,
        Err(trouble) => return Checks::unreadable(&trouble),
    };
    match portal.app.engine.precheck(&visitor.session.actor(), &ask) {
        Ok(precheck) => Checks::of(names, &ask.privilege, &precheck),
        Err(refused) => {
            Checks::unreadable(&Trouble::Refused(Box::new(crate::api::refusal(&refused))))
        }
    }
}

fn questions(privilege: &Privilege, filled: &Filled) -> Vec<Asking> {
    let asking = |question: &domain::catalog::Question| Asking {
        id: question.id.clone(),
        label: question.label.clone(),
        hint: question.hint.clone(),
        required: question.required == Requirement::Required,
        chars_min: question.chars_min,
        chars_max: question.chars_max,
        answer: filled
            .answers
            .get(question.id.as_str())
            .cloned()
            .unwrap_or_default(),
    };
    privilege.template.iter().map(asking).collect()
}

fn headings(filled: &Filled, title: &str) -> (String, String, &'static str) {
    match &filled.editing {
        Some((number, _)) => (
            format!("Change {number}: {title}"),
            format!("/requests/{number}/edit"),
            "Send the change",
        ),
        None if !filled.extends.is_empty() => (
            format!("Ask for more time: {title}"),
            "/requests".to_owned(),
            "Send for approval",
        ),
        None => (
            format!("Ask for access: {title}"),
            "/requests".to_owned(),
            "Send for approval",
        ),
    }
}

fn context(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    filled: &Filled,
    errors: Vec<String>,
) -> Result<AskPage, Trouble> {
    let names = Names::load(portal)?;
    let catalog = names.catalog().ok_or(Trouble::NotFound)?;
    let privilege = filled
        .privilege
        .parse::<PrivilegeId>()
        .ok()
        .and_then(|id| catalog.privileges.get(&id))
        .ok_or(Trouble::NotFound)?;
    let mut filled = filled.clone();
    if filled.seconds == 0 {
        filled.seconds = SECONDS.min(privilege.grant_seconds_max.0);
    }
    if let (true, Some(only)) = (
        filled.targets.is_empty() && privilege.targets.len() == 1,
        privilege.targets.first(),
    ) {
        filled.targets.insert(only.to_string());
    }
    let (heading, action, button) = headings(&filled, &privilege.title);
    let target = |id: &domain::ids::TargetId| {
        target_choice(&names, catalog, id, filled.targets.contains(id.as_str()))
    };
    let control = |(id, text): (&domain::ids::RiskControlId, &String)| {
        Choice::new(id, text, filled.confirmed.contains(id.as_str()))
    };
    let prefixes: Vec<String> = privilege.ticket.prefixes.iter().cloned().collect();
    Ok(AskPage {
        chrome: Chrome::of(portal, nonce, visitor, &names, Part::Catalog),
        hidden: Hidden::of(portal, &visitor.session),
        errors,
        heading,
        action,
        button,
        privilege: privilege.id.clone(),
        title: privilege.title.clone(),
        platform: names.platform(&privilege.platform),
        extends: filled.extends.clone(),
        revision: filled.editing.map(|(_, revision)| revision),
        editing: filled
            .editing
            .map(|(number, _)| number.to_string())
            .unwrap_or_default(),
        targets: privilege.targets.iter().map(target).collect(),
        durations: durations(privilege.grant_seconds_max, Seconds(filled.seconds)),
        start: filled.start.clone(),
        questions: questions(privilege, &filled),
        ticket: filled.ticket.clone(),
        ticket_required: privilege.ticket.required == Requirement::Required,
        ticket_hint: if prefixes.is_empty() {
            String::new()
        } else {
            format!("It starts with {}.", crate::names::listed(&prefixes, "or"))
        },
        controls: privilege.risk_controls.iter().map(control).collect(),
        break_glass: match &privilege.break_glass {
            BreakGlassRule::Allowed { grant_seconds_max } if filled.extends.is_empty() => {
                Some(grant_seconds_max.to_string())
            }
            BreakGlassRule::Allowed { .. } | BreakGlassRule::Barred => None,
        },
        emergency: filled.emergency,
        can: privilege.can.clone(),
        cannot: privilege.cannot.clone(),
        owner: names.person(&privilege.owner),
        checks: checks(portal, visitor, &names, &filled),
    })
}

pub(crate) async fn page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let asked = Fields::of(pairs)?;
    let mut filled = Filled::of_fields(&asked);
    filled.editing = None;
    if let Ok(number) = asked.one("from").parse::<RequestNumber>() {
        let row = request_visible(&portal, &visitor.viewer, number)?;
        if row.requester == visitor.viewer.person {
            let extends = filled.extends.clone();
            let privilege = filled.privilege.clone();
            filled = Filled::of_request(&portal, &row);
            filled.extends = extends;
            if !privilege.is_empty() {
                filled.privilege = privilege;
            }
            filled.start = String::new();
        }
    }
    let page = context(&portal, &nonce, &visitor, &filled, Vec::new())?;
    Ok(html(&portal, StatusCode::OK, &page))
}

/// The live pre-check: with htmx just its part, without it the whole page with the answers kept.
pub(crate) async fn check(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, Trouble> {
    let filled = Filled::of_fields(&posted.fields);
    if headers.contains_key("hx-request") {
        let names = Names::load(&portal)?;
        let checks = checks(&portal, &posted.visitor, &names, &filled);
        return Ok(html(&portal, StatusCode::OK, &ChecksAlone { checks }));
    }
    let page = context(&portal, &nonce, &posted.visitor, &filled, Vec::new())?;
    Ok(html(&portal, StatusCode::OK, &page))
}

/// The form again, with what is wrong, and nothing lost.
fn again(
    portal: &Portal,
    nonce: &Nonce,
    visitor: &Visitor,
    filled: &Filled,
    trouble: Trouble,
) -> Result<Response, Trouble> {
    if !matches!(trouble, Trouble::Refused(_) | Trouble::Unusable { .. }) {
        return Err(trouble);
    }
    let words = trouble.words();
    let mut errors = vec![words.detail];
    errors.extend(words.fix);
    let page = context(portal, nonce, visitor, filled, errors)?;
    Ok(html(portal, trouble.status(), &page))
}

pub(crate) async fn send(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let filled = Filled::of_fields(&posted.fields);
    let visitor = &posted.visitor;
    let sealed = filled
        .ask()
        .and_then(|asked| ask_of(&portal, &visitor.viewer.person, &asked));
    let (ask, bodies) = match sealed {
        Ok(sealed) => sealed,
        Err(trouble) => return again(&portal, &nonce, visitor, &filled, trouble),
    };
    let wish = Wish {
        bodies,
        ..Wish::plain(
            visitor.session.actor(),
            Command::SubmitRequest { ask },
            posted.key,
        )
    };
    match submit(&portal, wish).await {
        Ok(done) => {
            let number = number_of(&done.events).ok_or(Trouble::NotFound)?;
            Ok(on_to(&format!("/requests/{number}?done=sent")))
        }
        Err(trouble) => again(&portal, &nonce, visitor, &filled, trouble),
    }
}

pub(crate) async fn edit_page(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    let number: RequestNumber = number.parse().map_err(|_| Trouble::NotFound)?;
    let row = request_visible(&portal, &visitor.viewer, number)?;
    let may = portal
        .app
        .engine
        .read(|state| Live::of(state, &visitor.viewer, &row).may);
    if !may.contains(&"edit") {
        return Err(Trouble::NotFound);
    }
    let filled = Filled {
        editing: Some((number, row.revision)),
        ..Filled::of_request(&portal, &row)
    };
    let page = context(&portal, &nonce, &visitor, &filled, Vec::new())?;
    Ok(html(&portal, StatusCode::OK, &page))
}

pub(crate) async fn edit(
    State(portal): State<Shared>,
    Extension(nonce): Extension<Nonce>,
    Path(number): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let number: RequestNumber = number.parse().map_err(|_| Trouble::NotFound)?;
    let visitor = &posted.visitor;
    let row = request_visible(&portal, &visitor.viewer, number)?;
    let mut filled = Filled::of_fields(&posted.fields);
    let revision = posted
        .fields
        .one("revision")
        .parse()
        .map_err(|_| Trouble::Stale)?;
    filled.editing = Some((number, revision));
    let sealed = filled
        .ask()
        .and_then(|asked| ask_of(&portal, &visitor.viewer.person, &asked));
    let (ask, bodies) = match sealed {
        Ok(sealed) => sealed,
        Err(trouble) => return again(&portal, &nonce, visitor, &filled, trouble),
    };
    let command = Command::EditRequest {
        request: row.id,
        ask,
        revision,
    };
    let wish = Wish {
        bodies,
        ..Wish::plain(visitor.session.actor(), command, posted.key)
    };
    match submit(&portal, wish).await {
        Ok(_) => Ok(on_to(&format!("/requests/{number}?done=changed"))),
        Err(trouble) => again(&portal, &nonce, visitor, &filled, trouble),
    }
}

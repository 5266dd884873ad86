//! Privileges: what may be lent, to whom, on whose consent, for how long.
use super::{
    known::Kind,
    read::{Node, Table, by_id},
    seats::stages,
    words::{bytes, span, window},
};
use crate::mistake::Located;
use domain::{
    catalog::{
        BreakGlassRule, Budget, Eligibility, Phase, Privilege, Provisioning, Question, Requirement,
        TableRight, TicketRule,
    },
    ids::{PersonId, PlatformId, PrivilegeId, QuestionId},
    time::Seconds,
};
use std::collections::{BTreeMap, BTreeSet};

/// Longest loan of any privilege.
const GRANT_MAX: Seconds = Seconds(30 * 86_400);
/// Longest emergency loan of any privilege.
const BREAK_GLASS_MAX: Seconds = Seconds(8 * 3_600);
/// Shortest loan worth giving.
const GRANT_MIN: Seconds = Seconds(60);
/// Longest answer that can be asked for.
const ANSWER_CHARS_MAX: u32 = 4_000;

const PHASES: [(&str, Phase); 2] = [
    ("build-time", Phase::BuildTime),
    ("run-time", Phase::RunTime),
];
const RIGHTS: [(&str, TableRight); 4] = [
    ("SELECT", TableRight::Select),
    ("INSERT", TableRight::Insert),
    ("UPDATE", TableRight::Update),
    ("DELETE", TableRight::Delete),
];

/// Adds the privileges of one file.
pub(super) fn read(root: &Table<'_>, to: &mut BTreeMap<PrivilegeId, Privilege>) {
    to.extend(by_id(
        root.find("privilege"),
        (Kind::Privilege, ""),
        privilege,
    ));
}

fn privilege(id: &PrivilegeId, node: &Node<'_>) -> Option<Privilege> {
    let findings = node.file.findings;
    let table = node.table(format!("the privilege `{id}`"))?;
    let title = table.text("title");
    let summary = table.text("summary");
    let can = table.must("can", Node::texts);
    let cannot = table.must("cannot", Node::texts);
    let phase = table.must("phase", |node| node.choice(&PHASES));
    let platform: Option<Located<PlatformId>> = table.must("platform", Node::id);
    if let Some(platform) = &platform {
        findings.claim(Kind::Platform, "", platform);
    }
    let within = platform
        .as_ref()
        .map_or("", |platform| platform.value.as_str());
    // without a readable platform, nothing can be said about what is in it
    let in_platform = |name| table.need(name).filter(|_| !within.is_empty());
    let actions = in_platform("actions").and_then(|node| some(&node, Kind::Action, within));
    let targets = in_platform("targets").and_then(|node| some(&node, Kind::Target, within));
    let owner: Option<Located<PersonId>> = table.must("owner", Node::id);
    let risk_controls = statements(&table);
    let eligibility = table.must("who", eligibility);
    let stages = table.must("stage", stages);
    let longest = table.must("longest", |node| span(node, GRANT_MIN, GRANT_MAX));
    let windows = table.or("windows", Vec::new(), |node| {
        node.list()
            .map(|all| all.iter().filter_map(window).collect())
    });
    let template = table.must("question", questions);
    let ticket = table.or("ticket", no_ticket(), ticket);
    let provisioning = table.must("provisioning", provisioning);
    let budget = table.or("budget", Budget::default(), budget);
    let smaller = smaller(id, &table);
    let break_glass = break_glass(&table, longest);
    table.close();
    Some(Privilege {
        id: id.clone(),
        title: title?,
        summary: summary?,
        can: can?,
        cannot: cannot?,
        phase: phase?,
        platform: platform?.value,
        actions: actions?,
        targets: targets?,
        owner: owner?.value,
        risk_controls,
        eligibility: eligibility?,
        stages: stages?,
        grant_seconds_max: longest?,
        windows: windows?,
        template: template?,
        ticket: ticket?,
        provisioning: provisioning?,
        budget: budget?,
        smaller: smaller?,
        break_glass: break_glass?,
    })
}

/// Declared ids, at least one.
fn some<T>(node: &Node<'_>, kind: Kind, within: &str) -> Option<BTreeSet<T>>
where
    T: std::str::FromStr<Err = domain::ids::IdError> + Ord + AsRef<str>,
{
    let found = node.claimed(kind, within)?;
    if found.is_empty() {
        node.wrong(format!("`{}` names nothing", node.name), None);
    }
    Some(found)
}

/// `[privilege.x.confirm]`: statements that the requester confirms, by id.
fn statements(table: &Table<'_>) -> BTreeMap<domain::ids::RiskControlId, String> {
    let mut found = BTreeMap::new();
    let entries = table
        .find("confirm")
        .and_then(|node| node.table("`confirm`"));
    for entry in entries.iter().flat_map(Table::all) {
        match entry.name.parse() {
            Ok(id) => found.extend(entry.text().map(|text| (id, text.to_owned()))),
            Err(error) => {
                let error: domain::ids::IdError = error;
                entry.wrong(error.to_string(), None);
            }
        }
    }
    found
}

/// `who = { job-roles = [...], teams = [...], lessons = [...] }`.
fn eligibility(node: &Node<'_>) -> Option<Eligibility> {
    let table = node.table("`who`")?;
    let job_roles = table.must("job-roles", |node| some(node, Kind::JobRole, ""));
    let teams = table.or("teams", BTreeSet::new(), |node| {
        node.claimed(Kind::Team, "")
    });
    let training = table.or("lessons", BTreeSet::new(), |node| {
        node.claimed(Kind::Lesson, "")
    });
    table.close();
    Some(Eligibility {
        job_roles: job_roles?,
        teams: teams?,
        training: training?,
    })
}

fn questions(node: &Node<'_>) -> Option<Vec<Question>> {
    let mut questions: Vec<Question> = Vec::new();
    for node in node.list()? {
        let Some(question) = question(&node) else {
            continue;
        };
        if questions.iter().any(|known| known.id == question.id) {
            node.wrong(
                format!("there are two questions `{}` here", question.id),
                None,
            );
        }
        questions.push(question);
    }
    if questions.is_empty() {
        node.wrong("a privilege asks at least one question", None);
    }
    Some(questions)
}

fn question(node: &Node<'_>) -> Option<Question> {
    let table = node.table("a question")?;
    let id: Option<Located<QuestionId>> = table.must("id", Node::id);
    let label = table.text("label");
    let hint = table.text("hint");
    let required = requirement(&table);
    let characters =
        |name, otherwise| table.or(name, otherwise, |node| node.number(0, ANSWER_CHARS_MAX));
    let chars_min = characters("shortest", 0);
    let chars_max = characters("longest", 500);
    let question = Question {
        id: id?.value,
        label: label?,
        hint: hint?,
        required: required?,
        chars_min: chars_min?,
        chars_max: chars_max?,
    };
    if question.chars_max < question.chars_min.max(1) {
        let (min, max) = (question.chars_min, question.chars_max);
        let message = format!("no answer has at least {min} and at most {max} characters");
        table.wrong(message, Some("raise `longest` or lower `shortest`"));
    }
    table.close();
    Some(question)
}

fn requirement(table: &Table<'_>) -> Option<Requirement> {
    match table.find("required") {
        None => Some(Requirement::Optional),
        Some(node) => node.truth().map(|required| {
            if required {
                Requirement::Required
            } else {
                Requirement::Optional
            }
        }),
    }
}

fn no_ticket() -> TicketRule {
    TicketRule {
        required: Requirement::Optional,
        prefixes: BTreeSet::new(),
    }
}

fn ticket(node: &Node<'_>) -> Option<TicketRule> {
    let table = node.table("`ticket`")?;
    let required = requirement(&table);
    let prefixes = table.or("prefixes", Vec::new(), Node::texts);
    table.close();
    Some(TicketRule {
        required: required?,
        prefixes: prefixes?.into_iter().collect(),
    })
}

/// `"gateway"`, `{ postgres-role = ["SELECT"] }` or `{ node-red-token = ["flows.write"] }`.
fn provisioning(node: &Node<'_>) -> Option<Provisioning> {
    if node.is_text() {
        return node.choice(&[("gateway", Provisioning::Gateway)]);
    }
    let table = node.table("`provisioning`")?;
    let role = table.find("postgres-role");
    let token = table.find("node-red-token");
    table.close();
    match (role, token) {
        (Some(role), None) => {
            let rights = role.choices(&RIGHTS)?;
            if rights.is_empty() {
                role.wrong("a role without rights is of no use", None);
            }
            Some(Provisioning::PostgresRole { rights })
        }
        (None, Some(token)) => {
            let permissions: BTreeSet<String> = token.texts()?.into_iter().collect();
            if permissions.is_empty() {
                token.wrong("a token without permissions is of no use", None);
            }
            Some(Provisioning::NodeRedToken { permissions })
        }
        (Some(_), Some(_)) | (None, None) => {
            node.wrong("a privilege is put into effect in one way", Some(
                "write `\"gateway\"`, `{ postgres-role = [...] }` or `{ node-red-token = [...] }`",
            ));
            None
        }
    }
}

fn budget(node: &Node<'_>) -> Option<Budget> {
    let table = node.table("`budget`")?;
    let count = |name| {
        table.find(name).map(|node| {
            let number = node.number::<i64>(1, i64::MAX);
            number.and_then(|number| u64::try_from(number).ok())
        })
    };
    let (calls, rows, refusals) = (count("calls"), count("rows"), count("refusals"));
    let bytes = table.find("bytes").map(|node| bytes(&node));
    let destinations = table.or("destinations", Vec::new(), Node::texts);
    table.close();
    // a limit that was written but can't be read must not become "no limit"
    let read = |limit: Option<Option<u64>>| match limit {
        None => Some(None),
        Some(limit) => limit.map(Some),
    };
    Some(Budget {
        calls_max: read(calls)?,
        bytes_max: read(bytes)?,
        rows_max: read(rows)?,
        destinations: destinations?.into_iter().collect(),
        refusals_max: read(refusals)?,
    })
}

fn smaller(own: &PrivilegeId, table: &Table<'_>) -> Option<Vec<PrivilegeId>> {
    let Some(node) = table.find("smaller") else {
        return Some(Vec::new());
    };
    let mut smaller = Vec::new();
    for id in node.ids::<PrivilegeId>()? {
        table.file.findings.claim(Kind::Privilege, "", &id);
        if id.value == *own {
            let mistake = id
                .place
                .mistake("a privilege is not smaller than itself", None);
            table.file.findings.mistake(mistake);
        }
        smaller.push(id.value);
    }
    Some(smaller)
}

/// `break-glass = "30m"`; without it, never.
fn break_glass(table: &Table<'_>, longest: Option<Seconds>) -> Option<BreakGlassRule> {
    let Some(node) = table.find("break-glass") else {
        return Some(BreakGlassRule::Barred);
    };
    let most = longest.unwrap_or(BREAK_GLASS_MAX).min(BREAK_GLASS_MAX);
    span(&node, GRANT_MIN, most)
        .map(|grant_seconds_max| BreakGlassRule::Allowed { grant_seconds_max })
}

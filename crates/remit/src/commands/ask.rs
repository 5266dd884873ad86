//! What is asked, from flags or from a file, as the API takes it. What the catalog leaves no choice about needn't be typed.
use super::{Length, json_file, words};
use crate::{client::Client, failure::Failed, render::cells};
use anyhow::Result;
use clap::Args;
use domain::ids::{PrivilegeId, QuestionId, RiskControlId, TargetId};
use jiff::{Timestamp, Zoned, civil, tz::TimeZone};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, str::FromStr};

/// The answer to one question of a privilege.
#[derive(Debug, Clone)]
pub(crate) struct AnswerGiven {
    question: QuestionId,
    text: String,
}

impl FromStr for AnswerGiven {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (question, text) = text
            .split_once('=')
            .ok_or("write it as `QUESTION=TEXT`; `remit catalog show` names the questions")?;
        Ok(Self {
            question: question
                .trim()
                .parse()
                .map_err(|error: domain::ids::IdError| error.to_string())?,
            text: text.to_owned(),
        })
    }
}

/// What is asked.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Which privilege, as `remit catalog list` names it
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    privilege: Option<PrivilegeId>,
    /// On what; needn't be said if the privilege has one target
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    target: Vec<TargetId>,
    /// For how long
    #[arg(long = "for", value_name = "60m", required_unless_present_any = ["file", "template"])]
    length: Option<Length>,
    /// When it should start: `14:00`, `2026-11-23 14:00` or RFC 3339 [default: with the last consent]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    reasons: Reasons,
    /// The request in a JSON file, as the API takes it; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["privilege", "target", "length", "at", "why", "ticket", "answers", "confirmed", "break_glass", "template"])]
    file: Option<PathBuf>,
    /// An emergency: the grant comes at once, alarms go out, and its use must be reviewed
    #[arg(long)]
    pub(crate) break_glass: bool,
    /// Print a file to fill in for `--file`, and send nothing
    #[arg(long)]
    pub(crate) template: bool,
}

/// Why something is asked.
#[derive(Debug, Args)]
pub(crate) struct Reasons {
    /// Answers the privilege's first question; `-` reads standard input
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Ticket or change number
    #[arg(long, value_name = "NUMBER")]
    ticket: Option<String>,
    /// Answers a question of the privilege; again for each
    #[arg(long = "answer", value_name = "QUESTION=TEXT")]
    answers: Vec<AnswerGiven>,
    /// Confirms a statement about risk; again for each
    #[arg(long = "confirm-control", value_name = "ID")]
    confirmed: Vec<RiskControlId>,
}

impl Asked {
    /// The ask, with what the catalog leaves no choice about filled in.
    ///
    /// # Errors
    /// A wrong call if something that only the asker can say is missing; as [`Client::get`].
    pub(crate) async fn body(self, client: &Client) -> Result<Value> {
        if let Some(file) = &self.file {
            return json_file(file);
        }
        let Some(id) = &self.privilege else {
            return Err(Failed::usage("name a privilege: `--privilege ID`").into());
        };
        let privilege = client.get(&["privileges", id.as_ref()], &[]).await?;
        if self.template {
            return Ok(template(&privilege));
        }
        let mut body = json!({
            "privilege": id.to_string(),
            "targets": targets(&self.target, &privilege)?,
            "duration_seconds": self.length.map(|length| length.0),
            "break_glass": self.break_glass,
        });
        if let (Some(at), Some(body)) = (&self.at, body.as_object_mut()) {
            let zone = &client.screen().terminal.zone;
            let start = start(at, &Zoned::now().with_time_zone(zone.clone()))?;
            body.insert("start_at".to_owned(), json!(start.to_string()));
        }
        self.reasons.add_to(&mut body, &privilege)?;
        Ok(body)
    }
}

impl Reasons {
    /// Adds answers, ticket and confirmations; answers that are there already stay if nothing replaces them.
    ///
    /// # Errors
    /// A wrong call if `--why` has no question to answer; if standard input can't be read.
    pub(crate) fn add_to(&self, body: &mut Value, privilege: &Value) -> Result<()> {
        let mut answers = body
            .get("answers")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        if let Some(why) = &self.why {
            let first = privilege
                .pointer("/template/0/id")
                .and_then(Value::as_str)
                .ok_or_else(|| {
                    Failed::usage("this privilege asks no question: leave `--why` out")
                })?;
            answers.insert(first.to_owned(), json!(words(why)?));
        }
        for answer in &self.answers {
            answers.insert(answer.question.to_string(), json!(words(&answer.text)?));
        }
        let confirmed: Vec<String> = self.confirmed.iter().map(ToString::to_string).collect();
        if let Some(body) = body.as_object_mut() {
            body.insert("answers".to_owned(), Value::Object(answers));
            body.insert("confirmed".to_owned(), json!(confirmed));
            if let Some(ticket) = &self.ticket {
                body.insert("ticket".to_owned(), json!(ticket));
            }
        }
        Ok(())
    }
}

fn targets(given: &[TargetId], privilege: &Value) -> Result<Vec<String>, Failed> {
    if !given.is_empty() {
        return Ok(given.iter().map(ToString::to_string).collect());
    }
    let all = privilege.get("targets");
    match all.and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(only)]) => Ok(vec![only.clone()]),
        _ => Err(Failed::usage(format!(
            "say on what: `--target` with one or more of {}",
            cells::text(all)
        ))),
    }
}

/// An ask to fill in, with every question of the privilege. Statements about risk are for the asker to confirm, one by one.
fn template(privilege: &Value) -> Value {
    let part = |name: &str| privilege.get(name).cloned().unwrap_or(Value::Null);
    let ids = |name: &str| -> Vec<Value> {
        let items = privilege.get(name).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|item| item.get("id").cloned())
            .collect()
    };
    let answers: Map<String, Value> = ids("template")
        .into_iter()
        .filter_map(|id| Some((id.as_str()?.to_owned(), json!(""))))
        .collect();
    json!({
        "privilege": part("id"),
        "targets": part("targets"),
        "duration_seconds": part("grant_seconds_max"),
        "ticket": "",
        "answers": answers,
        "confirmed": [],
    })
}

/// An instant: whole, or on `now`'s calendar and clock.
fn start(text: &str, now: &Zoned) -> Result<Timestamp, Failed> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let zone: &TimeZone = now.time_zone();
    let civil = text
        .parse::<civil::DateTime>()
        .ok()
        .or_else(|| Some(now.date().to_datetime(text.parse::<civil::Time>().ok()?)));
    let instant = civil.and_then(|civil| Some(civil.to_zoned(zone.clone()).ok()?.timestamp()));
    match instant {
        Some(instant) if instant >= now.timestamp() => Ok(instant),
        Some(_) => Err(Failed::usage(format!(
            "`--at {text}` is past: leave it out to start with the last consent"
        ))),
        None => Err(Failed::usage(format!(
            "`--at {}` is no time: write `14:00`, `2026-11-23 14:00` or `2026-11-23T14:00:00+01:00`",
            text.escape_default()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_clock_time_of_today_or_an_instant() {
        let now: Zoned = "2026-11-23T12:15:00+01:00[Europe/Berlin]".parse().unwrap();
        let told = |text: &str| {
            start(text, &now).map_or_else(|failed| failed.to_string(), |at| at.to_string())
        };
        assert_eq!(told("14:00"), "2026-11-23T13:00:00Z");
        assert_eq!(told("2026-11-24 08:30"), "2026-11-24T07:30:00Z");
        assert_eq!(told("2026-11-23T14:00:00+00:00"), "2026-11-23T14:00:00Z");
        assert_eq!(
            told("09:00"),
            "`--at 09:00` is past: leave it out to start with the last consent"
        );
        assert_eq!(
            told("noon"),
            "`--at noon` is no time: write `14:00`, `2026-11-23 14:00` or `2026-11-23T14:00:00+01:00`"
        );
    }

    #[test]
    fn the_only_target_needs_no_naming_and_several_do() {
        let one = json!({ "targets": ["desk.flow"] });
        assert_eq!(targets(&[], &one).unwrap(), ["desk.flow"]);
        let two = json!({ "targets": ["desk.flow", "desk.other"] });
        assert_eq!(
            targets(&[], &two).unwrap_err().to_string(),
            "say on what: `--target` with one or more of desk.flow, desk.other"
        );
        assert_eq!(
            targets(&["desk.other".parse().unwrap()], &two).unwrap(),
            ["desk.other"]
        );
    }

    #[test]
    fn a_template_has_every_question_and_confirms_nothing() {
        let privilege = json!({ "id": "p", "targets": ["t"], "grant_seconds_max": 3600,
            "template": [{ "id": "change" }, { "id": "tested" }], "risk_controls": [{ "id": "watch" }] });
        assert_eq!(
            template(&privilege),
            json!({ "privilege": "p", "targets": ["t"], "duration_seconds": 3600, "ticket": "",
                "answers": { "change": "", "tested": "" }, "confirmed": [] })
        );
    }
}

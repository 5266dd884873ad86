//! Following a request until somebody has decided it.
use crate::{
    client::Client,
    failure::{Exit, Failed},
    render::{Form, cells, safe},
};
use anyhow::Result;
use domain::ids::RequestNumber;
use serde_json::Value;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often a server is asked.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until `number` is decided, telling what happens meanwhile, and yields it as it is then.
///
/// # Errors
/// [`Failed`]: pending if `limit` ran out, denied if somebody said no, stale if it was withdrawn or nobody answered in time.
pub(crate) async fn decided(
    client: &Client,
    number: RequestNumber,
    limit: Duration,
) -> Result<Value> {
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let until = tokio::time::sleep(limit);
    tokio::pin!(until);
    let mut told = 0;
    loop {
        let seen = client.get(&["requests", &number.to_string()], &[]).await?;
        let news = news(&seen);
        for line in news.iter().skip(told) {
            client.screen().note(line);
        }
        told = news.len().max(told);
        if let Some(outcome) = outcome(number, &seen) {
            return outcome.map(|()| seen).map_err(Into::into);
        }
        tokio::select! {
            _ = ticks.tick() => {}
            () = &mut until => return Err(still_waiting(number, &seen).into()),
        }
    }
}

/// Follows the entries that a search finds, oldest first, from now on, until interrupted.
///
/// # Errors
/// As [`Client::get`].
pub(crate) async fn entries(client: &Client, query: &[(&str, String)]) -> Result<()> {
    let form = match client.screen().form() {
        Form::Json | Form::Jsonl | Form::Yaml => Form::Jsonl,
        Form::Id => Form::Id,
        _ => Form::Tsv,
    };
    let mut screen = client.screen().clone();
    screen.style.output = Some(form);
    screen.style.no_headers = true;
    let writer = screen.writer(&crate::render::views::ENTRIES)?;
    let mut ticks = tokio::time::interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None::<u64>;
    loop {
        let found = client.list(&["evidence"], query, 200).await?;
        let rows = cells::rows(&found).cloned().unwrap_or_default();
        let number = |row: &Value| row.get("entry").and_then(Value::as_u64);
        let newest = rows.iter().filter_map(number).max();
        if let Some(last) = last {
            let fresh: Vec<Value> = rows
                .into_iter()
                .rev()
                .filter(|row| number(row).is_some_and(|entry| entry > last))
                .collect();
            if !fresh.is_empty() {
                writer.write(&Value::Array(fresh))?;
            }
        }
        // what was there before is not news
        last = newest.or(last).or(Some(0));
        ticks.tick().await;
    }
}

/// What was said about a request so far, in the order in which it was said.
fn news(request: &Value) -> Vec<String> {
    let part = |name: &str| {
        request
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let line = |item: &Value, what: &str, words: &str| {
        let at = cells::text(item.get("at"));
        let by = cells::text(item.get("by"));
        let words = cells::text(item.get(words));
        (at, safe::line(&format!("{by} {what}: {words}")))
    };
    let consents = part("consents").map(|item| line(item, "agrees", "comment"));
    let turns = part("conversation").map(|item| {
        let what = match item.get("kind").and_then(Value::as_str) {
            Some("question") => "asks",
            _ => "answers",
        };
        line(item, what, "text")
    });
    let mut all: Vec<(String, String)> = consents.chain(turns).collect();
    all.sort();
    all.into_iter().map(|(_, line)| line).collect()
}

fn outcome(number: RequestNumber, request: &Value) -> Option<Result<(), Failed>> {
    match request.get("standing").and_then(Value::as_str)? {
        "pending" => None,
        "granted" => Some(Ok(())),
        "denied" => {
            let because = cells::text(request.pointer("/denied/comment"));
            let by = cells::text(request.pointer("/denied/by"));
            Some(Err(Failed::new(
                Exit::Denied,
                "denied",
                format!("{by} denied {number}: {because}"),
                &["Change what is asked, then ask again."],
            )))
        }
        standing => Some(Err(Failed::new(
            Exit::Stale,
            "over",
            format!("{number} is {}", safe::line(standing)),
            &["Ask again if it is still needed."],
        ))),
    }
}

fn still_waiting(number: RequestNumber, request: &Value) -> Failed {
    let seats = cells::shaped("", "/seats", cells::Shape::Seats).cell(request, None);
    let again = format!("`remit request watch {number}` waits on.");
    Failed::new(
        Exit::Pending,
        "pending",
        format!("{number} still waits for {}", seats.text),
        &[again.as_str()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(request: &Value) -> String {
        match outcome("R-1042".parse().unwrap(), request) {
            None => "waits".to_owned(),
            Some(Ok(())) => "granted".to_owned(),
            Some(Err(failed)) => format!("{} {failed}", failed.exit() as u8),
        }
    }

    #[test]
    fn each_end_of_a_request_has_words_and_an_exit_code() {
        assert_eq!(told(&json!({ "standing": "pending" })), "waits");
        assert_eq!(told(&json!({ "standing": "granted" })), "granted");
        assert_eq!(
            told(
                &json!({ "standing": "denied", "denied": { "by": { "name": "R. Haddad" }, "comment": "Fix the copy first." } })
            ),
            "3 R. Haddad denied R-1042: Fix the copy first.\n  try: Change what is asked, then ask again."
        );
        assert_eq!(
            told(&json!({ "standing": "expired" })),
            "7 R-1042 is expired\n  try: Ask again if it is still needed."
        );
    }

    #[test]
    fn waiting_that_ran_out_says_for_whom_and_how_to_go_on() {
        let request =
            json!({ "seats": [{ "seat": "security", "candidates": [{ "name": "M. Sato" }] }] });
        let failed = still_waiting("R-1042".parse().unwrap(), &request);
        assert_eq!(failed.exit() as u8, 6);
        assert_eq!(
            failed.to_string(),
            "R-1042 still waits for security (M. Sato)\n  try: `remit request watch R-1042` waits on."
        );
    }

    #[test]
    fn news_come_in_the_order_in_which_they_were_said() {
        let request = json!({
            "consents": [{ "by": { "name": "R. Haddad" }, "comment": "Fine\u{1b}.", "at": "2026-11-23T11:02:00Z" }],
            "conversation": [
                { "by": { "name": "M. Sato" }, "kind": "question", "text": "Tested?", "at": "2026-11-23T11:01:00Z" },
                { "by": { "name": "A. Lindqvist" }, "kind": "answer", "text": "Yes.", "at": "2026-11-23T11:03:00Z" },
            ],
        });
        assert_eq!(
            news(&request),
            [
                "M. Sato asks: Tested?",
                "R. Haddad agrees: Fine.",
                "A. Lindqvist answers: Yes."
            ]
        );
    }
}

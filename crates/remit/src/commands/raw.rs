//! `remit api`: any call of the interface that `docs/openapi.json` describes.
use super::{json_file, words};
use crate::{
    client::Client,
    failure::Failed,
    output,
    render::{Form, cells::View, safe, shown},
};
use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// A call.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// GET, POST, PUT or DELETE
    #[arg(value_parser = method)]
    method: Method,
    /// Below `/api/v1`, such as `/requests?pending=true`
    path: String,
    /// A text field of the JSON body; again for each
    #[arg(
        short,
        long = "field",
        value_name = "NAME=TEXT",
        conflicts_with = "input"
    )]
    fields: Vec<String>,
    /// The JSON body; `-` is standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

fn method(text: &str) -> Result<Method, String> {
    match text.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        _ => Err("write GET, POST, PUT or DELETE".to_owned()),
    }
}

static ANYTHING: View = View {
    id: "/id",
    columns: &[],
    wide: &[],
    none: "",
};

/// Calls, and prints the answer as it is: JSON in the wanted form, anything else unchanged.
///
/// # Errors
/// As [`Client::raw`].
pub(crate) async fn call(client: &Client, call: &Call) -> Result<()> {
    let screen = client.screen();
    let mut asked = screen.clone();
    if !matches!(asked.form(), Form::Yaml | Form::Jsonl) {
        asked.style.output = Some(Form::Json);
    }
    let writer = asked.writer(&ANYTHING)?;
    let body = body(call)?;
    let bytes = client
        .raw(call.method.clone(), &call.path, body.as_ref())
        .await?;
    if let Ok(answer) = serde_json::from_slice::<Value>(&bytes) {
        return writer.write(&answer);
    }
    output::bytes(&shown(screen, &bytes));
    Ok(())
}

fn body(call: &Call) -> Result<Option<Value>> {
    if let Some(file) = &call.input {
        return json_file(file).map(Some);
    }
    let mut fields = Map::new();
    for field in &call.fields {
        let (name, text) = field.split_once('=').ok_or_else(|| {
            Failed::usage(format!(
                "`{}` is no field: write `NAME=TEXT`",
                safe::line(field)
            ))
        })?;
        fields.insert(name.to_owned(), json!(words(text)?));
    }
    let writes = matches!(call.method, Method::POST | Method::PUT);
    Ok(writes.then_some(Value::Object(fields)))
}

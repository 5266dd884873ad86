//! Each form of the same two rows, and of one thing alone, in full.
use super::*;
use serde_json::json;

static PEOPLE: View = View {
    id: "/number",
    columns: &[
        cells::text_at("NUMBER", "/number"),
        cells::text_at("WHO", "/who/name"),
        cells::shaped("STANDING", "/standing", cells::Shape::Standing),
    ],
    wide: &[cells::time_at("SENT", "/sent_at")],
    none: "there is nobody",
};

fn screen(form: Option<Form>, out: bool) -> Screen {
    Screen {
        style: Style {
            output: form,
            columns: Vec::new(),
            no_headers: false,
            jq: None,
            utc: true,
            color: Colour::Auto,
            quiet: true,
            verbose: false,
            yes: false,
        },
        terminal: Terminal {
            out,
            err: false,
            asks: false,
            width: 80,
            colour: false,
            zone: TimeZone::UTC,
        },
    }
}

fn people() -> Value {
    json!({ "items": [
        { "number": "R-1", "who": { "name": "A\u{1b}[31m\u{202e}b" }, "standing": "pending", "sent_at": "2026-11-23T11:15:00Z" },
        { "number": "=1+1", "who": { "name": "a \"b\", c" }, "standing": "granted", "sent_at": null },
    ], "next": null })
}

#[track_caller]
fn check(screen: &Screen, body: &Value, expected: &[&str]) {
    let told = screen.writer(&PEOPLE).and_then(|writer| writer.lines(body));
    let told = told.unwrap_or_else(|failed| vec![failed.to_string()]);
    assert_eq!(told, expected);
}

#[test]
fn a_terminal_gets_columns_and_a_pipe_gets_tabs() {
    let rows = [
        "NUMBER  WHO         STANDING",
        "R-1     A[31mb      pending",
        "=1+1    a \"b\", c    granted",
    ];
    let told = screen(None, true)
        .writer(&PEOPLE)
        .unwrap()
        .lines(&people())
        .unwrap();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        told.iter().map(|line| words(line)).collect::<Vec<_>>(),
        rows.map(words)
    );
    check(
        &screen(None, false),
        &people(),
        &[
            "NUMBER\tWHO\tSTANDING",
            "R-1\tA[31mb\tpending",
            "=1+1\ta \"b\", c\tgranted",
        ],
    );
}

#[test]
fn wide_shows_more_and_ids_stand_alone() {
    let told = screen(Some(Form::Wide), false)
        .writer(&PEOPLE)
        .unwrap()
        .lines(&people())
        .unwrap();
    assert!(told[0].ends_with("SENT"), "{told:?}");
    assert!(told[1].ends_with("2026-11-23 11:15:00Z"), "{told:?}");
    check(&screen(Some(Form::Id), true), &people(), &["R-1", "=1+1"]);
}

#[test]
fn a_spreadsheet_gets_text_never_a_formula() {
    check(
        &screen(Some(Form::Csv), false),
        &people(),
        &[
            "number,who,standing\r",
            "R-1,A[31mb,pending\r",
            "\"'=1+1\",\"a \"\"b\"\", c\",granted\r",
        ],
    );
}

#[test]
fn json_is_whole_and_each_line_of_jsonl_is_a_row() {
    let told = screen(Some(Form::Json), true)
        .writer(&PEOPLE)
        .unwrap()
        .lines(&people())
        .unwrap()
        .concat();
    assert!(!told.contains(safe_breakers), "{told}");
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), people());
    let rows = screen(Some(Form::Jsonl), true)
        .writer(&PEOPLE)
        .unwrap()
        .lines(&people())
        .unwrap();
    let read: Vec<Value> = rows
        .iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    assert_eq!(json!(read), people()["items"]);
}

fn safe_breakers(c: char) -> bool {
    c != '\n' && safe::misleads(c)
}

#[test]
fn one_thing_is_told_part_by_part() {
    let one = json!({ "entry": 7, "request": { "number": "R-1", "standing": "pending", "sent_at": "2026-11-23T11:15:00Z" } });
    check(
        &screen(None, false),
        &one,
        &[
            "NUMBER\tR-1",
            "STANDING\tpending",
            "SENT\t2026-11-23 11:15:00Z",
        ],
    );
    check(&screen(Some(Form::Id), false), &one, &["R-1"]);
    check(
        &screen(Some(Form::Csv), false),
        &one,
        &["number,who,standing\r", "R-1,,pending\r"],
    );
    check(
        &screen(Some(Form::Yaml), false),
        &json!({ "number": "R-1" }),
        &["number: R-1"],
    );
}

#[test]
fn columns_are_chosen_by_name_and_a_wrong_name_is_a_wrong_call() {
    let mut screen = screen(None, false);
    screen.style.columns = vec!["standing".to_owned(), "Number".to_owned()];
    screen.style.no_headers = true;
    check(&screen, &people(), &["pending\tR-1", "granted\t=1+1"]);
    screen.style.columns = vec!["color".to_owned()];
    check(
        &screen,
        &people(),
        &["there is no column `color` here: there are number, who, standing, sent"],
    );
}

#[test]
fn an_expression_replaces_every_form() {
    let mut screen = screen(Some(Form::Csv), false);
    screen.style.jq = Some(".items[].standing".to_owned());
    check(&screen, &people(), &["pending", "granted"]);
}

#[test]
fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
    let with = |pairs: &'static [(&'static str, &'static str)]| {
        move |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        }
    };
    assert!(coloured(Colour::Auto, with(&[]), true));
    assert!(!coloured(Colour::Auto, with(&[]), false));
    assert!(!coloured(
        Colour::Auto,
        with(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]),
        true
    ));
    assert!(coloured(
        Colour::Auto,
        with(&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")]),
        false
    ));
    assert!(!coloured(
        Colour::Auto,
        with(&[("CLICOLOR_FORCE", "0")]),
        false
    ));
    assert!(!coloured(Colour::Auto, with(&[("CLICOLOR", "0")]), true));
    assert!(!coloured(Colour::Auto, with(&[("TERM", "dumb")]), true));
    assert!(coloured(Colour::Always, with(&[("NO_COLOR", "1")]), false));
    assert!(!coloured(
        Colour::Never,
        with(&[("CLICOLOR_FORCE", "1")]),
        true
    ));
}

#[test]
fn a_coloured_table_says_the_same_words() {
    let mut screen = screen(Some(Form::Table), false);
    screen.terminal.colour = true;
    let told = screen.writer(&PEOPLE).unwrap().lines(&people()).unwrap();
    assert!(
        told[1].contains("\u{1b}[") && told[1].contains("pending"),
        "{told:?}"
    );
    assert!(!told[1].contains("\u{1b}[31m"), "{told:?}");
}

#[test]
fn a_narrow_terminal_breaks_words_not_ids_and_keeps_the_columns() {
    let mut screen = screen(None, true);
    screen.terminal.width = 34;
    let body =
        json!([{ "number": "ledgerly-run-flow", "who": { "name": "somebody with a name" } }]);
    screen.style.columns = vec!["number".to_owned(), "who".to_owned()];
    let told = screen.writer(&PEOPLE).unwrap().lines(&body).unwrap();
    assert_eq!(
        told,
        [
            "NUMBER             WHO",
            "ledgerly-run-flow  somebody with",
            "                   a name",
        ]
    );
}

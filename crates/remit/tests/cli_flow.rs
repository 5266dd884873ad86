//! The command line as people use it: the real program at a real demo. The whole life of a grant, every exit code, every form of output.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on panics: that is how it reports"
)]

mod terminal;

use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
};
use terminal::{Demo, Ran, ran, remit};

const ASK: [&str; 18] = [
    "request",
    "new",
    "--privilege",
    "ledgerly-edit-production-flow",
    "--target",
    "ledgerly.match-invoices",
    "--for",
    "30m",
    "--why",
    "Map the renamed tax code field in the matching step.",
    "--answer",
    "tested=Ran the same change in the test flow.",
    "--ticket",
    "INC-20418",
    "--confirm-control",
    "tested",
    "--confirm-control",
    "watch",
];

const EMERGENCY: [&str; 16] = [
    "request",
    "new",
    "--privilege",
    "ledgerly-administer",
    "--target",
    "ledgerly.match-invoices",
    "--for",
    "20m",
    "--break-glass",
    "--why",
    "Invoices are booked twice, payments go out at noon.",
    "--answer",
    "plan=Stop the flow, then book the doubles back.",
    "--confirm-control",
    "review",
    "--ticket=INC-20419",
];

#[track_caller]
fn well(ran: Ran) -> String {
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A request that everybody has consented to; its grant.
fn granted(demo: &Demo) -> String {
    let mut ask = ASK.to_vec();
    ask.extend(["-o", "id"]);
    let request = well(demo.remit_with("a-lindqvist", &ask));
    for approver in ["r-haddad", "m-sato"] {
        well(demo.remit(
            approver,
            &format!("approve {} --comment Agreed", request.trim()),
        ));
    }
    let grant = demo.remit(
        "a-lindqvist",
        &format!("request show {} --jq .grant", request.trim()),
    );
    well(grant).trim().to_owned()
}

#[test]
fn a_grant_lives_its_whole_life_on_the_command_line() {
    let demo = Demo::start();
    let mut waiting = remit();
    demo.signed_in(&mut waiting, "a-lindqvist");
    let waiting = waiting
        .args(ASK)
        .args(["--wait=5m", "--jq", "[.standing, .grant] | join(\" \")"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // whoever decides sees it as soon as it is sent
    let mut queue = String::new();
    while queue.is_empty() {
        queue = well(demo.remit("r-haddad", "request list --to-decide -o id"));
    }
    assert_eq!(queue, "R-1\n");
    well(demo.remit_with("r-haddad", &["ask", "R-1", "Is it urgent?"]));
    well(demo.remit_with(
        "a-lindqvist",
        &["request", "comment", "R-1", "Yes: month end."],
    ));
    well(demo.remit("r-haddad", "approve R-1 --comment Small."));
    well(demo.remit("m-sato", "approve R-1 --comment Agreed. --for 10m"));
    let waited = waiting.wait_with_output().unwrap();
    let told = String::from_utf8(waited.stderr).unwrap();
    assert_eq!(
        String::from_utf8(waited.stdout).unwrap(),
        "granted G-1\n",
        "{told}"
    );
    assert!(told.contains("R. Haddad asks: Is it urgent?\n"), "{told}");
    assert!(
        told.contains("A. Lindqvist answers: Yes: month end.\n"),
        "{told}"
    );

    let script =
        "echo \"$REMIT_GRANT ${REMIT_TOKEN_FILE:-none} ${REMIT_ACCESS_TOKEN:+token}\"; exit 42";
    let used = demo.remit_with("a-lindqvist", &["grant", "use", "--", "sh", "-c", script]);
    assert_eq!(
        (used.code, used.out.as_str()),
        (42, "G-1 none token\n"),
        "{used:?}"
    );
    let set = well(demo.remit("a-lindqvist", "grant env"));
    assert!(set.starts_with("export REMIT_GRANT='G-1'\n"), "{set}");

    well(demo.remit("m-sato", "grant hold G-1 --reason Looking"));
    well(demo.remit("m-sato", "grant resume G-1 --reason Fine"));
    let more = "grant extend G-1 --for 5m --confirm-control tested --confirm-control watch --jq .request.kind";
    assert_eq!(well(demo.remit("a-lindqvist", more)), "extension\n");
    let ended = "grant use --end -- true";
    well(demo.remit("a-lindqvist", ended));
    let shown = well(demo.remit("a-lindqvist", "grant show G-1 --jq .reason"));
    assert_eq!(shown, "returned\n");
    let kinds = well(demo.remit("o-danso", "evidence search --grant G-1 --jq .items[].kind"));
    for kind in [
        "return-grant",
        "resume-grant",
        "hold-grant",
        "issue-credential",
    ] {
        assert!(kinds.lines().any(|line| line == kind), "{kind} in {kinds}");
    }
}

#[test]
fn the_glass_is_broken_and_the_use_reviewed() {
    let demo = Demo::start();
    let broken = well(demo.remit_with("a-lindqvist", &EMERGENCY));
    assert!(broken.contains("STANDING\tgranted\n"), "{broken}");
    well(demo.remit("a-lindqvist", "grant end G-1"));
    let due = well(demo.remit("t-weiss", "review list -o id"));
    assert_eq!(due, "G-1\n");
    let who = "review list --columns reviewers,escalated --no-headers";
    assert_eq!(
        well(demo.remit("t-weiss", who)),
        "L. Ito, P. Novak, R. Haddad, T. Weiss\tfalse\n"
    );
    let next = well(demo.remit("t-weiss", "review next --columns number,who,break-glass"));
    assert_eq!(next, "NUMBER\tG-1\nWHO\tA. Lindqvist\nBREAK-GLASS\ttrue\n");
    let given = "review question G-1 --comment Why? --columns number,review,finding";
    assert_eq!(
        well(demo.remit("t-weiss", given)),
        "NUMBER\tG-1\nREVIEW\tgiven\nFINDING\tWhy?\n"
    );
    assert_eq!(well(demo.remit("t-weiss", "review list -o id")), "");
}

#[test]
fn every_exit_code_means_what_the_help_says() {
    let demo = Demo::start();
    let code = |account: &str, words: &str| demo.remit(account, words).code;
    assert_eq!(code("a-lindqvist", "whoami"), 0);
    assert_eq!(code("a-lindqvist", "api POST /requests"), 1);
    assert_eq!(code("a-lindqvist", "request show 1042"), 2);
    assert_eq!(code("a-lindqvist", "whoami --columns nothing"), 2);
    assert_eq!(
        code("a-lindqvist", "request list --server http://remit.example"),
        2
    );
    assert_eq!(code("a-lindqvist", "evidence search"), 3);
    assert_eq!(code("a-lindqvist", "request show R-999"), 5);
    assert_eq!(code("a-lindqvist", "whoami --server http://localhost:1"), 9);
    let stranger = ran(remit().args(["whoami", "--server", &demo.url]));
    assert_eq!(stranger.code, 4, "{stranger:?}");

    let mut ask = ASK.to_vec();
    ask.push("--wait=1s");
    let waited = demo.remit_with("a-lindqvist", &ask);
    assert_eq!(waited.code, 6, "{waited:?}");
    let own = demo.remit("a-lindqvist", "approve R-1 --comment Mine");
    assert_eq!(own.code, 3);
    assert!(own.err.contains("rule: own-request"), "{own:?}");
    assert_eq!(code("a-lindqvist", "request withdraw R-1"), 0);
    assert_eq!(code("m-sato", "approve R-1 --comment Late"), 7);
    assert_eq!(code("a-lindqvist", "request watch R-1"), 7);

    let mut ask = ASK.to_vec();
    ask.extend(["-o", "id"]);
    assert_eq!(well(demo.remit_with("a-lindqvist", &ask)), "R-2\n");
    assert_eq!(code("r-haddad", "deny R-2 --reason First.the.copy"), 0);
    let denied = demo.remit("a-lindqvist", "request watch R-2");
    assert_eq!(denied.code, 3);
    assert!(
        denied.err.contains("R. Haddad denied R-2: First.the.copy"),
        "{denied:?}"
    );
}

#[test]
fn changed_evidence_ends_with_8() {
    let demo = Demo::start();
    let data = demo.path("data");
    let proved = ran(remit()
        .args(["ledger", "prove", "3", "--out"])
        .arg(demo.path("e3"))
        .arg("--data")
        .arg(&data));
    assert_eq!(proved.code, 0, "{proved:?}");
    let verify = |name: &str| {
        let mut command = remit();
        command
            .args(["ledger", "verify", "-o", "json"])
            .arg(demo.path(name));
        ran(command.arg("--vkey").arg(demo.path("vkey")))
    };
    assert_eq!(verify("e3").code, 0);
    let same = demo.remit("o-danso", "ledger prove 3");
    let index = |text: &str| text.lines().nth(1).map(str::to_owned);
    assert_eq!(
        index(&same.out),
        index(&fs::read_to_string(demo.path("e3")).unwrap())
    );

    let text = fs::read_to_string(demo.path("e3")).unwrap();
    fs::write(demo.path("bad"), text.replacen("index 3", "index 4", 1)).unwrap();
    let changed = verify("bad");
    assert_eq!(changed.code, 8, "{changed:?}");
    assert_eq!(
        json(&changed.err)["type"],
        "urn:remit:problem:evidence-changed"
    );

    let head = [
        "ledger",
        "checkpoint",
        "--vkey",
        "vkey",
        "--jq",
        ".signature",
    ];
    assert_eq!(well(demo.remit_with("o-danso", &head)), "good\n");
    fs::copy(Demo::start().path("vkey"), demo.path("vkey")).unwrap();
    let foreign = demo.remit_with("o-danso", &head);
    assert_eq!(foreign.code, 8, "{foreign:?}");
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_with_130() {
    let demo = Demo::start();
    let mut follow = remit();
    demo.signed_in(&mut follow, "o-danso");
    let mut follow = follow
        .args(["evidence", "watch", "-v"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // it is under way once it has asked the server
    let mut first = [0];
    follow
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    let pid = follow.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(follow.wait().unwrap().code(), Some(130));
}

#[test]
fn each_form_says_the_same_of_a_grant() {
    let demo = Demo::start();
    let grant = granted(&demo);
    let shown = |words: &str| well(demo.remit("a-lindqvist", &format!("grant list {words}")));
    assert_eq!(shown("-o id"), format!("{grant}\n"));
    assert_eq!(
        shown("--columns number,standing"),
        "NUMBER\tSTANDING\nG-1\tactive\n"
    );
    assert_eq!(
        shown("--columns number,standing --no-headers"),
        "G-1\tactive\n"
    );
    assert_eq!(
        shown("-o csv --columns number,standing"),
        "number,standing\r\nG-1,active\r\n"
    );
    let table = shown("-o table --columns number,standing");
    assert_eq!(table, "NUMBER  STANDING\nG-1     active\n");
    let coloured = shown("-o table --columns number,standing --color always");
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
    let whole = json(&shown("-o json"));
    assert_eq!(whole["items"][0]["number"], "G-1");
    assert_eq!(json(&shown("-o jsonl")), whole["items"][0]);
    assert!(shown("-o yaml").starts_with("items:\n  - "));
    assert!(
        shown("-o wide")
            .lines()
            .next()
            .unwrap()
            .contains("APPROVED-BY")
    );
    let ends = |flags: &str| shown(&format!("--columns ends --no-headers {flags}"));
    assert!(ends("").trim().ends_with("+01:00") || ends("").trim().ends_with("+02:00"));
    assert!(ends("--utc").trim().ends_with('Z'));
    let refused = demo.remit("a-lindqvist", "request show R-999 -o json");
    assert_eq!(
        (refused.out.as_str(), &json(&refused.err)["status"]),
        ("", &Value::from(404))
    );
    let quiet = demo.remit("a-lindqvist", "grant end G-1 --quiet -o id");
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("G-1\n", ""));
}

#[test]
fn a_file_can_be_filled_in_and_sent() {
    let demo = Demo::start();
    let template = "request new --privilege ledgerly-run-flow --template";
    let mut ask = json(&well(demo.remit("a-lindqvist", template)));
    ask["targets"] = Value::from(vec!["ledgerly.match-invoices"]);
    ask["duration_seconds"] = Value::from(600);
    ask["answers"]["purpose"] = Value::from("The schedule missed the morning's invoices.");
    fs::write(demo.path("ask.json"), ask.to_string()).unwrap();
    let checked = "request check --file ask.json --columns outcome --no-headers";
    let outcomes = well(demo.remit("a-lindqvist", checked));
    assert!(
        outcomes.lines().all(|outcome| outcome != "must-fix"),
        "{outcomes}"
    );
    let sent = "request new --file ask.json -o id";
    assert_eq!(well(demo.remit("a-lindqvist", sent)), "R-1\n");
    let raw = demo.remit(
        "a-lindqvist",
        "api get /requests?limit=1 --jq .items[0].number",
    );
    assert_eq!(well(raw), "R-1\n");
}

/// A server that answers every request with `body`, until the test ends.
fn answering(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = connection.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

#[test]
fn hostile_words_never_reach_the_terminal_as_they_came() {
    let hostile = "{\"items\":[{\"number\":\"R-1\",\"title\":\"x\\u001b]0;own\\u0007\\u009b2J\\u202ey\\u2066z\\r\",\"standing\":\"\\u001b[2Jpending\",\"requester\":{\"name\":\"\\u200bA\\u007f\"}}],\"next\":null}";
    let url = answering(hostile);
    for form in ["table", "wide", "tsv", "json", "jsonl", "yaml", "csv", "id"] {
        let shown = ran(remit().args(["request", "list", "-o", form, "--server", &url]));
        let bad = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        // RFC 4180 ends its lines so
        let text = shown.out.replace("\r\n", "\n");
        assert!(!text.contains(bad), "{form}: {text:?}");
        assert!(text.contains("R-1"), "{form}: {text:?}");
    }
    let picked = ran(remit().args([
        "request",
        "list",
        "--jq",
        ".items[0].title",
        "--server",
        &url,
    ]));
    assert_eq!(picked.out, "x]0;own2Jyz\n");
}

#[test]
fn every_shell_gets_its_completions_and_the_manual_has_every_page() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish", "nushell"] {
        let text = well(ran(remit().args(["completion", shell])));
        assert!(text.contains("checkpoint"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    well(ran(remit().args(["man", "--out"]).arg(folder.path())));
    let page = fs::read_to_string(folder.path().join("remit-request-new.1")).unwrap();
    assert!(page.contains("confirm"), "{page}");
    assert!(well(ran(remit().arg("man"))).contains(".SH SUBCOMMANDS"));
    let unknown = ran(remit().args(["help", "nonsense"]));
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(well(ran(remit().args(["help", "request", "new"]))).contains("--confirm-control"));
}

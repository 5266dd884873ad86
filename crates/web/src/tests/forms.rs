//! Forms are taken only from our own pages, from the session that was shown them, and only once.
use super::office::{ORIGIN, Office};

/// Every address that takes a form, read from the router itself: a new one can't be forgotten here.
fn posted() -> Vec<String> {
    let source = include_str!("../pages/mod.rs");
    let routes = source
        .lines()
        .filter(|line| line.contains(".route(") && line.contains("post("));
    let path = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    routes.map(path).collect()
}

fn concrete(path: &str, request: &str, grant: &str) -> String {
    let number = if path.starts_with("/grants") {
        grant
    } else {
        request
    };
    path.replace("{number}", number)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one way through, told in order")]
async fn every_form_is_refused_unless_it_comes_from_our_own_page() {
    let office = Office::open().await;
    let (_, grant) = office.granted("edit-flow").await;
    let request = office.asked("read-invoices").await;
    let before = office.engine.reader().head().unwrap().tree.size;
    let cookie = office.cookie("ada").await;
    let token = office.form_token("ada").await;
    let own = [("cookie", cookie.as_str()), ("origin", ORIGIN)];
    let routes = posted();
    assert!(routes.len() >= 15, "{routes:?}");
    for route in routes.iter().filter(|route| *route != "/sign-in") {
        let path = concrete(route, &request, &grant);
        let token = [("token", token.as_str()), ("comment", "c"), ("text", "t")];
        let from = async |headers: &[(&str, &str)], fields: &[(&str, &str)]| {
            office
                .form_with(&path, headers, fields)
                .await
                .status
                .as_u16()
        };
        let with_cookie = |more: (&'static str, &'static str)| [("cookie", cookie.as_str()), more];
        assert_eq!(
            from(&with_cookie(("x-nothing", "")), &token).await,
            403,
            "{path}: no origin"
        );
        assert_eq!(
            from(&with_cookie(("origin", "null")), &token).await,
            403,
            "{path}: null origin"
        );
        assert_eq!(
            from(&with_cookie(("origin", "https://evil.example")), &token).await,
            403,
            "{path}: foreign"
        );
        assert_eq!(
            from(
                &with_cookie(("origin", "http://nodered.localhost:8081")),
                &token
            )
            .await,
            403,
            "{path}: a platform"
        );
        assert_eq!(
            from(&with_cookie(("sec-fetch-site", "same-site")), &token).await,
            403,
            "{path}: same site only"
        );
        assert_eq!(from(&own, &[]).await, 403, "{path}: no token");
        assert_eq!(
            from(&own, &[("token", "guess")]).await,
            403,
            "{path}: wrong token"
        );
        assert_eq!(
            from(&[("origin", ORIGIN)], &token).await,
            401,
            "{path}: no cookie"
        );
        let theirs = office.cookie("ann").await;
        assert_eq!(
            from(&[("cookie", &theirs), ("origin", ORIGIN)], &token).await,
            403,
            "{path}: another's token"
        );
    }
    let knock = office
        .form_with(
            "/sign-in",
            &[("origin", "https://evil.example")],
            &[("account", "ada")],
        )
        .await;
    assert_eq!(knock.status, 403);
    assert_eq!(
        office.engine.reader().head().unwrap().tree.size,
        before,
        "nothing was recorded"
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one way through, told in order")]
async fn the_whole_life_is_walked_through_forms_without_scripts() {
    let office = Office::open().await;
    let ask = [
        ("privilege", "edit-flow"),
        ("target", "nodered.invoices"),
        ("seconds", "3600"),
        ("answer.goal", "match the invoices of October"),
        ("ticket", "INC-4711"),
        ("confirm", "tested"),
        ("once", "form-1"),
    ];
    let to = |reply: &super::office::Reply| {
        format!("{} {}", reply.status.as_u16(), reply.header("location"))
    };
    let sent = office.form("ada", "/requests", &ask).await;
    assert_eq!(to(&sent), "303 /requests/R-1?done=sent");
    let twice = office.form("ada", "/requests", &ask).await;
    assert_eq!(
        to(&twice),
        "303 /requests/R-1?done=sent",
        "a double click sends nothing twice"
    );

    assert_eq!(
        to(&office
            .form("cyd", "/requests/R-1/ask", &[("text", "Which invoices?")])
            .await),
        "303 /requests/R-1?done=asked"
    );
    assert_eq!(
        to(&office
            .form("ada", "/requests/R-1/answer", &[("text", "Those of ACME.")])
            .await),
        "303 /requests/R-1?done=answered"
    );
    for person in ["cyd", "bob"] {
        let page = office.page(person, "/requests/R-1/decide").await.text;
        let (_, rest) = page.split_once("name=\"digest\" value=\"").unwrap();
        let digest = rest.split_once('"').unwrap().0;
        let decided = office
            .form(
                person,
                "/requests/R-1/approve",
                &[
                    ("digest", digest),
                    ("seconds", "1800"),
                    ("target", "nodered.invoices"),
                    ("comment", "fine"),
                ],
            )
            .await;
        assert_eq!(to(&decided), "303 /requests/R-1?done=approved");
    }
    let opened = office.form("ada", "/grants/G-1/open", &[]).await;
    assert_eq!(opened.status, 200);
    assert!(
        opened
            .text
            .contains("action=\"http://nodered.localhost:8081/.remit/open\""),
        "{}",
        opened.text
    );
    // or the browser would post the code with `Origin: null`, and the gateway would not take it
    assert_eq!(opened.header("referrer-policy"), "strict-origin");
    assert_eq!(
        to(&office
            .form("eve", "/grants/G-1/hold", &[("comment", "odd")])
            .await),
        "303 /grants/G-1?done=held"
    );
    assert_eq!(
        to(&office
            .form("eve", "/grants/G-1/resume", &[("comment", "explained")])
            .await),
        "303 /grants/G-1?done=resumed"
    );
    assert_eq!(
        to(&office.form("ada", "/grants/G-1/return", &[]).await),
        "303 /grants/G-1?done=returned"
    );
    let grant = office.api("ada", "GET", "/grants/G-1", None).await.ok(200);
    assert_eq!(
        (grant["standing"].as_str(), grant["reason"].as_str()),
        (Some("closed"), Some("returned"))
    );
}

#[tokio::test]
async fn a_form_that_is_refused_comes_back_with_everything_in_it() {
    let office = Office::open().await;
    let fields = [
        ("privilege", "edit-flow"),
        ("target", "nodered.invoices"),
        ("seconds", "3600"),
        ("answer.goal", "too short"),
        ("ticket", "CHG-1"),
    ];
    let again = office.form("ada", "/requests", &fields).await;
    assert_eq!(again.status, 422, "{}", again.text);
    let page = again.read();
    assert!(page.contains("There is a problem"), "{page}");
    assert!(again.text.contains(">too short</textarea>"), "{page}");
    assert!(again.text.contains("value=\"CHG-1\""), "{page}");
    let checked = office.form("ada", "/requests/check", &fields).await;
    assert_eq!(checked.status, 200);
    assert!(checked.text.contains(">too short</textarea>"));
    assert!(
        checked
            .read()
            .contains("things must be fixed before it can be sent."),
        "{}",
        checked.read()
    );
}

#[tokio::test]
async fn with_htmx_only_the_checks_come_back() {
    let office = Office::open().await;
    let cookie = office.cookie("ada").await;
    let token = office.form_token("ada").await;
    let headers = [
        ("cookie", cookie.as_str()),
        ("origin", ORIGIN),
        ("hx-request", "true"),
    ];
    let fields = [
        ("token", token.as_str()),
        ("privilege", "edit-flow"),
        ("target", "nodered.invoices"),
        ("seconds", "3600"),
    ];
    let part = office.form_with("/requests/check", &headers, &fields).await;
    assert!(
        part.text
            .trim_start()
            .starts_with("<div id=\"checks\" role=\"status\" aria-live=\"polite\">"),
        "{}",
        part.text
    );
    assert!(!part.text.contains("<html"), "{}", part.text);
    let told = part.read();
    assert!(
        told.contains("\u{201c}What do you want to achieve?\u{201d} is not answered."),
        "{told}"
    );
    assert!(
        told.contains("Please confirm: \u{201c}I tried the change in the test flow.\u{201d}"),
        "{told}"
    );
    assert!(!told.contains("`goal`"), "{told}");
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_sign_in_and_comes_back() {
    let office = Office::open().await;
    let sent = office.page("", "/evidence?words=a%20b").await;
    assert_eq!(
        (sent.status.as_u16(), sent.header("location")),
        (303, "/sign-in?next=/evidence%3Fwords%3Da%2520b")
    );
    let entered = office
        .form_with(
            "/sign-in",
            &[("origin", ORIGIN)],
            &[("account", "eve"), ("next", "/evidence?words=a%20b")],
        )
        .await;
    assert_eq!(entered.header("location"), "/evidence?words=a%20b");
    let cookie = entered.header("set-cookie");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"),
        "{cookie}"
    );
    let left = office.form("eve", "/sign-out", &[]).await;
    assert_eq!(left.header("location"), "/sign-in");
    assert_eq!(office.page("eve", "/").await.status, 303);
}

/// What is ticked or chosen on a page, by the field's name.
fn chosen(page: &str, name: &str) -> Vec<String> {
    page.split("<input ")
        .filter(|input| input.contains(&format!("name=\"{name}\"")))
        .filter_map(|input| input.split('>').next())
        .filter(|input| input.ends_with(" checked") || input.contains(" checked "))
        .filter_map(|input| {
            Some(
                input
                    .split_once("value=\"")?
                    .1
                    .split('"')
                    .next()?
                    .to_owned(),
            )
        })
        .collect()
}

#[tokio::test]
async fn an_approver_who_leaves_less_never_gives_more_by_a_mistake() {
    let office = Office::open().await;
    let ask = [
        ("privilege", "edit-flow"),
        ("target", "nodered.invoices"),
        ("target", "nodered.invoices-test"),
        ("seconds", "3600"),
        ("answer.goal", "match the invoices of October"),
        ("ticket", "INC-4711"),
        ("confirm", "tested"),
    ];
    let sent = office.form("ada", "/requests", &ask).await;
    assert_eq!(
        sent.header("location"),
        "/requests/R-1?done=sent",
        "{}",
        sent.text
    );
    let page = office.page("cyd", "/requests/R-1/decide").await.text;
    assert_eq!(
        chosen(&page, "target"),
        ["nodered.invoices", "nodered.invoices-test"]
    );
    assert!(
        page.contains("I tried the change in the test flow."),
        "{page}"
    );
    let (_, rest) = page.split_once("name=\"digest\" value=\"").unwrap();
    let digest = rest.split_once('"').unwrap().0;
    let decides = async |fields: &[(&str, &str)]| {
        let fields = [&[("digest", digest), ("choose", "targets")], fields].concat();
        office.form("cyd", "/requests/R-1/approve", &fields).await
    };
    let nothing = decides(&[("seconds", "1800"), ("comment", "only for a while")]).await;
    assert_eq!(nothing.status, 422);
    assert!(
        nothing
            .read()
            .contains("Tick what it may be used on; if that is nothing, do not approve."),
        "{}",
        nothing.read()
    );
    assert_eq!(chosen(&nothing.text, "target"), [""; 0]);
    assert_eq!(chosen(&nothing.text, "seconds"), ["1800"]);

    let silent = decides(&[("seconds", "1800"), ("target", "nodered.invoices-test")]).await;
    assert_eq!(silent.status, 422);
    assert_eq!(chosen(&silent.text, "target"), ["nodered.invoices-test"]);
    assert_eq!(chosen(&silent.text, "seconds"), ["1800"]);

    let garbled = decides(&[
        ("seconds", "half"),
        ("target", "nodered.invoices-test"),
        ("comment", "c"),
    ])
    .await;
    assert_eq!(garbled.status, 422);
    assert!(
        garbled.read().contains("Choose for how long"),
        "{}",
        garbled.read()
    );
    let request = office
        .api("ada", "GET", "/requests/R-1", None)
        .await
        .ok(200);
    assert_eq!(request["consents"], serde_json::json!([]));
}

/// The hidden fields of a page's form.
fn hidden(page: &str) -> Vec<(String, String)> {
    let value = |input: &str, name: &str| {
        let (_, rest) = input.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    page.split("<input ")
        .filter_map(|input| input.strip_prefix("type=\"hidden\" "))
        .filter_map(|input| Some((value(input, "name")?, value(input, "value")?)))
        .collect()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one way through, told in order")]
async fn what_was_written_when_the_session_ended_is_kept_until_somebody_signs_in() {
    let office = Office::open().await;
    let request = office.asked("edit-flow").await;
    let question = format!("/requests/{request}/ask");
    let words = "Which \"invoices\",\nand why?";
    let late = [
        ("token", "of a session that is over"),
        ("once", "1"),
        ("text", words),
    ];
    let own = [("origin", ORIGIN)];
    let before = office.engine.reader().head().unwrap().tree.size;
    let asked = office.form_with(&question, &own, &late).await;
    assert_eq!(asked.status, 401);
    assert!(
        asked
            .read()
            .contains("What you wrote is kept, and nothing of it was sent."),
        "{}",
        asked.read()
    );
    let kept = hidden(&asked.text);
    assert!(
        kept.contains(&("kept-to".to_owned(), question.clone())),
        "{kept:?}"
    );
    assert!(
        !asked.text.contains("of a session that is over"),
        "{}",
        asked.text
    );

    let signs_in = async |fields: &[(String, String)], account: &str| {
        let mut all: Vec<(&str, String)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.replace("&#34;", "\"")))
            .collect();
        all.push(("account", account.to_owned()));
        let all: Vec<(&str, &str)> = all
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        office.form_with("/sign-in", &own, &all).await
    };
    let wrong = signs_in(&kept, "nobody").await;
    assert_eq!(wrong.status, 401);
    assert_eq!(hidden(&wrong.text), kept);

    let entered = signs_in(&kept, "cyd").await;
    assert_eq!(entered.status, 200);
    assert!(
        entered.read().contains(&format!("Send it about {request}")),
        "{}",
        entered.read()
    );
    assert_eq!(office.engine.reader().head().unwrap().tree.size, before);
    let cookie = entered.header("set-cookie");
    let cookie = cookie.split_once(';').unwrap().0;
    let resumed = hidden(&entered.text);
    let resumed: Vec<(&str, String)> = resumed
        .iter()
        .map(|(name, value)| (name.as_str(), value.replace("&#34;", "\"")))
        .collect();
    let fields: Vec<(&str, &str)> = resumed
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let sent = office
        .form_with(
            &question,
            &[("origin", ORIGIN), ("cookie", cookie)],
            &fields,
        )
        .await;
    assert_eq!(
        sent.header("location"),
        format!("/requests/{request}?done=asked"),
        "{}",
        sent.text
    );
    let told = office
        .api("ada", "GET", &format!("/requests/{request}"), None)
        .await
        .ok(200);
    assert_eq!(told["conversation"][0]["text"], words, "{told}");

    let earlier = office
        .form_with(&question, &[("origin", ORIGIN), ("cookie", cookie)], &late)
        .await;
    assert_eq!(earlier.status, 403);
    assert!(
        earlier.read().contains("Nothing of this was sent"),
        "{}",
        earlier.read()
    );
}

//! Words that people write are shown as words: no markup of theirs reaches a page, nothing they write turns a line around.
use super::office::{ORIGIN, Office};
use serde_json::json;

const CORPUS: [&str; 9] = [
    "<script>alert(1)</script> and ten more",
    "\"><img src=x onerror=alert(1)> and more",
    "' onmouseover='alert(1)' and ten more",
    "</textarea><script>alert(1)</script> more",
    "javascript:alert(1) and ten characters",
    "{{7*7}} ${7*7} <%= 7*7 %> {% raw %} more",
    "\u{202e}txt.exe\u{202c} \u{2066}turned\u{2069} around",
    "<svg/onload=alert(1)><math><mi//xlink:href=x>",
    "line\r\nSet-Cookie: a=b\u{2028}and\u{0}another\u{7}",
];

fn harmless(page: &str, what: &str) {
    let lower = page.to_lowercase();
    for bad in [
        "<script>alert",
        "<img src=x",
        "<svg/onload",
        "' onmouseover='",
        "</textarea><script",
        "\u{202e}",
        "\u{2066}",
        "\u{0}",
    ] {
        assert!(!lower.contains(bad), "{what} lets {bad:?} through: {page}");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one way through, told in order")]
async fn no_text_that_people_write_becomes_markup_anywhere() {
    let office = Office::open().await;
    for (n, text) in CORPUS.into_iter().enumerate() {
        let mut ask = Office::ask("edit-flow");
        ask["answers"]["goal"] = json!(text);
        let number = format!("R-{}", n + 1);
        office
            .api("ada", "POST", "/requests", Some(ask))
            .await
            .ok(201);
        let words = json!({"text": text});
        office
            .api(
                "cyd",
                "POST",
                &format!("/requests/{number}/questions"),
                Some(words.clone()),
            )
            .await
            .ok(200);
        office
            .api(
                "ada",
                "POST",
                &format!("/requests/{number}/answers"),
                Some(words),
            )
            .await
            .ok(200);
        let seen = office
            .api("cyd", "GET", &format!("/requests/{number}"), None)
            .await
            .ok(200);
        let decision = json!({"digest": seen["digest"], "comment": text});
        let verb = if n % 2 == 0 { "deny" } else { "approve" };
        office
            .api(
                "cyd",
                "POST",
                &format!("/requests/{number}/{verb}"),
                Some(decision),
            )
            .await
            .ok(200);
        for (who, path) in [
            ("ada", format!("/requests/{number}")),
            ("bob", format!("/requests/{number}")),
            ("bob", format!("/requests/{number}/decide")),
            (
                "ada",
                format!("/requests/new?privilege=edit-flow&from={number}"),
            ),
            ("ada", format!("/requests/{number}/edit")),
            ("aud", "/evidence".to_owned()),
            ("eve", "/security".to_owned()),
            (
                "aud",
                format!("/evidence?words={}", crate::words::encoded(text)),
            ),
            ("ada", format!("/catalog?q={}", crate::words::encoded(text))),
            ("", format!("/sign-in?next={}", crate::words::encoded(text))),
        ] {
            harmless(
                &office.page(who, &path).await.text,
                &format!("{path} for {who}"),
            );
        }
        // Open requests of one person are few: make room for the next.
        office
            .api(
                "ada",
                "POST",
                &format!("/requests/{number}/withdraw"),
                Some(json!({})),
            )
            .await;
    }
    let wrong = office
        .form_with("/sign-in", &[("origin", ORIGIN)], &[("account", CORPUS[1])])
        .await;
    harmless(&wrong.text, "a sign-in that failed");
}

#[tokio::test]
async fn names_are_words_too() {
    let office = Office::open().await;
    let change = json!({"person": {"id": "ada", "name": "<b>Ada</b>\u{202e}", "job_roles": ["finance-analyst"], "team": "finance",
        "training": {"finance-data": "2027-01-01T00:00:00Z"}, "manager": "mia"}});
    let operator = [("authorization", "Bearer operator-token")];
    office
        .send("POST", "/api/v1/directory", &operator, Some(&change))
        .await
        .ok(200);
    let home = office.page("ada", "/").await.text;
    assert!(home.contains("&#60;b&#62;Ada&#60;/b&#62;"), "{home}");
    assert!(!home.contains('\u{202e}'));
}

#[tokio::test]
async fn an_export_runs_no_formula() {
    let office = Office::open().await;
    let mut ask = Office::ask("edit-flow");
    ask["answers"]["goal"] = json!("=HYPERLINK(\"http://evil.example\")");
    office
        .api("ada", "POST", "/requests", Some(ask))
        .await
        .ok(201);
    let export = office.page("aud", "/evidence/export?format=csv").await;
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        export.header("content-disposition"),
        "attachment; filename=\"evidence.csv\""
    );
    for cell in export
        .text
        .split("\",\"")
        .map(|cell| cell.trim_matches(['"', '\r', '\n']))
    {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    let json = office
        .page("aud", "/evidence/export?format=json&kind=submit-request")
        .await;
    assert_eq!(json.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_answer_carries_its_guards() {
    let office = Office::open().await;
    for (who, path) in [
        ("ada", "/"),
        ("", "/sign-in"),
        ("ada", "/requests/R-99"),
        ("", "/api/v1/me"),
        ("", "/assets/app.css"),
    ] {
        let reply = office.page(who, path).await;
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'nonce-"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), value, "{path}");
        }
        assert!(
            !reply.text.contains(" style="),
            "{path} has a style attribute"
        );
        assert!(!reply.text.contains(" onclick="), "{path} has a handler");
    }
    assert_eq!(
        office.page("ada", "/").await.header("cache-control"),
        "no-store"
    );
    assert_eq!(
        office
            .page("", "/assets/app.css")
            .await
            .header("cache-control"),
        "public, max-age=60"
    );
}

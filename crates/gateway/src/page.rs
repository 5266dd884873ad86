//! What the gateway itself answers: a page for people, problem details (RFC 9457) for programs, in the same words.
use engine::enforcement::Denial;
use http::{HeaderValue, Response, StatusCode, header};

/// Who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A browser.
    Person,
    /// Anything else.
    Program,
}

impl Reader {
    /// Told by the `Accept` header.
    pub fn of(headers: &http::HeaderMap) -> Self {
        let html = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        if html { Self::Person } else { Self::Program }
    }
}

/// An answer of the gateway's own: status, what was found, why, and what would work.
pub fn answer(
    reader: Reader,
    status: StatusCode,
    denial: &Denial,
    portal: &str,
) -> Response<String> {
    let (body, kind) = match reader {
        Reader::Person => (html(denial, portal), "text/html; charset=utf-8"),
        Reader::Program => (problem(status, denial), "application/problem+json"),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    );
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"remit\""),
        );
    }
    if let Some(entry) = denial.entry {
        headers.insert("remit-entry", HeaderValue::from(entry));
    }
    response
}

fn problem(status: StatusCode, denial: &Denial) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": denial.message,
        "rule": denial.rule,
        "why": denial.why,
        "fix": denial.fix,
        "entry": denial.entry,
    })
    .to_string()
}

fn html(denial: &Denial, portal: &str) -> String {
    let fixes = denial.fix.iter().fold(String::new(), |list, fix| {
        list + "<li>" + &escape(fix) + "</li>"
    });
    let record = denial.entry.map_or_else(String::new, |entry| {
        format!("<p>Recorded as entry {entry}.</p>")
    });
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Not allowed – Remit</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"></head>\
         <body><main><h1>Not allowed</h1><p>{}</p><p>{}</p>{}{record}<p>Rule: <code>{}</code>. \
         <a href=\"{}\">Go to your access in Remit</a></p></main></body></html>",
        escape(&sentence(&denial.message)),
        escape(&denial.why),
        if fixes.is_empty() {
            String::new()
        } else {
            format!("<h2>What you can do now</h2><ul>{fixes}</ul>")
        },
        escape(&denial.rule),
        escape(portal),
    )
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, letter| {
            match letter {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                other => out.push(other),
            }
            out
        })
}

/// A denial by the gateway itself, about which nothing is recorded because it is not known whose attempt it was.
pub fn own(rule: &str, message: &str, why: &str, fix: &[&str]) -> Denial {
    Denial {
        rule: rule.to_owned(),
        message: message.to_owned(),
        why: why.to_owned(),
        fix: fix.iter().map(|text| (*text).to_owned()).collect(),
        entry: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_escapes_whatever_it_is_told() {
        let denial = own("x\"y", "no <b>way</b>", "because & so", &["try 'this'"]);
        let page = answer(
            Reader::Person,
            StatusCode::FORBIDDEN,
            &denial,
            "http://localhost/\"><script>",
        );
        assert!(page.body().contains("No &lt;b&gt;way&lt;/b&gt;."));
        assert!(!page.body().contains("<script>"));
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    }

    #[test]
    fn a_program_gets_problem_details_in_the_same_words() {
        let denial = own(
            "no-route",
            "nothing of the catalog is here",
            "what is not known can't be allowed",
            &["ask security"],
        );
        let response = answer(Reader::Program, StatusCode::FORBIDDEN, &denial, "");
        let body: serde_json::Value = serde_json::from_str(response.body()).unwrap();
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Forbidden", "status": 403, "detail": "nothing of the catalog is here",
            "rule": "no-route", "why": "what is not known can't be allowed", "fix": ["ask security"], "entry": null,
        });
        assert_eq!(body, expected);
    }
}

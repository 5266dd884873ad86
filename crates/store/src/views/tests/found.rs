//! Searching: exact results, filters that combine, and no input that is an error.
use super::office::{Office, attempt};
use domain::{command::Command, fixture, time::Timestamp};
use engine::views::{EvidenceQuery, Page, Views};
use proptest::prelude::*;
use testkit::person;

/// Two requests with one grant, three refusals, and a few minutes between them.
async fn office() -> Office {
    let office = Office::open().await;
    office.clock.advance(60_000);
    let grant = office.lends("edit-flow").await.id;
    office.clock.advance(60_000);
    let credential = office.issues(grant).await;
    office
        .uses(attempt(grant, credential, "nodered.invoices"))
        .await;
    office
        .uses(attempt(grant, credential, "nodered.payments"))
        .await;
    office
        .asks(
            "mia",
            fixture::ask("edit-flow"),
            "Überblick über die Rechnungen",
        )
        .await;
    let request = office
        .sends("ann", "read-invoices", "tax audit, invoice by invoice")
        .await;
    let text = "it's \"urgent\": 100% (or more) AND NOT late*";
    office
        .says("cyd", text, |text| Command::AskRequester { request, text })
        .await;
    office
        .does(person("ann"), Command::WithdrawRequest { request })
        .await;
    office
}

/// What is found, newest first, as kinds of entries; directory entries are left out.
fn kinds(office: &Office, query: &EvidenceQuery) -> String {
    let rows = office.entries(query);
    assert_eq!(office.views.count(query, 1_000).unwrap(), rows.len() as u64);
    let kinds: Vec<&str> = rows
        .iter()
        .map(|row| row.kind.as_str())
        .filter(|kind| *kind != "change-directory")
        .collect();
    kinds.join(" ")
}

fn words(words: &str) -> EvidenceQuery {
    EvidenceQuery {
        words: Some(words.to_owned()),
        ..EvidenceQuery::default()
    }
}

#[tokio::test]
async fn words_are_found_in_purposes_comments_names_tickets_and_titles() {
    let office = office().await;
    let cases = [
        ("october", "submit-request"),
        ("October invoices match", "submit-request"),
        ("\"invoices of October\"", "submit-request"),
        ("\"October of invoices\"", ""),
        ("octo", ""),
        ("octo*", "submit-request"),
        ("uberblick", "submit-request"),
        ("ÜBERBLICK rechnungen", "submit-request"),
        ("her job", "approve-request"),
        ("Ito", "submit-request"),
        ("Read invoices tax", "submit-request"),
        ("costa", "withdraw-request ask-requester submit-request"),
        ("INC-4711 withdraw", ""),
        ("INC-4711 took", "withdraw-request"),
        (
            "\"invoice matching\" consented",
            "approve-request approve-request",
        ),
        ("payments", "begin-use"),
        ("haddad sato", ""),
        ("100% urgent", "ask-requester"),
        ("urgent NOT late", "ask-requester"),
        ("urgent OR october", ""),
        ("!!! ()", ""),
    ];
    for (typed, expected) in cases {
        assert_eq!(
            (typed, kinds(&office, &words(typed)).as_str()),
            (typed, expected)
        );
    }
    assert_eq!(
        kinds(&office, &words("  ")),
        kinds(&office, &EvidenceQuery::default())
    );
}

#[expect(
    clippy::too_many_lines,
    reason = "one line per case: the list is the point"
)]
#[tokio::test]
async fn filters_combine() {
    let office = office().await;
    let minute = |n: i64| Some(Timestamp(fixture::NOW.0 + n * 60_000));
    let all = EvidenceQuery::default;
    let of = |outcome: &str| EvidenceQuery {
        outcome: Some(outcome.to_owned()),
        ..all()
    };
    let kind = |kind: &str| EvidenceQuery {
        kind: Some(kind.to_owned()),
        ..all()
    };
    let (r2, g1) = (
        Some(domain::ids::RequestNumber(2)),
        Some(domain::ids::GrantNumber(1)),
    );
    let payments = Some(fixture::id("nodered.payments"));
    let cases = [
        (of("refused"), "submit-request begin-use"),
        (of("scope"), "begin-use"),
        (
            EvidenceQuery {
                words: Some("payments".to_owned()),
                ..of("done")
            },
            "",
        ),
        (
            EvidenceQuery {
                actor: Some(fixture::id("bob")),
                ..all()
            },
            "approve-request",
        ),
        (
            EvidenceQuery {
                target: payments.clone(),
                ..all()
            },
            "begin-use",
        ),
        (
            EvidenceQuery {
                target: payments.clone(),
                ..words("ada")
            },
            "begin-use",
        ),
        (
            EvidenceQuery {
                target: payments,
                ..words("ann")
            },
            "",
        ),
        (
            EvidenceQuery {
                request: r2,
                ..all()
            },
            "withdraw-request ask-requester submit-request",
        ),
        (
            EvidenceQuery {
                request: r2,
                ..kind("ask-requester")
            },
            "ask-requester",
        ),
        (
            EvidenceQuery { grant: g1, ..all() },
            "begin-use begin-use issue-credential approve-request",
        ),
        (
            EvidenceQuery {
                grant: g1,
                ..of("refused")
            },
            "begin-use",
        ),
        (
            EvidenceQuery {
                privilege: Some(fixture::id("read-invoices")),
                ..kind("submit-request")
            },
            "submit-request",
        ),
        (
            EvidenceQuery {
                ticket: Some("INC-4711".to_owned()),
                ..kind("begin-use")
            },
            "begin-use begin-use",
        ),
        (
            EvidenceQuery {
                ticket: Some("INC-4712".to_owned()),
                ..all()
            },
            "",
        ),
        (
            EvidenceQuery {
                from: minute(1),
                to: minute(2),
                ..all()
            },
            "approve-request approve-request submit-request",
        ),
        (
            EvidenceQuery {
                from: minute(1),
                to: minute(2),
                ..words("job")
            },
            "approve-request",
        ),
        (
            EvidenceQuery {
                from: minute(3),
                ..all()
            },
            "",
        ),
        (
            EvidenceQuery {
                to: minute(1),
                ..all()
            },
            "adopt-genesis",
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(
            (kinds(&office, &query).as_str(), &query),
            (expected, &query)
        );
    }
}

#[tokio::test]
async fn a_long_list_is_read_in_parts_without_loss() {
    let office = office().await;
    let target = Some(fixture::id("nodered.invoices"));
    let queries = [
        EvidenceQuery::default(),
        words("invoices"),
        EvidenceQuery {
            target,
            ..EvidenceQuery::default()
        },
    ];
    for query in queries {
        let whole: Vec<u64> = office.entries(&query).iter().map(|row| row.entry).collect();
        assert!(whole.len() > 3);
        let (mut before, mut parts) = (None, Vec::new());
        loop {
            let part = office
                .views
                .entries(&query, Page { before, limit: 2 })
                .unwrap();
            parts.extend(part.rows.iter().map(|row| row.entry));
            before = part.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(parts, whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_typed_is_no_error(
        typed in prop::collection::vec(
            prop_oneof![
                any::<String>(),
                "[\"*^():{}+ -]{0,12}",
                "(AND|OR|NOT|NEAR|summary:|\"|\\*| |\u{0}|a|é|\u{0300}|-|\\^){1,20}",
            ],
            400,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let views = runtime.block_on(Office::open()).views;
        for typed in typed {
            let query = words(&typed);
            let found = views.entries(&query, Page { before: None, limit: 5 });
            prop_assert!(found.is_ok(), "{typed:?}: {found:?}");
            prop_assert!(views.count(&query, 1_000).is_ok(), "{typed:?}");
        }
    }
}

//! What pages and lists are told: every row whole, in order, with its words.
use super::office::{Office, attempt};
use crate::{SqliteProjector, SqliteViews};
use domain::{
    actor::Actor,
    catalog::Environment,
    command::{Command, UseOutcome},
    event::Event,
    fixture,
    grant::{EndReason, Usage},
    ids::{GrantNumber, RequestNumber, UseId},
    request::{Ask, Narrowing, RequestKind, Start, TurnKind},
    time::{Seconds, Timestamp},
};
use engine::{
    Answer,
    ports::{KeyStore, Projector},
    views::{
        ConsentRow, EvidenceQuery, GrantFilter, GrantRow, GrantStanding, HourRow, Page, Paged,
        PersonRow, RequestFilter, RequestRow, RequestStanding, ReviewStanding, TurnRow, UseRow,
        Views,
    },
};
use std::{collections::BTreeMap, fmt::Write as _};
use testkit::person;

const ALL: Page = Page {
    before: None,
    limit: 100,
};

/// The lines about entries, oldest first; those of the directory are left out.
fn lines(office: &Office) -> String {
    let mut rows = office.entries(&EvidenceQuery::default());
    rows.retain(|row| row.kind != "change-directory");
    rows.reverse();
    rows.iter().fold(String::new(), |mut lines, row| {
        let about = [
            row.request.map(|n| n.to_string()),
            row.grant.map(|n| n.to_string()),
        ];
        let about = about.into_iter().flatten().collect::<Vec<_>>().join(" ");
        writeln!(
            lines,
            "{}|{}|{about}|{}",
            row.kind, row.outcome, row.summary
        )
        .unwrap();
        lines
    })
}

fn use_id(events: &[Event]) -> UseId {
    let Some(Event::UseAllowed { use_id, .. }) = events.first() else {
        unreachable!("{events:?}")
    };
    *use_id
}

pub(crate) async fn whole_life() -> Office {
    let office = Office::open().await;
    let request = office
        .sends("ada", "edit-flow", "fix the rounding of supplier invoices")
        .await;
    office
        .says("cyd", "which suppliers?", |text| Command::AskRequester {
            request,
            text,
        })
        .await;
    office
        .says("ada", "those in Malmö", |text| Command::AnswerApprovers {
            request,
            text,
        })
        .await;
    office.approves("cyd", request, "one flow only").await;
    let events = office.approves("bob", request, "fine by security").await;
    let Some(grant) = events.iter().find_map(|event| match event {
        Event::GrantScheduled { terms, .. } => Some(terms.id),
        _ => None,
    }) else {
        unreachable!("{events:?}")
    };
    let credential = office.issues(grant).await;
    let use_id = use_id(
        &office
            .uses(attempt(grant, credential, "nodered.invoices"))
            .await,
    );
    let outcome = UseOutcome {
        status: Some(200),
        bytes: 900,
        rows: 3,
        cut: false,
    };
    let gateway = Actor::Gateway {
        gateway: fixture::gateway_id(),
    };
    office
        .does(
            gateway,
            Command::FinishUse {
                use_id,
                grant,
                outcome,
            },
        )
        .await;
    office
        .uses(attempt(grant, credential, "nodered.payments"))
        .await;
    office
        .does(person("ada"), Command::ReturnGrant { grant })
        .await;
    office
}

#[tokio::test]
async fn every_entry_is_one_line_in_plain_words() {
    let office = whole_life().await;
    let refused = office
        .asks("mia", fixture::ask("edit-flow"), "look at the flow myself")
        .await;
    assert!(matches!(refused, Answer::Refused { .. }));
    let request = office
        .sends("ann", "read-invoices", "count the invoices of May")
        .await;
    office
        .does(person("ann"), Command::WithdrawRequest { request })
        .await;
    let bundle = policy::bundle::hash(&testkit::bundle()).to_string();
    let short: String = bundle.chars().take(8).collect();
    assert_eq!(
        lines(&office).replace(&short, "{bundle}"),
        "\
adopt-genesis|done||The operator put the first bundle {bundle} in force
submit-request|done|R-1|A. Lindqvist asked for Edit the flow on Invoice matching (R-1)
ask-requester|done|R-1|R. Haddad asked a question about R-1 of A. Lindqvist
answer-approvers|done|R-1|A. Lindqvist answered a question about R-1
approve-request|done|R-1|R. Haddad consented to R-1 of A. Lindqvist: Edit the flow on Invoice matching
approve-request|done|R-1 G-1|M. Sato consented to R-1 of A. Lindqvist: Edit the flow on Invoice matching; granted as G-1
issue-credential|done|G-1|A. Lindqvist got a session at the gateway for G-1
begin-use|done|G-1|A. Lindqvist used G-1: GET /flow/nodered.invoices
finish-use|done|G-1|A. Lindqvist finished a use of G-1: status 200, 900 bytes, 3 rows
begin-use|scope|G-1|A. Lindqvist was refused GET /flow/nodered.payments under G-1: scope
return-grant|done|G-1|A. Lindqvist gave G-1 back; G-1 is closed
submit-request|job-role||L. Ito wanted to ask for Edit the flow on Invoice matching, and was refused: none of your job roles may ask for `edit-flow`
submit-request|done|R-2|J. Costa asked for Read invoices on Invoices (R-2)
withdraw-request|done|R-2|J. Costa took R-2 back
"
    );
}

#[tokio::test]
async fn a_request_is_shown_whole() {
    let office = whole_life().await;
    let row = office.views.request(RequestNumber(1)).unwrap().unwrap();
    let at = fixture::NOW;
    let consent = |by: &str, seat: &str, comment: &str, entry| ConsentRow {
        by: fixture::id(by),
        authority: fixture::id(by),
        seats: [seat.to_owned()].into(),
        comment: Some(comment.to_owned()),
        at,
        voided: false,
        entry,
    };
    let turn = |by: &str, kind, text: &str| TurnRow {
        by: fixture::id(by),
        kind,
        text: Some(text.to_owned()),
        at,
    };
    let first = row.entries[0];
    let goal = "fix the rounding of supplier invoices".to_owned();
    let expected = RequestRow {
        id: row.id,
        number: RequestNumber(1),
        requester: fixture::id("ada"),
        privilege: fixture::id("edit-flow"),
        targets: fixture::ids("nodered.invoices"),
        duration: Seconds::from_minutes(60),
        start: Start::Now,
        kind: RequestKind::New,
        ticket: Some("INC-4711".to_owned()),
        answers: [(fixture::id("goal"), Some(goal))].into(),
        impact: row.impact.clone(),
        revision: 1,
        standing: RequestStanding::Granted,
        sent_at: at,
        changed_at: at,
        expires_at: at.plus(Seconds::from_minutes(8 * 60)),
        consents: vec![
            consent("cyd", "owner", "one flow only", first + 3),
            consent("bob", "security", "fine by security", first + 4),
        ],
        conversation: vec![
            turn("cyd", TurnKind::Question, "which suppliers?"),
            turn("ada", TurnKind::Answer, "those in Malmö"),
        ],
        grant: Some(GrantNumber(1)),
        entries: (first..first + 5).collect(),
    };
    assert_eq!(row, expected);
    assert_eq!(office.views.request(RequestNumber(2)).unwrap(), None);
}

#[tokio::test]
async fn a_grant_is_shown_whole() {
    let office = whole_life().await;
    let row = office.views.grant(GrantNumber(1)).unwrap().unwrap();
    let at = fixture::NOW;
    let first = row.entries[0];
    let expected = GrantRow {
        id: row.id,
        number: GrantNumber(1),
        request: RequestNumber(1),
        holder: fixture::id("ada"),
        privilege: fixture::id("edit-flow"),
        platform: fixture::id("nodered"),
        targets: fixture::ids("nodered.invoices"),
        standing: GrantStanding::Closed,
        impact: row.impact,
        break_glass: false,
        starts_at: at,
        activated_at: Some(at),
        expires_at: Some(at.plus(Seconds::from_minutes(60))),
        ended_at: Some(at),
        reason: Some(EndReason::Returned),
        closed_at: Some(at),
        usage: Usage {
            calls: 1,
            bytes: 900,
            rows: 3,
            refusals: 1,
        },
        approved_by: fixture::ids("bob cyd"),
        read_backs: BTreeMap::new(),
        review: ReviewStanding::NotDue,
        // the three between are uses
        entries: vec![first, first + 1, first + 5],
    };
    assert_eq!(row, expected);
}

#[tokio::test]
async fn the_uses_of_a_grant_are_shown_newest_first() {
    let office = whole_life().await;
    let row = office.views.grant(GrantNumber(1)).unwrap().unwrap();
    let (at, first) = (fixture::NOW, row.entries[0]);
    let uses = office.views.uses(row.id, ALL).unwrap().rows;
    let allowed = UseRow {
        entry: first + 2,
        use_id: uses[1].use_id,
        at,
        what: "GET /flow/nodered.invoices".to_owned(),
        actions: vec!["flow.read".to_owned()],
        targets: vec![fixture::id("nodered.invoices")],
        refused: None,
        status: Some(200),
        bytes: Some(900),
        rows: Some(3),
        cut: false,
    };
    let refused = UseRow {
        entry: first + 4,
        use_id: None,
        at,
        what: "GET /flow/nodered.payments".to_owned(),
        actions: vec!["flow.read".to_owned()],
        targets: vec![fixture::id("nodered.payments")],
        refused: Some("scope".to_owned()),
        status: None,
        bytes: None,
        rows: None,
        cut: false,
    };
    assert_eq!(uses, [refused, allowed.clone()]);
    let older = Page {
        before: Some(first + 4),
        limit: 1,
    };
    assert_eq!(
        office.views.uses(row.id, older).unwrap(),
        Paged {
            rows: vec![allowed],
            next: None
        }
    );
}

#[tokio::test]
async fn lists_of_requests_are_filtered_and_cut() {
    let office = Office::open().await;
    office.lends("edit-flow").await;
    office
        .sends("ann", "edit-flow", "change what ada changed")
        .await;
    office
        .sends("ada", "read-invoices", "count the invoices of May")
        .await;
    let requests = |filter: RequestFilter, page| {
        let part = office.views.requests(&filter, page).unwrap();
        (
            part.rows.iter().map(|row| row.number.0).collect::<Vec<_>>(),
            part.next,
        )
    };
    let any = RequestFilter::default;
    let two = |before| Page { before, limit: 2 };
    assert_eq!(requests(any(), ALL), (vec![3, 2, 1], None));
    assert_eq!(requests(any(), two(None)), (vec![3, 2], Some(2)));
    assert_eq!(requests(any(), two(Some(2))), (vec![1], None));
    let of_ada = || RequestFilter {
        requester: Some(fixture::id("ada")),
        ..any()
    };
    assert_eq!(requests(of_ada(), ALL).0, [3, 1]);
    assert_eq!(
        requests(
            RequestFilter {
                pending: Some(true),
                ..of_ada()
            },
            ALL
        )
        .0,
        [3]
    );
    assert_eq!(
        requests(
            RequestFilter {
                pending: Some(false),
                ..any()
            },
            ALL
        )
        .0,
        [1]
    );
    let of_flow = RequestFilter {
        privilege: Some(fixture::id("edit-flow")),
        ..any()
    };
    assert_eq!(requests(of_flow, ALL).0, [2, 1]);
}

#[tokio::test]
async fn lists_of_grants_are_filtered() {
    let office = Office::open().await;
    office.lends("edit-flow").await;
    let grants = |filter: GrantFilter| {
        let part = office.views.grants(&filter, ALL).unwrap();
        part.rows.iter().map(|row| row.number.0).collect::<Vec<_>>()
    };
    let any = GrantFilter::default;
    let environment = |environment| GrantFilter {
        environment: Some(environment),
        ..any()
    };
    assert_eq!(grants(any()), [1]);
    assert_eq!(grants(environment(Environment::Production)), [1]);
    assert_eq!(grants(environment(Environment::Test)), [0; 0]);
    assert_eq!(
        grants(GrantFilter {
            open: Some(true),
            ..any()
        }),
        [1]
    );
    assert_eq!(
        grants(GrantFilter {
            open: Some(false),
            ..any()
        }),
        [0; 0]
    );
    assert_eq!(
        grants(GrantFilter {
            holder: Some(fixture::id("ann")),
            ..any()
        }),
        [0; 0]
    );
    assert_eq!(
        grants(GrantFilter {
            privilege: Some(fixture::id("edit-flow")),
            ..any()
        }),
        [1]
    );
}

#[tokio::test]
async fn what_approvers_leave_of_an_ask_is_what_is_shown() {
    let office = Office::open().await;
    let request = office
        .sends("ada", "edit-flow", "fix the rounding of invoices")
        .await;
    let digest = office
        .engine
        .read(|state| state.requests.get(&request).unwrap().digest);
    let less = Narrowing {
        targets: fixture::ids("nodered.invoices"),
        duration: Seconds::from_minutes(20),
    };
    office
        .says("cyd", "twenty minutes will do", |comment| {
            Command::ApproveRequest {
                request,
                digest,
                narrowing: Some(less),
                comment,
            }
        })
        .await;
    let row = office.views.request(RequestNumber(1)).unwrap().unwrap();
    assert_eq!(row.duration, Seconds::from_minutes(20));
    let digest = office
        .engine
        .read(|state| state.requests.get(&request).unwrap().digest);
    let no = |comment| Command::DenyRequest {
        request,
        digest,
        comment,
    };
    office.says("bob", "fix the test copy first", no).await;
    let row = office.views.request(RequestNumber(1)).unwrap().unwrap();
    let comment = Some("fix the test copy first".to_owned());
    assert_eq!(
        row.standing,
        RequestStanding::Denied {
            by: fixture::id("bob"),
            comment
        }
    );
}

#[tokio::test]
async fn an_edit_voids_consents_and_keeps_them_on_record() {
    let office = Office::open().await;
    let request = office
        .sends("ada", "edit-flow", "fix the rounding of invoices")
        .await;
    office.approves("cyd", request, "go ahead").await;
    office
        .says("ada", "fix the rounding of all invoices", |text| {
            Command::EditRequest {
                request,
                ask: Ask {
                    answers: [(fixture::id("goal"), text)].into(),
                    ..fixture::ask("edit-flow")
                },
                revision: 1,
            }
        })
        .await;
    let row = office.views.request(RequestNumber(1)).unwrap().unwrap();
    assert_eq!(
        (row.revision, row.consents.len(), row.consents[0].voided),
        (2, 1, true)
    );
    let goal = Some("fix the rounding of all invoices".to_owned());
    assert_eq!(row.answers, [(fixture::id("goal"), goal)].into());
}

#[tokio::test]
async fn hours_and_ends_are_counted() {
    let office = whole_life().await;
    office
        .asks("mia", fixture::ask("edit-flow"), "look at the flow myself")
        .await;
    let hour = Timestamp(fixture::NOW.0 - fixture::NOW.0.rem_euclid(3_600_000));
    let before = Timestamp(hour.0 - 1);
    let rows = office.views.hours(before, fixture::NOW).unwrap();
    let counted = |hour, began, refused| HourRow {
        hour,
        began,
        refused,
    };
    assert_eq!(
        rows,
        [
            counted(Timestamp(hour.0 - 3_600_000), 0, 0),
            counted(hour, 1, 2)
        ]
    );
    assert_eq!(
        office
            .views
            .hours(Timestamp(0), fixture::NOW)
            .unwrap()
            .len(),
        366 * 24
    );
    assert_eq!(office.views.hours(fixture::NOW, before).unwrap(), []);
    assert_eq!(
        office.views.end_reasons(before).unwrap(),
        [(EndReason::Returned, 1)]
    );
    assert_eq!(
        office
            .views
            .end_reasons(Timestamp(fixture::NOW.0 + 1))
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn people_are_shown_by_name_until_they_are_erased() {
    let office = Office::open().await;
    let named = |id: &str, name: Option<&str>| PersonRow {
        id: fixture::id(id),
        name: name.map(str::to_owned),
        mail: None,
    };
    let ada = office.views.person(&fixture::id("ada")).unwrap();
    assert_eq!(ada, Some(named("ada", Some("A. Lindqvist"))));
    assert_eq!(office.views.person(&fixture::id("nobody")).unwrap(), None);
    let people = office.views.people().unwrap();
    assert_eq!(people.len(), fixture::directory().persons.len());
    assert!(people.contains(&named("dee", None)));
    assert!(office.keys.erase("ada", fixture::NOW).unwrap());
    let file = office.file("again.db");
    let reader = office.engine.reader();
    let mut projector = SqliteProjector::open(&file, reader.clone(), office.keys.clone()).unwrap();
    projector
        .project(&super::rebuilt::recorded(reader.as_ref()))
        .unwrap();
    let views = SqliteViews::open(&file).unwrap();
    assert_eq!(
        views.person(&fixture::id("ada")).unwrap(),
        Some(named("ada", None))
    );
}

#[tokio::test]
async fn what_the_broker_does_by_itself_is_told_too() {
    let office = Office::open().await;
    let grant = office.lends("read-invoices").await.id;
    office.until("record-provisioned").await;
    office
        .sends("ann", "edit-flow", "nobody will answer this one")
        .await;
    office.clock.advance(61 * 60_000);
    office.engine.wake();
    office.until("record-removed").await;
    office.clock.advance(8 * 3_600_000);
    office.engine.wake();
    office.until("expire-request").await;
    let told = lines(&office);
    let broker = told.lines().filter(|line| line.contains("|The broker "));
    let mut broker: Vec<&str> = broker.collect();
    // timers and workers don't wait for each other
    broker.sort_unstable();
    assert_eq!(
        broker,
        [
            "escalate-request|done|R-2|The broker asked the deputies about R-2 of J. Costa",
            "expire-grant|done|G-1|The broker ended G-1 of A. Lindqvist: its time was over",
            "expire-request|done|R-2|The broker let R-2 of J. Costa lapse: nobody answered in time",
            "record-provisioned|done|G-1|The broker made the credential of G-1 of A. Lindqvist in `ledgerdb`",
            "record-removed|done|G-1|The broker took the credential of G-1 of A. Lindqvist out of `ledgerdb` and read it back as gone; G-1 is closed",
        ]
    );
    let row = office.views.grant(GrantNumber(1)).unwrap().unwrap();
    assert_eq!(
        (row.id, row.standing, row.reason),
        (grant, GrantStanding::Closed, Some(EndReason::Expired))
    );
    assert_eq!(
        row.read_backs.into_values().collect::<Vec<_>>(),
        ["no such role"]
    );
}

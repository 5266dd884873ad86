use super::office::{Office, attempt};
use domain::{
    actor::Actor,
    command::{Command, ReviewFinding, UseOutcome},
    event::Event,
    fixture,
    ids::UseId,
    request::Narrowing,
    time::{Seconds, Timestamp},
};
use engine::{
    Answer,
    views::{EvidenceQuery, GrantFilter, Page, RequestFilter, Views},
};
use std::fmt::Write as _;
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

async fn whole_life() -> Office {
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
    assert_eq!(
        lines(&office).replace(&bundle[..8], "{bundle}"),
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

//! Nothing is given in a quarantine, whatever is tried, and it always comes to an end.
use crate::{
    actor::{Actor, Context},
    command::{Command, DirectoryChange},
    due::due,
    effect::Effect,
    event::Event,
    fixture::{NOW, ask, by, context, gateway, id, system, terms, text},
    grant::{CredentialKind, GrantState},
    ids::CredentialId,
    quarantine::unconfirmed,
    react::{outstanding, react},
    request::{Ask, RequestKind},
    story::{Story, attempt, grant_id, hold, resume, revoke},
    time::{Seconds, Timestamp},
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeSet;

fn begin() -> Command {
    Command::BeginQuarantine {
        copied: 9,
        platforms: BTreeSet::from([id("ledgerdb"), id("nodered")]),
    }
}

fn reconciled(platform: &str) -> Command {
    Command::RecordReconciled {
        platform: id(platform),
    }
}

fn strays(names: &[&str]) -> Command {
    Command::RecordStrays {
        platform: id("ledgerdb"),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn stray_ended(name: &str) -> Command {
    Command::RecordStrayEnded {
        platform: id("ledgerdb"),
        name: name.to_owned(),
        read_back: "no such role".to_owned(),
    }
}

fn lift() -> Command {
    Command::LiftQuarantine {
        comment: text("looked at both"),
    }
}

fn made(story: &Story, n: u64) -> Command {
    Command::RecordProvisioned {
        grant: grant_id(n),
        credential: story.credential(n),
        expires_at: NOW.plus(Seconds::from_minutes(60)),
    }
}

/// Ada's role is made (1) and Ann's is only intended (4); Ann is at the gateway (2); a third grant begins later (3), and a
/// request waits.
fn copy() -> Story {
    let mut story = Story::lent(1, "ada", "read-invoices");
    let report = made(&story, 1);
    story.broker(&report);
    story.lend(terms(2, "ann", "edit-flow"));
    story.lend(terms(4, "ann", "read-invoices"));
    story.fold(&[Event::GrantScheduled {
        terms: terms(3, "ada", "run-flow"),
        starts_at: NOW.plus(Seconds::from_minutes(5)),
    }]);
    story.person(
        "ada",
        &Command::SubmitRequest {
            ask: ask("edit-flow"),
        },
    );
    story
}

fn quarantined() -> Story {
    let mut story = copy();
    story.broker(&begin());
    story
}

fn run_due(story: &mut Story) -> Vec<String> {
    let commands = due(&story.state, story.now);
    commands
        .iter()
        .map(|command| story.broker(command))
        .collect()
}

fn operator(story: &mut Story, command: &Command) -> String {
    let context = context(Actor::Operator, story.now);
    story.act(&context, command)
}

#[test]
fn what_nothing_confirms_ends_at_once_and_what_its_target_confirms_goes_on() {
    let mut story = quarantined();
    assert_eq!(
        run_due(&mut story),
        [
            "grant-ended reason=superseded; grant-closed ended_at=+0m reason=superseded removed=0",
            "grant-ended reason=superseded; grant-closed ended_at=+0m reason=superseded removed=0",
        ]
    );
    let left: Vec<_> = story.state.grants.keys().copied().collect();
    assert_eq!(left, [grant_id(1), grant_id(4)]);
    assert_eq!(outstanding(&story.state), [], "the intended role waits");
    for platform in ["ledgerdb", "nodered"] {
        story.broker(&reconciled(platform));
    }
    assert_eq!(operator(&mut story, &lift()), "quarantine-lifted");
    let (grant, credential) = (grant_id(4), story.credential(4));
    assert_eq!(
        outstanding(&story.state),
        [Effect::Provision { grant, credential }]
    );
    assert!(matches!(
        story.state.grants[&grant_id(1)].state,
        GrantState::Active { .. }
    ));
}

#[test]
fn a_role_that_is_gone_from_its_target_ends_its_grant() {
    let mut story = quarantined();
    run_due(&mut story);
    let gone = Command::RecordMissing {
        grant: grant_id(1),
        credential: story.credential(1),
    };
    assert_eq!(
        story.broker(&gone),
        "credential-missing; grant-ended reason=superseded; credential-removal-intended"
    );
    assert_eq!(story.broker(&gone), "no: the grant is over");
}

#[test]
fn what_is_over_by_the_clock_has_expired() {
    let mut story = copy();
    story.minutes_later(61).broker(&begin());
    let ended = run_due(&mut story);
    let expired = ended.iter().filter(|told| told.contains("reason=expired"));
    assert_eq!(expired.count(), 3, "{ended:?}");
}

#[test]
fn it_is_lifted_by_an_operator_after_every_target_was_compared() {
    let mut story = quarantined();
    assert_eq!(
        operator(&mut story, &lift()),
        "no: not yet compared with this copy: `ledgerdb`, `nodered`"
    );
    story.broker(&reconciled("nodered"));
    assert_eq!(
        story.broker(&strays(&["remit_g9_000000"])),
        "strays-found platform=ledgerdb"
    );
    assert_eq!(
        story.broker(&reconciled("ledgerdb")),
        "no: 1 things in `ledgerdb` that the copy can't explain are not read back as gone"
    );
    assert_eq!(
        story.broker(&stray_ended("remit_g9_000000")),
        "stray-ended name=remit_g9_000000 platform=ledgerdb read_back=no such role"
    );
    assert_eq!(
        story.broker(&reconciled("ledgerdb")),
        "platform-reconciled platform=ledgerdb"
    );
    let refused = operator(&mut story, &lift());
    assert!(
        refused.ends_with("is confirmed by nothing and has not ended yet"),
        "{refused}"
    );
    run_due(&mut story);
    let broker_only = "no: this is done by the broker itself or its operator, not by a person";
    assert_eq!(story.person("bob", &lift()), broker_only);
    assert_eq!(story.broker(&lift()), broker_only);
    assert_eq!(operator(&mut story, &lift()), "quarantine-lifted");
    assert_eq!(operator(&mut story, &lift()), "no: there is no quarantine");
}

#[test]
fn a_platform_that_was_not_connected_is_asked_for_all_the_same() {
    let mut story = Story::new();
    story.broker(&Command::BeginQuarantine {
        copied: 9,
        platforms: BTreeSet::new(),
    });
    assert_eq!(
        operator(&mut story, &lift()),
        "no: not yet compared with this copy: `ledgerdb`"
    );
}

#[test]
fn what_a_grant_explains_is_never_ended_as_a_stray() {
    let mut story = quarantined();
    let role = {
        let explained = story.state.explained_roles();
        (*explained.keys().next().unwrap()).to_owned()
    };
    assert_eq!(
        story.broker(&strays(&["remit_g9_000000", &role])),
        format!("no: `{role}` is explained by a grant")
    );
}

#[test]
fn uses_are_refused_and_rights_are_taken_away() {
    let mut story = copy();
    let issued = story.person(
        "ann",
        &Command::IssueCredential {
            grant: grant_id(2),
            kind: CredentialKind::GatewaySession,
        },
    );
    assert!(issued.starts_with("credential-issued"), "{issued}");
    story.broker(&begin());
    let attempt = attempt(2, story.credential(2), "flow.read", "nodered.invoices");
    assert_eq!(
        story.front(&Command::BeginUse { attempt }),
        "use-refused rule=quarantine"
    );
    let revoked = story.person("bob", &revoke(1));
    assert!(revoked.starts_with("grant-ended"), "{revoked}");
    let (grant, credential) = (grant_id(1), story.credential(1));
    assert_eq!(
        outstanding(&story.state),
        [Effect::Remove { grant, credential }]
    );
}

#[test]
fn the_pre_check_says_it_too() {
    let mut story = Story::new();
    let sendable = |story: &Story| {
        let ask = ask("edit-flow");
        crate::precheck::precheck(&story.state, &id("ada"), &ask, story.now).is_sendable()
    };
    assert!(sendable(&story));
    story.broker(&begin());
    assert!(!sendable(&story));
}

/// Something that somebody tries.
#[derive(Debug, Clone)]
enum Try {
    Wait(u32),
    Due,
    Ask(&'static str, &'static str, bool),
    Approve(&'static str),
    Grant(&'static str, u64, &'static str),
    Worker(u64, &'static str),
    Target(&'static str),
    Suspend(&'static str),
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let who = || select(vec!["ada", "ann", "bob", "cyd", "dee", "eve", "mia"]);
    let what = select(vec![
        "activate", "resume", "token", "session", "use", "hold", "revoke", "return",
    ]);
    let report = select(vec![
        "made",
        "made late",
        "not made",
        "gone",
        "not gone",
        "missing",
    ]);
    let target = select(vec!["strays", "ended", "compared", "compared there"]);
    let privilege = select(vec!["edit-flow", "run-flow", "read-invoices"]);
    let one = prop_oneof![
        (0..30_u32).prop_map(Try::Wait),
        Just(Try::Due),
        (who(), privilege, any::<bool>()).prop_map(|(who, what, now)| Try::Ask(who, what, now)),
        who().prop_map(Try::Approve),
        (who(), 1..5_u64, what).prop_map(|(who, n, what)| Try::Grant(who, n, what)),
        (1..5_u64, report).prop_map(|(n, what)| Try::Worker(n, what)),
        target.prop_map(Try::Target),
        who().prop_map(Try::Suspend),
    ];
    vec(one, 0..40)
}

fn newest(story: &Story, n: u64) -> CredentialId {
    let grant = story.state.grants.get(&grant_id(n));
    let newest = grant.and_then(|grant| grant.credentials.keys().next_back().copied());
    newest.unwrap_or(CredentialId(uuid::Uuid::nil()))
}

fn commands(story: &Story, tried: &Try) -> Vec<(Context, Command)> {
    let now = story.now;
    match *tried {
        Try::Wait(_) => Vec::new(),
        Try::Due => due(&story.state, now)
            .into_iter()
            .map(|command| (system(now), command))
            .collect(),
        Try::Ask(who, privilege, at_once) => {
            let kind = if at_once {
                RequestKind::BreakGlass
            } else {
                RequestKind::New
            };
            let ask = Ask {
                kind,
                duration: Seconds::from_minutes(30),
                ..ask(privilege)
            };
            vec![(by(who, now), Command::SubmitRequest { ask })]
        }
        Try::Approve(who) => {
            let approve = |request: &crate::request::Request| Command::ApproveRequest {
                request: request.id,
                digest: request.digest,
                narrowing: None,
                comment: text("fine"),
            };
            let requests = story.state.requests.values();
            requests
                .map(|request| (by(who, now), approve(request)))
                .collect()
        }
        Try::Grant(who, n, what) => vec![on_grant(story, who, n, what)],
        Try::Worker(n, what) => vec![(system(now), report(story, n, what))],
        Try::Target(what) => {
            let command = match what {
                "strays" => strays(&["remit_g9_000000"]),
                "ended" => stray_ended("remit_g9_000000"),
                "compared" => reconciled("ledgerdb"),
                _ => reconciled("nodered"),
            };
            vec![(system(now), command)]
        }
        Try::Suspend(who) => {
            let mut person = story.state.directory.persons[&id(who)].clone();
            person.standing = crate::directory::Standing::Suspended;
            let change = DirectoryChange::Person {
                person,
                name: None,
                mail: None,
            };
            let context = context(Actor::Operator, now);
            vec![(context, Command::ChangeDirectory { change })]
        }
    }
}

fn on_grant(story: &Story, who: &str, n: u64, what: &str) -> (Context, Command) {
    let (grant, now) = (grant_id(n), story.now);
    let issue = |kind| Command::IssueCredential { grant, kind };
    let command = match what {
        "activate" => return (system(now), Command::ActivateGrant { grant }),
        "use" => {
            let attempt = attempt(n, newest(story, n), "flow.read", "nodered.invoices");
            return (gateway(now), Command::BeginUse { attempt });
        }
        "resume" => resume(n),
        "token" => issue(CredentialKind::AccessToken),
        "session" => issue(CredentialKind::GatewaySession),
        "hold" => hold(n),
        "revoke" => revoke(n),
        _ => Command::ReturnGrant { grant },
    };
    (by(who, now), command)
}

fn report(story: &Story, n: u64, what: &str) -> Command {
    let (grant, credential) = (grant_id(n), newest(story, n));
    let because = "no answer".to_owned();
    match what {
        "made" | "made late" => Command::RecordProvisioned {
            grant,
            credential,
            expires_at: if what == "made" { NOW } else { Timestamp(0) },
        },
        "not made" => Command::RecordProvisionFailed {
            grant,
            credential,
            because,
        },
        "gone" => Command::RecordRemoved {
            grant,
            credential,
            read_back: because,
        },
        "not gone" => Command::RecordRemovalFailed {
            grant,
            credential,
            because,
        },
        _ => Command::RecordMissing { grant, credential },
    }
}

const GIVING: [&str; 6] = [
    "grant-scheduled",
    "grant-activated",
    "grant-extended",
    "grant-resumed",
    "credential-intended",
    "use-allowed",
];

fn gives(effect: &Effect) -> bool {
    matches!(effect, Effect::Provision { .. } | Effect::Renew { .. })
}

proptest! {
    #[test]
    fn nothing_is_given_in_a_quarantine_whatever_is_tried(tries in tries()) {
        let mut story = quarantined();
        for tried in &tries {
            if let Try::Wait(minutes) = tried {
                story.minutes_later(*minutes);
            }
            for (context, command) in commands(&story, tried) {
                let Ok(events) = crate::decide::decide(&story.state, &command, &context) else {
                    continue;
                };
                for event in &events {
                    let name = serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
                    prop_assert!(!GIVING.contains(&name.as_str()), "{command:?} gave {name}");
                    story.fold(std::slice::from_ref(event));
                    let effects = react(&story.state, event);
                    prop_assert!(!effects.iter().any(gives), "{event:?} had {effects:?} done");
                }
            }
            prop_assert!(!outstanding(&story.state).iter().any(gives));
            prop_assert!(story.state.quarantine.is_some());
        }
        // and it always comes to an end by what the broker and the targets do alone
        story.broker(&stray_ended("remit_g9_000000"));
        for platform in ["ledgerdb", "nodered"] {
            story.broker(&reconciled(platform));
        }
        run_due(&mut story);
        prop_assert!(!story.state.grants.values().any(unconfirmed));
        prop_assert_eq!(operator(&mut story, &lift()), "quarantine-lifted");
    }
}

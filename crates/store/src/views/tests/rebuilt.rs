//! The projections follow from the log alone: however they came to where they are, they are the same.
use super::office::Office;
use crate::{SqliteLog, SqliteProjector, SqliteViews};
use domain::{
    actor::Actor,
    command::{Activity, Attempt, Command, DirectoryChange, Given, ReviewFinding, UseOutcome},
    fixture,
    grant::{CredentialKind, Grant},
    ids::{CredentialId, GrantId},
    request::{Ask, Narrowing, Request, RequestKind},
    state::State,
    text::Text,
    time::Seconds,
};
use engine::chain;
use engine::{
    Submission,
    ports::{KeyStore, LogReader, Projector},
    record::Recorded,
    views::{EvidenceQuery, Views},
};
use proptest::prelude::*;
use rusqlite::{Connection, types::Value};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use testkit::{World, WorldPorts, person};

/// One step of a random life: what is done, by whom or to which, and with what.
type Choice = (u8, u8, u8);

fn pick<T>(all: impl IntoIterator<Item = T>, n: u8) -> Option<T> {
    let all: Vec<T> = all.into_iter().collect();
    let count = all.len().max(1);
    all.into_iter().nth(usize::from(n) % count)
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm per kind of command: the list is the point"
)]
fn command(state: &State, (what, which, how): Choice, text: Text) -> Option<(Actor, Command)> {
    let name = pick(["ada", "ann", "bob", "cyd", "eve", "mia"], how).map(person)?;
    let request = pick(state.requests.values(), which);
    let grant = pick(state.grants.values(), which);
    Some(match what % 16 {
        0..=2 => (
            pick(["ada", "ann", "mia"], how).map(person)?,
            submit(which, how, text)?,
        ),
        3..=5 => (
            pick(["cyd", "bob", "eve"], how).map(person)?,
            approve(request?, how, text),
        ),
        6 => {
            let Request { id, digest, .. } = *request?;
            (
                name,
                Command::DenyRequest {
                    request: id,
                    digest,
                    comment: text,
                },
            )
        }
        7 => {
            let (request, requester) = (request?.id, request?.requester.as_str());
            match how % 3 {
                0 => (name, Command::AskRequester { request, text }),
                1 => (
                    person(requester),
                    Command::AnswerApprovers { request, text },
                ),
                _ => (person(requester), Command::WithdrawRequest { request }),
            }
        }
        8 => {
            let Request {
                id: request,
                revision,
                ref requester,
                ..
            } = *request?;
            let ask = Ask {
                duration: Seconds(600),
                ..fixture::ask("edit-flow")
            };
            (
                person(requester.as_str()),
                Command::EditRequest {
                    request,
                    ask,
                    revision,
                },
            )
        }
        9 => (name, intervene(grant?.terms.id, how, text)),
        10 => {
            let (grant, holder) = (grant?.terms.id, grant?.terms.holder.as_str());
            let kind = CredentialKind::GatewaySession;
            (person(holder), Command::IssueCredential { grant, kind })
        }
        11..=13 => (gateway(), usage(grant, how)?),
        14 => (Actor::System, activity(grant, which, text)),
        _ => {
            let person = fixture::person("ada", "finance-analyst", "");
            let change = DirectoryChange::Person {
                person,
                name: Some(text),
                mail: None,
            };
            (Actor::Operator, Command::ChangeDirectory { change })
        }
    })
}

fn submit(which: u8, how: u8, text: Text) -> Option<Command> {
    let privilege = pick(
        ["edit-flow", "read-invoices", "edit-by-hook", "run-flow"],
        which,
    )?;
    let kind = if how % 5 == 4 {
        RequestKind::BreakGlass
    } else {
        RequestKind::New
    };
    let duration = Seconds::from_minutes(30);
    let answers = [(fixture::id("goal"), text)].into();
    let ask = Ask {
        kind,
        duration,
        answers,
        ..fixture::ask(privilege)
    };
    Some(Command::SubmitRequest { ask })
}

fn approve(request: &Request, how: u8, comment: Text) -> Command {
    let Request {
        id,
        digest,
        ref ask,
        ..
    } = *request;
    let less = Narrowing {
        targets: ask.targets.clone(),
        duration: Seconds(300),
    };
    let narrowing = (how % 7 == 6).then_some(less);
    Command::ApproveRequest {
        request: id,
        digest,
        narrowing,
        comment,
    }
}

fn intervene(grant: GrantId, how: u8, comment: Text) -> Command {
    match how % 5 {
        0 => Command::RevokeGrant { grant, comment },
        1 => Command::HoldGrant { grant, comment },
        2 => Command::ResumeGrant { grant, comment },
        3 => Command::ReviewGrant {
            grant,
            finding: ReviewFinding::Questioned,
            comment,
        },
        _ => Command::ReturnGrant { grant },
    }
}

fn usage(grant: Option<&Grant>, how: u8) -> Option<Command> {
    if let Some(grant) = grant.filter(|_| how % 2 == 1)
        && let Some(use_id) = grant.open_uses.first()
    {
        let outcome = UseOutcome {
            status: Some(200),
            bytes: 10,
            rows: 1,
            cut: how % 4 == 1,
        };
        return Some(Command::FinishUse {
            use_id: *use_id,
            grant: grant.terms.id,
            outcome,
        });
    }
    let target = pick(["nodered.invoices", "nodered.payments"], how)?;
    let credential = grant.and_then(|grant| grant.credentials.keys().next().copied());
    let grant = grant.map(|grant| grant.terms.id);
    Some(Command::BeginUse {
        attempt: attempt(grant, credential, target),
    })
}

fn attempt(grant: Option<GrantId>, credential: Option<CredentialId>, target: &str) -> Attempt {
    let known = (GrantId(uuid::Uuid::nil()), CredentialId(uuid::Uuid::nil()));
    let attempt = super::office::attempt(known.0, known.1, target);
    Attempt {
        grant,
        credential,
        ..attempt
    }
}

fn activity(grant: Option<&Grant>, which: u8, detail: Text) -> Command {
    Command::RecordActivity {
        activity: Activity {
            platform: fixture::id("ledgerdb"),
            grant: grant.map(|grant| grant.terms.id),
            action: "SELECT".to_owned(),
            object: "public.invoices".to_owned(),
            detail: Some(detail),
            data_class: None,
            happened_at: fixture::NOW,
            source: format!("{which:03}"),
        },
    }
}

fn gateway() -> Actor {
    Actor::Gateway {
        gateway: fixture::gateway_id(),
    }
}

/// Lives a random life under a real engine; what it leaves behind.
async fn live(choices: &[Choice]) -> WorldPorts {
    let world = World::start().await;
    for (n, choice) in choices.iter().enumerate() {
        if choice.0 % 9 == 8 {
            world.advance(i64::from(choice.1) * 60_000).await;
        }
        let subject = if choice.2 % 2 == 0 { "ada" } else { "cyd" };
        let mut writer = world.engine.body_writer(subject);
        let text = writer
            .write(&format!("these are words number {n} in this life"), 100)
            .unwrap();
        if let Some((actor, command)) = command(&world.state(), *choice, text) {
            let mut submission = Submission::of(Given { actor, command });
            submission.bodies = writer.finish();
            world.engine.submit(submission).await.unwrap();
        }
    }
    world.idle().await;
    world.stop().await
}

pub(super) fn recorded(log: &dyn LogReader) -> Vec<Recorded> {
    let leaves = log.leaves(0, usize::MAX).unwrap();
    (0..)
        .zip(&leaves)
        .map(|(entry, leaf)| Recorded::from_bytes(entry, leaf).unwrap())
        .collect()
}

/// The files of the search that belong to the projections at `file`, oldest first.
pub(super) fn months(file: &Path) -> Vec<PathBuf> {
    let folder = file.with_file_name("search");
    let months = crate::search::months(&folder).unwrap();
    months
        .iter()
        .map(|month| folder.join(month.file()))
        .collect()
}

/// Everything in the projections, in words: the index by its terms, for its pages depend on how it was written.
fn dump(file: &Path) -> Vec<String> {
    let mut all = tables(&Connection::open(file).unwrap());
    for month in months(file) {
        let db = Connection::open(&month).unwrap();
        db.execute_batch(
            "CREATE VIRTUAL TABLE temp.term USING fts5vocab(main, entry_words, instance)",
        )
        .unwrap();
        all.push(month.file_name().unwrap().display().to_string());
        all.extend(tables(&db));
        all.extend(rows(&db, "term"));
    }
    all
}

fn tables(db: &Connection) -> Vec<String> {
    let tables = "SELECT name FROM sqlite_master
        WHERE type = 'table' AND name NOT LIKE 'entry_words%'
        ORDER BY name";
    let mut statement = db.prepare(tables).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    let names: Vec<String> = names.map(Result::unwrap).collect();
    names.iter().flat_map(|table| rows(db, table)).collect()
}

fn rows(db: &Connection, table: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    // whether the file was closed well isn't what it says
    let columns: Vec<usize> = (0..statement.column_count())
        .filter(|column| statement.column_name(*column) != Ok("sound"))
        .collect();
    let rows = statement.query_map([], |row| {
        let cells = columns.iter().map(|column| row.get::<_, Value>(*column));
        Ok(format!(
            "{table}: {:?}",
            cells.collect::<Result<Vec<_>, _>>()?
        ))
    });
    let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

fn at_once(ports: &WorldPorts, file: &Path) {
    let entries = recorded(&ports.log);
    open(ports, file).project(&entries).unwrap();
}

fn open(ports: &WorldPorts, file: &Path) -> SqliteProjector {
    let keys: Arc<dyn KeyStore> = Arc::new(ports.keys.clone());
    SqliteProjector::open(file, Arc::new(ports.log.clone()), keys).unwrap()
}

/// Follows in parts that overlap, and is closed and opened again in between.
fn in_parts(ports: &WorldPorts, file: &Path, steps: &[(usize, bool)]) {
    let entries = recorded(&ports.log);
    let mut projector = open(ports, file);
    for (size, reopened) in steps.iter().cycle() {
        let done = usize::try_from(projector.projected()).unwrap();
        if done == entries.len() {
            return;
        }
        let to = entries.len().min(done + size);
        projector
            .project(&entries[done.saturating_sub(2)..to])
            .unwrap();
        if *reopened {
            drop(projector);
            projector = open(ports, file);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 50, ..ProptestConfig::default() })]
    #[test]
    fn projections_made_anew_equal_those_kept_running(
        choices in prop::collection::vec(any::<Choice>(), 20..70),
        parts in prop::collection::vec((1_usize..9, any::<bool>()), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ports = runtime.block_on(live(&choices));
        let folder = TempDir::new().unwrap();
        let (one, other) = (folder.path().join("one.db"), beside(&folder, "other"));
        at_once(&ports, &one);
        in_parts(&ports, &other, &parts);
        prop_assert_eq!(dump(&one), dump(&other));
        let views = SqliteViews::open(&one).unwrap();
        prop_assert_eq!(views.count(&EvidenceQuery::default(), u64::MAX).unwrap(), ports.log.head().unwrap().tree.size);
        agrees(&views, &ports, &runtime);
    }
}

/// What is open is told alike by the projections and by the engine's own state.
fn agrees(views: &SqliteViews, ports: &WorldPorts, runtime: &tokio::runtime::Runtime) {
    let state = runtime.block_on(async {
        let (engine, running) = ports.start(testkit::bundle()).unwrap();
        let state = engine.read(Clone::clone);
        running.stop().await;
        state
    });
    for request in state.requests.values() {
        let row = views.request(request.number).unwrap().unwrap();
        assert_eq!(
            (row.targets, row.duration, row.revision, row.expires_at),
            (
                request.targets().clone(),
                request.duration(),
                request.revision,
                request.expires_at
            )
        );
        assert_eq!(row.standing, engine::views::RequestStanding::Pending);
        let valid: Vec<_> = row
            .consents
            .into_iter()
            .filter(|consent| !consent.voided)
            .collect();
        let by: Vec<_> = valid.iter().map(|consent| &consent.by).collect();
        assert_eq!(
            by,
            request
                .consents
                .iter()
                .map(|consent| &consent.by)
                .collect::<Vec<_>>()
        );
        assert_eq!(row.conversation.len(), request.conversation.len());
    }
    for grant in state.grants.values() {
        let row = views.grant(grant.terms.number).unwrap().unwrap();
        assert_eq!(row.usage, grant.usage);
        assert_eq!(row.holder, grant.terms.holder);
        if let Some(expires_at) = grant.state.expires_at() {
            assert_eq!(row.expires_at, Some(expires_at));
        }
    }
}

/// Where other projections of the same log may lie.
fn beside(folder: &TempDir, name: &str) -> PathBuf {
    let beside = folder.path().join(name);
    fs::create_dir(&beside).unwrap();
    beside.join("views.db")
}

/// A world with a few entries, projected into `views.db` of a folder.
fn projected() -> (WorldPorts, TempDir) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ports = runtime.block_on(live(&[
        (0, 0, 0),
        (3, 0, 0),
        (4, 0, 1),
        (10, 0, 0),
        (11, 0, 0),
    ]));
    let folder = TempDir::new().unwrap();
    at_once(&ports, &folder.path().join("views.db"));
    (ports, folder)
}

#[test]
fn what_was_followed_is_not_followed_again() {
    let (ports, folder) = projected();
    let file = folder.path().join("views.db");
    let before = dump(&file);
    let mut projector = open(&ports, &file);
    assert_eq!(projector.projected(), ports.log.head().unwrap().tree.size);
    projector.project(&recorded(&ports.log)).unwrap();
    projector.project(&[]).unwrap();
    drop(projector);
    assert_eq!(dump(&file), before);
}

#[test]
fn a_gap_is_an_error_and_changes_nothing() {
    let (ports, folder) = projected();
    let file = beside(&folder, "other");
    let mut projector = open(&ports, &file);
    let entries = recorded(&ports.log);
    projector.project(&entries[..3]).unwrap();
    let error = projector
        .project(&[entries[3].clone(), entries[5].clone()])
        .unwrap_err();
    assert_eq!(
        chain(&error).replace(&folder.path().display().to_string(), "DATA"),
        "could not read the projections while following the log: table `position` of `DATA/other/views.db` holds a row that can't be: entry 4 was to be followed, and 5 came"
    );
    assert_eq!(projector.projected(), 3);
    projector.project(&entries).unwrap();
    drop(projector);
    assert_eq!(dump(&file), dump(&folder.path().join("views.db")));
}

/// Opens the projections after `harm` was done to them: they are empty, and whole again once they have followed the log.
#[track_caller]
fn check_made_anew(harm: impl FnOnce(&Path)) {
    let (ports, folder) = projected();
    let file = folder.path().join("views.db");
    let before = dump(&file);
    harm(&file);
    let mut projector = open(&ports, &file);
    assert_eq!(projector.projected(), 0);
    projector.project(&recorded(&ports.log)).unwrap();
    drop(projector);
    assert_eq!(dump(&file), before);
}

fn execute(file: &Path, sql: &str) {
    Connection::open(file).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn projections_of_another_projector_are_made_anew() {
    check_made_anew(|file| execute(file, "UPDATE position SET version = version + 1"));
}

#[test]
fn projections_of_another_layout_are_made_anew() {
    check_made_anew(|file| execute(file, "PRAGMA user_version = 7"));
}

#[test]
fn projections_of_another_log_are_made_anew() {
    check_made_anew(|file| execute(file, "UPDATE position SET newest = zeroblob(32)"));
}

#[test]
fn projections_that_are_ahead_of_the_log_are_made_anew() {
    check_made_anew(|file| execute(file, "UPDATE position SET entries = entries + 1"));
}

#[test]
fn projections_in_a_file_that_is_no_database_are_made_anew() {
    check_made_anew(|file| fs::write(file, "something else altogether, and long enough").unwrap());
}

#[test]
fn projections_that_were_torn_are_made_anew() {
    check_made_anew(|file| {
        execute(
            file,
            "UPDATE position SET sound = 0; PRAGMA wal_checkpoint(TRUNCATE)",
        );
        let mut torn = fs::OpenOptions::new().write(true).open(file).unwrap();
        let pages = torn.metadata().unwrap().len() / 4096;
        torn.seek(SeekFrom::Start((pages - 10) * 4096)).unwrap();
        torn.write_all(&[0xff; 4 * 4096]).unwrap();
    });
}

#[test]
fn an_erased_person_is_forgotten_by_making_the_projections_anew() {
    let (ports, folder) = projected();
    let file = folder.path().join("views.db");
    let query = EvidenceQuery {
        words: Some("words".to_owned()),
        ..EvidenceQuery::default()
    };
    let found = |file: &Path| {
        SqliteViews::open(file)
            .unwrap()
            .count(&query, 1_000)
            .unwrap()
    };
    assert_eq!(found(&file), 3);
    ports.keys.erase("ada", fixture::NOW).unwrap();
    let again = beside(&folder, "again");
    at_once(&ports, &again);
    assert_eq!(found(&again), 1);
}

#[test]
fn a_body_that_is_missing_though_its_person_is_not_erased_is_an_error() {
    let (ports, folder) = projected();
    let mut stored = ports.log.stored();
    let entries = recorded(&ports.log);
    let purpose = entries
        .iter()
        .find(|recorded| recorded.kind == "submit-request")
        .unwrap();
    let lost = engine::entry::ledger_digest(purpose.record.bodies[0].commitment);
    assert!(stored.bodies.remove(&lost).is_some());
    let ports = WorldPorts {
        log: testkit::MemoryLog::of(stored),
        ..ports
    };
    let mut projector = open(&ports, &beside(&folder, "other"));
    let told = chain(&projector.project(&entries).unwrap_err());
    assert!(
        told.contains(&format!("the body `{lost}` of entry ")),
        "{told}"
    );
    assert!(told.ends_with(" is missing"), "{told}");
    assert_eq!(projector.projected(), 0);
}

#[tokio::test]
async fn a_stop_and_a_start_go_on_where_they_were() {
    let office = Office::open().await;
    office.lends("edit-flow").await;
    let size = office.engine.reader().head().unwrap().tree.size;
    let keys = office.keys.clone();
    let folder = office.close().await;
    let file = folder.path().join("views.db");
    let before = dump(&file);
    let (reader, _writer) = SqliteLog::open(&folder.path().join("log.db")).unwrap();
    let projector = SqliteProjector::open(&file, reader.clone(), keys.clone()).unwrap();
    assert_eq!(projector.projected(), size);
    drop(projector);
    fs::remove_file(&file).unwrap();
    let mut projector = SqliteProjector::open(&file, reader.clone(), keys).unwrap();
    projector.project(&recorded(reader.as_ref())).unwrap();
    drop(projector);
    assert_eq!(dump(&file), before);
}

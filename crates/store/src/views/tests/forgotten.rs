//! Whoever is erased is in no file any more, while the server runs on.
use super::office::Office;
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange},
    fixture,
};
use engine::views::{EvidenceQuery, Views};
use std::fs;

/// Whether `needle` is in a file of the folder.
fn found(office: &Office, needle: &str) -> bool {
    let folders = ["", "search"].map(|folder| office.folder.path().join(folder));
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read(path).unwrap())
        .any(|bytes| {
            bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes())
        })
}

#[tokio::test]
async fn an_erased_persons_words_leave_every_file_and_everything_else_stays() {
    let office = Office::open().await;
    office.sends("ann", "edit-flow", "for the other one").await;
    let ada = fixture::id("ada");
    let settled = |office: &Office| office.engine.health().entries - 1;
    office.engine.settled(settled(&office)).await;
    assert!(found(&office, "A. Lindqvist"));
    let change = DirectoryChange::PersonRemoved(fixture::id("ada"));
    let operator = || Actor::Operator;
    office
        .does(operator(), Command::ChangeDirectory { change })
        .await;
    let before = office.engine.health().entries;
    let person = fixture::id("ada");
    office
        .does(operator(), Command::ErasePerson { person })
        .await;
    office.until("record-erased").await;
    let rebuilt = |office: &Office| {
        let health = office.engine.health();
        health.projected == health.entries
    };
    while !rebuilt(&office) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!found(&office, "Lindqvist"));
    assert_eq!(office.views.person(&ada).unwrap().unwrap().name, None);
    let other = EvidenceQuery {
        words: Some("other one".to_owned()),
        ..EvidenceQuery::default()
    };
    assert_eq!(office.views.count(&other, 1_000).unwrap(), 1);
    let all = office
        .views
        .count(&EvidenceQuery::default(), 1_000)
        .unwrap();
    assert_eq!(all, before + 2);
}

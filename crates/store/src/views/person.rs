//! What people are called. A name stays after its person has left the directory: old entries still speak of them.
use super::{cell::Cells, projector::Step};
use crate::error::RowError;
use domain::{command::DirectoryChange, ids::PersonId, text::Text};
use engine::views::PersonRow;
use rusqlite::{Connection, params};

/// Follows a change of the directory.
pub(super) fn changed(step: &Step<'_>, change: &DirectoryChange) -> Result<(), RowError> {
    match change {
        DirectoryChange::Person { person, name, mail } => {
            add(step.db, &person.id)?;
            if let Some(name) = name {
                rename(step.db, &person.id, step.words(name)?.as_deref())?;
            }
            if let Some(mail) = mail {
                readdress(step.db, &person.id, step.words(mail)?.as_deref())?;
            }
            Ok(())
        }
        DirectoryChange::PersonRemoved(_)
        | DirectoryChange::Account(_)
        | DirectoryChange::AccountRemoved(_)
        | DirectoryChange::Group(_)
        | DirectoryChange::GroupRemoved(_)
        | DirectoryChange::Delegation(_)
        | DirectoryChange::DelegationRemoved(_) => Ok(()),
    }
}

/// The texts of a change of the directory.
pub(super) fn texts(change: &DirectoryChange) -> Vec<&Text> {
    match change {
        DirectoryChange::Person { name, mail, .. } => name.iter().chain(mail).collect(),
        DirectoryChange::PersonRemoved(_)
        | DirectoryChange::Account(_)
        | DirectoryChange::AccountRemoved(_)
        | DirectoryChange::Group(_)
        | DirectoryChange::GroupRemoved(_)
        | DirectoryChange::Delegation(_)
        | DirectoryChange::DelegationRemoved(_) => Vec::new(),
    }
}

/// What a person is called in a line of text: their name, or their id once it is forgotten.
pub(super) fn called(db: &Connection, id: &PersonId) -> Result<String, RowError> {
    let name = by_id(db, id)?.and_then(|person| person.name);
    Ok(name.unwrap_or_else(|| id.to_string()))
}

/// One person.
pub(super) fn by_id(db: &Connection, id: &PersonId) -> Result<Option<PersonRow>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            person.id,
            person.name,
            person.mail
        FROM person
        WHERE person.id = ?1",
    )?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(read).transpose()
}

/// Everybody.
pub(super) fn all(db: &Connection) -> Result<Vec<PersonRow>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            person.id,
            person.name,
            person.mail
        FROM person
        ORDER BY person.id",
    )?;
    let mut rows = statement.query([])?;
    let mut people = Vec::new();
    while let Some(row) = rows.next()? {
        people.push(read(row)?);
    }
    Ok(people)
}

fn read(row: &rusqlite::Row<'_>) -> Result<PersonRow, RowError> {
    let cells = Cells {
        table: "person",
        row,
    };
    Ok(PersonRow {
        id: cells.id(0)?,
        name: cells.plain(1)?,
        mail: cells.plain(2)?,
    })
}

fn add(db: &Connection, id: &PersonId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO person (id)
        VALUES (?1)
        ON CONFLICT (id) DO NOTHING",
    )?
    .execute([id.as_str()])
    .map(drop)
}

fn rename(db: &Connection, id: &PersonId, name: Option<&str>) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE person
        SET
            name = ?1
        WHERE person.id = ?2",
    )?
    .execute(params![name, id.as_str()])
    .map(drop)
}

fn readdress(db: &Connection, id: &PersonId, mail: Option<&str>) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE person
        SET
            mail = ?1
        WHERE person.id = ?2",
    )?
    .execute(params![mail, id.as_str()])
    .map(drop)
}

//! What lies beside the entries: each body and blob is the one that an entry commits to, and none is missing or too many; each kept
//! answer is the one that its entry was given under.
use super::{DataFile, Inspected, Progress, entries::Told, people::Kept};
use engine::ports::KeptAnswer;
use ledger::{
    body::{BodyError, SealedBody},
    digest::Digest,
};
use rusqlite::Connection;
use std::collections::BTreeSet;

const FILE: DataFile = DataFile::Log;

/// How many bodies lie between two reports of progress.
const STEP: u64 = 256;

/// Looks through `body`, `blob` and `answer`.
pub(super) fn inspect(
    db: &Connection,
    told: &Told,
    kept: &Kept,
    seen: &mut Inspected,
    progress: Progress<'_>,
) -> rusqlite::Result<()> {
    bodies(db, told, kept, seen, progress)?;
    blobs(db, told, seen)?;
    answers(db, told, seen)
}

fn bodies(
    db: &Connection,
    told: &Told,
    kept: &Kept,
    seen: &mut Inspected,
    progress: Progress<'_>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(
        "SELECT
            body.commitment,
            body.subject,
            body.nonce,
            body.ciphertext
        FROM body",
    )?;
    let mut rows = statement.query([])?;
    let mut found = BTreeSet::new();
    let all = told.bodies.len() as u64;
    while let Some(row) = rows.next()? {
        let body = SealedBody {
            commitment: Digest::from_bytes(row.get(0)?),
            subject: row.get(1)?,
            nonce: row.get(2)?,
            ciphertext: row.get(3)?,
        };
        body_is_the_one(&body, told, kept, seen);
        found.insert(body.commitment);
        seen.beside += 1;
        if seen.beside.is_multiple_of(STEP) {
            progress("bodies", seen.beside, all);
        }
    }
    for (commitment, reference) in &told.bodies {
        if !found.contains(commitment) {
            let what = format!("it is missing, and entry {} commits to it", reference.entry);
            seen.add(FILE, "body", commitment, what);
        }
    }
    Ok(())
}

fn body_is_the_one(body: &SealedBody, told: &Told, kept: &Kept, seen: &mut Inspected) {
    let commitment = body.commitment;
    let Some(reference) = told.bodies.get(&commitment) else {
        seen.add(FILE, "body", commitment, "no entry commits to it");
        return;
    };
    let entry = reference.entry;
    if body.subject != reference.subject || body.check().is_err() {
        let what = format!("it is not what entry {entry} commits to");
        seen.add(FILE, "body", commitment, what);
        return;
    }
    let Some(key) = kept.keys.get(&body.subject) else {
        return;
    };
    match body.open(key) {
        Ok(_) => {}
        Err(BodyError::WrongKey { .. }) => {
            let what =
                format!("this key does not open the words of entry {entry}: it is another one");
            seen.add(DataFile::Keys, "person_key", &body.subject, what);
        }
        Err(error) => seen.add(FILE, "body", commitment, error.to_string()),
    }
}

fn blobs(db: &Connection, told: &Told, seen: &mut Inspected) -> rusqlite::Result<()> {
    let mut statement = db.prepare(
        "SELECT
            blob.digest,
            blob.bytes
        FROM blob",
    )?;
    let mut rows = statement.query([])?;
    let mut found = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (digest, bytes) = (Digest::from_bytes(row.get(0)?), row.get::<_, Vec<u8>>(1)?);
        match told.blobs.get(&digest) {
            None => seen.add(FILE, "blob", digest, "no entry refers to it"),
            Some(entry) if Digest::of(&bytes) != digest => {
                let what =
                    format!("its content is not what its name says; entry {entry} refers to it");
                seen.add(FILE, "blob", digest, what);
            }
            Some(_) => {}
        }
        found.insert(digest);
        seen.beside += 1;
    }
    for (digest, entry) in &told.blobs {
        if !found.contains(digest) {
            let what = format!("it is missing, and entry {entry} refers to it");
            seen.add(FILE, "blob", digest, what);
        }
    }
    Ok(())
}

fn answers(db: &Connection, told: &Told, seen: &mut Inspected) -> rusqlite::Result<()> {
    let mut statement = db.prepare(
        "SELECT
            answer.principal,
            answer.key,
            answer.fingerprint,
            answer.entry
        FROM answer",
    )?;
    let mut rows = statement.query([])?;
    let mut found = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let answer = KeptAnswer {
            principal: row.get(0)?,
            key: row.get(1)?,
            fingerprint: Digest::from_bytes(row.get(2)?),
            entry: row.get(3)?,
        };
        let committed = told.answers.get(&answer.entry);
        if committed != Some(&answer.commitment().to_string()) {
            let what = format!(
                "entry {} was not given under this key: whoever repeats their command may get another's answer",
                answer.entry
            );
            seen.add(FILE, "answer", &answer.principal, what);
        }
        found.insert(answer.entry);
    }
    for entry in told.answers.keys().filter(|entry| !found.contains(entry)) {
        let what = format!(
            "the answer of entry {entry} is missing: repeating its command would do it twice"
        );
        seen.add(FILE, "answer", "", what);
    }
    Ok(())
}

//! Requests with their consents and conversation: what each event changes in them.
use super::{
    cell::{json, word},
    projector::Step,
};
use crate::error::RowError;
use domain::{
    event::Event,
    ids::{GrantNumber, PersonId, RequestId, RequestNumber, SeatId},
    request::{Ask, Consent, Narrowing},
    text::Text,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet};

/// A request was sent.
pub(super) fn submitted(step: &Step<'_>, event: &Event) -> Result<(), RowError> {
    let Event::RequestSubmitted {
        request,
        number,
        requester,
        ask,
        impact,
        expires_at,
        ..
    } = event
    else {
        return Ok(());
    };
    step.db
        .prepare_cached(
            "INSERT INTO request (
                number, id, requester, privilege, targets, duration, start, kind, ticket, answers,
                impact, revision, standing, sent_at, changed_at, expires_at
            )
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, 'pending', ?12, ?12, ?13)",
        )?
        .execute(params![
            number.0,
            request.to_string(),
            requester.as_str(),
            ask.privilege.as_str(),
            json("request", &ask.targets)?,
            ask.duration.0,
            json("request", &ask.start)?,
            json("request", &ask.kind)?,
            ask.ticket,
            answers(step, ask)?,
            json("request", impact)?,
            step.recorded.at.0,
            expires_at.0
        ])?;
    Ok(())
}

/// A request says something else now. A consent binds one revision: nothing of the earlier ones counts.
pub(super) fn edited(step: &Step<'_>, event: &Event) -> Result<(), RowError> {
    let Event::RequestEdited {
        request,
        ask,
        revision,
        impact,
        expires_at,
        ..
    } = event
    else {
        return Ok(());
    };
    void_consents(step.db, *request)?;
    step.db
        .prepare_cached(
            "UPDATE request
            SET
                privilege = ?1,
                targets = ?2,
                duration = ?3,
                start = ?4,
                kind = ?5,
                ticket = ?6,
                answers = ?7,
                impact = ?8,
                revision = ?9,
                changed_at = ?10,
                expires_at = ?11
            WHERE request.id = ?12
                AND request.standing = 'pending'",
        )?
        .execute(params![
            ask.privilege.as_str(),
            json("request", &ask.targets)?,
            ask.duration.0,
            json("request", &ask.start)?,
            json("request", &ask.kind)?,
            ask.ticket,
            answers(step, ask)?,
            json("request", impact)?,
            revision,
            step.recorded.at.0,
            expires_at.0,
            request.to_string()
        ])?;
    Ok(())
}

fn answers(step: &Step<'_>, ask: &Ask) -> Result<String, RowError> {
    let opened = ask
        .answers
        .iter()
        .map(|(question, text)| Ok((question, step.words(text)?)));
    json(
        "request",
        &opened.collect::<Result<BTreeMap<_, _>, RowError>>()?,
    )
}

/// Somebody consented.
pub(super) fn approved(
    step: &Step<'_>,
    request: RequestId,
    consent: &Consent,
    narrowed: Option<&Narrowing>,
) -> Result<(), RowError> {
    let seats: BTreeSet<&str> = consent.seats.keys().map(SeatId::as_str).collect();
    step.db
        .prepare_cached(
            "INSERT INTO consent (
                entry, request, person, authority, seats, comment, at, voided
            )
            SELECT ?1, request.number, ?2, ?3, ?4, ?5, ?6, 0
            FROM request
            WHERE request.id = ?7",
        )?
        .execute(params![
            step.recorded.entry,
            consent.by.as_str(),
            consent.authority.as_str(),
            json("consent", &seats)?,
            step.words(&consent.comment)?,
            consent.at.0,
            request.to_string()
        ])?;
    if let Some(narrowed) = narrowed {
        narrow(step.db, request, narrowed)?;
    }
    touch(step.db, request, step.recorded.at)
}

/// Somebody said no.
pub(super) fn denied(
    step: &Step<'_>,
    request: RequestId,
    by: &PersonId,
    comment: &Text,
) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "UPDATE request
            SET
                standing = 'denied',
                denied_by = ?1,
                denied_comment = ?2,
                changed_at = ?3
            WHERE request.id = ?4
                AND request.standing = 'pending'",
        )?
        .execute(params![
            by.as_str(),
            step.words(comment)?,
            step.recorded.at.0,
            request.to_string()
        ])?;
    Ok(())
}

/// A question or an answer.
pub(super) fn discussed(
    step: &Step<'_>,
    request: RequestId,
    said: &domain::request::Turn,
) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "INSERT INTO turn (entry, request, person, kind, words, at)
            SELECT ?1, request.number, ?2, ?3, ?4, ?5
            FROM request
            WHERE request.id = ?6",
        )?
        .execute(params![
            step.recorded.entry,
            said.by.as_str(),
            word("turn", &said.kind)?,
            step.words(&said.text)?,
            said.at.0,
            request.to_string()
        ])?;
    touch(step.db, request, step.recorded.at)
}

/// A pending request ends as `standing`: granted, withdrawn or expired.
pub(super) fn closed(
    step: &Step<'_>,
    request: RequestId,
    standing: &'static str,
) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "UPDATE request
            SET
                standing = ?1,
                changed_at = ?2
            WHERE request.id = ?3
                AND request.standing = 'pending'",
        )?
        .execute(params![standing, step.recorded.at.0, request.to_string()])?;
    Ok(())
}

/// Which grant a request led to, or gave more time to.
pub(super) fn led_to(
    db: &Connection,
    request: RequestId,
    grant: GrantNumber,
) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE request
        SET
            grant_number = ?1
        WHERE request.id = ?2",
    )?
    .execute(params![grant.0, request.to_string()])?;
    Ok(())
}

/// The number of a request.
pub(super) fn number(db: &Connection, id: RequestId) -> Result<Option<RequestNumber>, RowError> {
    let number = db
        .prepare_cached(
            "SELECT
                request.number
            FROM request
            WHERE request.id = ?1",
        )?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(number.map(RequestNumber))
}

/// Something was said or decided about a request.
pub(super) fn touch(db: &Connection, id: RequestId, at: Timestamp) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE request
        SET
            changed_at = ?1
        WHERE request.id = ?2",
    )?
    .execute(params![at.0, id.to_string()])?;
    Ok(())
}

fn narrow(db: &Connection, id: RequestId, narrowed: &Narrowing) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE request
        SET
            targets = ?1,
            duration = ?2
        WHERE request.id = ?3
            AND request.standing = 'pending'",
    )?
    .execute(params![
        json("request", &narrowed.targets)?,
        narrowed.duration.0,
        id.to_string()
    ])?;
    Ok(())
}

fn void_consents(db: &Connection, id: RequestId) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE consent
        SET
            voided = 1
        WHERE consent.voided = 0
            AND consent.request = (
                SELECT
                    request.number
                FROM request
                WHERE request.id = ?1
            )",
    )?
    .execute([id.to_string()])?;
    Ok(())
}

//! Grants and their credentials: what each event changes in them. Each change names the standing it expects, as
//! `domain::evolve` does: a grant ends exactly once.
use super::{
    cell::{json, word},
    hour,
    projector::Step,
    request,
};
use crate::error::RowError;
use domain::{
    catalog::Catalog,
    command::{Attempt, ReviewFinding},
    grant::{EndReason, GrantTerms, outside},
    ids::{CredentialId, GrantId, PersonId, RequestId},
    text::Text,
    time::Timestamp,
};
use engine::views::ReviewStanding;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// Every seat is filled: there is a grant.
pub(super) fn scheduled(
    step: &Step<'_>,
    terms: &GrantTerms,
    starts_at: Timestamp,
) -> Result<(), RowError> {
    request::closed(step, terms.request, "granted")?;
    request::led_to(step.db, terms.request, terms.number)?;
    let Some(request) = request::number(step.db, terms.request)? else {
        let row = format!(
            "there is no request `{}` for {}",
            terms.request, terms.number
        );
        return Err(RowError::inconsistent("request", row));
    };
    step.db
        .prepare_cached(
            "INSERT INTO grant (
                number, id, request, holder, privilege, terms, standing, starts_at, review
            )
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'scheduled', ?7, ?8)",
        )?
        .execute(params![
            terms.number.0,
            terms.id.to_string(),
            request.0,
            terms.holder.as_str(),
            terms.privilege.as_str(),
            json("grant", terms)?,
            starts_at.0,
            json("grant", &ReviewStanding::NotDue)?
        ])?;
    for environment in environments(step.catalog, terms) {
        add_environment(step.db, &environment, terms)?;
    }
    Ok(())
}

fn environments(catalog: Option<&Catalog>, terms: &GrantTerms) -> BTreeSet<String> {
    let targets = catalog.map(|catalog| &catalog.targets);
    let known = terms
        .targets
        .iter()
        .filter_map(|target| targets?.get(target));
    known
        .filter_map(|target| word("grant_environment", &target.environment).ok())
        .collect()
}

fn add_environment(db: &Connection, environment: &str, terms: &GrantTerms) -> Result<(), RowError> {
    db.prepare_cached(
        "INSERT INTO grant_environment (environment, grant_number)
        VALUES (?1, ?2)",
    )?
    .execute(params![environment, terms.number.0])?;
    Ok(())
}

/// The grant is usable.
pub(super) fn activated(
    step: &Step<'_>,
    id: GrantId,
    expires_at: Timestamp,
) -> Result<(), RowError> {
    let began = step
        .db
        .prepare_cached(
            "UPDATE grant
            SET
                standing = 'active',
                activated_at = ?1,
                expires_at = ?2
            WHERE grant.id = ?3
                AND grant.standing = 'scheduled'",
        )?
        .execute(params![step.recorded.at.0, expires_at.0, id.to_string()])?;
    if began == 1 {
        hour::count_began(step)
    } else {
        Ok(())
    }
}

/// The same grant ends later.
pub(super) fn extended(
    step: &Step<'_>,
    id: GrantId,
    request: RequestId,
    until: Timestamp,
) -> Result<(), RowError> {
    if let Some(terms) = terms(step.db, id)? {
        request::led_to(step.db, request, terms.number)?;
    }
    request::closed(step, request, "granted")?;
    step.db
        .prepare_cached(
            "UPDATE grant
            SET
                expires_at = MAX(grant.expires_at, ?1)
            WHERE grant.id = ?2
                AND grant.standing IN ('active', 'held')",
        )?
        .execute(params![until.0, id.to_string()])?;
    Ok(())
}

/// A grant moves between usable and not usable for now.
pub(super) fn moved(
    db: &Connection,
    id: GrantId,
    from: &'static str,
    to: &'static str,
) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE grant
        SET
            standing = ?1
        WHERE grant.id = ?2
            AND grant.standing = ?3",
    )?
    .execute(params![to, id.to_string(), from])?;
    Ok(())
}

/// Over for ever.
pub(super) fn ended(step: &Step<'_>, id: GrantId, reason: EndReason) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "UPDATE grant
            SET
                standing = 'ending',
                ended_at = ?1,
                reason = ?2
            WHERE grant.id = ?3
                AND grant.standing IN ('scheduled', 'active', 'held')",
        )?
        .execute(params![
            step.recorded.at.0,
            word("grant", &reason)?,
            id.to_string()
        ])?;
    Ok(())
}

/// Every credential is read back as gone.
pub(super) fn closed(step: &Step<'_>, id: GrantId) -> Result<(), RowError> {
    step.db
        .prepare_cached(
            "UPDATE grant
            SET
                standing = 'closed',
                closed_at = ?1
            WHERE grant.id = ?2
                AND grant.standing = 'ending'",
        )?
        .execute(params![step.recorded.at.0, id.to_string()])?;
    Ok(())
}

/// A credential is, or is about to be, in a target.
pub(super) fn has_credential(
    db: &Connection,
    grant: GrantId,
    credential: CredentialId,
) -> Result<(), RowError> {
    db.prepare_cached(
        "INSERT INTO credential (id, grant_number)
        SELECT ?1, grant.number
        FROM grant
        WHERE grant.id = ?2
        ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![credential.to_string(), grant.to_string()])?;
    Ok(())
}

/// The target was read back.
pub(super) fn read_back(
    db: &Connection,
    credential: CredentialId,
    words: &str,
) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE credential
        SET
            read_back = ?1
        WHERE credential.id = ?2",
    )?
    .execute(params![words, credential.to_string()])?;
    Ok(())
}

/// Somebody must review the use of a grant.
pub(super) fn review_due(db: &Connection, id: GrantId, by: Timestamp) -> Result<(), RowError> {
    set_review(db, id, &ReviewStanding::Due { by })
}

/// Somebody reviewed it.
pub(super) fn reviewed(
    step: &Step<'_>,
    id: GrantId,
    by: &PersonId,
    finding: ReviewFinding,
    comment: &Text,
) -> Result<(), RowError> {
    let questioned = match finding {
        ReviewFinding::AsStated => false,
        ReviewFinding::Questioned => true,
    };
    let comment = step.words(comment)?;
    set_review(
        step.db,
        id,
        &ReviewStanding::Given {
            by: by.clone(),
            questioned,
            comment,
        },
    )
}

fn set_review(db: &Connection, id: GrantId, review: &ReviewStanding) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE grant
        SET
            review = ?1
        WHERE grant.id = ?2",
    )?
    .execute(params![json("grant", review)?, id.to_string()])?;
    Ok(())
}

/// A use that did something; using the platform at all is none.
pub(super) fn count_call(db: &Connection, id: GrantId) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE grant
        SET
            calls = grant.calls + 1
        WHERE grant.id = ?1
            AND grant.standing <> 'closed'",
    )?
    .execute([id.to_string()])?;
    Ok(())
}

/// A refused use counts if it reached outside the terms, with a credential of the grant, while it was active: the measure
/// that contains a grant (`domain::evolve`).
pub(super) fn count_refusal(
    db: &Connection,
    id: GrantId,
    attempt: &Attempt,
) -> Result<(), RowError> {
    let Some(terms) = terms(db, id)? else {
        return Ok(());
    };
    let Some(credential) = attempt.credential else {
        return Ok(());
    };
    if outside(&terms, attempt).is_empty() {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE grant
        SET
            refusals = grant.refusals + 1
        WHERE grant.id = ?1
            AND grant.standing = 'active'
            AND EXISTS (
                SELECT
                    credential.id
                FROM credential
                WHERE credential.id = ?2
                    AND credential.grant_number = grant.number
            )",
    )?
    .execute(params![id.to_string(), credential.to_string()])?;
    Ok(())
}

/// What passed through a use.
pub(super) fn count_passed(
    db: &Connection,
    id: GrantId,
    bytes: u64,
    rows: u64,
) -> Result<(), RowError> {
    db.prepare_cached(
        "UPDATE grant
        SET
            bytes = grant.bytes + ?1,
            row_count = grant.row_count + ?2
        WHERE grant.id = ?3",
    )?
    .execute(params![bytes, rows, id.to_string()])?;
    Ok(())
}

/// The terms of a grant.
pub(super) fn terms(db: &Connection, id: GrantId) -> Result<Option<GrantTerms>, RowError> {
    let text: Option<String> = db
        .prepare_cached(
            "SELECT
                grant.terms
            FROM grant
            WHERE grant.id = ?1",
        )?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    text.map(|text| {
        serde_json::from_str(&text)
            .map_err(|error| RowError::inconsistent("grant", error.to_string()))
    })
    .transpose()
}

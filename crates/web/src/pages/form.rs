//! Forms on their way in: taken only from our own pages, by the session that was shown them.
use crate::{
    app::{BODY_BYTES_MAX, Shared},
    guard, submit,
    trouble::{Interruption, Trouble, Unsent},
    viewer::Visitor,
};
use axum::{
    body::{Body, Bytes},
    extract::{Form, FromRequest, FromRequestParts, Request},
};
use engine::IdempotencyKey;
use std::collections::BTreeMap;

/// A form's fields, in order under each name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(BTreeMap<String, Vec<String>>);

/// Most fields of a form.
const FIELDS_MAX: usize = 400;

impl Fields {
    /// Fields from name and value pairs.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Result<Self, Trouble> {
        if pairs.len() > FIELDS_MAX {
            return Err(Trouble::TooLarge);
        }
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            fields.entry(name).or_default().push(value);
        }
        Ok(Self(fields))
    }

    /// The first value under a name; empty if there is none.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.0
            .get(name)
            .and_then(|values| values.first())
            .map_or("", String::as_str)
    }

    /// Names and values that begin with `prefix`, without it.
    pub(crate) fn pairs(&self, prefix: &str) -> Vec<(String, String)> {
        let named = self.0.iter().filter_map(|(name, values)| {
            let rest = name.strip_prefix(prefix)?;
            Some(values.iter().map(|value| (rest.to_owned(), value.clone())))
        });
        named.flatten().collect()
    }

    /// All values under a name.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Values under names that begin with `prefix`, by the rest of the name.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, values)| {
            let rest = name.strip_prefix(prefix)?;
            Some((rest, values.first()?.as_str()))
        })
    }
}

async fn fields(request: Request, portal: &Shared) -> Result<(Fields, Bytes), Trouble> {
    let (parts, body) = request.into_parts();
    // The order matters: nothing of a foreign form is read.
    if !guard::is_own_origin(&parts.headers, &portal.app.origin) {
        return Err(Trouble::Foreign);
    }
    let bytes = axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Trouble::TooLarge)?;
    let whole = Request::from_parts(parts, Body::from(bytes.clone()));
    let form = Form::<Vec<(String, String)>>::from_request(whole, portal).await;
    let Form(pairs) = form.map_err(|_| Trouble::WrongMedia {
        expected: "application/x-www-form-urlencoded",
    })?;
    Ok((Fields::of(pairs)?, bytes))
}

/// What somebody filled in; `None` if there is nothing that would be lost.
fn unsent(to: &str, fields: &Fields, why: Interruption) -> Option<Unsent> {
    let fields: Vec<(String, String)> = fields
        .pairs("")
        .into_iter()
        .filter(|(name, _)| !["token", "once"].contains(&name.as_str()))
        .collect();
    (!fields.is_empty()).then(|| Unsent {
        to: to.to_owned(),
        fields,
        why,
    })
}

/// A form from somebody who isn't signed in yet.
#[derive(Debug)]
pub(crate) struct Knock(pub(crate) Fields);

impl FromRequest<Shared> for Knock {
    type Rejection = Trouble;
    async fn from_request(request: Request, portal: &Shared) -> Result<Self, Trouble> {
        fields(request, portal)
            .await
            .map(|(fields, _)| Self(fields))
    }
}

/// A form from somebody signed in.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) visitor: Visitor,
    pub(crate) fields: Fields,
    pub(crate) key: Option<IdempotencyKey>,
}

impl FromRequest<Shared> for Posted {
    type Rejection = Trouble;
    async fn from_request(request: Request, portal: &Shared) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        if !guard::is_own_origin(&parts.headers, &portal.app.origin) {
            return Err(Trouble::Foreign);
        }
        let entered = Visitor::from_request_parts(&mut parts, portal).await;
        // a part of a page has no place for another page
        let is_whole = !parts.headers.contains_key("hx-request");
        let what = parts.uri.path().to_owned();
        let (fields, bytes) = fields(Request::from_parts(parts, body), portal).await?;
        let unless_kept = |why, trouble| {
            let unsent = unsent(&what, &fields, why).filter(|_| is_whole);
            unsent.map_or(trouble, |unsent| Trouble::Interrupted(Box::new(unsent)))
        };
        let visitor = entered.map_err(|trouble| match trouble {
            Trouble::SignedOut => unless_kept(Interruption::SignedOut, trouble),
            other => other,
        })?;
        // Comparing digests: how long it takes says nothing about the token.
        let same = ledger::Digest::of(fields.one("token").as_bytes())
            == ledger::Digest::of(visitor.session.form_token.as_bytes());
        if !same {
            return Err(unless_kept(Interruption::SignedInAgain, Trouble::Foreign));
        }
        let once = fields.one("once");
        let key = (!once.is_empty())
            .then(|| {
                submit::key(
                    visitor.viewer.account.as_str(),
                    once,
                    &[what.as_bytes(), &bytes],
                )
            })
            .transpose()?;
        Ok(Self {
            visitor,
            fields,
            key,
        })
    }
}

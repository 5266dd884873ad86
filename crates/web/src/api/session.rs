//! Signing in to the API: a bearer token for a session, never a cookie.
use super::{extract::Strict, problem::Problem, wire::PersonOut};
use crate::{
    app::{Mode, Portal, Shared},
    names::Names,
    sessions::{Door, Factors},
    sign_in::{PASSWORD_BYTES_MAX, SignIn},
    trouble::Trouble,
    viewer::{Caller, Viewer},
    words::rfc3339,
};
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use domain::ids::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInRequest {
    /// Which login.
    #[schema(value_type = String, max_length = 64)]
    account: AccountId,
    /// Not needed in the demo.
    #[serde(default)]
    #[schema(max_length = 1024)]
    password: Option<String>,
    /// Play that a second factor was shown; in the demo only, where no other proof is asked for either.
    #[serde(default)]
    second_factor: bool,
}

/// What a caller says about their second factor.
pub(crate) fn factors(second_factor: bool) -> Factors {
    if second_factor {
        Factors::Two
    } else {
        Factors::One
    }
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionOut {
    /// Send it as `Authorization: Bearer ...`. A secret.
    token: String,
    person: PersonOut,
    /// When the session ends if it is not used; it never lasts longer than 12 hours.
    expires_at: String,
}

/// Whether somebody may come in as this account. The same work and the same answer whether or not it exists.
pub(crate) async fn admitted(
    portal: &Portal,
    account: &AccountId,
    password: &str,
    factors: Factors,
) -> Result<(), Trouble> {
    // INVARIANT: a second factor that nobody looks at is never claimed
    if factors == Factors::Two && portal.app.mode != Mode::Demo {
        return Err(Trouble::Unusable {
            message: "this server asks for no second factor yet: leave `second_factor` out"
                .to_owned(),
        });
    }
    let now = portal.app.engine.now();
    portal
        .attempts
        .count(account, now)
        .map_err(|wait| Trouble::TooMany { wait })?;
    let right = match (&portal.app.sign_in, portal.app.mode) {
        (SignIn::Demo(accounts), Mode::Demo) => {
            accounts.iter().any(|demo| demo.account == *account)
        }
        // INVARIANT: whatever the configuration says, nobody comes in without a password outside the demo.
        (SignIn::Demo(_), Mode::Serve) => false,
        (SignIn::Accounts(accounts), _) => {
            password.len() <= PASSWORD_BYTES_MAX && accounts.check(account, password).await
        }
    };
    let known = portal
        .app
        .engine
        .read(|state| Viewer::of(state, account, now).is_some());
    if right && known {
        portal.attempts.forget(account);
        Ok(())
    } else {
        Err(Trouble::WrongSignIn)
    }
}

#[utoipa::path(post, path = "/api/v1/session", tag = "session", security(()), request_body = SignInRequest, responses(
    (status = 201, body = SessionOut),
    (status = "4XX", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", body = Problem, content_type = "application/problem+json")))]
/// Signs in.
pub(crate) async fn open(
    State(portal): State<Shared>,
    Strict { body, .. }: Strict<SignInRequest>,
) -> Result<impl IntoResponse, Trouble> {
    let factors = factors(body.second_factor);
    admitted(
        &portal,
        &body.account,
        body.password.as_deref().unwrap_or(""),
        factors,
    )
    .await?;
    let now = portal.app.engine.now();
    let names = Names::load(&portal)?;
    let person = portal
        .app
        .engine
        .read(|state| {
            state
                .directory
                .person_of(&body.account)
                .map(|person| person.id.clone())
        })
        .ok_or(Trouble::WrongSignIn)?;
    let (token, session) = portal.sessions.open(body.account, factors, Door::Api, now);
    let out = SessionOut {
        token,
        person: PersonOut::of(&names, &person),
        expires_at: rfc3339(session.ends_at()),
    };
    Ok((StatusCode::CREATED, Json(out)))
}

#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses(
    (status = 204),
    (status = "4XX", body = Problem, content_type = "application/problem+json")))]
/// Signs out.
pub(crate) async fn close(State(portal): State<Shared>, caller: Caller) -> StatusCode {
    portal.sessions.close(&caller.session.id);
    StatusCode::NO_CONTENT
}

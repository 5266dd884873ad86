//! Everything that can go wrong with a request, in one place, so that the API's problem documents and the portal's error pages
//! say the same words. A handler returns a [`Trouble`]; the layer around its router gives it the right shape.
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::time::Seconds;
use engine::chain;

/// Why a request got no for an answer, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no such thing, or it is hidden from this person: the answer is the same.
    NotFound,
    /// Nobody is signed in.
    SignedOut,
    /// Signing in failed.
    WrongSignIn,
    /// Too many tries.
    TooMany { wait: Seconds },
    /// The page or list is for people with other duties.
    NotYours { needs: &'static str },
    /// A form that came from elsewhere, or was too old.
    Foreign,
    /// A form came when its session was over; what was written is kept, and was not sent.
    Interrupted(Box<Unsent>),
    /// The rules say no. On record, with its words.
    Refused(Box<Refusal>),
    /// The request can't be read.
    Unreadable { message: String },
    /// It can be read, but a value can't be used.
    Unusable { message: String },
    /// It has changed since it was seen.
    Stale,
    /// A change must say what it was based on.
    Unconditional,
    /// The idempotency key was used for something else.
    KeyReused,
    /// More bytes than anybody needs.
    TooLarge,
    /// Not the kind of content that is understood.
    WrongMedia { expected: &'static str },
    /// No such method here.
    WrongMethod,
    /// We could not.
    Failed { reference: String, what: Failure },
}

/// A form that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsent {
    /// The path it was sent to.
    pub(crate) to: String,
    /// Names and values, without what proves where a form came from.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) why: Interruption,
}

/// Why a form was not taken, though it came from a page of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Nobody is signed in any more.
    SignedOut,
    /// Somebody has signed in again since the page was opened.
    SignedInAgain,
}

/// A no from the rules, in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) entry: Option<u64>,
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) why: String,
    pub(crate) fix: Vec<String>,
}

/// What we could not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server is stopping.
    Stopping,
    /// The clock can't be trusted, so nothing new is allowed.
    ClockDoubtful,
    /// It may have been recorded or not.
    Unknown,
    /// There is no room to record anything.
    Full,
    /// Too many ask for the same at once.
    Busy,
    /// Something could not be read.
    Unreadable,
}

/// The words for some trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    /// The last part of the problem's type, and the class of the page.
    pub(crate) slug: String,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    pub(crate) rule: Option<String>,
    pub(crate) why: Option<String>,
    pub(crate) fix: Vec<String>,
    pub(crate) reference: Option<String>,
    pub(crate) entry: Option<u64>,
}

impl Words {
    fn new(slug: &str, title: &'static str, detail: impl Into<String>, fix: &[&str]) -> Self {
        Self {
            slug: slug.to_owned(),
            title,
            detail: detail.into(),
            rule: None,
            why: None,
            fix: fix.iter().map(|&line| line.to_owned()).collect(),
            reference: None,
            entry: None,
        }
    }
}

impl Trouble {
    /// We could not: logs the chain under a reference that the user is shown.
    pub(crate) fn failed(reference: String, error: &dyn std::error::Error) -> Self {
        tracing::error!(reference, error = %chain(error), "a request failed");
        Self::Failed {
            reference,
            what: Failure::Unreadable,
        }
    }

    /// The status an outsider sees.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::SignedOut | Self::WrongSignIn => StatusCode::UNAUTHORIZED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NotYours { .. } | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Interrupted(unsent) => match unsent.why {
                Interruption::SignedOut => StatusCode::UNAUTHORIZED,
                Interruption::SignedInAgain => StatusCode::FORBIDDEN,
            },
            Self::Refused(refusal) => refused_status(&refusal.rule),
            Self::Unreadable { .. } => StatusCode::BAD_REQUEST,
            Self::Unusable { .. } | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::Unconditional => StatusCode::PRECONDITION_REQUIRED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongMedia { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Failed { what, .. } => match what {
                Failure::Stopping | Failure::ClockDoubtful | Failure::Unknown | Failure::Busy => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                Failure::Full => StatusCode::INSUFFICIENT_STORAGE,
                Failure::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    /// The words for it.
    pub(crate) fn words(&self) -> Words {
        match self {
            Self::NotFound => Words::new(
                "not-found",
                "There is nothing here for you",
                "Either it does not exist, or it is not yours to see.",
                &["Check the number, or go to your own requests and grants."],
            ),
            Self::SignedOut => Words::new(
                "signed-out",
                "Please sign in",
                "You are not signed in, or your session has ended.",
                &["Sign in and try again."],
            ),
            Self::WrongSignIn => Words::new(
                "wrong-sign-in",
                "That account and password do not go together",
                "Nobody was signed in.",
                &["Check both and try again."],
            ),
            Self::TooMany { wait } => Words::new(
                "too-many-tries",
                "Too many tries",
                format!("This account was tried too often. Nothing else is wrong. Wait {wait}."),
                &["Wait, then try again."],
            ),
            Self::NotYours { needs } => Words::new(
                "not-yours",
                "This is not open to you",
                format!("It is for people with the duty {needs}."),
                &["Ask whoever governs the catalog if your work needs it."],
            ),
            Self::Foreign => Words::new(
                "foreign",
                "This form did not come from here",
                "It was sent from another site, or from a page of an earlier session. Nothing was changed.",
                &["Open the page again and send the form from there."],
            ),
            Self::Interrupted(_) => Words::new(
                "interrupted",
                "Your session was over",
                "What you wrote is kept, and nothing of it was sent.",
                &["Sign in and go on."],
            ),
            Self::Refused(refusal) => Words {
                slug: refusal.rule.clone(),
                title: "The rules say no",
                detail: sentence(&refusal.message),
                rule: Some(refusal.rule.clone()),
                why: Some(refusal.why.clone()),
                fix: refusal.fix.clone(),
                reference: None,
                entry: refusal.entry,
            },
            Self::Unreadable { message } => Words::new(
                "unreadable",
                "The request could not be read",
                sentence(message),
                &[],
            ),
            Self::Unusable { message } => {
                Words::new("unusable", "A value cannot be used", sentence(message), &[])
            }
            Self::Stale
            | Self::Unconditional
            | Self::KeyReused
            | Self::TooLarge
            | Self::WrongMedia { .. }
            | Self::WrongMethod => self.protocol_words(),
            Self::Failed { reference, what } => failure_words(*what, reference),
        }
    }

    fn protocol_words(&self) -> Words {
        match self {
            Self::Stale => Words::new(
                "stale",
                "It has changed since you saw it",
                "Somebody changed it in the meantime. Nothing of yours was recorded.",
                &["Read it again, then decide again."],
            ),
            Self::Unconditional => Words::new(
                "unconditional",
                "Say what your change is based on",
                "A change of something that others may change too needs `If-Match`.",
                &["Send the `ETag` of what you read as `If-Match`."],
            ),
            Self::KeyReused => Words::new(
                "key-reused",
                "This idempotency key was used for something else",
                "Nothing was changed by this request.",
                &["Use a new key for new content."],
            ),
            Self::TooLarge => Words::new(
                "too-large",
                "That is too long",
                "Nothing was changed.",
                &["Send at most 64 KiB."],
            ),
            Self::WrongMedia { expected } => Words::new(
                "wrong-media",
                "That kind of content is not understood here",
                format!("`{expected}` is needed."),
                &[],
            ),
            _ => Words::new(
                "wrong-method",
                "That method is not understood here",
                "Nothing was changed.",
                &[],
            ),
        }
    }
}

fn failure_words(what: Failure, reference: &str) -> Words {
    let (title, detail, fix) = match what {
        Failure::Stopping => (
            "The server is stopping",
            "Nothing was changed by this request.",
            "Try again in a minute.",
        ),
        Failure::ClockDoubtful => (
            "The server's clock cannot be trusted just now",
            "Nothing new is allowed until it can. Nothing was changed. Access that ends still ends on time.",
            "Try again in a minute; the operator has been told.",
        ),
        Failure::Unknown => (
            "We do not know whether this was recorded",
            "It may have been, or not. Nothing is done twice if you send the same again.",
            "Send it once more, with the same idempotency key.",
        ),
        Failure::Full => (
            "There is no room to record anything new",
            "Nothing was changed. What takes access away still works.",
            "Try again later; the operator has been told.",
        ),
        Failure::Busy => (
            "Others are asking about the past just now",
            "It takes reading much of the log, so few are answered at a time. Nothing was changed.",
            "Try again in a minute.",
        ),
        Failure::Unreadable => (
            "We could not read what is needed for this page",
            "Nothing was changed.",
            "Try again. If it goes on, tell the operator the reference.",
        ),
    };
    let slug = match what {
        Failure::Stopping => "stopping",
        Failure::ClockDoubtful => "clock-doubtful",
        Failure::Unknown => "unknown-outcome",
        Failure::Full => "full",
        Failure::Busy => "busy",
        Failure::Unreadable => "unreadable-store",
    };
    let mut words = Words::new(slug, title, detail, &[fix]);
    words.reference = Some(reference.to_owned());
    words
}

/// A rule's no is a 403, but where the request itself is at fault (422), comes too late (409) or was based on old facts (412).
fn refused_status(rule: &str) -> StatusCode {
    match rule {
        "stale" => StatusCode::PRECONDITION_FAILED,
        "open-request" | "live-grant" | "one-seat" | "repeated" | "over" | "on-hold"
        | "not-on-hold" | "not-begun" | "review-due" | "bundle-in-force" | "proposed-bundle"
        | "extension-active" | "time" | "rules-changed" => StatusCode::CONFLICT,
        "privilege" | "target" | "no-target" | "duration" | "duration-min" | "start-ahead"
        | "answers" | "answer-length" | "answer-unknown" | "ticket" | "ticket-form"
        | "risk-controls" | "extension" | "narrower" | "known-bundle" => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => StatusCode::FORBIDDEN,
    }
}

/// A message as a sentence: refusals are written in lower case without a full stop.
pub(crate) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let mut text: String = chars
        .next()
        .map(|first| first.to_uppercase().collect())
        .unwrap_or_default();
    text.extend(chars);
    if !text.is_empty() && !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}

impl IntoResponse for Trouble {
    /// An empty body with the trouble beside it: the layer around the router writes the words.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        match &self {
            Self::TooMany { wait } => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(wait.0));
            }
            Self::Failed {
                what: Failure::Stopping | Failure::ClockDoubtful | Failure::Unknown,
                ..
            } => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(5_u32));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What a router's own answer (no route, no method, body too large) means.
pub(crate) fn of_response(response: &Response) -> Option<Trouble> {
    if let Some(trouble) = response.extensions().get::<Trouble>() {
        return Some(trouble.clone());
    }
    match response.status() {
        StatusCode::NOT_FOUND => Some(Trouble::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Some(Trouble::WrongMethod),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Trouble::TooLarge),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Some(Trouble::Unreadable {
            message: "the address or the content has another form than expected".to_owned(),
        }),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Trouble::WrongMedia {
            expected: "application/json",
        }),
        _ => None,
    }
}

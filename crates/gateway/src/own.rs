//! The answers the gateway gives by itself, in one place, each saying what was found, why, and what would work.
use crate::page;
use engine::enforcement::Denial;
use http::StatusCode;

/// An answer of the gateway's own instead of the platform's.
#[derive(Debug)]
pub(crate) struct Own(Box<(StatusCode, Denial)>);

impl Own {
    /// Status and words.
    pub(crate) fn parts(&self) -> (&StatusCode, &Denial) {
        (&self.0.0, &self.0.1)
    }

    /// The same words under another status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.0 = status;
        self
    }
}

/// Makes an answer.
pub(crate) fn own(status: StatusCode, denial: Denial) -> Own {
    Own(Box::new((status, denial)))
}

pub(crate) fn not_signed_in() -> Own {
    own(
        StatusCode::UNAUTHORIZED,
        page::own(
            "no-credential",
            "you have no way into this platform right now",
            "it can be used only under a grant that is running",
            &["Ask for access in Remit, or press \"Open\" on the access you have."],
        ),
    )
}

pub(crate) fn bad_path(error: crate::path::PathError) -> Own {
    own(
        StatusCode::BAD_REQUEST,
        page::own(
            "ambiguous-path",
            &error.to_string(),
            "a path that can be read in two ways could be decided in one way and carried out in the other",
            &["Write the path in its plain form."],
        ),
    )
}

pub(crate) fn ambiguous_host() -> Own {
    own(
        StatusCode::BAD_REQUEST,
        page::own(
            "ambiguous-host",
            "the request names its host twice, or in two ways",
            "a host that can be read in two ways could be decided on as one platform and carried out on another",
            &["Name the host once."],
        ),
    )
}

pub(crate) fn cross_site() -> Own {
    own(
        StatusCode::FORBIDDEN,
        page::own(
            "cross-site",
            "another site asked for this in your name",
            "your access may be used from the platform's own pages only",
            &["Open the platform from Remit and try again there."],
        ),
    )
}

pub(crate) fn unreachable(error: &engine::enforcement::Unreachable) -> Own {
    tracing::error!(because = %error, "the decision point could not be asked");
    own(
        StatusCode::SERVICE_UNAVAILABLE,
        page::own(
            "cut-off",
            "Remit cannot be asked right now, so nothing elevated is done",
            "what can't be decided and recorded is not done",
            &["Try again in a minute; your access itself is unchanged."],
        ),
    )
}

pub(crate) fn too_long() -> Own {
    own(
        StatusCode::PAYLOAD_TOO_LARGE,
        page::own(
            "too-long",
            "the body is longer than the gateway reads to find out what it means",
            "what isn't read can't be decided on",
            &["Send it in smaller parts."],
        ),
    )
}

pub(crate) fn broken_off() -> Own {
    own(
        StatusCode::BAD_REQUEST,
        page::own(
            "broken-off",
            "the body broke off",
            "what isn't read whole can't be decided on",
            &["Send it again."],
        ),
    )
}

pub(crate) fn bad_gateway() -> Own {
    own(
        StatusCode::BAD_GATEWAY,
        page::own(
            "platform-silent",
            "the platform did not answer",
            "the attempt is recorded; whether it had an effect is not known",
            &["Look whether it took effect before you try again."],
        ),
    )
}

pub(crate) fn cut() -> Own {
    own(
        StatusCode::FORBIDDEN,
        crate::page::own(
            "grant-ended",
            "your access ended while this ran",
            "nothing is passed on after the end of a grant",
            &["Ask for more time before it ends next time."],
        ),
    )
}

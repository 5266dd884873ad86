//! A platform behind the gateway: under which host name it is reached, where it really is, and the credential that is added for
//! it, which no person ever sees.
use domain::ids::PlatformId;
use http::{HeaderName, HeaderValue, Uri};

/// One governed HTTP platform.
#[derive(Clone)]
pub struct Site {
    /// Which platform.
    pub platform: PlatformId,
    /// Where it really is: scheme and authority, no path.
    pub upstream: Uri,
    /// The platform's own credential, if it wants one.
    pub credential: Option<UpstreamCredential>,
}

/// A header that lets the gateway in.
#[derive(Clone)]
pub struct UpstreamCredential {
    /// Such as `authorization`.
    pub header: HeaderName,
    /// Marked sensitive, so that it is not shown by anything that prints headers.
    pub value: HeaderValue,
}

/// Why a site can't be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// Not `http://host:port` or `https://host:port`.
    #[error(
        "`{upstream}` is not an address of a platform: write `http://HOST:PORT` or `https://HOST:PORT` without a path"
    )]
    Upstream {
        /// What was given.
        upstream: String,
    },
    /// Not a header value.
    #[error(
        "the credential of `{platform}` cannot be sent as a header: use visible ASCII characters only"
    )]
    Credential {
        /// Which platform.
        platform: PlatformId,
    },
}

impl Site {
    /// A platform at `upstream`, let in by `credential` (header name and value).
    ///
    /// # Errors
    /// [`SiteError`] says which part is wrong and what would work.
    pub fn new(
        platform: PlatformId,
        upstream: &str,
        credential: Option<(HeaderName, &str)>,
    ) -> Result<Self, SiteError> {
        let wrong = || SiteError::Upstream {
            upstream: upstream.chars().take(120).collect(),
        };
        let uri: Uri = upstream.parse().map_err(|_| wrong())?;
        let http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !http
            || uri.authority().is_none()
            || !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
        {
            return Err(wrong());
        }
        let credential = match credential {
            None => None,
            Some((header, value)) => {
                let mut value =
                    HeaderValue::from_str(value).map_err(|_| SiteError::Credential {
                        platform: platform.clone(),
                    })?;
                value.set_sensitive(true);
                Some(UpstreamCredential { header, value })
            }
        };
        Ok(Self {
            platform,
            upstream: uri,
            credential,
        })
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("platform", &self.platform)
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UpstreamCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamCredential")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

//! The enforcement point: who calls, what it means, whether it may be, then forward, count and tell what came of it.
use crate::{
    forward::{self, Body, BodyError, UpstreamClient},
    mapping::{self, Mapped},
    own::{
        Own, ambiguous_host, bad_gateway, bad_path, cross_site, not_signed_in, own, unreachable,
    },
    page::{self, Reader},
    path::{ParsedPath, check_query},
    response::{self, Exchange, Way},
    session::{self, Session, Sessions},
    site::Site,
    to_the_end::ToTheEnd,
    token::{self, Keys},
    watch::Watch,
};
use domain::{
    command::Attempt,
    ids::{CredentialId, GatewayId, GrantId},
};
use engine::{
    enforcement::{Authority, Begun, Unreachable, WayIn},
    ports::{Clock, Random},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// How long a platform may take to answer with its headers.
const PLATFORM_ANSWERS_WITHIN: Duration = Duration::from_mins(1);

/// What a gateway is made of.
pub struct Parts {
    /// Its name in the ledger.
    pub id: GatewayId,
    /// Who decides and records.
    pub authority: Arc<dyn Authority>,
    /// Platforms by host name, without port, in lower case.
    pub sites: BTreeMap<String, Site>,
    /// Where people ask for access.
    pub portal: String,
    /// `iss` of access tokens.
    pub issuer: String,
    /// Whether callers reach us over TLS: cookies are then `Secure`.
    pub tls: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Random bits for session names.
    pub random: Arc<dyn Random>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("id", &self.id)
            .field("sites", &self.sites)
            .finish_non_exhaustive()
    }
}

/// The enforcement point.
pub struct Gateway {
    pub(crate) parts: Parts,
    sites: BTreeMap<String, Arc<Site>>,
    pub(crate) client: UpstreamClient,
    sessions: Sessions,
    keys: Mutex<Option<(Arc<str>, Arc<Keys>)>>,
    pub(crate) tasks: TaskTracker,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("id", &self.parts.id)
            .finish_non_exhaustive()
    }
}

/// Who calls, as far as the gateway can tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    grant: GrantId,
    credential: CredentialId,
}

/// What a known caller wants, before it is decided on.
struct Wish {
    site: Arc<Site>,
    path: ParsedPath,
    mapped: Mapped,
    public_origin: String,
    websocket: Option<hyper::upgrade::OnUpgrade>,
}

impl Gateway {
    /// Sets a gateway up. Platforms with `https` are checked against the system's certificates.
    ///
    /// # Errors
    /// [`std::io::Error`] if those can't be read.
    pub fn new(mut parts: Parts) -> Result<Self, std::io::Error> {
        let client = forward::client()?;
        let sites = std::mem::take(&mut parts.sites).into_iter();
        Ok(Self {
            sites: sites.map(|(host, site)| (host, Arc::new(site))).collect(),
            parts,
            client,
            sessions: Sessions::default(),
            keys: Mutex::new(None),
            tasks: TaskTracker::new(),
        })
    }

    /// Whether requests for this host are this gateway's.
    pub fn serves(&self, host: &str) -> bool {
        self.sites.contains_key(&bare_host(host))
    }

    /// Waits until what was forwarded has been told about, after no more requests come in.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Answers one request.
    pub async fn handle<B>(self: &Arc<Self>, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let reader = Reader::of(request.headers());
        match self
            .answer(request.map(|body| body.map_err(BodyError::new).boxed()))
            .await
        {
            Ok(response) => response,
            Err(refused) => {
                let (status, denial) = refused.parts();
                page::answer(reader, *status, denial, &self.parts.portal).map(full)
            }
        }
    }

    async fn answer(self: &Arc<Self>, mut request: Request<Body>) -> Result<Response<Body>, Own> {
        let host = host_of(&request).ok_or_else(ambiguous_host)?;
        let site = self.sites.get(&bare_host(&host)).cloned().ok_or_else(|| {
            own(
                StatusCode::MISDIRECTED_REQUEST,
                page::own(
                    "unknown-host",
                    "no platform is served under this name",
                    "each platform has a host name of its own",
                    &["Open the platform from your access in Remit."],
                ),
            )
        })?;
        let path = ParsedPath::parse(request.uri().path()).map_err(bad_path)?;
        if let Some(query) = request.uri().query() {
            check_query(query).map_err(bad_path)?;
        }
        if path
            .segments()
            .first()
            .is_some_and(|first| first == ".remit")
        {
            // boxed: a rare way that would make every request carry its size
            return Box::pin(self.enter(request, &site, &host, &path)).await;
        }
        let caller = self.caller(&request, &site, &host).await?;
        let websocket = forward::is_websocket(request.method(), request.headers())
            .then(|| hyper::upgrade::on(&mut request));
        let mut mapped = mapping::map(self, &site, request, &path).await?;
        let attempt = self.attempt(&site, caller, &path, &mut mapped);
        let wish = Wish {
            public_origin: self.origin(&host),
            site,
            path,
            mapped,
            websocket,
        };
        // a caller who hangs up must not leave a use without its outcome: from here on it runs to its end by itself
        let gateway = Arc::clone(self);
        let using = async move { gateway.using(attempt, wish).await };
        let used = ToTheEnd::new(using, &self.tasks).await;
        used.unwrap_or_else(|| Err(bad_gateway()))
    }

    async fn using(self: &Arc<Self>, attempt: Attempt, wish: Wish) -> Result<Response<Body>, Own> {
        let begun = self.parts.authority.begin(attempt).await;
        let (use_id, grant, entry, expires_at) = match begun.map_err(|error| unreachable(&error))? {
            Begun::Allowed {
                use_id,
                grant,
                entry,
                expires_at,
            } => (use_id, grant, entry, expires_at),
            Begun::Refused(denial) => return Err(own(StatusCode::FORBIDDEN, denial)),
        };
        // listening starts before forwarding: an end in between must not be missed
        let watch = Watch::new(
            self.parts.authority.clone(),
            self.parts.clock.clone(),
            grant,
            expires_at,
        );
        let exchange = Exchange {
            use_id,
            grant,
            entry,
            watch,
        };
        self.forward(wish, exchange).await
    }

    async fn forward(
        self: &Arc<Self>,
        wish: Wish,
        mut exchange: Exchange,
    ) -> Result<Response<Body>, Own> {
        let Wish {
            site,
            path,
            mapped,
            public_origin,
            websocket,
        } = wish;
        let uri = forward::upstream_uri(&site, &path, mapped.parts.uri.query());
        let outgoing = uri.and_then(|uri| {
            forward::request(
                &site,
                uri,
                mapped.parts.method,
                mapped.parts.headers,
                mapped.body,
            )
        });
        let Ok(outgoing) = outgoing else {
            response::finish(self, exchange, None).await;
            return Err(bad_gateway());
        };
        let answered = tokio::select! {
            biased;
            () = exchange.watch.ended() => return Err(response::cut_off(self, exchange, None).await),
            answered = tokio::time::timeout(PLATFORM_ANSWERS_WITHIN, self.client.request(outgoing)) => answered,
        };
        match answered {
            Ok(Ok(answer)) => {
                let way = Way {
                    site: &site,
                    public_origin: &public_origin,
                    rows: mapped.rows.as_deref(),
                };
                response::pass_on(self, way, exchange, answer, websocket).await
            }
            Ok(Err(error)) => {
                tracing::warn!(platform = %site.platform, error = %error, "the platform did not answer");
                response::finish(self, exchange, None).await;
                Err(bad_gateway())
            }
            Err(_) => {
                response::finish(self, exchange, None).await;
                Err(bad_gateway())
            }
        }
    }

    fn attempt(
        &self,
        site: &Site,
        caller: Caller,
        path: &ParsedPath,
        mapped: &mut Mapped,
    ) -> Attempt {
        Attempt {
            gateway: self.parts.id.clone(),
            grant: Some(caller.grant),
            credential: Some(caller.credential),
            platform: site.platform.clone(),
            actions: std::mem::take(&mut mapped.actions),
            method: mapped.parts.method.as_str().chars().take(16).collect(),
            path: path.to_string().chars().take(512).collect(),
            destination: mapped.destination.take(),
            unmapped: std::mem::take(&mut mapped.unmapped),
        }
    }

    async fn caller(
        &self,
        request: &Request<Body>,
        site: &Site,
        host: &str,
    ) -> Result<Caller, Own> {
        let headers = request.headers();
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            return self.by_token(authorization, site).await;
        }
        let cookies = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
            .join("; ");
        let session = self
            .sessions
            .find(&cookies, &site.platform, self.parts.clock.wall())
            .ok_or_else(not_signed_in)?;
        // a cookie travels by itself: only the platform's own pages may change anything or open a WebSocket with it
        let safe = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        ) && !forward::is_websocket(request.method(), headers);
        if (!safe && !same_origin(headers, &self.origin(host))) || embedded_elsewhere(headers) {
            return Err(cross_site());
        }
        Ok(Caller {
            grant: session.grant,
            credential: session.credential,
        })
    }

    async fn by_token(&self, authorization: &HeaderValue, site: &Site) -> Result<Caller, Own> {
        let text = authorization.to_str().unwrap_or_default();
        let bearer = text
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let token = bearer.ok_or_else(not_signed_in)?;
        let keys = self
            .parts
            .authority
            .token_keys()
            .await
            .map_err(|error| unreachable(&error))?;
        let keys = self.read_keys(keys)?;
        let presented = token::verify(
            token,
            &keys,
            &self.parts.issuer,
            &site.platform,
            self.parts.clock.wall(),
        )
        .map_err(|error| {
            tracing::info!(platform = %site.platform, because = %error, "bearer token refused");
            not_signed_in()
        })?;
        Ok(Caller {
            grant: presented.grant,
            credential: presented.credential,
        })
    }

    /// Reads published keys, or takes what was read of the same text before.
    fn read_keys(&self, text: Arc<str>) -> Result<Arc<Keys>, Own> {
        let mut kept = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, keys)) = &*kept
            && (Arc::ptr_eq(known, &text) || **known == *text)
        {
            return Ok(keys.clone());
        }
        let keys = Keys::read(&text).map(Arc::new).map_err(|error| {
            unreachable(&Unreachable {
                because: format!("the published keys cannot be read: {error}"),
            })
        })?;
        *kept = Some((text, keys.clone()));
        Ok(keys)
    }

    /// `POST /.remit/open` with `code=...`: the portal's button leads here.
    async fn enter(
        &self,
        request: Request<Body>,
        site: &Site,
        host: &str,
        path: &ParsedPath,
    ) -> Result<Response<Body>, Own> {
        if request.method() != Method::POST || path.to_string() != "/.remit/open" {
            return Err(own(
                StatusCode::NOT_FOUND,
                page::own(
                    "not-found",
                    "there is nothing here",
                    "this part of the platform belongs to the gateway",
                    &[],
                ),
            ));
        }
        // only the portal's own page leads here: a page of somebody else could sign this browser in with somebody else's code,
        // and what the person then does would be done under a grant that isn't theirs
        let origin = only(request.headers(), &header::ORIGIN).ok_or_else(cross_site)?;
        let body = mapping::read_bounded(request.into_body(), 1_024).await?;
        let code = std::str::from_utf8(&body)
            .ok()
            .and_then(|form| form.split('&').find_map(|pair| pair.strip_prefix("code=")))
            .unwrap_or_default();
        let redeemed = self
            .parts
            .authority
            .redeem(WayIn {
                code: code.to_owned(),
                host: bare_host(host),
                origin,
            })
            .await
            .map_err(|error| unreachable(&error))?;
        let redeemed = redeemed
            .filter(|redeemed| redeemed.platform == site.platform)
            .ok_or_else(|| {
                own(
                    StatusCode::FORBIDDEN,
                    page::own(
                        "code",
                        "this way in has been used or is too old",
                        "each press of \"Open\" makes one way in that works once, for one minute",
                        &["Press \"Open\" in Remit again."],
                    ),
                )
            })?;
        let mut name = [0; 32];
        self.parts.random.fill(&mut name);
        // the end of the grant may move; whether it runs is asked at every use, so this is only housekeeping
        let forget_at = redeemed.expires_at.plus(domain::time::Seconds(24 * 3_600));
        self.sessions.keep(
            name,
            Session {
                grant: redeemed.grant,
                credential: redeemed.credential,
                platform: redeemed.platform,
                forget_at,
            },
        );
        Ok(self.led_in(&name))
    }

    /// On to the platform's own first page, with the cookie.
    fn led_in(&self, name: &[u8; 32]) -> Response<Body> {
        let secure = if self.parts.tls { "; Secure" } else { "" };
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Lax{secure}",
            session::COOKIE,
            session::hex(name)
        );
        let mut response = Response::new(full(String::new()));
        *response.status_mut() = StatusCode::SEE_OTHER;
        response
            .headers_mut()
            .insert(header::LOCATION, HeaderValue::from_static("/"));
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }

    fn origin(&self, host: &str) -> String {
        format!("{}://{host}", if self.parts.tls { "https" } else { "http" })
    }
}

/// The one host that a request names, in lower case; `None` if it names two.
fn host_of(request: &Request<Body>) -> Option<String> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return None,
        (Some(host), None) => Some(host.to_str().ok()?.to_ascii_lowercase()),
        (None, None) => None,
    };
    let authority = request.uri().authority();
    match (
        authority.map(|authority| authority.as_str().to_ascii_lowercase()),
        named,
    ) {
        (Some(authority), Some(named)) if authority != named => None,
        (Some(host), _) | (None, Some(host)) => Some(host),
        (None, None) => Some(String::new()),
    }
}

/// The text of a header that is there once.
fn only(headers: &HeaderMap, name: &http::HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

fn bare_host(host: &str) -> String {
    let bare = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    bare.to_ascii_lowercase()
}

fn same_origin(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get(header::ORIGIN) {
        Some(sent) => sent.as_bytes() == origin.as_bytes(),
        None => headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin"),
    }
}

/// Whether a page of another site asks for this as a part of itself, as browsers tell (Fetch Metadata); following a link isn't.
fn embedded_elsewhere(headers: &HeaderMap) -> bool {
    let says = |name: &str, what: &str| headers.get(name).is_some_and(|value| value == what);
    (says("sec-fetch-site", "cross-site") || says("sec-fetch-site", "same-site"))
        && !says("sec-fetch-mode", "navigate")
}

/// A body from text.
pub(crate) fn full(text: String) -> Body {
    Full::new(bytes::Bytes::from(text))
        .map_err(|never| match never {})
        .boxed()
}

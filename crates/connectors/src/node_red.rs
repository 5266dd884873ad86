//! Node-RED tokens. Node-RED asks about a bearer token at every request (`adminAuth.tokens` in its settings), so nothing is stored
//! there: a token names its credential and proves with a MAC that we made it, and whether it counts is answered from the state of
//! the grant. Taking one away is read back by trying it.
use crate::follow::Line;
use domain::{catalog::Provisioning, grant::CredentialKind, ids::CredentialId, time::Timestamp};
use engine::ports::{Connector, ConnectorError, Eventually, Job, OneTimeSecret, Provisioned};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

const PREFIX: &str = "remit_nr_";

/// Makes and recognises tokens.
pub struct NodeRedTokens {
    key: Zeroizing<[u8; 64]>,
}

impl fmt::Debug for NodeRedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeRedTokens")
    }
}

impl NodeRedTokens {
    /// Tokens under `key`, which never leaves the server.
    pub fn new(key: [u8; 64]) -> Self {
        Self {
            key: Zeroizing::new(key),
        }
    }

    fn mac(&self, credential: CredentialId) -> Hmac<Sha256> {
        let key: &[u8; 64] = &self.key;
        let mut mac = Hmac::<Sha256>::new(key.into());
        mac.update(b"remit/node-red-token/v1\0");
        mac.update(credential.0.as_bytes());
        mac
    }

    /// The token of a credential; the same each time.
    pub fn mint(&self, credential: CredentialId) -> Zeroizing<String> {
        use base64::Engine as _;
        let tag = self.mac(credential).finalize().into_bytes();
        let tag = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag);
        Zeroizing::new(format!("{PREFIX}{}_{tag}", credential.0.simple()))
    }

    /// The credential a token names, if we made it. Whether it counts is another question.
    pub fn recognise(&self, token: &str) -> Option<CredentialId> {
        use base64::Engine as _;
        let (id, tag) = token.strip_prefix(PREFIX)?.split_once('_')?;
        let credential: CredentialId = id.parse().ok()?;
        let tag = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(tag)
            .ok()?;
        self.mac(credential).verify_slice(&tag).ok()?;
        Some(credential)
    }
}

/// Makes and takes away tokens of one Node-RED.
pub struct NodeRedConnector {
    tokens: Arc<NodeRedTokens>,
    address: String,
    client: reqwest::Client,
}

impl fmt::Debug for NodeRedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeRedConnector")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl NodeRedConnector {
    /// A connector to the Node-RED at `address` (`http://HOST:PORT`, with its `httpAdminRoot` if it has one).
    ///
    /// # Errors
    /// [`reqwest::Error`] if no HTTP client can be made.
    pub fn new(tokens: Arc<NodeRedTokens>, address: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            tokens,
            address: address.trim_end_matches('/').to_owned(),
            client,
        })
    }

    async fn status(&self, credential: CredentialId) -> Result<u16, ConnectorError> {
        let token = self.tokens.mint(credential);
        let url = format!("{}/settings", self.address);
        let sent = self
            .client
            .get(url)
            .bearer_auth(token.as_str())
            .send()
            .await;
        sent.map(|response| response.status().as_u16())
            .map_err(|error| refused(&format!("Node-RED did not answer: {}", kind(&error))))
    }
}

impl Connector for NodeRedConnector {
    fn provision<'a>(
        &'a self,
        job: &'a Job,
    ) -> Eventually<'a, Result<Provisioned, ConnectorError>> {
        Box::pin(async move {
            check_kind(job)?;
            let expires_at = job
                .expires_at
                .ok_or_else(|| refused("the grant has no end"))?;
            Ok(Provisioned {
                expires_at,
                secret: Some(OneTimeSecret(self.tokens.mint(job.credential))),
            })
        })
    }

    fn renew<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<Timestamp, ConnectorError>> {
        Box::pin(async move {
            check_kind(job)?;
            job.expires_at
                .ok_or_else(|| refused("the grant has no end"))
        })
    }

    fn remove<'a>(&'a self, job: &'a Job) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move {
            check_kind(job)?;
            match self.status(job.credential).await? {
                401 => Ok("Node-RED answers 401 to the token".to_owned()),
                status => Err(refused(&format!(
                    "Node-RED still answers {status} to the token"
                ))),
            }
        })
    }

    /// Nothing is kept in Node-RED, so there is nothing to list; but it must not let in a token that no record knows.
    fn list(&self) -> Eventually<'_, Result<BTreeSet<String>, ConnectorError>> {
        Box::pin(async move {
            let nobodys: CredentialId = "00000000-0000-0000-0000-000000000000"
                .parse()
                .map_err(|_| refused("no token can be made"))?;
            match self.status(nobodys).await? {
                401 => Ok(BTreeSet::new()),
                status => Err(refused(&format!(
                    "Node-RED answers {status} to a token that was never given: it must ask this server about every token"
                ))),
            }
        })
    }

    fn end<'a>(&'a self, _: &'a str) -> Eventually<'a, Result<String, ConnectorError>> {
        Box::pin(async move { Err(refused("nothing of Remit's is kept in Node-RED")) })
    }
}

/// What a token of this grant may do in Node-RED, in its own words (`flows.write`, ...).
pub fn permissions(provisioning: &Provisioning) -> Vec<&str> {
    match provisioning {
        Provisioning::NodeRedToken { permissions } => {
            permissions.iter().map(String::as_str).collect()
        }
        Provisioning::Gateway | Provisioning::PostgresRole { .. } => Vec::new(),
    }
}

/// Something Node-RED's audit log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Who Node-RED says did it: the `username` the token was given.
    pub user: Option<String>,
    /// The audit event, such as `flows.set`.
    pub action: String,
    /// Its path or type, if it has one.
    pub object: String,
    /// When.
    pub happened_at: Timestamp,
    /// Where its line ends.
    pub source: String,
}

#[derive(Deserialize)]
struct AuditLine {
    event: String,
    timestamp: i64,
    path: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    user: Option<AuditUser>,
}

#[derive(Deserialize)]
struct AuditUser {
    username: Option<String>,
}

/// The audit event of a line that the ready settings file writes (one JSON object each).
pub fn audited(line: &Line) -> Option<Audited> {
    let audit: AuditLine = serde_json::from_str(&line.text).ok()?;
    let bounded = |text: String| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect::<String>()
    };
    Some(Audited {
        user: audit.user.and_then(|user| user.username).map(bounded),
        action: bounded(audit.event),
        object: bounded(audit.path.or(audit.kind).unwrap_or_default()),
        happened_at: Timestamp(audit.timestamp),
        source: line.position.as_str().to_owned(),
    })
}

fn check_kind(job: &Job) -> Result<(), ConnectorError> {
    match &job.kind {
        CredentialKind::NodeRedToken => Ok(()),
        CredentialKind::AccessToken
        | CredentialKind::GatewaySession
        | CredentialKind::PostgresRole { .. } => {
            Err(refused("this credential is not a Node-RED token"))
        }
    }
}

fn refused(because: &str) -> ConnectorError {
    ConnectorError {
        because: because.to_owned(),
    }
}

fn kind(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "it can't be reached"
    } else {
        "the connection broke off"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Position;

    fn credential() -> CredentialId {
        "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
    }

    #[test]
    fn a_token_is_recognised_only_as_it_was_made() {
        let tokens = NodeRedTokens::new([7; 64]);
        let token = tokens.mint(credential());
        assert_eq!(tokens.recognise(&token), Some(credential()));
        assert_eq!(NodeRedTokens::new([8; 64]).recognise(&token), None);
        for at in 0..token.len() {
            let mut forged = token.as_bytes().to_vec();
            forged[at] ^= 1;
            if let Ok(forged) = String::from_utf8(forged) {
                assert_eq!(tokens.recognise(&forged), None, "{forged}");
            }
        }
        assert_eq!(tokens.recognise(""), None);
        assert_eq!(tokens.recognise("remit_nr_x_y"), None);
    }

    #[test]
    fn audit_lines_are_read_as_the_settings_file_writes_them() {
        let text = r#"{"event":"flows.set","type":"full","version":"v2","level":98,"path":"/flows","ip":"127.0.0.1","user":{"username":"G-1"},"timestamp":1795435200123}"#;
        let line = Line {
            text: text.to_owned(),
            position: Position::from("a:1"),
        };
        assert_eq!(
            audited(&line),
            Some(Audited {
                user: Some("G-1".to_owned()),
                action: "flows.set".to_owned(),
                object: "/flows".to_owned(),
                happened_at: Timestamp(1_795_435_200_123),
                source: "a:1".to_owned(),
            })
        );
        assert_eq!(
            audited(&Line {
                text: "x".to_owned(),
                position: Position::from("a:2")
            }),
            None
        );
    }
}

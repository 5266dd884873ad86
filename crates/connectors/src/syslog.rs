//! Messages to a SIEM: RFC 5424 over TLS (RFC 5425), or over plain TCP (RFC 6587, counted) to a collector on this machine. Nobody answers a
//! message, so each goes over a connection of its own, and counts as told once the collector has closed it without complaint.
use domain::time::Timestamp;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::{
    fmt::Write as _,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long it may take until a message is told.
const WITHIN: Duration = Duration::from_secs(10);
/// How long a collector that says nothing may leave the connection open.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);
/// The port of RFC 5425.
const TLS_PORT: u16 = 6514;
/// The port that collectors take plain TCP on.
const TCP_PORT: u16 = 601;
/// Facility 13 (log audit), severity 5 (notice).
const PRIORITY: u8 = 13 * 8 + 5;

/// Why a collector can't be told anything, by what was configured.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not an address of the forms there are.
    #[error(
        "`{0}` is no collector's address: write `tls://HOST:PORT`, or `tcp://127.0.0.1:PORT` for one on this machine"
    )]
    Address(String),
    /// A name that no certificate can be for.
    #[error("`{host}` is no name that a certificate can be for")]
    Name {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: InvalidDnsNameError,
    },
    /// A PEM file that can't be read.
    #[error("could not read `{file}` as PEM")]
    Pem {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// No authority to trust.
    #[error("{0} holds no certificate of an authority")]
    NoRoots(String),
    /// Certificate and key that don't fit, or a library without the means.
    #[error("the certificate can't be shown to the collector")]
    Tls(#[source] rustls::Error),
}

/// Which certificates prove who is who.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// PEM file with the authorities of the collector; the system's if there is none.
    pub authorities: Option<PathBuf>,
    /// PEM files with the certificate and the key that are shown to it.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Where messages go.
#[derive(Clone)]
pub struct Syslog {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl std::fmt::Debug for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Syslog({}:{})", self.host, self.port)
    }
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// When it was made.
    pub at: Timestamp,
    /// Who speaks: a host name.
    pub host: &'m str,
    /// Of what kind it is: up to 32 characters of printable ASCII.
    pub kind: &'m str,
    /// What it says.
    pub value: &'m serde_json::Value,
}

impl Message<'_> {
    /// The message in RFC 5424, section 6; what it says is one line of JSON in ASCII.
    pub fn text(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at.0).unwrap_or(jiff::Timestamp::MAX);
        format!(
            "<{PRIORITY}>1 {at:.3} {} remit {} {} - {}",
            header(self.host, 255),
            std::process::id(),
            header(self.kind, 32),
            ascii(&self.value.to_string())
        )
    }
}

/// A field of the header: printable ASCII without spaces, or nothing.
fn header(text: &str, length: usize) -> String {
    let plain: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(length)
        .collect();
    if plain.is_empty() {
        "-".to_owned()
    } else {
        plain
    }
}

/// JSON in which every other character is written as an escape.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // writing to a string can't fail
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

impl Syslog {
    /// The collector at `address`: `tls://HOST[:PORT]`, or `tcp://HOST[:PORT]` on loopback.
    ///
    /// # Errors
    /// [`Unusable`] if the address or a file doesn't work.
    pub fn new(address: &str, trust: &Trust) -> Result<Self, Unusable> {
        let wrong = || Unusable::Address(address.to_owned());
        let (scheme, rest) = address.split_once("://").ok_or_else(wrong)?;
        let tls = scheme == "tls";
        let default = if tls { TLS_PORT } else { TCP_PORT };
        let (host, port) = split(rest, default).ok_or_else(wrong)?;
        let local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if !(tls || scheme == "tcp" && local) {
            return Err(wrong());
        }
        let tls = if tls {
            let name = ServerName::try_from(host.clone()).map_err(|source| Unusable::Name {
                host: host.clone(),
                source,
            })?;
            Some((TlsConnector::from(Arc::new(config(trust)?)), name))
        } else {
            None
        };
        Ok(Self { host, port, tls })
    }

    /// Tells one message.
    ///
    /// # Errors
    /// If the collector can't be reached, isn't who it should be, refuses us, or doesn't take it in time.
    pub async fn tell(&self, message: &Message<'_>) -> io::Result<()> {
        let text = message.text();
        let frame = format!("{} {text}", text.len());
        timeout(WITHIN, self.send(frame.as_bytes()))
            .await
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the collector did not answer in time",
                )
            })?
    }

    async fn send(&self, frame: &[u8]) -> io::Result<()> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => write(stream, frame).await,
            Some((connector, name)) => {
                write(connector.connect(name.clone(), stream).await?, frame).await
            }
        }
    }
}

/// Writes all, and waits for the other side to close: who is refused a TLS 1.3 connection hears of it only after writing.
async fn write(mut stream: impl AsyncRead + AsyncWrite + Unpin, frame: &[u8]) -> io::Result<()> {
    stream.write_all(frame).await?;
    stream.shutdown().await?;
    let mut said = [0; 64];
    match timeout(CLOSES_WITHIN, stream.read(&mut said)).await {
        // one that stays silent has taken it
        Err(_) | Ok(Ok(_)) => Ok(()),
        // some close without a word after ours
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Ok(Err(error)) => Err(error),
    }
}

/// Host and port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn split(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (
                host,
                rest.strip_prefix(':')
                    .or_else(|| rest.is_empty().then_some(""))?,
            )
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = match port {
        "" => default,
        port => port.parse().ok().filter(|port| *port > 0)?,
    };
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-:_".contains(c));
    plain.then(|| (host.to_owned(), port))
}

fn config(trust: &Trust) -> Result<ClientConfig, Unusable> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Unusable::Tls)?
        .with_root_certificates(roots(trust.authorities.as_deref())?);
    match &trust.own {
        None => Ok(config.with_no_client_auth()),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|source| Unusable::Pem {
                file: key.clone(),
                source,
            })?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(Unusable::Tls)
        }
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, Unusable> {
    let (found, place) = match file {
        Some(file) => (certificates(file)?, format!("`{}`", file.display())),
        None => (
            rustls_native_certs::load_native_certs().certs,
            "this system".to_owned(),
        ),
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(Unusable::NoRoots(place));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|source| Unusable::Pem {
            file: file.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::{Message, Syslog, Trust, split};
    use domain::time::Timestamp;
    use serde_json::{Value, json};

    #[test]
    fn a_message_is_one_line_of_rfc_5424() {
        let value = json!({ "checkpoint": "a/remit\n1\n\n— a/remit 𝕊\n" });
        let message = Message {
            at: Timestamp(1_795_490_244_913),
            host: "remit.example\u{202e} x",
            kind: "log-head",
            value: &value,
        };
        let text = message.text();
        let expected = format!(
            r#"<109>1 2026-11-24T03:17:24.913Z remit.examplex remit {} log-head - {{"checkpoint":"a/remit\n1\n\n\u2014 a/remit \ud835\udd4a\n"}}"#,
            std::process::id()
        );
        assert_eq!(text, expected);
        let (_, json) = text.split_once(" - ").unwrap();
        assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
    }

    #[test]
    fn addresses_are_read_or_it_is_said_how_they_are_written() {
        let cases = [
            ("siem.example", Some(("siem.example", 7))),
            ("siem.example:99", Some(("siem.example", 99))),
            ("[::1]:99", Some(("::1", 99))),
            ("[::1]", Some(("::1", 7))),
            ("", None),
            (":99", None),
            ("siem.example:0", None),
            ("siem.example:x", None),
            ("siem.example/path", None),
            ("user@siem.example", None),
            ("[::1]99", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(split(text, 7), expected, "{text}");
        }
        for wrong in [
            "siem.example",
            "udp://127.0.0.1",
            "tcp://siem.example:601",
            "tcp://10.0.0.1",
            "https://x",
        ] {
            let error = Syslog::new(wrong, &Trust::default()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`{wrong}` is no collector's address: write `tls://HOST:PORT`, or `tcp://127.0.0.1:PORT` for one on this machine"
                )
            );
        }
        assert!(Syslog::new("tcp://127.0.0.1:601", &Trust::default()).is_ok());
    }
}

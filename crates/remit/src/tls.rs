//! TLS by rustls, with ALPN for HTTP/2 and HTTP/1.1.
use crate::config::Tls;
use anyhow::{Context, Result};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// An acceptor for a certificate and key; `None` without them.
///
/// # Errors
/// If a file can't be read, or the key isn't the certificate's.
pub(crate) fn acceptor(tls: Option<&Tls>) -> Result<Option<TlsAcceptor>> {
    let Some(tls) = tls else { return Ok(None) };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| {
            format!(
                "`tls.certificate`: could not read `{}` as PEM",
                tls.certificate.display()
            )
        })?;
    anyhow::ensure!(
        !chain.is_empty(),
        "`tls.certificate`: `{}` holds no certificate",
        tls.certificate.display()
    );
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .with_context(|| format!("`tls.key`: could not read `{}` as PEM", tls.key.display()))?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .context("no protocol version of TLS is usable")?
    .with_no_client_auth()
    .with_single_cert(chain, key)
    .context("`tls.key` is not the key of `tls.certificate`")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

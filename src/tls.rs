//! TLS towards one server, a relay or a mailbox: which certificates are trusted, and the name its own must be for. Made
//! once for each server and used for all its connections, so that later ones resume the first one's session.
//! Verification has no off switch.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::domain::relay::ClientCertificate;

/// What a TLS handshake with one server needs.
pub struct TlsSetup {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// Why there can be no TLS with a server as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Neither a host name nor an IP address.
    #[error("`{0}` is neither a host name nor an IP address")]
    Host(String),
    /// Our own certificate, or its key, is not PEM. What is wrong with the key is not told: it would show some of it.
    #[error("our certificate for the relay, or its key, cannot be read as PEM")]
    ClientPem,
    /// Our own certificate cannot be used: most often the key is not the one that goes with it.
    #[error("our certificate for the relay and its key cannot be used")]
    ClientCertificate(#[source] rustls::Error),
    /// The `ca` file cannot be read as PEM.
    #[error("cannot read certificates from `{path}`")]
    ReadCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The `ca` file holds no certificate.
    #[error("`{0}` holds no certificate")]
    EmptyCa(PathBuf),
    /// No certificate to trust: the system has none, or one in the `ca` file is malformed.
    #[error("there are no usable certificates to trust")]
    Roots(#[source] rustls::Error),
}

impl TlsSetup {
    /// Trusts what the system trusts, and the certificates in `ca` besides. `host` is a name or an IP address; `ours` is
    /// shown to a server that asks.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(host: &str, ca: Option<&Path>, ours: Option<&ClientCertificate>) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Host(host.to_owned()))?;
        let extra = ca.map(read_certificates).transpose()?.unwrap_or_default();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // A system without certificates is an error only when `ca` gives none either.
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(TlsError::Roots)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Roots)?
            // It is called dangerous because one could pass a verifier that verifies nothing; this one is WebPKI.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match ours {
            None => config.with_no_client_auth(),
            Some(ours) => {
                let (chain, key) = read_ours(ours)?;
                config.with_client_auth_cert(chain, key).map_err(TlsError::ClientCertificate)?
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Shakes hands; the certificate is verified against the host's name.
    ///
    /// # Errors
    /// When the connection breaks, or the certificate is not for this host or from nobody we trust.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::ReadCa { path: path.to_owned(), source };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
    let certificates = certificates.map_err(failed)?;
    if certificates.is_empty() { Err(TlsError::EmptyCa(path.to_owned())) } else { Ok(certificates) }
}

fn read_ours(ours: &ClientCertificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(ours.chain.as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(TlsError::ClientPem)?;
    let key = PrivateKeyDer::from_pem_slice(ours.key.expose_secret().as_bytes());
    Ok((chain, key.map_err(|_| TlsError::ClientPem)?))
}

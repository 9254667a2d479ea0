//! TLS towards one relay: which certificates are trusted, and the name its own must be for. Made once for each relay
//! and used for all its connections, so that later ones resume the first one's session. Verification has no off switch.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::trouble::SetupError;
use crate::domain::relay::ClientCertificate;

/// What a TLS handshake with one relay needs.
pub(super) struct TlsSetup {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsSetup {
    /// Trusts what the system trusts, and the certificates in `ca` besides. `host` is a name or an IP address; `ours` is
    /// shown to a relay that asks.
    pub(super) fn new(host: &str, ca: Option<&Path>, ours: Option<&ClientCertificate>) -> Result<Self, SetupError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| SetupError::Host(host.to_owned()))?;
        let extra = ca.map(read_certificates).transpose()?.unwrap_or_default();
        let provider = Arc::new(ring::default_provider());
        // A system without certificates is an error only when `ca` gives none either.
        let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(SetupError::Roots)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Roots)?
            // It is called dangerous because one could pass a verifier that verifies nothing; this one is WebPKI.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match ours {
            None => config.with_no_client_auth(),
            Some(ours) => {
                let (chain, key) = read_ours(ours)?;
                config.with_client_auth_cert(chain, key).map_err(SetupError::ClientCertificate)?
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// Shakes hands; the certificate is verified against the host's name.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let failed = |source| SetupError::ReadCa { path: path.to_owned(), source };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
    let certificates = certificates.map_err(failed)?;
    if certificates.is_empty() { Err(SetupError::EmptyCa(path.to_owned())) } else { Ok(certificates) }
}

fn read_ours(ours: &ClientCertificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), SetupError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(ours.chain.as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(SetupError::ClientPem)?;
    let key = PrivateKeyDer::from_pem_slice(ours.key.expose_secret().as_bytes());
    Ok((chain, key.map_err(|_| SetupError::ClientPem)?))
}

//! A certificate for a scripted relay, from an authority made for it alone, whose own certificate lies in a PEM file.

use std::{io::Write, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

/// A server's certificate and the authority to trust for it.
pub(crate) struct Certificate {
    acceptor: TlsAcceptor,
    ca: NamedTempFile,
}

impl Certificate {
    /// One for `name`, a host name or an IP address.
    pub(crate) fn new(name: &str) -> Self {
        let authority = CertificateParams::new([]).map(|mut params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        });
        let authority = CertifiedIssuer::self_signed(authority.expect("no names to be wrong"), key());
        let authority = authority.expect("a fresh key signs");
        let server_key = key();
        let server = CertificateParams::new([name.to_owned()]).expect("a host name or address");
        let server = server.signed_by(&server_key, &authority).expect("a fresh key signs");
        let mut ca = NamedTempFile::new().expect("a temporary file");
        ca.write_all(authority.pem().as_bytes()).expect("room on the disk");
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks them")
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], private)
            .expect("key and certificate belong together");
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca }
    }

    /// What shakes hands with it.
    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// The authority's PEM file, there as long as `self`.
    pub(crate) fn ca_path(&self) -> &Path {
        self.ca.path()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system gives random bytes")
}

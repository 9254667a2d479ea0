//! A certificate for a scripted relay, from an authority made for it alone, whose own certificate lies in a PEM file.

use std::{io::Write, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::NamedTempFile;
use tidings::domain::relay::ClientCertificate;
use tokio_rustls::TlsAcceptor;

/// A server's certificate and the authority to trust for it, which certifies clients as well.
pub(crate) struct Certificate {
    acceptor: TlsAcceptor,
    demanding: TlsAcceptor,
    client: ClientCertificate,
    server: ServerPem,
    ca: NamedTempFile,
}

/// The server's own, for a server that is not ours.
pub(crate) struct ServerPem {
    /// Its certificate.
    pub(crate) certificate: String,
    /// Its private key.
    pub(crate) key: String,
}

impl Certificate {
    /// One for `name`, a host name or an IP address.
    pub(crate) fn new(name: &str) -> Self {
        let authority = CertificateParams::new([]).map(|mut params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            // OpenSSL takes a certificate for self-signed when its name is its issuer's.
            params.distinguished_name.push(DnType::CommonName, "an authority for tests");
            params
        });
        let authority = CertifiedIssuer::self_signed(authority.expect("no names to be wrong"), key());
        let authority = authority.expect("a fresh key signs");
        let signed = |name: &str| {
            let (key, params) = (key(), CertificateParams::new([name.to_owned()]).expect("a host name or address"));
            (params.signed_by(&key, &authority).expect("a fresh key signs"), key)
        };
        let ((server, server_key), (client, client_key)) = (signed(name), signed("client.example.org"));
        let mut ca = NamedTempFile::new().expect("a temporary file");
        ca.write_all(authority.pem().as_bytes()).expect("room on the disk");
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("a certificate of an authority");
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let clients = clients.expect("it trusts somebody");
        let builder = || {
            let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
            builder.with_safe_default_protocol_versions().expect("ring speaks them")
        };
        let acceptor = |builder: rustls::ConfigBuilder<_, rustls::server::WantsServerCert>| {
            let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
            let config = builder.with_single_cert(vec![server.der().clone()], private);
            TlsAcceptor::from(Arc::new(config.expect("key and certificate belong together")))
        };
        Self {
            acceptor: acceptor(builder().with_no_client_auth()),
            demanding: acceptor(builder().with_client_cert_verifier(clients)),
            client: ClientCertificate { chain: client.pem(), key: client_key.serialize_pem().into() },
            server: ServerPem { certificate: server.pem(), key: server_key.serialize_pem() },
            ca,
        }
    }

    /// What shakes hands with it, and takes only clients that have a certificate.
    pub(crate) fn demanding_acceptor(&self) -> &TlsAcceptor {
        &self.demanding
    }

    /// A client's certificate, from the same authority.
    pub(crate) fn client(&self) -> &ClientCertificate {
        &self.client
    }

    /// The server's certificate and key.
    pub(crate) fn server(&self) -> &ServerPem {
        &self.server
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

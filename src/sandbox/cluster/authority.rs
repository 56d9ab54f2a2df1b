//! The cluster's certificate authority and the certificate its server shows.
//!
//! The authority is kept with the cluster, as clients pin it in their kubeconfig. The server's
//! own certificate is made anew at each start: nobody remembers it.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

/// The certificate authority: its certificate for clients, its key for us.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Authority {
    pub(super) certificate_pem: String,
    key_pem: String,
}

impl Authority {
    pub(super) fn generate() -> Self {
        let key = KeyPair::generate().expect("the operating system gives random bytes");
        let certificate = authority_params()
            .self_signed(&key)
            .expect("the parameters are ours and fit the key");
        Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// Makes a certificate for loopback, and the TLS settings that show it.
    pub(super) fn server_config(&self) -> io::Result<Arc<ServerConfig>> {
        let (chain, key) = self.server_certificate().map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn server_certificate(&self) -> Result<ServerCertificate, rcgen::Error> {
        let issuer = Issuer::new(authority_params(), KeyPair::from_pem(&self.key_pem)?);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["localhost".into(), "127.0.0.1".into()])?;
        params
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((vec![certificate.der().clone()], key.into()))
    }
}

type ServerCertificate = (
    Vec<rustls::pki_types::CertificateDer<'static>>,
    PrivateKeyDer<'static>,
);

/// The same for making the authority and for signing with it later: rcgen takes the issuer's name
/// and key usages from here.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "kubernetes");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    params
}

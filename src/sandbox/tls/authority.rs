//! A certificate authority and the certificates that its servers show.
//!
//! An authority is kept with its part of the world, as clients pin it. A server's own certificate
//! is made anew at each start: nobody remembers it.

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
pub(in crate::sandbox) struct Authority {
    pub(in crate::sandbox) certificate_pem: String,
    key_pem: String,
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Subject<'a> {
    /// The name of the authority that signs it, as that was generated with.
    pub(in crate::sandbox) authority: &'a str,
    pub(in crate::sandbox) name: &'a str,
    /// Names and addresses that the server is reached by.
    pub(in crate::sandbox) hosts: &'a [&'a str],
}

impl Authority {
    /// Makes an authority of that name.
    pub(in crate::sandbox) fn generate(name: &str) -> Self {
        let key = KeyPair::generate().expect("the operating system gives random bytes");
        let certificate = authority_params(name)
            .self_signed(&key)
            .expect("the parameters are ours and fit the key");
        Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// Makes a server's certificate, and the TLS settings that show it.
    pub(in crate::sandbox) fn server_config(
        &self,
        subject: &Subject<'_>,
    ) -> io::Result<Arc<ServerConfig>> {
        let (chain, key) = self.server_certificate(subject).map_err(io::Error::other)?;
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

    fn server_certificate(&self, subject: &Subject<'_>) -> Result<ServerCertificate, rcgen::Error> {
        let signer = KeyPair::from_pem(&self.key_pem)?;
        let issuer = Issuer::new(authority_params(subject.authority), signer);
        let key = KeyPair::generate()?;
        let hosts: Vec<String> = subject.hosts.iter().map(|host| (*host).into()).collect();
        let mut params = CertificateParams::new(hosts)?;
        params
            .distinguished_name
            .push(DnType::CommonName, subject.name);
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
fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    params
}

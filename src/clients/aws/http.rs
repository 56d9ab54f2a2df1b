//! The HTTPS client under all AWS calls: ring, proxies from the environment, extra trust roots.
//!
//! The SDK's own default would bring a second TLS stack, ignore `AWS_CA_BUNDLE`, and send requests
//! for a practice cloud on loopback to the company's proxy.

use std::fs;
use std::path::Path;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Host;

use super::error::AwsError;

/// Whose certificates are trusted.
#[derive(Debug)]
pub(super) struct Trust<'a> {
    /// The system's.
    pub(super) system: bool,
    /// Those of a PEM file, too.
    pub(super) bundle: Option<&'a Path>,
}

/// Builds the client.
pub(super) fn client(proxy: ProxyConfig, trust: &Trust) -> Result<SharedHttpClient, AwsError> {
    let mut roots = TrustStore::empty().with_native_roots(trust.system);
    if let Some(path) = trust.bundle {
        roots = roots.with_pem_certificate(trusted(path)?);
    }
    let tls = TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|error| AwsError::configuration(&format!("cannot set up TLS: {error}")))?;
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder()
                .proxy_config(proxy.clone())
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls.clone());
            // Without these two lines the connect and read timeouts would be lost.
            connector.set_connector_settings(settings.cloned());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            connector.build()
        }),
    )
}

/// Returns the proxies to use for `endpoint`: those of the environment, and none on loopback.
pub(super) fn proxy_for(endpoint: Option<&str>) -> ProxyConfig {
    if endpoint.is_some_and(is_loopback) {
        ProxyConfig::disabled()
    } else {
        ProxyConfig::from_env()
    }
}

fn is_loopback(endpoint: &str) -> bool {
    url::Url::parse(endpoint).is_ok_and(|url| match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    })
}

/// Reads the certificates of a bundle and keeps those that can be a trust root, as PEM.
///
/// Real bundles hold odd ones, and the HTTP client would panic over the first of them.
fn trusted(path: &Path) -> Result<Vec<u8>, AwsError> {
    let bundle = fs::read(path).map_err(|error| {
        AwsError::configuration(&format!(
            "cannot read the CA bundle `{}`: {error}",
            path.display()
        ))
    })?;
    let pem: Vec<String> = CertificateDer::pem_slice_iter(&bundle)
        .flatten()
        .filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok())
        .map(|certificate| {
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                BASE64_STANDARD.encode(certificate)
            )
        })
        .collect();
    if pem.is_empty() {
        return Err(AwsError::configuration(&format!(
            "the CA bundle `{}` holds no usable certificate, expected PEM",
            path.display()
        )));
    }
    Ok(pem.concat().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_never_asked_through_a_proxy() {
        for endpoint in [
            "http://127.0.0.1:4566",
            "https://localhost:1",
            "http://[::1]:2/",
        ] {
            assert!(proxy_for(Some(endpoint)).is_disabled(), "{endpoint}");
        }
        for endpoint in [Some("https://iam.example.com"), Some("nonsense"), None] {
            assert!(proxy_for(endpoint).is_from_env(), "{endpoint:?}");
        }
    }

    #[test]
    fn a_bundle_keeps_what_can_be_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        let good = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .unwrap()
            .cert
            .pem();
        let odd = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n\
                   -----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";

        fs::write(&path, format!("# comment\n{odd}{good}")).unwrap();
        let kept = trusted(&path).unwrap();
        assert_eq!(CertificateDer::pem_slice_iter(&kept).count(), 1);

        fs::write(&path, odd).unwrap();
        let error = trusted(&path).unwrap_err().to_string();
        assert!(error.contains("holds no usable certificate"), "{error}");

        let error = trusted(&folder.path().join("absent")).unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}

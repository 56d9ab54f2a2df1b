//! The HTTPS client under all Azure calls: ring, proxies from the environment, extra trust roots.
//!
//! Loopback is never asked through a company's proxy, and every `….localhost` is loopback, as
//! RFC 6761 wants it and not every resolver knows.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{Body, Method, Request};
use bytes::{Bytes, BytesMut};
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::error::{AzureError, causes};
use super::unanswered::{How, Unanswered};
use crate::clients::gate::Answer;

/// The largest answer that is read.
const LARGEST: usize = 16 << 20;

/// Where requests go.
#[derive(Clone)]
pub(super) enum Network {
    /// Out of this process.
    Real {
        /// To this machine.
        near: Client,
        /// To everywhere else, through proxies where the environment names any.
        far: Client,
    },
    /// Nowhere: a recording is answered from.
    Nowhere,
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Network")
    }
}

/// Whose certificates are trusted.
#[derive(Debug)]
pub(super) struct Trust<'a> {
    /// The system's, or those of `SSL_CERT_FILE`.
    pub(super) system: bool,
    /// Those of a PEM file, too.
    pub(super) bundle: Option<&'a Path>,
}

impl Network {
    /// Builds the clients.
    pub(super) fn new(trust: &Trust) -> Result<Self, AzureError> {
        let tls = tls(trust)?;
        let client = |far: bool| {
            let builder = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .dns_resolver(Arc::new(Resolver))
                .connect_timeout(Duration::from_secs(5))
                // Resource Manager thinks about a cluster for a while before it says a word.
                .read_timeout(Duration::from_mins(1))
                .timeout(Duration::from_secs(90));
            let builder = if far { builder } else { builder.no_proxy() };
            builder.build().map_err(|error| {
                AzureError::configuration(&format!("cannot set up HTTPS: {}", root(&error)))
            })
        };
        Ok(Self::Real {
            near: client(false)?,
            far: client(true)?,
        })
    }

    /// Sends a request and reads its whole answer.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let Self::Real { near, far } = self else {
            return Err(Unanswered {
                how: How::Never,
                reason: "a recording is answered from, not the network".into(),
            });
        };
        let url = request.url();
        let client = if is_here(url) { near } else { far };
        let mut sent = client.request(method(request.method()), url.clone());
        for (name, value) in request.headers().iter() {
            sent = sent.header(name.as_str(), value.as_str());
        }
        if let Body::Bytes(bytes) = request.body() {
            sent = sent.body(bytes.clone());
        }
        let mut response = sent
            .send()
            .await
            .map_err(|error| of(&error, How::NotSent))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| of(&error, How::CutOff))?
        {
            if body.len() + chunk.len() > LARGEST {
                return Err(Unanswered {
                    how: How::Never,
                    reason: format!("the answer is longer than {} MiB", LARGEST >> 20),
                });
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Ok(Answer {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: body.into(),
        })
    }
}

fn of(error: &reqwest::Error, how: How) -> Unanswered {
    let how = if error.is_timeout() {
        How::TimedOut
    } else if error.is_builder() {
        How::Never
    } else {
        how
    };
    Unanswered {
        how,
        reason: if how == How::TimedOut {
            "no answer in time".into()
        } else {
            root(error)
        },
    }
}

/// The innermost cause: those around it say only that there was an error.
fn root(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// What the SDK may learn to ask for some day is read only.
fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Delete => reqwest::Method::DELETE,
        Method::Head => reqwest::Method::HEAD,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        _ => reqwest::Method::GET,
    }
}

/// Whether a URL leads to this machine, or to its metadata service, which no proxy knows.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

/// Whether a URL leads to this very machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Asks the system, but not for the names of this machine.
#[derive(Debug)]
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        if is_localhost(name.as_str()) {
            let here = [
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
            ];
            return Box::pin(async move { Ok(Box::new(here.into_iter()) as Addrs) });
        }
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn tls(trust: &Trust) -> Result<ClientConfig, AzureError> {
    let mut roots = RootCertStore::empty();
    if trust.system {
        let found = rustls_native_certs::load_native_certs();
        if let (true, Some(error)) = (found.certs.is_empty(), found.errors.first()) {
            return Err(AzureError::configuration(&format!(
                "this machine's trusted certificates cannot be read: {error}"
            )));
        }
        // Real stores hold odd certificates; those that cannot be a root are left out.
        roots.add_parsable_certificates(found.certs);
    }
    if let Some(path) = trust.bundle {
        let certificates = certificates(path)?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(AzureError::configuration(&format!(
                "the CA bundle `{}` holds no usable certificate, expected PEM",
                path.display()
            )));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| AzureError::configuration(&format!("cannot set up TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AzureError> {
    let bundle = fs::read(path).map_err(|error| {
        AzureError::configuration(&format!(
            "cannot read the CA bundle `{}`: {error}",
            path.display()
        ))
    })?;
    Ok(CertificateDer::pem_slice_iter(&bundle).flatten().collect())
}

/// Returns the body of a request.
pub(super) fn bytes_of(request: &Request) -> Bytes {
    match request.body() {
        Body::Bytes(bytes) => bytes.clone(),
        Body::SeekableStream(_) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_never_asked_through_a_proxy() {
        let is_here = |url: &str| is_here(&Url::parse(url).unwrap());
        for url in [
            "https://127.0.0.1:1",
            "https://localhost:1",
            "https://rok.blob.localhost:2/x",
            "https://LOCALHOST./",
            "http://[::1]:2/",
            "http://169.254.169.254/metadata",
        ] {
            assert!(is_here(url), "{url}");
        }
        for url in ["https://management.azure.com", "https://notlocalhost/"] {
            assert!(!is_here(url), "{url}");
        }
        let metadata = Url::parse("http://169.254.169.254/metadata").unwrap();
        assert!(!is_loopback(&metadata));
    }

    #[test]
    fn a_bundle_keeps_what_can_be_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        let good = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .unwrap()
            .cert
            .pem();
        let odd =
            "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        let trust = |path| Trust {
            system: false,
            bundle: Some(path),
        };
        fs::write(&path, format!("# comment\n{odd}{good}")).unwrap();
        assert!(Network::new(&trust(&path)).is_ok());

        fs::write(&path, odd).unwrap();
        let error = Network::new(&trust(&path)).unwrap_err().to_string();
        assert!(error.contains("holds no usable certificate"), "{error}");

        let error = Network::new(&trust(&folder.path().join("absent"))).unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}

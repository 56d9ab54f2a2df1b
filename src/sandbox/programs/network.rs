//! The network as a Pod sees it: Azure's own names lead to the practice Azure, and the address of
//! the metadata service to the node's.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};

use crate::sandbox::azure::Imds;
use crate::sandbox::clock::Clock;
use crate::sandbox::cluster::Process;

/// Where every machine of a cloud finds its metadata service.
const METADATA: &str = "169.254.169.254";

/// The practice Azure, as Pods reach it. Without it they reach nobody.
#[derive(Default)]
pub struct Network {
    azure: Option<Azure>,
}

struct Azure {
    client: Client,
    port: u16,
    imds: Imds,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    NoSuchHost(String),
    Refused { host: String, port: u16 },
}

/// Every name that gets this far is one of the practice Azure's.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs =
            Box::new(std::iter::once(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

impl Network {
    /// A network with the practice Azure at this port of loopback, whose certificates this
    /// authority signs, and with the metadata service of a node.
    ///
    /// # Errors
    ///
    /// When the authority's certificate cannot be read.
    pub fn new(port: u16, authority_pem: &str, imds: Imds) -> io::Result<Self> {
        let certificates =
            Certificate::from_pem_bundle(authority_pem.as_bytes()).map_err(io::Error::other)?;
        let client = Client::builder()
            .tls_certs_only(certificates)
            .dns_resolver(Loopback)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(io::Error::other)?;
        Ok(Self {
            azure: Some(Azure { client, port, imds }),
        })
    }

    /// The time of the node; programs without a network go by that of this machine.
    pub(super) fn clock(&self) -> Clock {
        self.azure
            .as_ref()
            .map_or_else(Clock::default, |azure| azure.imds.clock())
    }

    /// Sends a request of a process, and waits for the answer to it.
    pub(super) async fn send(
        &self,
        process: &Process,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, Unreachable> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let refused = |port| Unreachable::Refused {
            host: host.clone(),
            port,
        };
        if host == METADATA {
            return match &self.azure {
                Some(azure) if process.instance_metadata => {
                    Ok(azure
                        .imds
                        .answer_pod(&process.namespace, &process.pod, &request))
                }
                _ => Err(refused(80)),
            };
        }
        let meant = self.azure.as_ref().zip(practice_host(&host));
        let Some((azure, name)) = meant else {
            return Err(Unreachable::NoSuchHost(host));
        };
        if request.uri().scheme_str() != Some("https") {
            return Err(refused(80));
        }
        azure.send(name, request).await.map_err(|_| refused(443))
    }
}

impl Azure {
    async fn send(
        &self,
        host: String,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let uri = Uri::try_from(format!("https://{host}:{}{path}", self.port))?;
        let answer = self
            .client
            .request(head.method, uri.to_string())
            .headers(head.headers)
            .body(body)
            .send()
            .await?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(answer.bytes().await?.to_vec())?)
    }
}

/// The name under which the practice Azure serves one of Azure's own names.
fn practice_host(host: &str) -> Option<String> {
    match host {
        "login.microsoftonline.com" | "management.azure.com" | "management.core.windows.net" => {
            Some("localhost".into())
        }
        _ => {
            let account = host.strip_suffix(".blob.core.windows.net")?;
            Some(format!("{account}.blob.localhost"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_azure_lead_to_the_practice_azure() {
        for (host, expected) in [
            ("login.microsoftonline.com", Some("localhost")),
            ("rok.blob.core.windows.net", Some("rok.blob.localhost")),
            ("example.com", None),
        ] {
            assert_eq!(practice_host(host).as_deref(), expected, "{host}");
        }
    }
}

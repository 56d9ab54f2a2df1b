//! What a cluster says about itself.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::Api;
use kube::api::ListParams;

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind};

/// Nodes per page.
const PAGE: u32 = 500;

impl Cluster {
    /// Returns the version of the API server, such as `v1.33.2-eks-1234`.
    pub async fn server_version(&self) -> Result<String, ClusterError> {
        let client = self.client();
        let info = self.ask("get version", client.apiserver_version()).await?;
        Ok(info.git_version)
    }

    /// Returns the issuer of the cluster's tokens, as its discovery document has it. Most callers
    /// of a hardened cluster may not read that: the error is [`ClusterErrorKind::Forbidden`] then.
    pub async fn issuer(&self) -> Result<String, ClusterError> {
        const OPERATION: &str = "get /.well-known/openid-configuration";
        let client = self.client();
        let request = http::Request::get("/.well-known/openid-configuration")
            .body(Vec::new())
            .expect("a fixed path makes a request");
        let document: serde_json::Value = self.ask(OPERATION, client.request(request)).await?;
        let issuer = document["issuer"].as_str().map(str::to_owned);
        issuer.ok_or_else(|| {
            ClusterError::new(
                OPERATION,
                ClusterErrorKind::Other,
                "the answer has no issuer",
            )
        })
    }

    /// Returns the UID of namespace `kube-system`, which stands for the cluster: it lives as long
    /// as the cluster and no longer.
    pub async fn kube_system_uid(&self) -> Result<String, ClusterError> {
        const OPERATION: &str = "get namespaces/kube-system";
        let namespaces: Api<Namespace> = Api::all(self.client());
        let namespace = self
            .ask(OPERATION, namespaces.get_metadata("kube-system"))
            .await?;
        namespace.metadata.uid.ok_or_else(|| {
            ClusterError::new(OPERATION, ClusterErrorKind::Other, "the answer has no UID")
        })
    }

    /// Returns the cloud regions that the nodes are labelled with.
    pub async fn node_regions(&self) -> Result<BTreeSet<String>, ClusterError> {
        let nodes: Api<Node> = Api::all(self.client());
        let mut regions = BTreeSet::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = self.ask("list nodes", nodes.list_metadata(&page)).await?;
            regions.extend(list.items.into_iter().filter_map(|node| {
                node.metadata
                    .labels?
                    .remove("topology.kubernetes.io/region")
            }));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(regions),
            }
        }
    }
}

//! What was seen of a chain of Azure, before anybody judges it.

use futures::future::OptionFuture;
use serde_json::{Value, json};

use super::prober::{AzureProber, binding, identity_object};
use crate::clients::azure::{
    AzureError, FederatedCredential, ManagedCluster, ManagedIdentity, ResourceId, RoleAssignment,
    RoleFilter, ScaleSet, StorageAccount, Token, allows,
};
use crate::clients::cluster::{self, token_claims};
use crate::engine::ChainKind;
use crate::steps::atlas::in_cluster::{Seen, in_words};
use crate::steps::atlas::place::Place;
use crate::steps::atlas::symptom::Symptom;

/// The labels that name a node's pool, the newer first.
const POOL_LABELS: [&str; 2] = ["kubernetes.azure.com/agentpool", "agentpool"];

/// The tags that name a scale set's pool, the newer first.
const POOL_TAGS: [&str; 2] = ["aks-managed-poolName", "poolName"];

/// Returns the node pool that a scale set is.
pub(super) fn pool_of(scale_set: &ScaleSet) -> Option<&str> {
    let tags = &scale_set.tags;
    let pool = POOL_TAGS.iter().find_map(|tag| tags.get(*tag));
    pool.map(String::as_str)
}

/// What was seen of the chain.
pub(super) struct Seeing {
    pub(super) kind: ChainKind,
    /// The test Pod, if there is one.
    pub(super) pod: Seen<Option<Value>>,
    /// The node pool that it runs in.
    pub(super) pool: Seen<Option<String>>,
    pub(super) cluster: Seen<Option<ManagedCluster>>,
    pub(super) identity: Seen<Option<ManagedIdentity>>,
    /// Every role of the identity in the subscription.
    pub(super) assignments: Seen<Vec<RoleAssignment>>,
    pub(super) storage: Seen<Option<StorageAccount>>,
    /// The way from the workload to the identity.
    pub(super) way: Way,
    /// What the symptom itself is about.
    pub(super) about: About,
}

/// The way to the identity.
pub(super) enum Way {
    Token(ByToken),
    Node(ByNode),
}

/// Workload identity.
pub(super) struct ByToken {
    /// The service account, as the server has it.
    pub(super) account: Seen<Option<Value>>,
    /// The claims of a token of it.
    pub(super) claims: Seen<Value>,
    pub(super) credentials: Seen<Vec<FederatedCredential>>,
    /// What came of using the token.
    pub(super) walk: Walk,
}

/// Pod identity.
pub(super) struct ByNode {
    /// The object that describes the identity.
    pub(super) object: Seen<Option<Value>>,
    pub(super) binding: Seen<Option<Value>>,
    pub(super) scale_sets: Seen<Vec<ScaleSet>>,
    /// Every role of the cluster's own identity in the subscription.
    pub(super) operator: Seen<Vec<RoleAssignment>>,
}

/// How far a token led.
pub(super) enum Walk {
    /// There was no token, or the identity is not known.
    NotBegun(String),
    /// Entra gave nothing for it.
    Refused(AzureError),
    /// There was a token of the identity, and the storage account answered: how many blobs the
    /// container holds, or that it does not exist.
    Answered(Result<Option<usize>, AzureError>),
}

/// What a symptom is about, where that is no link of the chain.
pub(super) enum About {
    Nothing,
    /// Whether the caller may by now what it was refused.
    Right(bool),
    /// Whether the role that was not found is there by now.
    Role(bool),
    /// What keeps resources from being changed.
    Locks(Vec<String>),
}

impl AzureProber {
    /// Looks at everything at once. Nothing here changes anything.
    pub(super) async fn evidence(&self, about: Option<&Symptom>) -> Seeing {
        let cluster = self.in_cluster();
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": self.place.pod, "namespace": self.place.namespace },
        });
        let placed = async {
            let pod = cluster.object(&pod).await;
            let pool = self.pool(&pod).await;
            (pod, pool)
        };
        let ((pod, pool), managed, (identity, assignments), storage, way, about) = futures::join!(
            placed,
            self.cluster(),
            self.identity(),
            self.storage(),
            self.way(),
            self.about(about),
        );
        Seeing {
            kind: self.kind,
            pod,
            pool,
            cluster: managed,
            identity,
            assignments,
            storage,
            way,
            about,
        }
    }

    /// The pool of the node that a Pod runs on: only where pools matter, and once it runs.
    async fn pool(&self, pod: &Seen<Option<Value>>) -> Seen<Option<String>> {
        let node = pod.as_ref().ok().and_then(Option::as_ref);
        let node = node.and_then(|pod| pod["spec"]["nodeName"].as_str());
        let Some(node) = node.filter(|_| self.kind == ChainKind::PodIdentity) else {
            return Ok(None);
        };
        let address = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": node } });
        let node = self.in_cluster().object(&address).await?;
        let labels = node
            .map(|node| node["metadata"]["labels"].clone())
            .unwrap_or_default();
        let pool = POOL_LABELS.iter().find_map(|label| labels[*label].as_str());
        Ok(pool.map(str::to_owned))
    }

    async fn cluster(&self) -> Seen<Option<ManagedCluster>> {
        let Place { azure, cluster, .. } = &self.place;
        let found = self
            .azure
            .cluster(&azure.subscription, &azure.group, cluster);
        found.await.map_err(in_words)
    }

    async fn storage(&self) -> Seen<Option<StorageAccount>> {
        let place = &self.place.azure;
        // It may be in another group than the cluster.
        let group = ResourceId::parse(&place.storage_id).map(|id| id.group);
        let group = group.as_deref().unwrap_or(&place.group);
        let found = self
            .azure
            .storage_account(&place.subscription, group, &place.storage);
        found.await.map_err(in_words)
    }

    /// The identity, and its roles: only the identity tells whose they are.
    async fn identity(&self) -> (Seen<Option<ManagedIdentity>>, Seen<Vec<RoleAssignment>>) {
        let place = &self.place.azure;
        let found = self
            .azure
            .identity(&place.subscription, &place.group, &place.identity);
        let identity = found.await.map_err(in_words);
        let principal = match &identity {
            Ok(Some(identity)) => identity.principal_id.clone(),
            // Whoever may not look at it may still look at roles.
            Err(_) if !place.principal.is_empty() => place.principal.clone(),
            Err(why) => return (Err(why.clone()), Err(why.clone())),
            Ok(None) => return (identity, Err("there is no identity".into())),
        };
        let assignments = self.roles_of(&principal).await;
        (identity, assignments)
    }

    async fn roles_of(&self, principal: &str) -> Seen<Vec<RoleAssignment>> {
        let scope = format!("/subscriptions/{}", self.place.azure.subscription);
        let filter = RoleFilter::Principal(principal);
        let roles = self.azure.role_assignments(&scope, filter).await;
        roles.map_err(in_words)
    }

    async fn way(&self) -> Way {
        if self.kind == ChainKind::PodIdentity {
            Way::Node(Box::pin(self.by_node()).await)
        } else {
            Way::Token(Box::pin(self.by_token()).await)
        }
    }

    async fn by_token(&self) -> ByToken {
        let place = &self.place.azure;
        let cluster = self.in_cluster();
        let token = async {
            let token = cluster.token(&place.exchange_audience).await;
            let claims = match &token {
                Ok(token) => token_claims(token).map_err(in_words),
                Err(why) => Err(why.clone()),
            };
            (claims, self.walk(token).await)
        };
        let credentials = async {
            let found = self.azure.federated_credentials(&place.identity_id).await;
            found.map_err(in_words)
        };
        let (account, (claims, walk), credentials) =
            futures::join!(cluster.account(), token, credentials);
        ByToken {
            account,
            claims,
            credentials,
            walk,
        }
    }

    async fn walk(&self, token: Seen<cluster::Token>) -> Walk {
        let place = &self.place.azure;
        let token = match token {
            Ok(token) => token,
            Err(why) => return Walk::NotBegun(why),
        };
        for (value, what) in [
            (&place.client_id, "the identity's client id is not known"),
            (
                &place.blob_endpoint,
                "the storage account's endpoint is not known",
            ),
        ] {
            if value.is_empty() {
                return Walk::NotBegun(what.into());
            }
        }
        let scope = format!("{}/.default", self.azure.cloud().storage_audience);
        let (tenant, client) = (&place.tenant, &place.client_id);
        let token = self
            .azure
            .exchange(tenant, client, token.secret.expose(), &scope);
        let token = match token.await {
            Ok(token) => token,
            Err(error) => return Walk::Refused(error),
        };
        let container = self.place.probe_bucket();
        let listed = self
            .azure
            .list_blobs(&place.blob_endpoint, &container, Token::Of(&token))
            .await;
        Walk::Answered(listed.map(|listing| listing.map(|listing| listing.blobs.len())))
    }

    async fn by_node(&self) -> ByNode {
        let place = &self.place;
        let cluster = self.in_cluster();
        let (namespace, name) = (&place.namespace, &place.azure.pod_identity);
        let (object, bound) = (identity_object(namespace, name), binding(namespace, name));
        let scale_sets = async {
            let azure = &place.azure;
            if azure.node_group.is_empty() {
                return Err("the resource group of the nodes is not known".into());
            }
            let found = self
                .azure
                .scale_sets(&azure.subscription, &azure.node_group);
            found.await.map_err(in_words)
        };
        let operator = async {
            let operator = &place.azure.operator;
            if operator.is_empty() {
                return Err("the cluster's own identity is not known".into());
            }
            self.roles_of(operator).await
        };
        let (object, binding, scale_sets, operator) = futures::join!(
            cluster.object(&object),
            cluster.object(&bound),
            scale_sets,
            operator
        );
        ByNode {
            object,
            binding,
            scale_sets,
            operator,
        }
    }

    /// Looks at what a refusal of the control plane names.
    async fn about(&self, symptom: Option<&Symptom>) -> About {
        let about: OptionFuture<_> = symptom.map(|symptom| self.about_symptom(symptom)).into();
        about.await.flatten().unwrap_or(About::Nothing)
    }

    async fn about_symptom(&self, symptom: &Symptom) -> Option<About> {
        let place = &self.place.azure;
        match symptom.code.as_deref()? {
            "AuthorizationFailed" => {
                let (action, scope) = refused_right(&symptom.text)?;
                let held = self.azure.permissions(scope).await.ok()?;
                Some(About::Right(allows(&held, action, false)))
            }
            "RoleDefinitionDoesNotExist" => {
                let role = crate::steps::azure::DATA_ROLE;
                let found = self
                    .azure
                    .role_definition(&place.storage_id, role)
                    .await
                    .ok()?;
                Some(About::Role(found.is_some()))
            }
            "ScopeLocked" => {
                let group = format!(
                    "/subscriptions/{}/resourceGroups/{}",
                    place.subscription, place.group
                );
                let locks = self.azure.locks(&group).await.ok()?;
                let named = locks.into_iter();
                let named = named.map(|lock| format!("`{}` ({})", lock.name, lock.level));
                Some(About::Locks(named.collect()))
            }
            _ => None,
        }
    }
}

/// `… does not have authorization to perform action 'ACTION' over scope 'SCOPE' or …`.
fn refused_right(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("perform action '")?;
    let (action, rest) = rest.split_once('\'')?;
    let (_, rest) = rest.split_once("over scope '")?;
    let (scope, _) = rest.split_once('\'')?;
    Some((action, scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_action_and_scope() {
        let text = "The client 'ops' with object id '1' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/subscriptions/s' or the scope is invalid. If access was recently granted, please refresh your credentials.";
        let expected = (
            "Microsoft.Authorization/roleAssignments/write",
            "/subscriptions/s",
        );
        assert_eq!(refused_right(text), Some(expected));
        assert_eq!(refused_right("no"), None);
    }
}

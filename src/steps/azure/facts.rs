//! What the steps on Azure find out for each other.
//!
//! What only Azure can know of something that is still to be made is empty until then.

use crate::engine::FactKey;

/// The subscription's id.
pub const SUBSCRIPTION: FactKey<String> = FactKey::new("azure.subscription");
/// The tenant's id.
pub const TENANT: FactKey<String> = FactKey::new("azure.tenant");
/// The object id of who calls.
pub const CALLER: FactKey<String> = FactKey::new("azure.caller");
/// The cluster's resource id.
pub const CLUSTER_ID: FactKey<String> = FactKey::new("azure.cluster-id");
/// The URL of the cluster's API.
pub const ENDPOINT: FactKey<String> = FactKey::new("azure.cluster-endpoint");
/// The certificate authority of the cluster's API, in base64; empty where the caller may not know.
pub const CERTIFICATE_AUTHORITY: FactKey<String> = FactKey::new("azure.cluster-ca");
/// The issuer that the cluster had when it was looked at first; empty where it had none.
pub const CLUSTER_ISSUER: FactKey<String> = FactKey::new("azure.cluster-issuer");
/// The cluster's OIDC issuer, with `https://` and the trailing slash; empty while it has none.
pub const OIDC_ISSUER: FactKey<String> = FactKey::new("azure.oidc-issuer");
/// The resource group of the cluster's nodes.
pub const NODE_GROUP: FactKey<String> = FactKey::new("azure.node-group");
/// The object id of the identity that the cluster's control plane acts as; empty where it has none.
pub const CLUSTER_PRINCIPAL: FactKey<String> = FactKey::new("azure.cluster-principal");
/// The storage account's resource id.
pub const STORAGE_ID: FactKey<String> = FactKey::new("azure.storage-id");
/// Where the storage account's blobs are; empty while it is still to be made.
pub const BLOB_ENDPOINT: FactKey<String> = FactKey::new("azure.blob-endpoint");
/// The managed identity's resource id, in our own spelling: services write ids in different cases.
pub const IDENTITY_ID: FactKey<String> = FactKey::new("azure.identity-id");
/// What a hand-off has decided about an identity of our name, for the next run; empty where nothing.
pub const IDENTITY_ADOPTED: FactKey<String> = FactKey::new("azure.identity-adopted");
/// The managed identity's client id; empty while it is still to be made.
pub const IDENTITY_CLIENT_ID: FactKey<String> = FactKey::new("azure.identity-client-id");
/// The managed identity's object id; empty while it is still to be made.
pub const IDENTITY_PRINCIPAL_ID: FactKey<String> = FactKey::new("azure.identity-principal-id");
/// The resource id of the role assignment on the storage account; empty while it is still to be made.
pub const ASSIGNMENT_ID: FactKey<String> = FactKey::new("azure.assignment-id");

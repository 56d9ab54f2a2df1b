//! What the caller may do on Azure, as its roles at each scope tell.
//!
//! A right that was granted a moment ago may be missing from the answer, and locks, policies and deny
//! assignments have their own say.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::future::join_all;

use super::facts::SUBSCRIPTION;
use super::identity::{AzureIdentity, Method};
use crate::clients::azure::{Azure, AzureError, AzureErrorKind, Permission, allows};
use crate::engine::{Facts, RightAnswer, RightView, StepError};
use crate::steps::environment::{CallersRights, Right};

const READS: &[&str] = &[
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.Storage/storageAccounts/read",
];
const IDENTITY: &[&str] = &[
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/write",
];
const CREDENTIAL: &[&str] = &[
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
];
const ASSIGNMENT: &[&str] = &[
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleAssignments/write",
];
/// Giving an identity to a cluster takes the right to assign it, too.
const POD_IDENTITY: &[&str] = &[
    "Microsoft.ContainerService/managedClusters/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
];
const CHANGE_CLUSTER: &[&str] = &["Microsoft.ContainerService/managedClusters/write"];
const MAKE_ACCOUNT: &[&str] = &["Microsoft.Storage/storageAccounts/write"];

/// What the plan needs to be allowed.
pub struct Rights {
    azure: Azure,
    rights: Vec<Right>,
}

impl Rights {
    /// Returns what making `identity` takes; `creates` and `enables` say whether the storage account
    /// may be made and the cluster be changed.
    pub fn new(azure: Azure, identity: &AzureIdentity, creates: bool, enables: bool) -> Self {
        let of_account = if creates { MAKE_ACCOUNT } else { &[] };
        let of_cluster = if enables { CHANGE_CLUSTER } else { &[] };
        let of_method = match identity.method {
            Method::WorkloadIdentity => CREDENTIAL,
            Method::PodIdentity => POD_IDENTITY,
        };
        // Whatever is still to be made has the rights of its group.
        let group = [
            READS, IDENTITY, ASSIGNMENT, of_method, of_account, of_cluster,
        ];
        let rights = group.into_iter().filter(|actions| !actions.is_empty());
        Self {
            azure,
            rights: rights
                .map(|actions| Right {
                    actions,
                    resource: identity.group_id(),
                    conditions: Vec::new(),
                })
                .collect(),
        }
    }
}

#[async_trait]
impl CallersRights for Rights {
    fn needs(&self) -> Vec<&'static str> {
        vec![SUBSCRIPTION.name()]
    }

    async fn ask(&self, _facts: &Facts) -> Result<Vec<RightView>, StepError> {
        let scopes: BTreeMap<&str, ()> = self
            .rights
            .iter()
            .map(|right| (right.resource.as_str(), ()))
            .collect();
        let asking = scopes.into_keys().map(async |scope| {
            let told = self.azure.permissions(scope).await;
            (scope, told)
        });
        let told: BTreeMap<_, _> = join_all(asking).await.into_iter().collect();
        let views = self
            .rights
            .iter()
            .flat_map(|right| answers(right, &told[right.resource.as_str()]));
        Ok(views.collect())
    }

    fn denied(&self, right: &RightView) -> String {
        format!(
            "the caller's roles do not allow {}; if that was granted just now, the act itself will tell",
            right.action
        )
    }

    fn skew(&self) -> Option<(jiff::SignedDuration, &'static str)> {
        Some((self.azure.clock_skew()?, "Azure"))
    }
}

/// What the permissions at its scope say of each action of a right.
fn answers(right: &Right, told: &Result<Vec<Permission>, AzureError>) -> Vec<RightView> {
    let permissions = match told {
        Ok(permissions) => permissions,
        Err(error) if error.kind == AzureErrorKind::AccessDenied => {
            return right.all_unknown(
                &right.resource,
                "the caller may not read their own permissions",
            );
        }
        // Nothing follows from that.
        Err(error) => return right.all_unknown(&right.resource, &error.to_string()),
    };
    let view = |action: &&str| RightView {
        action: (*action).to_owned(),
        resource: right.resource.clone(),
        answer: if allows(permissions, action, false) {
            RightAnswer::Allowed
        } else {
            RightAnswer::Denied
        },
        how: "the caller's roles there".to_owned(),
    };
    right.actions.iter().map(view).collect()
}

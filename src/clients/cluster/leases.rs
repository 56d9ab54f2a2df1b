//! Leases: objects that say who holds something, and until when.
//!
//! Every write names the version it is about, so that of two who want the same one gets it. Times
//! in a Lease are of the clock that wrote them, and are for people to read: whoever waits for an
//! end measures with a clock of its own how long a version stays.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams, Preconditions};

use super::connect::Cluster;
use super::error::{ClusterError, ClusterErrorKind, found};

/// A Lease, as far as we need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Changes with every write.
    pub version: String,
    /// Whether anybody holds it, and who.
    pub claim: Option<LeaseClaim>,
    uid: String,
    transitions: i32,
}

/// Who holds a Lease, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseClaim {
    /// The holder, for people.
    pub holder: String,
    /// How long after its last renewal it ends.
    pub duration: Option<Duration>,
    /// Since when, by the holder's clock.
    pub acquired: Option<jiff::Timestamp>,
    /// When it was renewed last, by the holder's clock.
    pub renewed: Option<jiff::Timestamp>,
    /// What the holder says of itself.
    pub annotations: BTreeMap<String, String>,
}

impl Cluster {
    /// Returns the Lease of this name.
    pub async fn lease(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<LeaseInfo>, ClusterError> {
        let leases: Api<Lease> = Api::namespaced(self.client(), namespace);
        let answer = self
            .ask(&format!("get leases/{name}"), leases.get(name))
            .await;
        Ok(found(answer)?.map(LeaseInfo::from))
    }

    /// Writes a claim over the Lease that was seen, or where none was. Returns the Lease as stored;
    /// none when somebody was faster, and it is time to look again.
    pub async fn claim_lease(
        &self,
        namespace: &str,
        name: &str,
        claim: &LeaseClaim,
        seen: Option<&LeaseInfo>,
    ) -> Result<Option<LeaseInfo>, ClusterError> {
        let leases: Api<Lease> = Api::namespaced(self.client(), namespace);
        let parameters = PostParams {
            field_manager: Some("rok-deploy".into()),
            ..PostParams::default()
        };
        let lease = claimed(name, claim, seen);
        let answer = if seen.is_some() {
            let request = leases.replace(name, &parameters, &lease);
            let answer = self.ask(&format!("update leases/{name}"), request).await;
            found(answer)
        } else {
            let request = leases.create(&parameters, &lease);
            let answer = self.ask(&format!("create leases/{name}"), request).await;
            answer.map(Some)
        };
        match answer {
            Ok(stored) => Ok(stored.map(LeaseInfo::from)),
            Err(error) if is_late(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes the Lease if it still is the version that was seen. Returns whether it was.
    pub async fn delete_lease(
        &self,
        namespace: &str,
        name: &str,
        seen: &LeaseInfo,
    ) -> Result<bool, ClusterError> {
        let leases: Api<Lease> = Api::namespaced(self.client(), namespace);
        let parameters = DeleteParams::default().preconditions(Preconditions {
            uid: Some(seen.uid.clone()),
            resource_version: Some(seen.version.clone()),
        });
        let request = leases.delete(name, &parameters);
        let answer = self.ask(&format!("delete leases/{name}"), request).await;
        match found(answer) {
            Ok(deleted) => Ok(deleted.is_some()),
            Err(error) if is_late(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl From<Lease> for LeaseInfo {
    fn from(lease: Lease) -> Self {
        let spec = lease.spec.unwrap_or_default();
        let duration = spec.lease_duration_seconds;
        let annotations = lease.metadata.annotations.unwrap_or_default();
        let held_by = spec.holder_identity.filter(|holder| !holder.is_empty());
        Self {
            version: lease.metadata.resource_version.unwrap_or_default(),
            uid: lease.metadata.uid.unwrap_or_default(),
            transitions: spec.lease_transitions.unwrap_or_default(),
            claim: held_by.map(|holder| LeaseClaim {
                holder,
                duration: duration
                    .and_then(|seconds| u64::try_from(seconds).ok())
                    .map(Duration::from_secs),
                acquired: spec.acquire_time.map(|time| time.0),
                renewed: spec.renew_time.map(|time| time.0),
                annotations,
            }),
        }
    }
}

fn claimed(name: &str, claim: &LeaseClaim, seen: Option<&LeaseInfo>) -> Lease {
    let changes_hands = |seen: &LeaseInfo| {
        let holder = seen.claim.as_ref().map(|claim| &claim.holder);
        i32::from(holder != Some(&claim.holder))
    };
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some(claim.annotations.clone()),
            resource_version: seen.map(|seen| seen.version.clone()),
            uid: seen.map(|seen| seen.uid.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(claim.holder.clone()),
            lease_duration_seconds: claim
                .duration
                .and_then(|duration| i32::try_from(duration.as_secs()).ok()),
            acquire_time: claim.acquired.map(MicroTime),
            renew_time: claim.renewed.map(MicroTime),
            lease_transitions: seen.map(|seen| seen.transitions + changes_hands(seen)),
            ..LeaseSpec::default()
        }),
    }
}

fn is_late(error: &ClusterError) -> bool {
    matches!(
        error.kind,
        ClusterErrorKind::AlreadyExists | ClusterErrorKind::Conflict
    )
}

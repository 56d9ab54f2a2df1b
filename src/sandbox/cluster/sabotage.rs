//! Ways to break the cluster on purpose. They are kept with its state, so that a test can break the
//! world of another process between two runs of it.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::server::ClusterServer;

/// One thing that does not work as it should.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sabotage {
    /// The identity webhook does not answer and its failure policy is `Ignore`: Pods pass untouched.
    WebhookOff,
    /// The identity webhook does not answer and its failure policy is `Fail`: Pods are refused.
    WebhookDownAndFailing,
    /// No image can be pulled.
    ImageNotPullable,
    /// No node has room for another Pod.
    Unschedulable,
    /// An admission policy refuses to connect to Pods, whatever the caller's rights.
    ExecRefused,
    /// The node's agent cannot be reached, which a client learns after its connection was upgraded.
    ExecBreaksAfterUpgrade,
    /// Containers cannot reach the instance metadata, and so have no credentials to fall back to.
    NodeRoleOutOfReach,
    /// Tokens name this issuer instead of the cluster's own.
    OtherIssuer(String),
}

impl ClusterServer {
    /// Breaks one thing, until [`Self::repair`].
    ///
    /// # Errors
    ///
    /// When the state file cannot be written.
    pub fn sabotage(&self, sabotage: Sabotage) -> io::Result<()> {
        self.change(|state| {
            state.sabotage.insert(sabotage.clone());
        })
    }

    /// Lets everything work again.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written.
    pub fn repair(&self) -> io::Result<()> {
        self.change(|state| state.sabotage.clear())
    }

    fn change(&self, mut change: impl FnMut(&mut super::ClusterState)) -> io::Result<()> {
        let outcome = self.cluster.change(false, &mut |state| {
            change(state);
            Ok(Value::Null)
        });
        outcome
            .map(|_| ())
            .map_err(|refusal| io::Error::other(refusal.body()["message"].to_string()))
    }
}

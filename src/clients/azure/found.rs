//! What was found about the way to Azure, and clients built from a record of it: they send nothing.

use serde::{Deserialize, Serialize};

use super::cloud::CloudEnvironment;
use super::connect::Azure;
use super::error::AzureError;
use super::http::Network;
use crate::clients::wire::WireLog;

/// What was found in the operator's settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) cloud: CloudEnvironment,
    pub(super) tenant: Option<String>,
    /// Whether another login can reach this process: not where the secret stands in its environment.
    pub(super) is_renewable: bool,
}

impl Found {
    pub(super) fn written(&self) -> String {
        serde_json::to_string(self).expect("texts are JSON")
    }
}

impl Azure {
    /// Builds clients whose every request is answered at the gate.
    pub(super) fn told(written: &[u8], wire: WireLog) -> Result<Self, AzureError> {
        let found: Found = serde_json::from_slice(written)
            .map_err(|_| AzureError::configuration("the record has no settings"))?;
        Self::with(found, Network::Nowhere, |_| None, wire)
    }
}

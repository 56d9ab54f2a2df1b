//! One handle for all Azure calls, and the settings it is built from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::cloud::CloudEnvironment;
use super::error::AzureError;
use crate::clients::wire::WireLog;

/// How to reach Azure. What is `None` is found the way the Azure CLI finds it.
#[derive(Clone, Default)]
pub struct AzureSettings {
    /// The tenant whose login is used; else `AZURE_TENANT_ID`, else the login's own.
    pub tenant: Option<String>,
    /// Where Resource Manager is; else `ROK_AZURE_ARM_ENDPOINT`, else the cloud's.
    pub arm_endpoint: Option<String>,
    /// Where Entra is; else `AZURE_AUTHORITY_HOST`, else the cloud's.
    pub authority_host: Option<String>,
    /// The client id and secret of a practice cloud, instead of the operator's credentials.
    pub secret: Option<(String, String)>,
    /// A PEM file with certificates to trust besides the system's; else `SSL_CERT_FILE`.
    pub ca_file: Option<PathBuf>,
    /// The cloud: `AzureCloud`, `AzureChinaCloud` or `AzureUSGovernment`.
    pub cloud: Option<String>,
}

impl fmt::Debug for AzureSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AzureSettings")
            .field("tenant", &self.tenant)
            .field("arm_endpoint", &self.arm_endpoint)
            .field("authority_host", &self.authority_host)
            .field("ca_file", &self.ca_file)
            .field("cloud", &self.cloud)
            .finish_non_exhaustive()
    }
}

/// Azure, as one caller sees it. Clones share everything.
#[derive(Clone)]
pub struct Azure {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) cloud: CloudEnvironment,
}

impl Azure {
    /// Finds the cloud and builds the clients. Credentials are looked up by the first call that
    /// needs them.
    pub async fn connect(settings: &AzureSettings, wire: WireLog) -> Result<Self, AzureError> {
        todo!()
    }

    /// Returns the cloud's endpoints and audiences.
    pub fn cloud(&self) -> &CloudEnvironment {
        &self.inner.cloud
    }

    /// Returns by how much the server's clock was ahead of ours at its last answer, to the second.
    pub fn clock_skew(&self) -> Option<jiff::SignedDuration> {
        todo!()
    }

    /// Has the operator's login looked up anew before the next call: after a right was granted, the
    /// old token may not have it.
    pub fn renew_login(&self) {
        todo!()
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Azure")
            .field("cloud", &self.inner.cloud.name)
            .finish_non_exhaustive()
    }
}

//! Entra: a service account's token in exchange for one of the identity that it stands for.

use super::connect::Azure;
use super::error::AzureError;
use crate::clients::secret::Secret;

/// A token of an identity that is not the caller's. `Debug` does not show it.
#[derive(Debug)]
pub struct AccessToken {
    /// When it ends.
    pub expires: jiff::Timestamp,
    /// The identity's object id, when the token tells.
    pub object_id: Option<String>,
    /// The identity's client id, when the token tells.
    pub client_id: Option<String>,
    pub(super) token: Secret,
}

impl Azure {
    /// Exchanges a service account's token for one of the identity `client_id`, as a Pod does.
    /// `scope` is such as `https://storage.azure.com/.default`. What Entra refuses has its `AADSTS…`
    /// as the error's code.
    pub async fn exchange(
        &self,
        tenant: &str,
        client_id: &str,
        assertion: &str,
        scope: &str,
    ) -> Result<AccessToken, AzureError> {
        todo!()
    }
}

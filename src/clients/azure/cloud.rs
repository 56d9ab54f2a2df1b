//! Which of the separate Azure clouds is meant, and where its services are.

use azure_core::http::{Method, Pipeline, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chain::Variables;
use super::connect::AzureSettings;
use super::error::AzureError;
use super::request::{Asked, send};

/// The endpoints and audiences of one cloud. Endpoints have no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEnvironment {
    /// What `az cloud list` calls it: `AzureCloud`.
    pub name: String,
    /// Where Resource Manager is: `https://management.azure.com`.
    pub resource_manager: String,
    /// Whom a token for Resource Manager is for: `https://management.azure.com`.
    pub resource_manager_audience: String,
    /// Where Entra is: `https://login.microsoftonline.com`.
    pub login: String,
    /// What the names of storage endpoints end in: `core.windows.net`.
    pub storage_suffix: String,
    /// Whom a token for storage is for: `https://storage.azure.com`.
    pub storage_audience: String,
    /// The audience of a service account's token that Entra exchanges:
    /// `api://AzureADTokenExchange`.
    pub exchange_audience: String,
}

/// One known cloud.
struct Known {
    name: &'static str,
    resource_manager: &'static str,
    login: &'static str,
    storage_suffix: &'static str,
    exchange_audience: &'static str,
}

/// The public cloud and the two sovereign ones, as `az cloud list` has them (`cloud.py` of
/// azure-cli-core). The audiences of token exchange are those of "Important considerations and
/// restrictions for federated identity credentials" and of azure.identity's samples.
const KNOWN: [Known; 3] = [
    Known {
        name: "AzureCloud",
        resource_manager: "https://management.azure.com",
        login: "https://login.microsoftonline.com",
        storage_suffix: "core.windows.net",
        exchange_audience: "api://AzureADTokenExchange",
    },
    Known {
        name: "AzureChinaCloud",
        resource_manager: "https://management.chinacloudapi.cn",
        login: "https://login.chinacloudapi.cn",
        storage_suffix: "core.chinacloudapi.cn",
        exchange_audience: "api://AzureADTokenExchangeChina",
    },
    Known {
        name: "AzureUSGovernment",
        resource_manager: "https://management.usgovcloudapi.net",
        login: "https://login.microsoftonline.us",
        storage_suffix: "core.usgovcloudapi.net",
        exchange_audience: "api://AzureADTokenExchangeUSGov",
    },
];

/// Storage is one audience in every cloud.
const STORAGE_AUDIENCE: &str = "https://storage.azure.com";

impl From<&Known> for CloudEnvironment {
    fn from(known: &Known) -> Self {
        Self {
            name: known.name.into(),
            resource_manager: known.resource_manager.into(),
            resource_manager_audience: known.resource_manager.into(),
            login: known.login.into(),
            storage_suffix: known.storage_suffix.into(),
            storage_audience: STORAGE_AUDIENCE.into(),
            exchange_audience: known.exchange_audience.into(),
        }
    }
}

impl CloudEnvironment {
    /// Returns the cloud that `az cloud list` calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        KNOWN
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))
            .map(Self::from)
    }

    /// Returns the scope of a token for Resource Manager.
    pub fn resource_manager_scope(&self) -> String {
        format!("{}/.default", self.resource_manager_audience)
    }

    /// Returns the scope of a token for storage.
    pub fn storage_scope(&self) -> String {
        format!("{}/.default", self.storage_audience)
    }

    /// Finds the cloud: by its name, by the endpoint of Resource Manager, which tells the rest, or by
    /// that of Entra; else it is the public one.
    pub(super) async fn find(
        settings: &AzureSettings,
        variables: &Variables,
        pipeline: &Pipeline,
    ) -> Result<Self, AzureError> {
        let or_variable = |setting: &Option<String>, name: &str| {
            let found = setting.clone().or_else(|| variables(name));
            found.map(|found| found.trim_end_matches('/').to_owned())
        };
        let endpoint = or_variable(&settings.arm_endpoint, "ROK_AZURE_ARM_ENDPOINT");
        let login = or_variable(&settings.authority_host, "AZURE_AUTHORITY_HOST");
        let is = |one: &str, other: &Option<String>| {
            other
                .as_deref()
                .is_some_and(|other| other.eq_ignore_ascii_case(one))
        };
        let known = KNOWN
            .iter()
            .find(|known| is(known.resource_manager, &endpoint));
        let mut cloud = match (&settings.cloud, &endpoint, known) {
            (Some(name), None, _) => Self::named(name).ok_or_else(|| {
                let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
                AzureError::configuration(&format!(
                    "there is no cloud `{name}`; known are {}, and any other by \
                     ROK_AZURE_ARM_ENDPOINT",
                    names.join(", ")
                ))
            })?,
            (_, Some(_), Some(known)) => known.into(),
            (_, Some(endpoint), None) => Self::discover(endpoint, pipeline).await?,
            (None, None, _) => KNOWN
                .iter()
                .find(|known| is(known.login, &login))
                .unwrap_or(&KNOWN[0])
                .into(),
        };
        if let Some(login) = login {
            cloud.login = login;
        }
        Ok(cloud)
    }

    /// Asks Resource Manager where everything else is.
    async fn discover(endpoint: &str, pipeline: &Pipeline) -> Result<Self, AzureError> {
        let mut url = Url::parse(endpoint).map_err(|error| {
            AzureError::configuration(&format!("`{endpoint}` is no endpoint: {error}"))
        })?;
        url.set_path("metadata/endpoints");
        url.set_query(Some("api-version=2022-09-01"));
        let asked = Asked::new(Method::Get, url).outside_of_the_gate();
        let operation = asked.operation();
        let answer = send(pipeline, asked).await?;
        let told: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| AzureError::incomplete(&operation, "readable endpoints"))?;
        Self::told(endpoint, &told)
            .ok_or_else(|| AzureError::incomplete(&operation, "`authentication.loginEndpoint`"))
    }

    /// Reads one cloud, or the one of a list that is at `endpoint`.
    fn told(endpoint: &str, told: &Value) -> Option<Self> {
        let place = |value: &Value| {
            value
                .as_str()
                .map(|url| url.trim_end_matches('/').to_owned())
        };
        let cloud = match told.as_array() {
            Some(clouds) => clouds
                .iter()
                .find(|cloud| {
                    place(&cloud["resourceManager"])
                        .is_some_and(|found| found.eq_ignore_ascii_case(endpoint))
                })
                .or_else(|| clouds.first())?,
            None => told,
        };
        let login = place(&cloud["authentication"]["loginEndpoint"])?;
        let known = KNOWN
            .iter()
            .find(|known| known.login.eq_ignore_ascii_case(&login))
            .unwrap_or(&KNOWN[0]);
        // To the letter, with a trailing slash where there is one: it is part of the name.
        let audience = cloud["authentication"]["audiences"][0].as_str();
        Some(Self {
            name: cloud["name"].as_str().unwrap_or(endpoint).to_owned(),
            resource_manager: endpoint.to_owned(),
            resource_manager_audience: audience.unwrap_or(endpoint).to_owned(),
            login,
            storage_suffix: place(&cloud["suffixes"]["storage"])
                .unwrap_or_else(|| known.storage_suffix.into()),
            storage_audience: STORAGE_AUDIENCE.into(),
            exchange_audience: known.exchange_audience.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::tests::no_network;
    use super::*;

    async fn found(settings: AzureSettings, set: (&'static str, &'static str)) -> CloudEnvironment {
        let variables: Variables = Arc::new(move |name| (name == set.0).then(|| set.1.to_owned()));
        CloudEnvironment::find(&settings, &variables, &no_network())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_cloud_is_found_by_its_name_or_by_an_endpoint() {
        let named = |name: &str| AzureSettings {
            cloud: Some(name.into()),
            ..AzureSettings::default()
        };
        let none = ("", "");
        let china = found(named("azurechinacloud"), none).await;
        assert_eq!(china.exchange_audience, "api://AzureADTokenExchangeChina");
        let default = found(AzureSettings::default(), none).await;
        assert_eq!(default.name, "AzureCloud");
        let authority = ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/");
        let government = found(AzureSettings::default(), authority).await;
        assert_eq!(
            government.resource_manager,
            "https://management.usgovcloudapi.net"
        );
        let endpoint = (
            "ROK_AZURE_ARM_ENDPOINT",
            "https://management.chinacloudapi.cn/",
        );
        assert_eq!(found(AzureSettings::default(), endpoint).await, china);
    }

    #[tokio::test]
    async fn an_unknown_name_is_told_with_those_that_are_known() {
        let settings = AzureSettings {
            cloud: Some("AzureMoon".into()),
            ..AzureSettings::default()
        };
        let variables: Variables = Arc::new(|_| None);
        let error = CloudEnvironment::find(&settings, &variables, &no_network())
            .await
            .unwrap_err();
        assert!(error.message.contains("AzureUSGovernment"), "{error}");
    }

    #[test]
    fn endpoints_are_read_from_one_cloud_or_a_list() {
        let cloud = json!({
            "name": "Local", "resourceManager": "https://localhost:1/",
            "authentication": {
                "loginEndpoint": "https://localhost:1/",
                "audiences": ["https://management.core.windows.net/"],
            },
            "suffixes": {"storage": "localhost"},
        });
        let read = |told: &Value| CloudEnvironment::told("https://localhost:1", told).unwrap();
        let found = read(&cloud);
        assert_eq!(found.login, "https://localhost:1");
        assert_eq!(
            found.resource_manager_scope(),
            "https://management.core.windows.net//.default"
        );
        assert_eq!(found.storage_suffix, "localhost");
        let other =
            json!({"resourceManager": "https://other", "authentication": {"loginEndpoint": "x"}});
        assert_eq!(read(&json!([other, cloud])), found);
        assert_eq!(CloudEnvironment::told("x", &json!([])), None);
    }
}

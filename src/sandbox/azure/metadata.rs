//! Where the parts of this cloud are: what clients ask before anything else.

use serde_json::{Value, json};

use super::call::Query;
use super::cloud::Cloud;

/// From this version on the answer names suffixes, too.
const WITH_SUFFIXES: &str = "2019-05-01";
/// From this version on the answer is this one cloud, not a list.
const ONE_CLOUD: &str = "2022-09-01";

/// Answers `/metadata/endpoints`; `None` for every other path. A doubled slash is forgiven, as
/// clients join an endpoint that ends with one.
pub(super) fn document(cloud: &Cloud, path: &str, query: &Query) -> Option<Value> {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if segments != ["metadata", "endpoints"] {
        return None;
    }
    let endpoint = cloud.endpoint();
    let version = query.get("api-version").unwrap_or_default();
    let authentication = json!({
        "loginEndpoint": endpoint,
        "audiences": [
            "https://management.core.windows.net/",
            "https://management.azure.com/",
        ],
        "tenant": "common",
        "identityProvider": "AAD",
    });
    if version < WITH_SUFFIXES {
        return Some(json!({
            "galleryEndpoint": format!("{endpoint}/"),
            "graphEndpoint": format!("{endpoint}/"),
            "portalEndpoint": format!("{endpoint}/"),
            "authentication": authentication,
        }));
    }
    let whole = json!({
        "name": "AzurePractice",
        "portal": endpoint,
        "authentication": authentication,
        "resourceManager": format!("{endpoint}/"),
        "graph": format!("{endpoint}/"),
        "graphAudience": "https://graph.microsoft.com/",
        "microsoftGraphResourceId": format!("{endpoint}/"),
        "gallery": format!("{endpoint}/"),
        "batch": format!("{endpoint}/"),
        "media": format!("{endpoint}/"),
        "sqlManagement": format!("{endpoint}/"),
        "activeDirectoryDataLake": format!("{endpoint}/"),
        "suffixes": { "storage": format!("localhost:{}", cloud.port) },
    });
    Some(if version < ONE_CLOUD {
        json!([whole])
    } else {
        whole
    })
}

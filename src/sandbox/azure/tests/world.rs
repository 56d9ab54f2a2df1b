//! Clusters, machines, storage accounts and listings.

use std::time::Duration;

use serde_json::{Value, json};

use super::practice::{
    Practice, SUBSCRIPTION, account, assignment, cluster, group, identity, role,
};

const OPERATOR: &str = "f1a07417-d97a-45cb-824c-7a7467783830";
const WORK: Duration = Duration::from_secs(1);

async fn cluster_now(practice: &Practice) -> Value {
    practice.ask("GET", &cluster(), None).await.good()
}

#[tokio::test]
async fn the_way_in_is_told_to_who_may_know() {
    let practice = Practice::start().await;
    let path = format!("{}/listClusterUserCredential", cluster());
    let found = practice.ask("POST", &path, None).await.good();
    assert_eq!(found["kubeconfigs"][0]["name"], "clusterUser");
    let (token, _) = practice.somebody(Some(("Reader", &group()))).await;
    let refused = practice.ask_as(&token, "POST", &path, None).await;
    assert_eq!(refused.code(), (403, "AuthorizationFailed"));
}

#[tokio::test]
async fn pod_identity_needs_its_operator_at_the_identity_itself() {
    let practice = Practice::start().await;
    let made = practice.identity().await;
    let mut body = cluster_now(&practice).await;
    let principal = body["identity"]["principalId"].clone();
    body["properties"]["podIdentityProfile"]["userAssignedIdentities"] = json!([{
        "name": "rok", "namespace": "rok",
        "identity": { "resourceId": identity("rok") },
    }]);
    let refused = practice.ask("PUT", &cluster(), Some(body.clone())).await;
    let (status, _, message) = refused.error();
    assert_eq!(status, 400);
    assert!(
        message.starts_with("Cluster identity has no assignment permission over identity 'resourceId: /subscriptions/"),
        "{message}"
    );
    let properties = json!({
        "roleDefinitionId": role(OPERATOR),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    });
    let grant = Some(json!({ "properties": properties }));
    // A role of the whole group is not looked at.
    practice
        .ask("PUT", &assignment(&group(), 1), grant.clone())
        .await
        .good();
    assert_eq!(
        practice
            .ask("PUT", &cluster(), Some(body.clone()))
            .await
            .status,
        400
    );
    practice
        .ask("PUT", &assignment(&identity("rok"), 1), grant)
        .await
        .good();
    let accepted = practice.ask("PUT", &cluster(), Some(body.clone())).await;
    assert_eq!(accepted.status, 200);
    let operation = accepted.headers["azure-asyncoperation"].to_str().unwrap();
    let operation = operation.split_once("/subscriptions").unwrap().1;
    let operation = format!("/subscriptions{}", operation.split('?').next().unwrap());
    assert_eq!(
        accepted.good()["properties"]["provisioningState"],
        "Updating"
    );
    let busy = practice.ask("PUT", &cluster(), Some(body)).await;
    assert_eq!(busy.code(), (409, "OperationNotAllowed"));
    let status = practice.ask("GET", &operation, None).await.good();
    assert_eq!(status["status"], "InProgress");
    practice.pass(WORK);
    let status = practice.ask("GET", &operation, None).await.good();
    assert_eq!(status["status"], "Succeeded");

    let now = cluster_now(&practice).await;
    let assigned = &now["properties"]["podIdentityProfile"]["userAssignedIdentities"][0];
    assert_eq!(assigned["provisioningState"], "Assigned");
    assert_eq!(
        assigned["identity"]["clientId"],
        made["properties"]["clientId"]
    );
    assert_eq!(assigned["bindingSelector"], "rok");
    let sets = format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_arrikto_arrikto-cluster_eastus/providers/Microsoft.Compute/virtualMachineScaleSets"
    );
    let sets = practice.ask("GET", &sets, None).await.good();
    let set = &sets["value"][0];
    assert_eq!(set["tags"]["poolName"], "workers");
    let ids: Vec<&String> = set["identity"]["userAssignedIdentities"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    let ours = ids.iter().find(|id| id.ends_with("/rok")).unwrap();
    assert_ne!(**ours, identity("rok"), "Compute spells ids its own way");
    assert!(ours.eq_ignore_ascii_case(&identity("rok")));
}

#[tokio::test]
async fn who_may_not_use_an_identity_cannot_give_it_to_machines() {
    let practice = Practice::start().await;
    practice.identity().await;
    let mut body = cluster_now(&practice).await;
    body["properties"]["podIdentityProfile"]["userAssignedIdentities"] = json!([{
        "name": "rok", "namespace": "rok",
        "identity": { "resourceId": identity("rok") },
    }]);
    let (token, _) = practice.somebody(Some(("Contributor", &cluster()))).await;
    let refused = practice.ask_as(&token, "PUT", &cluster(), Some(body)).await;
    let (status, code, message) = refused.error();
    assert_eq!((status, code), (403, "LinkedAuthorizationFailed"));
    assert!(
        message.contains("'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'"),
        "{message}"
    );
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_is_refused() {
    let practice = Practice::start().await;
    let body = cluster_now(&practice).await;
    let etag = body["eTag"].as_str().unwrap().to_owned();
    let tags = json!({ "tags": { "somebody": "else" } });
    practice.ask("PATCH", &cluster(), Some(tags)).await.good();
    let now = cluster_now(&practice).await;
    let put = async |etag: &str| practice.put_if_match(&cluster(), etag, now.clone()).await;
    assert_eq!(put(&etag).await.code(), (412, "PreconditionFailed"));
    assert_eq!(put(now["eTag"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn the_issuer_stays_on_and_workload_identity_needs_it() {
    let practice = Practice::start().await;
    let body = cluster_now(&practice).await;
    let mut off = body.clone();
    off["properties"]["oidcIssuerProfile"]["enabled"] = false.into();
    let refused = practice.ask("PUT", &cluster(), Some(off)).await;
    assert_eq!(refused.code(), (400, "OIDCIssuerFeatureCannotBeDisabled"));
    // What only Azure sets is not taken from anybody.
    let mut other = body.clone();
    other["properties"]["oidcIssuerProfile"]["issuerURL"] = "https://other.example/".into();
    let taken = practice.ask("PUT", &cluster(), Some(other)).await.good();
    assert_eq!(
        taken["properties"]["oidcIssuerProfile"],
        body["properties"]["oidcIssuerProfile"]
    );
}

#[tokio::test]
async fn a_storage_account_is_made_in_its_time() {
    let practice = Practice::start().await;
    let path = account().replace("rokpractice", "rokother");
    let body = json!({
        "location": "eastus", "kind": "StorageV2", "sku": { "name": "Standard_LRS" },
        "properties": { "allowSharedKeyAccess": false },
    });
    let accepted = practice.ask("PUT", &path, Some(body)).await;
    assert_eq!(accepted.status, 202);
    assert!(accepted.headers.contains_key("location"));
    practice.pass(WORK);
    let made = practice.ask("GET", &path, None).await.good();
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    assert_eq!(made["properties"]["allowSharedKeyAccess"], false);
    let blob = made["properties"]["primaryEndpoints"]["blob"]
        .as_str()
        .unwrap();
    assert!(
        blob.starts_with("https://rokother.blob.localhost:"),
        "{blob}"
    );
    let check =
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability");
    let taken = practice
        .ask("POST", &check, Some(json!({ "name": "rokother" })))
        .await
        .good();
    assert_eq!(taken["reason"], "AlreadyExists");
    assert_eq!(practice.ask("DELETE", &path, None).await.status, 200);
    let gone = practice.ask("GET", &path, None).await;
    assert_eq!(gone.code(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn everything_is_in_one_listing_and_endpoints_are_told_openly() {
    let practice = Practice::start().await;
    practice.identity().await;
    let path = format!(
        "/subscriptions/{SUBSCRIPTION}/resources?$filter=resourceGroup%20eq%20'ARRIKTO'%20and%20resourceType%20eq%20'Microsoft.ManagedIdentity/userAssignedIdentities'"
    );
    let found = practice.ask("GET", &path, None).await.good();
    assert_eq!(found["value"][0]["name"], "rok");
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let subscriptions = practice.ask("GET", "/subscriptions", None).await.good();
    assert_eq!(subscriptions["value"][0]["subscriptionId"], SUBSCRIPTION);

    let endpoint = practice.server.endpoint();
    for (version, pointer) in [
        ("2022-09-01", "/authentication/loginEndpoint"),
        ("2019-05-01", "/0/authentication/loginEndpoint"),
        ("2015-01-01", "/authentication/loginEndpoint"),
    ] {
        let path = format!("//metadata/endpoints?api-version={version}");
        let document = practice.open(&path).await.good();
        assert_eq!(
            document.pointer(pointer),
            Some(&json!(endpoint)),
            "{document}"
        );
    }
    let lines = practice.server.requests();
    let put = lines.iter().find(|line| line.write).unwrap();
    assert_eq!(
        put.operation,
        "Microsoft.ManagedIdentity/userAssignedIdentities/write"
    );
}

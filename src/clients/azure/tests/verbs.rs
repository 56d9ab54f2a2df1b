//! The verbs, as they ask and as they understand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::server::{Said, Server, ok, refusal, token};
use crate::clients::azure::{
    AzureErrorKind, ClusterChange, FederatedCredential, NewAssignment, NewIdentity,
    NewStorageAccount, RoleFilter, Tags, Token,
};
use crate::clients::wire::WireLog;

const GROUP: &str = "/subscriptions/s/resourceGroups/arrikto";

fn identity_id() -> String {
    format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rok")
}

fn tags() -> Tags {
    Tags::from([(
        "rok-deploy-cluster".to_owned(),
        "arrikto-cluster".to_owned(),
    )])
}

fn document(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn an_identity_is_made_and_read_by_way_of_the_library() {
    let server = Server::start(|number, seen| match number {
        1 => refusal(404, "ResourceNotFound", "The Resource was not found."),
        _ => ok(json!({
            "id": seen.path, "name": "rok", "location": "eastus", "tags": {"a": "b"},
            "properties": {"clientId": "c", "principalId": "p", "tenantId": "t"},
        })),
    })
    .await;
    let wire = WireLog::in_memory();
    let azure = server.azure(&wire).await;
    assert_eq!(azure.identity("s", "arrikto", "rok").await.unwrap(), None);
    let wanted = NewIdentity {
        subscription: "s".into(),
        group: "arrikto".into(),
        name: "rok".into(),
        location: "eastus".into(),
        tags: tags(),
    };
    let made = azure.create_identity(&wanted).await.unwrap();
    assert_eq!((&made.id, &made.principal_id[..]), (&identity_id(), "p"));
    assert_eq!(made.tags["a"], "b");

    let seen = server.seen();
    assert!(seen[1].is("PUT", &identity_id()));
    assert_eq!(seen[1].query, "api-version=2023-01-31");
    assert_eq!(
        document(&seen[1].body),
        json!({"location": "eastus", "tags": {"rok-deploy-cluster": "arrikto-cluster"}})
    );
    let record = wire.records().pop().unwrap();
    let operation = "PUT Microsoft.ManagedIdentity/userAssignedIdentities rok";
    assert_eq!((&record.operation[..], record.write), (operation, true));
}

#[tokio::test]
async fn what_the_library_is_refused_comes_out_as_it_was() {
    let server = Server::start(|_, _| {
        refusal(
            403,
            "AuthorizationFailed",
            "The client 'x' does not have authorization",
        )
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let error = azure.identity("s", "arrikto", "rok").await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::AccessDenied);
    assert_eq!(
        error.to_string(),
        "GET Microsoft.ManagedIdentity/userAssignedIdentities rok: AuthorizationFailed: \
         The client 'x' does not have authorization (correlation id correlation-1)"
    );
    assert_eq!(error.status, Some(403));
}

#[tokio::test(flavor = "multi_thread")]
async fn federated_credentials_are_written_one_after_the_other() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&inside), Arc::clone(&most));
    let server = Server::start(move |_, seen| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(5));
        now.fetch_sub(1, Ordering::SeqCst);
        ok(json!({"id": seen.path, "name": "x", "properties":
            {"issuer": "i", "subject": "s", "audiences": []}}))
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let writes = (0..6).map(|number| {
        let azure = azure.clone();
        tokio::spawn(async move {
            let credential = FederatedCredential {
                name: format!("rok-{number}"),
                issuer: "https://issuer/".into(),
                subject: "system:serviceaccount:rok:rok".into(),
                audiences: vec!["api://AzureADTokenExchange".into()],
            };
            // One and the same, however it is written.
            let id = if number % 2 == 0 {
                identity_id()
            } else {
                identity_id().to_ascii_uppercase()
            };
            azure.put_federated_credential(&id, &credential).await
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    let sent = document(&server.seen()[0].body);
    assert_eq!(sent["properties"]["issuer"], "https://issuer/");
}

#[tokio::test]
async fn federated_credentials_are_read_page_by_page_and_there_are_none_of_nobody() {
    let item = |name: &str| {
        json!({"name": name, "properties":
            {"issuer": "https://issuer/", "subject": "sub", "audiences": ["a"]}})
    };
    let server = Server::start(move |number, seen| {
        let host = seen.header("host").unwrap();
        match number {
            1 => ok(json!({
                "value": [item("one")],
                "nextLink": format!("https://{host}{}?api-version=2023-01-31&$skiptoken=x", seen.path),
            })),
            2 => ok(json!({"value": [item("two")]})),
            3 => ok(json!({"value": [], "nextLink": "https://elsewhere.example/x"})),
            _ => refusal(404, "ParentResourceNotFound", "no parent"),
        }
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let found = azure.federated_credentials(&identity_id()).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].name, "two");
    let error = azure
        .federated_credentials(&identity_id())
        .await
        .unwrap_err();
    assert!(error.message.contains("another server"), "{error}");
    let none = azure.federated_credentials(&identity_id()).await.unwrap();
    assert!(none.is_empty());
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_role_is_found_assigned_and_taken_away() {
    let account = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/rok");
    let server = Server::start(|_, seen| {
        let assignment = json!({"id": seen.path, "name": "guid", "properties": {
            "scope": "/x", "principalId": "p", "principalType": "ServicePrincipal",
            "roleDefinitionId": "/r"}});
        if seen.path.ends_with("/roleDefinitions") {
            ok(json!({"value": [{"id": "/r", "name": "r", "properties": {
                "roleName": "Storage Blob Data Contributor", "type": "BuiltInRole",
                "permissions": [{"actions": ["a"], "dataActions": ["d"]}]}}]}))
        } else if seen.method == "DELETE" {
            Said::Text(204, String::new())
        } else if seen.method == "PUT" {
            Said::Json(201, assignment, Vec::new())
        } else {
            ok(json!({"value": [assignment]}))
        }
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let role = azure
        .role_definition(&account, "Storage Blob Data Contributor")
        .await
        .unwrap()
        .unwrap();
    assert!(!role.is_custom);
    assert_eq!(role.permissions[0].data_actions, ["d"]);
    let wanted = NewAssignment {
        principal_id: "p".into(),
        role_definition_id: role.id,
        description: None,
    };
    let made = azure
        .put_role_assignment(&account, "guid", &wanted)
        .await
        .unwrap();
    assert_eq!(made.principal_type.as_deref(), Some("ServicePrincipal"));
    let filter = RoleFilter::Principal("p");
    let found = azure.role_assignments(&account, filter).await.unwrap();
    assert_eq!(
        found,
        [made.clone()].map(|mut made| {
            made.id = format!("{account}/providers/Microsoft.Authorization/roleAssignments");
            made
        })
    );
    azure.delete_role_assignment(&made.id).await.unwrap();

    let seen = server.seen();
    assert_eq!(
        seen[0].query,
        "api-version=2022-04-01&%24filter=roleName+eq+%27Storage+Blob+Data+Contributor%27"
    );
    assert_eq!(
        document(&seen[1].body)["properties"],
        json!({"principalId": "p", "roleDefinitionId": "/r", "principalType": "ServicePrincipal"})
    );
    assert!(seen[3].is("DELETE", &made.id));
}

#[tokio::test]
async fn a_storage_account_is_asked_for_closed_and_known_by_its_state() {
    let server = Server::start(|number, seen| match number {
        1 => ok(json!({"nameAvailable": false, "reason": "AlreadyExists", "message": "taken"})),
        2 => Said::Json(202, Value::Null, vec![("Location", "https://x/y".into())]),
        _ => ok(json!({
            "id": seen.path, "name": "rok", "location": "eastus", "kind": "StorageV2",
            "properties": {
                "provisioningState": "Creating", "allowBlobPublicAccess": false,
                "minimumTlsVersion": "TLS1_2",
                "primaryEndpoints": {"blob": "https://rok.blob.core.windows.net/"},
            },
        })),
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let name = azure.storage_name_available("s", "rok").await.unwrap();
    assert_eq!(
        (name.available, name.reason.as_deref()),
        (false, Some("AlreadyExists"))
    );
    let wanted = NewStorageAccount {
        subscription: "s".into(),
        group: "arrikto".into(),
        name: "rok".into(),
        location: "eastus".into(),
        allows_shared_key: false,
        tags: tags(),
    };
    azure.create_storage_account(&wanted).await.unwrap();
    let found = azure
        .storage_account("s", "arrikto", "rok")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&found.group[..], &found.state[..]),
        ("arrikto", "Creating")
    );
    assert!(found.allows_shared_key, "it was not told that it must not");
    assert!(!found.allows_public_access);
    let sent = document(&server.seen()[1].body);
    assert_eq!(sent["properties"]["minimumTlsVersion"], "TLS1_2");
    assert_eq!(sent["properties"]["allowSharedKeyAccess"], false);
    assert_eq!(sent["properties"]["allowBlobPublicAccess"], false);
}

#[tokio::test]
async fn a_cluster_is_changed_unless_somebody_else_did_and_its_failure_is_told() {
    let path = format!("{GROUP}/providers/Microsoft.ContainerService/managedClusters/c");
    let server = Server::start(|number, seen| {
        let host = seen.header("host").unwrap();
        let state = if number == 1 { "Succeeded" } else { "Failed" };
        match (&seen.method[..], seen.path.contains("/operations/")) {
            ("PUT", _) if number == 2 => Said::Json(
                201,
                json!({}),
                vec![(
                    "Azure-AsyncOperation",
                    format!("https://{host}/operations/1?t=1"),
                )],
            ),
            ("PUT", _) => refusal(412, "EtagMismatch", "changed meanwhile"),
            (_, true) => {
                ok(json!({"status": "Failed", "error": {"code": "X", "message": "no room"}}))
            }
            _ => ok(json!({
                "id": seen.path, "name": "c", "location": "eastus", "eTag": "e1",
                "properties": {"provisioningState": state, "dnsPrefix": "c"},
            })),
        }
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let cluster = azure.cluster("s", "arrikto", "c").await.unwrap().unwrap();
    let change = ClusterChange {
        enable_oidc_issuer: true,
        ..ClusterChange::default()
    };
    azure.update_cluster(&cluster, &change).await.unwrap();
    let failed = azure.cluster("s", "arrikto", "c").await.unwrap().unwrap();
    assert_eq!(failed.failure.as_deref(), Some("no room"));
    let error = azure.update_cluster(&cluster, &change).await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::Conflict);

    let seen = server.seen();
    assert!(seen[1].is("PUT", &path));
    assert_eq!(seen[1].header("if-match"), Some("e1"));
    assert_eq!(
        document(&seen[1].body)["properties"],
        json!({"dnsPrefix": "c", "oidcIssuerProfile": {"enabled": true}})
    );
}

#[tokio::test]
async fn who_may_not_see_a_kubeconfig_is_told_nothing() {
    let server = Server::start(|_, _| refusal(403, "AuthorizationFailed", "no")).await;
    let azure = server.azure(&WireLog::new()).await;
    assert_eq!(azure.cluster_access("/x/y").await.unwrap(), None);
}

#[tokio::test]
async fn a_workload_is_tried_without_a_pod() {
    let server = Server::start(|number, seen| match number {
        1 => Said::Json(
            400,
            json!({"error": "invalid_request", "error_description":
                "AADSTS70021: No matching federated identity record found for presented assertion. \
                 Assertion Issuer: 'x'. Trace ID: 1"}),
            Vec::new(),
        ),
        2 => {
            assert!(seen.is("POST", "/tenant-1/oauth2/v2.0/token"));
            ok(json!({"access_token": token(5), "expires_in": 3600}))
        }
        3 => {
            assert_eq!(
                seen.header("authorization").unwrap(),
                format!("Bearer {}", token(5))
            );
            assert_eq!(seen.header("x-ms-version"), Some("2023-11-03"));
            assert!(
                seen.header("host")
                    .unwrap()
                    .starts_with("rok.blob.localhost:")
            );
            Said::Text(
                404,
                "<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code><Message>The \
                 specified container does not exist.</Message></Error>"
                    .into(),
            )
        }
        4 => Said::Text(
            403,
            "<Error><Code>AuthorizationPermissionMismatch</Code><Message>This request is not \
             authorized to perform this operation using this permission.</Message></Error>"
                .into(),
        ),
        5 => Said::Text(
            401,
            "<Error><Code>InvalidAuthenticationInfo</Code></Error>".into(),
        ),
        _ => Said::Text(
            200,
            "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs><NextMarker/>\
             </EnumerationResults>"
                .into(),
        ),
    })
    .await;
    let azure = server.azure(&WireLog::new()).await;
    let scope = azure.cloud().storage_scope();
    let exchange = || azure.exchange("tenant-1", "client-1", "assertion", &scope);
    let error = exchange().await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("AADSTS70021"));
    assert_eq!(error.kind, AzureErrorKind::Invalid);
    let token = exchange().await.unwrap();
    assert_eq!(token.object_id.as_deref(), Some("object-1"));

    let endpoint = server.blob_endpoint();
    let list = || azure.list_blobs(&endpoint, "rok-chocks-ca", Token::Of(&token));
    assert_eq!(list().await.unwrap(), None);
    let error = list().await.unwrap_err();
    assert_eq!(error.kind, AzureErrorKind::AccessDenied);
    assert_eq!(
        error.code.as_deref(),
        Some("AuthorizationPermissionMismatch")
    );
    let error = list().await.unwrap_err();
    assert_eq!(
        error.kind,
        AzureErrorKind::Invalid,
        "it is not the operator's login"
    );
    assert_eq!(list().await.unwrap().unwrap().blobs, ["a"]);
    assert_eq!(server.seen()[2].query, "restype=container&comp=list");
    assert_eq!(server.tokens(), 0, "the operator's token was never needed");
}

#[tokio::test]
async fn tags_are_added_and_taken_away() {
    let server = Server::start(|_, _| ok(json!({"properties": {"tags": {}}}))).await;
    let azure = server.azure(&WireLog::new()).await;
    azure.tag(&identity_id(), &tags()).await.unwrap();
    azure.untag(&identity_id(), &tags()).await.unwrap();
    let seen = server.seen();
    let path = format!(
        "{}/providers/Microsoft.Resources/tags/default",
        identity_id()
    );
    assert!(seen[0].is("PATCH", &path));
    assert_eq!(document(&seen[0].body)["operation"], "Merge");
    assert_eq!(document(&seen[1].body)["operation"], "Delete");
}

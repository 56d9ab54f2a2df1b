//! Templates, deployed.

use std::time::Duration;

use serde_json::{Value, json};

use super::practice::{
    AUDIENCE, ISSUER, Practice, SUBJECT, account, assignment, group, identity, role,
};

const BLOBS: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";

fn deployment(name: &str) -> String {
    format!(
        "{}/providers/Microsoft.Resources/deployments/{name}",
        group()
    )
}

/// What an administrator is handed: identity, credential, assignment, in no helpful order.
fn handed_over() -> Value {
    let (name, kind) = (
        "rok-s3proxy",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
    );
    let identity_id = format!("[resourceId('{kind}', '{name}')]");
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Authorization/roleAssignments",
                "apiVersion": "2022-04-01",
                "name": assignment("", 1).rsplit('/').next(),
                "scope": "Microsoft.Storage/storageAccounts/rokpractice",
                "dependsOn": [identity_id],
                "properties": {
                    "roleDefinitionId": role(BLOBS),
                    "principalId": format!(
                        "[reference('{}', '2023-01-31').principalId]", identity(name)
                    ),
                    "principalType": "ServicePrincipal",
                },
            },
            {
                "type": format!("{kind}/federatedIdentityCredentials"),
                "apiVersion": "2023-01-31",
                "name": format!("{name}/rok"),
                "dependsOn": [identity_id],
                "properties": {
                    "issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE],
                },
            },
            {
                "type": kind,
                "apiVersion": "2023-01-31",
                "name": name,
                "location": "eastus",
                "tags": { "note": "[[literal]" },
            },
        ],
    })
}

fn body(template: Value) -> Option<Value> {
    let properties = json!({ "mode": "Incremental", "template": template, "parameters": {} });
    Some(json!({ "properties": properties }))
}

#[tokio::test]
async fn a_template_makes_what_it_says_in_the_order_it_needs() {
    // Even while the directory does not know the identity: the deployment waits by itself.
    let practice = Practice::with_lag(Duration::from_mins(1)).await;
    let validated = practice
        .ask(
            "POST",
            &format!("{}/validate", deployment("rok")),
            body(handed_over()),
        )
        .await;
    assert_eq!(validated.status, 200, "{validated:?}");
    let gone = practice.ask("GET", &deployment("rok"), None).await;
    assert_eq!(gone.code(), (404, "DeploymentNotFound"));

    for status in [201, 200] {
        let answer = practice
            .ask("PUT", &deployment("rok"), body(handed_over()))
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.headers.contains_key("azure-asyncoperation"));
        let state = practice.ask("GET", &deployment("rok"), None).await.good();
        assert_eq!(
            state["properties"]["provisioningState"], "Succeeded",
            "{state}"
        );
        let resources = state["properties"]["outputResources"].as_array().unwrap();
        assert_eq!(resources.len(), 3);
    }
    let made = practice
        .ask("GET", &identity("rok-s3proxy"), None)
        .await
        .good();
    assert_eq!(made["tags"]["note"], "[literal]");
    let assigned = practice
        .ask("GET", &assignment(&account(), 1), None)
        .await
        .good();
    assert_eq!(
        assigned["properties"]["principalId"],
        made["properties"]["principalId"]
    );
    let operations = practice
        .ask("GET", &format!("{}/operations", deployment("rok")), None)
        .await
        .good();
    assert_eq!(operations["value"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn who_may_not_do_all_of_it_does_none_of_it() {
    let practice = Practice::start().await;
    let (token, _) = practice.somebody(Some(("Contributor", &group()))).await;
    let refused = practice
        .ask_as(&token, "PUT", &deployment("rok"), body(handed_over()))
        .await;
    let (status, code, message) = refused.error();
    assert_eq!((status, code), (403, "InvalidTemplateDeployment"));
    assert!(
        message.contains("does not have permission to perform action 'Microsoft.Authorization/roleAssignments/write' at scope"),
        "{message}"
    );
    let identity = practice.ask("GET", &identity("rok-s3proxy"), None).await;
    assert_eq!(identity.status, 404);
}

#[tokio::test]
async fn what_fails_is_told_and_what_was_made_stays() {
    let practice = Practice::start().await;
    let mut template = handed_over();
    template["resources"][1]["properties"]["issuer"] = "http://insecure".into();
    practice
        .ask("PUT", &deployment("rok"), body(template))
        .await
        .good();
    let state = practice.ask("GET", &deployment("rok"), None).await.good();
    assert_eq!(state["properties"]["provisioningState"], "Failed");
    let error = &state["properties"]["error"];
    assert_eq!(error["code"], "DeploymentFailed");
    assert_eq!(error["details"][0]["code"], "BadRequest");
    practice
        .ask("GET", &identity("rok-s3proxy"), None)
        .await
        .good();
}

#[tokio::test]
async fn parameters_variables_and_inner_deployments_have_their_values() {
    let practice = Practice::start().await;
    let inner = json!({
        "parameters": { "location": { "type": "string" } },
        "resources": [{
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
            "apiVersion": "2023-01-31",
            "name": "inner",
            "location": "[parameters('location')]",
        }],
    });
    let template = json!({
        "parameters": { "name": { "type": "string", "defaultValue": "rok" } },
        "variables": { "suffix": "x" },
        "resources": [
            {
                "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
                "apiVersion": "2023-01-31",
                "name": "[concat(parameters('name'), '-', 'outer')]",
                "location": "[resourceGroup().location]",
            },
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2022-09-01",
                "name": "nested",
                "resourceGroup": "arrikto",
                "properties": {
                    "mode": "Incremental",
                    "expressionEvaluationOptions": { "scope": "inner" },
                    "parameters": { "location": { "value": "[resourceGroup().location]" } },
                    "template": inner,
                },
            },
        ],
    });
    practice
        .ask("PUT", &deployment("outer"), body(template))
        .await
        .good();
    let state = practice.ask("GET", &deployment("outer"), None).await.good();
    assert_eq!(
        state["properties"]["provisioningState"], "Succeeded",
        "{state}"
    );
    for name in ["rok-outer", "inner"] {
        let made = practice.ask("GET", &identity(name), None).await.good();
        assert_eq!(made["location"], "eastus");
    }
}

#[tokio::test]
async fn templates_that_cannot_be_are_refused_before_anything_is_done() {
    let practice = Practice::start().await;
    let mut circle = handed_over();
    circle["resources"][2]["dependsOn"] = json!(["rok-s3proxy/rok"]);
    for template in [
        json!({}),
        json!({ "resources": [{ "type": "A.B/c" }] }),
        json!({ "resources": [{ "type": "A.B/c", "name": "[nothing()]", "apiVersion": "x" }] }),
        json!({ "parameters": { "p": { "type": "string" } }, "resources": [] }),
    ] {
        let refused = practice
            .ask("PUT", &deployment("bad"), body(template))
            .await;
        assert_eq!(refused.code(), (400, "InvalidTemplate"), "{refused:?}");
    }
    practice
        .ask("PUT", &deployment("circle"), body(circle))
        .await
        .good();
    let state = practice
        .ask("GET", &deployment("circle"), None)
        .await
        .good();
    assert_eq!(state["properties"]["provisioningState"], "Failed");
}

//! The Azure CLI, which judges the practice Azure: what it prints, and what the world then holds.

pub mod cli;

use serde_json::{Value, json};

use cli::Az;

const GROUP: &str = "arrikto";
const CLUSTER: &str = "arrikto-cluster";
const BLOBS: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";

/// The only thing that a map of the world holds, or that has this name.
fn named<'a>(things: &'a Value, name: &str) -> &'a Value {
    let things = things.as_object().expect("a map");
    let mut found = things.values().filter(|thing| thing["name"] == name);
    found
        .next()
        .unwrap_or_else(|| panic!("nothing is called {name}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text {pointer} in {value}"))
}

fn create_identity(az: &Az) -> Value {
    az.call(&[
        "identity",
        "create",
        "--resource-group",
        GROUP,
        "--name",
        "rok-s3proxy",
        "--location",
        "eastus",
        "--tags",
        "made-by=az",
    ])
}

fn trust(az: &Az, subject: &str) -> Value {
    let cluster = az.call(&["aks", "show", "--resource-group", GROUP, "--name", CLUSTER]);
    az.call(&[
        "identity",
        "federated-credential",
        "create",
        "--resource-group",
        GROUP,
        "--identity-name",
        "rok-s3proxy",
        "--name",
        "rok",
        "--issuer",
        text(&cluster, "/oidcIssuerProfile/issuerUrl"),
        "--subject",
        subject,
        "--audiences",
        "api://AzureADTokenExchange",
    ])
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_logs_in_and_finds_what_there_is() {
    let az = Az::start();
    // Before it has a token, which it would go on with.
    let wrong = az.refusal(&[
        "login",
        "--service-principal",
        "--username",
        az.variable("AZURE_CLIENT_ID"),
        "--password",
        "guess",
        "--tenant",
        az.variable("AZURE_TENANT_ID"),
    ]);
    assert!(wrong.contains("AADSTS7000215"), "{wrong}");
    let login = az.log_in();
    assert_eq!(login[0]["id"], az.variable("AZ_SUBSCRIPTION"));
    assert_eq!(login[0]["tenantId"], az.variable("AZURE_TENANT_ID"));
    assert_eq!(login[0]["user"]["name"], az.variable("AZURE_CLIENT_ID"));
    let group = az.call(&["group", "show", "--name", GROUP]);
    assert_eq!(group["location"], "eastus");
    assert_eq!(group["properties"]["provisioningState"], "Succeeded");
    let groups = az.call(&["group", "list"]);
    assert_eq!(groups.as_array().map(Vec::len), Some(2));
    let exists = az.call(&["group", "exists", "--name", "elsewhere"]);
    assert_eq!(exists, false);
    let kind = "Microsoft.Storage/storageAccounts";
    let found = az.call(&[
        "resource",
        "list",
        "--resource-group",
        GROUP,
        "--resource-type",
        kind,
    ]);
    assert_eq!(found[0]["name"], "rokpractice");
    let missing = az.refusal(&["group", "show", "--name", "elsewhere"]);
    assert!(
        missing.contains("(ResourceGroupNotFound) Resource group 'elsewhere' could not be found."),
        "{missing}"
    );
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_makes_identity_credential_and_assignment_and_reads_them_back() {
    let az = Az::logged_in();
    let made = create_identity(&az);
    assert!(text(&made, "/id").contains("/resourcegroups/arrikto/"));
    let shown = az.call(&[
        "identity",
        "show",
        "--resource-group",
        GROUP,
        "--name",
        "rok-s3proxy",
    ]);
    assert_eq!(shown, made);
    let listed = az.call(&["identity", "list", "--resource-group", GROUP]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let state = az.state();
    let identity = named(&state["identities"], "rok-s3proxy");
    assert_eq!(identity["client_id"], made["clientId"]);
    assert_eq!(identity["tags"], json!({ "made-by": "az" }));

    let subject = "system:serviceaccount:rok:rok";
    let credential = trust(&az, subject);
    assert_eq!(credential["subject"], subject);
    let credentials = az.call(&[
        "identity",
        "federated-credential",
        "list",
        "--resource-group",
        GROUP,
        "--identity-name",
        "rok-s3proxy",
    ]);
    assert_eq!(credentials[0]["issuer"], credential["issuer"]);
    let state = az.state();
    let kept = &named(&state["identities"], "rok-s3proxy")["credentials"]["rok"];
    assert_eq!(kept["trust"]["current"]["subject"], subject);
    let twin = az.refusal(&[
        "identity",
        "federated-credential",
        "create",
        "--resource-group",
        GROUP,
        "--identity-name",
        "rok-s3proxy",
        "--name",
        "twin",
        "--issuer",
        text(&credential, "/issuer"),
        "--subject",
        subject,
        "--audiences",
        "api://AzureADTokenExchange",
    ]);
    assert!(
        twin.contains("Issuer and subject combination already exists for this Managed Identity."),
        "{twin}"
    );

    let account = az.call(&[
        "storage",
        "account",
        "show",
        "--resource-group",
        GROUP,
        "--name",
        "rokpractice",
    ]);
    let scope = text(&account, "/id");
    let assigned = az.call(&[
        "role",
        "assignment",
        "create",
        "--role",
        "Storage Blob Data Contributor",
        "--scope",
        scope,
        "--assignee-object-id",
        text(&made, "/principalId"),
        "--assignee-principal-type",
        "ServicePrincipal",
    ]);
    assert!(text(&assigned, "/roleDefinitionId").ends_with(BLOBS));
    let listed = az.call(&["role", "assignment", "list", "--scope", scope]);
    let ours = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["principalId"] == made["principalId"])
        .expect("it is listed");
    assert_eq!(ours["roleDefinitionName"], "Storage Blob Data Contributor");
    assert_eq!(ours["principalName"], made["clientId"]);
    let state = az.state();
    let kept = named(&state["assignments"], text(&assigned, "/name"));
    assert_eq!(kept["scope"], scope);
    assert_eq!(kept["role"], BLOBS);
    let again = az.call(&[
        "role",
        "assignment",
        "create",
        "--role",
        "Storage Blob Data Contributor",
        "--scope",
        scope,
        "--assignee",
        text(&made, "/clientId"),
    ]);
    assert_eq!(
        again["name"], assigned["name"],
        "az finds the one that exists"
    );
    az.call(&[
        "role",
        "assignment",
        "delete",
        "--ids",
        text(&assigned, "/id"),
    ]);
    let state = az.state();
    let left = state["assignments"].as_object().expect("a map");
    assert!(left.values().all(|one| one["name"] != assigned["name"]));
    az.call(&[
        "identity",
        "delete",
        "--resource-group",
        GROUP,
        "--name",
        "rok-s3proxy",
    ]);
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_logs_in_by_a_token_of_the_cluster_as_the_identity() {
    let az = Az::logged_in();
    let identity = create_identity(&az);
    let group = az.call(&["group", "show", "--name", GROUP]);
    az.call(&[
        "role",
        "assignment",
        "create",
        "--role",
        "Reader",
        "--scope",
        text(&group, "/id"),
        "--assignee-object-id",
        text(&identity, "/principalId"),
        "--assignee-principal-type",
        "ServicePrincipal",
    ]);
    let token = az.cluster_token("default", "default");
    let client = text(&identity, "/clientId");
    let login = [
        "login",
        "--service-principal",
        "--username",
        client,
        "--tenant",
        az.variable("AZURE_TENANT_ID"),
        "--federated-token",
        &token,
    ];
    trust(&az, "system:serviceaccount:Default:default");
    let near = az.refusal(&login);
    assert!(near.contains("AADSTS7002138"), "{near}");
    trust(&az, "system:serviceaccount:default:default");
    let login = az.call(&login);
    assert_eq!(login[0]["user"]["name"], client);
    az.call(&["group", "show", "--name", GROUP]);
    let denied = az.refusal(&[
        "identity",
        "delete",
        "--resource-group",
        GROUP,
        "--name",
        "rok-s3proxy",
    ]);
    assert!(denied.contains("(AuthorizationFailed)"), "{denied}");
    assert!(
        denied.contains("'Microsoft.ManagedIdentity/userAssignedIdentities/delete'"),
        "{denied}"
    );
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_shows_cluster_machines_and_storage() {
    let az = Az::logged_in();
    let cluster = az.call(&["aks", "show", "--resource-group", GROUP, "--name", CLUSTER]);
    assert_eq!(cluster["oidcIssuerProfile"]["enabled"], true);
    assert_eq!(
        cluster["securityProfile"]["workloadIdentity"]["enabled"],
        true
    );
    assert_eq!(cluster["podIdentityProfile"]["enabled"], true);
    assert_eq!(cluster["networkProfile"]["networkPlugin"], "azure");
    let clusters = az.call(&["aks", "list"]);
    assert_eq!(clusters[0]["id"], cluster["id"]);
    let node_group = text(&cluster, "/nodeResourceGroup");
    let sets = az.call(&["vmss", "list", "--resource-group", node_group]);
    let set = az.call(&[
        "vmss",
        "show",
        "--resource-group",
        node_group,
        "--name",
        text(&sets[0], "/name"),
    ]);
    assert_eq!(set["tags"]["poolName"], "workers");
    let identities = set["identity"]["userAssignedIdentities"]
        .as_object()
        .expect("a map");
    let kubelet = text(&cluster, "/identityProfile/kubeletidentity/resourceId");
    let (shown, _) = identities.iter().next().expect("the kubelet's");
    assert!(
        shown.eq_ignore_ascii_case(kubelet) && shown != kubelet,
        "{shown}"
    );

    let config = az.practice.env.home().join("from-az");
    az.call(&[
        "aks",
        "get-credentials",
        "--resource-group",
        GROUP,
        "--name",
        CLUSTER,
        "--file",
        config.to_str().expect("a path"),
    ]);
    let config = std::fs::read_to_string(config).expect("az wrote it");
    assert!(
        config.contains("current-context: arrikto-cluster"),
        "{config}"
    );

    az.call(&[
        "storage",
        "account",
        "create",
        "--resource-group",
        GROUP,
        "--name",
        "rokother",
        "--location",
        "eastus",
        "--sku",
        "Standard_LRS",
        "--allow-shared-key-access",
        "false",
        "--allow-blob-public-access",
        "false",
        "--min-tls-version",
        "TLS1_2",
    ]);
    let account = az.call(&["storage", "account", "show", "--name", "rokother"]);
    assert_eq!(account["allowSharedKeyAccess"], false);
    assert_eq!(account["provisioningState"], "Succeeded");
    assert!(
        text(&account, "/primaryEndpoints/blob").starts_with("https://rokother.blob.localhost:")
    );
    let state = az.state();
    assert_eq!(state["accounts"]["rokother"]["sku"], "Standard_LRS");
    let taken = az.call(&["storage", "account", "check-name", "--name", "rokother"]);
    assert_eq!(taken["reason"], "AlreadyExists");
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_lists_blobs_only_with_a_role_for_them() {
    let az = Az::logged_in();
    // The account's own name is not resolved everywhere; its path always leads there.
    let endpoint = format!("{}/rokpractice", az.variable("ROK_AZURE_ARM_ENDPOINT"));
    let list = [
        "storage",
        "blob",
        "list",
        "--container-name",
        "rok",
        "--auth-mode",
        "login",
        "--blob-endpoint",
        &endpoint,
    ];
    let denied = az.refusal(&list);
    let expected = "You do not have the required permissions needed to perform this operation.";
    assert!(denied.contains(expected), "{denied}");
    let account = az.call(&[
        "storage",
        "account",
        "show",
        "--resource-group",
        GROUP,
        "--name",
        "rokpractice",
    ]);
    az.call(&[
        "role",
        "assignment",
        "create",
        "--role",
        BLOBS,
        "--scope",
        text(&account, "/id"),
        "--assignee",
        az.variable("AZURE_CLIENT_ID"),
    ]);
    let missing = az.refusal(&list);
    let expected = "The specified container does not exist.";
    assert!(missing.contains(expected), "{missing}");
    az.stop();
}

/// What an administrator is handed: an identity, whom it trusts, and what it may do.
fn template(az: &Az) -> Value {
    let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
    let subscription = az.variable("AZ_SUBSCRIPTION");
    let identity = format!("[resourceId('{kind}', 'rok-s3proxy')]");
    let role = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{BLOBS}"
    );
    let principal = format!(
        "[reference('/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/{kind}/\
         rok-s3proxy', '2023-01-31').principalId]"
    );
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": kind, "apiVersion": "2023-01-31", "name": "rok-s3proxy",
                "location": "eastus", "tags": { "rok-deploy-cluster": CLUSTER },
            },
            {
                "type": format!("{kind}/federatedIdentityCredentials"),
                "apiVersion": "2023-01-31",
                "name": "rok-s3proxy/rok",
                "dependsOn": [identity],
                "properties": {
                    "issuer": "https://issuer.example/",
                    "subject": "system:serviceaccount:rok:rok",
                    "audiences": ["api://AzureADTokenExchange"],
                },
            },
            {
                "type": "Microsoft.Authorization/roleAssignments",
                "apiVersion": "2022-04-01",
                "name": "c0ffee00-0000-4000-8000-000000000001",
                "scope": "Microsoft.Storage/storageAccounts/rokpractice",
                "dependsOn": [identity],
                "properties": {
                    "roleDefinitionId": role,
                    "principalId": principal,
                    "principalType": "ServicePrincipal",
                },
            },
        ],
    })
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_deploys_a_template_as_often_as_one_likes() {
    let az = Az::logged_in();
    let file = az.practice.env.home().join("template.json");
    std::fs::write(&file, template(&az).to_string()).expect("the home is writable");
    let deploy = [
        "deployment",
        "group",
        "create",
        "--resource-group",
        GROUP,
        "--name",
        "rok",
        "--template-file",
        file.to_str().expect("a path"),
    ];
    let deployed = az.call(&deploy);
    assert_eq!(deployed["properties"]["provisioningState"], "Succeeded");
    let resources = deployed["properties"]["outputResources"].as_array();
    assert_eq!(resources.map(Vec::len), Some(3));
    let identity = az.call(&[
        "identity",
        "show",
        "--resource-group",
        GROUP,
        "--name",
        "rok-s3proxy",
    ]);
    let state = az.state();
    let assigned = named(
        &state["assignments"],
        "c0ffee00-0000-4000-8000-000000000001",
    );
    assert_eq!(assigned["principal"], identity["principalId"]);
    let again = az.call(&deploy);
    assert_eq!(again["properties"]["provisioningState"], "Succeeded");
    assert_eq!(az.state()["identities"], state["identities"]);
    let operations = az.call(&[
        "deployment",
        "operation",
        "group",
        "list",
        "--resource-group",
        GROUP,
        "--name",
        "rok",
    ]);
    assert_eq!(operations.as_array().map(Vec::len), Some(3));
    az.stop();
}

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
    az.call("identity create -g arrikto --name rok-s3proxy --location eastus --tags made-by=az")
}

fn trust(az: &Az, subject: &str) -> Value {
    let cluster = az.call("aks show -g arrikto --name arrikto-cluster");
    let issuer = text(&cluster, "/oidcIssuerProfile/issuerUrl");
    az.call(&format!(
        "identity federated-credential create -g arrikto --identity-name rok-s3proxy --name rok \
         --issuer {issuer} --subject {subject} --audiences api://AzureADTokenExchange"
    ))
}

/// Gives the identity a role, as somebody does who knows what it is.
fn assign(az: &Az, identity: &Value, role: &str, scope: &str) -> Value {
    let principal = text(identity, "/principalId");
    az.call(&format!(
        "role assignment create --role {role} --scope {scope} --assignee-object-id {principal} \
         --assignee-principal-type ServicePrincipal"
    ))
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_logs_in_and_finds_what_there_is() {
    let az = Az::start();
    // Before it has a token, which it would go on with.
    let client = az.variable("AZURE_CLIENT_ID");
    let wrong = az.refusal(&az.login(client, "guess"));
    assert!(wrong.contains("AADSTS7000215"), "{wrong}");
    let login = az.log_in();
    assert_eq!(login[0]["id"], az.variable("AZ_SUBSCRIPTION"));
    assert_eq!(login[0]["tenantId"], az.variable("AZURE_TENANT_ID"));
    assert_eq!(login[0]["user"]["name"], az.variable("AZURE_CLIENT_ID"));
    let group = az.call("group show --name arrikto");
    assert_eq!(group["location"], "eastus");
    assert_eq!(group["properties"]["provisioningState"], "Succeeded");
    let groups = az.call("group list");
    assert_eq!(groups.as_array().map(Vec::len), Some(2));
    assert_eq!(az.call("group exists --name elsewhere"), false);
    let found =
        az.call("resource list -g arrikto --resource-type Microsoft.Storage/storageAccounts");
    assert_eq!(found[0]["name"], "rokpractice");
    let missing = az.refusal("group show --name elsewhere");
    let expected = "(ResourceGroupNotFound) Resource group 'elsewhere' could not be found.";
    assert!(missing.contains(expected), "{missing}");
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_makes_identity_credential_and_assignment_and_reads_them_back() {
    let az = Az::logged_in();
    let made = create_identity(&az);
    assert!(text(&made, "/id").contains("/resourcegroups/arrikto/"));
    let shown = az.call("identity show -g arrikto --name rok-s3proxy");
    assert_eq!(shown, made);
    let listed = az.call("identity list -g arrikto");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let state = az.state();
    let identity = named(&state["identities"], "rok-s3proxy");
    assert_eq!(identity["client_id"], made["clientId"]);
    assert_eq!(identity["tags"], json!({ "made-by": "az" }));

    let subject = "system:serviceaccount:rok:rok";
    let credential = trust(&az, subject);
    assert_eq!(credential["subject"], subject);
    let credentials =
        az.call("identity federated-credential list -g arrikto --identity-name rok-s3proxy");
    assert_eq!(credentials[0]["issuer"], credential["issuer"]);
    let state = az.state();
    let kept = &named(&state["identities"], "rok-s3proxy")["credentials"]["rok"];
    assert_eq!(kept["trust"]["current"]["subject"], subject);
    let twin = az.refusal(&format!(
        "identity federated-credential create -g arrikto --identity-name rok-s3proxy --name twin \
         --issuer {} --subject {subject} --audiences api://AzureADTokenExchange",
        text(&credential, "/issuer")
    ));
    let expected = "Issuer and subject combination already exists for this Managed Identity.";
    assert!(twin.contains(expected), "{twin}");

    let account = az.call("storage account show -g arrikto --name rokpractice");
    let scope = text(&account, "/id");
    let assigned = assign(&az, &made, BLOBS, scope);
    assert!(text(&assigned, "/roleDefinitionId").ends_with(BLOBS));
    let listed = az.call(&format!("role assignment list --scope {scope}"));
    let mut listed = listed.as_array().expect("a list").iter();
    let ours = listed
        .find(|one| one["principalId"] == made["principalId"])
        .expect("it is listed");
    assert_eq!(ours["roleDefinitionName"], "Storage Blob Data Contributor");
    assert_eq!(ours["principalName"], made["clientId"]);
    let state = az.state();
    let kept = named(&state["assignments"], text(&assigned, "/name"));
    assert_eq!(kept["scope"], scope);
    assert_eq!(kept["role"], BLOBS);
    // This time it asks the directory who that is, and finds what there is already.
    let again = az.call(&format!(
        "role assignment create --role {BLOBS} --scope {scope} --assignee {}",
        text(&made, "/clientId")
    ));
    assert_eq!(again["name"], assigned["name"]);
    az.call(&format!(
        "role assignment delete --ids {}",
        text(&assigned, "/id")
    ));
    let state = az.state();
    let left = state["assignments"].as_object().expect("a map");
    assert!(left.values().all(|one| one["name"] != assigned["name"]));
    az.call("identity delete -g arrikto --name rok-s3proxy");
    assert_eq!(az.call("identity list -g arrikto"), json!([]));
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_logs_in_by_a_token_of_the_cluster_as_the_identity() {
    let az = Az::logged_in();
    let identity = create_identity(&az);
    let group = az.call("group show --name arrikto");
    assign(&az, &identity, "Reader", text(&group, "/id"));
    let client = text(&identity, "/clientId");
    let login = format!(
        "login --service-principal --username {client} --tenant {} --federated-token {}",
        az.variable("AZURE_TENANT_ID"),
        az.cluster_token("default", "default")
    );
    trust(&az, "system:serviceaccount:Default:default");
    let near = az.refusal(&login);
    assert!(near.contains("AADSTS7002138"), "{near}");
    trust(&az, "system:serviceaccount:default:default");
    let login = az.call(&login);
    assert_eq!(login[0]["user"]["name"], client);
    az.call("group show --name arrikto");
    let denied = az.refusal("identity delete -g arrikto --name rok-s3proxy");
    assert!(denied.contains("(AuthorizationFailed)"), "{denied}");
    let action = "'Microsoft.ManagedIdentity/userAssignedIdentities/delete'";
    assert!(denied.contains(action), "{denied}");
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_shows_cluster_machines_and_storage() {
    let az = Az::logged_in();
    let cluster = az.call("aks show -g arrikto --name arrikto-cluster");
    assert_eq!(cluster["oidcIssuerProfile"]["enabled"], true);
    assert_eq!(
        cluster["securityProfile"]["workloadIdentity"]["enabled"],
        true
    );
    assert_eq!(cluster["podIdentityProfile"]["enabled"], true);
    assert_eq!(cluster["networkProfile"]["networkPlugin"], "azure");
    assert_eq!(az.call("aks list")[0]["id"], cluster["id"]);
    let node_group = text(&cluster, "/nodeResourceGroup");
    let sets = az.call(&format!("vmss list -g {node_group}"));
    let name = text(&sets[0], "/name");
    let set = az.call(&format!("vmss show -g {node_group} --name {name}"));
    assert_eq!(set["tags"]["poolName"], "workers");
    let identities = set["identity"]["userAssignedIdentities"].as_object();
    let (shown, _) = identities
        .and_then(|identities| identities.iter().next())
        .expect("the kubelet has one");
    let kubelet = text(&cluster, "/identityProfile/kubeletidentity/resourceId");
    assert!(
        shown.eq_ignore_ascii_case(kubelet) && shown != kubelet,
        "{shown}"
    );

    let config = az.practice.env.home().join("from-az");
    az.call(&format!(
        "aks get-credentials -g arrikto --name arrikto-cluster --file {}",
        config.display()
    ));
    let config = std::fs::read_to_string(config).expect("az wrote it");
    assert!(
        config.contains("current-context: arrikto-cluster"),
        "{config}"
    );
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_creates_a_storage_account_and_waits_for_it() {
    let az = Az::logged_in();
    az.call(
        "storage account create -g arrikto --name rokother --location eastus --sku Standard_LRS \
         --allow-shared-key-access false --allow-blob-public-access false --min-tls-version TLS1_2",
    );
    let account = az.call("storage account show --name rokother");
    assert_eq!(account["allowSharedKeyAccess"], false);
    assert_eq!(account["provisioningState"], "Succeeded");
    let blob = text(&account, "/primaryEndpoints/blob");
    assert!(
        blob.starts_with("https://rokother.blob.localhost:"),
        "{blob}"
    );
    assert_eq!(az.state()["accounts"]["rokother"]["sku"], "Standard_LRS");
    let taken = az.call("storage account check-name --name rokother");
    assert_eq!(taken["reason"], "AlreadyExists");
    az.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn az_lists_blobs_only_with_a_role_for_them() {
    let az = Az::logged_in();
    // The account's own name is not resolved everywhere; its path always leads there.
    let list = format!(
        "storage blob list --container-name rok --auth-mode login --blob-endpoint {}/rokpractice",
        az.variable("ROK_AZURE_ARM_ENDPOINT")
    );
    let denied = az.refusal(&list);
    let expected = "You do not have the required permissions needed to perform this operation.";
    assert!(denied.contains(expected), "{denied}");
    let account = az.call("storage account show -g arrikto --name rokpractice");
    az.call(&format!(
        "role assignment create --role {BLOBS} --scope {} --assignee {}",
        text(&account, "/id"),
        az.variable("AZURE_CLIENT_ID")
    ));
    let missing = az.refusal(&list);
    assert!(
        missing.contains("The specified container does not exist."),
        "{missing}"
    );
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
    let deploy = format!(
        "deployment group create -g arrikto --name rok --template-file {}",
        file.display()
    );
    let deployed = az.call(&deploy);
    assert_eq!(deployed["properties"]["provisioningState"], "Succeeded");
    let resources = deployed["properties"]["outputResources"].as_array();
    assert_eq!(resources.map(Vec::len), Some(3));
    let identity = az.call("identity show -g arrikto --name rok-s3proxy");
    let state = az.state();
    let assigned = named(
        &state["assignments"],
        "c0ffee00-0000-4000-8000-000000000001",
    );
    assert_eq!(assigned["principal"], identity["principalId"]);
    let again = az.call(&deploy);
    assert_eq!(again["properties"]["provisioningState"], "Succeeded");
    assert_eq!(az.state()["identities"], state["identities"]);
    let operations = az.call("deployment operation group list -g arrikto --name rok");
    assert_eq!(operations.as_array().map(Vec::len), Some(3));
    az.stop();
}

//! Role assignments, and what they allow.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::json;

use super::practice::{
    CLIENT, MANAGEMENT, Practice, SECRET, STORAGE, SUBSCRIPTION, account, assignment, group,
    identity, role,
};
use crate::sandbox::azure::state::Policy;

const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const BLOBS: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";

#[tokio::test]
async fn a_role_reaches_down_and_not_sideways() {
    let practice = Practice::start().await;
    let (token, _) = practice.somebody(Some(("Reader", &group()))).await;
    let ask = async |method, path: &str| practice.ask_as(&token, method, path, None).await;
    practice.identity().await;
    assert_eq!(ask("GET", &identity("rok")).await.status, 200);
    let refused = ask("DELETE", &identity("rok")).await;
    let (status, code, message) = refused.error();
    assert_eq!((status, code), (403, "AuthorizationFailed"));
    assert!(
        message.contains(
            "does not have authorization to perform action \
             'Microsoft.ManagedIdentity/userAssignedIdentities/delete' over scope '/subscriptions/"
        ),
        "{message}"
    );
    assert!(message.ends_with(
        "or the scope is invalid. If access was recently granted, please refresh your credentials."
    ));
    let elsewhere = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_x");
    assert_eq!(ask("GET", &elsewhere).await.status, 403);
    let groups = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups");
    let groups = ask("GET", &groups).await.good();
    assert_eq!(groups["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_assignment_counts_after_its_lag_and_is_read_at_once() {
    let lag = Duration::from_mins(1);
    let practice = Practice::with_lag(lag).await;
    let (token, principal) = practice.somebody(None).await;
    let path = assignment(&group(), 1);
    let properties = json!({ "roleDefinitionId": role(READER), "principalId": principal });
    let body = json!({ "properties": properties });
    let made = practice.ask("PUT", &path, Some(body.clone())).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.good()["properties"]["principalType"],
        "ServicePrincipal"
    );
    assert_eq!(practice.ask("GET", &path, None).await.status, 200);
    let look = async || practice.ask_as(&token, "GET", &group(), None).await.status;
    assert_eq!(look().await, 403);
    practice.pass(lag);
    assert_eq!(look().await, 200);

    assert_eq!(
        practice.ask("PUT", &path, Some(body.clone())).await.status,
        200
    );
    let twin = practice
        .ask("PUT", &assignment(&group(), 2), Some(body))
        .await;
    assert_eq!(twin.code(), (409, "RoleAssignmentExists"));
    assert_eq!(practice.ask("DELETE", &path, None).await.status, 200);
    assert_eq!(look().await, 403);
}

#[tokio::test]
async fn a_new_identity_is_known_at_once_to_who_says_what_it_is() {
    let lag = Duration::from_mins(1);
    let practice = Practice::with_lag(lag).await;
    let made = practice.identity().await;
    let principal = made["properties"]["principalId"].as_str().unwrap();
    let mut properties = json!({ "roleDefinitionId": role(BLOBS), "principalId": principal });
    let path = assignment(&account(), 1);
    let early = practice
        .ask("PUT", &path, Some(json!({ "properties": properties })))
        .await;
    let (status, code, message) = early.error();
    assert_eq!((status, code), (400, "PrincipalNotFound"));
    assert!(message.contains("set the role assignment principalType property"));
    assert!(message.contains(&principal.replace('-', "")));
    properties["principalType"] = "ServicePrincipal".into();
    let said = practice
        .ask("PUT", &path, Some(json!({ "properties": properties })))
        .await;
    assert_eq!(said.status, 201);
    properties["roleDefinitionId"] = role("00000000-0000-4000-8000-000000000000").into();
    let unknown = practice
        .ask("PUT", &path, Some(json!({ "properties": properties })))
        .await;
    assert_eq!(unknown.code().1, "RoleDefinitionDoesNotExist");
}

#[tokio::test]
async fn assignments_are_listed_at_above_and_below_a_scope() {
    let practice = Practice::start().await;
    let (_, principal) = practice.somebody(Some(("Reader", &account()))).await;
    let list = async |scope: &str, filter: &str| {
        let path =
            format!("{scope}/providers/Microsoft.Authorization/roleAssignments?$filter={filter}");
        let list = practice.ask("GET", &path, None).await.good();
        list["value"].as_array().unwrap().len()
    };
    let of_principal = format!("principalId%20eq%20'{principal}'");
    assert_eq!(list(&account(), "atScope()").await, 2);
    assert_eq!(list(&group(), "atScope()").await, 1);
    assert_eq!(list(&group(), "").await, 2);
    assert_eq!(list(&group(), &of_principal).await, 1);
    assert_eq!(list(&identity("rok"), &of_principal).await, 0);
    let both = format!("atScope()%20and%20assignedTo('{principal}')");
    assert_eq!(list(&account(), &both).await, 1);
    let never = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()%20and%20{of_principal}",
        group()
    );
    let never = practice.ask("GET", &never, None).await;
    assert_eq!(never.code(), (400, "UnsupportedQuery"));
}

#[tokio::test]
async fn roles_are_found_by_name_and_rights_are_told() {
    let practice = Practice::start().await;
    let path = format!(
        "{}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName%20eq%20'storage%20blob%20data%20contributor'",
        account()
    );
    let found = practice.ask("GET", &path, None).await.good();
    assert_eq!(found["value"][0]["id"], role(BLOBS));
    let (token, _) = practice.somebody(Some(("Contributor", &group()))).await;
    let path = format!(
        "{}/providers/Microsoft.Authorization/permissions",
        account()
    );
    let told = practice.ask_as(&token, "GET", &path, None).await.good();
    assert_eq!(told["value"][0]["actions"], json!(["*"]));
    let withheld = told["value"][0]["notActions"].as_array().unwrap();
    assert!(withheld.contains(&json!("Microsoft.Authorization/*/Write")));
}

#[tokio::test]
async fn tokens_that_do_not_fit_are_refused_with_a_challenge() {
    let practice = Practice::start().await;
    let token = practice.token_of(CLIENT, SECRET, STORAGE).await.good();
    let token = token["access_token"].as_str().unwrap();
    let wrong = practice.ask_as(token, "GET", &group(), None).await;
    assert_eq!(wrong.code(), (401, "InvalidAuthenticationTokenAudience"));
    assert!(wrong.headers.contains_key("www-authenticate"));
    let token = practice.token_of(CLIENT, SECRET, MANAGEMENT).await.good();
    let token = token["access_token"].as_str().unwrap();
    practice.pass(Duration::from_hours(1));
    let old = practice.ask_as(token, "GET", &group(), None).await;
    assert_eq!(old.code(), (401, "ExpiredAuthenticationToken"));
    assert_eq!(practice.open(&group()).await.status, 401);
}

#[tokio::test]
async fn locks_policies_and_providers_hold_back_writes() {
    let practice = Practice::start().await;
    practice.identity().await;
    let change = |change: fn(&mut crate::sandbox::azure::AzureState)| {
        let state = practice.server.state();
        let done = state.write(|state| {
            change(state);
            Ok::<_, Infallible>(())
        });
        done.unwrap().unwrap();
    };
    let body = || Some(json!({ "location": "eastus" }));
    change(|state| state.lock(&group(), "CanNotDelete"));
    let locked = practice.ask("DELETE", &identity("rok"), None).await;
    assert_eq!(locked.code(), (409, "ScopeLocked"));
    assert_eq!(
        practice.ask("PUT", &identity("rok"), body()).await.status,
        200
    );
    change(|state| state.lock(&group(), "ReadOnly"));
    let locked = practice.ask("PUT", &identity("rok"), body()).await;
    assert_eq!(locked.code(), (409, "ScopeLocked"));
    change(|state| {
        state.locks.clear();
        state.policies.push(Policy {
            name: "no-identities".into(),
            scope: group(),
            resource_type: "Microsoft.ManagedIdentity/userAssignedIdentities".into(),
        });
    });
    let denied = practice.ask("PUT", &identity("rok"), body()).await;
    assert_eq!(denied.code(), (403, "RequestDisallowedByPolicy"));
    change(|state| {
        state.policies.clear();
        state.registered.remove("microsoft.managedidentity");
    });
    let missing = practice.ask("PUT", &identity("rok"), body()).await;
    assert_eq!(missing.code(), (409, "MissingSubscriptionRegistration"));
    let register =
        format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/register");
    practice.ask("POST", &register, None).await.good();
    assert_eq!(
        practice.ask("PUT", &identity("rok"), body()).await.status,
        200
    );
}

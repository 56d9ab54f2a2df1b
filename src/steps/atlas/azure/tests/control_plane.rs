//! What is refused to who changes something, and how the Azure CLI says it.

use super::*;

#[test]
fn what_an_identity_is_too_new_for_passes_and_what_is_gone_does_not() {
    let new = said(
        "PrincipalNotFound",
        "Principal 1 does not exist in the directory 2.",
    );
    let parent = said(
        "ParentResourceNotFound",
        "Failed to perform 'write' on resource",
    );
    for symptom in [new, parent] {
        not_yet(&by_token(), &symptom);
        let mut gone = by_token();
        gone.identity = Ok(None);
        never(
            &gone,
            &symptom,
            "az-identity-missing",
            Link::ManagedIdentity,
            "az identity create",
        );
    }
    let parallel = said(
        "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        "",
    );
    not_yet(&by_token(), &parallel);
}

#[test]
fn a_right_and_a_role_are_looked_for_before_anybody_is_asked() {
    let denied = said(
        "AuthorizationFailed",
        "The client 'ops' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/s'",
    );
    let (asked, _) = told(&by_token(), &denied, true);
    assert_eq!(asked.cause_id, Some("az-no-right"));
    assert!(
        asked
            .cause
            .contains("`Microsoft.Authorization/roleAssignments/write`")
            && !asked.not_yet
    );
    assert!(asked.remedies[1].contains("rok-deploy handoff"));
    let mut granted = by_token();
    granted.about = About::Right(true);
    not_yet(&granted, &denied);

    let unknown = said(
        "RoleDefinitionDoesNotExist",
        "The specified role definition does not exist.",
    );
    let mut arrived = by_token();
    arrived.about = About::Role(true);
    not_yet(&arrived, &unknown);
    let mut missing = by_token();
    missing.about = About::Role(false);
    let (diagnosis, _) = told(&missing, &unknown, true);
    assert_eq!(diagnosis.cause_id, Some("az-role-unknown"));
    assert!(!diagnosis.not_yet && diagnosis.remedies[0].contains("az role definition list"));
}

#[test]
fn what_is_there_already_is_named() {
    let mut seeing = by_token();
    let mut other = credential();
    other.name = "by-hand".into();
    token(&mut seeing).credentials = Ok(vec![other]);
    let exists = said(
        "BadRequest",
        "Issuer and subject combination already exists for this Managed Identity.",
    );
    let (diagnosis, _) = told(&seeing, &exists, true);
    assert_eq!(diagnosis.cause_id, Some("az-credential-exists"));
    assert!(
        diagnosis.cause.contains("by-hand") && !diagnosis.not_yet,
        "{}",
        diagnosis.cause
    );

    token(&mut seeing).credentials = Ok(vec![credential(); 20]);
    let full = said("BadRequest", "Too many Federated Identity Credentials");
    let (diagnosis, _) = told(&seeing, &full, true);
    assert!(diagnosis.cause.contains("found 20"), "{}", diagnosis.cause);
    assert!(diagnosis.remedies[0].contains("federated-credential delete"));

    let assigned = said(
        "RoleAssignmentExists",
        "The role assignment already exists.",
    );
    let (diagnosis, _) = told(&by_token(), &assigned, true);
    assert_eq!(diagnosis.entry, Some("az-assignment-exists"));
}

#[test]
fn what_the_subscription_forbids_names_who_can_lift_it() {
    let mut locked = by_token();
    locked.about = About::Locks(vec!["`keep` (CanNotDelete)".into()]);
    let (diagnosis, _) = told(&locked, &said("ScopeLocked", "The scope is locked"), true);
    assert!(
        diagnosis.cause.contains("`keep` (CanNotDelete)"),
        "{}",
        diagnosis.cause
    );
    assert!(
        diagnosis.remedies[0].contains("az lock list --resource-group arrikto --subscription s")
    );
    for (code, text, remedy) in [
        (
            "RequestDisallowedByPolicy",
            "Resource was disallowed by policy.",
            "az policy assignment list",
        ),
        (
            "MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace 'Microsoft.ManagedIdentity'.",
            "az provider register --namespace Microsoft.ManagedIdentity --wait",
        ),
        (
            "InvalidResourceGroupLocation",
            "Invalid resource group location 'eastus'. The Resource group already exists in location 'westus'.",
            "--set az_location=westus",
        ),
        (
            "AADSTS50005",
            "AADSTS50005: User tried to log in to a device from a platform (Unknown) that's currently not supported",
            "az login --service-principal",
        ),
        (
            "AADSTS700024",
            "AADSTS700024: Client assertion is not within its valid time range.",
            "set the clock",
        ),
        (
            "PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation",
            "",
            "--enable-pod-identity",
        ),
    ] {
        let (diagnosis, _) = told(&by_token(), &said(code, text), true);
        let remedies = diagnosis.remedies.join("\n");
        assert!(
            remedies.contains(remedy) && !diagnosis.not_yet,
            "{code}: {remedies}"
        );
    }
}

#[test]
fn what_the_azure_cli_says_is_taken_apart() {
    for (said, code, text) in [
        (
            "The specified container does not exist.\nRequestId:8ec2d64b\nTime:2021-08-06T09:02:35Z\nErrorCode:ContainerNotFound\nError:None\n",
            Some("ContainerNotFound"),
            "The specified container does not exist.",
        ),
        (
            "WARNING: The behaviour will change.\nERROR: The specified container does not exist.\nRequestId:1\nErrorCode:ContainerNotFound\n",
            Some("ContainerNotFound"),
            "The specified container does not exist.",
        ),
        (
            "ERROR: AADSTS700213: No matching federated identity record found for presented assertion subject 'x'. Trace ID: 1",
            Some("AADSTS700213"),
            "AADSTS700213: No matching federated identity record found for presented assertion subject 'x'. Trace ID: 1",
        ),
        (
            "ERROR: (AuthorizationFailed) The client 'x' does not have authorization\nCode: AuthorizationFailed",
            Some("AuthorizationFailed"),
            "(AuthorizationFailed) The client 'x' does not have authorization",
        ),
        (
            "no azure identity found for request clientID\n",
            None,
            "no azure identity found for request clientID",
        ),
        ("", None, ""),
    ] {
        let symptom = Symptom::of_az(said);
        assert_eq!(symptom.code.as_deref(), code, "{said}");
        assert_eq!(symptom.text, text);
    }
}

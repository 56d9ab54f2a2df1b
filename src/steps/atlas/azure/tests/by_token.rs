//! Workload identity, and what both ways have in common.

use super::*;
use crate::clients::azure::{AzureError, AzureErrorKind};

#[test]
fn a_chain_that_holds_is_proven_up_to_what_only_use_proves() {
    for (seeing, container) in [
        (by_token(), "no token: not tried"),
        (by_node(), "only a Pod can ask"),
    ] {
        let chain = seeing.judge(&place()).chain;
        for found in &chain.links {
            let expected = if found.link == Link::Container {
                assert_eq!(found.note, container);
                LinkState::Unknown
            } else {
                LinkState::Proven
            };
            assert_eq!(found.state, expected, "{found:?}");
        }
    }
    let mut used = by_token();
    token(&mut used).walk = Walk::Answered(Ok(None));
    assert_eq!(used.judge(&place()).chain.weakest(), None);
}

#[test]
fn a_token_that_entra_refuses_is_compared_to_the_letter() {
    not_yet(&by_token(), &refused());
    let change = |change: &dyn Fn(&mut FederatedCredential)| {
        let mut seeing = by_token();
        let mut changed = credential();
        change(&mut changed);
        token(&mut seeing).credentials = Ok(vec![changed]);
        seeing
    };
    let link = Link::FederatedCredential;
    let update = "az identity federated-credential update --name rok-rok-rok --identity-name rok-arrikto --resource-group arrikto --issuer https://eastus.oic.prod-aks.azure.com/tenant/cluster/ --subject system:serviceaccount:rok:rok --audiences api://AzureADTokenExchange --subscription s";
    let subject = change(&|it| it.subject = SUBJECT.replace(":rok:rok", ":rok:Rok"));
    never(&subject, &refused(), "az-credential-subject", link, update);
    let issuer = change(&|it| it.issuer = ISSUER.trim_end_matches('/').into());
    never(&issuer, &refused(), "az-credential-issuer", link, update);
    let unknown = said(
        "AADSTS700211",
        "AADSTS700211: No matching federated identity record found for presented assertion issuer 'x'.",
    );
    never(&issuer, &unknown, "az-credential-issuer", link, update);
    let audience = change(&|it| it.audiences = vec!["api://other".into()]);
    never(
        &audience,
        &refused(),
        "az-credential-audience",
        link,
        update,
    );
    let mut none = by_token();
    token(&mut none).credentials = Ok(Vec::new());
    let create = "az identity federated-credential create --name rok-rok-rok";
    never(&none, &refused(), "az-credential-missing", link, create);
    let mut remade = by_token();
    remade.identity = Ok(None);
    let missing = "az identity create --name rok-arrikto --resource-group arrikto --subscription s";
    never(
        &remade,
        &refused(),
        "az-identity-missing",
        Link::ManagedIdentity,
        missing,
    );
}

#[test]
fn an_issuer_that_is_off_or_another_is_no_matter_of_time() {
    let mut off = by_token();
    off.cluster
        .as_mut()
        .unwrap()
        .as_mut()
        .unwrap()
        .is_oidc_enabled = false;
    let enable = "--enable-oidc-issuer";
    never(&off, &refused(), "az-issuer-off", Link::Issuer, enable);
    let mut other = by_token();
    let claims = token(&mut other).claims.as_mut().unwrap();
    claims["iss"] = "https://other/".into();
    never(
        &other,
        &refused(),
        "az-issuer-other",
        Link::Issuer,
        "az aks get-credentials --name arrikto-cluster",
    );
    let unreachable = said(
        "AADSTS90061",
        "AADSTS90061: Request to External OIDC endpoint failed.",
    );
    let (diagnosis, _) = told(&by_token(), &unreachable, true);
    assert_eq!(diagnosis.cause_id, Some("az-issuer-unreachable"));
    assert!(
        !diagnosis.not_yet
            && diagnosis.remedies[0].contains("az aks update --name arrikto-cluster")
    );
}

#[test]
fn a_role_that_is_assigned_is_waited_for_and_no_other() {
    not_yet(&by_token(), &mismatch());
    not_yet(
        &by_node(),
        &Symptom::of_az(
            "You do not have the required permissions needed to perform this operation.\nDepending on your operation, you may need to be assigned one of the following roles:",
        ),
    );
    let with = |assignments: Vec<RoleAssignment>| {
        let mut seeing = by_token();
        seeing.assignments = Ok(assignments);
        seeing
    };
    let link = Link::RoleAssignment;
    let create = format!(
        "az role assignment create --role 'Storage Blob Data Contributor' --assignee-object-id principal --assignee-principal-type ServicePrincipal --scope {} --subscription s",
        storage_id()
    );
    never(
        &with(Vec::new()),
        &mismatch(),
        "az-assignment-missing",
        link,
        &create,
    );
    let reader = with(vec![assigned(READER, GROUP)]);
    never(
        &reader,
        &mismatch(),
        "az-assignment-of-another-role",
        link,
        &create,
    );
    let elsewhere = with(vec![assigned(DATA, &format!("{}2", storage_id()))]);
    never(
        &elsewhere,
        &mismatch(),
        "az-assignment-elsewhere",
        link,
        &create,
    );
    let above = with(vec![assigned(DATA, "/subscriptions/s")]);
    not_yet(&above, &mismatch());
    let mut gone = by_token();
    gone.storage = Ok(None);
    never(
        &gone,
        &mismatch(),
        "az-storage-missing",
        Link::StorageAccount,
        "az_storage_account_create=yes",
    );
}

#[test]
fn a_request_that_network_rules_stop_is_no_matter_of_roles() {
    let error = AzureError {
        operation: "GET blobs".into(),
        code: Some("AuthorizationFailure".into()),
        message: "This request is not authorized to perform this operation.".into(),
        status: Some(403),
        request_id: None,
        kind: AzureErrorKind::AccessDenied,
        surroundings: None,
    };
    let mut closed = by_token();
    let storage = closed.storage.as_mut().unwrap().as_mut().unwrap();
    storage.public_network_access = Some("Disabled".into());
    token(&mut closed).walk = Walk::Answered(Err(error.clone()));
    never(
        &closed,
        &Symptom::from(&error),
        "az-storage-closed",
        Link::StorageAccount,
        "az storage account show --name rokpractice",
    );
}

#[test]
fn a_look_that_is_forbidden_is_no_guess_unless_the_cloud_is_known_to_be_slow() {
    let mut blind = by_token();
    blind.assignments = Err("ops may not look at roles".into());
    let (diagnosis, chain) = told(&blind, &mismatch(), false);
    assert_eq!(diagnosis.cause_id, None);
    assert!(
        diagnosis.cause.contains("ops may not look"),
        "{}",
        diagnosis.cause
    );
    assert_eq!(chain[Link::RoleAssignment].state, LinkState::Unknown);
    assert!(told(&blind, &mismatch(), true).0.not_yet);
}

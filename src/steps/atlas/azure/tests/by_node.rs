//! Pod identity.

use super::*;
use crate::clients::azure::PodIdentityException;

#[test]
fn the_operator_of_a_pod_identity_has_to_be_at_the_identity_itself() {
    let failed = |operators: Vec<RoleAssignment>| {
        let mut seeing = by_node();
        node(&mut seeing).operator = Ok(operators);
        let ours = &mut pod_identities(&mut seeing).identities[0];
        ours.state = Some("Failed".into());
        ours.error = Some("no assignment permission".into());
        seeing
    };
    let link = Link::PodIdentity;
    let grant = format!(
        "az role assignment create --role 'Managed Identity Operator' --assignee-object-id operator --assignee-principal-type ServicePrincipal --scope {} --subscription s",
        identity_id()
    );
    let linked = said(
        "LinkedAuthorizationFailed",
        "does not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope",
    );
    let cli = Symptom::of_az("Could not grant Managed Identity Operator permission for cluster");
    for symptom in [bad_request(), linked, cli] {
        never(
            &failed(Vec::new()),
            &symptom,
            "az-operator-missing",
            link,
            &grant,
        );
        let inherited = failed(vec![assigned(OPERATOR, GROUP)]);
        never(&inherited, &symptom, "az-operator-inherited", link, &grant);
        let mut granted = failed(vec![assigned(OPERATOR, &identity_id())]);
        pod_identities(&mut granted).identities[0].state = Some("Updating".into());
        not_yet(&granted, &symptom);
    }
    // With the role in place nobody else is to blame; the run adds it again.
    let again = failed(vec![assigned(OPERATOR, &identity_id())]);
    let judged = again.judge(&place());
    assert_eq!(judged.breaks[0].cause.id, "az-pod-identity-failed");
}

#[test]
fn a_pod_that_its_node_does_not_know_is_looked_into_link_by_link() {
    not_yet(&by_node(), &unbound());
    let change = |change: &dyn Fn(&mut Seeing)| {
        let mut seeing = by_node();
        change(&mut seeing);
        seeing
    };
    let pod = |label: &str| json!({ "metadata": { "labels": { "aadpodidbinding": label } } });
    let rows: [(Seeing, &str, Link, &str); 9] = [
        (
            change(&|it| it.pod = Ok(Some(pod("rok-s3proxy")))),
            "az-binding-label",
            Link::Binding,
            "`aadpodidbinding: rok`",
        ),
        (
            change(&|it| it.pod = Ok(Some(json!({ "metadata": {} })))),
            "az-binding-label",
            Link::Binding,
            "--show-labels",
        ),
        (
            change(&|it| {
                node(it).binding = Ok(Some(
                    json!({ "spec": { "azureIdentity": "rok", "selector": "other" } }),
                ));
            }),
            "az-binding-selector",
            Link::Binding,
            "kubectl get azureidentitybinding rok-binding --namespace rok",
        ),
        (
            change(&|it| {
                node(it).binding = Ok(Some(
                    json!({ "spec": { "azureIdentity": "other", "selector": "rok" } }),
                ));
            }),
            "az-binding-identity",
            Link::Binding,
            "az aks update",
        ),
        (
            change(&|it| node(it).binding = Ok(None)),
            "az-binding-missing",
            Link::Binding,
            "az aks update",
        ),
        (
            change(&|it| node(it).object = Ok(None)),
            "az-object-missing",
            Link::AzureIdentity,
            "az aks update",
        ),
        (
            change(&|it| {
                node(it).object.as_mut().unwrap().as_mut().unwrap()["spec"]["clientID"] =
                    "other".into();
            }),
            "az-object-client",
            Link::AzureIdentity,
            "az aks pod-identity add --cluster-name arrikto-cluster",
        ),
        (
            change(&|it| {
                pod_identities(it).exceptions = vec![PodIdentityException {
                    name: "all".into(),
                    namespace: "rok".into(),
                    pod_labels: Tags::new(),
                }];
            }),
            "az-pod-exception",
            Link::PodIdentity,
            "az aks pod-identity exception delete",
        ),
        (
            change(&|it| node(it).scale_sets = Ok(vec![scale_set("workers", &[])])),
            "az-node-without-identity",
            Link::Node,
            "az vmss identity assign --resource-group MC_arrikto",
        ),
    ];
    for (seeing, cause, link, remedy) in &rows {
        never(seeing, &unbound(), cause, *link, remedy);
    }
}

#[test]
fn an_exception_of_another_namespace_and_another_pool_do_not_matter() {
    let mut seeing = by_node();
    pod_identities(&mut seeing).exceptions = vec![PodIdentityException {
        name: "k8s-addon-exception".into(),
        namespace: "kube-system".into(),
        pod_labels: Tags::new(),
    }];
    node(&mut seeing).scale_sets = Ok(vec![
        scale_set("system", &[]),
        scale_set("Workers", &[&identity_id()]),
    ]);
    seeing.pool = Ok(Some("workers".into()));
    assert!(seeing.judge(&place()).breaks.is_empty());
    // The Pod runs where nobody holds the identity for it.
    seeing.pool = Ok(Some("system".into()));
    let judged = seeing.judge(&place());
    assert_eq!(judged.breaks[0].cause.id, "az-node-without-identity");
    seeing.pool = Ok(Some("gone".into()));
    let judged = seeing.judge(&place());
    assert_eq!(judged.breaks[0].cause.id, "az-node-pool-missing");
}

#[test]
fn an_add_on_that_is_off_is_named_with_its_successor() {
    let mut seeing = by_node();
    pod_identities(&mut seeing).enabled = false;
    let judged = seeing.judge(&place());
    let found = &judged.breaks[0];
    assert_eq!(found.cause.id, "az-add-on-off");
    let remedies = Diagnosis::of(None, found.cause, &place(), "").remedies;
    assert!(remedies[1].contains("az_identity_method=workload-identity"));
}

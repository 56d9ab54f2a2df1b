//! Azure: what its services and Entra say. These are texts alone; nothing here is looked into.

use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::ENTRY;

/// An entry with one cause of the same name; one of the texts or codes is enough.
const fn entry(
    id: &'static str,
    row: u8,
    codes: &'static [&'static str],
    texts: &'static [&'static str],
    response: Response,
    causes: &'static [&'static Cause],
) -> Entry {
    Entry {
        id,
        row,
        sources: &[Source::Azure],
        codes,
        texts,
        seen: false,
        response,
        causes,
        ..ENTRY
    }
}

const fn cause(id: &'static str, text: &'static str, remedies: &'static [&'static str]) -> Cause {
    Cause {
        id,
        link: None,
        text,
        remedies,
    }
}

const GRANT_OPERATOR: &[&str] = &[
    "`az role assignment create --role \"Managed Identity Operator\" --assignee-object-id PRINCIPAL --assignee-principal-type ServicePrincipal --scope IDENTITY` at the identity's own scope: an inherited one is not seen",
];

pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "az-principal-new",
        46,
        &["PrincipalNotFound"],
        &["does not exist in the directory"],
        Response::Fix,
        &[&cause(
            "az-principal-new",
            "the identity is too new for the directory's replicas",
            &[
                "`az role assignment create --assignee-object-id PRINCIPAL --assignee-principal-type ServicePrincipal --role ROLE --scope SCOPE` does not look it up",
            ],
        )],
    ),
    entry(
        "az-assignment-exists",
        47,
        &["RoleAssignmentExists"],
        &["role assignment already exists"],
        Response::Success,
        &[&cause(
            "az-assignment-exists",
            "the role assignment exists already",
            &[],
        )],
    ),
    entry(
        "az-no-right",
        48,
        &["AuthorizationFailed"],
        &["does not have authorization to perform action '{found}'"],
        Response::Ask,
        &[&cause(
            "az-no-right",
            "the caller may not do `{found}`, or was allowed to a moment ago",
            &[
                "if it was granted just now, log in again for a new token: `az login`",
                "otherwise ask an administrator: `rok-deploy handoff` writes the files",
            ],
        )],
    ),
    entry(
        "az-role-definition",
        49,
        &[
            "RoleDefinitionDoesNotExist",
            "RoleDefinitionWithSameNameExists",
        ],
        &[],
        Response::Wait,
        &[&cause(
            "az-role-definition",
            "the custom role has not reached every replica yet",
            &[
                "wait a few minutes and run again; `az role definition list --custom-role-only` shows it",
            ],
        )],
    ),
    entry(
        "az-parent-new",
        50,
        &["ParentResourceNotFound"],
        &[],
        Response::Wait,
        &[&cause(
            "az-parent-new",
            "the identity is too new for a credential",
            &["wait a minute and run again"],
        )],
    ),
    entry(
        "az-parallel-credentials",
        51,
        &["ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"],
        &[],
        Response::Wait,
        &[&cause(
            "az-parallel-credentials",
            "somebody else writes a credential of the same identity",
            &["wait a minute and run again"],
        )],
    ),
    entry(
        "az-credential-exists",
        52,
        &[],
        &["Issuer and subject combination already exists for this Managed Identity"],
        Response::Fix,
        &[&cause(
            "az-credential-exists",
            "the identity has a credential for this issuer and subject under another name",
            &[
                "`az identity federated-credential list --identity-name IDENTITY --resource-group GROUP` shows it; it is as good",
            ],
        )],
    ),
    entry(
        "az-credentials-full",
        53,
        &[],
        &[
            "Too many Federated Identity Credentials",
            "maximum number of federated identity credentials",
        ],
        Response::Stop,
        &[&cause(
            "az-credentials-full",
            "an identity holds at most 20 credentials",
            &[
                "`az identity federated-credential list --identity-name IDENTITY --resource-group GROUP` lists them; remove those of dead clusters",
            ],
        )],
    ),
    entry(
        "az-no-matching-credential",
        54,
        &["AADSTS70021", "AADSTS700213", "AADSTS7002138"],
        &[
            "No matching federated identity record found",
            "AADSTS70021:",
            "AADSTS700213:",
            "AADSTS7002138:",
        ],
        Response::Wait,
        &[&cause(
            "az-no-matching-credential",
            "no credential of the identity has the token's issuer, subject and audience; a new one is seen within minutes",
            &[
                "compare the issuer (with its trailing `/`), subject `{subject}` (upper and lower case count) and audience `api://AzureADTokenExchange`: `az identity federated-credential list --identity-name IDENTITY --resource-group GROUP`",
            ],
        )],
    ),
    entry(
        "az-issuer-unknown",
        55,
        &["AADSTS700211"],
        &["AADSTS700211:"],
        Response::Fix,
        &[&cause(
            "az-issuer-unknown",
            "no credential of the identity is for the token's issuer",
            &[
                "`az aks show --name {cluster} --resource-group GROUP --query oidcIssuerProfile.issuerUrl` tells the issuer, with its trailing `/`",
            ],
        )],
    ),
    entry(
        "az-issuer-unreachable",
        56,
        &["AADSTS90061"],
        &["Request to External OIDC endpoint failed"],
        Response::Stop,
        &[&cause(
            "az-issuer-unreachable",
            "Entra cannot read the cluster's signing keys",
            &[
                "`az aks update --name {cluster} --resource-group GROUP` reconciles the cluster's issuer",
            ],
        )],
    ),
    entry(
        "az-conditional-access",
        57,
        &["AADSTS50005"],
        &["AADSTS50005:"],
        Response::Stop,
        &[&cause(
            "az-conditional-access",
            "the directory's rules do not let this machine log in",
            &[
                "use another login: `az login --service-principal --username APP --password SECRET --tenant TENANT`, or the portal's shell",
            ],
        )],
    ),
    entry(
        "az-clock-skew",
        58,
        &["AADSTS700024"],
        &["AADSTS700024:", "not within its valid time range"],
        Response::Stop,
        &[&cause(
            "az-clock-skew",
            "a clock is wrong: the token is not valid at Entra's time",
            &["set the clock of this machine and of the nodes"],
        )],
    ),
    entry(
        "az-identity-operator",
        59,
        &[],
        &[
            "Cluster identity has no assignment permission over identity '{found}'",
            "Managed Identity Operator",
        ],
        Response::Fix,
        &[&cause(
            "az-identity-operator",
            "the cluster's own identity may not hand out the Pod's identity",
            GRANT_OPERATOR,
        )],
    ),
    entry(
        "az-operator-not-granted",
        60,
        &[],
        &["Could not grant Managed Identity Operator permission for cluster"],
        Response::Fix,
        &[&cause(
            "az-operator-not-granted",
            "the CLI may not grant that role to the cluster's identity",
            GRANT_OPERATOR,
        )],
    ),
    entry(
        "az-linked-authorization",
        61,
        &["LinkedAuthorizationFailed"],
        &["userAssignedIdentities/assign/action"],
        Response::Ask,
        &[&cause(
            "az-linked-authorization",
            "the one who updates the nodes may not assign the identity",
            GRANT_OPERATOR,
        )],
    ),
    entry(
        "az-addon-order",
        62,
        &["PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation"],
        &[],
        Response::Fix,
        &[&cause(
            "az-addon-order",
            "Pod identities cannot be named while the add-on is switched on",
            &[
                "`az aks update --name {cluster} --resource-group GROUP --enable-pod-identity` first, then `az aks pod-identity add`",
            ],
        )],
    ),
    entry(
        "az-binding-label",
        63,
        &[],
        &[
            "no azure identity found for request clientID",
            "MSI endpoint is not responding",
        ],
        Response::Stop,
        &[&cause(
            "az-binding-label",
            "no identity is bound to the Pod",
            &[
                "`kubectl get pods --all-namespaces --show-labels` must show `aadpodidbinding` with the selector that `kubectl get azureidentitybinding --all-namespaces -o yaml` has",
            ],
        )],
    ),
    entry(
        "az-not-injected",
        64,
        &[],
        &["AZURE_CLIENT_ID environment variable is not set"],
        Response::Stop,
        &[&cause(
            "az-not-injected",
            "the webhook gave the Pod no identity",
            &[
                "the label `azure.workload.identity/use: \"true\"` has to be on the Pod itself, the annotation on its service account: `kubectl get pod {pod} --namespace {namespace} --show-labels`; then make the Pod anew",
            ],
        )],
    ),
    entry(
        "az-data-not-yet",
        65,
        &["AuthorizationPermissionMismatch"],
        &["You do not have the required permissions needed to perform this operation"],
        Response::Wait,
        &[&cause(
            "az-data-not-yet",
            "the role assignment is missing, or the storage service has not heard of it yet",
            &[
                "`az role assignment list --assignee PRINCIPAL --scope SCOPE` must show `Storage Blob Data Contributor`; it is seen within ten minutes, at parent scopes within thirty",
            ],
        )],
    ),
    entry(
        "az-container-missing",
        45,
        &["ContainerNotFound"],
        &[],
        Response::Success,
        &[&cause(
            "az-container-missing",
            "access is proven: the container does not exist yet",
            &[],
        )],
    ),
    entry(
        "az-policy",
        67,
        &["RequestDisallowedByPolicy"],
        &[],
        Response::Stop,
        &[&cause(
            "az-policy",
            "a policy of the subscription forbids it",
            &[
                "`az policy assignment list --disable-scope-strict-match` lists the policies; ask their owner",
            ],
        )],
    ),
    entry(
        "az-locked",
        67,
        &["ScopeLocked"],
        &[],
        Response::Stop,
        &[&cause(
            "az-locked",
            "the resource is locked",
            &[
                "`az lock list --resource-group GROUP` shows the lock; `az lock delete --ids LOCK` removes it",
            ],
        )],
    ),
    entry(
        "az-provider-not-registered",
        67,
        &["MissingSubscriptionRegistration"],
        &["not registered to use namespace '{found}'"],
        Response::Fix,
        &[&cause(
            "az-provider-not-registered",
            "the subscription does not use `{found}` yet",
            &["`az provider register --namespace {found} --wait`"],
        )],
    ),
];

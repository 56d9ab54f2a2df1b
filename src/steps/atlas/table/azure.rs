//! Azure: what Resource Manager, AKS and the directory say to who changes something.

use super::super::azure::causes::{IDENTITY_MISSING, OPERATOR_INHERITED, OPERATOR_MISSING};
use super::super::entry::{Cause, Entry, Response};
use super::super::symptom::Source;
use super::ENTRY;

/// An entry with one cause of the same name; one of the texts or codes is enough.
pub(super) const fn entry(
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

/// The same, where the chain shows each of the causes.
pub(super) const fn in_chain(entry: Entry) -> Entry {
    Entry {
        in_chain: true,
        ..entry
    }
}

pub(super) const fn cause(
    id: &'static str,
    text: &'static str,
    remedies: &'static [&'static str],
) -> Cause {
    Cause {
        id,
        link: None,
        text,
        remedies,
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    entry(
        "az-principal-new",
        46,
        &["PrincipalNotFound"],
        &["does not exist in the directory"],
        Response::Wait,
        &[
            &cause(
                "az-principal-new",
                "the identity is too new for the directory's replicas",
                &[
                    "`az role assignment create --role 'Storage Blob Data Contributor' --assignee-object-id {principal} --assignee-principal-type ServicePrincipal --scope {storage_id}` does not look it up",
                ],
            ),
            &IDENTITY_MISSING,
        ],
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
        &[
            &cause(
                "az-parent-new",
                "the identity is too new for a credential",
                &["wait a minute and run again"],
            ),
            &IDENTITY_MISSING,
        ],
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
            "managed identity `{identity}` has a credential for this issuer and subject under another name: found {found}",
            &[
                "`az identity federated-credential list --identity-name {identity} --resource-group {group}` shows it; it is as good",
                "`rok-deploy run` takes it as it is",
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
            "an identity holds at most 20 credentials: found {found}",
            &[
                "`az identity federated-credential list --identity-name {identity} --resource-group {group}` lists them; `az identity federated-credential delete --name NAME --identity-name {identity} --resource-group {group}` removes that of a dead cluster",
                "or take another identity: `--set az_managed_identity=NAME`",
            ],
        )],
    ),
    in_chain(entry(
        "az-identity-operator",
        59,
        &[],
        &[
            "Cluster identity has no assignment permission over identity '{found}'",
            "Managed Identity Operator",
        ],
        Response::Wait,
        &[&OPERATOR_MISSING, &OPERATOR_INHERITED, &IDENTITY_MISSING],
    )),
    in_chain(entry(
        "az-operator-not-granted",
        60,
        &[],
        &["Could not grant Managed Identity Operator permission for cluster"],
        Response::Wait,
        &[&OPERATOR_MISSING, &OPERATOR_INHERITED, &IDENTITY_MISSING],
    )),
    in_chain(entry(
        "az-linked-authorization",
        61,
        &["LinkedAuthorizationFailed"],
        &["userAssignedIdentities/assign/action"],
        Response::Wait,
        &[&OPERATOR_MISSING, &OPERATOR_INHERITED, &IDENTITY_MISSING],
    )),
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
                "`az aks update --name {cluster} --resource-group {group} --enable-pod-identity` first",
                "then `az aks pod-identity add --cluster-name {cluster} --resource-group {group} --namespace {namespace} --name {pod_identity} --identity-resource-id {identity_id}`",
            ],
        )],
    ),
    entry(
        "az-group-elsewhere",
        66,
        &["InvalidResourceGroupLocation", "InvalidResourceLocation"],
        &["already exists in location '{found}'"],
        Response::Ask,
        &[&cause(
            "az-group-elsewhere",
            "what was to be made exists in another region: found {found}",
            &[
                "if that is the right one, answer with its region: `--set az_location={found}`",
                "otherwise take another group, or another name: `az group list --query '[].[name,location]'` lists the groups",
            ],
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
            "the resource is locked: found {found}",
            &[
                "`az lock list --resource-group {group}` shows the lock; `az lock delete --ids LOCK` removes it, where its owner agrees",
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

//! From the managed identity to its containers: what both ways to the identity share.

use super::RUN;
use crate::engine::Link;
use crate::steps::atlas::entry::Cause;

pub(in crate::steps::atlas) const IDENTITY_MISSING: Cause = Cause {
    id: "az-identity-missing",
    link: Some(Link::ManagedIdentity),
    text: "managed identity `{identity}` does not exist in resource group `{group}`",
    remedies: &[
        "`rok-deploy run` creates it",
        "`az identity create --name {identity} --resource-group {group}`",
    ],
};

pub(in crate::steps::atlas) const IDENTITY_REMADE: Cause = Cause {
    id: "az-identity-remade",
    link: Some(Link::ManagedIdentity),
    text: "managed identity `{identity}` was made anew since: found client id {found}, expected {client_id}",
    remedies: &["`rok-deploy run` hands out the new one"],
};

const ASSIGN: &str = "`az role assignment create --role 'Storage Blob Data Contributor' --assignee-object-id {principal} --assignee-principal-type ServicePrincipal --scope {storage_id}`";
const ASSIGNED: &str =
    "`az role assignment list --assignee {principal} --all` shows what it may do";

pub(in crate::steps::atlas) const ASSIGNMENT_MISSING: Cause = Cause {
    id: "az-assignment-missing",
    link: Some(Link::RoleAssignment),
    text: "managed identity `{identity}` has no role on storage account `{storage}`: found {found}, expected `Storage Blob Data Contributor`",
    remedies: &["`rok-deploy run` assigns it", ASSIGN],
};

pub(in crate::steps::atlas) const ASSIGNMENT_OTHER_ROLE: Cause = Cause {
    id: "az-assignment-of-another-role",
    link: Some(Link::RoleAssignment),
    text: "no role of managed identity `{identity}` on storage account `{storage}` opens its blobs: found {found}, expected `Storage Blob Data Contributor`; a role over resources says nothing of the data in them",
    remedies: &[ASSIGN, ASSIGNED],
};

pub(in crate::steps::atlas) const ASSIGNMENT_ELSEWHERE: Cause = Cause {
    id: "az-assignment-elsewhere",
    link: Some(Link::RoleAssignment),
    text: "the role of managed identity `{identity}` is for another scope: found {found}, expected {storage_id}",
    remedies: &[
        "if storage account `{storage}` is the right one: `az role assignment create --role 'Storage Blob Data Contributor' --assignee-object-id {principal} --assignee-principal-type ServicePrincipal --scope {storage_id}`",
        "otherwise name the authorized one: `--set storage_account_name=NAME`",
    ],
};

pub(in crate::steps::atlas) const ASSIGNMENT_CONDITION: Cause = Cause {
    id: "az-assignment-condition",
    link: Some(Link::RoleAssignment),
    text: "a condition narrows the role of managed identity `{identity}` on storage account `{storage}`: found {found}",
    remedies: &[
        "have the condition let containers named `{prefix}*` through, or have it taken out",
        ASSIGNED,
    ],
};

pub(in crate::steps::atlas) const STORAGE_MISSING: Cause = Cause {
    id: "az-storage-missing",
    link: Some(Link::StorageAccount),
    text: "storage account `{storage}` does not exist",
    remedies: &[
        "`az storage account list --query '[].name'` lists those there are; name one with `--set storage_account_name=NAME`",
        "`rok-deploy run --set az_storage_account_create=yes` creates it",
    ],
};

pub(in crate::steps::atlas) const STORAGE_CLOSED: Cause = Cause {
    id: "az-storage-closed",
    link: Some(Link::StorageAccount),
    text: "the network rules of storage account `{storage}` do not let this request through: public network access is {found}",
    remedies: &[
        "`az storage account show --name {storage} --query networkRuleSet` shows the rules; the subnet of the nodes has to be let in",
        "from a machine outside of that network only a Pod can prove it: `rok-deploy verify` without `--no-pod`",
    ],
};

pub(in crate::steps::atlas) const ROLE_UNKNOWN: Cause = Cause {
    id: "az-role-unknown",
    link: Some(Link::RoleAssignment),
    text: "the subscription has no role `Storage Blob Data Contributor`: found {found}",
    remedies: &[
        "`az role definition list --name 'Storage Blob Data Contributor'` must show it; a custom role in its place has to be made first, then assigned",
        RUN,
    ],
};

//! IAM: one table of operations over roles, users, policies and OIDC providers.

mod documents;
mod grants;
mod policies;
mod profiles;
mod providers;
mod roles;
mod simulate;
mod tags;
mod users;
mod versions;

use super::call::Call;
use super::cloud::Cloud;
use super::refusal::Refusal;
use super::state::AwsState;
use super::xml::Xml;
use grants::Holder;
use tags::Tagged;

pub(super) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

type Read = fn(&Call<'_>, &AwsState) -> Result<Xml, Refusal>;
type Write = fn(&Call<'_>, &mut AwsState) -> Result<Xml, Refusal>;

#[derive(Clone, Copy)]
enum Operation {
    Read(Read),
    Write(Write),
}

pub(super) fn answer(cloud: &Cloud, operation: &str, call: &Call<'_>) -> Result<Xml, Refusal> {
    match find(operation) {
        Some(Operation::Read(read)) => cloud.store.read(|state| read(call, state)),
        Some(Operation::Write(write)) => cloud.write(|state| write(call, state)),
        None => Err(unknown(operation)),
    }
}

/// Does what another service asks for in the name of a caller.
pub(super) fn perform(
    state: &mut AwsState,
    operation: &str,
    call: &Call<'_>,
) -> Result<Xml, Refusal> {
    match find(operation) {
        Some(Operation::Read(read)) => read(call, state),
        Some(Operation::Write(write)) => write(call, state),
        None => Err(unknown(operation)),
    }
}

fn unknown(operation: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {operation} for version 2010-05-08"),
    )
}

pub(super) fn is_write(operation: &str) -> bool {
    matches!(find(operation), Some(Operation::Write(_)))
}

fn find(operation: &str) -> Option<Operation> {
    use Operation::{Read, Write};
    Some(match operation {
        "CreateRole" => Write(roles::create),
        "GetRole" => Read(roles::get),
        "ListRoles" => Read(roles::list),
        "UpdateRole" => Write(roles::update),
        "DeleteRole" => Write(roles::delete),
        "UpdateAssumeRolePolicy" => Write(roles::update_trust),
        "PutRolePermissionsBoundary" => Write(roles::put_boundary),
        "DeleteRolePermissionsBoundary" => Write(roles::delete_boundary),
        "TagRole" => Write(|call, state| tags::tag(call, state, Tagged::Role)),
        "UntagRole" => Write(|call, state| tags::untag(call, state, Tagged::Role)),
        "ListRoleTags" => Read(|call, state| tags::list(call, state, Tagged::Role)),

        "AttachRolePolicy" => Write(|call, state| grants::attach(call, state, Holder::Role)),
        "DetachRolePolicy" => Write(|call, state| grants::detach(call, state, Holder::Role)),
        "ListAttachedRolePolicies" => {
            Read(|call, state| grants::list_attached(call, state, Holder::Role))
        }
        "PutRolePolicy" => Write(|call, state| grants::put(call, state, Holder::Role)),
        "GetRolePolicy" => Read(|call, state| grants::get(call, state, Holder::Role)),
        "ListRolePolicies" => Read(|call, state| grants::list(call, state, Holder::Role)),
        "DeleteRolePolicy" => Write(|call, state| grants::delete(call, state, Holder::Role)),

        "CreateUser" => Write(users::create),
        "GetUser" => Read(users::get),
        "ListUsers" => Read(users::list),
        "DeleteUser" => Write(users::delete),
        "CreateAccessKey" => Write(users::create_key),
        "ListAccessKeys" => Read(users::list_keys),
        "DeleteAccessKey" => Write(users::delete_key),
        "AttachUserPolicy" => Write(|call, state| grants::attach(call, state, Holder::User)),
        "DetachUserPolicy" => Write(|call, state| grants::detach(call, state, Holder::User)),
        "ListAttachedUserPolicies" => {
            Read(|call, state| grants::list_attached(call, state, Holder::User))
        }
        "PutUserPolicy" => Write(|call, state| grants::put(call, state, Holder::User)),
        "GetUserPolicy" => Read(|call, state| grants::get(call, state, Holder::User)),
        "ListUserPolicies" => Read(|call, state| grants::list(call, state, Holder::User)),
        "DeleteUserPolicy" => Write(|call, state| grants::delete(call, state, Holder::User)),

        "CreateInstanceProfile" => Write(profiles::create),
        "AddRoleToInstanceProfile" => Write(profiles::add_role),
        "RemoveRoleFromInstanceProfile" => Write(profiles::remove_role),
        "ListInstanceProfilesForRole" => Read(profiles::list_for_role),
        "DeleteInstanceProfile" => Write(profiles::delete),

        "CreatePolicy" => Write(policies::create),
        "GetPolicy" => Read(policies::get),
        "ListPolicies" => Read(policies::list),
        "DeletePolicy" => Write(policies::delete),
        "ListEntitiesForPolicy" => Read(policies::entities),
        "CreatePolicyVersion" => Write(versions::create),
        "GetPolicyVersion" => Read(versions::get),
        "ListPolicyVersions" => Read(versions::list),
        "DeletePolicyVersion" => Write(versions::delete),
        "SetDefaultPolicyVersion" => Write(versions::set_default),
        "TagPolicy" => Write(|call, state| tags::tag(call, state, Tagged::Policy)),
        "UntagPolicy" => Write(|call, state| tags::untag(call, state, Tagged::Policy)),
        "ListPolicyTags" => Read(|call, state| tags::list(call, state, Tagged::Policy)),

        "CreateOpenIDConnectProvider" => Write(providers::create),
        "GetOpenIDConnectProvider" => Read(providers::get),
        "ListOpenIDConnectProviders" => Read(providers::list),
        "DeleteOpenIDConnectProvider" => Write(providers::delete),
        "AddClientIDToOpenIDConnectProvider" => Write(providers::add_client),
        "RemoveClientIDFromOpenIDConnectProvider" => Write(providers::remove_client),
        "UpdateOpenIDConnectProviderThumbprint" => Write(providers::update_thumbprints),
        "TagOpenIDConnectProvider" => Write(|call, state| tags::tag(call, state, Tagged::Provider)),
        "UntagOpenIDConnectProvider" => {
            Write(|call, state| tags::untag(call, state, Tagged::Provider))
        }
        "ListOpenIDConnectProviderTags" => {
            Read(|call, state| tags::list(call, state, Tagged::Provider))
        }

        "SimulatePrincipalPolicy" => Read(simulate::principal),
        "SimulateCustomPolicy" => Read(simulate::custom),
        _ => return None,
    })
}

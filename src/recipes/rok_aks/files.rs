//! The files that `rok-aks` writes, the facts that tell of them, and their variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Answers, FactKey, Facts, StepError};
use crate::recipes::rok_eks::VERIFY_IMAGE;
use crate::steps::azure::{AzureIdentity, Decisions, IDENTITY_ADOPTED, Method, SUBSCRIPTION};
use crate::steps::gitops::{BRANCH, FileSpec, TagState, Variables, Written};

pub(super) const ENV_FILES: &[FileSpec] = &[
    FileSpec {
        template: "deploy/env.envvars-azure.j2",
        output: "deploy/env.envvars-azure",
    },
    FileSpec {
        template: "deploy/env.aks-cluster.j2",
        output: "deploy/env.aks-cluster",
    },
    FileSpec {
        template: "deploy/env.aks-identity.j2",
        output: "deploy/env.aks-identity",
    },
    FileSpec {
        template: "deploy/env.cloudidentity-aks.j2",
        output: "deploy/env.cloudidentity",
    },
];
pub(super) const CONFIG_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-external-services/s3proxy/overlays/deploy/config.env.j2",
    output: "rok/rok-external-services/s3proxy/overlays/deploy/config.env",
}];
pub(super) const CONFIGVARS_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-cluster/overlays/deploy/patches/configvars.yaml.j2",
    output: "rok/rok-cluster/overlays/deploy/patches/configvars.yaml",
}];
pub(super) const VERIFY_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-test/rok-verify-storage-access-aks.yaml.j2",
    output: "rok/rok-test/rok-verify-storage-access-aks.yaml",
}];

pub(super) static ENV_WRITTEN: FactKey<Written> = FactKey::new("gitops.env.files");
pub(super) static CONFIG_WRITTEN: FactKey<Written> = FactKey::new("rok.s3proxy-config.files");
pub(super) static BINDING_WRITTEN: FactKey<Written> = FactKey::new("rok.s3proxy-binding.files");
pub(super) static CREDENTIALS_WRITTEN: FactKey<Written> =
    FactKey::new("rok.s3proxy-credentials.files");
pub(super) static OVERLAY_WRITTEN: FactKey<Written> = FactKey::new("rok.cluster-overlay.files");
pub(super) static CONFIGVARS_WRITTEN: FactKey<Written> = FactKey::new("rok.configvars-patch.files");
pub(super) static VERIFY_WRITTEN: FactKey<Written> = FactKey::new("rok.verify-manifests.files");

pub(super) static ENV_COMMIT: FactKey<String> = FactKey::new("gitops.env.commit");
pub(super) static MANIFESTS_COMMIT: FactKey<String> = FactKey::new("rok.configvars-patch.commit");
pub(super) static VERIFY_COMMIT: FactKey<String> = FactKey::new("rok.verify-manifests.commit");

pub(super) static IDENTITY_TAG: FactKey<TagState> = FactKey::new("gitops.tag-cloudidentity.tag");
pub(super) static STORAGE_TAG: FactKey<TagState> = FactKey::new("gitops.tag-objectstorage.tag");

/// The commit of Rok's settings holds the files of these steps too.
pub(super) static MANIFESTS: [(&str, &FactKey<Written>); 4] = [
    ("rok.s3proxy-config", &CONFIG_WRITTEN),
    ("rok.s3proxy-binding", &BINDING_WRITTEN),
    ("rok.s3proxy-credentials", &CREDENTIALS_WRITTEN),
    ("rok.cluster-overlay", &OVERLAY_WRITTEN),
];
pub(super) static IDENTITY_COMMITS: [&FactKey<String>; 1] = [&ENV_COMMIT];
pub(super) static STORAGE_COMMITS: [&FactKey<String>; 2] = [&MANIFESTS_COMMIT, &VERIFY_COMMIT];
pub(super) static TAGS: [&FactKey<TagState>; 2] = [&IDENTITY_TAG, &STORAGE_TAG];

/// The storage endpoints' ending that templates take for granted.
const USUAL_SUFFIX: &str = "core.windows.net";

/// Returns the template variables: the documented names, and the older ones as aliases.
pub(super) fn variables(
    answers: &Answers,
    identity: &AzureIdentity,
    storage_suffix: &str,
) -> Variables {
    let mut variables = BTreeMap::from([
        ("IDENTITY_RESOURCE_ID".to_owned(), identity.id()),
        ("BUCKET_PREFIX".to_owned(), identity.prefix.clone()),
        // Templates of clones that were made for EKS know it by this name.
        ("AWS_S3_BUCKET_PREFIX".to_owned(), identity.prefix.clone()),
        ("RESOURCE_GROUP".to_owned(), identity.group.clone()),
        ("IDENTITY_NAME".to_owned(), identity.name.clone()),
        ("AKS_CLUSTER_NAME".to_owned(), identity.cluster.clone()),
        ("NAMESPACE".to_owned(), identity.namespace.clone()),
    ]);
    for key in [
        "az_tenant",
        "az_subscription",
        "az_resource_group",
        "az_location",
        "aks_cluster",
        "rok_cluster_name",
        "rok_cluster_namespace",
        "az_managed_identity",
        "az_identity_method",
        "storage_account_name",
        "s3_bucket_prefix",
    ] {
        variables.insert(key.to_ascii_uppercase(), answers.text(key));
    }
    if identity.method == Method::PodIdentity {
        let name = identity.pod_identity.clone();
        variables.insert("POD_IDENTITY_NAME".into(), name);
    }
    // Only what is not the documented default gets into the files.
    let other_than = |key: &str, default: &str| {
        let value = answers.get(key).filter(|value| *value != default);
        value.map(str::to_owned)
    };
    for (name, value) in [
        ("VERIFY_IMAGE", other_than("verify_image", VERIFY_IMAGE)),
        ("VERIFY_PULL_SECRET", other_than("verify_pull_secret", "")),
        (
            "AZ_BLOB_ENDPOINT",
            endpoint(&identity.account, storage_suffix),
        ),
    ] {
        variables.extend(value.map(|value| (name.to_owned(), value)));
    }
    let adopt = identity.adopt.clone();
    Arc::new(move |facts: &Facts| {
        let mut variables = variables.clone();
        let decided = decisions(&adopt, facts)?;
        variables.extend(decided.map(|decided| ("AZ_ADOPT".to_owned(), decided)));
        Ok(variables)
    })
}

/// Returns what was decided, by the operator or by a hand-off, so that the next run knows it.
fn decisions(adopt: &Decisions, facts: &Facts) -> Result<Option<String>, StepError> {
    let mut decisions = adopt.clone();
    if facts.has(IDENTITY_ADOPTED.name()) {
        let made: String = facts.get(&IDENTITY_ADOPTED)?;
        decisions.merge(Decisions::parse(&made).map_err(StepError::failed)?);
    }
    let text = decisions.to_string();
    Ok((!text.is_empty()).then_some(text))
}

/// Returns the address of the account's blobs, unless it is the one that templates make of its name.
/// A practice cloud's has a port, which may be another one tomorrow.
fn endpoint(account: &str, suffix: &str) -> Option<String> {
    let suffix = suffix.trim_matches('/');
    let own = suffix != USUAL_SUFFIX && !suffix.contains(':');
    own.then(|| format!("https://{account}.blob.{suffix}"))
}

/// What every template of this recipe needs to know.
pub(super) fn render_needs() -> Vec<&'static str> {
    vec![SUBSCRIPTION.name(), BRANCH.name()]
}

/// The same, of the commit that holds the files of other steps too.
pub(super) fn manifest_needs() -> Vec<&'static str> {
    let others = MANIFESTS.iter().map(|(_, written)| written.name());
    render_needs().into_iter().chain(others).collect()
}

/// The same, of the files that keep decisions.
pub(super) fn choice_needs() -> Vec<&'static str> {
    let mut needs = render_needs();
    needs.push(IDENTITY_ADOPTED.name());
    needs
}

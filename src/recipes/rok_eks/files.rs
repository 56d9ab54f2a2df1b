//! The files that `rok-eks` renders, the facts that tell of them, and their variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::questions::VERIFY_IMAGE;
use crate::engine::{Answers, FactKey, Facts};
use crate::steps::aws::{ACCOUNT, ISSUER, STACK_PARTS};
use crate::steps::gitops::{BRANCH, FileSpec, TagState, Variables, Written};

pub(super) const STACK_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/eks/s3-iam-resources.yaml.j2",
    output: "rok/eks/s3-iam-resources.yaml",
}];
pub(super) const ENV_FILES: &[FileSpec] = &[
    FileSpec {
        template: "deploy/env.envvars-aws.j2",
        output: "deploy/env.envvars-aws",
    },
    FileSpec {
        template: "deploy/env.eks-cluster.j2",
        output: "deploy/env.eks-cluster",
    },
    FileSpec {
        template: "deploy/env.eks-identity.j2",
        output: "deploy/env.eks-identity",
    },
    FileSpec {
        template: "deploy/env.cloudidentity.j2",
        output: "deploy/env.cloudidentity",
    },
];
pub(super) const STORAGE_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2",
    output: "rok/rok-cluster/overlays/deploy/patches/storage.yaml",
}];
pub(super) const CONFIGVARS_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-cluster/overlays/deploy/patches/configvars.yaml.j2",
    output: "rok/rok-cluster/overlays/deploy/patches/configvars.yaml",
}];
pub(super) const VERIFY_FILES: &[FileSpec] = &[
    FileSpec {
        template: "rok/rok-test/rok-verify-service-account-eks.yaml.j2",
        output: "rok/rok-test/rok-verify-service-account-eks.yaml",
    },
    FileSpec {
        template: "rok/rok-test/rok-verify-storage-access-eks.yaml.j2",
        output: "rok/rok-test/rok-verify-storage-access-eks.yaml",
    },
];

pub(super) static STACK_WRITTEN: FactKey<Written> = FactKey::new("aws.stack-template.files");
pub(super) static ENV_WRITTEN: FactKey<Written> = FactKey::new("gitops.env.files");
pub(super) static STORAGE_WRITTEN: FactKey<Written> = FactKey::new("rok.storage-patch.files");
pub(super) static CONFIGVARS_WRITTEN: FactKey<Written> = FactKey::new("rok.configvars-patch.files");
pub(super) static VERIFY_WRITTEN: FactKey<Written> = FactKey::new("rok.verify-manifests.files");

pub(super) static STACK_COMMIT: FactKey<String> = FactKey::new("aws.stack-template.commit");
pub(super) static ENV_COMMIT: FactKey<String> = FactKey::new("gitops.env.commit");
pub(super) static MANIFESTS_COMMIT: FactKey<String> = FactKey::new("rok.configvars-patch.commit");
pub(super) static VERIFY_COMMIT: FactKey<String> = FactKey::new("rok.verify-manifests.commit");

pub(super) static IDENTITY_TAG: FactKey<TagState> = FactKey::new("gitops.tag-cloudidentity.tag");
pub(super) static STORAGE_TAG: FactKey<TagState> = FactKey::new("gitops.tag-objectstorage.tag");

/// The commit of the manifests holds this step's file too.
pub(super) static STORAGE_FIRST: [(&str, &FactKey<Written>); 1] =
    [("rok.storage-patch", &STORAGE_WRITTEN)];
/// A role that the operator brings has no template.
pub(super) static IDENTITY_COMMITS: [&FactKey<String>; 2] = [&ENV_COMMIT, &STACK_COMMIT];
pub(super) static STORAGE_COMMITS: [&FactKey<String>; 2] = [&MANIFESTS_COMMIT, &VERIFY_COMMIT];
pub(super) static TAGS: [&FactKey<TagState>; 2] = [&IDENTITY_TAG, &STORAGE_TAG];

/// Returns the template variables: the documented names, and the older ones as aliases.
pub(super) fn variables(answers: &Answers) -> Variables {
    let answers = answers.clone();
    Arc::new(move |facts: &Facts| {
        let issuer = facts.get(&ISSUER)?;
        let role = answers.text("aws_s3_role");
        let mut variables = BTreeMap::from([
            ("AWS_ACCOUNT_ID".to_owned(), facts.get(&ACCOUNT)?),
            ("EKS_CLUSTER_OIDC".to_owned(), issuer.clone()),
            ("OIDC_PROVIDER".to_owned(), issuer),
            ("AWS_S3_ROLE".to_owned(), role),
            ("CLUSTERNAME".to_owned(), answers.text("eks_cluster")),
            ("STACK_NAME".to_owned(), answers.text("aws_cf_s3_resources")),
        ]);
        for key in [
            "aws_default_region",
            "eks_cluster",
            "rok_cluster_name",
            "rok_cluster_namespace",
            "aws_s3_bucket_prefix",
            "aws_cf_s3_resources",
        ] {
            variables.insert(key.to_ascii_uppercase(), answers.text(key));
        }
        // Only what is not the documented default gets into the files.
        let image = answers
            .get("verify_image")
            .filter(|image| *image != VERIFY_IMAGE);
        let path = answers.get("aws_iam_path").filter(|path| *path != "/");
        for (name, value) in [
            ("VERIFY_IMAGE", image),
            ("VERIFY_PULL_SECRET", answers.get("verify_pull_secret")),
            ("AWS_IAM_PATH", path),
            (
                "AWS_PERMISSIONS_BOUNDARY",
                answers.get("aws_permissions_boundary"),
            ),
        ] {
            variables.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        if facts.has(STACK_PARTS.name()) {
            let described = format!(
                "All of S3 for buckets whose name begins with {}",
                answers.text("aws_s3_bucket_prefix")
            );
            let switches = facts.get(&STACK_PARTS)?.switches(&described);
            let switches = switches.into_iter();
            variables.extend(switches.map(|(name, value)| (name.to_owned(), value)));
        }
        Ok(variables)
    })
}

/// What every template of this recipe needs to know.
pub(super) fn render_needs() -> Vec<&'static str> {
    vec![ACCOUNT.name(), ISSUER.name(), BRANCH.name()]
}

/// The commit of the manifests needs the other step's files too.
pub(super) fn manifest_needs() -> Vec<&'static str> {
    let mut needs = render_needs();
    needs.push(STORAGE_WRITTEN.name());
    needs
}

//! The files that `rok-eks` renders, the facts that tell of them, and their variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::questions::VERIFY_IMAGE;
use crate::engine::{Answers, FactKey, Facts, StepError};
use crate::steps::aws::{
    ACCOUNT, Decisions, Grant, ISSUER, Identity, POLICY_ADOPTED, ROLE_ADOPTED, ROLE_ARN,
    STACK_PARTS, s3_endpoint,
};
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
pub(super) fn variables(answers: &Answers, identity: &Identity) -> Variables {
    let (answers, identity) = (answers.clone(), identity.clone());
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
        let other_than = |key: &str, default: &str| {
            let value = answers.get(key).filter(|value| *value != default);
            value.map(str::to_owned)
        };
        let grant = identity.grant(facts)?;
        for (name, value) in [
            ("VERIFY_IMAGE", other_than("verify_image", VERIFY_IMAGE)),
            ("VERIFY_PULL_SECRET", other_than("verify_pull_secret", "")),
            ("AWS_IAM_PATH", other_than("aws_iam_path", "/")),
            (
                "AWS_PERMISSIONS_BOUNDARY",
                other_than("aws_permissions_boundary", ""),
            ),
            ("AWS_ADOPT", decisions(&identity, facts)?),
            ("AWS_S3_ROLE_ARN", role_arn(&grant, facts)?),
            (
                "AWS_S3_ENDPOINT",
                endpoint(&answers.text("aws_default_region")),
            ),
        ] {
            variables.extend(value.map(|value| (name.to_owned(), value)));
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

/// Returns what was decided, by the operator or by a hand-off, so that the next run knows it.
fn decisions(identity: &Identity, facts: &Facts) -> Result<Option<String>, StepError> {
    let mut decisions = identity.adopt.clone();
    for key in [&ROLE_ADOPTED, &POLICY_ADOPTED] {
        if facts.has(key.name()) {
            let made: String = facts.get(key)?;
            decisions.merge(Decisions::parse(&made).map_err(StepError::failed)?);
        }
    }
    let text = decisions.to_string();
    Ok((!text.is_empty()).then_some(text))
}

/// Returns the role's ARN, unless it is the one that templates make of account and name. A role
/// that was there before has the path that it has.
fn role_arn(grant: &Grant, facts: &Facts) -> Result<Option<String>, StepError> {
    let arn = if facts.has(ROLE_ARN.name()) {
        facts.get(&ROLE_ARN)?
    } else {
        grant.role_arn()
    };
    let plain = format!(
        "arn:aws:iam::{}:role/{}",
        grant.account, grant.identity.role
    );
    Ok((arn != plain).then_some(arn))
}

/// Returns the address of S3 in the region, unless it is the one that templates make of its name.
fn endpoint(region: &str) -> Option<String> {
    let endpoint = s3_endpoint(region);
    (endpoint != format!("https://s3.{region}.amazonaws.com")).then_some(endpoint)
}

/// What every template of this recipe needs to know.
pub(super) fn render_needs() -> Vec<&'static str> {
    let mut needs = Identity::NEEDS.to_vec();
    needs.push(BRANCH.name());
    needs
}

/// The same, of files that name the role as it is.
pub(super) fn role_needs() -> Vec<&'static str> {
    let mut needs = render_needs();
    needs.push(ROLE_ARN.name());
    needs
}

/// The same, of the files that keep decisions: where our own steps make the identity, they may have
/// made some.
pub(super) fn choice_needs(by_our_steps: bool) -> Vec<&'static str> {
    let mut needs = role_needs();
    if by_our_steps {
        needs.extend([ROLE_ADOPTED.name(), POLICY_ADOPTED.name()]);
    }
    needs
}

/// The commit of the manifests needs the other step's files too.
pub(super) fn manifest_needs() -> Vec<&'static str> {
    let mut needs = role_needs();
    needs.push(STORAGE_WRITTEN.name());
    needs
}

//! What `rok-aks` asks, and which answers can be right. What `rok-eks` asks too is its question.

use super::{CLOUDIDENTITY, ENVIRONMENT, OBJECTSTORAGE};
use crate::engine::Answers;
use crate::engine::question::{Kind, Question};
use crate::recipes::rok_eks::question;
use crate::steps::azure::{ACCEPT, ADOPT, CREATE, Decisions, ENABLE};
use crate::steps::names::{self, AzureInputs};

pub(in crate::recipes) const QUESTIONS: &[Question] = &[
    question("gitops_dir"),
    question("gitops_url"),
    question("gitops_branch"),
    question("gitops_push"),
    Question {
        discovered: true,
        aliases: &["azure_tenant_id"],
        validate: |value, _| names::check_guid(value),
        ..Question::new(
            "az_tenant",
            ENVIRONMENT.name,
            "Tenant",
            "The id of the directory that the subscription trusts. The credentials must belong to it.",
        )
    },
    Question {
        discovered: true,
        needs: &["az_tenant"],
        aliases: &["azure_subscription_id"],
        validate: |value, _| names::check_guid(value),
        ..Question::new(
            "az_subscription",
            ENVIRONMENT.name,
            "Subscription",
            "The id of the subscription that the cluster is in.",
        )
    },
    Question {
        discovered: true,
        needs: &["az_tenant", "az_subscription"],
        aliases: &["resource_group"],
        validate: |value, _| names::check_group(value),
        ..Question::new(
            "az_resource_group",
            ENVIRONMENT.name,
            "Resource group",
            "The group of the cluster, which the managed identity is made in too.",
        )
    },
    Question {
        discovered: true,
        needs: &["az_tenant", "az_subscription", "az_resource_group"],
        aliases: &["aks_cluster_name"],
        validate: |value, _| names::check_cluster(value),
        ..Question::new(
            "aks_cluster",
            ENVIRONMENT.name,
            "AKS cluster",
            "The cluster that Rok runs in. It must not be stopped.",
        )
    },
    Question {
        discovered: true,
        needs: &[
            "az_tenant",
            "az_subscription",
            "az_resource_group",
            "aks_cluster",
        ],
        validate: |value, _| check_location(value),
        ..Question::new(
            "az_location",
            ENVIRONMENT.name,
            "Location",
            "Where the managed identity is made, and a storage account if one is. Without an \
             answer: where the cluster is.",
        )
    },
    Question {
        needs: &["az_subscription", "az_resource_group", "aks_cluster"],
        ..question("kube_context")
    },
    question("kube_context_accept"),
    question("rok_cluster_name"),
    question("rok_cluster_namespace"),
    question("rok_release"),
    Question {
        kind: Kind::Choice(&[
            (
                "workload-identity",
                "Entra believes the token of the service account",
            ),
            (
                "pod-identity",
                "the add-on for Pod identities, which Microsoft has retired",
            ),
        ]),
        default: |_| Some("workload-identity".into()),
        ..Question::new(
            "az_identity_method",
            CLOUDIDENTITY.name,
            "Identity",
            "How the Pods of S3Proxy get the managed identity.",
        )
    },
    Question {
        kind: Kind::YesNo,
        stored: false,
        default: |_| Some("no".into()),
        relevant: uses_workload_identity,
        ..Question::new(
            ENABLE,
            CLOUDIDENTITY.name,
            "Change the cluster",
            "`yes` switches on the cluster's OIDC issuer and workload identity where they are off. An \
             issuer can never be taken away again.",
        )
    },
    Question {
        computed: true,
        needs: NAME_INPUTS,
        aliases: &["identity_name"],
        default: |answers| inputs(answers).map(|inputs| inputs.identity()),
        notice: |answers| inputs(answers).and_then(|inputs| inputs.ambiguity()),
        validate: |value, _| names::check_identity(value),
        ..Question::new(
            "az_managed_identity",
            CLOUDIDENTITY.name,
            "Managed identity",
            "The name of the user-assigned managed identity. At most 128 characters.",
        )
    },
    Question {
        discovered: true,
        computed: true,
        needs: &[
            "az_tenant",
            "az_subscription",
            "az_resource_group",
            "aks_cluster",
        ],
        default: |answers| {
            Some(names::storage_account(
                answers.get("az_subscription")?,
                answers.get("az_resource_group")?,
                answers.get("aks_cluster")?,
            ))
        },
        validate: |value, _| names::check_account(value),
        ..Question::new(
            "storage_account_name",
            CLOUDIDENTITY.name,
            "Storage account",
            "The account whose containers Rok uses. One that is there is used as it is.",
        )
    },
    Question {
        kind: Kind::YesNo,
        stored: false,
        default: |_| Some("no".into()),
        ..Question::new(
            CREATE,
            CLOUDIDENTITY.name,
            "Create the storage account",
            "`yes` makes the storage account where it is not there: no public access, TLS 1.2, no \
             shared keys.",
        )
    },
    Question {
        computed: true,
        needs: &["rok_cluster_namespace", "rok_cluster_name"],
        aliases: &["bucket_prefix"],
        default: |answers| inputs_of_rok(answers).map(|inputs| inputs.bucket_prefix()),
        validate: |value, _| names::check_container_prefix(value),
        ..Question::new(
            "s3_bucket_prefix",
            CLOUDIDENTITY.name,
            "Bucket prefix",
            "Rok owns every container of the account whose name starts so, and collects what it no \
             longer needs. Share it with nothing else. At most 52 characters.",
        )
    },
    // What was decided about an identity of one name says nothing about another.
    Question {
        optional: true,
        computed: true,
        needs: &["az_subscription", "az_managed_identity"],
        validate: |value, _| Decisions::parse(value).map(|_| ()),
        ..Question::new(
            ADOPT,
            CLOUDIDENTITY.name,
            "Adopt what exists",
            "What to do about an `identity`, `credential`, `assignment` or `pod-identity` that has our \
             name and is not ours: named, it is taken over; with the digest that the plan shows, as in \
             `identity@3fa9c1d2e4b5`, it is used as it is. Several are separated by commas.",
        )
    },
    Question {
        kind: Kind::YesNo,
        stored: false,
        default: |_| Some("no".into()),
        ..Question::new(
            ACCEPT,
            CLOUDIDENTITY.name,
            "Accept an overlap",
            "`yes` accepts a container prefix or an identity's name that somebody else has too.",
        )
    },
    Question {
        computed: true,
        needs: &["rok_cluster_name"],
        default: |answers| inputs_of_rok(answers).map(|inputs| inputs.pod_identity()),
        notice: |answers| inputs_of_rok(answers).and_then(|inputs| inputs.pod_identity_ambiguity()),
        validate: |value, _| names::check_pod_identity(value),
        relevant: |answers| !uses_workload_identity(answers),
        ..Question::new(
            "pod_identity_name",
            OBJECTSTORAGE.name,
            "Pod identity",
            "The name of the Pod identity, and the label of the Pods that have it.",
        )
    },
    Question {
        kind: Kind::Choice(&[
            ("aws", "`daemons.s3d.aws.access_key_id` and its like"),
            (
                "legacy",
                "`daemons.s3d.access_key_id`, as older Roks call it",
            ),
        ]),
        default: |_| Some("aws".into()),
        ..Question::new(
            "configvars_keys",
            OBJECTSTORAGE.name,
            "Names of Rok's settings",
            "What Rok calls the credentials for S3Proxy.",
        )
    },
    Question {
        kind: Kind::Choice(&[
            ("sops", "encrypted with age, as SOPS does it"),
            ("cleartext", "in clear text, as documented"),
        ]),
        default: |_| Some("sops".into()),
        ..Question::new(
            "s3proxy_secrets",
            OBJECTSTORAGE.name,
            "Credentials in Git",
            "How the credentials for S3Proxy are committed.",
        )
    },
    question("verify_image"),
    question("verify_pull_secret"),
];

/// What the identity's name is computed from.
const NAME_INPUTS: &[&str] = &["aks_cluster", "rok_cluster_namespace", "rok_cluster_name"];

fn inputs(answers: &Answers) -> Option<AzureInputs<'_>> {
    Some(AzureInputs {
        cluster: answers.get("aks_cluster")?,
        ..inputs_of_rok(answers)?
    })
}

/// The inputs of names that the cluster has no part in.
fn inputs_of_rok(answers: &Answers) -> Option<AzureInputs<'_>> {
    Some(AzureInputs {
        cluster: answers.get("aks_cluster").unwrap_or_default(),
        namespace: answers.get("rok_cluster_namespace")?,
        name: answers.get("rok_cluster_name")?,
    })
}

fn uses_workload_identity(answers: &Answers) -> bool {
    answers.get("az_identity_method") != Some("pod-identity")
}

/// A location as Azure names it to programs.
fn check_location(value: &str) -> Result<(), String> {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if value.chars().all(inner) {
        return Ok(());
    }
    Err(format!(
        "is `{value}`; expected a location such as `eastus`, in lower case and without spaces"
    ))
}

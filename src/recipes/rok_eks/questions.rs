//! What `rok-eks` asks, and which answers can be right.

use super::{CLOUDIDENTITY, ENVIRONMENT, GITOPS, OBJECTSTORAGE};
use crate::engine::Answers;
use crate::engine::question::{Kind, Question};
use crate::steps::aws::{ADOPT, Decisions};
use crate::steps::gitops::check_branch;
use crate::steps::names::{self, Inputs};

pub(in crate::recipes) const QUESTIONS: &[Question] = &[
    Question {
        kind: Kind::Path,
        default: |_| Some("~/ops/deployments".into()),
        stored: false,
        ..Question::new(
            "gitops_dir",
            GITOPS.name,
            "Clone of the deployments repository",
            "The directory of your clone. It is made when it is not there.",
        )
    },
    Question {
        optional: true,
        stored: false,
        ..Question::new(
            "gitops_url",
            GITOPS.name,
            "Repository to clone",
            "Its address for `git clone`. Without one, a new repository starts from the skeleton of rok-deploy.",
        )
    },
    Question {
        optional: true,
        stored: false,
        validate: |value, _| check_branch(value),
        ..Question::new(
            "gitops_branch",
            GITOPS.name,
            "Branch",
            "The branch to commit to. Without one, the branch that is checked out.",
        )
    },
    Question {
        kind: Kind::YesNo,
        optional: true,
        stored: false,
        ..Question::new(
            "gitops_push",
            GITOPS.name,
            "Push",
            "Whether to push commits and tags. Without an answer: when the clone has a remote.",
        )
    },
    Question {
        optional: true,
        discovered: true,
        stored: false,
        ..Question::new(
            "aws_profile",
            ENVIRONMENT.name,
            "AWS profile",
            "A profile of your AWS configuration. Without one, the usual credential chain.",
        )
    },
    Question {
        discovered: true,
        needs: &["aws_profile"],
        aliases: &["aws_region"],
        validate: |value, _| check_region(value),
        ..Question::new(
            "aws_default_region",
            ENVIRONMENT.name,
            "AWS region",
            "The region of the cluster and of its buckets.",
        )
    },
    Question {
        discovered: true,
        needs: &["aws_profile", "aws_default_region"],
        validate: |value, _| check_account(value),
        ..Question::new(
            "aws_account_id",
            ENVIRONMENT.name,
            "AWS account",
            "Twelve digits. The credentials must belong to it.",
        )
    },
    Question {
        discovered: true,
        needs: &["aws_profile", "aws_default_region"],
        aliases: &["clustername", "eks_cluster_name"],
        validate: |value, _| check_cluster(value),
        ..Question::new(
            "eks_cluster",
            ENVIRONMENT.name,
            "EKS cluster",
            "The cluster that Rok runs in. It must be ACTIVE.",
        )
    },
    Question {
        optional: true,
        stored: false,
        aliases: &["oidc_provider"],
        ..Question::new(
            "eks_cluster_oidc",
            ENVIRONMENT.name,
            "OIDC issuer",
            "The issuer of the cluster's tokens, without `https://`. Found by asking EKS; an answer \
             must be the same.",
        )
    },
    Question {
        optional: true,
        discovered: true,
        stored: false,
        needs: &["aws_profile", "aws_default_region", "eks_cluster"],
        ..Question::new(
            "kube_context",
            ENVIRONMENT.name,
            "Kube context",
            "The context of your kubeconfig that reaches the cluster. It is believed by server and \
             certificate authority, not by name.",
        )
    },
    Question {
        kind: Kind::YesNo,
        stored: false,
        default: |_| Some("no".into()),
        ..Question::new(
            "kube_context_accept",
            ENVIRONMENT.name,
            "Accept another server",
            "`yes` accepts a context whose server is not the cluster's own endpoint: a bastion or a proxy.",
        )
    },
    Question {
        default: |_| Some("rok".into()),
        validate: |value, _| names::check_label(value),
        ..Question::new(
            "rok_cluster_name",
            CLOUDIDENTITY.name,
            "Rok cluster",
            "The name of the Rok cluster, which is the name of its service account.",
        )
    },
    Question {
        aliases: &["namespace"],
        default: |_| Some("rok".into()),
        validate: |value, _| names::check_label(value),
        ..Question::new(
            "rok_cluster_namespace",
            CLOUDIDENTITY.name,
            "Namespace",
            "The namespace of the Rok cluster.",
        )
    },
    Question {
        default: |_| Some("release-1.5".into()),
        validate: |value, _| check_release(value),
        ..Question::new(
            "rok_release",
            CLOUDIDENTITY.name,
            "Release",
            "The release of Rok, for the names of progress tags.",
        )
    },
    Question {
        kind: Kind::Choice(&[
            ("iam", "create provider, policy and role"),
            ("cloudformation", "create them as a CloudFormation stack"),
            ("existing", "bring your own role"),
        ]),
        default: |_| Some("iam".into()),
        ..Question::new(
            "aws_identity_method",
            CLOUDIDENTITY.name,
            "Identity",
            "How the service account gets its role.",
        )
    },
    Question {
        computed: true,
        needs: NAME_INPUTS,
        default: |answers| inputs(answers).map(|inputs| inputs.role()),
        notice: |answers| inputs(answers).and_then(|inputs| inputs.ambiguity()),
        validate: |value, _| names::check_role(value),
        ..Question::new(
            "aws_s3_role",
            CLOUDIDENTITY.name,
            "IAM role",
            "The name of the role, and of its policy. At most 64 characters.",
        )
    },
    Question {
        computed: true,
        needs: NAME_INPUTS,
        aliases: &["bucket_prefix"],
        default: |answers| inputs(answers).map(|inputs| inputs.bucket_prefix()),
        validate: |value, _| names::check_prefix(value),
        ..Question::new(
            "aws_s3_bucket_prefix",
            CLOUDIDENTITY.name,
            "Bucket prefix",
            "Rok owns every bucket whose name starts so, and collects what it no longer needs. \
             Share it with nothing else. At most 52 characters.",
        )
    },
    Question {
        computed: true,
        needs: NAME_INPUTS,
        aliases: &["stack_name"],
        default: |answers| inputs(answers).map(|inputs| inputs.role()),
        validate: |value, _| check_stack(value),
        ..Question::new(
            "aws_cf_s3_resources",
            CLOUDIDENTITY.name,
            "CloudFormation stack",
            "The name of the stack, with `aws_identity_method` `cloudformation`, or for administrators who deploy the template instead.",
        )
    },
    Question {
        kind: Kind::YesNo,
        stored: false,
        default: |_| Some("no".into()),
        relevant: |answers| answers.get("aws_identity_method") != Some("existing"),
        ..Question::new(
            "aws_overlap_accept",
            CLOUDIDENTITY.name,
            "Accept an overlap",
            "`yes` accepts a bucket prefix or a role's name that somebody else has too.",
        )
    },
    Question {
        default: |_| Some("/".into()),
        validate: |value, _| names::check_path(value),
        ..Question::new(
            "aws_iam_path",
            CLOUDIDENTITY.name,
            "IAM path",
            "The path of role and policy, where your company sorts them by one. `/` is none.",
        )
    },
    Question {
        optional: true,
        validate: |value, _| names::check_policy_arn(value),
        ..Question::new(
            "aws_permissions_boundary",
            CLOUDIDENTITY.name,
            "Permissions boundary",
            "The ARN of the policy that bounds every role, where your company demands one.",
        )
    },
    // What was decided about objects of one name says nothing about those of another.
    Question {
        optional: true,
        computed: true,
        needs: &["aws_account_id", "aws_s3_role"],
        validate: |value, _| Decisions::parse(value).map(|_| ()),
        relevant: |answers| answers.get("aws_identity_method") != Some("existing"),
        ..Question::new(
            ADOPT,
            CLOUDIDENTITY.name,
            "Adopt what exists",
            "What to do about a `role`, `policy`, `provider` or `stack` that has our name and is not \
             ours: named, it is taken over and changed to what Rok needs; with the digest that the \
             plan shows, as in `role@3fa9c1d2e4b5`, it is used exactly as it is. Several are \
             separated by commas.",
        )
    },
    Question {
        default: |_| Some(VERIFY_IMAGE.into()),
        validate: |value, _| check_image(value),
        ..Question::new(
            "verify_image",
            OBJECTSTORAGE.name,
            "Image of the test Pod",
            "It must hold the AWS CLI, and keep running. In an air-gapped cluster: its copy in your \
             own registry.",
        )
    },
    Question {
        optional: true,
        validate: |value, _| names::check_label(value),
        ..Question::new(
            "verify_pull_secret",
            OBJECTSTORAGE.name,
            "Pull secret of that image",
            "The name of a secret in the namespace. Without one, the image is pulled as it is.",
        )
    },
];

/// Returns the question of that key, for a recipe that asks a part of these.
pub(in crate::recipes) const fn question(key: &str) -> Question {
    let mut place = 0;
    while place < QUESTIONS.len() {
        if is_same(QUESTIONS[place].key, key) {
            return QUESTIONS[place];
        }
        place += 1;
    }
    panic!("no question has that key")
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut place = 0;
    while place < one.len() {
        if one[place] != other[place] {
            return false;
        }
        place += 1;
    }
    true
}

/// The image of the documented test Pod.
pub(in crate::recipes) const VERIFY_IMAGE: &str =
    "gcr.io/arrikto/rok-tools:release-1.5-l0-release-1.5.3";

/// What the computed names are made of.
const NAME_INPUTS: &[&str] = &[
    "aws_account_id",
    "aws_default_region",
    "eks_cluster",
    "rok_cluster_namespace",
    "rok_cluster_name",
];

fn inputs(answers: &Answers) -> Option<Inputs<'_>> {
    Some(Inputs {
        account: answers.get("aws_account_id")?,
        region: answers.get("aws_default_region")?,
        cluster: answers.get("eks_cluster")?,
        namespace: answers.get("rok_cluster_namespace")?,
        name: answers.get("rok_cluster_name")?,
    })
}

fn check_region(value: &str) -> Result<(), String> {
    let parts: Vec<&str> = value.split('-').collect();
    let number = parts
        .last()
        .is_some_and(|last| last.chars().all(|digit| digit.is_ascii_digit()));
    let word = |part: &&str| part.chars().all(|letter| letter.is_ascii_lowercase());
    if parts.len() >= 3 && number && parts[..parts.len() - 1].iter().all(word) {
        return Ok(());
    }
    Err(format!(
        "is `{value}`; expected a region such as `us-west-2`"
    ))
}

fn check_account(value: &str) -> Result<(), String> {
    if value.len() == 12 && value.chars().all(|digit| digit.is_ascii_digit()) {
        return Ok(());
    }
    let lost = if value.chars().all(|digit| digit.is_ascii_digit()) && value.len() < 12 {
        "; put one that starts with 0 in quotes where a program would take it for a number"
    } else {
        ""
    };
    Err(format!(
        "is `{value}`; expected an account id of twelve digits{lost}"
    ))
}

/// EKS: a letter or digit, then letters, digits, `-` and `_`, at most 100.
fn check_cluster(value: &str) -> Result<(), String> {
    let inner = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let first = value.starts_with(|first: char| first.is_ascii_alphanumeric());
    if first && value.chars().all(inner) && value.len() <= 100 {
        return Ok(());
    }
    Err(format!(
        "is `{value}`; expected a letter or digit, then at most 99 letters, digits, `-` and `_`"
    ))
}

/// The release becomes a part of a ref's name.
fn check_release(value: &str) -> Result<(), String> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    let parts = |part: &str| !part.is_empty() && part != "lock";
    if value.chars().all(allowed) && value.split('.').all(parts) {
        return Ok(());
    }
    Err(format!(
        "is `{value}`; expected letters, digits, `-`, `_` and `.`, as in `release-1.5`"
    ))
}

/// A reference to an image: no spaces, no scheme, lower case before the tag.
fn check_image(value: &str) -> Result<(), String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@".contains(letter);
    let name = value.split('@').next().unwrap_or_default();
    let path = name.rsplit_once('/').map_or("", |(path, _)| path);
    let lower = |part: &str| !part.chars().any(|letter| letter.is_ascii_uppercase());
    let repository = name.rsplit('/').next().unwrap_or_default();
    let repository = repository.split(':').next().unwrap_or_default();
    let parts = !repository.is_empty() && name.split('/').all(|part| !part.is_empty());
    let has_scheme = value.contains("://");
    if value.chars().all(allowed) && parts && lower(path) && lower(repository) && !has_scheme {
        return Ok(());
    }
    Err(format!(
        "is `{value}`; expected an image such as `registry.example.com/rok-tools:1.5`"
    ))
}

fn check_stack(value: &str) -> Result<(), String> {
    let first = value.starts_with(|first: char| first.is_ascii_alphabetic());
    let inner = |character: char| character.is_ascii_alphanumeric() || character == '-';
    if first && value.chars().all(inner) && value.len() <= 128 {
        return Ok(());
    }
    Err(format!(
        "is `{value}`; stack names start with a letter and hold letters, digits and `-`; set \
         `aws_cf_s3_resources`"
    ))
}

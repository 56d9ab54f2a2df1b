//! `rok-eks`: Rok on EKS, with an IAM role for its service account.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{RecipeSpec, TaskSpec, Tools};
use crate::engine::question::{Kind, Question};
use crate::engine::{Answers, FactKey, Facts, Phase, Recipe, Step, StepError, StepMeta, Task};
use crate::steps::aws::{
    self, ACCOUNT, ISSUER, IamPolicy, IamRole, OidcProvider, Ownership, Permissions,
    PolicyAttachment, Trust,
};
use crate::steps::cluster::{ClusterContext, Namespaces, StorageAccess, VerifyAccount};
use crate::steps::environment::{Preflight, Right};
use crate::steps::gitops::{
    BRANCH, CloneStep, CommitSpec, FileSpec, Push, Rendered, Tag, TagState, Variables, Written,
};
use crate::steps::names::{self, Inputs};

/// The recipe.
pub const SPEC: RecipeSpec = RecipeSpec {
    name: "rok-eks",
    title: "Rok on EKS: an IAM role for its service account, proven",
    tasks: TASKS,
    questions: QUESTIONS,
    build: |answers, tools| {
        let (answers, tools) = (answers.clone(), tools.clone());
        Box::pin(async move { build(&answers, &tools).await })
    },
};

const ENVIRONMENT: TaskSpec = TaskSpec {
    name: "environment",
    title: "Look at the environment",
    description: "Finds account, cluster, issuer and kube context, and looks for what would stop \
                  the run: rights, remote, clock, programs. Changes nothing.",
};
const GITOPS: TaskSpec = TaskSpec {
    name: "gitops",
    title: "Prepare the deployments repository",
    description: "Clones the GitOps repository, uses the clone that is there, or starts one from \
                  the skeleton.",
};
const CLOUDIDENTITY: TaskSpec = TaskSpec {
    name: "cloudidentity",
    title: "Create the cloud identity",
    description: "Registers the cluster's OIDC provider, creates the IAM policy for the bucket \
                  prefix and the role that only Rok's service account may assume, and saves the \
                  choices in deploy/env.*.",
};
const OBJECTSTORAGE: TaskSpec = TaskSpec {
    name: "objectstorage",
    title: "Authorize access to object storage",
    description: "Renders Rok's storage and configuration patches, commits, tags and pushes them, \
                  creates the namespaces, and proves that the service account reaches its buckets.",
};

const TASKS: &[TaskSpec] = &[ENVIRONMENT, GITOPS, CLOUDIDENTITY, OBJECTSTORAGE];

// ---- questions --------------------------------------------------------------------------------

const QUESTIONS: &[Question] = &[
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
            "The name of the stack, for administrators who deploy the template instead.",
        )
    },
];

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

// ---- files, commits and tags ------------------------------------------------------------------

const STACK_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/eks/s3-iam-resources.yaml.j2",
    output: "rok/eks/s3-iam-resources.yaml",
}];
const ENV_FILES: &[FileSpec] = &[
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
const STORAGE_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2",
    output: "rok/rok-cluster/overlays/deploy/patches/storage.yaml",
}];
const CONFIGVARS_FILES: &[FileSpec] = &[FileSpec {
    template: "rok/rok-cluster/overlays/deploy/patches/configvars.yaml.j2",
    output: "rok/rok-cluster/overlays/deploy/patches/configvars.yaml",
}];
const VERIFY_FILES: &[FileSpec] = &[
    FileSpec {
        template: "rok/rok-test/rok-verify-service-account-eks.yaml.j2",
        output: "rok/rok-test/rok-verify-service-account-eks.yaml",
    },
    FileSpec {
        template: "rok/rok-test/rok-verify-storage-access-eks.yaml.j2",
        output: "rok/rok-test/rok-verify-storage-access-eks.yaml",
    },
];

static STACK_WRITTEN: FactKey<Written> = FactKey::new("aws.stack-template.files");
static ENV_WRITTEN: FactKey<Written> = FactKey::new("gitops.env.files");
static STORAGE_WRITTEN: FactKey<Written> = FactKey::new("rok.storage-patch.files");
static CONFIGVARS_WRITTEN: FactKey<Written> = FactKey::new("rok.configvars-patch.files");
static VERIFY_WRITTEN: FactKey<Written> = FactKey::new("rok.verify-manifests.files");

static STACK_COMMIT: FactKey<String> = FactKey::new("aws.stack-template.commit");
static ENV_COMMIT: FactKey<String> = FactKey::new("gitops.env.commit");
static MANIFESTS_COMMIT: FactKey<String> = FactKey::new("rok.configvars-patch.commit");
static VERIFY_COMMIT: FactKey<String> = FactKey::new("rok.verify-manifests.commit");

static IDENTITY_TAG: FactKey<TagState> = FactKey::new("gitops.tag-cloudidentity.tag");
static STORAGE_TAG: FactKey<TagState> = FactKey::new("gitops.tag-objectstorage.tag");

/// The commit of the manifests holds this step's file too.
static STORAGE_FIRST: [(&str, &FactKey<Written>); 1] = [("rok.storage-patch", &STORAGE_WRITTEN)];
static IDENTITY_COMMITS: [&FactKey<String>; 1] = [&ENV_COMMIT];
static STORAGE_COMMITS: [&FactKey<String>; 2] = [&MANIFESTS_COMMIT, &VERIFY_COMMIT];
static TAGS: [&FactKey<TagState>; 2] = [&IDENTITY_TAG, &STORAGE_TAG];

/// Returns the template variables: the documented names, and the older ones as aliases.
fn variables(answers: &Answers) -> Variables {
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
        Ok(variables)
    })
}

// ---- the steps --------------------------------------------------------------------------------

async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let mut left_out = BTreeMap::new();
    if tools.modes.no_cluster {
        for id in [
            "cluster.context",
            "rok.namespaces",
            "rok.verify-account",
            "rok.storage-access",
        ] {
            left_out.insert(
                id,
                "needs the cluster, which is left out (`--no-cluster`)".to_owned(),
            );
        }
    }
    let task = |spec: TaskSpec, steps: Vec<Arc<dyn Step>>| Task {
        name: spec.name,
        title: spec.title,
        mode: tools.modes.of(spec.name),
        steps,
    };
    Ok(Recipe {
        name: SPEC.name,
        tasks: vec![
            task(ENVIRONMENT, parts.environment()),
            task(GITOPS, parts.gitops()),
            task(CLOUDIDENTITY, parts.cloudidentity()),
            task(OBJECTSTORAGE, parts.objectstorage()),
        ],
        left_out,
        next: vec![
            format!(
                "Rok may use every bucket named `{}*`, as role `{}`",
                parts.prefix, parts.role
            ),
            "grant Rok access to Arrikto's private container registry, then deploy Rok".into(),
        ],
    })
}

/// What the steps are built from.
struct Parts {
    answers: Answers,
    tools: Tools,
    aws: crate::steps::aws::Client,
    role: String,
    prefix: String,
    namespace: String,
    name: String,
}

impl Parts {
    async fn new(answers: &Answers, tools: &Tools) -> Result<Self, StepError> {
        Ok(Self {
            aws: tools.aws.client(answers).await?,
            role: answers.text("aws_s3_role"),
            prefix: answers.text("aws_s3_bucket_prefix"),
            namespace: answers.text("rok_cluster_namespace"),
            name: answers.text("rok_cluster_name"),
            answers: answers.clone(),
            tools: tools.clone(),
        })
    }

    fn environment(&self) -> Vec<Arc<dyn Step>> {
        let answer = |key: &str| self.answers.text(key);
        let accepts_other_server = self.answers.is_yes("kube_context_accept");
        vec![
            Arc::new(aws::Caller {
                aws: self.aws.clone(),
                account: answer("aws_account_id"),
                region: answer("aws_default_region"),
            }),
            Arc::new(aws::Cluster {
                aws: self.aws.clone(),
                name: answer("eks_cluster"),
                region: answer("aws_default_region"),
                issuer: self.answers.get("eks_cluster_oidc").map(str::to_owned),
                accepts_other_server,
            }),
            Arc::new(ClusterContext {
                access: self.access(),
                cluster: answer("eks_cluster"),
                region: answer("aws_default_region"),
                accepts_other_server,
            }),
            Arc::new(Preflight {
                aws: self.aws.clone(),
                repository: self.repository(),
                pushes: self.pushes() != Some(false),
                rights: self.rights(),
            }),
        ]
    }

    fn gitops(&self) -> Vec<Arc<dyn Step>> {
        vec![Arc::new(CloneStep {
            repository: self.repository(),
            url: self.answers.get("gitops_url").map(str::to_owned),
            branch: self.answers.get("gitops_branch").map(str::to_owned),
        })]
    }

    fn cloudidentity(&self) -> Vec<Arc<dyn Step>> {
        let mut steps: Vec<Arc<dyn Step>> = Vec::new();
        if self.brings_role() {
            steps.push(Arc::new(aws::ExistingRole {
                aws: self.aws.clone(),
                name: self.role.clone(),
            }));
        } else {
            steps.push(Arc::new(self.rendered(
                StepMeta {
                    needs: render_needs(),
                    gives: vec![STACK_WRITTEN.name(), STACK_COMMIT.name()],
                    after: vec!["gitops.clone"],
                    ..StepMeta::new(
                        "aws.stack-template",
                        "CloudFormation stack, for the record",
                        Phase::Generate,
                    )
                },
                STACK_FILES,
                &STACK_WRITTEN,
                Some(CommitSpec {
                    message: "Update CloudFormation stack to authorize Rok on S3 buckets",
                    also: &[],
                    gives: &STACK_COMMIT,
                }),
            )));
            steps.extend(self.identity());
        }
        steps.push(Arc::new(self.rendered(
            StepMeta {
                needs: render_needs(),
                gives: vec![ENV_WRITTEN.name(), ENV_COMMIT.name()],
                after: vec![
                    "aws.stack-template",
                    "aws.policy-attachment",
                    "aws.oidc-provider",
                    "aws.existing-role",
                ],
                ..StepMeta::new("gitops.env", "Choices in deploy/env.*", Phase::Generate)
            },
            ENV_FILES,
            &ENV_WRITTEN,
            Some(CommitSpec {
                message: "Create Cloud Identity",
                also: &[],
                gives: &ENV_COMMIT,
            }),
        )));
        steps.push(Arc::new(Tag {
            meta: StepMeta {
                needs: vec![ENV_COMMIT.name()],
                gives: vec![IDENTITY_TAG.name()],
                after: vec!["gitops.env"],
                ..StepMeta::new("gitops.tag-cloudidentity", "Progress tag", Phase::Generate)
            },
            repository: self.repository(),
            release: self.answers.text("rok_release"),
            task: CLOUDIDENTITY.name,
            message: "Create Cloud Identity",
            commits: &IDENTITY_COMMITS,
            gives: &IDENTITY_TAG,
        }));
        steps.push(Arc::new(Trust {
            aws: self.aws.clone(),
            role: self.role.clone(),
            subject: self.subject(),
            existing: self.brings_role(),
        }));
        steps.push(Arc::new(Permissions {
            aws: self.aws.clone(),
            role: self.role.clone(),
            prefix: self.prefix.clone(),
            existing: self.brings_role(),
        }));
        steps
    }

    fn identity(&self) -> Vec<Arc<dyn Step>> {
        let ownership = Ownership {
            cluster: self.answers.text("eks_cluster"),
            recipe: SPEC.name.into(),
        };
        vec![
            Arc::new(OidcProvider {
                aws: self.aws.clone(),
                ownership: ownership.clone(),
            }),
            Arc::new(IamPolicy {
                aws: self.aws.clone(),
                name: self.role.clone(),
                prefix: self.prefix.clone(),
                ownership: ownership.clone(),
            }),
            Arc::new(IamRole {
                aws: self.aws.clone(),
                name: self.role.clone(),
                subject: self.subject(),
                ownership,
            }),
            Arc::new(PolicyAttachment {
                aws: self.aws.clone(),
                role: self.role.clone(),
            }),
        ]
    }

    fn objectstorage(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(self.rendered(
                StepMeta {
                    needs: render_needs(),
                    gives: vec![STORAGE_WRITTEN.name()],
                    after: vec!["gitops.env"],
                    ..StepMeta::new(
                        "rok.storage-patch",
                        "Rok's role, region and endpoint",
                        Phase::Generate,
                    )
                },
                STORAGE_FILES,
                &STORAGE_WRITTEN,
                None,
            )),
            Arc::new(self.rendered(
                StepMeta {
                    needs: manifest_needs(),
                    gives: vec![CONFIGVARS_WRITTEN.name(), MANIFESTS_COMMIT.name()],
                    after: vec!["rok.storage-patch"],
                    ..StepMeta::new(
                        "rok.configvars-patch",
                        "Rok's bucket prefix",
                        Phase::Generate,
                    )
                },
                CONFIGVARS_FILES,
                &CONFIGVARS_WRITTEN,
                Some(CommitSpec {
                    message: "Update Rok manifests",
                    also: &STORAGE_FIRST,
                    gives: &MANIFESTS_COMMIT,
                }),
            )),
            Arc::new(self.rendered(
                StepMeta {
                    needs: render_needs(),
                    gives: vec![VERIFY_WRITTEN.name(), VERIFY_COMMIT.name()],
                    after: vec!["rok.configvars-patch"],
                    ..StepMeta::new(
                        "rok.verify-manifests",
                        "Pod and service account of the proof",
                        Phase::Generate,
                    )
                },
                VERIFY_FILES,
                &VERIFY_WRITTEN,
                Some(CommitSpec {
                    message: "Configure Pod and SA to verify storage access",
                    also: &[],
                    gives: &VERIFY_COMMIT,
                }),
            )),
            Arc::new(Tag {
                meta: StepMeta {
                    needs: vec![MANIFESTS_COMMIT.name(), VERIFY_COMMIT.name()],
                    gives: vec![STORAGE_TAG.name()],
                    after: vec!["rok.configvars-patch", "rok.verify-manifests"],
                    ..StepMeta::new("gitops.tag-objectstorage", "Progress tag", Phase::Generate)
                },
                repository: self.repository(),
                release: self.answers.text("rok_release"),
                task: OBJECTSTORAGE.name,
                message: "Authorize Access to Object Storage on AWS",
                commits: &STORAGE_COMMITS,
                gives: &STORAGE_TAG,
            }),
            Arc::new(Push {
                repository: self.repository(),
                wanted: self.pushes(),
                tags: &TAGS,
                meta: Push::describe(
                    vec![BRANCH.name(), IDENTITY_TAG.name(), STORAGE_TAG.name()],
                    vec!["gitops.tag-objectstorage"],
                ),
            }),
            Arc::new(Namespaces {
                access: self.access(),
                names: self.namespaces(),
            }),
            Arc::new(VerifyAccount {
                access: self.access(),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
            }),
            Arc::new(StorageAccess {
                aws: self.aws.clone(),
                access: self.access(),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
                prefix: self.prefix.clone(),
            }),
        ]
    }

    fn rendered(
        &self,
        meta: StepMeta,
        files: &'static [FileSpec],
        gives: &'static FactKey<Written>,
        commit: Option<CommitSpec>,
    ) -> Rendered {
        let (repository, variables) = (self.repository(), variables(&self.answers));
        Rendered {
            meta,
            repository,
            files,
            variables,
            gives,
            commit,
        }
    }

    fn repository(&self) -> crate::steps::gitops::Repository {
        (self.tools.repository)(&self.answers.text("gitops_dir"))
    }

    fn access(&self) -> crate::steps::cluster::ClusterAccess {
        self.tools.cluster.access(self.answers.get("kube_context"))
    }

    fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    fn brings_role(&self) -> bool {
        self.answers.get("aws_identity_method") == Some("existing")
    }

    fn pushes(&self) -> Option<bool> {
        self.answers
            .get("gitops_push")
            .map(|answer| answer == "yes")
    }

    fn namespaces(&self) -> Vec<String> {
        let mut names = vec![self.namespace.clone(), "rok-system".to_owned()];
        names.dedup();
        names
    }

    fn rights(&self) -> Vec<Right> {
        if self.brings_role() {
            return Vec::new();
        }
        let role = &self.role;
        vec![
            Right {
                actions: &[
                    "iam:GetRole",
                    "iam:CreateRole",
                    "iam:TagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:AttachRolePolicy",
                    "iam:ListAttachedRolePolicies",
                ],
                resource: format!("arn:{{partition}}:iam::{{account}}:role/{role}"),
            },
            Right {
                actions: &[
                    "iam:GetPolicy",
                    "iam:GetPolicyVersion",
                    "iam:CreatePolicy",
                    "iam:TagPolicy",
                    "iam:CreatePolicyVersion",
                ],
                resource: format!("arn:{{partition}}:iam::{{account}}:policy/{role}"),
            },
            Right {
                actions: &[
                    "iam:GetOpenIDConnectProvider",
                    "iam:CreateOpenIDConnectProvider",
                    "iam:TagOpenIDConnectProvider",
                ],
                resource: "arn:{partition}:iam::{account}:oidc-provider/*".into(),
            },
        ]
    }
}

/// What every template of this recipe needs to know.
fn render_needs() -> Vec<&'static str> {
    vec![ACCOUNT.name(), ISSUER.name(), BRANCH.name()]
}

/// The commit of the manifests needs the other step's files too.
fn manifest_needs() -> Vec<&'static str> {
    let mut needs = render_needs();
    needs.push(STORAGE_WRITTEN.name());
    needs
}

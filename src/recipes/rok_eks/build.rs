//! Which steps `rok-eks` takes, in which order, for which method.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files;
use super::proof::{CLUSTER, POD};
use super::{CLOUDIDENTITY, ENVIRONMENT, GITOPS, OBJECTSTORAGE, SPEC};
use crate::engine::{Answers, ChainKind, FactKey, Phase, Recipe, Step, StepError, StepMeta, Task};
use crate::recipes::{TaskSpec, Tools};
use crate::steps::aws::{
    self, ADOPT, Decisions, IamPolicy, IamRole, Identity, OidcProvider, Ownership, Permissions,
    PolicyAttachment, TagNames, Trust,
};
use crate::steps::cluster::{CLUSTER_UID, ClusterAccess, ClusterContext, HoldCluster, Namespaces};
use crate::steps::environment::{CloneRights, Preflight, Right};
use crate::steps::gitops::{
    BRANCH, CloneStep, CommitSpec, Draft, FileSpec, Push, Refusal, Rendered, Repository, Tag,
    Written,
};
use crate::steps::names;
use crate::steps::proof::OVERLAY;

pub(super) async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let mut left_out = BTreeMap::new();
    if tools.modes.no_pod {
        for id in POD {
            left_out.insert(id, "needs a Pod, which is left out (`--no-pod`)".to_owned());
        }
    }
    if tools.modes.no_cluster {
        for id in CLUSTER.iter().chain(&POD) {
            left_out.insert(
                *id,
                "needs the cluster, which is left out (`--no-cluster`)".to_owned(),
            );
        }
    }
    // Whoever practises on a machine without either program still gets the rest of the proof.
    if tools.modes.practice && tools.kustomize.installed().await.is_none() {
        let reason = "neither `kustomize` nor `kubectl` is on PATH; a real run needs one of them";
        left_out.insert("rok.draft", reason.to_owned());
        left_out.insert("rok.manifests", reason.to_owned());
    }
    let task = |spec: TaskSpec, steps: Vec<Arc<dyn Step>>| Task {
        name: spec.name,
        title: spec.title,
        mode: tools.modes.of(spec.name),
        proves: None,
        steps,
    };
    let next = if tools.modes.changes {
        vec![
            format!(
                "Rok may use every bucket named `{}*`, as role `{}`",
                parts.prefix, parts.role
            ),
            "grant Rok access to Arrikto's private container registry, then deploy Rok".into(),
        ]
    } else {
        // A mere verification leads to nothing new.
        Vec::new()
    };
    Ok(Recipe {
        name: SPEC.name,
        tasks: vec![
            task(ENVIRONMENT, parts.environment()),
            task(GITOPS, parts.gitops()),
            task(CLOUDIDENTITY, parts.cloudidentity()),
            Task {
                proves: Some(ChainKind::IamRole),
                ..task(
                    OBJECTSTORAGE,
                    [parts.objectstorage(), parts.proof()].concat(),
                )
            },
        ],
        left_out,
        closing: "Everything is in place",
        next,
    })
}

/// What the steps are built from.
pub(in crate::recipes) struct Parts {
    pub(in crate::recipes) answers: Answers,
    pub(in crate::recipes) tools: Tools,
    pub(in crate::recipes) aws: aws::Client,
    pub(super) role: String,
    pub(in crate::recipes) prefix: String,
    pub(super) namespace: String,
    pub(super) name: String,
    adopt: Decisions,
}

impl Parts {
    pub(in crate::recipes) async fn new(
        answers: &Answers,
        tools: &Tools,
    ) -> Result<Self, StepError> {
        Ok(Self {
            aws: tools.aws.client(answers).await?,
            role: answers.text("aws_s3_role"),
            prefix: answers.text("aws_s3_bucket_prefix"),
            namespace: answers.text("rok_cluster_namespace"),
            name: answers.text("rok_cluster_name"),
            adopt: decisions(answers)?,
            answers: answers.clone(),
            tools: tools.clone(),
        })
    }

    /// The step that looks who is calling.
    pub(in crate::recipes) fn caller(&self) -> aws::Caller {
        aws::Caller {
            aws: self.aws.clone(),
            account: self.answers.text("aws_account_id"),
            region: self.answers.text("aws_default_region"),
        }
    }

    /// The step that describes the EKS cluster.
    pub(in crate::recipes) fn cluster(&self) -> aws::Cluster {
        aws::Cluster {
            aws: self.aws.clone(),
            name: self.answers.text("eks_cluster"),
            region: self.answers.text("aws_default_region"),
            issuer: self.answers.get("eks_cluster_oidc").map(str::to_owned),
            accepts_other_server: self.answers.is_yes("kube_context_accept"),
        }
    }

    /// The step that holds the kube context against that cluster.
    pub(in crate::recipes) fn cluster_context(&self) -> ClusterContext {
        ClusterContext {
            access: self.access(),
            chosen: aws::chosen(
                &self.answers.text("eks_cluster"),
                &self.answers.text("aws_default_region"),
            ),
            accepts_other_server: self.answers.is_yes("kube_context_accept"),
        }
    }

    /// The step that holds the cluster for this run, once the fact `needs` is known.
    pub(in crate::recipes) fn hold_cluster(&self, needs: &'static str) -> HoldCluster {
        HoldCluster::new(self.access(), self.tools.operator.clone(), needs)
    }

    /// The account and its cluster.
    pub(in crate::recipes) fn place(&self) -> Vec<Arc<dyn Step>> {
        vec![Arc::new(self.caller()), Arc::new(self.cluster())]
    }

    fn environment(&self) -> Vec<Arc<dyn Step>> {
        let mut steps: Vec<Arc<dyn Step>> = vec![
            Arc::new(self.caller()),
            Arc::new(self.cluster()),
            Arc::new(self.cluster_context()),
            Arc::new(Preflight {
                rights: Arc::new(self.callers_rights()),
                clone: Some(CloneRights {
                    repository: self.repository(),
                    pushes: self.pushes() != Some(false),
                }),
                kustomize: Some(self.tools.kustomize.clone()),
            }),
            Arc::new(self.hold_cluster(CLUSTER_UID.name())),
        ];
        // Who makes nothing collides with nobody.
        if self.tools.modes.changes && !self.brings_role() {
            steps.push(Arc::new(aws::Overlap {
                aws: self.aws.clone(),
                identity: self.identity(),
                region: self.answers.text("aws_default_region"),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
                uses_stack: self.uses_stack(),
                accepts: self.answers.is_yes("aws_overlap_accept"),
            }));
        }
        steps
    }

    fn gitops(&self) -> Vec<Arc<dyn Step>> {
        let url = self.answers.get("gitops_url").map(str::to_owned);
        vec![
            Arc::new(CloneStep {
                repository: self.repository(),
                url: url.clone(),
                branch: self.answers.get("gitops_branch").map(str::to_owned),
            }),
            Arc::new(Draft {
                meta: StepMeta {
                    needs: files::render_needs(),
                    after: vec!["gitops.clone"],
                    ..StepMeta::new(
                        "rok.draft",
                        "Rok's manifests build with our files",
                        Phase::Generate,
                    )
                },
                repository: self.repository(),
                from_skeleton: url.is_none(),
                kustomize: self.tools.kustomize.clone(),
                overlay: OVERLAY,
                files: vec![
                    Arc::new(self.storage_patch()),
                    Arc::new(self.configvars_patch()),
                ],
            }),
        ]
    }

    fn cloudidentity(&self) -> Vec<Arc<dyn Step>> {
        let mut steps: Vec<Arc<dyn Step>> = Vec::new();
        if self.brings_role() {
            steps.push(Arc::new(aws::ExistingRole {
                aws: self.aws.clone(),
                name: self.role.clone(),
            }));
        } else if self.uses_stack() {
            steps.extend(self.stack());
        } else {
            steps.push(Arc::new(
                self.stack_template("CloudFormation stack, for the record"),
            ));
            steps.extend(self.iam());
        }
        steps.push(Arc::new(self.rendered(
            StepMeta {
                needs: files::choice_needs(!self.brings_role() && !self.uses_stack()),
                gives: vec![files::ENV_WRITTEN.name(), files::ENV_COMMIT.name()],
                after: vec![
                    "aws.stack-template",
                    "aws.policy-attachment",
                    "aws.oidc-provider",
                    "aws.existing-role",
                    "aws.stack",
                ],
                ..StepMeta::new("gitops.env", "Choices in deploy/env.*", Phase::Generate)
            },
            files::ENV_FILES,
            &files::ENV_WRITTEN,
            Some(CommitSpec {
                message: "Create Cloud Identity",
                also: &[],
                gives: &files::ENV_COMMIT,
            }),
        )));
        let commits = if self.brings_role() {
            &files::IDENTITY_COMMITS[..1]
        } else {
            &files::IDENTITY_COMMITS[..]
        };
        steps.push(Arc::new(Tag {
            meta: StepMeta {
                needs: commits.iter().map(|commit| commit.name()).collect(),
                gives: vec![files::IDENTITY_TAG.name()],
                after: vec!["gitops.env"],
                ..StepMeta::new("gitops.tag-cloudidentity", "Progress tag", Phase::Generate)
            },
            repository: self.repository(),
            release: self.answers.text("rok_release"),
            task: CLOUDIDENTITY.name,
            message: "Create Cloud Identity",
            commits,
            gives: &files::IDENTITY_TAG,
        }));
        steps.extend(self.identity_proof());
        steps
    }

    /// The identity is as intended.
    pub(in crate::recipes) fn identity_proof(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(Trust {
                aws: self.aws.clone(),
                identity: self.identity(),
                existing: self.brings_role(),
            }),
            Arc::new(Permissions {
                aws: self.aws.clone(),
                identity: self.identity(),
                existing: self.brings_role(),
            }),
        ]
    }

    fn stack_template(&self, title: &'static str) -> Rendered {
        self.rendered(
            StepMeta {
                needs: files::render_needs(),
                gives: vec![files::STACK_WRITTEN.name(), files::STACK_COMMIT.name()],
                after: vec!["gitops.clone"],
                ..StepMeta::new("aws.stack-template", title, Phase::Generate)
            },
            files::STACK_FILES,
            &files::STACK_WRITTEN,
            Some(CommitSpec {
                message: "Update CloudFormation stack to authorize Rok on S3 buckets",
                also: &[],
                gives: &files::STACK_COMMIT,
            }),
        )
    }

    /// The identity as a stack: the very template that is committed.
    fn stack(&self) -> Vec<Arc<dyn Step>> {
        let mut template = self.stack_template("CloudFormation stack");
        template.meta.needs.push(aws::STACK_PARTS.name());
        template.meta.gives.push(aws::STACK_TEMPLATE.name());
        template.text = Some(&aws::STACK_TEMPLATE);
        vec![
            Arc::new(aws::FindStackParts {
                aws: self.aws.clone(),
                identity: self.identity(),
            }),
            Arc::new(template),
            Arc::new(aws::DeployStack::new(self.aws.clone(), self.identity())),
        ]
    }

    /// The identity by requests of our own.
    pub(in crate::recipes) fn iam(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(OidcProvider {
                aws: self.aws.clone(),
                identity: self.identity(),
            }),
            Arc::new(IamPolicy {
                aws: self.aws.clone(),
                identity: self.identity(),
            }),
            Arc::new(IamRole {
                aws: self.aws.clone(),
                identity: self.identity(),
            }),
            Arc::new(PolicyAttachment {
                aws: self.aws.clone(),
                identity: self.identity(),
            }),
        ]
    }

    fn objectstorage(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(self.storage_patch()),
            Arc::new(self.configvars_patch()),
            Arc::new(self.rendered(
                StepMeta {
                    needs: files::role_needs(),
                    gives: vec![files::VERIFY_WRITTEN.name(), files::VERIFY_COMMIT.name()],
                    after: vec!["rok.configvars-patch"],
                    ..StepMeta::new(
                        "rok.verify-manifests",
                        "Pod and service account of the proof",
                        Phase::Generate,
                    )
                },
                files::VERIFY_FILES,
                &files::VERIFY_WRITTEN,
                Some(CommitSpec {
                    message: "Configure Pod and SA to verify storage access",
                    also: &[],
                    gives: &files::VERIFY_COMMIT,
                }),
            )),
            Arc::new(Tag {
                meta: StepMeta {
                    needs: vec![files::MANIFESTS_COMMIT.name(), files::VERIFY_COMMIT.name()],
                    gives: vec![files::STORAGE_TAG.name()],
                    after: vec!["rok.configvars-patch", "rok.verify-manifests"],
                    ..StepMeta::new("gitops.tag-objectstorage", "Progress tag", Phase::Generate)
                },
                repository: self.repository(),
                release: self.answers.text("rok_release"),
                task: OBJECTSTORAGE.name,
                message: "Authorize Access to Object Storage on AWS",
                commits: &files::STORAGE_COMMITS,
                gives: &files::STORAGE_TAG,
            }),
            Arc::new(Push {
                repository: self.repository(),
                wanted: self.pushes(),
                tags: &files::TAGS,
                commits: &[],
                refusal: Refusal::default(),
                meta: Push::describe(
                    vec![
                        BRANCH.name(),
                        files::IDENTITY_TAG.name(),
                        files::STORAGE_TAG.name(),
                    ],
                    vec!["gitops.tag-objectstorage"],
                ),
            }),
            Arc::new(Namespaces {
                access: self.access(),
                names: self.namespaces(),
            }),
        ]
    }

    fn storage_patch(&self) -> Rendered {
        self.rendered(
            StepMeta {
                needs: files::role_needs(),
                gives: vec![files::STORAGE_WRITTEN.name()],
                after: vec!["gitops.env"],
                ..StepMeta::new(
                    "rok.storage-patch",
                    "Rok's role, region and endpoint",
                    Phase::Generate,
                )
            },
            files::STORAGE_FILES,
            &files::STORAGE_WRITTEN,
            None,
        )
    }

    fn configvars_patch(&self) -> Rendered {
        self.rendered(
            StepMeta {
                needs: files::manifest_needs(),
                gives: vec![
                    files::CONFIGVARS_WRITTEN.name(),
                    files::MANIFESTS_COMMIT.name(),
                ],
                after: vec!["rok.storage-patch"],
                ..StepMeta::new(
                    "rok.configvars-patch",
                    "Rok's bucket prefix",
                    Phase::Generate,
                )
            },
            files::CONFIGVARS_FILES,
            &files::CONFIGVARS_WRITTEN,
            Some(CommitSpec {
                message: "Update Rok manifests",
                also: &files::STORAGE_FIRST,
                gives: &files::MANIFESTS_COMMIT,
            }),
        )
    }

    fn rendered(
        &self,
        meta: StepMeta,
        files: &'static [FileSpec],
        gives: &'static FactKey<Written>,
        commit: Option<CommitSpec>,
    ) -> Rendered {
        let variables = files::variables(&self.answers, &self.identity());
        let repository = self.repository();
        Rendered {
            meta,
            repository,
            files,
            variables,
            gives,
            text: None,
            commit,
        }
    }

    pub(in crate::recipes) fn repository(&self) -> Repository {
        (self.tools.repository)(&self.answers.text("gitops_dir"))
    }

    pub(super) fn access(&self) -> ClusterAccess {
        self.tools.cluster.access(self.answers.get("kube_context"))
    }

    pub(in crate::recipes) fn identity(&self) -> Identity {
        let boundary = self.answers.get("aws_permissions_boundary");
        Identity {
            role: self.role.clone(),
            path: self.answers.text("aws_iam_path"),
            boundary: boundary.map(str::to_owned),
            subject: names::subject(&self.namespace, &self.name),
            prefix: self.prefix.clone(),
            stack: self.answers.text("aws_cf_s3_resources"),
            ownership: Ownership {
                cluster: self.answers.text("eks_cluster"),
                recipe: SPEC.name.into(),
                cloud: TagNames::Aws,
            },
            adopt: self.adopt.clone(),
        }
    }

    pub(super) fn brings_role(&self) -> bool {
        self.answers.get("aws_identity_method") == Some("existing")
    }

    fn uses_stack(&self) -> bool {
        self.answers.get("aws_identity_method") == Some("cloudformation")
    }

    pub(in crate::recipes) fn pushes(&self) -> Option<bool> {
        self.answers
            .get("gitops_push")
            .map(|answer| answer == "yes")
    }

    pub(in crate::recipes) fn namespaces(&self) -> Vec<String> {
        let mut names = vec![self.namespace.clone(), "rok-system".to_owned()];
        names.dedup();
        names
    }

    /// What the plan needs to be allowed.
    pub(in crate::recipes) fn callers_rights(&self) -> aws::Rights {
        aws::Rights {
            aws: self.aws.clone(),
            rights: self.rights(),
        }
    }

    fn rights(&self) -> Vec<Right> {
        if self.brings_role() {
            return Vec::new();
        }
        let name = format!("{}{}", self.answers.text("aws_iam_path"), self.role);
        let arn = |kind: &str| format!("arn:{{partition}}:iam::{{account}}:{kind}{name}");
        let boundary = self.answers.get("aws_permissions_boundary");
        let bounds = boundary.map(|boundary| ("iam:PermissionsBoundary", boundary.to_owned()));
        let bounds: Vec<_> = bounds.into_iter().collect();
        let mut rights = vec![
            Right {
                actions: &[
                    "iam:GetRole",
                    "iam:CreateRole",
                    "iam:TagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:AttachRolePolicy",
                    "iam:ListAttachedRolePolicies",
                ],
                resource: arn("role"),
                conditions: bounds.clone(),
            },
            Right {
                actions: &[
                    "iam:GetPolicy",
                    "iam:GetPolicyVersion",
                    "iam:ListPolicyVersions",
                    "iam:CreatePolicy",
                    "iam:TagPolicy",
                    "iam:CreatePolicyVersion",
                ],
                resource: arn("policy"),
                conditions: Vec::new(),
            },
            Right {
                actions: &[
                    "iam:GetOpenIDConnectProvider",
                    "iam:CreateOpenIDConnectProvider",
                    "iam:TagOpenIDConnectProvider",
                ],
                resource: "arn:{partition}:iam::{account}:oidc-provider/*".into(),
                conditions: Vec::new(),
            },
        ];
        if !bounds.is_empty() {
            rights.push(Right {
                actions: &["iam:PutRolePermissionsBoundary"],
                resource: arn("role"),
                conditions: bounds,
            });
        }
        if self.uses_stack() {
            rights.push(Right {
                actions: &[
                    "cloudformation:DescribeStacks",
                    "cloudformation:ListStackResources",
                    "cloudformation:GetTemplate",
                    "cloudformation:DescribeStackEvents",
                    "cloudformation:CreateChangeSet",
                    "cloudformation:DescribeChangeSet",
                    "cloudformation:ListChangeSets",
                    "cloudformation:ExecuteChangeSet",
                    "cloudformation:DeleteChangeSet",
                    "cloudformation:DeleteStack",
                ],
                resource: format!(
                    "arn:{{partition}}:cloudformation:{}:{{account}}:stack/{}/*",
                    self.answers.text("aws_default_region"),
                    self.answers.text("aws_cf_s3_resources")
                ),
                conditions: Vec::new(),
            });
        }
        rights
    }
}

/// Reads the answer to [`ADOPT`], which its question has judged before.
fn decisions(answers: &Answers) -> Result<Decisions, StepError> {
    let text = answers.get(ADOPT).unwrap_or_default();
    Decisions::parse(text).map_err(|problem| StepError::answers(format!("`{ADOPT}` {problem}")))
}

//! Which steps `rok-eks` takes, in which order, for which method.

use std::sync::Arc;

use super::files;
use super::proof::{CLUSTER, POD};
use super::{CLOUDIDENTITY, ENVIRONMENT, GITOPS, OBJECTSTORAGE, SPEC};
use crate::engine::{Answers, ChainKind, FactKey, Phase, Recipe, Step, StepError, StepMeta, Task};
use crate::recipes::Tools;
use crate::recipes::site::Site;
use crate::steps::aws::{
    self, ADOPT, Decisions, IamPolicy, IamRole, Identity, OidcProvider, Ownership, Permissions,
    PolicyAttachment, TagNames, Trust,
};
use crate::steps::cluster::{CLUSTER_UID, ClusterContext, Namespaces};
use crate::steps::environment::Right;
use crate::steps::gitops::{
    BRANCH, CommitSpec, Draft, FileSpec, Push, Refusal, Rendered, Tag, Written,
};
use crate::steps::names;
use crate::steps::proof::OVERLAY;

/// Steps that need a program that builds manifests.
const BUILDING: [&str; 2] = ["rok.draft", "rok.manifests"];

pub(super) async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let left_out = parts.site.left_out(&CLUSTER, &POD, &BUILDING).await;
    let modes = &tools.modes;
    let next = parts.site.next(format!(
        "Rok may use every bucket named `{}*`, as role `{}`",
        parts.prefix, parts.role
    ));
    Ok(Recipe {
        name: SPEC.name,
        tasks: vec![
            modes.task(ENVIRONMENT, parts.environment()),
            modes.task(GITOPS, parts.gitops()),
            modes.task(CLOUDIDENTITY, parts.cloudidentity()),
            Task {
                proves: Some(ChainKind::IamRole),
                ..modes.task(
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
    pub(in crate::recipes) site: Site,
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
            site: Site::of(answers, tools),
        })
    }

    /// The step that looks who is calling.
    pub(in crate::recipes) fn caller(&self) -> aws::Caller {
        aws::Caller {
            aws: self.aws.clone(),
            account: self.site.answers.text("aws_account_id"),
            region: self.site.answers.text("aws_default_region"),
        }
    }

    /// The step that describes the EKS cluster.
    pub(in crate::recipes) fn cluster(&self) -> aws::Cluster {
        aws::Cluster {
            aws: self.aws.clone(),
            name: self.site.answers.text("eks_cluster"),
            region: self.site.answers.text("aws_default_region"),
            issuer: self.site.answers.get("eks_cluster_oidc").map(str::to_owned),
            accepts_other_server: self.site.answers.is_yes("kube_context_accept"),
        }
    }

    /// The step that holds the kube context against that cluster.
    pub(in crate::recipes) fn cluster_context(&self) -> ClusterContext {
        self.site.context_of(aws::chosen(
            &self.site.answers.text("eks_cluster"),
            &self.site.answers.text("aws_default_region"),
        ))
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
            Arc::new(self.site.preflight(Arc::new(self.callers_rights()))),
            Arc::new(self.site.hold_cluster(CLUSTER_UID.name())),
        ];
        // Who makes nothing collides with nobody.
        if self.site.tools.modes.changes && !self.brings_role() {
            steps.push(Arc::new(aws::Overlap {
                aws: self.aws.clone(),
                identity: self.identity(),
                region: self.site.answers.text("aws_default_region"),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
                uses_stack: self.uses_stack(),
                accepts: self.site.answers.is_yes("aws_overlap_accept"),
            }));
        }
        steps
    }

    fn gitops(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(self.site.clone_step()),
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
                repository: self.site.repository(),
                from_skeleton: self.site.begins_with_skeleton(),
                kustomize: self.site.tools.kustomize.clone(),
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
            repository: self.site.repository(),
            release: self.site.answers.text("rok_release"),
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
                repository: self.site.repository(),
                release: self.site.answers.text("rok_release"),
                task: OBJECTSTORAGE.name,
                message: "Authorize Access to Object Storage on AWS",
                commits: &files::STORAGE_COMMITS,
                gives: &files::STORAGE_TAG,
            }),
            Arc::new(Push {
                repository: self.site.repository(),
                wanted: self.site.pushes(),
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
                access: self.site.access(),
                names: self.site.namespaces(),
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
        let variables = files::variables(&self.site.answers, &self.identity());
        let repository = self.site.repository();
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

    pub(in crate::recipes) fn identity(&self) -> Identity {
        let boundary = self.site.answers.get("aws_permissions_boundary");
        Identity {
            role: self.role.clone(),
            path: self.site.answers.text("aws_iam_path"),
            boundary: boundary.map(str::to_owned),
            subject: names::subject(&self.namespace, &self.name),
            prefix: self.prefix.clone(),
            stack: self.site.answers.text("aws_cf_s3_resources"),
            ownership: Ownership {
                cluster: self.site.answers.text("eks_cluster"),
                recipe: SPEC.name.into(),
                cloud: TagNames::Aws,
            },
            adopt: self.adopt.clone(),
        }
    }

    pub(super) fn brings_role(&self) -> bool {
        self.site.answers.get("aws_identity_method") == Some("existing")
    }

    fn uses_stack(&self) -> bool {
        self.site.answers.get("aws_identity_method") == Some("cloudformation")
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
        let name = format!("{}{}", self.site.answers.text("aws_iam_path"), self.role);
        let arn = |kind: &str| format!("arn:{{partition}}:iam::{{account}}:{kind}{name}");
        let boundary = self.site.answers.get("aws_permissions_boundary");
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
                    self.site.answers.text("aws_default_region"),
                    self.site.answers.text("aws_cf_s3_resources")
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

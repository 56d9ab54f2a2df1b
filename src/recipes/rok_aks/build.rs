//! Which steps `rok-aks` takes, in which order, for which method.

use std::sync::Arc;

use super::files;
use super::proof::{CLUSTER, POD};
use super::{CLOUDIDENTITY, ENVIRONMENT, GITOPS, OBJECTSTORAGE, SPEC};
use crate::engine::{Answers, FactKey, Phase, Recipe, Step, StepError, StepMeta, Task};
use crate::recipes::Tools;
use crate::recipes::site::Site;
use crate::steps::azure::edits::{self, BINDING_FILES, OVERLAY_FILES};
use crate::steps::azure::{
    self, ACCEPT, Account, Admission, AnnotatedAccount, AzureIdentity, CREATE, Cluster, ENABLE,
    FederatedCredential, ManagedIdentity, Method, Overlap, PodIdentity, RoleAssignment,
    StorageAccount, WorkloadIdentity,
};
use crate::steps::cluster::{CLUSTER_UID, ClusterContext, Namespaces};
use crate::steps::gitops::{
    BRANCH, CommitSpec, Draft, Edit, Edited, FileSpec, Push, Refusal, Rendered, Tag, Written,
};
use crate::steps::proof::OVERLAY;
use crate::steps::secrets::{ConfigVars, Keeping, S3ProxyCredentials};

/// S3Proxy's overlay, in the clone.
const S3PROXY_OVERLAY: &str = "rok/rok-external-services/s3proxy/overlays/deploy";

/// Steps that need a program that builds manifests.
const BUILDING: [&str; 2] = ["rok.draft", "rok.s3proxy-draft"];

pub(super) async fn build(answers: &Answers, tools: &Tools) -> Result<Recipe, StepError> {
    let parts = Parts::new(answers, tools).await?;
    let left_out = parts.site.left_out(&CLUSTER, &POD, &BUILDING).await;
    let modes = &tools.modes;
    let next = parts.site.next(format!(
        "Rok may use every container named `{}*` of storage account `{}`, as managed identity `{}`",
        parts.identity.prefix, parts.identity.account, parts.identity.name
    ));
    Ok(Recipe {
        name: SPEC.name,
        tasks: vec![
            modes.task(ENVIRONMENT, parts.environment()),
            modes.task(GITOPS, parts.gitops()),
            modes.task(CLOUDIDENTITY, parts.cloudidentity()),
            Task {
                proves: Some(parts.ground().kind()),
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
    pub(in crate::recipes) azure: azure::Client,
    pub(in crate::recipes) identity: AzureIdentity,
}

impl Parts {
    pub(in crate::recipes) async fn new(
        answers: &Answers,
        tools: &Tools,
    ) -> Result<Self, StepError> {
        Ok(Self {
            azure: tools.azure.client(answers).await?,
            identity: AzureIdentity::of(answers, SPEC.name)?,
            site: Site::of(answers, tools),
        })
    }

    /// The step that looks who is calling.
    pub(in crate::recipes) fn account(&self) -> Account {
        Account {
            azure: self.azure.clone(),
            tenant: self.site.answers.text("az_tenant"),
            identity: self.identity.clone(),
        }
    }

    /// The step that describes the AKS cluster.
    pub(in crate::recipes) fn cluster(&self) -> Cluster {
        Cluster {
            azure: self.azure.clone(),
            identity: self.identity.clone(),
        }
    }

    /// The step that holds the kube context against that cluster.
    pub(in crate::recipes) fn cluster_context(&self) -> ClusterContext {
        self.site.context_of(azure::chosen(&self.identity))
    }

    fn environment(&self) -> Vec<Arc<dyn Step>> {
        let rights = azure::Rights::new(
            self.azure.clone(),
            &self.identity,
            self.site.answers.is_yes(CREATE),
            self.site.answers.is_yes(ENABLE),
        );
        let mut steps: Vec<Arc<dyn Step>> = vec![
            Arc::new(self.account()),
            Arc::new(self.cluster()),
            Arc::new(self.cluster_context()),
            Arc::new(self.site.preflight(Arc::new(rights))),
            Arc::new(self.site.hold_cluster(CLUSTER_UID.name())),
        ];
        // Who makes nothing collides with nobody.
        if self.site.tools.modes.changes {
            steps.push(Arc::new(Overlap {
                azure: self.azure.clone(),
                identity: self.identity.clone(),
                accepts: self.site.answers.is_yes(ACCEPT),
            }));
        }
        steps
    }

    fn gitops(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(self.site.clone_step()),
            Arc::new(self.draft("rok.draft", "Rok's manifests build with our files", OVERLAY)),
            Arc::new(self.draft(
                "rok.s3proxy-draft",
                "S3Proxy's manifests build with our files",
                S3PROXY_OVERLAY,
            )),
        ]
    }

    /// The step that builds an overlay as the next commit would have it.
    fn draft(&self, id: &'static str, title: &'static str, overlay: &'static str) -> Draft {
        Draft {
            meta: StepMeta {
                needs: files::render_needs(),
                after: vec!["gitops.clone"],
                ..StepMeta::new(id, title, Phase::Generate)
            },
            repository: self.site.repository(),
            from_skeleton: self.site.begins_with_skeleton(),
            kustomize: self.site.tools.kustomize.clone(),
            overlay,
            files: vec![
                Arc::new(self.s3proxy_config()),
                Arc::new(self.binding()),
                Arc::new(self.credentials()),
                Arc::new(self.overlay()),
                Arc::new(self.configvars_patch()),
            ],
        }
    }

    /// The managed identity, what it may do, and what the cluster needs to let Pods become it.
    pub(super) fn identity_steps(&self) -> Vec<Arc<dyn Step>> {
        let (azure, identity) = (&self.azure, &self.identity);
        let mut steps: Vec<Arc<dyn Step>> = vec![
            Arc::new(StorageAccount {
                azure: azure.clone(),
                identity: identity.clone(),
                creates: self.site.answers.is_yes(CREATE),
            }),
            Arc::new(ManagedIdentity {
                azure: azure.clone(),
                identity: identity.clone(),
            }),
            Arc::new(RoleAssignment::of_data(azure.clone(), identity.clone())),
        ];
        if identity.method == Method::WorkloadIdentity {
            steps.push(Arc::new(WorkloadIdentity {
                azure: azure.clone(),
                identity: identity.clone(),
                enables: self.site.answers.is_yes(ENABLE),
            }));
        }
        steps
    }

    /// What somebody with rights can do to let the Pods become the identity.
    pub(super) fn opened_by_others(&self) -> Arc<dyn Step> {
        let (azure, identity) = (self.azure.clone(), self.identity.clone());
        match identity.method {
            Method::WorkloadIdentity => Arc::new(FederatedCredential { azure, identity }),
            Method::PodIdentity => Arc::new(RoleAssignment::of_operator(azure, identity)),
        }
    }

    fn cloudidentity(&self) -> Vec<Arc<dyn Step>> {
        let mut steps = self.identity_steps();
        steps.push(Arc::new(self.rendered(
            StepMeta {
                needs: files::choice_needs(),
                gives: vec![files::ENV_WRITTEN.name(), files::ENV_COMMIT.name()],
                after: vec![
                    "azure.storage-account",
                    "azure.role-assignment",
                    "azure.workload-identity",
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
        steps.push(Arc::new(Tag {
            meta: StepMeta {
                needs: vec![files::ENV_COMMIT.name()],
                gives: vec![files::IDENTITY_TAG.name()],
                after: vec!["gitops.env"],
                ..StepMeta::new("gitops.tag-cloudidentity", "Progress tag", Phase::Generate)
            },
            repository: self.site.repository(),
            release: self.site.answers.text("rok_release"),
            task: CLOUDIDENTITY.name,
            message: "Create Cloud Identity",
            commits: &files::IDENTITY_COMMITS,
            gives: &files::IDENTITY_TAG,
        }));
        steps
    }

    /// What lets the Pods be the identity.
    fn admission(&self) -> Vec<Arc<dyn Step>> {
        let identity = self.identity.clone();
        let last: Arc<dyn Step> = match identity.method {
            Method::WorkloadIdentity => Arc::new(AnnotatedAccount {
                access: self.site.access(),
                identity,
            }),
            Method::PodIdentity => Arc::new(PodIdentity {
                azure: self.azure.clone(),
                identity,
            }),
        };
        let judged = Arc::new(Admission {
            azure: self.azure.clone(),
            identity: self.identity.clone(),
        });
        vec![self.opened_by_others(), last, judged]
    }

    fn objectstorage(&self) -> Vec<Arc<dyn Step>> {
        let mut steps: Vec<Arc<dyn Step>> = vec![Arc::new(Namespaces {
            access: self.site.access(),
            names: self.site.namespaces(),
        })];
        steps.extend(self.admission());
        steps.extend(self.manifests());
        steps.push(Arc::new(self.rendered(
            StepMeta {
                needs: files::render_needs(),
                gives: vec![files::VERIFY_WRITTEN.name(), files::VERIFY_COMMIT.name()],
                after: vec!["rok.configvars-patch"],
                ..StepMeta::new("rok.verify-manifests", "Pod of the proof", Phase::Generate)
            },
            files::VERIFY_FILES,
            &files::VERIFY_WRITTEN,
            Some(CommitSpec {
                message: "Configure Pod to verify storage access",
                also: &[],
                gives: &files::VERIFY_COMMIT,
            }),
        )));
        steps.push(Arc::new(Tag {
            meta: StepMeta {
                needs: vec![files::MANIFESTS_COMMIT.name(), files::VERIFY_COMMIT.name()],
                gives: vec![files::STORAGE_TAG.name()],
                after: vec!["rok.configvars-patch", "rok.verify-manifests"],
                ..StepMeta::new("gitops.tag-objectstorage", "Progress tag", Phase::Generate)
            },
            repository: self.site.repository(),
            release: self.site.answers.text("rok_release"),
            task: OBJECTSTORAGE.name,
            message: "Configure Azure Blob Storage access for Rok",
            commits: &files::STORAGE_COMMITS,
            gives: &files::STORAGE_TAG,
        }));
        steps.push(Arc::new(Push {
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
        }));
        steps
    }

    /// What S3Proxy and Rok need to know, as one commit.
    fn manifests(&self) -> Vec<Arc<dyn Step>> {
        vec![
            Arc::new(self.s3proxy_config()),
            Arc::new(self.binding()),
            Arc::new(self.credentials()),
            Arc::new(self.overlay()),
            Arc::new(self.configvars_patch()),
        ]
    }

    fn s3proxy_config(&self) -> Rendered {
        self.rendered(
            StepMeta {
                needs: files::render_needs(),
                gives: vec![files::CONFIG_WRITTEN.name()],
                after: vec!["gitops.env"],
                ..StepMeta::new(
                    "rok.s3proxy-config",
                    "S3Proxy's storage account",
                    Phase::Generate,
                )
            },
            files::CONFIG_FILES,
            &files::CONFIG_WRITTEN,
            None,
        )
    }

    fn binding(&self) -> Edited {
        let title = match self.identity.method {
            Method::WorkloadIdentity => "S3Proxy's service account",
            Method::PodIdentity => "S3Proxy's Pod identity",
        };
        self.edited(
            StepMeta::new("rok.s3proxy-binding", title, Phase::Generate),
            BINDING_FILES,
            edits::binding(&self.identity),
            &files::BINDING_WRITTEN,
        )
    }

    fn credentials(&self) -> S3ProxyCredentials {
        S3ProxyCredentials {
            meta: StepMeta {
                needs: vec![BRANCH.name()],
                gives: vec![files::CREDENTIALS_WRITTEN.name()],
                after: vec!["gitops.env"],
                ..StepMeta::new(
                    "rok.s3proxy-credentials",
                    "Credentials of S3Proxy",
                    Phase::Generate,
                )
            },
            repository: self.site.repository(),
            vault: self.site.tools.vault.clone(),
            vars: ConfigVars::of(&self.site.answers.text("configvars_keys")),
            keeping: self.keeping(),
            gives: &files::CREDENTIALS_WRITTEN,
        }
    }

    fn keeping(&self) -> Keeping {
        Keeping::of(&self.site.answers.text("s3proxy_secrets"))
    }

    fn overlay(&self) -> Edited {
        let title = "Parent of Rok's overlay";
        self.edited(
            StepMeta::new("rok.cluster-overlay", title, Phase::Generate),
            OVERLAY_FILES,
            edits::overlay(self.keeping()),
            &files::OVERLAY_WRITTEN,
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
                after: files::MANIFESTS.iter().map(|(step, _)| *step).collect(),
                ..StepMeta::new(
                    "rok.configvars-patch",
                    "Rok's bucket prefix",
                    Phase::Generate,
                )
            },
            files::CONFIGVARS_FILES,
            &files::CONFIGVARS_WRITTEN,
            Some(CommitSpec {
                message: "Configure Azure Blob Storage access for Rok",
                also: &files::MANIFESTS,
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
        Rendered {
            meta,
            repository: self.site.repository(),
            files,
            variables: files::variables(
                &self.site.answers,
                &self.identity,
                &self.azure.cloud().storage_suffix,
            ),
            gives,
            text: None,
            commit,
        }
    }

    fn edited(
        &self,
        meta: StepMeta,
        files: &'static [&'static str],
        edit: Edit,
        gives: &'static FactKey<Written>,
    ) -> Edited {
        Edited {
            meta: StepMeta {
                needs: vec![BRANCH.name()],
                gives: vec![gives.name()],
                after: vec!["gitops.env"],
                ..meta
            },
            repository: self.site.repository(),
            files,
            edit,
            gives,
        }
    }
}

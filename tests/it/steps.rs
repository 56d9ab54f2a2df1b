//! Steps against the practice cloud: the real clients over real HTTP, and a world to break.

mod adoption;
mod identity;
mod lease;
mod overlap;
mod proofs;
mod removal;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use rok_deploy::clients::aws::{Aws, AwsSettings};
use rok_deploy::clients::cluster::ClusterSettings;
use rok_deploy::clients::templates::Renderer;
use rok_deploy::clients::wire::WireLog;
use rok_deploy::engine::{Context, ErrorKind, Facts, Finding, Observation, Step, StepError};
use rok_deploy::sandbox::aws::AwsState;
use rok_deploy::sandbox::aws::lagged::Lagged;
use rok_deploy::sandbox::{Conduct, Options, Sandbox};
use rok_deploy::steps::aws::{
    Caller, Cluster, Decisions, IamPolicy, IamRole, Identity, OidcProvider, Ownership,
    PolicyAttachment, TagNames,
};
use rok_deploy::steps::cluster::ClusterAccess;
use rok_deploy::steps::proof::Workload;
use rok_deploy::steps::proof::aws::AwsGround;

const ACCOUNT: &str = "123451234512";
const REGION: &str = "us-west-2";
const CLUSTER: &str = "arrikto-cluster";
const ROLE: &str = "rok-us-west-2-arrikto-cluster";
const PREFIX: &str = "rok-123451234512-us-west-2-arrikto-cluster";
const SUBJECT: &str = "system:serviceaccount:rok:rok";

/// A practice cloud of its own for each test, and the facts of its account and cluster.
struct Practice {
    sandbox: Sandbox,
    aws: Aws,
    facts: Facts,
    folder: tempfile::TempDir,
}

impl Practice {
    async fn new() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = Options {
            directory: folder.path().join("sandbox"),
            skeleton: Vec::new(),
            fresh: false,
            conduct: Conduct::default(),
            faults: None,
        };
        let sandbox = Sandbox::open(options).await.expect("the practice cloud");
        let variable = |name: &str| sandbox.environment()[name].clone();
        let key = variable("AWS_ACCESS_KEY_ID");
        let aws = connect(&sandbox, &key, &variable("AWS_SECRET_ACCESS_KEY")).await;
        let mut practice = Self {
            sandbox,
            aws,
            facts: Facts::default(),
            folder,
        };
        let caller = practice.look(&practice.caller()).await.facts;
        practice.facts.merge(&caller);
        let cluster = practice.look(&practice.cluster()).await.facts;
        practice.facts.merge(&cluster);
        practice
    }

    /// A user without a single right.
    async fn weak(&self) -> Aws {
        self.change(|state| state.add_user("weak", "AKIAWEAKWEAKWEAKWEAK", "weak-secret", &[]));
        connect(&self.sandbox, "AKIAWEAKWEAKWEAKWEAK", "weak-secret").await
    }

    fn change<R>(&self, change: impl FnOnce(&mut AwsState) -> R) -> R {
        let store = self.sandbox.aws().expect("this process serves").state();
        let Ok(result) = store
            .write(|state| Ok::<_, Infallible>(change(state)))
            .expect("the world is writable");
        result
    }

    /// The writes that AWS has answered so far.
    fn writes(&self) -> usize {
        let server = self.sandbox.aws().expect("this process serves");
        server.requests().iter().filter(|line| line.write).count()
    }

    fn access(&self) -> ClusterAccess {
        let settings = ClusterSettings {
            kubeconfig: Some(PathBuf::from(&self.sandbox.environment()["KUBECONFIG"])),
            context: None,
        };
        ClusterAccess::new(settings, WireLog::new())
    }

    /// The workload of the documented names, with its manifests rendered.
    fn ground(&self) -> AwsGround {
        let clone = self.folder.path().join("clone");
        let variables = [
            ("AWS_ACCOUNT_ID", ACCOUNT),
            ("AWS_S3_ROLE", ROLE),
            ("ROK_CLUSTER_NAME", "rok"),
            ("ROK_CLUSTER_NAMESPACE", "rok"),
            ("AWS_S3_BUCKET_PREFIX", PREFIX),
            ("EKS_CLUSTER_OIDC", "oidc"),
            ("AWS_DEFAULT_REGION", REGION),
        ];
        let variables: BTreeMap<_, _> = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for name in [
            "rok/rok-test/rok-verify-service-account-eks.yaml",
            "rok/rok-test/rok-verify-storage-access-eks.yaml",
        ] {
            let template = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("templates/gitops")
                .join(format!("{name}.j2"));
            let source = fs::read_to_string(template).expect("the skeleton has it");
            let text = Renderer::new().render(name, &source, &variables);
            let path = clone.join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("it is writable");
            fs::write(path, text.expect("it renders")).expect("it is writable");
        }
        AwsGround {
            workload: Workload {
                access: self.access(),
                namespace: "rok".into(),
                name: "rok".into(),
                clone,
            },
            aws: self.aws.clone(),
            profile: None,
            region: REGION.into(),
            cluster: CLUSTER.into(),
            role: ROLE.into(),
            prefix: PREFIX.into(),
        }
    }

    async fn look(&self, step: &dyn Step) -> Observation {
        self.try_look(step, &[])
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", step.meta().id))
    }

    /// Looks in a run in which these steps have acted.
    async fn try_look(&self, step: &dyn Step, acted: &[&str]) -> Result<Observation, StepError> {
        step.check(&self.facts, &context(acted)).await
    }

    async fn refusal(&self, step: &dyn Step) -> StepError {
        match self.try_look(step, &[]).await {
            Err(error) => error,
            Ok(seen) => panic!("{} saw {seen:?}", step.meta().id),
        }
    }

    async fn act(&self, step: &dyn Step) -> Result<(), StepError> {
        step.apply(&self.facts, &context(&[])).await
    }

    /// Makes it so, sees it, and keeps the facts.
    async fn make(&mut self, step: &dyn Step) {
        let before = self.look(step).await;
        assert!(is_differing(&before), "{}: {before:?}", step.meta().id);
        self.act(step).await.expect("the step acts");
        let after = self.look(step).await;
        assert!(is_satisfied(&after), "{}: {after:?}", step.meta().id);
        for fact in before.facts.iter() {
            assert_eq!(
                after.facts.value(fact.0),
                Some(fact.1),
                "as it was foreseen"
            );
        }
        self.facts.merge(&after.facts);
    }

    /// Provider, policy, role and attachment.
    async fn with_identity(mut self) -> Self {
        let (provider, policy, role) = (self.provider(), self.policy(), self.role());
        self.make(&provider).await;
        self.make(&policy).await;
        self.make(&role).await;
        let attachment = self.attachment();
        self.make(&attachment).await;
        self
    }

    fn caller(&self) -> Caller {
        Caller {
            aws: self.aws.clone(),
            account: ACCOUNT.into(),
            region: REGION.into(),
        }
    }

    fn cluster(&self) -> Cluster {
        Cluster {
            aws: self.aws.clone(),
            name: CLUSTER.into(),
            region: REGION.into(),
            issuer: None,
            accepts_other_server: false,
        }
    }

    fn provider(&self) -> OidcProvider {
        OidcProvider {
            aws: self.aws.clone(),
            identity: identity(),
        }
    }

    fn policy(&self) -> IamPolicy {
        IamPolicy {
            aws: self.aws.clone(),
            identity: identity(),
        }
    }

    fn role(&self) -> IamRole {
        IamRole {
            aws: self.aws.clone(),
            identity: identity(),
        }
    }

    fn attachment(&self) -> PolicyAttachment {
        PolicyAttachment {
            aws: self.aws.clone(),
            identity: identity(),
        }
    }
}

fn policy_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{ROLE}")
}

async fn connect(sandbox: &Sandbox, key: &str, secret: &str) -> Aws {
    let settings = AwsSettings {
        region: Some(REGION.into()),
        endpoint_url: sandbox.environment().get("AWS_ENDPOINT_URL").cloned(),
        static_credentials: Some((key.to_owned(), secret.to_owned())),
        ..AwsSettings::default()
    };
    Aws::connect(&settings, WireLog::new())
        .await
        .expect("clients are made without asking anybody")
}

fn identity() -> Identity {
    Identity {
        role: ROLE.into(),
        path: "/".into(),
        boundary: None,
        subject: SUBJECT.into(),
        prefix: PREFIX.into(),
        stack: ROLE.into(),
        ownership: Ownership {
            cluster: CLUSTER.into(),
            recipe: "rok-eks".into(),
            cloud: TagNames::Aws,
        },
        adopt: Decisions::default(),
    }
}

/// The same identity with another prefix.
fn with_prefix(prefix: &str) -> Identity {
    Identity {
        prefix: prefix.into(),
        ..identity()
    }
}

fn context(acted: &[&str]) -> Context {
    Context {
        run: "20240501T100000Z-abcd".into(),
        acted: acted
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>(),
        planning: false,
        handed_off: false,
    }
}

fn is_satisfied(seen: &Observation) -> bool {
    matches!(seen.finding, Finding::Satisfied { .. })
}

fn is_differing(seen: &Observation) -> bool {
    matches!(seen.finding, Finding::Differs { .. })
}

fn is_conflict(seen: &Observation) -> bool {
    matches!(seen.finding, Finding::Conflict { .. })
}

/// The sentences of the changes.
fn changes(seen: &Observation) -> Vec<String> {
    match &seen.finding {
        Finding::Differs { changes } | Finding::Conflict { changes, .. } => changes
            .iter()
            .map(rok_deploy::engine::Change::sentence)
            .collect(),
        _ => Vec::new(),
    }
}

fn tags_of(cluster: &str) -> BTreeMap<String, String> {
    Ownership {
        cluster: cluster.into(),
        recipe: "rok-eks".into(),
        cloud: TagNames::Aws,
    }
    .tags("r0")
}

fn settled<T: Clone>(value: T) -> Lagged<T> {
    Lagged::settled(value)
}

fn assert_permission(error: &StepError, operation: &str) {
    assert_eq!(error.kind, ErrorKind::Permission, "{error:?}");
    let all = format!("{} {}", error.message, error.hints.join(" "));
    assert!(all.contains(operation), "{all}");
}

//! The atlas against the practice cloud, where real refusals come from, and against recorded texts.

mod azure;
mod chain;
mod identity;
mod permissions;
mod pods;
mod texts;
mod written;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::{AwsProber, Diagnosis, Place, Prober, Symptom};
use crate::clients::aws::{Aws, AwsSettings, NewPolicy, NewRole};
use crate::clients::cluster::{Cluster, ClusterSettings};
use crate::clients::wire::WireLog;
use crate::engine::{Chain, ChainKind, Link, LinkState};
use crate::sandbox::aws::AwsState;
use crate::sandbox::aws::lagged::Lagged;
use crate::sandbox::{Conduct, Lag, Options, Sandbox};
use crate::steps::aws::policy::bucket_policy;
use crate::steps::cluster::ClusterAccess;

const ACCOUNT: &str = "123451234512";
const ROLE: &str = "rok-us-west-2-arrikto-cluster";
const PREFIX: &str = "rok-123451234512-us-west-2-arrikto-cluster";
const ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// A practice cloud with everything in place, and a world to break.
struct Practice {
    sandbox: Sandbox,
    prober: AwsProber,
    _folder: tempfile::TempDir,
}

impl Practice {
    async fn new() -> Self {
        Self::with_lag(Duration::ZERO).await
    }

    async fn with_lag(lag: Duration) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            directory: folder.path().join("sandbox"),
            skeleton: Vec::new(),
            fresh: false,
            conduct: Conduct {
                lag: Lag::of(lag),
                ..Conduct::default()
            },
            faults: None,
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let of = |name: &str| sandbox.environment()[name].clone();
        let aws = connect(
            &sandbox,
            &of("AWS_ACCESS_KEY_ID"),
            &of("AWS_SECRET_ACCESS_KEY"),
        )
        .await;
        let issuer = aws
            .cluster("arrikto-cluster")
            .await
            .unwrap()
            .unwrap()
            .issuer;
        let settings = ClusterSettings {
            kubeconfig: Some(PathBuf::from(of("KUBECONFIG"))),
            context: None,
        };
        let place = Place {
            region: "us-west-2".into(),
            account: ACCOUNT.into(),
            partition: "aws".into(),
            profile: Some("ops".into()),
            cluster: "arrikto-cluster".into(),
            context: Some("practice".into()),
            namespace: "rok".into(),
            service_account: "rok".into(),
            role: ROLE.into(),
            role_arn: role_arn(),
            policy_arn: Some(policy_arn()),
            issuer: issuer.unwrap().trim_start_matches("https://").into(),
            prefix: PREFIX.into(),
            run: "20240501T100000Z-abcd".into(),
            pod: "rok-verify-storage-access".into(),
            clone: "/ops/deployments".into(),
            ..Place::default()
        };
        let prober = AwsProber {
            aws,
            access: Some(ClusterAccess::new(settings, WireLog::new())),
            place,
        };
        let practice = Self {
            sandbox,
            prober,
            _folder: folder,
        };
        practice.make_identity().await;
        practice
    }

    async fn make_identity(&self) {
        let AwsProber { aws, place, .. } = &self.prober;
        let url = format!("https://{}", place.issuer);
        aws.create_oidc_provider(&url, &["sts.amazonaws.com"], &BTreeMap::new())
            .await
            .unwrap();
        let policy = NewPolicy {
            name: ROLE.into(),
            path: "/".into(),
            document: bucket_policy("aws", PREFIX).to_string(),
            description: None,
            tags: BTreeMap::new(),
        };
        let policy = aws.create_policy(policy).await.unwrap();
        let role = NewRole {
            name: ROLE.into(),
            path: "/".into(),
            trust_policy: place.admission().trust_policy().to_string(),
            permissions_boundary: None,
            description: None,
            tags: BTreeMap::new(),
        };
        aws.create_role(role).await.unwrap();
        aws.attach_role_policy(ROLE, &policy.arn).await.unwrap();
        let cluster = self.cluster().await;
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "rok" } });
        cluster.create(&namespace).await.unwrap();
        self.annotate(Some(&role_arn())).await;
    }

    async fn cluster(&self) -> Cluster {
        let access = self.prober.access.as_ref().unwrap();
        access.client().await.unwrap().clone()
    }

    /// Makes the service account anew, with this role.
    async fn annotate(&self, role: Option<&str>) {
        let cluster = self.cluster().await;
        let mut account = account();
        cluster.delete(&account).await.unwrap();
        if let Some(role) = role {
            account["metadata"]["annotations"][ANNOTATION] = role.into();
        }
        cluster.apply(&account, "test").await.unwrap();
    }

    fn change<R>(&self, change: impl FnOnce(&mut AwsState) -> R) -> R {
        let store = self.sandbox.aws().unwrap().state();
        let Ok(result) = store
            .write(|state| Ok::<_, Infallible>(change(state)))
            .unwrap();
        result
    }

    fn role<R>(&self, change: impl FnOnce(&mut crate::sandbox::aws::state::Role) -> R) -> R {
        self.change(|state| change(state.roles.get_mut(ROLE).unwrap()))
    }

    /// Changes the trust policy.
    fn retrust(&self, change: impl FnOnce(&mut Value)) {
        self.role(|role| {
            let mut document = serde_json::from_str(&role.trust.current).unwrap();
            change(&mut document);
            role.trust = Lagged::settled(document.to_string());
        });
    }

    /// Gives the role one policy of its own in place of all others.
    fn permit(&self, document: &Value) {
        self.role(|role| {
            role.grants.attached.clear();
            let document = Lagged::settled(document.to_string());
            role.grants.inline.insert("own".into(), document);
        });
    }

    /// What the cloud says to a token of the service account; none when it says yes.
    async fn symptom(&self) -> Option<Symptom> {
        let AwsProber { aws, place, .. } = &self.prober;
        let token = self
            .cluster()
            .await
            .request_token("rok", "rok", place.audience(), 600)
            .await
            .unwrap();
        let assumed = aws
            .assume_role_with_web_identity(&place.role_arn, "test", token.secret.expose())
            .await;
        let session = match assumed {
            Ok(session) => session,
            Err(error) => return Some(Symptom::from(&error)),
        };
        let bucket = place.probe_bucket();
        match aws.list_object_versions(&bucket, Some(&session)).await {
            Ok(_) => None,
            Err(error) if error.code.as_deref() == Some("NoSuchBucket") => None,
            Err(error) => Some(Symptom::from(&error)),
        }
    }

    /// Sees what goes wrong and finds out why. Whatever was changed in this run, a cause that is
    /// there to be seen is not waited for.
    async fn diagnosis(&self) -> (Diagnosis, Chain) {
        let symptom = self.symptom().await.expect("something is wrong");
        let (diagnosis, chain) = self.prober.diagnose(&symptom, true).await;
        assert!(!diagnosis.not_yet, "{diagnosis:?}");
        let told_later = self.prober.diagnose(&symptom, false).await.0;
        assert_eq!(told_later, diagnosis);
        (diagnosis, chain)
    }

    /// The same, for a cause that breaks one link.
    async fn broken(&self, cause: &str, link: Link) -> Diagnosis {
        let (diagnosis, chain) = self.diagnosis().await;
        assert_eq!(diagnosis.cause_id, Some(cause), "{diagnosis:?}");
        assert_eq!(diagnosis.link, Some(link));
        let found = &chain[link];
        assert_eq!(found.state, LinkState::Broken, "{chain:?}");
        diagnosis
    }

    /// A prober with a user's rights.
    async fn as_user(&self, policies: &[&str]) -> AwsProber {
        self.change(|state| {
            state.add_user("weak", "AKIAWEAKWEAKWEAKWEAK", "weak-secret", policies);
        });
        AwsProber {
            aws: connect(&self.sandbox, "AKIAWEAKWEAKWEAKWEAK", "weak-secret").await,
            access: self.prober.access.clone(),
            place: self.prober.place.clone(),
        }
    }
}

async fn connect(sandbox: &Sandbox, key: &str, secret: &str) -> Aws {
    let settings = AwsSettings {
        region: Some("us-west-2".into()),
        endpoint_url: sandbox.environment().get("AWS_ENDPOINT_URL").cloned(),
        static_credentials: Some((key.to_owned(), secret.to_owned())),
        ..AwsSettings::default()
    };
    Aws::connect(&settings, WireLog::new()).await.unwrap()
}

fn account() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": "rok", "namespace": "rok" },
    })
}

fn role_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")
}

fn policy_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{ROLE}")
}

/// The remedies hold this command, word by word.
fn assert_remedy(diagnosis: &Diagnosis, command: &str) {
    let quoted = format!("`{command}`");
    assert!(
        diagnosis
            .remedies
            .iter()
            .any(|remedy| remedy.contains(&quoted)),
        "{command}\n{:#?}",
        diagnosis.remedies
    );
}

fn all(state: LinkState) -> Vec<(Link, LinkState)> {
    let links = ChainKind::IamRole.links().iter();
    links.map(|link| (*link, state)).collect()
}

fn states(chain: &Chain) -> Vec<(Link, LinkState)> {
    chain.links.iter().map(|it| (it.link, it.state)).collect()
}

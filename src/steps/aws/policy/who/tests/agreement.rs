//! The evaluator against the practice cloud, which has one of its own: real tokens of its cluster
//! are traded in, under policies that both are given.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::{Token, admitted};
use super::random::Universe;
use super::token;
use crate::clients::aws::{Aws, AwsSettings, NewRole};
use crate::clients::cluster::ClusterSettings;
use crate::clients::wire::WireLog;
use crate::sandbox::aws::lagged::Lagged;
use crate::sandbox::{Conduct, Options, Sandbox};
use crate::steps::aws::policy::Admission;
use crate::steps::cluster::ClusterAccess;

const ROLE: &str = "judged";
const POLICIES: usize = 120;
const ACCOUNTS: [(&str, &str); 3] = [("rok", "rok"), ("rok", "other"), ("default", "rok")];
const AUDIENCES: [&str; 2] = ["sts.amazonaws.com", "x"];

/// A practice cloud with a role, and tokens of its cluster with what they say.
struct Practice {
    sandbox: Sandbox,
    aws: Aws,
    issuer: String,
    provider: String,
    tokens: Vec<(Token, String)>,
    _folder: tempfile::TempDir,
}

impl Practice {
    async fn new() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            directory: folder.path().join("sandbox"),
            skeleton: Vec::new(),
            fresh: false,
            conduct: Conduct::default(),
            faults: None,
        };
        let sandbox = Sandbox::open(options).await.unwrap();
        let of = |name: &str| sandbox.environment()[name].clone();
        let settings = AwsSettings {
            region: Some("us-west-2".into()),
            endpoint_url: Some(of("AWS_ENDPOINT_URL")),
            static_credentials: Some((of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"))),
            ..AwsSettings::default()
        };
        let aws = Aws::connect(&settings, WireLog::new()).await.unwrap();
        let cluster = aws.cluster("arrikto-cluster").await.unwrap().unwrap();
        let url = cluster.issuer.unwrap();
        let provider = aws
            .create_oidc_provider(&url, &AUDIENCES, &BTreeMap::new())
            .await
            .unwrap();
        let issuer = url.trim_start_matches("https://").to_owned();
        let admission = Admission {
            provider: provider.clone(),
            issuer: issuer.clone(),
            subject: "system:serviceaccount:rok:rok".into(),
        };
        let role = NewRole {
            name: ROLE.into(),
            path: "/".into(),
            trust_policy: admission.trust_policy().to_string(),
            permissions_boundary: None,
            description: None,
            tags: BTreeMap::new(),
        };
        aws.create_role(role).await.unwrap();
        let kubeconfig = ClusterSettings {
            kubeconfig: Some(PathBuf::from(of("KUBECONFIG"))),
            context: None,
        };
        let tokens = tokens(&ClusterAccess::new(kubeconfig, WireLog::new()), &provider).await;
        Self {
            sandbox,
            aws,
            issuer,
            provider,
            tokens,
            _folder: folder,
        }
    }

    fn trust(&self, document: &Value) {
        let store = self.sandbox.aws().unwrap().state();
        let trust = Lagged::settled(document.to_string());
        store
            .write(|state| {
                state.roles.get_mut(ROLE).unwrap().trust = trust;
                Ok::<_, Infallible>(())
            })
            .unwrap()
            .unwrap();
    }

    /// Whether STS takes the token.
    async fn takes(&self, token: &str) -> bool {
        let role = format!("arn:aws:iam::123451234512:role/{ROLE}");
        match self
            .aws
            .assume_role_with_web_identity(&role, "test", token)
            .await
        {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code.as_deref(), Some("AccessDenied"), "{error}");
                false
            }
        }
    }
}

/// A token for each account and each audience.
async fn tokens(access: &ClusterAccess, provider: &str) -> Vec<(Token, String)> {
    let cluster = access.client().await.unwrap();
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "rok" } });
    cluster.create(&namespace).await.unwrap();
    let mut tokens = Vec::new();
    for (namespace, name) in ACCOUNTS {
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": name, "namespace": namespace },
        });
        cluster.apply(&account, "test").await.unwrap();
        for audience in AUDIENCES {
            let real = cluster
                .request_token(namespace, name, audience, 3600)
                .await
                .unwrap();
            let subject = format!("system:serviceaccount:{namespace}:{name}");
            let said = token(provider, &[("sub", &[&subject]), ("aud", &[audience])]);
            tokens.push((said, real.secret.expose().to_owned()));
        }
    }
    tokens
}

#[tokio::test]
async fn the_practice_cloud_takes_exactly_the_tokens_that_are_let_in() {
    let practice = Practice::new().await;
    let other = "oidc.example/id/2";
    let universe = Universe {
        providers: [
            practice.provider.clone(),
            format!("arn:aws:iam::123451234512:oidc-provider/{other}"),
        ],
        issuers: [practice.issuer.clone(), other.into()],
        subjects: Vec::new(),
        audiences: Vec::new(),
        with_unknown: false,
    };
    let (mut rng, mut taken) = (Rng::with_seed(5), 0);
    for _ in 0..POLICIES {
        let document = universe.policy(&mut rng).written(&mut rng);
        let admitted = admitted(&document);
        practice.trust(&document);
        for (said, real) in &practice.tokens {
            let is_let_in = practice.takes(real).await;
            assert_eq!(is_let_in, admitted.admits(said), "{said:?}\n{document:#}");
            taken += usize::from(is_let_in);
        }
    }
    let asked = POLICIES * practice.tokens.len();
    println!("{POLICIES} policies, {asked} tokens shown, {taken} taken");
    assert!(taken > asked / 20, "{taken} of {asked}");
}

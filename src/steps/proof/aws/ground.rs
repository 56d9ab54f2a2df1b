//! The workload and its role on AWS.

use async_trait::async_trait;

use super::storage_access::SESSION;
use crate::clients::aws::Aws;
use crate::engine::{Chain, ChainKind, Context, Facts, Link, LinkState, StepError};
use crate::steps::atlas::{AwsProber, Place, Prober, ROLE_ANNOTATION, ROLE_WEBHOOK, Symptom};
use crate::steps::aws::policy::AUDIENCE;
use crate::steps::aws::{ACCOUNT, ISSUER, PARTITION, POLICY_ARN, ROLE_ARN};
use crate::steps::cluster::CLUSTER_UID;
use crate::steps::names;
use crate::steps::proof::claims::Expected;
use crate::steps::proof::ground::Ground;
use crate::steps::proof::injection::Injection;
use crate::steps::proof::probe::{Probe, Question, TestPod, words};
use crate::steps::proof::workload::{POD, Workload};

/// The questions in the Pod, by their containers.
pub(super) const CLAIMS: &str = "claims";
pub(super) const CALLER: &str = "caller";
pub(super) const LIST: &str = "list";

/// Where the webhook has the token mounted.
pub(in crate::steps::proof) const TOKEN_FILE: &str =
    "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";

/// The workload, its role and the account that it is in.
#[derive(Clone)]
pub struct AwsGround {
    /// The workload.
    pub workload: Workload,
    /// The account.
    pub aws: Aws,
    /// The operator's AWS profile, when one was chosen.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
    /// The EKS cluster's name.
    pub cluster: String,
    /// The role's name.
    pub role: String,
    /// The bucket prefix.
    pub prefix: String,
}

#[async_trait]
impl Ground for AwsGround {
    fn workload(&self) -> &Workload {
        &self.workload
    }

    fn area(&self) -> &'static str {
        "aws."
    }

    fn needs(&self) -> Vec<&'static str> {
        vec![
            CLUSTER_UID.name(),
            ACCOUNT.name(),
            PARTITION.name(),
            ROLE_ARN.name(),
            ISSUER.name(),
        ]
    }

    fn test_pod(&self) -> TestPod {
        let Workload {
            name, namespace, ..
        } = &self.workload;
        let bucket = names::probe_bucket(&self.prefix);
        TestPod {
            title: "Test Pod runs and holds the role",
            manifest: "rok/rok-test/rok-verify-storage-access-eks.yaml",
            after: "rok.storage-access",
            proven: Some(SESSION.name()),
            holds: "role, token file and volume are injected",
            odd: format!(
                "unless it is meant so, remove the annotations that change it: `kubectl annotate serviceaccount {name} -n {namespace} eks.amazonaws.com/audience- eks.amazonaws.com/token-expiration-`"
            ),
            questions: vec![
                // The payload of the token. Its signature stays in the Pod, so that nobody can use it.
                Question::new(CLAIMS, &["cut", "-d.", "-f2", TOKEN_FILE]),
                // Who AWS takes the Pod for.
                Question::new(
                    CALLER,
                    &["aws", "sts", "get-caller-identity", "--output", "json"],
                ),
                // Whether S3 answers.
                Question::new(
                    LIST,
                    &[
                        "aws",
                        "s3api",
                        "list-object-versions",
                        "--bucket",
                        &bucket,
                        "--max-items",
                        "1",
                        "--output",
                        "json",
                    ],
                ),
            ],
            heard: Symptom::of_aws_cli,
        }
    }

    fn faults(&self, probe: &Probe, facts: &Facts) -> Result<Vec<String>, StepError> {
        Ok(injection(facts.get(&ROLE_ARN)?).faults(probe))
    }

    fn prober(&self, facts: &Facts, context: &Context) -> Result<Box<dyn Prober>, StepError> {
        let policy_arn = if facts.has(POLICY_ARN.name()) {
            Some(facts.get(&POLICY_ARN)?)
        } else {
            None
        };
        let Workload {
            access,
            namespace,
            name,
            clone,
        } = &self.workload;
        Ok(Box::new(AwsProber {
            aws: self.aws.clone(),
            access: Some(access.clone()),
            place: Place {
                region: self.region.clone(),
                account: facts.get(&ACCOUNT)?,
                partition: facts.get(&PARTITION)?,
                profile: self.profile.clone(),
                cluster: self.cluster.clone(),
                context: access.context().map(str::to_owned),
                namespace: namespace.clone(),
                service_account: name.clone(),
                role: self.role.clone(),
                role_arn: facts.get(&ROLE_ARN)?,
                policy_arn,
                issuer: facts.get(&ISSUER)?,
                prefix: self.prefix.clone(),
                run: context.run.clone(),
                pod: POD.into(),
                clone: clone.display().to_string(),
                ..Place::default()
            },
        }))
    }

    /// The token's way into a Pod is not proven.
    fn without_pod(&self, facts: &Facts, why: &str) -> Result<Chain, StepError> {
        let mut chain = self.proven(true, "", &facts.get(&SESSION)?, "answers without a Pod");
        let note = format!("no Pod holds it: {why}");
        chain.set(Link::Token, LinkState::Unknown, note);
        Ok(chain)
    }
}

impl AwsGround {
    /// Returns what a token of the workload has to say.
    pub(super) fn expected(&self, facts: &Facts) -> Result<Expected, StepError> {
        Ok(Expected {
            audience: AUDIENCE.into(),
            issuer: format!("https://{}", facts.get(&ISSUER)?),
            subject: self.workload.subject(),
            asks: "`aws eks describe-cluster --name CLUSTER --query cluster.identity.oidc.issuer` tells which one AWS expects".into(),
        })
    }

    /// Returns the chain that a session of the role and an answer of S3 prove; `how` tells
    /// whether a Pod stood at its beginning.
    pub(super) fn proven(&self, annotated: bool, how: &str, caller: &str, bucket: &str) -> Chain {
        let mut chain = Chain::unknown(ChainKind::IamRole, "");
        if annotated {
            let note = format!("{} names role {}", self.workload.place(), self.role);
            chain.set(Link::ServiceAccount, LinkState::Proven, note);
        } else {
            let note = format!(
                "{} has no annotation {ROLE_ANNOTATION} yet",
                self.workload.place()
            );
            chain.set(Link::ServiceAccount, LinkState::Unknown, note);
        }
        for (link, note) in [
            (Link::Token, how.to_owned()),
            (
                Link::Issuer,
                "the token comes from the cluster's own issuer".into(),
            ),
            (Link::Provider, "IAM accepted the token".into()),
            (
                Link::Trust,
                format!("the role lets {} in", self.workload.subject()),
            ),
            // The session's name stays out: it is another one each time.
            (Link::Role, became(caller)),
            (Link::Policy, "S3 let the role in".into()),
            (Link::Prefix, format!("{}*", self.prefix)),
            (Link::Bucket, bucket.to_owned()),
        ] {
            chain.set(link, LinkState::Proven, note);
        }
        chain
    }
}

/// Returns what a session's ARN says of its role.
fn became(caller: &str) -> String {
    let resource = caller.rsplit(':').next().unwrap_or(caller);
    match resource.rsplit_once('/') {
        Some((role, _session)) => format!("became {role}"),
        None => format!("became {resource}"),
    }
}

/// Says what S3 told of the probe bucket: whether it holds versions, or that it is not there.
pub(super) fn listed(bucket: &str, holds: Option<bool>) -> String {
    match holds {
        Some(true) => format!("lists `{bucket}`, which holds versions"),
        Some(false) => format!("lists `{bucket}`, which is empty"),
        None => format!("may list `{bucket}`, which does not exist yet"),
    }
}

/// What the webhook of EKS has to give.
pub(in crate::steps::proof) fn injection(role: String) -> Injection {
    Injection {
        webhook: &ROLE_WEBHOOK,
        variables: vec![
            ("AWS_ROLE_ARN", role),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", TOKEN_FILE.into()),
        ],
        volume: "aws-iam-token",
        audience: AUDIENCE.into(),
        seconds: 86_400,
        path: "token",
    }
}

/// Returns the command that makes the probe bucket, as documented.
pub(super) fn create_bucket(prefix: &str, region: &str) -> Vec<String> {
    let bucket = names::probe_bucket(prefix);
    let mut command = vec!["aws", "s3api", "create-bucket", "--bucket", &bucket];
    command.extend(["--region", region, "--output", "json"]);
    let constraint = format!("LocationConstraint={region}");
    // The one region that refuses to be named.
    if region != "us-east-1" {
        command.extend(["--create-bucket-configuration", &constraint]);
    }
    words(&command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn us_east_1_is_not_named_as_a_constraint() {
        let named = |words: &[String]| {
            words
                .iter()
                .any(|word| word.starts_with("LocationConstraint"))
        };
        assert!(named(&create_bucket("prefix", "us-west-2")));
        assert!(!named(&create_bucket("prefix", "us-east-1")));
    }
}

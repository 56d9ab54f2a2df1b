//! Where a proof stands: the names that causes and commands may speak of, and how a command is
//! written so that a shell takes it as it is meant.
//!
//! A text of the table names things as `{role}` or `{cluster}`. Within backticks a command gets
//! them quoted, and the options that lead to this account, region and context; what is not known
//! stands there in capitals, as in a manual.

use std::fmt::Write as _;

use super::symptom::Symptom;
use crate::clients::aws::partition_of_region;
use crate::steps::aws::policy::{AUDIENCE, Admission, bucket_policy};
use crate::steps::names;

/// What messages and commands may name. What is empty or `None` is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The AWS region.
    pub region: String,
    /// The AWS account's twelve digits.
    pub account: String,
    /// `aws`, `aws-cn` and so on.
    pub partition: String,
    /// The operator's AWS profile, when one was chosen.
    pub profile: Option<String>,
    /// The cluster's name.
    pub cluster: String,
    /// The kube context, when one was chosen.
    pub context: Option<String>,
    /// The service account's namespace.
    pub namespace: String,
    /// The service account's name.
    pub service_account: String,
    /// The role's name.
    pub role: String,
    /// The role's ARN, path and all.
    pub role_arn: String,
    /// The ARN of the managed policy that is ours to attach.
    pub policy_arn: Option<String>,
    /// The cluster's OIDC issuer: for AWS without `https://`, for Azure whole.
    pub issuer: String,
    /// The bucket prefix.
    pub prefix: String,
    /// The run's id.
    pub run: String,
    /// The test Pod's name.
    pub pod: String,
    /// The clone of the deployments repository.
    pub clone: String,
    /// What only Azure has.
    pub azure: AzurePlace,
}

/// The names of Azure. What is empty is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AzurePlace {
    /// The tenant's id.
    pub tenant: String,
    /// The audience of tokens that Entra exchanges.
    pub exchange_audience: String,
    /// The subscription's id.
    pub subscription: String,
    /// The resource group of cluster and identity.
    pub group: String,
    /// The resource group of the cluster's nodes.
    pub node_group: String,
    /// The object id of the identity that the cluster's control plane acts as.
    pub operator: String,
    /// The managed identity's name.
    pub identity: String,
    /// Its resource id.
    pub identity_id: String,
    /// Its client id.
    pub client_id: String,
    /// Its object id.
    pub principal: String,
    /// The name of its federated credential for the service account.
    pub credential: String,
    /// The name of the pod identity, of its `AzureIdentity`, and what its Pods are labelled with.
    pub pod_identity: String,
    /// The storage account's name.
    pub storage: String,
    /// Its resource id.
    pub storage_id: String,
    /// Where its blobs are.
    pub blob_endpoint: String,
}

impl AzurePlace {
    fn value(&self, name: &str) -> Option<&str> {
        Some(match name {
            "tenant" => &self.tenant,
            "exchange_audience" => &self.exchange_audience,
            "subscription" => &self.subscription,
            "group" => &self.group,
            "node_group" => &self.node_group,
            "operator" => &self.operator,
            "identity" => &self.identity,
            "identity_id" => &self.identity_id,
            "client_id" => &self.client_id,
            "principal" => &self.principal,
            "credential" => &self.credential,
            "pod_identity" => &self.pod_identity,
            "storage" => &self.storage,
            "storage_id" => &self.storage_id,
            _ => return None,
        })
    }
}

impl Place {
    /// Returns what a symptom tells of its own place.
    pub(super) fn told_by(symptom: &Symptom) -> Self {
        let around = &symptom.surroundings;
        let region = match &around.region {
            Some(region) => region,
            // Without one, our client asks the services that have no regions here.
            None if symptom.source.is_aws() => "us-east-1",
            None => return Self::default(),
        };
        Self {
            region: region.to_owned(),
            partition: partition_of_region(region).id.to_owned(),
            profile: around.profile.clone(),
            ..Self::default()
        }
    }

    /// Returns the audience that STS takes tokens for.
    pub fn audience(&self) -> &'static str {
        AUDIENCE
    }

    /// Returns the token's subject: `system:serviceaccount:<namespace>:<name>`.
    pub fn subject(&self) -> String {
        names::subject(&self.namespace, &self.service_account)
    }

    /// Returns the ARN of the account's OIDC provider for the issuer.
    pub fn provider_arn(&self) -> String {
        format!(
            "arn:{}:iam::{}:oidc-provider/{}",
            self.partition, self.account, self.issuer
        )
    }

    /// Returns the bucket whose answer proves access.
    pub fn probe_bucket(&self) -> String {
        names::probe_bucket(&self.prefix)
    }

    /// Returns whom the role has to let in.
    pub fn admission(&self) -> Admission {
        Admission {
            provider: self.provider_arn(),
            issuer: self.issuer.clone(),
            subject: self.subject(),
        }
    }

    /// Fills in a text of the table: this place's names, and what was found.
    pub(super) fn fill(&self, template: &str, found: &str) -> String {
        let mut text = String::with_capacity(template.len());
        for (index, span) in template.split('`').enumerate() {
            if index % 2 == 0 {
                text.push_str(&self.named(span, found, str::to_owned));
                continue;
            }
            text.push('`');
            if PROGRAMS.iter().any(|program| span.starts_with(program)) {
                text.push_str(&self.directed(&self.named(span, found, quoted)));
            } else {
                text.push_str(&self.named(span, found, str::to_owned));
            }
            text.push('`');
        }
        text
    }

    fn named(&self, span: &str, found: &str, written: impl Fn(&str) -> String) -> String {
        let mut text = String::with_capacity(span.len());
        let mut rest = span;
        while let Some((before, (name, after))) = rest
            .split_once('{')
            .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            text.push_str(before);
            let value = match name {
                // The same, named for what stands in its place when it is not known.
                "found" | "user" => Some(found.to_owned()),
                name => self.value(name),
            };
            match value.filter(|value| !value.is_empty()) {
                Some(value) => text.push_str(&written(&value)),
                None => text.push_str(&name.to_uppercase()),
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// Returns what a name of the table stands for; none for a name that it does not know.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let known = |parts: &[&str], value: String| {
            if parts.iter().any(|part| part.is_empty()) {
                String::new()
            } else {
                value
            }
        };
        Some(match name {
            "region" => self.region.clone(),
            "account" => self.account.clone(),
            "partition" => self.partition.clone(),
            "profile" => self.profile.clone().unwrap_or_else(|| "default".into()),
            "cluster" => self.cluster.clone(),
            "context" => self.context.clone().unwrap_or_default(),
            "namespace" => self.namespace.clone(),
            "service_account" => self.service_account.clone(),
            "role" => self.role.clone(),
            "role_arn" => self.role_arn.clone(),
            "policy_arn" => self.policy_arn.clone().unwrap_or_default(),
            "issuer" => self.issuer.clone(),
            "issuer_host" => self.issuer.split('/').next().unwrap_or_default().into(),
            "prefix" => self.prefix.clone(),
            "run" => self.run.clone(),
            "pod" => self.pod.clone(),
            "clone" => self.clone.clone(),
            "audience" => self.audience().to_owned(),
            "subject" => known(&[&self.namespace, &self.service_account], self.subject()),
            "provider_arn" => known(&[&self.account, &self.issuer], self.provider_arn()),
            "bucket" | "container" => known(&[&self.prefix], self.probe_bucket()),
            "trust" => known(
                &[&self.account, &self.issuer, &self.namespace],
                self.admission().trust_policy().to_string(),
            ),
            "permissions" => known(
                &[&self.prefix],
                bucket_policy(&self.partition, &self.prefix).to_string(),
            ),
            name => self.azure.value(name)?.to_owned(),
        })
    }

    /// Adds to a command what leads it here.
    fn directed(&self, command: &str) -> String {
        let mut directed = command.to_owned();
        let mut words = command.split(' ');
        let (program, topic) = (words.next().unwrap_or_default(), words.next());
        let mut option = |name: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty())
                && !command.contains(name)
            {
                let _ = write!(directed, " {name} {}", quoted(value));
            }
        };
        match program {
            "aws" | "eksctl" => {
                option("--profile", self.profile.as_deref());
                // IAM and the login have no regions.
                if !matches!(topic, Some("iam" | "sso" | "configure")) {
                    option("--region", Some(&self.region));
                }
            }
            // Who logs in has no subscription yet.
            "az" if topic != Some("login") => {
                option("--subscription", Some(&self.azure.subscription));
            }
            "kubectl" => option("--context", self.context.as_deref()),
            "git" if !self.clone.is_empty() && !command.contains("--global") => {
                directed = format!("git -C {}{}", quoted(&self.clone), &command["git".len()..]);
            }
            _ => {}
        }
        directed
    }
}

/// What a span in backticks must begin with to be a command.
const PROGRAMS: [&str; 8] = [
    "aws ",
    "az ",
    "curl ",
    "eksctl ",
    "git ",
    "kubectl ",
    "openssl ",
    "rok-deploy ",
];

/// Writes a value as one word of a shell.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

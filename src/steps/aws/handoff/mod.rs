//! What an administrator needs who has the rights that the operator lacks: a CloudFormation stack, a
//! script, and a page that explains both. All three ask only for what is missing, and hold no
//! placeholder.

mod page;
mod script;
mod stack;
mod standing;

pub use stack::{NoStack, Resources, Template};
pub use standing::Standing;

use std::path::Path;

use super::identity::Grant;
use crate::steps::handoff::shell::command;
use crate::steps::handoff::{self, HandoffFile, PAGE, Part, SCRIPT};

/// The steps that make the identity, which somebody else can make for the caller.
pub const PARTS: &[&str] = &[
    "aws.oidc-provider",
    "aws.iam-policy",
    "aws.iam-role",
    "aws.policy-attachment",
    "aws.stack",
];

/// The file of the stack.
pub const STACK: &str = "s3-iam-resources.yaml";

/// What is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// The identity.
    pub grant: Grant,
    /// What of it is there.
    pub standing: Standing,
    /// For whom it is, in words.
    pub about: About,
    /// The CloudFormation stack that makes what is missing, or why none does.
    pub stack: Result<String, NoStack>,
    /// The CloudFormation stack of the whole identity, whatever is there.
    pub whole_stack: String,
}

/// For whom an identity is, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The region of the cluster.
    pub region: String,
    /// The installation: `rok/rok`.
    pub installation: String,
    /// The caller who lacks the rights.
    pub operator: String,
}

impl Handoff {
    /// Returns the command that deploys the stack in that file.
    pub fn deploy_command(&self, template: &Path) -> String {
        let identity = &self.grant.identity;
        let [cluster, recipe] = self.marks().map(|(key, value)| format!("{key}={value}"));
        command([
            "aws",
            "cloudformation",
            "deploy",
            "--stack-name",
            &identity.stack,
            "--template-file",
            &template.display().to_string(),
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
            "--region",
            &self.about.region,
            "--tags",
            &cluster,
            &recipe,
        ])
    }

    /// The tags that say whose an object is.
    fn marks(&self) -> [(String, String); 2] {
        self.grant.identity.ownership.marks()
    }
}

impl handoff::Handoff for Handoff {
    fn cluster(&self) -> &str {
        &self.grant.identity.ownership.cluster
    }

    fn is_complete(&self) -> bool {
        self.standing.is_complete()
    }

    fn missing(&self) -> Vec<String> {
        let identity = &self.grant.identity;
        let role = &identity.role;
        let mut lines = Vec::new();
        let mut say = |part: Part, made: String, changed: String| match part {
            Part::There => {}
            Part::Missing => lines.push(made),
            Part::Outdated => lines.push(changed),
            Part::Unknown => lines.push(format!("{made}, unless it is there already")),
        };
        say(
            self.standing.provider,
            format!(
                "the IAM OIDC provider of the cluster, `{}`",
                self.grant.issuer
            ),
            format!(
                "a client id on the IAM OIDC provider `{}`",
                self.grant.issuer
            ),
        );
        say(
            self.standing.role,
            format!("the IAM role `{role}` in path `{}`", identity.path),
            format!("the trust policy of IAM role `{role}`, which is outdated"),
        );
        say(
            self.standing.policy,
            format!("the IAM policy `{role}` in path `{}`", identity.path),
            format!("a new version of IAM policy `{role}`, which is outdated"),
        );
        let attach = format!("that policy, attached to role `{role}`");
        say(self.standing.attachment, attach.clone(), attach);
        lines
    }

    fn files(&self) -> Vec<HandoffFile> {
        let stack = self.stack.iter().cloned();
        stack
            .map(|text| HandoffFile::text(STACK, text))
            .chain([
                HandoffFile::program(SCRIPT, script::text(self)),
                HandoffFile::text(PAGE, page::text(self)),
            ])
            .collect()
    }

    fn names(&self) -> &'static [&'static str] {
        &[STACK, SCRIPT, PAGE]
    }

    fn commands(&self, folder: &Path) -> Vec<String> {
        let script = folder.join(SCRIPT).display().to_string();
        let stack = self.stack.iter();
        let deploy = stack.map(|_| self.deploy_command(&folder.join(STACK)));
        deploy.chain([command(["bash", &script])]).collect()
    }
}

#[cfg(test)]
mod tests;

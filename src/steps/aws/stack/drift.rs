//! What is really there, beside what the stack was made with.
//!
//! What somebody changed behind the stack's back CloudFormation does not see by itself: a template
//! that did not change is no change to it.

use serde_json::Value;

use super::template::{POLICY, PROVIDER, ROLE, Template, is_open};
use crate::clients::aws::{Aws, AwsError, Role};
use crate::engine::{Change, StepError, Verb, lines};
use crate::steps::aws::identity::Grant;
use crate::steps::aws::not_there_yet;
use crate::steps::aws::policy::{AUDIENCE, differences, is_same, parse, pretty};

/// The objects of the identity, as they are.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) role: Option<Role>,
    pub(super) policy: Option<FoundPolicy>,
    provider: Option<Vec<String>>,
    is_attached: bool,
}

/// The managed policy, as it is.
#[derive(Debug)]
pub(super) struct FoundPolicy {
    pub(super) tags: crate::clients::aws::Tags,
    document: Value,
}

impl Found {
    pub(super) async fn look(aws: &Aws, grant: &Grant) -> Result<Self, StepError> {
        let (name, arn) = (&grant.identity.role, grant.policy_arn());
        let provider = grant.provider_arn();
        let (role, policy, attached, provider) = tokio::try_join!(
            aws.role(name),
            policy(aws, &arn),
            aws.attached_policies(name),
            aws.oidc_provider(&provider),
        )
        .map_err(not_there_yet)?;
        let attached = attached.unwrap_or_default();
        Ok(Self {
            is_attached: attached.iter().any(|policy| policy.arn == arn),
            role,
            policy,
            provider: provider.map(|provider| provider.client_ids),
        })
    }

    /// Whether the account has the provider.
    pub(super) fn has_provider(&self) -> bool {
        self.provider.is_some()
    }

    /// Returns what would have to change for the objects of a template to be as it says.
    pub(super) fn differs_from(&self, template: &Template, grant: &Grant) -> Vec<Change> {
        let mut changes = Vec::new();
        let name = &grant.identity.role;
        if let Some(properties) = template.properties(ROLE) {
            changes.extend(self.trust(&properties["AssumeRolePolicyDocument"], name));
            changes.extend(self.boundary(&properties["PermissionsBoundary"], name));
        }
        if let Some(properties) = template.properties(POLICY) {
            changes.extend(self.document(&properties["PolicyDocument"], name));
        }
        changes.extend(self.attachment(grant));
        if template.properties(PROVIDER).is_some() {
            changes.extend(self.audience(grant));
        }
        changes
    }

    /// Returns what would have to change for objects that no stack holds to be as intended.
    pub(super) fn differs_from_grant(
        &self,
        role: bool,
        policy: bool,
        grant: &Grant,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let name = &grant.identity.role;
        if role {
            changes.extend(self.trust(&grant.trust_policy(), name));
        }
        if policy {
            changes.extend(self.document(&grant.permissions(), name));
        }
        changes
    }

    /// Returns how the policy's document differs from the intended one, in words.
    pub(super) fn permissions_differ_from(&self, grant: &Grant) -> Vec<String> {
        let policy = self.policy.as_ref();
        policy.map_or_else(Vec::new, |policy| {
            differences(&policy.document, &grant.permissions())
        })
    }

    /// The policy on the role.
    pub(super) fn attachment(&self, grant: &Grant) -> Option<Change> {
        let attach = || {
            Change::new(Verb::Attach, "policy to role", &grant.identity.role)
                .after(lines([grant.policy_arn()]))
        };
        (self.role.is_some() && self.policy.is_some() && !self.is_attached).then(attach)
    }

    fn trust(&self, intended: &Value, name: &str) -> Option<Change> {
        let Some(role) = &self.role else {
            return Some(Change::new(Verb::Create, "role", name).after(pretty(intended)));
        };
        let found = parse(&role.trust_policy);
        if is_open(intended) || is_same(&found, intended) {
            return None;
        }
        let update = Change::new(Verb::Update, "role trust policy", name);
        Some(update.before(pretty(&found)).after(pretty(intended)))
    }

    fn boundary(&self, intended: &Value, name: &str) -> Option<Change> {
        let role = self.role.as_ref()?;
        let found = role.permissions_boundary.as_deref();
        if is_open(intended) || found == intended.as_str() {
            return None;
        }
        let words = |arn: Option<&str>| lines([arn.unwrap_or("none")]);
        let update = Change::new(Verb::Update, "permissions boundary of role", name);
        Some(update.before(words(found)).after(words(intended.as_str())))
    }

    fn document(&self, intended: &Value, name: &str) -> Option<Change> {
        let Some(policy) = &self.policy else {
            return Some(Change::new(Verb::Create, "policy", name).after(pretty(intended)));
        };
        if is_open(intended) || is_same(&policy.document, intended) {
            return None;
        }
        let update = Change::new(Verb::Update, "policy", name);
        Some(
            update
                .before(pretty(&policy.document))
                .after(pretty(intended)),
        )
    }

    fn audience(&self, grant: &Grant) -> Option<Change> {
        let after = lines([format!("client id {AUDIENCE}")]);
        let name = grant.provider_arn();
        match &self.provider {
            None => Some(Change::new(Verb::Create, "OIDC provider", name).after(after)),
            Some(known) if known.iter().any(|id| id == AUDIENCE) => None,
            Some(known) => {
                let before = lines(known.iter().map(|id| format!("client id {id}")));
                let update = Change::new(Verb::Update, "OIDC provider", name);
                Some(update.before(before).after(after))
            }
        }
    }
}

async fn policy(aws: &Aws, arn: &str) -> Result<Option<FoundPolicy>, AwsError> {
    let Some(policy) = aws.policy(arn).await? else {
        return Ok(None);
    };
    let document = aws.policy_document(arn, &policy.default_version).await?;
    Ok(Some(FoundPolicy {
        tags: policy.tags,
        document: parse(&document),
    }))
}

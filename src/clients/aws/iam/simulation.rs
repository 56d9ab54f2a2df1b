//! What a principal may do, according to IAM's simulator.

use aws_sdk_iam::config::Builder;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType,
};

use super::super::connect::Aws;
use super::super::error::AwsError;

/// The simulator's word on one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// The action, such as `iam:CreateRole`.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// Whether the action would be allowed.
    pub allowed: bool,
    /// Whether an organization's policy is what denies it. The simulator is known to say so where
    /// the action succeeds in fact.
    pub denied_by_organization: bool,
    /// Whether policies ask for something about the request that the simulator was not told.
    pub lacks_context: bool,
}

impl Aws {
    /// Asks for every action on every resource; without resources, on `*`. Simulating needs rights
    /// of its own.
    pub async fn simulate(
        &self,
        principal_arn: &str,
        actions: &[&str],
        resources: &[&str],
    ) -> Result<Vec<Simulated>, AwsError> {
        self.simulate_with(principal_arn, actions, resources, &[])
            .await
    }

    /// Asks the same about requests of which more is known: condition keys and their values.
    pub async fn simulate_with(
        &self,
        principal_arn: &str,
        actions: &[&str],
        resources: &[&str],
        context: &[(&str, &str)],
    ) -> Result<Vec<Simulated>, AwsError> {
        let context: Vec<_> = context
            .iter()
            .map(|(key, value)| {
                ContextEntry::builder()
                    .context_key_name(*key)
                    .context_key_type(ContextKeyTypeEnum::String)
                    .context_key_values(*value)
                    .build()
            })
            .collect();
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut results: Vec<EvaluationResult> = Vec::new();
        let mut marker = None;
        loop {
            // Asked once: the answer is advice, and not every cloud has a simulator to wait for.
            let once = Builder::new().retry_config(RetryConfig::disabled());
            let page = self
                .inner
                .iam
                .simulate_principal_policy()
                .policy_source_arn(principal_arn)
                .set_action_names(Some(owned(actions)))
                .set_resource_arns((!resources.is_empty()).then(|| owned(resources)))
                .set_context_entries((!context.is_empty()).then(|| context.clone()))
                .set_marker(marker)
                .customize()
                .config_override(once)
                .send()
                .await
                .map_err(self.failed("iam:SimulatePrincipalPolicy"))?;
            results.extend(page.evaluation_results.unwrap_or_default());
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                break;
            }
        }
        Ok(results.iter().flat_map(simulated).collect())
    }
}

/// With several resources IAM may answer one result per action and hide the resources inside it.
fn simulated(result: &EvaluationResult) -> Vec<Simulated> {
    let denied_by_organization = result
        .organizations_decision_detail()
        .is_some_and(|detail| !detail.allowed_by_organizations());
    let lacks_context = !result.missing_context_values().is_empty();
    let one = |resource: &str, decision: &PolicyEvaluationDecisionType| Simulated {
        action: result.eval_action_name().to_owned(),
        resource: resource.to_owned(),
        allowed: *decision == PolicyEvaluationDecisionType::Allowed,
        denied_by_organization,
        lacks_context,
    };
    let inside = result.resource_specific_results();
    if inside.is_empty() {
        return vec![one(
            result.eval_resource_name().unwrap_or("*"),
            result.eval_decision(),
        )];
    }
    inside
        .iter()
        .map(|inner| one(inner.eval_resource_name(), inner.eval_resource_decision()))
        .collect()
}

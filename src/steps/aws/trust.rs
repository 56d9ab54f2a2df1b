//! Verifies that the role lets in the one service account it is for, and says who else may come in.

use async_trait::async_trait;

use super::adoption::Object;
use super::iam_role::ROLE_ARN;
use super::identity::Identity;
use super::policy::{Certainty, admitted, differences, parse, pretty};
use super::refused;
use super::trust_statement::has_others;
use crate::clients::aws::Aws;
use crate::engine::{Context, Facts, Observation, Phase, Settle, Step, StepError, StepMeta};

/// Reads the trust policy again and judges it.
pub struct Trust {
    /// The account.
    pub aws: Aws,
    /// What the role is part of.
    pub identity: Identity,
    /// Whether the role is one that the operator brought, which may trust others too.
    pub existing: bool,
}

#[async_trait]
impl Step for Trust {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: [&Identity::NEEDS[..], &[ROLE_ARN.name()]].concat(),
            settle: Settle::IDENTITY,
            ..StepMeta::new(
                "aws.trust",
                "Role trusts the service account",
                Phase::Verify,
            )
        }
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let admission = self.identity.grant(facts)?.admission();
        let name = &self.identity.role;
        let is_new = ["aws.iam-role", "aws.stack"]
            .iter()
            .any(|step| context.acted.contains(*step));
        let Some(role) = self.aws.role(name).await.map_err(refused)? else {
            let text = format!("role `{name}` does not exist");
            return if is_new {
                Ok(Observation::pending(text))
            } else {
                Err(StepError::verification(text).hint("`rok-deploy run` creates it"))
            };
        };
        let (found, intended) = (parse(&role.trust_policy), admission.trust_policy());
        let differences = differences(&found, &intended);
        let ours = admission.in_words();
        if differences.is_empty() {
            return Ok(Observation::satisfied(format!("lets in only {ours}")));
        }
        let admitted = admitted(&found);
        let kept = self.identity.adopt.kept(Object::Role).is_some();
        let may_trust_others = self.existing || kept || has_others(&found, &admission);
        // What cannot be told from the policy is proven, or not, by use.
        if may_trust_others && admitted.judge(&admission.token()) != Certainty::No {
            let others = admitted.others(&admission);
            let only = if others.is_empty() { "only " } else { "" };
            let seen = Observation::satisfied(format!("lets in {only}{ours}"));
            let seen = others.iter().fold(seen, |seen, other| {
                seen.notice(format!("role `{name}` lets in {other} too"))
            });
            return Ok(admitted.warnings().iter().fold(seen, |seen, warning| {
                seen.warning(format!("role `{name}`: {warning}"))
            }));
        }
        if is_new {
            return Ok(Observation::pending(
                "the trust policy shows its former state",
            ));
        }
        let who = match admitted.in_words() {
            nobody if nobody.is_empty() => "nobody".into(),
            words => words.join("; "),
        };
        Err(StepError::verification(format!(
            "the trust policy of role `{name}` is not as intended: it lets in {who}; {}; found:\n{}expected:\n{}",
            differences.join("; "),
            pretty(&found),
            pretty(&intended)
        ))
        .hint("compare `sub`, `aud` and the provider's ARN; `rok-deploy run` mends a role of ours"))
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

//! What the caller may do on AWS, asked of IAM's simulator.
//!
//! The simulator is known to deny what succeeds in fact (organizations, sessions).

use async_trait::async_trait;

use super::caller::{ACCOUNT, CALLER_ARN, PARTITION};
use crate::clients::aws::{Aws, AwsErrorKind, Simulated};
use crate::engine::{Facts, RightAnswer, RightView, StepError};
use crate::steps::environment::{CallersRights, Right};

/// What the plan needs to be allowed.
pub struct Rights {
    /// The account.
    pub aws: Aws,
    /// Action by action.
    pub rights: Vec<Right>,
}

#[async_trait]
impl CallersRights for Rights {
    fn needs(&self) -> Vec<&'static str> {
        vec![ACCOUNT.name(), PARTITION.name(), CALLER_ARN.name()]
    }

    async fn ask(&self, facts: &Facts) -> Result<Vec<RightView>, StepError> {
        let (partition, account) = (facts.get(&PARTITION)?, facts.get(&ACCOUNT)?);
        let caller = facts.get(&CALLER_ARN)?;
        let principal = principal(&caller);
        let asking = self.rights.iter().map(|right| {
            let resource = right
                .resource
                .replace("{partition}", &partition)
                .replace("{account}", &account);
            let (principal, caller) = (principal.as_deref(), caller.as_str());
            async move {
                let Some(principal) = principal else {
                    return right
                        .all_unknown(&resource, &format!("`{caller}` cannot be simulated"));
                };
                let conditions: Vec<_> = right
                    .conditions
                    .iter()
                    .map(|(key, value)| (*key, value.as_str()))
                    .collect();
                let answer = self
                    .aws
                    .simulate_with(principal, right.actions, &[&resource], &conditions)
                    .await;
                match answer {
                    Ok(results) => results.iter().map(simulated).collect(),
                    Err(error) if error.kind == AwsErrorKind::AccessDenied => {
                        right.all_unknown(&resource, "the caller may not ask IAM's simulator")
                    }
                    // A cloud without a simulator, or one that does not know this caller: nothing
                    // follows from that.
                    Err(error) => right.all_unknown(&resource, &error.to_string()),
                }
            }
        });
        let answers: Vec<Vec<RightView>> = futures::future::join_all(asking).await;
        Ok(answers.concat())
    }

    fn denied(&self, right: &RightView) -> String {
        let action = &right.action;
        format!("the simulator denies {action}; it may be wrong, the act itself will tell")
    }

    fn skew(&self) -> Option<(jiff::SignedDuration, &'static str)> {
        Some((self.aws.clock_skew()?, "AWS"))
    }
}

/// What the simulator's word on one action is worth.
fn simulated(result: &Simulated) -> RightView {
    let (answer, how) = if result.allowed {
        (RightAnswer::Allowed, "IAM's simulator")
    } else if result.denied_by_organization {
        (RightAnswer::Unknown, "an organization's policy has a say")
    } else if result.lacks_context {
        (
            RightAnswer::Unknown,
            "a policy asks for what the simulator does not know of the request",
        )
    } else {
        (RightAnswer::Denied, "IAM's simulator")
    };
    RightView {
        action: result.action.clone(),
        resource: result.resource.clone(),
        answer,
        how: how.to_owned(),
    }
}

/// Returns the IAM principal behind a caller; a session's role is known by name only.
fn principal(caller: &str) -> Option<String> {
    let parts: Vec<&str> = caller.splitn(6, ':').collect();
    let [arn, partition, service, _, account, name] = parts[..] else {
        return None;
    };
    match (service, name.split_once('/')) {
        ("iam", Some(("user" | "role", _))) => Some(caller.to_owned()),
        ("sts", Some(("assumed-role", rest))) => {
            let role = rest.split('/').next()?;
            Some(format!("{arn}:{partition}:iam::{account}:role/{role}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_simulated_as_its_role() {
        let of = |caller| principal(caller);
        assert_eq!(
            of("arn:aws:sts::123451234512:assumed-role/Admin/me").as_deref(),
            Some("arn:aws:iam::123451234512:role/Admin")
        );
        let user = "arn:aws:iam::123451234512:user/path/me";
        assert_eq!(of(user).as_deref(), Some(user));
        assert_eq!(of("arn:aws:iam::123451234512:root"), None);
    }
}

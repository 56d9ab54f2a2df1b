//! Looks, before anything is changed, for what would stop the run half-way: rights, the remote,
//! the clock, the programs.
//!
//! IAM's simulator is known to deny what succeeds in fact (organizations, sessions), so its "no"
//! is shown and stops nothing: only the act itself is a proof.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::clients::aws::{Aws, AwsErrorKind, Simulated};
use crate::clients::git::PushRight;
use crate::clients::kustomize::Kustomize;
use crate::engine::{
    Context, Facts, Observation, Phase, RightAnswer, RightView, Step, StepError, StepMeta,
};
use crate::steps::aws::{ACCOUNT, CALLER_ARN, PARTITION};
use crate::steps::gitops::Repository;

/// From which difference on a wrong clock is worth a word; AWS refuses at five minutes.
const SKEW_SECONDS: i64 = 60;

/// Actions that the plan needs on one resource.
#[derive(Debug, Clone)]
pub struct Right {
    /// `iam:CreateRole` and its like.
    pub actions: &'static [&'static str],
    /// The resource's ARN, with `{partition}` and `{account}` to fill in.
    pub resource: String,
    /// What else is known of the requests: condition keys and their values.
    pub conditions: Vec<(&'static str, String)>,
}

/// Looks for what would stop the run half-way.
pub struct Preflight {
    /// The account.
    pub aws: Aws,
    /// The clone, in a run that writes to one.
    pub clone: Option<CloneRights>,
    /// What the plan needs to be allowed.
    pub rights: Vec<Right>,
    /// What builds manifests, in a run that needs it.
    pub kustomize: Option<Kustomize>,
}

/// A clone that a run commits to.
pub struct CloneRights {
    /// The clone.
    pub repository: Repository,
    /// Whether the run pushes.
    pub pushes: bool,
}

#[async_trait]
impl Step for Preflight {
    fn meta(&self) -> StepMeta {
        StepMeta {
            needs: vec![ACCOUNT.name(), PARTITION.name(), CALLER_ARN.name()],
            ..StepMeta::new(
                "environment.preflight",
                "Rights, remote, clock, programs",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (rights, clone, (builder, lacks)) =
            tokio::join!(self.ask_rights(facts), self.ask_clone(), self.builder());
        let (rights, push) = (rights?, clone?);
        let mut findings = Vec::new();
        findings.extend(in_words(&rights));
        findings.extend(push.as_ref().map(|push| match push {
            PushRight::Allowed => "push allowed".to_owned(),
            PushRight::Denied(_) => "push denied".into(),
            PushRight::Unknown(_) => "push unknown".into(),
        }));
        findings.extend(builder);
        let mut observation = Observation::satisfied(findings.join(", "));
        for right in &rights {
            if right.answer == RightAnswer::Denied {
                let action = &right.action;
                observation = observation.missing_right(action).notice(format!(
                    "the simulator denies {action}; it may be wrong, the act itself will tell"
                ));
            }
        }
        for (reason, actions) in unknown(&rights) {
            let which = if actions.len() == rights.len() {
                "rights are unknown".to_owned()
            } else {
                format!("whether {} is allowed is unknown", actions.join(", "))
            };
            observation = observation.notice(format!("{which}: {reason}"));
        }
        observation = observation.with_rights(rights);
        match push {
            Some(PushRight::Denied(text)) => {
                observation = observation
                    .missing_right("push")
                    .notice(format!("push denied: {text}"));
            }
            Some(PushRight::Unknown(text)) => {
                observation =
                    observation.notice(format!("whether a push is allowed is unknown: {text}"));
            }
            Some(PushRight::Allowed) | None => {}
        }
        if let Some(notice) = self.clock() {
            observation = observation.notice(notice);
        }
        if let Some(notice) = lacks {
            observation = observation.notice(notice);
        }
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// Returns how many rights have which answer; nothing when none were asked for.
fn in_words(rights: &[RightView]) -> Option<String> {
    let count = |answer| rights.iter().filter(|right| right.answer == answer).count();
    let allowed = count(RightAnswer::Allowed);
    let (denied, unknown) = (count(RightAnswer::Denied), count(RightAnswer::Unknown));
    let mut words = vec![format!("{allowed} rights allowed")];
    words.extend((denied > 0).then(|| format!("{denied} denied")));
    words.extend((unknown > 0).then(|| format!("{unknown} unknown")));
    match rights.len() {
        0 => None,
        all if all == unknown => Some("rights unknown".into()),
        _ => Some(words.join(", ")),
    }
}

/// Returns the actions that nobody can tell of, by reason.
fn unknown(rights: &[RightView]) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for right in rights {
        if right.answer == RightAnswer::Unknown {
            reasons.entry(&right.how).or_default().push(&right.action);
        }
    }
    reasons
}

impl Preflight {
    /// Asks the simulator for each right, and says how each answer was found.
    async fn ask_rights(&self, facts: &Facts) -> Result<Vec<RightView>, StepError> {
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

    /// Says what builds manifests, and what is lacking, in a run that needs something.
    async fn builder(&self) -> (Option<String>, Option<&'static str>) {
        let Some(kustomize) = &self.kustomize else {
            return (None, None);
        };
        match kustomize.installed().await {
            Some(program) => (Some(format!("builds with {program}")), None),
            None => (
                Some("no kustomize".into()),
                Some(
                    "neither `kustomize` nor `kubectl` is on PATH; building the manifests needs one of them",
                ),
            ),
        }
    }

    /// Makes sure that commits have an author, and looks whether they can be pushed.
    async fn ask_clone(&self) -> Result<Option<PushRight>, StepError> {
        let Some(clone) = &self.clone else {
            return Ok(None);
        };
        let (identity, push) = tokio::join!(clone.repository.check_identity(), clone.ask_push());
        identity?;
        push
    }

    fn clock(&self) -> Option<String> {
        let skew = self.aws.clock_skew()?.as_secs();
        (skew.abs() >= SKEW_SECONDS).then(|| {
            let which = if skew > 0 { "behind" } else { "ahead of" };
            format!(
                "this machine's clock is {} s {which} AWS; AWS refuses from 300 s on",
                skew.abs()
            )
        })
    }
}

impl Right {
    fn all_unknown(&self, resource: &str, how: &str) -> Vec<RightView> {
        let view = |action: &&str| RightView {
            action: (*action).to_owned(),
            resource: resource.to_owned(),
            answer: RightAnswer::Unknown,
            how: how.to_owned(),
        };
        self.actions.iter().map(view).collect()
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

impl CloneRights {
    async fn ask_push(&self) -> Result<Option<PushRight>, StepError> {
        if !self.pushes {
            return Ok(None);
        }
        self.repository
            .with(|clone| {
                let Some(clone) = clone else { return Ok(None) };
                let has_remote = clone.remote().ok().flatten().is_some();
                // An empty or detached clone says so in a step of its own.
                Ok(if has_remote {
                    clone.can_push().ok()
                } else {
                    None
                })
            })
            .await
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

//! Looks, before anything is changed, for what would stop the run half-way: rights, the remote,
//! the clock, the programs.
//!
//! IAM's simulator is known to deny what succeeds in fact (organizations, sessions), so its "no"
//! is shown and stops nothing: only the act itself is a proof.

use async_trait::async_trait;

use crate::clients::aws::{Aws, AwsErrorKind};
use crate::clients::git::PushRight;
use crate::clients::kustomize::Kustomize;
use crate::engine::{Context, Facts, Observation, Phase, Step, StepError, StepMeta};
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
}

/// Looks for what would stop the run half-way.
pub struct Preflight {
    /// The account.
    pub aws: Aws,
    /// The clone.
    pub repository: Repository,
    /// Whether the run pushes.
    pub pushes: bool,
    /// What the plan needs to be allowed.
    pub rights: Vec<Right>,
    /// What builds manifests.
    pub kustomize: Kustomize,
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
        let (rights, push, identity, builder) = tokio::join!(
            self.ask_rights(facts),
            self.ask_push(),
            self.repository.check_identity(),
            self.kustomize.installed()
        );
        identity?;
        let (rights, push) = (rights?, push?);
        let mut findings = vec![rights.in_words()];
        findings.extend(push.as_ref().map(|push| match push {
            PushRight::Allowed => "push allowed".to_owned(),
            PushRight::Denied(_) => "push denied".into(),
            PushRight::Unknown(_) => "push unknown".into(),
        }));
        findings.push(builder.as_ref().map_or("no kustomize".into(), |program| {
            format!("builds with {program}")
        }));
        let mut observation = Observation::satisfied(findings.join(", "));
        for right in &rights.denied {
            observation = observation.missing_right(right).notice(format!(
                "the simulator denies {right}; it may be wrong, the act itself will tell"
            ));
        }
        if let Some(reason) = &rights.unknown {
            observation = observation.notice(format!("rights are unknown: {reason}"));
        }
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
        if builder.is_none() {
            observation = observation.notice(
                "neither `kustomize` nor `kubectl` is on PATH; building the manifests needs one of them",
            );
        }
        Ok(observation)
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        Ok(())
    }
}

/// What the simulator said.
#[derive(Default)]
struct Rights {
    allowed: usize,
    denied: Vec<String>,
    unknown: Option<String>,
}

impl Rights {
    fn in_words(&self) -> String {
        match (&self.unknown, self.denied.len()) {
            (Some(_), _) => "rights unknown".into(),
            (None, 0) => format!("{} rights allowed", self.allowed),
            (None, denied) => format!("{} rights allowed, {denied} denied", self.allowed),
        }
    }
}

impl Preflight {
    async fn ask_rights(&self, facts: &Facts) -> Result<Rights, StepError> {
        let (partition, account) = (facts.get(&PARTITION)?, facts.get(&ACCOUNT)?);
        let caller = facts.get(&CALLER_ARN)?;
        let Some(principal) = principal(&caller) else {
            let unknown = Some(format!("`{caller}` cannot be simulated"));
            return Ok(Rights {
                unknown,
                ..Rights::default()
            });
        };
        let asking = self.rights.iter().map(|right| {
            let resource = right
                .resource
                .replace("{partition}", &partition)
                .replace("{account}", &account);
            let principal = &principal;
            async move {
                self.aws
                    .simulate(principal, right.actions, &[&resource])
                    .await
            }
        });
        let mut rights = Rights::default();
        for answer in futures::future::join_all(asking).await {
            match answer {
                Ok(results) => {
                    for result in results {
                        if result.allowed {
                            rights.allowed += 1;
                        } else if result.denied_by_organization {
                            rights.unknown = Some("an organization's policy has a say".into());
                        } else {
                            rights.denied.push(result.action);
                        }
                    }
                }
                Err(error) if error.kind == AwsErrorKind::AccessDenied => {
                    rights.unknown = Some("the caller may not ask IAM's simulator".into());
                }
                // A cloud without a simulator, or one that does not know this caller: nothing
                // follows from that.
                Err(error) => rights.unknown = Some(error.to_string()),
            }
        }
        Ok(rights)
    }

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

//! Looks, before anything is changed, for what would stop the run half-way: rights, the remote,
//! the clock, the programs.
//!
//! What a cloud says about rights is shown and stops nothing: only the act itself is a proof.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clients::git::PushRight;
use crate::clients::kustomize::Kustomize;
use crate::engine::{
    Context, Facts, Observation, Phase, RightAnswer, RightView, Step, StepError, StepMeta,
};
use crate::steps::gitops::Repository;

/// From which difference on a wrong clock is worth a word; clouds refuse at five minutes.
const SKEW_SECONDS: i64 = 60;

/// Actions that the plan needs on one resource.
#[derive(Debug, Clone)]
pub struct Right {
    /// `iam:CreateRole`, `Microsoft.Authorization/roleAssignments/write` and their like.
    pub actions: &'static [&'static str],
    /// The resource: its ARN, with `{partition}` and `{account}` to fill in, or its id.
    pub resource: String,
    /// What else is known of the requests: condition keys and their values.
    pub conditions: Vec<(&'static str, String)>,
}

/// The cloud, asked what its caller may do.
#[async_trait]
pub trait CallersRights: Send + Sync {
    /// Returns the names of the facts that the asking reads.
    fn needs(&self) -> Vec<&'static str>;

    /// Asks about each right that the plan needs, and says how each answer was found.
    ///
    /// # Errors
    ///
    /// When a fact is not known. What the cloud will not tell is an answer too.
    async fn ask(&self, facts: &Facts) -> Result<Vec<RightView>, StepError>;

    /// Says that an action is denied, and what that is worth.
    fn denied(&self, right: &RightView) -> String;

    /// Returns by how much the cloud's clock is ahead of ours, and whose it is.
    fn skew(&self) -> Option<(jiff::SignedDuration, &'static str)>;
}

/// Looks for what would stop the run half-way.
pub struct Preflight {
    /// The cloud, and what the plan needs to be allowed there.
    pub rights: Arc<dyn CallersRights>,
    /// The clone, in a run that writes to one.
    pub clone: Option<CloneRights>,
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
            needs: self.rights.needs(),
            ..StepMeta::new(
                "environment.preflight",
                "Rights, remote, clock, programs",
                Phase::Observe,
            )
        }
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (rights, clone, (builder, lacks)) =
            tokio::join!(self.rights.ask(facts), self.ask_clone(), self.builder());
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
                let words = self.rights.denied(right);
                observation = observation.missing_right(action).notice(words);
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
        let (skew, whose) = self.rights.skew()?;
        let skew = skew.as_secs();
        (skew.abs() >= SKEW_SECONDS).then(|| {
            let which = if skew > 0 { "behind" } else { "ahead of" };
            format!(
                "this machine's clock is {} s {which} {whose}; {whose} refuses from 300 s on",
                skew.abs()
            )
        })
    }
}

impl Right {
    /// Returns the answer that nobody can tell, for each action.
    pub fn all_unknown(&self, resource: &str, how: &str) -> Vec<RightView> {
        let view = |action: &&str| RightView {
            action: (*action).to_owned(),
            resource: resource.to_owned(),
            answer: RightAnswer::Unknown,
            how: how.to_owned(),
        };
        self.actions.iter().map(view).collect()
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

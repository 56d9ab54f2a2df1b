//! Pushes the branch and our tags, fast-forward only.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::clone::BRANCH;
use super::repository::{Repository, failed};
use super::tag::TagState;
use crate::clients::git::{Clone as GitClone, PushOutcome};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta, Verb, lines,
};

/// Pushes what the run committed and tagged.
pub struct Push {
    /// The clone.
    pub repository: Repository,
    /// `yes`, `no`, or none: push when there is a remote.
    pub wanted: Option<bool>,
    /// The tags of the run.
    pub tags: &'static [&'static FactKey<TagState>],
    /// Facts that tell whether commits without a tag are made.
    pub commits: &'static [&'static FactKey<bool>],
    /// What the engine needs to know.
    pub meta: StepMeta,
    /// What the remote said of the branch when it refused it, for the look after the push.
    pub refusal: Refusal,
}

/// The words of a remote; none before it was asked.
pub type Refusal = Arc<Mutex<Option<String>>>;

impl Push {
    /// Returns the description; `needs` are the branch and the tags' facts.
    pub fn describe(needs: Vec<&'static str>, after: Vec<&'static str>) -> StepMeta {
        let meta = StepMeta::new(
            "gitops.push",
            "Branch and tags on the remote",
            Phase::Generate,
        );
        StepMeta {
            needs,
            after,
            ..meta
        }
    }
}

#[async_trait]
impl Step for Push {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        if self.wanted == Some(false) {
            return Ok(Observation::satisfied("not wanted (`gitops_push` is `no`)"));
        }
        let branch = facts.get(&BRANCH)?;
        let tags: Vec<TagState> = self
            .tags
            .iter()
            .map(|key| facts.get(key))
            .collect::<Result<_, _>>()?;
        let mut is_made = tags.iter().all(|tag| tag.exists);
        for key in self.commits {
            is_made &= facts.get(key)?;
        }
        let must = self.wanted == Some(true);
        let refusal = self.refusal.lock().map_or(None, |words| words.clone());
        self.repository
            .with(move |clone| {
                let pushing = |remote: &str| {
                    let to = format!("{remote}/{branch}");
                    Change::new(Verb::Push, "commits and tags to", to)
                        .after(lines(tags.iter().map(|tag| &tag.name)))
                };
                let Some(clone) = clone else {
                    if is_made {
                        return Ok(Observation::satisfied("there is no clone"));
                    }
                    // A repository that starts from the skeleton has no remote; a clone has one.
                    return Ok(Observation::differs(vec![pushing("origin")]));
                };
                let Some(remote) = clone.remote().map_err(failed)? else {
                    return if must {
                        Err(StepError::answers("`gitops_push` is `yes`, but the clone has no remote")
                            .hint("`git remote add origin URL` in the clone, or `gitops_push=no`"))
                    } else {
                        Ok(Observation::satisfied("the clone has no remote"))
                    };
                };
                if !is_made {
                    return Ok(Observation::differs(vec![pushing(&remote.name)]));
                }
                let state = clone.unpushed().map_err(failed)?;
                let (mut tagged, mut renamed) = (true, Vec::new());
                for tag in &tags {
                    let name = by_now(clone, &tag.name)?;
                    tagged &= !state.tags.contains(&name);
                    if name != tag.name {
                        renamed.push(format!(
                            "the remote has tag `{}` of another run of that second; ours is `{name}`",
                            tag.name
                        ));
                    }
                }
                let told = |observation: Observation| {
                    renamed.into_iter().fold(observation, Observation::notice)
                };
                if let (true, Some(detour)) = (tagged, &state.diverted) {
                    let words = refusal.map_or(String::new(), |words| format!(" ({words})"));
                    let text = format!(
                        "branch `{branch}` of {} is protected{words}: the commits are on branch `{detour}`; open a pull request from it",
                        remote.name
                    );
                    let pushed = Observation::satisfied(format!("pushed to `{detour}`"));
                    return Ok(told(pushed.warning(text)));
                }
                if tagged && state.commits == 0 {
                    let pushed = Observation::satisfied(format!("{} has everything", remote.name));
                    return Ok(told(pushed));
                }
                Ok(Observation::differs(vec![pushing(&remote.name)]))
            })
            .await
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let tags: Vec<String> = self
            .tags
            .iter()
            .map(|key| facts.get(key).map(|tag| tag.name))
            .collect::<Result<_, _>>()?;
        // Where a protected branch diverts the push to.
        let detour = format!("rok-deploy/{}", context.run);
        let refusal = self.refusal.clone();
        self.repository
            .with_clone(move |clone| {
                let tags: Vec<String> = tags
                    .iter()
                    .map(|name| by_now(clone, name))
                    .collect::<Result<_, _>>()?;
                let outcome = clone.push(&detour, &tags).map_err(failed)?;
                if let PushOutcome::Diverted { reason, .. } = outcome
                    && let Ok(mut refusal) = refusal.lock()
                {
                    let words: Vec<&str> = reason.split_whitespace().collect();
                    *refusal = Some(words.join(" "));
                }
                Ok(())
            })
            .await
    }
}

/// Returns what a tag is called by now: a push that met another run's tag of that second has given
/// ours a later one.
fn by_now(clone: &GitClone, name: &str) -> Result<String, StepError> {
    let found = clone.tag_by_now(name).map_err(failed)?;
    Ok(found.unwrap_or_else(|| name.to_owned()))
}

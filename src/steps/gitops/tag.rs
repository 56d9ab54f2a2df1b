//! The annotated tag that marks a task's progress: `deploy/<DATE>/<release>/<task>`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::rendered::short;
use super::repository::{Repository, failed};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Step, StepError, StepMeta, Verb,
};

/// A tag: its name, and whether it is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagState {
    /// The full name.
    pub name: String,
    /// Whether it exists.
    pub exists: bool,
}

/// Tags the newest of some commits.
pub struct Tag {
    /// What the engine needs to know.
    pub meta: StepMeta,
    /// The clone.
    pub repository: Repository,
    /// The release in the tag's name: `release-1.5`.
    pub release: String,
    /// The task in the tag's name.
    pub task: &'static str,
    /// The message.
    pub message: &'static str,
    /// The commits of the task; an empty one is still to be made.
    pub commits: &'static [&'static FactKey<String>],
    /// The fact that tells the tag.
    pub gives: &'static FactKey<TagState>,
}

#[async_trait]
impl Step for Tag {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, facts: &Facts, context: &Context) -> Result<Observation, StepError> {
        let commits = self.commits(facts)?;
        let name = self.name(context);
        let pattern = format!("deploy/*/{}/{}", self.release, self.task);
        let found = self
            .repository
            .with(move |clone| {
                let Some(clone) = clone else {
                    return Ok(Err(name));
                };
                let newest = if commits.iter().any(String::is_empty) {
                    None
                } else {
                    clone.newest_of(&commits).map_err(failed)?
                };
                let tags = clone.tags(&pattern).map_err(failed)?;
                let found = tags
                    .into_iter()
                    .find(|tag| newest.as_ref() == Some(&tag.commit));
                Ok(match found {
                    Some(tag) => Ok(tag),
                    None => Err(clone.free_tag(&name).map_err(failed)?),
                })
            })
            .await?;
        let state = |name: &str, exists| TagState {
            name: name.to_owned(),
            exists,
        };
        Ok(match found {
            Ok(tag) => Observation::satisfied(format!("{} at {}", tag.name, short(&tag.commit)))
                .with(self.gives, &state(&tag.name, true)),
            Err(name) => Observation::differs(vec![
                Change::new(Verb::Tag, "commit", &name).after(format!("{}\n", self.message)),
            ])
            .with(self.gives, &state(&name, false)),
        })
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let (commits, name, message) = (self.commits(facts)?, self.name(context), self.message);
        self.repository
            .with_clone(move |clone| {
                let newest = clone
                    .newest_of(&commits)
                    .map_err(failed)?
                    .ok_or_else(|| StepError::failed("no commit to tag on this branch"))?;
                let name = clone.free_tag(&name).map_err(failed)?;
                clone.tag(&name, &newest, message).map_err(failed)
            })
            .await
    }
}

impl Tag {
    /// The name derives from the run, not from the attempt: a resumed run makes the same tag. Where
    /// another run of that second has it, it is the next free second's.
    fn name(&self, context: &Context) -> String {
        format!(
            "deploy/{}/{}/{}",
            date(&context.run),
            self.release,
            self.task
        )
    }

    fn commits(&self, facts: &Facts) -> Result<Vec<String>, StepError> {
        self.commits.iter().map(|key| facts.get(key)).collect()
    }
}

/// Returns the documentation's `DATE` of a run: `2026-11-23T16.40.12Z`, with dots, since a ref's
/// name takes no colon. The run's id begins with `20261123T164012Z`.
fn date(run: &str) -> String {
    let digits: Vec<&str> = [0..4, 4..6, 6..8, 9..11, 11..13, 13..15]
        .into_iter()
        .map(|range| run.get(range).unwrap_or("00"))
        .collect();
    let [year, month, day, hour, minute, second] = digits[..] else {
        unreachable!("six ranges")
    };
    format!("{year}-{month}-{day}T{hour}.{minute}.{second}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_run_as_the_documentation_writes_it() {
        assert_eq!(date("20261123T164012Z-ab12"), "2026-11-23T16.40.12Z");
    }
}

//! Files rendered from templates, merged with the operator's edits, and committed.
//!
//! The operator owns what is in the clone. What we would write is therefore merged three ways:
//! what we rendered last, what we render now, and what is there. The last render is what a step's
//! last commit holds, where a trailer says so by its id. Where that commit holds the operator's edits
//! too, also since it was amended, it is computed again from its template and its `deploy/env.*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::merged::merged;
use super::repository::{Repository, failed, text_of};
use super::revert::{REVERT, is_revert};
use crate::clients::envfile;
use crate::clients::git::{
    Clone as GitClone, CommitRequest, RENDER_TRAILER, RUN_TRAILER, STEP_TRAILER, blob_id,
};
use crate::clients::recording::redact::without_settings;
use crate::clients::templates::{Renderer, TemplateError};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Step, StepError, StepMeta, Verb, lines,
};

/// Computes the template variables from the facts.
pub type Variables =
    Arc<dyn Fn(&Facts) -> Result<BTreeMap<String, String>, StepError> + Send + Sync>;

/// A file and its template, as paths in the clone.
#[derive(Debug, Clone, Copy)]
pub struct FileSpec {
    /// The template.
    pub template: &'static str,
    /// What is rendered from it.
    pub output: &'static str,
}

/// The commit that a step makes of its own files and of those that earlier steps wrote.
#[derive(Clone, Copy)]
pub struct CommitSpec {
    /// The message.
    pub message: &'static str,
    /// Steps that only wrote, with the facts that tell what they wrote.
    pub also: &'static [(&'static str, &'static FactKey<Written>)],
    /// The fact that tells the commit: empty while it is still to be made.
    pub gives: &'static FactKey<String>,
}

/// What a step wrote, or will write: the blob id of the content by path.
pub type Written = BTreeMap<String, String>;

/// Renders files, and commits them where it has a [`CommitSpec`].
pub struct Rendered {
    /// What the engine needs to know; `needs` are those of the variables.
    pub meta: StepMeta,
    /// The clone.
    pub repository: Repository,
    /// The files.
    pub files: &'static [FileSpec],
    /// The variables of their templates.
    pub variables: Variables,
    /// The fact that tells what was written.
    pub gives: &'static FactKey<Written>,
    /// The fact that tells the text of the first file, for a step that uses it.
    pub text: Option<&'static FactKey<String>>,
    /// The commit; none leaves it to a later step.
    pub commit: Option<CommitSpec>,
}

/// A file as it should be.
struct Rendering {
    path: &'static str,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
    /// What the template gave, before the operator's edits.
    render: Vec<u8>,
    notices: Vec<String>,
}

#[async_trait]
impl Step for Rendered {
    fn meta(&self) -> StepMeta {
        self.meta.clone()
    }

    async fn check(&self, facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let work = self.work(facts)?;
        let facts = facts.clone();
        self.repository
            .with(move |clone| work.observe(clone, &facts))
            .await
    }

    async fn apply(&self, facts: &Facts, context: &Context) -> Result<(), StepError> {
        let work = self.work(facts)?;
        let (facts, run) = (facts.clone(), context.run.clone());
        self.repository
            .with_clone(move |clone| work.write(clone, &facts, &run))
            .await
    }
}

impl Rendered {
    pub(super) fn work(&self, facts: &Facts) -> Result<Work, StepError> {
        Ok(Work {
            id: self.meta.id,
            repository: self.repository.clone(),
            files: self.files,
            variables: (self.variables)(facts)?,
            gives: self.gives,
            text: self.text,
            commit: self.commit,
        })
    }
}

/// What a check or an act needs, away from the async threads.
pub(super) struct Work {
    id: &'static str,
    repository: Repository,
    files: &'static [FileSpec],
    variables: BTreeMap<String, String>,
    gives: &'static FactKey<Written>,
    text: Option<&'static FactKey<String>>,
    commit: Option<CommitSpec>,
}

impl Work {
    /// Returns the files as they would be.
    pub(super) fn outputs(
        &self,
        clone: Option<&GitClone>,
    ) -> Result<Vec<(String, Vec<u8>)>, StepError> {
        let renderings = self.render(clone)?.into_iter();
        Ok(renderings
            .map(|file| (file.path.to_owned(), file.after))
            .collect())
    }

    fn observe(&self, clone: Option<&GitClone>, facts: &Facts) -> Result<Observation, StepError> {
        let renderings = self.render(clone)?;
        let mut changes: Vec<Change> = renderings.iter().filter_map(Rendering::change).collect();
        let written: Written = renderings
            .iter()
            .map(|rendering| (rendering.path.to_owned(), blob_id(&rendering.after)))
            .collect();
        let mut commit = None;
        if let Some(spec) = self.commit {
            let all = Self::all_written(&written, spec, facts)?;
            if is_committed(clone, &all)? {
                commit = Some(self.committed_as(clone)?);
            } else {
                let listing = lines(all.keys());
                changes.push(Change::new(Verb::Commit, "files", spec.message).after(listing));
                commit = Some(String::new());
            }
        }
        if let (Some(clone), false) = (clone, changes.is_empty()) {
            // Better now than after the cloud was changed.
            let paths = renderings.iter().map(|rendering| rendering.path);
            clone.expect_writable(paths).map_err(failed)?;
        }
        let note = match &commit {
            Some(id) => format!("rendered and committed as {}", short(id)),
            None => "rendered".into(),
        };
        let mut observation = Observation::of_changes(changes, note).with(self.gives, &written);
        if let (Some(spec), Some(commit)) = (self.commit, commit) {
            observation = observation.with(spec.gives, &commit);
        }
        if let (Some(key), Some(first)) = (self.text, renderings.first()) {
            let text = String::from_utf8_lossy(&first.after).into_owned();
            observation = observation.with(key, &text);
        }
        observation.notices = renderings
            .into_iter()
            .flat_map(|file| file.notices)
            .collect();
        Ok(observation)
    }

    fn write(&self, clone: &GitClone, facts: &Facts, run: &str) -> Result<(), StepError> {
        let renderings = self.render(Some(clone))?;
        for file in renderings.iter().filter(|file| file.change().is_some()) {
            clone
                .remember_render(file.path, &file.after, &file.render)
                .and_then(|()| clone.write(file.path, &file.after))
                .map_err(failed)?;
        }
        let Some(spec) = self.commit else {
            return Ok(());
        };
        let written: Written = renderings
            .iter()
            .map(|rendering| (rendering.path.to_owned(), blob_id(&rendering.after)))
            .collect();
        let paths: Vec<String> = Self::all_written(&written, spec, facts)?
            .into_keys()
            .collect();
        let steps = spec.also.iter().map(|(step, _)| *step).chain([self.id]);
        let mut trailers = vec![(RUN_TRAILER.to_owned(), run.to_owned())];
        trailers.extend(steps.map(|step| (STEP_TRAILER.to_owned(), step.to_owned())));
        for id in Self::renders(clone, &paths, &renderings)? {
            trailers.push((RENDER_TRAILER.to_owned(), id));
        }
        let request = CommitRequest {
            message: spec.message,
            trailers: &trailers,
            paths: &paths,
        };
        clone.commit(&request).map_err(failed)?;
        clone.forget_renders(&paths).map_err(failed)
    }

    /// Returns the blob ids of those files that are as they were rendered. What other steps rendered
    /// is remembered until it is committed.
    fn renders(
        clone: &GitClone,
        paths: &[String],
        renderings: &[Rendering],
    ) -> Result<Vec<String>, StepError> {
        let mut ids = Vec::new();
        for path in paths {
            let own = renderings.iter().find(|file| file.path == path);
            let (content, render) = if let Some(file) = own {
                (file.after.clone(), Some(file.render.clone()))
            } else {
                let content = clone.read(path).map_err(failed)?.unwrap_or_default();
                let render = clone.render_of(path, &content).map_err(failed)?;
                (content, render)
            };
            if render.as_ref() == Some(&content) {
                ids.push(blob_id(&content));
            }
        }
        Ok(ids)
    }

    fn render(&self, clone: Option<&GitClone>) -> Result<Vec<Rendering>, StepError> {
        self.files
            .iter()
            .map(|file| self.render_one(clone, file))
            .collect()
    }

    fn render_one(
        &self,
        clone: Option<&GitClone>,
        file: &FileSpec,
    ) -> Result<Rendering, StepError> {
        let template = self.template(clone, None, file.template)?;
        let render = render(file.template, &template, &self.variables).map_err(|error| {
            StepError::answers(error.to_string())
                .hint("correct the template in the clone, or give the variable's answer")
        })?;
        let rendering = |before, after, notices| {
            Ok(Rendering {
                path: file.output,
                before,
                after,
                render: render.clone(),
                notices,
            })
        };
        let found = self.read(clone, file.output)?;
        let Some(clone) = clone else {
            return rendering(found, render.clone(), Vec::new());
        };
        let Some(found) = found else {
            return rendering(None, render.clone(), Vec::new());
        };
        if found == render {
            return rendering(Some(found), render.clone(), Vec::new());
        }
        let base = match clone.render_of(file.output, &found).map_err(failed)? {
            Some(base) => base,
            None => self
                .last_render(clone, file)?
                .unwrap_or_else(|| found.clone()),
        };
        let (content, notices) = merged(file.output, &base, &render, &found);
        rendering(Some(found), content, notices)
    }

    /// Returns what we rendered last: the base of the merge. Where we never did, it is the file
    /// as it came into the repository, so that edits made since are the operator's.
    fn last_render(&self, clone: &GitClone, file: &FileSpec) -> Result<Option<Vec<u8>>, StepError> {
        let commits = clone
            .commits_with_trailer(STEP_TRAILER, self.id, 1)
            .map_err(failed)?;
        let Some(commit) = commits.first() else {
            return clone.oldest(file.output).map_err(failed);
        };
        if is_reverted(clone, &commit.id, file.output)? {
            return clone.oldest(file.output).map_err(failed);
        }
        let held = clone.read_at(&commit.id, file.output).map_err(failed)?;
        let is_render = |held: &Vec<u8>| {
            let render = (RENDER_TRAILER.to_owned(), blob_id(held));
            commit.trailers.contains(&render)
        };
        if held.as_ref().is_some_and(is_render) {
            return Ok(held);
        }
        let mut variables = self.variables.clone();
        variables.retain(|name, _| !ONLY_WHEN_CHOSEN.contains(&name.as_str()));
        for (name, value) in env_files_at(clone, &commit.id)? {
            variables.insert(name, value);
        }
        let template = self.template(Some(clone), Some(&commit.id), file.template)?;
        match render(file.template, &template, &variables) {
            Ok(render) => Ok(Some(render)),
            // The template needed what is not known any more; what it gave is the next best.
            Err(_) => Ok(held),
        }
    }

    /// Returns the template's text: the clone's wins over ours.
    fn template(
        &self,
        clone: Option<&GitClone>,
        commit: Option<&str>,
        path: &str,
    ) -> Result<String, StepError> {
        let found = match (clone, commit) {
            (Some(clone), Some(commit)) => clone.read_at(commit, path).map_err(failed)?,
            (Some(clone), None) => clone.read(path).map_err(failed)?,
            (None, _) => None,
        };
        let built_in = || self.repository.skeleton_file(path).map(<[u8]>::to_vec);
        text_of(path, found.or_else(built_in))
    }

    /// Returns what is in the clone. Before there is one the skeleton is the best guess; the step
    /// looks again once it is there.
    fn read(&self, clone: Option<&GitClone>, path: &str) -> Result<Option<Vec<u8>>, StepError> {
        match clone {
            Some(clone) => clone.read(path).map_err(failed),
            None => Ok(self.repository.skeleton_file(path).map(<[u8]>::to_vec)),
        }
    }

    fn all_written(own: &Written, spec: CommitSpec, facts: &Facts) -> Result<Written, StepError> {
        let mut all = Written::new();
        for (_, key) in spec.also {
            all.extend(facts.get(key)?);
        }
        // A file that others write into too is last written by this step.
        all.extend(own.clone());
        Ok(all)
    }

    /// Returns the newest commit that this step made, or HEAD when somebody else committed the
    /// very same content.
    fn committed_as(&self, clone: Option<&GitClone>) -> Result<String, StepError> {
        let Some(clone) = clone else {
            return Ok(String::new());
        };
        let commits = clone
            .commits_with_trailer(STEP_TRAILER, self.id, 1)
            .map_err(failed)?;
        match commits.into_iter().next() {
            Some(commit) => Ok(commit.id),
            None => Ok(clone.head().map_err(failed)?.commit.unwrap_or_default()),
        }
    }
}

impl Rendering {
    fn change(&self) -> Option<Change> {
        let text = |bytes: &[u8]| without_settings(&String::from_utf8_lossy(bytes));
        match &self.before {
            Some(before) if *before == self.after => None,
            Some(before) => Some(
                Change::new(Verb::Update, "file", self.path)
                    .before(text(before))
                    .after(text(&self.after)),
            ),
            None => Some(Change::new(Verb::Create, "file", self.path).after(text(&self.after))),
        }
    }
}

fn render(
    name: &str,
    template: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<u8>, TemplateError> {
    Renderer::new()
        .render(name, template, variables)
        .map(String::into_bytes)
}

fn is_committed(clone: Option<&GitClone>, written: &Written) -> Result<bool, StepError> {
    let Some(clone) = clone else { return Ok(false) };
    for (path, expected) in written {
        let head = clone.read_head(path).map_err(failed)?;
        if head.is_none_or(|content| blob_id(&content) != *expected) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a later commit of ours took back what `commit` brought into the file: then it is as it
/// was before us.
fn is_reverted(clone: &GitClone, commit: &str, path: &str) -> Result<bool, StepError> {
    let reverts = clone.commits_with_trailer(STEP_TRAILER, REVERT, 1);
    if reverts.map_err(failed)?.is_empty() {
        return Ok(false);
    }
    let works = clone.work_since_first(STEP_TRAILER).map_err(failed)?;
    let later = works.iter().take_while(|work| work.commit.id != commit);
    let mut reverts = later.filter(|work| is_revert(work));
    Ok(reverts.any(|work| work.files.iter().any(|file| file == path)))
}

/// Returns the variables of `deploy/env.*` as a commit holds them.
fn env_files_at(clone: &GitClone, commit: &str) -> Result<Vec<(String, String)>, StepError> {
    let mut variables = Vec::new();
    for file in ENV_FILES {
        let Some(bytes) = clone.read_at(commit, file).map_err(failed)? else {
            continue;
        };
        // A file that somebody broke later was whole when we wrote it; what is left counts.
        variables
            .extend(envfile::parse(file, &String::from_utf8_lossy(&bytes)).unwrap_or_default());
    }
    Ok(variables)
}

/// The files of `deploy/` that carry answers from task to task.
pub const ENV_FILES: [&str; 7] = [
    "deploy/env.envvars-aws",
    "deploy/env.eks-cluster",
    "deploy/env.eks-identity",
    "deploy/env.envvars-azure",
    "deploy/env.aks-cluster",
    "deploy/env.aks-identity",
    "deploy/env.cloudidentity",
];

/// Variables that get into these files only with a value other than the default: what a commit does
/// not hold was the default then.
const ONLY_WHEN_CHOSEN: [&str; 9] = [
    "AZ_ADOPT",
    "AZ_BLOB_ENDPOINT",
    "AWS_ADOPT",
    "AWS_IAM_PATH",
    "AWS_PERMISSIONS_BOUNDARY",
    "AWS_S3_ENDPOINT",
    "AWS_S3_ROLE_ARN",
    "VERIFY_IMAGE",
    "VERIFY_PULL_SECRET",
];

pub(super) fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

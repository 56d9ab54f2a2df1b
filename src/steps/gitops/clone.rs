//! The clone of the deployments repository: the operator's own, a new one, or our skeleton.

use async_trait::async_trait;

use super::repository::{Repository, blocking, failed};
use crate::clients::git::{Clone as GitClone, is_branch_name};
use crate::engine::{
    Change, Context, FactKey, Facts, Observation, Phase, Step, StepError, StepMeta, Verb,
};

/// The branch that commits go to.
pub const BRANCH: FactKey<String> = FactKey::new("gitops.branch");

/// A file that tells the deployments repository from another one.
const LANDMARK: &str = "rok";

/// Checks the name of a branch, by the rules of Git.
///
/// # Errors
///
/// A sentence that says what was found and what is expected.
pub fn check_branch(name: &str) -> Result<(), String> {
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        return Err(format!(
            "is `{name}`; expected the branch's name, `{branch}`"
        ));
    }
    if !is_branch_name(name) {
        return Err(format!(
            "is `{name}`, which Git allows for no branch; expected a name such as `main` or `release/1.5`"
        ));
    }
    Ok(())
}

/// Clones, adopts or starts the repository.
pub struct CloneStep {
    /// Where it is or will be.
    pub repository: Repository,
    /// What to clone; none starts from our skeleton.
    pub url: Option<String>,
    /// The branch; none is the one that is checked out, or the remote's default.
    pub branch: Option<String>,
}

#[async_trait]
impl Step for CloneStep {
    fn meta(&self) -> StepMeta {
        StepMeta {
            gives: vec![BRANCH.name()],
            ..StepMeta::new(
                "gitops.clone",
                "Clone of the deployments repository",
                Phase::Generate,
            )
        }
    }

    async fn check(&self, _facts: &Facts, _context: &Context) -> Result<Observation, StepError> {
        let (url, branch) = (self.url.clone(), self.branch.clone());
        let directory = self.repository.directory.display().to_string();
        let repository = self.repository.clone();
        self.repository
            .with(move |clone| {
                if let Some(clone) = clone {
                    adopt(clone, url.as_deref(), branch.as_deref())
                } else {
                    repository
                        .git
                        .expect_room(&repository.directory)
                        .map_err(failed)?;
                    let create = Change::new(Verb::Create, "clone", directory);
                    let create = match &url {
                        Some(url) => create.after(format!("of {}\n", without_user(url))),
                        None => create.after("from the skeleton of rok-deploy\n"),
                    };
                    let branch = branch.unwrap_or_else(|| "main".into());
                    Ok(Observation::differs(vec![create]).with(&BRANCH, &branch))
                }
            })
            .await
    }

    async fn apply(&self, _facts: &Facts, _context: &Context) -> Result<(), StepError> {
        let (repository, url) = (self.repository.clone(), self.url.clone());
        let branch = self.branch.clone();
        blocking(move || {
            let directory = &repository.directory;
            if let Some(url) = url {
                return repository
                    .git
                    .clone(&url, branch.as_deref(), directory)
                    .map_err(failed);
            }
            let files: Vec<_> = repository
                .skeleton
                .iter()
                .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
                .collect();
            let branch = branch.as_deref().unwrap_or("main");
            repository
                .git
                .start_repository(
                    &files,
                    branch,
                    directory,
                    "Start from the skeleton of rok-deploy",
                )
                .map_err(failed)
        })
        .await
    }
}

pub(super) fn adopt(
    clone: &GitClone,
    url: Option<&str>,
    branch: Option<&str>,
) -> Result<Observation, StepError> {
    let directory = clone.directory().display().to_string();
    if let Some(what) = clone.operation_in_progress() {
        return Err(
            StepError::answers(format!("clone `{directory}` is busy: {what}"))
                .hint("finish or abort it, then run again"),
        );
    }
    let head = clone.head().map_err(failed)?;
    let Some(found) = head.branch else {
        return Err(StepError::answers(format!(
            "clone `{directory}` has a detached HEAD; expected a branch to commit to"
        ))
        .hint(format!(
            "`git -C {directory} switch --create rok-deploy` makes one here"
        )));
    };
    if let Some(branch) = branch.filter(|branch| *branch != found) {
        return Err(StepError::answers(format!(
            "clone `{directory}` is on branch `{found}`; `gitops_branch` says `{branch}`"
        ))
        .hint(format!("`git -C {directory} switch {branch}`")));
    }
    let remote = clone.remote().map_err(failed)?;
    if let (Some(url), Some(remote)) = (url, &remote)
        && canonical(url) != canonical(&remote.url)
    {
        return Err(StepError::answers(format!(
            "`{directory}` is a clone of {}; `gitops_url` says {}",
            remote.url,
            without_user(url)
        ))
        .hint("choose another `gitops_dir`, or leave `gitops_url` out to use this clone"));
    }
    if !clone.directory().join(LANDMARK).is_dir() {
        return Err(StepError::answers(format!(
            "`{directory}` is a clone of something else: it has no folder `{LANDMARK}/`"
        ))
        .hint("set `gitops_dir` to the clone of the deployments repository"));
    }
    let from = remote.map_or_else(|| "no remote".to_owned(), |remote| remote.url);
    Ok(Observation::satisfied(format!("branch `{found}`, {from}")).with(&BRANCH, &found))
}

/// Two spellings of one address: with a user or without, with `.git` or a slash at the end.
fn canonical(url: &str) -> String {
    let url = without_user(url);
    let url = url.strip_prefix("file://").unwrap_or(&url);
    url.trim_end_matches('/')
        .trim_end_matches(".git")
        .to_owned()
}

fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.find('@')) {
        (Some((scheme, rest)), Some(_)) => {
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_called_as_git_allows() {
        for good in [
            "main",
            "release/1.5",
            "söhne",
            "a.b",
            "feature/ABC-1_x",
            "@x",
        ] {
            assert_eq!(check_branch(good), Ok(()), "{good}");
        }
        let bad = [
            "no such branch..",
            "a b",
            "a..b",
            "-x",
            ".x",
            "x/.y",
            "x.lock",
            "x.",
            "/x",
            "x/",
            "x//y",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a@{1}",
            "HEAD",
            "refs/heads/main",
        ];
        for bad in bad {
            let problem = check_branch(bad).unwrap_err();
            assert!(problem.contains(&format!("is `{bad}`")), "{problem}");
        }
        assert!(
            check_branch("refs/heads/main")
                .unwrap_err()
                .ends_with("name, `main`")
        );
    }

    #[test]
    fn addresses_are_compared_without_spelling() {
        let same = [
            "https://git.example/ops.git",
            "https://me:s3cret@git.example/ops/",
        ];
        assert_eq!(canonical(same[0]), canonical(same[1]));
        assert_eq!(canonical("file:///srv/ops.git"), canonical("/srv/ops"));
        assert_ne!(
            canonical("https://git.example/ops"),
            canonical("https://git.example/other")
        );
        assert!(!without_user(same[1]).contains("s3cret"));
    }
}

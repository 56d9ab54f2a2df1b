//! Annotated tags, which mark what was deployed.

use git2::ErrorCode;

use super::clone::Clone;
use super::error::GitError;

/// A tag and the commit it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagInfo {
    /// The name, without `refs/tags/`.
    pub name: String,
    /// The commit.
    pub commit: String,
    /// The message; empty for a tag that is only a name.
    pub message: String,
}

impl Clone {
    /// Creates an annotated tag. One that leads to the same commit already is left alone.
    pub fn tag(&self, name: &str, target_commit: &str, message: &str) -> Result<(), GitError> {
        if let Some(commit) = self.tag_target(name)? {
            if commit == target_commit {
                return Ok(());
            }
            return Err(GitError::TagExists {
                name: name.into(),
                commit,
            });
        }
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("create a tag", &error);
        let target = git2::Oid::from_str(target_commit).map_err(failed)?;
        let target = repository.find_commit(target).map_err(failed)?;
        let tagger = self.committer()?;
        let message = format!("{}\n", message.trim_end());
        let write = || {
            repository
                .tag(name, target.as_object(), &tagger, &message, false)
                .map(drop)
                .map_err(failed)
        };
        self.git
            .locally(&self.directory, || format!("tag {name}"), write)
    }

    /// Returns the tags whose name fits `glob` and that lead to a commit, newest first.
    pub fn tags(&self, glob: &str) -> Result<Vec<TagInfo>, GitError> {
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("read the tags", &error);
        let mut found = Vec::new();
        for name in repository
            .tag_names(Some(glob))
            .map_err(failed)?
            .iter()
            .flatten()
            .flatten()
        {
            let reference = repository
                .find_reference(&format!("refs/tags/{name}"))
                .map_err(failed)?;
            let Ok(commit) = reference.peel_to_commit() else {
                continue;
            };
            let tag = reference.peel_to_tag().ok();
            let time = tag
                .as_ref()
                .and_then(git2::Tag::tagger)
                .map_or_else(|| commit.time(), |tagger| tagger.when());
            let message = tag
                .as_ref()
                .and_then(|tag| tag.message().ok().flatten())
                .unwrap_or_default()
                .trim_end()
                .to_owned();
            let info = TagInfo {
                name: name.into(),
                commit: commit.id().to_string(),
                message,
            };
            found.push((time.seconds(), info));
        }
        // Names end in a date, so they settle what was tagged within one second.
        found.sort_by(|(a, left), (b, right)| (b, &right.name).cmp(&(a, &left.name)));
        Ok(found.into_iter().map(|(_, info)| info).collect())
    }

    /// Returns the commit that the tag leads to.
    pub(super) fn tag_target(&self, name: &str) -> Result<Option<String>, GitError> {
        let repository = self.repository()?;
        match repository.find_reference(&format!("refs/tags/{name}")) {
            Ok(reference) => {
                let object = reference
                    .peel(git2::ObjectType::Any)
                    .map_err(|error| self.failed("read a tag", &error))?;
                let id = reference
                    .peel_to_commit()
                    .map_or_else(|_| object.id(), |commit| commit.id());
                Ok(Some(id.to_string()))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.failed("read a tag", &error)),
        }
    }
}

//! Annotated tags, which mark what was deployed.
//!
//! Their names hold the second of their run, `deploy/2026-11-23T16.40.12Z/…`, and a second is long
//! enough for two runs. Whoever comes later takes the next second that is free.

use std::collections::BTreeSet;

use git2::{ErrorCode, ObjectType};
use jiff::Span;
use jiff::civil::DateTime;

use super::clone::Clone;
use super::error::{self, GitError};

/// How a name writes its time: with dots, since a ref's name takes no colon.
const TIME: &str = "%Y-%m-%dT%H.%M.%SZ";

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
    /// Creates an annotated tag, signed where the operator signs tags. One that leads to the same
    /// commit already is left alone.
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
        let message = format!("{}\n", message.trim_end());
        if self.is_set("tag.gpgSign")? {
            return self.sign_tag(name, target_commit, &message);
        }
        let repository = self.repository()?;
        let failed = |error: git2::Error| self.failed("create a tag", &error);
        let target = git2::Oid::from_str(target_commit).map_err(failed)?;
        let target = repository.find_commit(target).map_err(failed)?;
        let tagger = self.committer()?;
        let write = || {
            repository
                .tag_annotation_create(name, target.as_object(), &tagger, &message)
                .map_err(failed)
        };
        let operation = || format!("tag {name}");
        let id = self.git.locally(&self.directory, operation, write)?;
        self.update_references("tag: made", &format!("create refs/tags/{name} {id}\n"))
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

    /// Returns the name, or where another tag of this clone has it, the same with a later second.
    pub fn free_tag(&self, name: &str) -> Result<String, GitError> {
        Ok(free(name, &self.tag_names()?))
    }

    /// Returns the tag that was made under this name: a push may have given it a later second.
    pub fn tag_by_now(&self, name: &str) -> Result<Option<String>, GitError> {
        if self.tag_target(name)?.is_some() {
            return Ok(Some(name.to_owned()));
        }
        let Some((_, time, tail)) = timed(name) else {
            return Ok(None);
        };
        let later = self.tag_names()?.into_iter().filter(|found| {
            timed(found).is_some_and(|(_, found, its_tail)| found > time && its_tail == tail)
        });
        Ok(later.max())
    }

    /// Lets `git tag` sign, with the program, key and format that the operator has configured.
    fn sign_tag(&self, name: &str, commit: &str, message: &str) -> Result<(), GitError> {
        self.committer()?;
        let arguments = [
            "tag",
            "--sign",
            "--cleanup=whitespace",
            "--file=-",
            "--",
            name,
            commit,
        ];
        let input = Some(message.as_bytes());
        let output = self.git.run_with(&self.directory, &arguments, &[], input)?;
        if output.success() {
            return Ok(());
        }
        Err(
            error::local(&self.directory, &output.stderr).unwrap_or_else(|| GitError::Refused {
                what: format!("sign tag `{name}`"),
                text: output.text(),
            }),
        )
    }

    pub(super) fn tag_names(&self) -> Result<BTreeSet<String>, GitError> {
        let repository = self.repository()?;
        let names = repository
            .tag_names(None)
            .map_err(|error| self.failed("read the tags", &error))?;
        Ok(names
            .iter()
            .flatten()
            .flatten()
            .map(str::to_owned)
            .collect())
    }

    /// Returns the tag's message, empty for one that is only a name.
    pub(super) fn tag_message(&self, name: &str) -> Result<String, GitError> {
        let repository = self.repository()?;
        let reference = repository
            .find_reference(&format!("refs/tags/{name}"))
            .map_err(|error| self.failed("read a tag", &error))?;
        let tag = reference.peel_to_tag().ok();
        let message = tag.as_ref().and_then(|tag| tag.message().ok().flatten());
        // The signature is part of the message, and belongs to the commit that was signed.
        let message = message.unwrap_or_default();
        let end = message.find("-----BEGIN ").unwrap_or(message.len());
        Ok(message[..end].trim_end().to_owned())
    }

    /// Returns the commit that the tag leads to.
    pub(super) fn tag_target(&self, name: &str) -> Result<Option<String>, GitError> {
        let repository = self.repository()?;
        match repository.find_reference(&format!("refs/tags/{name}")) {
            Ok(reference) => {
                let object = reference
                    .peel(ObjectType::Any)
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

/// Returns the name, or the same with the first later second that is not taken.
pub(super) fn free(name: &str, taken: &BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    while taken.contains(&free) {
        let Some((head, time, tail)) = timed(&free) else {
            break;
        };
        let Ok(later) = time.checked_add(Span::new().seconds(1)) else {
            break;
        };
        free = format!("{head}/{}/{tail}", later.strftime(TIME));
    }
    free
}

/// Takes a name apart: what stands before its time, the time, what stands behind it.
fn timed(name: &str) -> Option<(&str, DateTime, &str)> {
    let (head, rest) = name.split_once('/')?;
    let (time, tail) = rest.split_once('/')?;
    Some((head, DateTime::strptime(TIME, time).ok()?, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_second_gives_the_next_free_one() {
        let name = |time: &str| format!("deploy/{time}/release-1.5/cloudidentity");
        let taken = BTreeSet::from([name("2026-12-31T23.59.58Z"), name("2026-12-31T23.59.59Z")]);
        let free = |time: &str| free(&name(time), &taken);
        assert_eq!(free("2026-12-31T23.59.57Z"), name("2026-12-31T23.59.57Z"));
        assert_eq!(free("2026-12-31T23.59.58Z"), name("2027-01-01T00.00.00Z"));
        let plain = BTreeSet::from(["v1".to_owned()]);
        assert_eq!(super::free("v1", &plain), "v1");
    }
}

//! New clones and new repositories, which appear whole or not at all.
//!
//! Everything happens in a directory beside the final one, which is renamed at the end. A killed run
//! leaves only that directory, and the next run removes it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::clone::Clone;
use super::commit::CommitRequest;
use super::credentials::Credentials;
use super::error::{self, GitError};
use super::paths::expect_writable;
use super::program::{Git, Request, redact};

impl Git {
    /// Looks, without writing, whether a repository can be made at `directory`.
    pub fn expect_room(&self, directory: &Path) -> Result<(), GitError> {
        let directory =
            std::path::absolute(directory).map_err(|source| GitError::io(directory, source))?;
        let there = directory.ancestors().find(|place| place.exists());
        there.map_or(Ok(()), expect_writable)
    }

    /// Clones `url` into `directory`, which must be absent or empty; `branch` is the remote's default
    /// unless given.
    pub fn clone(&self, url: &str, branch: Option<&str>, directory: &Path) -> Result<(), GitError> {
        let draft = Draft::new(directory)?;
        let path = draft.text()?;
        let (url, credentials) = match self.settings.passwords.split(url) {
            Some((plain, line)) => (plain, Some(Credentials::new(&line, draft.parent())?)),
            None => (url.to_owned(), None),
        };
        let url = url.as_str();
        let setting = credentials.as_ref().map(Credentials::setting);
        let mut arguments = Vec::new();
        if let Some(setting) = &setting {
            arguments.extend(["-c", setting]);
        }
        arguments.extend(["clone", "--quiet"]);
        if let Some(branch) = branch {
            arguments.extend(["--branch", branch]);
        }
        arguments.extend(["--", url, &path]);
        let request = Request {
            method: "clone",
            operation: branch
                .map_or_else(|| "HEAD".into(), |branch| format!("refs/heads/{branch}")),
            target: url,
            attempt: 1,
            write: false,
        };
        let output = self.network(draft.parent(), &request, &arguments)?;
        if !output.success() {
            let text = &output.stderr;
            if let (Some(branch), true) = (branch, text.contains("Remote branch")) {
                return Err(GitError::BranchNotFound {
                    remote: redact(url),
                    branch: branch.into(),
                });
            }
            return Err(
                error::local(directory, text).unwrap_or_else(|| error::network(&redact(url), text))
            );
        }
        if let Some(credentials) = credentials {
            let (name, value) = credentials.keep(&draft.path, &draft.target)?;
            self.expect(
                &draft.path,
                "keep the credentials",
                &["config", &name, &value],
            )?;
        }
        draft.publish(self)
    }

    /// Makes a new repository at `directory`, which must be absent or empty, with `files` in its one
    /// commit on `branch`.
    pub fn start_repository(
        &self,
        files: &[(String, Vec<u8>)],
        branch: &str,
        directory: &Path,
        message: &str,
    ) -> Result<(), GitError> {
        let draft = Draft::new(directory)?;
        fs::create_dir(&draft.path).map_err(|source| GitError::io(&draft.path, source))?;
        let initial = format!("--initial-branch={branch}");
        self.expect(
            &draft.path,
            "start a repository",
            &["init", "--quiet", &initial],
        )?;
        let clone = Clone::open(self, &draft.path)?;
        for (path, content) in files {
            clone.write(path, content)?;
        }
        let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        clone.commit(&CommitRequest {
            message,
            trailers: &[],
            paths: &paths,
        })?;
        draft.publish(self)
    }
}

/// A directory in the making.
struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    fn new(target: &Path) -> Result<Self, GitError> {
        let absolute =
            std::path::absolute(target).map_err(|source| GitError::io(target, source))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(GitError::Exists {
                path: target.into(),
            });
        };
        let is_taken = match fs::read_dir(&absolute) {
            Ok(mut entries) => entries.next().is_some(),
            Err(source) if source.kind() == ErrorKind::NotFound => false,
            Err(source) => return Err(GitError::io(&absolute, source)),
        };
        if is_taken {
            return Err(GitError::Exists { path: absolute });
        }
        fs::create_dir_all(parent).map_err(|source| GitError::io(parent, source))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".rok-deploy-partial");
        let draft = Self {
            path: parent.join(hidden),
            target: absolute,
        };
        match fs::remove_dir_all(&draft.path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(GitError::io(&draft.path, source))
            }
            _ => Ok(draft),
        }
    }

    fn parent(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    fn text(&self) -> Result<String, GitError> {
        let text = self.path.to_str().map(str::to_owned);
        text.ok_or_else(|| GitError::other("clone", "the path of the directory is not UTF-8"))
    }

    fn publish(self, git: &Git) -> Result<(), GitError> {
        let renamed = || {
            fs::rename(&self.path, &self.target).map_err(|source| match source.kind() {
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => GitError::Exists {
                    path: self.target.clone(),
                },
                _ => GitError::io(&self.target, source),
            })
        };
        git.locally(self.parent(), || "publish the clone".into(), renamed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

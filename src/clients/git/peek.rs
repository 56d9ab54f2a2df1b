//! A look into a remote that is not cloned yet.

use std::collections::BTreeMap;

use git2::{ObjectType, Repository};

use super::credentials::Credentials;
use super::error::{self, GitError};
use super::program::{Git, Request, redact};

impl Git {
    /// Returns the files of one folder of a remote's branch, by path; `branch` is the remote's
    /// default unless given. A remote without commits has none.
    pub fn peek(
        &self,
        url: &str,
        branch: Option<&str>,
        folder: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, GitError> {
        let scratch =
            tempfile::tempdir().map_err(|source| GitError::io(&std::env::temp_dir(), source))?;
        let directory = scratch.path();
        let (url, credentials) = match self.settings.passwords.split(url) {
            Some((plain, line)) => (plain, Some(Credentials::new(&line, directory)?)),
            None => (url.to_owned(), None),
        };
        self.expect(
            directory,
            "look into a remote",
            &["init", "--bare", "--quiet"],
        )?;
        let setting = credentials.as_ref().map(Credentials::setting);
        let reference =
            branch.map_or_else(|| "HEAD".into(), |branch| format!("refs/heads/{branch}"));
        let mut arguments = Vec::new();
        if let Some(setting) = &setting {
            arguments.extend(["-c", setting]);
        }
        arguments.extend([
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--",
            &url,
            &reference,
        ]);
        let request = Request {
            method: "fetch",
            operation: reference.clone(),
            target: &url,
            attempt: 1,
            write: false,
        };
        let output = self.network(directory, &request, &arguments)?;
        if !output.success() {
            let text = &output.stderr;
            if text.contains("couldn't find remote ref") {
                return match branch {
                    Some(branch) => Err(GitError::BranchNotFound {
                        remote: redact(&url),
                        branch: branch.into(),
                    }),
                    // It has no commits yet.
                    None => Ok(BTreeMap::new()),
                };
            }
            return Err(error::network(&redact(&url), text));
        }
        let failed =
            |error: git2::Error| GitError::from_git2("look into a remote", directory, &error);
        let repository = Repository::open_bare(directory).map_err(failed)?;
        let commit = repository
            .find_reference("FETCH_HEAD")
            .and_then(|head| head.peel_to_commit())
            .map_err(failed)?;
        let tree = commit.tree().map_err(failed)?;
        let Some(entry) = tree.get_name(folder) else {
            return Ok(BTreeMap::new());
        };
        let Ok(folder_tree) = entry.to_object(&repository).map_err(failed)?.into_tree() else {
            return Ok(BTreeMap::new());
        };
        let mut files = BTreeMap::new();
        for entry in &folder_tree {
            if let (Some(ObjectType::Blob), Ok(name)) = (entry.kind(), entry.name()) {
                let blob = repository.find_blob(entry.id()).map_err(failed)?;
                files.insert(format!("{folder}/{name}"), blob.content().to_vec());
            }
        }
        Ok(files)
    }
}

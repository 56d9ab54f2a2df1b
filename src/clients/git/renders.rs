//! Which render gave a file that is not committed yet.
//!
//! A run that dies between writing and committing leaves files that nobody has edited. So that the
//! next one does not take them for the operator's, even with other answers, each is kept with the
//! render it came from, inside `.git`, until it is committed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::clone::{Clone, replace};
use super::error::GitError;
use super::tree::blob_id;

/// The folder inside `.git`.
const FOLDER: &str = "rok-deploy-renders";

impl Clone {
    /// Remembers that `written`, which is about to be in the file, comes from `render`.
    pub fn remember_render(
        &self,
        path: &str,
        written: &[u8],
        render: &[u8],
    ) -> Result<(), GitError> {
        let folder = self.renders(path)?;
        let kept = folder.join(blob_id(written));
        self.git.locally(
            &self.directory,
            || format!("remember {path}"),
            || {
                fs::create_dir_all(&folder)
                    .and_then(|()| replace(&folder, &kept, render))
                    .map_err(|source| GitError::io(&kept, source))
            },
        )
    }

    /// Returns the render that a file's content comes from, while that is not committed.
    pub fn render_of(&self, path: &str, found: &[u8]) -> Result<Option<Vec<u8>>, GitError> {
        let kept = self.renders(path)?.join(blob_id(found));
        absent_is_none(fs::read(&kept)).map_err(|source| GitError::io(&kept, source))
    }

    /// Forgets the renders of files that are committed now.
    pub fn forget_renders(&self, paths: &[String]) -> Result<(), GitError> {
        for path in paths {
            let folder = self.renders(path)?;
            absent_is_none(fs::remove_dir_all(&folder))
                .map_err(|source| GitError::io(&folder, source))?;
        }
        let all = self.repository()?.path().join(FOLDER);
        match fs::remove_dir(&all) {
            // Others wait for a later commit.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            result => absent_is_none(result).map(drop),
        }
        .map_err(|source| GitError::io(&all, source))
    }

    /// Returns the folder of one file's renders.
    fn renders(&self, path: &str) -> Result<PathBuf, GitError> {
        let folder = self.repository()?.path().join(FOLDER);
        Ok(folder.join(blob_id(path.as_bytes())))
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

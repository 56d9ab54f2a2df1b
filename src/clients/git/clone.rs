//! The working clone: where its HEAD is, whether somebody is at work in it, and its files.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, Tree};

use super::error::GitError;
use super::paths::{self, Place};
use super::program::Git;

/// An operator's working clone. Holds no handle: every operation opens the repository anew.
#[derive(Debug, Clone)]
pub struct Clone {
    pub(super) git: Git,
    /// The top of the working tree, without symbolic links.
    pub(super) directory: PathBuf,
}

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The branch, or `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit, or `None` before the first one.
    pub commit: Option<String>,
}

impl Clone {
    pub(super) fn open(git: &Git, directory: &Path) -> Result<Self, GitError> {
        let canonical = match fs::canonicalize(directory) {
            Ok(canonical) => canonical,
            Err(source) if source.kind() == ErrorKind::NotFound => {
                return Err(GitError::NotARepository {
                    path: directory.into(),
                });
            }
            Err(source) => return Err(GitError::io(directory, source)),
        };
        let clone = Self {
            // Spelled out because `Git` has a `clone` of its own.
            git: std::clone::Clone::clone(git),
            directory: canonical,
        };
        let repository = clone.repository()?;
        if repository.workdir().is_none() {
            return Err(GitError::Unsupported {
                path: directory.into(),
                what: "a bare repository".into(),
            });
        }
        Ok(clone)
    }

    /// Returns the top of the working tree.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns where HEAD is.
    pub fn head(&self) -> Result<Head, GitError> {
        let repository = self.repository()?;
        let head = repository
            .find_reference("HEAD")
            .map_err(|error| self.failed("read HEAD", &error))?;
        let branch = head
            .symbolic_target()
            .map_err(|error| self.failed("read HEAD", &error))?
            .map(|name| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned());
        let commit = match repository.refname_to_id("HEAD") {
            Ok(id) => Some(id.to_string()),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(self.failed("read HEAD", &error)),
        };
        Ok(Head { branch, commit })
    }

    /// Returns what somebody has begun and not finished here, and the file that says so.
    pub fn operation_in_progress(&self) -> Option<String> {
        const SIGNS: [(&str, &str); 8] = [
            ("MERGE_HEAD", "a merge is in progress"),
            ("rebase-merge", "a rebase is in progress"),
            ("rebase-apply", "a rebase or `git am` is in progress"),
            ("CHERRY_PICK_HEAD", "a cherry-pick is in progress"),
            ("REVERT_HEAD", "a revert is in progress"),
            ("BISECT_LOG", "a bisection is in progress"),
            ("index.lock", "another Git holds the index"),
            ("HEAD.lock", "another Git holds HEAD"),
        ];
        let repository = self.repository().ok()?;
        SIGNS.iter().find_map(|(file, what)| {
            let path = repository.path().join(file);
            path.exists()
                .then(|| format!("{what}: found `{}`", path.display()))
        })
    }

    /// Returns the content of a file of the working tree.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let place = self.place(path)?;
        match fs::read(&place.absolute) {
            Ok(content) => Ok(Some(content)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(GitError::io(&place.absolute, source)),
        }
    }

    /// Returns the content of a file as HEAD has it.
    pub fn read_head(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let place = self.place(path)?;
        let repository = self.repository()?;
        let Some(tree) = self.head_tree(&repository)? else {
            return Ok(None);
        };
        self.blob(&repository, &tree, &place.relative)
    }

    /// Writes a file of the working tree, whole or not at all. Writes nothing when it is equal.
    pub fn write(&self, path: &str, content: &[u8]) -> Result<(), GitError> {
        let place = self.place(path)?;
        if fs::read(&place.absolute).is_ok_and(|found| found == content) {
            return Ok(());
        }
        let directory = place.absolute.parent().unwrap_or(&self.directory);
        fs::create_dir_all(directory).map_err(|source| GitError::io(directory, source))?;
        // Kept out of the working tree so that a killed run leaves no stray file to commit; a `.git`
        // on another file system needs the detour through the directory itself.
        let aside = self.repository()?.path().to_owned();
        let written = || {
            match replace(&aside, &place.absolute, content) {
                Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                    replace(directory, &place.absolute, content)
                }
                result => result,
            }
            .map_err(|source| GitError::io(&place.absolute, source))
        };
        let operation = || format!("write {}", place.relative);
        self.git.locally(&self.directory, operation, written)
    }

    /// Removes a file of the working tree, and folders that it leaves empty, as Git does. One that is
    /// not there is fine.
    pub fn remove(&self, path: &str) -> Result<(), GitError> {
        let place = self.place(path)?;
        let removed = || {
            match fs::remove_file(&place.absolute) {
                Err(source) if !is_absent(&source) => {
                    return Err(GitError::io(&place.absolute, source));
                }
                _ => {}
            }
            let folders = place.absolute.ancestors().skip(1);
            for folder in folders.take_while(|folder| **folder != *self.directory) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        };
        if !place.absolute.exists() {
            // Whoever removed it may have been stopped before its folder.
            return removed();
        }
        let operation = || format!("remove {}", place.relative);
        self.git.locally(&self.directory, operation, removed)
    }

    /// Looks, without writing, whether these files can be written and committed.
    pub fn expect_writable<'p>(
        &self,
        files: impl IntoIterator<Item = &'p str>,
    ) -> Result<(), GitError> {
        let repository = self.repository()?;
        let common = repository.commondir();
        let mut places = vec![
            repository.path().to_owned(),
            common.join("objects"),
            common.join("refs/heads"),
        ];
        for file in files {
            let file = self.place(file)?.absolute;
            // A file is replaced, which its folder has to allow.
            places.extend(
                file.ancestors()
                    .skip(1)
                    .find(|place| place.exists())
                    .map(Path::to_owned),
            );
        }
        places
            .iter()
            .try_for_each(|place| paths::expect_writable(place))
    }

    pub(super) fn place(&self, path: &str) -> Result<Place, GitError> {
        paths::resolve(&self.directory, path)
    }

    pub(super) fn repository(&self) -> Result<Repository, GitError> {
        Repository::open(&self.directory).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::NotARepository {
                path: self.directory.clone(),
            },
            // Formats that libgit2 does not know: SHA-256, reftable, newer extensions.
            _ if ["extension", "version", "object format"]
                .iter()
                .any(|word| error.message().contains(word)) =>
            {
                GitError::Unsupported {
                    path: self.directory.clone(),
                    what: format!(
                        "a repository format that is not supported ({})",
                        error.message()
                    ),
                }
            }
            _ => self.failed("open the repository", &error),
        })
    }

    pub(super) fn head_tree<'a>(
        &self,
        repository: &'a Repository,
    ) -> Result<Option<Tree<'a>>, GitError> {
        let failed = |error: git2::Error| self.failed("read the tree of HEAD", &error);
        match repository.refname_to_id("HEAD") {
            Ok(id) => {
                let commit = repository.find_commit(id).map_err(failed)?;
                Ok(Some(commit.tree().map_err(failed)?))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn blob(
        &self,
        repository: &Repository,
        tree: &Tree<'_>,
        path: &str,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let entry = match tree.get_path(Path::new(path)) {
            Ok(entry) => entry,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read a tree", &error)),
        };
        if entry.kind() != Some(git2::ObjectType::Blob) {
            return Ok(None);
        }
        let blob = repository
            .find_blob(entry.id())
            .map_err(|error| self.failed("read a file from HEAD", &error))?;
        Ok(Some(blob.content().to_vec()))
    }

    pub(super) fn failed(&self, what: &str, error: &git2::Error) -> GitError {
        GitError::from_git2(what, &self.directory, error)
    }

    /// Runs the program in the clone and expects success.
    pub(super) fn expect(&self, what: &str, arguments: &[&str]) -> Result<String, GitError> {
        self.git.expect(&self.directory, what, arguments)
    }
}

/// Writes `content` to a temporary file in `aside` and renames it over `target`, whose mode it keeps.
pub(super) fn replace(aside: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let mode = match fs::metadata(target) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(_) => 0o644,
    };
    let mut file = tempfile::Builder::new()
        .prefix("rok-deploy-")
        .tempfile_in(aside)?;
    file.write_all(content)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

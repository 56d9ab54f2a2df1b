//! The tree to commit: a given tree with some files of the working tree in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Tree};

use super::clone::Clone;
use super::error::GitError;
use super::paths::Place;
use super::program::checked;

/// The mode of an executable file in a tree.
const EXECUTABLE: i32 = 0o100_755;

/// What a path is to become.
pub(super) enum Wanted<'a> {
    /// The file in the working tree; whether it is executable.
    File(&'a str, bool),
    /// Gone.
    Absent(&'a str),
}

impl Clone {
    /// Returns what the working tree has at the places, where HEAD has something else.
    pub(super) fn changes<'p>(
        &self,
        repository: &Repository,
        base: Option<&Tree<'_>>,
        places: &'p [Place],
    ) -> Result<Vec<Wanted<'p>>, GitError> {
        let trust_mode = repository
            .config()
            .and_then(|config| config.get_bool("core.filemode"))
            .unwrap_or(true);
        let mut files = BTreeMap::new();
        let mut changes = Vec::new();
        for place in places {
            let old = base.and_then(|tree| tree.get_path(place.relative.as_ref()).ok());
            match fs::symlink_metadata(&place.absolute) {
                Ok(metadata) if metadata.is_file() => {
                    let is_executable = if trust_mode {
                        metadata.permissions().mode() & 0o100 != 0
                    } else {
                        old.as_ref()
                            .is_some_and(|entry| entry.filemode() == EXECUTABLE)
                    };
                    files.insert(place.relative.as_str(), (is_executable, old));
                }
                Ok(_) => {
                    let text = format!("`{}` is a directory, expected a file", place.relative);
                    return Err(GitError::other("commit", text));
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    if old.is_some() {
                        changes.push(Wanted::Absent(&place.relative));
                    }
                }
                Err(source) => return Err(GitError::io(&place.absolute, source)),
            }
        }
        // Only hashed, not stored: a run that changes nothing writes nothing.
        let blobs = self.hash(&files.keys().copied().collect::<Vec<_>>(), false)?;
        for ((path, (is_executable, old)), blob) in files.into_iter().zip(blobs) {
            let mode = if is_executable { EXECUTABLE } else { 0o100_644 };
            if old.is_none_or(|entry| (entry.id(), entry.filemode()) != (blob, mode)) {
                changes.push(Wanted::File(path, is_executable));
            }
        }
        Ok(changes)
    }

    /// Writes the files of HEAD into a folder outside of the clone, as a fresh working tree has
    /// them. Leaves no trace in the clone.
    pub fn export(&self, folder: &Path) -> Result<(), GitError> {
        let repository = self.repository()?;
        let Some(tree) = self.head_tree(&repository)? else {
            return Ok(());
        };
        let aside = tempfile::tempdir().map_err(|source| GitError::io(folder, source))?;
        let index_file = aside.path().join("index");
        git2::Index::open(&index_file)
            .and_then(|mut index| {
                index.read_tree(&tree)?;
                index.write()
            })
            .map_err(|error| self.failed("export HEAD", &error))?;
        let (Some(directory), Some(index_file), Some(folder)) = (
            repository.path().to_str(),
            index_file.to_str(),
            folder.to_str(),
        ) else {
            return Err(GitError::other("export HEAD", "the path is not UTF-8"));
        };
        let environment = [
            ("GIT_DIR", directory),
            ("GIT_WORK_TREE", folder),
            ("GIT_INDEX_FILE", index_file),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
        ];
        let arguments = ["checkout-index", "--all", "--quiet"];
        let output = self
            .git
            .run_with(Path::new(folder), &arguments, &environment, None)?;
        checked(output, &self.directory, "export HEAD").map(drop)
    }

    /// Returns `base` with the changes made.
    pub(super) fn tree_with<'a>(
        &self,
        repository: &'a Repository,
        base: Option<&Tree<'_>>,
        changes: &[Wanted<'_>],
    ) -> Result<Tree<'a>, GitError> {
        let failed = |error: git2::Error| self.failed("build the tree to commit", &error);
        let mut update = TreeUpdateBuilder::new();
        let mut files = Vec::new();
        for change in changes {
            match change {
                Wanted::File(path, is_executable) => files.push((*path, *is_executable)),
                Wanted::Absent(path) => {
                    update.remove(*path);
                }
            }
        }
        let blobs = self.hash(
            &files.iter().map(|(path, _)| *path).collect::<Vec<_>>(),
            true,
        )?;
        for ((path, is_executable), blob) in files.into_iter().zip(blobs) {
            let mode = if is_executable {
                FileMode::BlobExecutable
            } else {
                FileMode::Blob
            };
            update.upsert(path, blob, mode);
        }
        let empty;
        let base = if let Some(base) = base {
            base
        } else {
            let id = repository
                .treebuilder(None)
                .and_then(|builder| builder.write())
                .map_err(failed)?;
            empty = repository.find_tree(id).map_err(failed)?;
            &empty
        };
        let id = update.create_updated(repository, base).map_err(failed)?;
        repository.find_tree(id).map_err(failed)
    }

    /// Returns the blobs that files of the working tree become, and stores them if told to.
    ///
    /// The program does it, because it knows all filters: with git-crypt or LFS in the attributes,
    /// libgit2 would commit the clear text.
    fn hash(&self, paths: &[&str], store: bool) -> Result<Vec<Oid>, GitError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec!["hash-object"];
        if store {
            arguments.push("-w");
        }
        arguments.push("--");
        arguments.extend(paths);
        let ids = self.expect("read the files to commit", &arguments)?;
        let ids: Vec<_> = ids
            .lines()
            .filter_map(|line| Oid::from_str(line).ok())
            .collect();
        if ids.len() != paths.len() {
            let text = format!("hashed {} files, expected {}", ids.len(), paths.len());
            return Err(GitError::other("commit", text));
        }
        Ok(ids)
    }
}

/// Returns the id that Git gives to this content.
pub fn blob_id(content: &[u8]) -> String {
    git2::Oid::hash_object(git2::ObjectType::Blob, content)
        .expect("any content has an id")
        .to_string()
}

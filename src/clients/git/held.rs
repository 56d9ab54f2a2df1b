//! What a clone holds, told to the gate, and a clone made anew from what was told.
//!
//! Commits and trees are told whole, since their ids are in everything that a run says. A file is left
//! out when it is large, no text, or holds what looks like a secret: whoever needs it in a clone made
//! anew finds that it is missing.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::PoisonError;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use git2::{ErrorCode, ObjectType, Oid, Repository, RepositoryInitOptions, Status, StatusOptions};
use serde::{Deserialize, Serialize};

use super::error::GitError;
use super::program::{Git, redact};
use crate::clients::gate::{Answer, Call, Ended};
use crate::clients::recording::redact as secrets;

/// The largest file that is told.
const LARGEST: usize = 256 << 10;

/// How much is told at most: a run must not wait for its recording.
const MOST: Bounds = Bounds {
    objects: 20_000,
    bytes: 64 << 20,
};

/// How many objects are told, and how many bytes of files are looked through for secrets.
struct Bounds {
    objects: usize,
    bytes: usize,
}

/// What stands before the target of a symbolic reference.
const SYMBOLIC: &str = "ref: ";

/// What a clone holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Held {
    /// The branch, or the commit of a detached HEAD.
    head: String,
    /// References and what they point at.
    references: Vec<(String, String)>,
    /// Remotes and their addresses, without user and password.
    remotes: Vec<(String, String)>,
    /// Branches with the remote and the branch that they follow.
    upstreams: Vec<(String, String, String)>,
    /// Files that differ from HEAD; those without a text are gone.
    changed: Vec<(String, Option<String>)>,
    /// The objects that were not told before: a pack, in base64.
    objects: String,
    /// Why there are none, where the clone holds too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

impl Git {
    /// Tells the gate what the clone at `directory` holds, or makes one that holds what was told.
    pub fn hold(&self, directory: &Path) -> Result<(), GitError> {
        let closed = |source| GitError::io(directory, source);
        let mut passage = self
            .wire
            .pass(|| Call {
                client: "clone",
                operation: format!("hold {}", directory.display()),
                input: Bytes::new(),
                write: false,
            })
            .map_err(closed)?;
        if !passage.is_watched() {
            return Ok(());
        }
        let failed = |error: git2::Error| GitError::from_git2("hold", directory, &error);
        let told = match passage.instead_blocking().map_err(closed)? {
            Some(Ended::Answered(answer)) => {
                if !answer.body.is_empty() {
                    let held: Held = serde_json::from_slice(&answer.body)
                        .map_err(|error| closed(error.into()))?;
                    restore(directory, &held).map_err(failed)?;
                }
                answer.body
            }
            _ => match Repository::open(directory) {
                Ok(repository) => {
                    let held = self.held(&repository).map_err(failed)?;
                    serde_json::to_vec(&held)
                        .map_err(|error| closed(error.into()))?
                        .into()
                }
                // There is no clone yet, or none that we could work in.
                Err(_) => Bytes::new(),
            },
        };
        let answered = || {
            Ended::Answered(Answer {
                status: 0,
                headers: Vec::new(),
                body: told,
            })
        };
        passage.end(answered).map_err(closed)
    }

    fn held(&self, repository: &Repository) -> Result<Held, git2::Error> {
        let mut held = Held {
            changed: changed(repository)?,
            ..Held::default()
        };
        let at = repository.find_reference("HEAD")?;
        held.head = match at.symbolic_target()? {
            Some(branch) => branch.to_owned(),
            None => at.target().map(|id| id.to_string()).unwrap_or_default(),
        };
        let mut tips = Vec::new();
        for reference in repository.references()?.flatten() {
            let Ok(name) = reference.name() else { continue };
            if let Some(id) = reference.target() {
                tips.push(id);
                held.references.push((name.into(), id.to_string()));
            } else if let Ok(Some(target)) = reference.symbolic_target() {
                held.references
                    .push((name.into(), format!("{SYMBOLIC}{target}")));
            }
        }
        for name in repository.remotes()?.iter().flatten().flatten() {
            let remote = repository.find_remote(name)?;
            let url = String::from_utf8_lossy(remote.url_bytes()).into_owned();
            held.remotes.push((name.into(), redact(&url)));
        }
        for (name, _) in &held.references {
            let remote = repository.branch_upstream_remote(name);
            let merge = repository.branch_upstream_merge(name);
            if let (Ok(remote), Ok(merge)) = (remote, merge) {
                let text = |buffer: &[u8]| String::from_utf8_lossy(buffer).into_owned();
                held.upstreams
                    .push((name.clone(), text(&remote), text(&merge)));
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match pack(repository, &tips, &mut told, &MOST)? {
            Some(pack) => held.objects = BASE64_STANDARD.encode(pack),
            None => {
                held.left_out = Some(format!(
                    "holds more than {} objects or {} MiB of files, which no recording takes in",
                    MOST.objects,
                    MOST.bytes >> 20
                ));
            }
        }
        Ok(held)
    }
}

/// Returns the files that differ from HEAD, among those that Git knows.
fn changed(repository: &Repository) -> Result<Vec<(String, Option<String>)>, git2::Error> {
    let Some(top) = repository.workdir() else {
        return Ok(Vec::new());
    };
    let mut options = StatusOptions::new();
    options.include_untracked(false).include_ignored(false);
    let statuses = repository.statuses(Some(&mut options))?;
    let mut changed = Vec::new();
    for entry in statuses.iter() {
        let Ok(path) = entry.path() else { continue };
        if entry.status().contains(Status::WT_DELETED) {
            changed.push((path.to_owned(), None));
        } else if let Ok(content) = fs::read(top.join(path))
            && is_told(&content)
        {
            let text = String::from_utf8_lossy(&content).into_owned();
            changed.push((path.to_owned(), Some(text)));
        }
    }
    Ok(changed)
}

fn is_told(content: &[u8]) -> bool {
    if content.len() > LARGEST {
        return false;
    }
    let Ok(text) = std::str::from_utf8(content) else {
        return false;
    };
    !text.contains("kind: Secret") && secrets::text(text) == text
}

/// Packs what the tips lead to and was not told before; none when that is too much.
fn pack(
    repository: &Repository,
    tips: &[Oid],
    told: &mut HashSet<Oid>,
    most: &Bounds,
) -> Result<Option<Vec<u8>>, git2::Error> {
    let mut pack = repository.packbuilder()?;
    let mut bytes = 0;
    let mut walk = repository.revwalk()?;
    for tip in tips {
        let object = repository.find_object(*tip, None)?;
        if object.kind() == Some(ObjectType::Tag) && told.insert(*tip) {
            pack.insert_object(*tip, None)?;
        }
        if let Ok(commit) = object.peel_to_commit() {
            walk.push(commit.id())?;
        }
    }
    for id in walk {
        let id = id?;
        if !told.insert(id) {
            continue;
        }
        if pack.object_count() > most.objects || bytes > most.bytes {
            return Ok(None);
        }
        pack.insert_object(id, None)?;
        let mut trees = vec![repository.find_commit(id)?.tree_id()];
        while let Some(tree) = trees.pop() {
            if !told.insert(tree) {
                continue;
            }
            pack.insert_object(tree, None)?;
            for entry in &repository.find_tree(tree)? {
                match entry.kind() {
                    Some(ObjectType::Tree) => trees.push(entry.id()),
                    Some(ObjectType::Blob) if told.insert(entry.id()) => {
                        let blob = repository.find_blob(entry.id())?;
                        bytes += blob.size().min(LARGEST);
                        if is_told(blob.content()) {
                            pack.insert_object(entry.id(), None)?;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    if pack.object_count() == 0 {
        return Ok(Some(Vec::new()));
    }
    let mut packed = git2::Buf::new();
    pack.write_buf(&mut packed)?;
    Ok(Some(packed.to_vec()))
}

/// Makes the clone, or brings one up to what was told.
fn restore(directory: &Path, held: &Held) -> Result<(), git2::Error> {
    if let Some(reason) = &held.left_out {
        return Err(git2::Error::from_str(reason));
    }
    let (repository, is_new) = if let Ok(repository) = Repository::open(directory) {
        (repository, false)
    } else {
        let mut options = RepositoryInitOptions::new();
        options.external_template(false).mkpath(true);
        (Repository::init_opts(directory, &options)?, true)
    };
    let objects = BASE64_STANDARD.decode(&held.objects).unwrap_or_default();
    if !objects.is_empty() {
        let odb = repository.odb()?;
        let mut writer = odb.packwriter()?;
        writer
            .write_all(&objects)
            .map_err(|error| git2::Error::from_str(&error.to_string()))?;
        writer.commit()?;
    }
    for (name, target) in &held.references {
        if let Some(target) = target.strip_prefix(SYMBOLIC) {
            repository.reference_symbolic(name, target, true, "recorded")?;
        } else {
            repository.reference(name, Oid::from_str(target)?, true, "recorded")?;
        }
    }
    if held.head.starts_with("refs/") {
        repository.set_head(&held.head)?;
    } else {
        repository.set_head_detached(Oid::from_str(&held.head)?)?;
    }
    if !is_new {
        return Ok(());
    }
    for (name, url) in &held.remotes {
        repository.remote(name, url)?;
    }
    let mut config = repository.config()?;
    for (branch, remote, merge) in &held.upstreams {
        let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        config.set_str(&format!("branch.{branch}.remote"), remote)?;
        config.set_str(&format!("branch.{branch}.merge"), merge)?;
    }
    check_out(&repository)?;
    for (path, content) in &held.changed {
        let path = directory.join(path);
        let done = match content {
            Some(text) => fs::write(&path, text),
            None => fs::remove_file(&path),
        };
        done.map_err(|error| git2::Error::from_str(&error.to_string()))?;
    }
    Ok(())
}

/// Fills index and working tree from HEAD, as far as its files were told.
fn check_out(repository: &Repository) -> Result<(), git2::Error> {
    let tree = match repository.head().and_then(|head| head.peel_to_tree()) {
        Ok(tree) => tree,
        Err(error) if error.code() == ErrorCode::UnbornBranch => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut index = repository.index()?;
    index.read_tree(&tree)?;
    index.write()?;
    let top = repository.workdir().unwrap_or(repository.path());
    for entry in index.iter() {
        let Ok(blob) = repository.find_blob(entry.id) else {
            continue;
        };
        let path = top.join(String::from_utf8_lossy(&entry.path).as_ref());
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, blob.content()));
        written.map_err(|error| git2::Error::from_str(&error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use git2::Signature;

    use super::*;

    #[test]
    fn a_clone_that_holds_too_much_is_not_told_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let somebody = Signature::now("Somebody", "somebody@example.com").unwrap();
        let mut tip = None;
        for round in 0..3 {
            let blob = repository.blob(format!("file {round}").as_bytes()).unwrap();
            let mut tree = repository.treebuilder(None).unwrap();
            tree.insert("file", blob, 0o100_644).unwrap();
            let tree = repository.find_tree(tree.write().unwrap()).unwrap();
            let parents: Vec<_> = tip
                .map(|id| repository.find_commit(id).unwrap())
                .into_iter()
                .collect();
            let id = repository
                .commit(
                    Some("HEAD"),
                    &somebody,
                    &somebody,
                    "",
                    &tree,
                    &parents.iter().collect::<Vec<_>>(),
                )
                .unwrap();
            tip = Some(id);
        }
        let tips = [tip.unwrap()];
        let packed = |objects, bytes| {
            let bounds = Bounds { objects, bytes };
            let packed = pack(&repository, &tips, &mut HashSet::new(), &bounds);
            packed.unwrap().is_some()
        };
        assert!(packed(9, 100), "three commits, trees and files");
        assert!(!packed(5, 100) && !packed(9, 10));

        let left_out = Some("holds too much".to_owned());
        let held = Held {
            left_out,
            ..Held::default()
        };
        let elsewhere = folder.path().join("elsewhere");
        let refused = restore(&elsewhere, &held).unwrap_err();
        assert_eq!(refused.message(), "holds too much");
        assert!(!elsewhere.exists());
    }
}

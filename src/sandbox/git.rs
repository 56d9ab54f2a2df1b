//! The practice Git remote: a bare repository that holds the skeleton of a deployments repository.

use std::path::Path;

use git2::{Index, IndexEntry, IndexTime, Repository, RepositoryInitOptions, Signature, Time};
use url::Url;

const BRANCH: &str = "refs/heads/main";
/// The first of January 2022: the same skeleton has the same commit id everywhere.
const COMMITTED: i64 = 1_640_995_200;

/// Makes sure that a bare repository with the skeleton is at `path`, and returns its `file://` URL.
///
/// A repository that has its first commit is left as it is: the world has moved on since.
pub fn ensure_remote(path: &Path, skeleton: &[(String, Vec<u8>)]) -> Result<String, git2::Error> {
    // Made a second time, its files would change their modes.
    let repository = Repository::open_bare(path).or_else(|_| {
        let mut options = RepositoryInitOptions::new();
        options
            .bare(true)
            .initial_head("main")
            // No hooks and settings from this machine.
            .external_template(false);
        Repository::init_opts(path, &options)
    })?;
    if repository.find_reference(BRANCH).is_err() {
        commit(&repository, skeleton)?;
    }
    let path = std::path::absolute(path)
        .map_err(|error| git2::Error::from_str(&format!("{}: {error}", path.display())))?;
    let url = Url::from_file_path(&path).expect("the path is absolute");
    Ok(url.into())
}

fn commit(repository: &Repository, skeleton: &[(String, Vec<u8>)]) -> Result<(), git2::Error> {
    let mut index = Index::new()?;
    for (path, content) in skeleton {
        index.add(&IndexEntry {
            ctime: IndexTime::new(0, 0),
            mtime: IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode: 0o100_644,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: repository.blob(content)?,
            flags: 0,
            flags_extended: 0,
            path: path.as_bytes().to_vec(),
        })?;
    }
    let tree = repository.find_tree(index.write_tree_to(repository)?)?;
    let upstream = Signature::new(
        "Upstream",
        "upstream@practice.invalid",
        &Time::new(COMMITTED, 0),
    )?;
    let message = "Start the deployments repository\n";
    repository.commit(Some(BRANCH), &upstream, &upstream, message, &tree, &[])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton() -> Vec<(String, Vec<u8>)> {
        vec![
            ("README.md".into(), b"# Deployments\n".to_vec()),
            ("rok/eks/stack.yaml.j2".into(), b"a: {{B}}\n".to_vec()),
        ]
    }

    #[test]
    fn a_clone_holds_the_skeleton() {
        let directory = tempfile::tempdir().unwrap();
        let url = ensure_remote(&directory.path().join("a b.git"), &skeleton()).unwrap();
        assert!(url.starts_with("file:///"), "{url}");
        let clone = Repository::clone(&url, directory.path().join("clone")).unwrap();
        let head = clone.head().unwrap();
        assert_eq!(head.shorthand().unwrap(), "main");
        assert_eq!(head.peel_to_commit().unwrap().parent_count(), 0);
        for (path, content) in skeleton() {
            let found = std::fs::read(clone.workdir().unwrap().join(&path)).unwrap();
            assert_eq!(found, content, "{path}");
        }
    }

    #[test]
    fn making_it_again_keeps_what_was_pushed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("remote.git");
        ensure_remote(&path, &skeleton()).unwrap();
        let repository = Repository::open_bare(&path).unwrap();
        let first = repository.find_reference(BRANCH).unwrap();
        let first = first.peel_to_commit().unwrap();
        let tree = first.tree().unwrap();
        let author = Signature::now("Someone", "someone@example.com").unwrap();
        let second = repository
            .commit(Some(BRANCH), &author, &author, "more", &tree, &[&first])
            .unwrap();
        ensure_remote(&path, &skeleton()).unwrap();
        assert_eq!(repository.refname_to_id(BRANCH).unwrap(), second);
    }

    #[test]
    fn the_same_skeleton_is_the_same_commit() {
        let directory = tempfile::tempdir().unwrap();
        let ids = ["one", "two"].map(|name| {
            let path = directory.path().join(name);
            ensure_remote(&path, &skeleton()).unwrap();
            let repository = Repository::open_bare(&path).unwrap();
            repository.refname_to_id(BRANCH).unwrap()
        });
        assert_eq!(ids[0], ids[1]);
    }
}

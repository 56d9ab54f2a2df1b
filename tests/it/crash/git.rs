//! What a repository means: refs, all that they lead to, and what lies around in the working tree.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use git2::{ObjectType, Oid, Reference, Repository};
use serde_json::{Value, json};

use super::sealed::Sealed;

/// Refs with their tags' texts, their histories, and the state of the working tree. What Git remembers
/// of a remote may be behind HEAD: a push that breaks off may have arrived, and the next fetch tells.
pub(super) fn meaning(path: &Path, sealed: &Sealed) -> Value {
    let repository = Repository::open(path).expect("it is a repository");
    let references = repository.references().expect("refs can be listed");
    let mut commits = HashMap::new();
    let mut refs: Vec<Value> = references
        .map(|reference| {
            let reference = reference.expect("a ref can be read");
            let name = reference.name().expect("its name is text").to_owned();
            if let Ok(Some(target)) = reference.symbolic_target() {
                return json!([name, target]);
            }
            if reference.is_remote() {
                let (_, behind) = from_head(&repository, &reference);
                return json!([name, behind == 0]);
            }
            let tag = reference.peel_to_tag().ok().map(|tag| {
                let tagger = tag.tagger().map(|tagger| tagger.to_string());
                json!([tag.message().ok().flatten(), tagger])
            });
            let commit = reference.peel(ObjectType::Commit).expect("it leads to one");
            let history = history(&repository, commit.id(), |id| {
                // Most refs lead to the same ones.
                let known = commits.entry(id);
                known
                    .or_insert_with(|| of_a_commit(&repository, id, sealed))
                    .clone()
            });
            json!([name, tag, history])
        })
        .collect();
    refs.sort_by_key(ToString::to_string);
    let head = repository.find_reference("HEAD").expect("there is a HEAD");
    let status: Vec<_> = if repository.is_bare() {
        Vec::new()
    } else {
        let status = repository.statuses(None).expect("the status can be asked");
        status
            .iter()
            .map(|entry| format!("{} {:?}", entry.path().unwrap_or("?"), entry.status()))
            .collect()
    };
    json!({
        "refs": refs,
        "head": head.symbolic_target().ok().flatten(),
        "state": format!("{:?}", repository.state()),
        "status": status,
    })
}

/// What a repository remembers of its remotes: each ref, and how far it is from HEAD.
pub(super) fn remotes(path: &Path) -> Value {
    let repository = Repository::open(path).expect("it is a repository");
    let references = repository.references().expect("refs can be listed");
    let references = references.map(|reference| reference.expect("a ref can be read"));
    let remotes = references.filter(|reference| {
        let is_symbolic = matches!(reference.symbolic_target(), Ok(Some(_)));
        reference.is_remote() && !is_symbolic
    });
    remotes
        .map(|reference| json!([reference.name().ok(), from_head(&repository, &reference)]))
        .collect()
}

/// How many commits HEAD has that a ref does not lead to, and the other way about.
fn from_head(repository: &Repository, reference: &Reference<'_>) -> (usize, usize) {
    let commit = reference.peel_to_commit().expect("it leads to one").id();
    let head = repository.refname_to_id("HEAD").expect("HEAD is born");
    let far = repository.graph_ahead_behind(head, commit);
    far.expect("both are there")
}

/// The commits that lead to one, oldest first.
fn history(repository: &Repository, tip: Oid, mut meaning: impl FnMut(Oid) -> Value) -> Vec<Value> {
    let mut walk = repository.revwalk().expect("history can be walked");
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)
        .expect("any order is fine");
    walk.push(tip).expect("it is a commit");
    walk.map(|id| meaning(id.expect("its history is whole")))
        .collect()
}

/// A commit: tree, message with its trailers, who. What is sealed counts by what it means.
fn of_a_commit(repository: &Repository, id: Oid, sealed: &Sealed) -> Value {
    let commit = repository.find_commit(id).expect("a commit can be read");
    // Reading the tree proves that its objects are there.
    let tree = commit.tree().expect("its tree is there");
    let mut files = 0;
    let mut message = commit.message().expect("a message is text").to_owned();
    let mut listing = String::new();
    tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
        let object = entry.to_object(repository).expect("its files are there");
        files += 1;
        let path = format!("{folder}{}", entry.name().expect("a name is text"));
        let clear = object
            .as_blob()
            .and_then(|blob| sealed.meaning(&path, blob.content()));
        let id = entry.id().to_string();
        if clear.is_some() {
            message = message.replace(&id, &format!("<{path}>"));
        }
        // A folder's id says what is in it.
        if object.as_tree().is_none() {
            let content = clear.unwrap_or(id);
            writeln!(listing, "{:o} {path} {content}", entry.filemode()).expect("it is a text");
        }
        git2::TreeWalkResult::Ok
    })
    .expect("a tree can be walked");
    let content = Oid::hash_object(ObjectType::Blob, listing.as_bytes());
    json!([
        content.expect("a text can be hashed").to_string(),
        files,
        message,
        commit.author().to_string(),
        commit.committer().to_string(),
        commit.parent_count(),
    ])
}

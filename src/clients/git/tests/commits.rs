//! Commits of exact paths, beside other people's work in the same clone.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{World, commit, commit_paths, request, trailers};
use crate::clients::git::GitError;

#[test]
fn author_committer_and_trailers_are_as_agreed() {
    let world = World::new();
    let clone = world.clone("ops");
    let id = commit(&clone, "rok/new.yaml", "a: 1\n", "rok.storage-patch").unwrap();
    let shown = world.run(
        clone.directory(),
        &["show", "-s", "--format=%H|%an <%ae>|%cn <%ce>|%B", "HEAD"],
    );
    let author = format!(
        "Rok Deploy v{} <no-reply@arrikto.com>",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        shown,
        format!(
            "{id}|{author}|Ann Operator <ann@example.com>|Update Rok manifests\n\nRok-Deploy-Run: \
             r1\nRok-Deploy-Step: rok.storage-patch"
        )
    );
    assert_eq!(world.run(clone.directory(), &["status", "--porcelain"]), "");
    world.run(clone.directory(), &["fsck", "--strict"]);
}

#[test]
fn foreign_staged_and_dirty_files_survive() {
    let world = World::new();
    let clone = world.clone("ops");
    let directory = clone.directory();
    World::put(directory, "theirs/notes.txt", "staged\n");
    World::put(directory, "theirs/added.txt", "added\n");
    world.run(directory, &["add", "theirs"]);
    World::put(directory, "theirs/notes.txt", "staged, then edited\n");
    World::put(directory, "untracked", "u\n");
    world.run(directory, &["rm", "-q", "--cached", "README.md"]);
    let foreign = || {
        let staged = world.run(
            directory,
            &["diff", "--cached", "--", "theirs", "README.md"],
        );
        let dirty = world.run(directory, &["diff", "--", "theirs", "README.md"]);
        (
            staged,
            dirty,
            world.run(directory, &["status", "--porcelain"]),
        )
    };
    let before = foreign();
    assert!(commit(&clone, "rok/new.yaml", "a: 1\n", "s").is_some());
    assert_eq!(foreign(), before);
    let shown = world.run(directory, &["show", "--name-status", "--format=", "HEAD"]);
    assert_eq!(shown, "A\trok/new.yaml");
}

#[test]
fn the_same_again_is_nothing_to_commit() {
    let world = World::new();
    let clone = world.clone("ops");
    let id = commit(&clone, "a", "1", "s");
    assert!(id.is_some());
    assert_eq!(commit(&clone, "a", "1", "s"), None);
    assert_eq!(commit_paths(&clone, &["never-there"], "s"), None);
    assert_eq!(clone.head().unwrap().commit, id);
}

#[test]
fn an_absent_file_is_a_deletion() {
    let world = World::new();
    let clone = world.clone("ops");
    fs::remove_file(clone.directory().join("theirs/notes.txt")).unwrap();
    assert!(commit_paths(&clone, &["theirs/notes.txt"], "s").is_some());
    assert_eq!(
        world.run(clone.directory(), &["ls-tree", "-r", "--name-only", "HEAD"]),
        "README.md"
    );
    assert_eq!(world.run(clone.directory(), &["status", "--porcelain"]), "");
}

#[test]
fn a_run_killed_before_the_index_moved_is_mended() {
    let world = World::new();
    let clone = world.clone("ops");
    let directory = clone.directory();
    let index = fs::read(directory.join(".git/index")).unwrap();
    commit(&clone, "a", "1", "s").unwrap();
    fs::write(directory.join(".git/index"), index).unwrap();
    assert_eq!(
        world.run(directory, &["status", "--porcelain"]),
        "D  a\n?? a"
    );
    assert_eq!(commit(&clone, "a", "1", "s"), None);
    assert_eq!(world.run(directory, &["status", "--porcelain"]), "");
}

#[test]
fn filters_and_executable_bits_are_honoured() {
    let world = World::new();
    world.configure("[filter \"crypt\"]\n\tclean = tr a-z A-Z\n\tsmudge = cat\n\trequired = true");
    let clone = world.clone("ops");
    World::put(
        clone.directory(),
        ".gitattributes",
        "secrets/* filter=crypt\n*.txt text\n",
    );
    World::put(clone.directory(), "run.sh", "#!/bin/sh\n");
    World::put(clone.directory(), "dos.txt", "a\r\nb\r\n");
    let script = clone.directory().join("run.sh");
    fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    clone.write("secrets/key", b"clear").unwrap();
    commit_paths(
        &clone,
        &["secrets/key", "run.sh", "dos.txt", ".gitattributes"],
        "s",
    )
    .unwrap();
    assert_eq!(
        clone.read_head("secrets/key").unwrap().as_deref(),
        Some(&b"CLEAR"[..])
    );
    assert_eq!(
        clone.read_head("dos.txt").unwrap().as_deref(),
        Some(&b"a\nb\n"[..])
    );
    let modes = world.run(clone.directory(), &["ls-tree", "HEAD", "run.sh"]);
    assert!(modes.starts_with("100755 "), "{modes}");
    assert_eq!(world.run(clone.directory(), &["status", "--porcelain"]), "");
}

#[test]
fn an_unknown_operator_is_asked_to_introduce_themselves() {
    let world = World::new();
    let clone = world.clone("ops");
    fs::write(world.path().join("home/gitconfig"), "").unwrap();
    clone.write("a", b"1").unwrap();
    let paths = ["a".to_owned()];
    let error = clone.commit(&request("m", &[], &paths)).unwrap_err();
    assert!(matches!(error, GitError::Identity), "{error:?}");
    let mut named = World::new();
    named
        .environment
        .push(("GIT_COMMITTER_NAME".into(), "Env".into()));
    named
        .environment
        .push(("GIT_COMMITTER_EMAIL".into(), "env@example.com".into()));
    let clone = named.clone("ops");
    commit(&clone, "a", "1", "s").unwrap();
    assert_eq!(
        named.run(clone.directory(), &["show", "-s", "--format=%cn %ce"]),
        "Env env@example.com"
    );
}

#[test]
fn a_detached_head_is_refused() {
    let world = World::new();
    let clone = world.clone("ops");
    world.run(clone.directory(), &["checkout", "-q", "--detach"]);
    assert_eq!(clone.head().unwrap().branch, None);
    clone.write("a", b"1").unwrap();
    let paths = ["a".to_owned()];
    assert!(matches!(
        clone.commit(&request("m", &[], &paths)),
        Err(GitError::Detached)
    ));
    assert!(matches!(clone.push("side", &[]), Err(GitError::Detached)));
}

#[test]
fn hooks_run_and_their_word_counts() {
    let world = World::new();
    let clone = world.clone("ops");
    let hooks = clone.directory().join(".git");
    World::put(clone.directory(), "theirs/staged.txt", "s\n");
    world.run(clone.directory(), &["add", "theirs/staged.txt"]);
    World::hook(
        &hooks,
        "pre-commit",
        "git diff --cached --name-only >&2; echo no kustomize build >&2; exit 1",
    );
    clone.write("a", b"1").unwrap();
    let (index, head) = (
        fs::read(hooks.join("index")).unwrap(),
        clone.head().unwrap(),
    );
    let paths = ["a".to_owned()];
    let error = clone.commit(&request("m", &[], &paths)).unwrap_err();
    let GitError::Refused { text, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(text, "a\nno kustomize build");
    assert_eq!(
        (
            clone.head().unwrap(),
            fs::read(hooks.join("index")).unwrap()
        ),
        (head, index)
    );
    assert_eq!(fs::read(clone.directory().join("a")).unwrap(), b"1");

    fs::remove_file(hooks.join("hooks/pre-commit")).unwrap();
    World::hook(
        &hooks,
        "commit-msg",
        "echo 'Signed-off-by: Hook <h@example.com>' >> \"$1\"",
    );
    let id = clone
        .commit(&request("m", &trailers("s"), &paths))
        .unwrap()
        .unwrap();
    assert_eq!(clone.head().unwrap().commit, Some(id));
    let log = clone.log(1).unwrap();
    assert_eq!(
        log[0].author,
        format!(
            "Rok Deploy v{} <no-reply@arrikto.com>",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert_eq!(log[0].trailers.last().unwrap().0, "Signed-off-by");
    assert_eq!(
        world.run(clone.directory(), &["status", "--porcelain"]),
        "A  theirs/staged.txt"
    );
    assert!(!hooks.join("rok-deploy-index").exists());
}

#[test]
fn a_hooks_path_elsewhere_is_found() {
    let world = World::new();
    let shared = world.path().join("shared");
    World::hook(&shared, "pre-commit", "echo shared hook >&2; exit 1");
    world.configure(&format!(
        "[core]\n\thooksPath = {}",
        shared.join("hooks").display()
    ));
    let clone = world.clone("ops");
    clone.write("a", b"1").unwrap();
    let paths = ["a".to_owned()];
    let error = clone.commit(&request("m", &[], &paths)).unwrap_err();
    assert!(
        matches!(&error, GitError::Refused { text, .. } if text == "shared hook"),
        "{error:?}"
    );
}

/// Makes an ssh key and tells Git to sign with it. Returns false where there is no ssh-keygen.
pub(super) fn sign_with_ssh(world: &World, key: &Path) -> bool {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f"])
        .arg(key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return false;
    }
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = key.with_extension("signers");
    fs::write(&signers, format!("ann@example.com {public}")).unwrap();
    world.configure(&format!(
        "[commit]\n\tgpgsign = true\n[tag]\n\tgpgsign = true\n[gpg]\n\tformat = ssh\n[user]\n\tsigningkey = {}\n[gpg \
         \"ssh\"]\n\tallowedSignersFile = {}",
        key.display(),
        signers.display()
    ));
    true
}

#[test]
fn signed_commits_verify_also_after_a_rebase() {
    let world = World::new();
    if !sign_with_ssh(&world, &world.path().join("key")) {
        return;
    }
    let clone = world.clone("ops");
    commit(&clone, "a", "1", "s").unwrap();
    world.run(clone.directory(), &["verify-commit", "HEAD"]);
    world.other_pushes("theirs/notes.txt", "second\n");
    clone.push("side", &[]).unwrap();
    assert_eq!(
        world.run(&world.remote(), &["rev-list", "--count", "main"]),
        "3"
    );
    world.run(clone.directory(), &["verify-commit", "HEAD"]);
}

#[test]
fn a_failed_signature_keeps_the_tree() {
    let world = World::new();
    let key = world.path().join("key");
    if !sign_with_ssh(&world, &key) {
        return;
    }
    let clone = world.clone("ops");
    fs::remove_file(&key).unwrap();
    clone.write("a", b"1").unwrap();
    let head = clone.head().unwrap();
    let paths = ["a".to_owned()];
    let error = clone.commit(&request("m", &[], &paths)).unwrap_err();
    assert!(matches!(error, GitError::Refused { .. }), "{error:?}");
    assert_eq!(clone.head().unwrap(), head);
    assert_eq!(clone.read("a").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn history_tells_the_commits_of_a_step_newest_first() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "a", "render 1\n", "rok.storage-patch").unwrap();
    commit(&clone, "b", "other step\n", "rok.configvars-patch").unwrap();
    World::put(clone.directory(), "a", "operator's edit\n");
    world.run(clone.directory(), &["commit", "-qam", "Edit by hand"]);
    commit(&clone, "c", "same step, other path\n", "rok.storage-patch").unwrap();
    clone.write("a", b"render 2\n").unwrap();
    let both = [trailers("aws.stack"), trailers("rok.storage-patch")].concat();
    clone
        .commit(&request("Two steps", &both, &["a".to_owned()]))
        .unwrap();
    let found = clone
        .commits_with_trailer("Rok-Deploy-Step", "rok.storage-patch", usize::MAX)
        .unwrap();
    let subjects: Vec<_> = found.iter().map(|commit| commit.subject.as_str()).collect();
    assert_eq!(
        subjects,
        ["Two steps", "Update Rok manifests", "Update Rok manifests"]
    );
    let ids: Vec<_> = found.iter().map(|commit| commit.id.clone()).collect();
    let newest = clone
        .commits_with_trailer("Rok-Deploy-Step", "rok.storage-patch", 1)
        .unwrap();
    assert_eq!(newest, found[..1]);
    assert_eq!(clone.newest_of(&ids[1..]).unwrap().as_ref(), Some(&ids[1]));
    assert_eq!(clone.newest_of(&["0".repeat(40)]).unwrap(), None);
    let of = |id: &str| String::from_utf8(clone.read_at(id, "a").unwrap().unwrap()).unwrap();
    assert_eq!(of(&ids[0]), "render 2\n");
    assert_eq!(of(&ids[2]), "render 1\n");
    assert_eq!(clone.log(2).unwrap().len(), 2);
    assert_eq!(clone.log(0).unwrap().len(), 0);
}

//! Pushes: alone, after others, against rules, and killed half-way.

use std::fs;
use std::thread;

use super::{World, commit};
use crate::clients::git::{GitError, PushOutcome, PushRight};

const TAG: &str = "deploy/2024-01-01T00.00.00Z/release-1.5/objectstorage";

const GH013: &str = "while read old new ref; do case $ref in refs/heads/main)\n\
    echo 'error: GH013: Repository rule violations found for refs/heads/main.' >&2\n\
    echo '- Changes must be made through a pull request.' >&2; exit 1;; esac; done";

fn tags() -> Vec<String> {
    vec![TAG.to_owned()]
}

fn tagged(clone: &crate::clients::git::Clone) {
    let head = clone.head().unwrap().commit.unwrap();
    clone
        .tag(TAG, &head, "Authorize Access to Object Storage on AWS")
        .unwrap();
}

#[test]
fn commits_and_tags_arrive_together_and_once() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "a", "1", "s").unwrap();
    tagged(&clone);
    let state = clone.unpushed().unwrap();
    assert_eq!(
        (state.commits, state.tags, state.remote_known),
        (1, tags(), true)
    );
    assert_eq!(clone.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    let head = clone.head().unwrap().commit.unwrap();
    assert_eq!(world.run(&world.remote(), &["rev-parse", "main"]), head);
    assert_eq!(
        world.run(
            &world.remote(),
            &["rev-parse", &format!("{TAG}^{{commit}}")]
        ),
        head
    );
    let state = clone.unpushed().unwrap();
    assert_eq!((state.commits, state.tags.len()), (0, 0));
    assert_eq!(clone.push("side", &tags()).unwrap(), PushOutcome::UpToDate);
    let pushes: Vec<_> = world
        .wire
        .records()
        .into_iter()
        .filter(|record| record.method == "push")
        .collect();
    assert_eq!(pushes.len(), 2);
    assert!(
        pushes
            .iter()
            .all(|record| record.write && record.status == Some(0))
    );
    assert_eq!(
        pushes[0].operation,
        format!("refs/heads/main refs/tags/{TAG}")
    );
}

#[test]
fn a_server_without_atomic_pushes_gets_them_one_by_one() {
    let world = World::new();
    world.run(
        &world.remote(),
        &["config", "receive.advertiseAtomic", "false"],
    );
    let clone = world.clone("ops");
    commit(&clone, "a", "1", "s").unwrap();
    tagged(&clone);
    assert_eq!(clone.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    assert_eq!(clone.unpushed().unwrap().tags.len(), 0);
}

#[test]
fn ours_go_on_top_when_others_changed_other_paths() {
    let world = World::new();
    let clone = world.clone("ops");
    let directory = clone.directory();
    commit(&clone, "rok/a", "1", "s").unwrap();
    commit(&clone, "rok/b", "1", "t").unwrap();
    tagged(&clone);
    let before = world.run(directory, &["log", "-2", "--format=%an %ae %at %B"]);
    World::put(directory, "README.md", "dirty\n");
    World::put(directory, "staged", "s\n");
    world.run(directory, &["add", "staged"]);
    world.other_pushes("theirs/notes.txt", "second\n");
    world.other_pushes("theirs/more.txt", "new\n");
    assert_eq!(clone.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    assert_eq!(
        world.run(directory, &["log", "-2", "--format=%an %ae %at %B"]),
        before
    );
    let head = clone.head().unwrap();
    assert_eq!(head.branch.as_deref(), Some("main"));
    assert_eq!(
        head.commit,
        Some(world.run(&world.remote(), &["rev-parse", "main"]))
    );
    assert_eq!(
        world.run(
            &world.remote(),
            &["rev-parse", &format!("{TAG}^{{commit}}")]
        ),
        head.commit.unwrap()
    );
    assert_eq!(
        world.run(directory, &["status", "--porcelain"]),
        " M README.md\nA  staged"
    );
    assert_eq!(
        fs::read_to_string(directory.join("README.md")).unwrap(),
        "dirty\n"
    );
    assert_eq!(
        clone.read("theirs/notes.txt").unwrap().as_deref(),
        Some(&b"second\n"[..])
    );
    assert_eq!(
        world.run(directory, &["rev-list", "--count", "--merges", "HEAD"]),
        "0"
    );
    world.run(directory, &["fsck", "--strict"]);
}

#[test]
fn overlapping_paths_are_named_and_nothing_moves() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "theirs/notes.txt", "ours\n", "s").unwrap();
    let head = clone.head().unwrap();
    world.other_pushes("theirs/notes.txt", "second\n");
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(&error, GitError::Diverged { paths, .. } if paths == &["theirs/notes.txt"]),
        "{error:?}"
    );
    assert_eq!(clone.head().unwrap(), head);
    assert_eq!(world.run(clone.directory(), &["status", "--porcelain"]), "");
}

#[test]
fn a_file_in_the_way_of_a_directory_overlaps() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    world.other_pushes("rok", "a file\n");
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(&error, GitError::Diverged { paths, .. } if paths == &["rok/a"]),
        "{error:?}"
    );
}

#[test]
fn an_operators_own_commit_is_not_rebased() {
    let world = World::new();
    let clone = world.clone("ops");
    World::put(clone.directory(), "mine", "1");
    world.run(clone.directory(), &["add", "mine"]);
    world.run(clone.directory(), &["commit", "-qm", "My own work"]);
    commit(&clone, "rok/a", "1", "s").unwrap();
    let head = clone.head().unwrap();
    world.other_pushes("theirs/notes.txt", "second\n");
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(&error, GitError::Diverged { text, .. } if text.contains("My own work")),
        "{error:?}"
    );
    assert_eq!(clone.head().unwrap(), head);
}

#[test]
fn a_dirty_file_that_others_changed_stops_the_rebase() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    let head = clone.head().unwrap();
    World::put(clone.directory(), "theirs/notes.txt", "unsaved work\n");
    world.other_pushes("theirs/notes.txt", "second\n");
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(&error, GitError::Diverged { text, .. } if text.contains("theirs/notes.txt")),
        "{error:?}"
    );
    assert_eq!(clone.head().unwrap(), head);
    assert_eq!(
        clone.read("theirs/notes.txt").unwrap().as_deref(),
        Some(&b"unsaved work\n"[..])
    );
    assert_eq!(
        world.run(clone.directory(), &["for-each-ref", "refs/rok-deploy"]),
        ""
    );
}

#[test]
fn a_squashed_pull_request_is_recognised() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "0", "s").unwrap();
    commit(&clone, "rok/a", "1", "s").unwrap();
    world.other_pushes("rok/a", "1");
    world.other_pushes("theirs/notes.txt", "second\n");
    assert_eq!(clone.unpushed().unwrap().commits, 2);
    assert_eq!(clone.push("side", &[]).unwrap(), PushOutcome::UpToDate);
    assert_eq!(
        clone.head().unwrap().commit,
        Some(world.run(&world.remote(), &["rev-parse", "main"]))
    );
    assert_eq!(world.run(clone.directory(), &["status", "--porcelain"]), "");
}

#[test]
fn being_only_behind_pushes_the_tags() {
    let world = World::new();
    let clone = world.clone("ops");
    tagged(&clone);
    world.other_pushes("theirs/notes.txt", "second\n");
    assert_eq!(clone.push("side", &[]).unwrap(), PushOutcome::UpToDate);
    assert_eq!(clone.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    assert_eq!(
        clone.unpushed().unwrap(),
        crate::clients::git::PushState {
            remote_known: true,
            ..Default::default()
        }
    );
}

#[test]
fn a_protected_branch_gets_a_side_branch() {
    let world = World::new();
    World::hook(&world.remote(), "pre-receive", GH013);
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    tagged(&clone);
    let head = clone.head().unwrap().commit.unwrap();
    let start = world.run(&world.remote(), &["rev-parse", "main"]);
    let outcome = clone.push("rok-deploy/r1", &tags()).unwrap();
    let PushOutcome::Diverted { branch, reason } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(branch, "rok-deploy/r1");
    assert!(
        reason.contains("GH013: Repository rule violations found for refs/heads/main."),
        "{reason}"
    );
    assert!(
        reason.contains("Changes must be made through a pull request."),
        "{reason}"
    );
    assert_eq!(world.run(&world.remote(), &["rev-parse", "main"]), start);
    assert_eq!(
        world.run(&world.remote(), &["rev-parse", "rok-deploy/r1"]),
        head
    );
    assert_eq!(
        world.run(
            &world.remote(),
            &["rev-parse", &format!("{TAG}^{{commit}}")]
        ),
        head
    );
    let state = clone.unpushed().unwrap();
    assert_eq!(
        (state.commits, state.diverted.as_deref()),
        (1, Some("rok-deploy/r1"))
    );
    // Another run finds its commits there and makes no second branch.
    let again = clone.push("rok-deploy/r2", &tags()).unwrap();
    assert!(
        matches!(&again, PushOutcome::Diverted { branch, .. } if branch == "rok-deploy/r1"),
        "{again:?}"
    );
    assert_eq!(
        world.run(
            &world.remote(),
            &["for-each-ref", "refs/heads/rok-deploy/r2"]
        ),
        ""
    );
}

#[test]
fn a_taken_side_branch_is_not_overwritten() {
    let world = World::new();
    let seed = world.seed();
    world.run(&seed, &["switch", "-qc", "elsewhere"]);
    World::put(&seed, "x", "1");
    world.run(&seed, &["add", "x"]);
    world.run(&seed, &["commit", "-qm", "x"]);
    world.run(
        &seed,
        &["push", "-q", "origin", "HEAD:refs/heads/rok-deploy/r1"],
    );
    let taken = world.run(&seed, &["rev-parse", "HEAD"]);
    World::hook(&world.remote(), "pre-receive", GH013);
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    let outcome = clone.push("rok-deploy/r1", &[]).unwrap();
    assert!(
        matches!(&outcome, PushOutcome::Diverted { branch, .. } if branch == "rok-deploy/r1-2"),
        "{outcome:?}"
    );
    assert_eq!(
        world.run(&world.remote(), &["rev-parse", "rok-deploy/r1"]),
        taken
    );
}

#[test]
fn rules_on_every_branch_are_a_rejection() {
    let world = World::new();
    World::hook(
        &world.remote(),
        "pre-receive",
        "echo 'GH013: Push cannot contain secrets' >&2; exit 1",
    );
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    let error = clone.push("rok-deploy/r1", &[]).unwrap_err();
    let GitError::Rejected { text, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(
        text.contains("Push cannot contain secrets") && text.contains("pre-receive hook declined"),
        "{text}"
    );
}

#[test]
fn a_rule_on_tags_is_a_rejection_and_not_a_side_branch() {
    let world = World::new();
    World::hook(
        &world.remote(),
        "update",
        "case $1 in refs/tags/*) echo no tags >&2; exit 1;; esac",
    );
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    tagged(&clone);
    let error = clone.push("rok-deploy/r1", &tags()).unwrap_err();
    assert!(
        matches!(&error, GitError::Rejected { text, .. } if text.contains("no tags") && text.contains(TAG)),
        "{error:?}"
    );
    assert_eq!(
        world.run(&world.remote(), &["for-each-ref", "--format=%(refname)"]),
        "refs/heads/main"
    );
}

#[test]
fn the_operators_own_hook_is_obeyed() {
    let world = World::new();
    let clone = world.clone("ops");
    World::hook(
        &clone.directory().join(".git"),
        "pre-push",
        "echo not on Fridays >&2; exit 1",
    );
    commit(&clone, "rok/a", "1", "s").unwrap();
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(&error, GitError::Refused { text, .. } if text.contains("not on Fridays")),
        "{error:?}"
    );
}

#[test]
fn the_right_to_push_is_asked_without_pushing() {
    let world = World::new();
    let clone = world.clone("ops");
    commit(&clone, "rok/a", "1", "s").unwrap();
    assert_eq!(clone.can_push().unwrap(), PushRight::Allowed);
    world.other_pushes("theirs/notes.txt", "second\n");
    assert_eq!(clone.can_push().unwrap(), PushRight::Allowed);
    assert_eq!(world.wire.writes(), 0);
    let gone = world.path().join("gone.git");
    fs::rename(world.remote(), gone).unwrap();
    assert!(matches!(clone.can_push().unwrap(), PushRight::Unknown(_)));
    let error = clone.push("side", &[]).unwrap_err();
    assert!(
        matches!(error, GitError::RepositoryNotFound { .. }),
        "{error:?}"
    );
    world.run(clone.directory(), &["remote", "remove", "origin"]);
    assert!(matches!(clone.can_push().unwrap(), PushRight::Unknown(_)));
    assert!(matches!(clone.push("side", &[]), Err(GitError::NoRemote)));
}

#[test]
fn many_operators_push_at_once() {
    let world = World::new();
    let clones: Vec<_> = (0..4)
        .map(|number| (number, world.clone(&format!("ops-{number}"))))
        .collect();
    for (number, clone) in &clones {
        commit(clone, &format!("team-{number}/file"), "1", "s").unwrap();
    }
    let pushers: Vec<_> = clones
        .into_iter()
        .map(|(_, clone)| thread::spawn(move || clone.push("side", &[]).unwrap()))
        .collect();
    for pusher in pushers {
        assert_eq!(pusher.join().unwrap(), PushOutcome::Pushed);
    }
    let files = world.run(&world.remote(), &["ls-tree", "-r", "--name-only", "main"]);
    for number in 0..4 {
        assert!(files.contains(&format!("team-{number}/file")), "{files}");
    }
    assert_eq!(
        world.run(&world.remote(), &["rev-list", "--count", "main"]),
        "5"
    );
}

#[test]
fn a_rebase_killed_before_the_branch_moved_is_taken_back() {
    let world = World::new();
    let clone = world.clone("ops");
    let directory = clone.directory();
    commit(&clone, "rok/a", "1", "s").unwrap();
    world.other_pushes("theirs/notes.txt", "second\n");
    // What the killed run left: the note where it was going, and the working tree moved there.
    world.run(directory, &["fetch", "-q"]);
    let head = clone.head().unwrap().commit.unwrap();
    world.run(
        directory,
        &["update-ref", "refs/rok-deploy/rebase", "origin/main"],
    );
    world.run(directory, &["read-tree", "-m", "-u", &head, "origin/main"]);
    world.other_pushes("theirs/notes.txt", "third\n");
    assert_eq!(clone.push("side", &[]).unwrap(), PushOutcome::Pushed);
    assert_eq!(world.run(directory, &["status", "--porcelain"]), "");
    assert_eq!(
        clone.read("theirs/notes.txt").unwrap().as_deref(),
        Some(&b"third\n"[..])
    );
    assert_eq!(clone.read("rok/a").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(
        world.run(directory, &["for-each-ref", "refs/rok-deploy"]),
        ""
    );
}

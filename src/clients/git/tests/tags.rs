//! Tags that are signed, and tags of runs that began in the same second.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use super::commits::sign_with_ssh;
use super::{World, commit};
use crate::clients::git::{Clone, GitError, PushOutcome};

const TAG: &str = "deploy/2026-11-23T16.40.59Z/release-1.5/objectstorage";
const LATER: &str = "deploy/2026-11-23T16.41.00Z/release-1.5/objectstorage";

fn tags() -> Vec<String> {
    vec![TAG.to_owned()]
}

/// A clone with a commit of ours and the tag on it.
fn tagged(world: &World, name: &str) -> (Clone, String) {
    let clone = world.clone(name);
    let made = commit(&clone, &format!("rok/{name}"), "1", "s").unwrap();
    clone.tag(TAG, &made, "Authorize Access").unwrap();
    (clone, made)
}

#[test]
fn the_later_of_two_runs_of_one_second_takes_the_next() {
    let world = World::new();
    let (first, _) = tagged(&world, "first");
    let (second, _) = tagged(&world, "second");
    assert_eq!(first.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    assert_eq!(second.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    for (name, path) in [(TAG, "rok/first"), (LATER, "rok/second")] {
        let tagged = [
            "show",
            "--name-only",
            "--format=",
            &format!("{name}^{{commit}}"),
        ];
        assert_eq!(world.run(&world.remote(), &tagged), path);
        let message = ["tag", "--list", "--format=%(contents)", name];
        assert_eq!(world.run(&world.remote(), &message), "Authorize Access");
    }
    assert_eq!(second.tag_by_now(TAG).unwrap().as_deref(), Some(LATER));
    assert_eq!(second.unpushed().unwrap().tags, [""; 0]);
    // Whoever clones now knows both names.
    let third = world.clone("third");
    assert_eq!(third.free_tag(LATER).unwrap(), LATER.replace("00Z", "01Z"));
    assert_eq!(third.free_tag("deploy/x/y/z").unwrap(), "deploy/x/y/z");
}

#[test]
fn a_tag_in_the_way_does_not_look_pushed() {
    let world = World::new();
    let (first, _) = tagged(&world, "first");
    let second = world.clone("second");
    first.push("side", &tags()).unwrap();
    let head = second.head().unwrap().commit.unwrap();
    second.tag(TAG, &head, "Authorize Access").unwrap();
    assert_eq!(second.unpushed().unwrap().tags, tags());
    assert_eq!(second.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    assert_eq!(second.unpushed().unwrap().tags, [""; 0]);
}

#[test]
fn the_same_tag_on_the_same_commit_is_there_already() {
    let world = World::new();
    let (first, made) = tagged(&world, "first");
    first.push("side", &tags()).unwrap();
    // The same run, resumed on another machine: its tag object is another one.
    let second = world.clone("second");
    world.run(second.directory(), &["tag", "--delete", TAG]);
    second.tag(TAG, &made, "Authorize Access again").unwrap();
    assert_eq!(second.unpushed().unwrap().tags, [""; 0]);
    // Nothing has to be sent, and what has to be does not wait for what cannot be.
    assert_eq!(second.push("side", &tags()).unwrap(), PushOutcome::UpToDate);
    commit(&second, "rok/second", "1", "s").unwrap();
    assert_eq!(second.push("side", &tags()).unwrap(), PushOutcome::Pushed);
    assert_eq!(second.unpushed().unwrap().commits, 0);
    let message = ["tag", "--list", "--format=%(contents)", TAG];
    assert_eq!(world.run(&world.remote(), &message), "Authorize Access");
}

#[test]
fn a_protected_branch_and_a_taken_tag_come_together() {
    let world = World::new();
    let (first, _) = tagged(&world, "first");
    let (second, _) = tagged(&world, "second");
    first.push("side", &tags()).unwrap();
    World::hook(
        &world.remote(),
        "update",
        "case $1 in refs/heads/main) echo protected >&2; exit 1;; esac",
    );
    let outcome = second.push("rok-deploy/run", &tags()).unwrap();
    assert!(
        matches!(&outcome, PushOutcome::Diverted { branch, .. } if branch == "rok-deploy/run"),
        "{outcome:?}"
    );
    assert_eq!(
        world.run(
            &world.remote(),
            &["rev-parse", &format!("{LATER}^{{commit}}")]
        ),
        world.run(&world.remote(), &["rev-parse", "rok-deploy/run"])
    );
}

#[test]
fn eight_runs_of_one_second_lose_nothing() {
    let world = World::new();
    world.run(
        &world.remote(),
        &["config", "receive.denyNonFastForwards", "true"],
    );
    world.run(&world.remote(), &["config", "receive.denyDeletes", "true"]);
    let names: Vec<String> = (0..8).map(|number| format!("ops-{number}")).collect();
    let clones: Vec<Clone> = names.iter().map(|name| tagged(&world, name).0).collect();
    let pushers: Vec<_> = clones
        .into_iter()
        .map(|clone| thread::spawn(move || clone.push("side", &tags()).unwrap()))
        .collect();
    for pusher in pushers {
        assert_eq!(pusher.join().unwrap(), PushOutcome::Pushed);
    }
    let remote = world.remote();
    assert_eq!(world.run(&remote, &["rev-list", "--count", "main"]), "9");
    assert_eq!(world.run(&remote, &["rev-list", "--merges", "main"]), "");
    let listing = world.run(
        &remote,
        &["for-each-ref", "--format=%(*objectname)", "refs/tags"],
    );
    let marked: BTreeSet<&str> = listing.lines().collect();
    let listing = world.run(&remote, &["rev-list", "--max-count=8", "main"]);
    assert_eq!(marked, listing.lines().collect(), "a tag on every commit");
    world.run(&remote, &["fsck", "--strict"]);
}

#[test]
fn signed_tags_verify_also_after_a_rebase_and_another_name() {
    let world = World::new();
    if !sign_with_ssh(&world, &world.path().join("key")) {
        return;
    }
    let (first, _) = tagged(&world, "first");
    world.run(first.directory(), &["verify-tag", TAG]);
    let (second, _) = tagged(&world, "second");
    first.push("side", &tags()).unwrap();
    second.push("side", &tags()).unwrap();
    world.run(second.directory(), &["verify-tag", LATER]);
    let contents = world.run(
        second.directory(),
        &[
            "for-each-ref",
            "--format=%(contents:subject)|%(contents:body)",
            "refs/tags",
        ],
    );
    assert_eq!(contents, "Authorize Access|");
}

#[test]
fn a_tag_that_cannot_be_signed_is_not_made() {
    let world = World::new();
    let key = world.path().join("key");
    if !sign_with_ssh(&world, &key) {
        return;
    }
    let clone = world.clone("ops");
    let made = commit(&clone, "rok/a", "1", "s").unwrap();
    fs::remove_file(&key).unwrap();
    let error = clone.tag(TAG, &made, "Authorize Access").unwrap_err();
    assert!(
        matches!(&error, GitError::Refused { what, .. } if what.contains(TAG)),
        "{error:?}"
    );
    assert_eq!(clone.tags("*").unwrap(), []);
}

//! What the operator and others have in the clone stays theirs.

use super::*;

const STORAGE: &str = "rok/rok-cluster/overlays/deploy/patches/storage.yaml";
const CONFIGVARS: &str = "rok/rok-cluster/overlays/deploy/patches/configvars.yaml";

#[test]
fn edits_of_overlays_survive_a_later_run_with_other_answers() {
    let practice = Practice::new();
    practice.journey();
    let clone = practice.clone();
    let edit = |path: &str, change: &dyn Fn(&str) -> String| {
        let text = fs::read_to_string(clone.join(path)).expect("it was rendered");
        let edited = change(&text);
        assert_ne!(edited, text, "the edit of {path} changed nothing");
        fs::write(clone.join(path), edited).expect("the clone is writable");
    };
    // An added key with a comment, and the order of two other keys.
    edit(STORAGE, &|text| {
        text.replace(
            "metadata:\n  name: rok\n",
            "metadata:\n  name: rok\n  # Ours: paged at night.\n  labels:\n    team: storage\n",
        )
        .replace(
            "apiVersion: rok.arrikto.com/v1alpha1\nkind: RokCluster\n",
            "kind: RokCluster\napiVersion: rok.arrikto.com/v1alpha1\n",
        )
    });
    edit(CONFIGVARS, &|text| {
        format!("{text}    daemons.s3d.workers: \"8\" # measured\n")
    });
    practice.git(&clone, &["commit", "--quiet", "--all", "-m", "Tune Rok"]);
    let edited = |path: &str| fs::read_to_string(clone.join(path)).expect("it is there");
    let (storage, configvars) = (edited(STORAGE), edited(CONFIGVARS));

    // Nothing else changed: the edits are no difference.
    let refs = practice.git(&clone, &["rev-parse", "HEAD"]);
    practice.journey();
    assert_eq!(
        (edited(STORAGE), edited(CONFIGVARS)),
        (storage.clone(), configvars.clone())
    );
    assert_eq!(practice.git(&clone, &["rev-parse", "HEAD"]), refs);

    let role = format!("{ROLE}-two-rok");
    Practice::next_second();
    practice.expect(0, &["run", "--yes", "--set", "rok_cluster_namespace=two"]);
    assert_eq!(edited(STORAGE), storage.replace(ROLE, &role));
    assert_eq!(
        edited(CONFIGVARS),
        configvars.replace(PREFIX, &format!("{PREFIX}-two-rok"))
    );
    practice.history();
}

#[test]
fn an_edit_of_the_very_line_wins_and_is_noticed() {
    let practice = Practice::new();
    practice.journey();
    let path = practice.clone().join(STORAGE);
    let text = fs::read_to_string(&path).expect("it was rendered");
    let edited = text.replace(
        "endpoint: https://s3.us-west-2.amazonaws.com",
        "endpoint: https://s3.internal.example",
    );
    assert_ne!(edited, text);
    fs::write(&path, &edited).expect("the clone is writable");
    practice.git(
        &practice.clone(),
        &[
            "commit",
            "--quiet",
            "--all",
            "-m",
            "Use the private endpoint",
        ],
    );

    Practice::next_second();
    let output = practice.expect(0, &["run", "--yes", "--set", "rok_cluster_namespace=two"]);
    let found = fs::read_to_string(&path).expect("it is there");
    assert_eq!(found, edited.replace(ROLE, &format!("{ROLE}-two-rok")));
    assert!(
        output
            .stderr
            .contains(&format!("your edits of `{STORAGE}` are kept")),
        "{}",
        output.stderr
    );
}

#[test]
fn an_edit_that_was_amended_to_our_commit_is_still_the_operators() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--set", "gitops_push=no"]);
    let clone = practice.clone();
    let pod = clone.join("rok/rok-test/rok-verify-storage-access-eks.yaml");
    let text = fs::read_to_string(&pod).expect("it was rendered");
    let edited = text.replace("  labels:\n", "  labels:\n    team: storage\n");
    assert_ne!(edited, text);
    fs::write(&pod, &edited).expect("the clone is writable");
    practice.git(
        &clone,
        &["commit", "--quiet", "--all", "--amend", "--no-edit"],
    );

    Practice::next_second();
    let other = [
        "--set",
        "rok_cluster_namespace=two",
        "--set",
        "gitops_push=no",
    ];
    practice.expect(0, &[&["run", "--yes"][..], &other].concat());
    let found = fs::read_to_string(&pod).expect("it is there");
    assert!(
        found.contains("    team: storage\n") && found.contains("namespace: two\n"),
        "{found}"
    );
}

#[test]
fn staged_and_dirty_files_of_others_stay_as_they_are() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--only", "generate"]);
    let clone = practice.clone();
    let write = |path: &str, text: &str| fs::write(clone.join(path), text).expect("writable");
    write("README.md", "# Staged\n");
    practice.git(&clone, &["add", "README.md"]);
    write("README.md", "# Staged, then edited\n");
    write("rok/rok-namespaces/base/rok.yaml", "# Dirty\n");
    write("notes.txt", "untracked\n");
    write("staged.txt", "new and staged\n");
    practice.git(&clone, &["add", "staged.txt"]);
    let state = || {
        let diff = practice.git(&clone, &["diff"]);
        let staged = practice.git(&clone, &["diff", "--cached"]);
        let status = practice.git(&clone, &["status", "--porcelain"]);
        (diff, staged, status)
    };
    let before = state();
    assert_eq!(before.2.lines().count(), 4, "{before:?}");

    Practice::next_second();
    practice.expect(0, &["run", "--yes", "--set", "rok_cluster_namespace=two"]);
    assert_eq!(state(), before);
    let committed = practice.git(
        &clone,
        &[
            "log",
            "--format=",
            "--name-only",
            "origin/main~3..origin/main",
        ],
    );
    for path in [
        "README.md",
        "rok/rok-namespaces/base/rok.yaml",
        "notes.txt",
        "staged.txt",
    ] {
        assert!(
            !lines(&committed).contains(&path.to_owned()),
            "{path} was committed"
        );
    }
}

#[test]
fn a_template_of_the_clone_wins_over_ours() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--only", "generate"]);
    let template = format!("{STORAGE}.j2");
    let path = practice.clone().join(&template);
    let text = fs::read_to_string(&path).expect("the skeleton has it");
    fs::write(&path, format!("{text}    pathStyle: true\n")).expect("the clone is writable");
    practice.git(
        &practice.clone(),
        &["commit", "--quiet", "--all", "-m", "Use path style"],
    );
    Practice::next_second();
    practice.journey();
    let rendered = fs::read_to_string(practice.clone().join(STORAGE)).expect("it is there");
    assert!(rendered.ends_with("    pathStyle: true\n"), "{rendered}");
    practice.history();
}

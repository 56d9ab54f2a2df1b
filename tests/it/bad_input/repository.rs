//! Clones that nothing can be committed to, and templates that cannot be rendered.

use super::*;

#[test]
fn clones_that_cannot_take_a_commit() {
    let spoil: [(&str, &str); 7] = [
        ("detached", "git checkout --quiet --detach"),
        ("merging", "cp .git/HEAD .git/MERGE_HEAD"),
        (
            "another address",
            "git remote set-url origin file:///nonesuch/other.git",
        ),
        ("another branch", "git switch --quiet --create topic"),
        (
            "something else",
            "git rm -r --quiet rok && git commit --quiet -m Other",
        ),
        ("no repository", "rm -rf .git"),
        (
            "a broken env file",
            "echo nonsense > deploy/env.cloudidentity",
        ),
    ];
    let mut told = Vec::new();
    for (name, script) in spoil {
        let practice = Practice::new();
        practice.expect(0, &["run", "--yes", "--only", "generate"]);
        let clone = practice.clone();
        let mut shell = practice.env.program("sh", &["-ec", script]);
        let spoiled = finish(shell.current_dir(&clone), DEADLINE);
        assert!(spoiled.status.success(), "{name}: {spoiled:?}");
        let (files, world) = (snapshot(&clone), practice.meaning());
        let remote = practice.git(&practice.remote(), &["for-each-ref"]);

        let output = practice.run(&["run", "--yes", "--set", "gitops_branch=main"]);
        assert_ne!(output.status.code(), Some(0), "{name}: {output:?}");
        told.push(format!("{name}: {}", transcript(&practice, &output)));
        assert_eq!(snapshot(&clone), files, "{name}");
        assert_eq!(practice.meaning(), world, "{name}");
        assert_eq!(
            practice.git(&practice.remote(), &["for-each-ref"]),
            remote,
            "{name}"
        );
    }
    insta::assert_snapshot!(told.join("\n\n"), @"
    detached: exit code 2
    out: `gitops.clone`: clone `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` has a detached HEAD; expected a branch to commit to; nothing was changed.
    FAILED       gitops.clone              Clone of the deployments repository — clone `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` has a detached HEAD; expected a branch to commit to (... s)
    hint:
        git -C /tmp/rok-home-....../state/rok-deploy/sandbox/deployments switch --create rok-deploy
      makes one here
    note: whether a push is allowed is unknown: commit or push: HEAD is detached, expected a branch

    merging: exit code 2
    out: `gitops.clone`: clone `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is busy: a merge is in progress: found `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments/.git/MERGE_HEAD`; nothing was changed.
    FAILED       gitops.clone              Clone of the deployments repository — clone `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is busy: a merge is in progress: found `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments/.git/MERGE_HEAD` (... s)
    hint: finish or abort it, then run again

    another address: exit code 2
    out: `gitops.clone`: `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is a clone of file:///nonesuch/other.git; `gitops_url` says file:///tmp/rok-home-....../state/rok-deploy/sandbox/gitops.git; nothing was changed.
    FAILED       gitops.clone              Clone of the deployments repository — `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is a clone of file:///nonesuch/other.git; `gitops_url` says file:///tmp/rok-home-....../state/rok-deploy/sandbox/gitops.git (... s)
    hint: choose another `gitops_dir`, or leave `gitops_url` out to use this clone
    note: whether a push is allowed is unknown: '/nonesuch/other.git' does not appear to be a git repository

    another branch: exit code 2
    out: `gitops.clone`: clone `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is on branch `topic`; `gitops_branch` says `main`; nothing was changed.
    FAILED       gitops.clone              Clone of the deployments repository — clone `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is on branch `topic`; `gitops_branch` says `main` (... s)
    hint:
        git -C /tmp/rok-home-....../state/rok-deploy/sandbox/deployments switch main

    something else: exit code 2
    out: `gitops.clone`: `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is a clone of something else: it has no folder `rok/`; nothing was changed.
    FAILED       gitops.clone              Clone of the deployments repository — `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments` is a clone of something else: it has no folder `rok/` (... s)
    hint: set `gitops_dir` to the clone of the deployments repository

    no repository: exit code 2
    out: `environment.preflight`: open `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments`: found no Git repository; nothing was changed.
    FAILED       environment.preflight     Rights, remote, clock, programs — open `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments`: found no Git repository (... s)
    hint: give the address of a repository to clone, or an empty directory
    FAILED       gitops.clone              Clone of the deployments repository — open `/tmp/rok-home-....../state/rok-deploy/sandbox/deployments`: found no Git repository (... s)
    hint: give the address of a repository to clone, or an empty directory

    a broken env file: exit code 2
    error: `gitops_dir` is no good clone: read `deploy/env.cloudidentity`, line 1: found a line without `=`, expected `NAME=value`
    ");
}

#[test]
fn a_template_that_needs_what_nobody_answers() {
    let practice = Practice::new();
    practice.expect(0, &["run", "--yes", "--only", "generate"]);
    let clone = practice.clone();
    let template = clone.join("rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2");
    let text = fs::read_to_string(&template).expect("the skeleton has it");
    fs::write(
        &template,
        format!("{text}    zone: {{{{ZONE}}}}\n    tier: {{{{TIER}}}}\n"),
    )
    .expect("the clone is writable");
    practice.git(&clone, &["commit", "--quiet", "--all", "-m", "Add a zone"]);
    let (files, world) = (snapshot(&clone), practice.meaning());
    let output = practice.run(&["run", "--yes"]);
    insta::assert_snapshot!(ended(&practice, &output), @"
    exit code 2
    out: `rok.storage-patch`: render template `rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2`: no value for `ZONE` (line 11), `TIER` (line 12); nothing was changed.
    FAILED       rok.storage-patch         Rok's role, region and endpoint — render template `rok/rok-cluster/overlays/deploy/patches/storage.yaml.j2`: no value for `ZONE` (line 11), `TIER` (line 12) (... s)
    hint: correct the template in the clone, or give the variable's answer
    ");
    assert_eq!(snapshot(&clone), files);
    assert_eq!(practice.meaning(), world);
}

#[test]
fn a_remote_that_cannot_be_cloned() {
    let practice = Practice::new();
    practice.make_world();
    let told: Vec<_> = [
        "gitops_url=file:///nonesuch.git",
        "gitops_branch=nonesuch",
        "gitops_branch=no such branch..",
    ]
    .iter()
    .map(|answer| {
        let told = refused(&practice, &["run", "--yes", "--set", answer]);
        assert!(!practice.clone().exists(), "half a clone");
        told
    })
    .collect();
    insta::assert_snapshot!(told.join("\n\n"), @"
    exit code 2
    error: `gitops_url` cannot be used: reach `file:///nonesuch.git`: repository not found: '/nonesuch.git' does not appear to be a git repository
    hint: check the address, and that this user may read the repository

    exit code 2
    error: `gitops_branch` cannot be used: clone `file:///tmp/rok-home-....../state/rok-deploy/sandbox/gitops.git`: branch `nonesuch` not found
    hint: choose a branch that the repository has, or none for its default

    exit code 2
    error: `gitops_branch` is `no such branch..`, which Git allows for no branch; expected a name such as `main` or `release/1.5` (from --set)
    ");
}

#[test]
fn an_operator_without_a_name_cannot_commit() {
    let practice = Practice::new();
    fs::write(
        practice.env.home().join(".gitconfig"),
        "[user]\n\tuseConfigOnly = true\n",
    )
    .expect("the home is writable");
    // Practice lends a name to those who have none; a world that is taken for real does not.
    let served = practice.serve();
    let output = sourced(&practice, &served, ":", "run --recipe rok-eks --yes");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = "commit: the operator's Git identity is not configured; nothing was changed.";
    assert!(output.stdout.contains(told), "{output:?}");
    assert!(
        output.stderr.contains("git config --global user.name"),
        "{output:?}"
    );
    assert!(practice.state("aws")["roles"][ROLE].is_null());
    served.stop();
}

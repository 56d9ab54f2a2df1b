//! `rok-deploy apply DIR`: manifests of a directory go to the cluster, once, as they were approved.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::support::env::{Output, finish};
use super::support::practice::{
    DEADLINE, Practice, events, outcomes, parse_lines, snapshot, writes,
};

mod others;

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n";
const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: blue\n";
const ACCOUNT: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: shop\n";

/// The overlay of the skeleton that makes Rok's namespaces.
fn skeleton() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("templates/gitops/rok/rok-namespaces/overlays/deploy")
}

/// Writes files below the operator's home and returns the path of the directory.
fn directory(practice: &Practice, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = practice.env.home().join(name);
    for (file, text) in files {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("it is writable");
        fs::write(path, text).expect("it is writable");
    }
    directory
}

/// A base with a namespace, an account and a ConfigMap in it, and an overlay of it.
fn shop(practice: &Practice) -> PathBuf {
    let base = "namespace: shop\nresources: [config.yaml, account.yaml, namespace.yaml]\n";
    let files = [
        ("base/kustomization.yaml", base),
        ("base/namespace.yaml", NAMESPACE),
        ("base/config.yaml", CONFIG),
        ("base/account.yaml", ACCOUNT),
        (
            "overlay/kustomization.yaml",
            "resources: [../base]\nlabels: [{pairs: {team: shop}}]\n",
        ),
    ];
    directory(practice, "shop", &files)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// The requests of a run that asked for a change: `PATCH /api/v1/namespaces/shop`.
fn changes(run: &Path) -> Vec<String> {
    let operation = |record: &Value| record["operation"].as_str().map(str::to_owned);
    writes(run).iter().filter_map(operation).collect()
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn a_directory_that_cannot_be_right_begins_no_run() {
    let practice = Practice::new();
    let shop = shop(&practice);
    let said = |arguments: &[&str]| practice.expect(2, arguments).stderr;

    let absent = said(&["apply", "no/such/place", "--yes"]);
    let place = practice.env.home().join("no/such/place");
    assert_eq!(
        absent,
        format!(
            "error: {} does not exist; expected a directory with a kustomization\n",
            place.display()
        )
    );
    let bare = said(&["--apply", text(&shop), "--yes"]);
    assert_eq!(
        bare,
        format!(
            "error: no kustomization in {}: found `base`, `overlay`; expected `kustomization.yaml`\n",
            shop.display()
        )
    );
    let file = said(&["apply", "shop/base/config.yaml"]);
    assert!(file.contains("config.yaml is no directory"), "{file}");
    let recipe = said(&["apply", "shop/base", "--recipe", "rok-eks"]);
    assert!(recipe.contains("`--recipe rok-eks`"), "{recipe}");
    let resumed = said(&["resume", "--apply", "shop/base"]);
    assert!(resumed.contains("goes with `plan` or `run`"), "{resumed}");
    let unknown = said(&["apply", "shop/base", "--set", "eks_cluster=x"]);
    assert!(
        unknown.contains("unknown answer `eks_cluster`"),
        "{unknown}"
    );
    assert!(practice.runs().is_empty());
}

#[test]
fn without_kustomize_and_kubectl_both_are_named() {
    let practice = Practice::new();
    shop(&practice);
    let programs = practice.env.home().join("bin");
    fs::create_dir(&programs).expect("the home is writable");
    let git = finish(
        &mut practice.env.program("sh", &["-c", "command -v git"]),
        DEADLINE,
    );
    symlink(git.stdout.trim(), programs.join("git")).expect("it is new");
    let mut command = practice
        .env
        .command(&["apply", "shop/base", "--yes", "--sandbox"]);
    let output = finish(command.env("PATH", &programs), DEADLINE);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        output
            .stdout
            .contains("neither `kustomize` nor `kubectl` is on the PATH"),
        "{output:?}"
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn the_skeletons_namespaces_are_applied_once() {
    let practice = Practice::new();
    let overlay = skeleton();
    let output = practice.expect(3, &["plan", "--apply", text(&overlay)]);
    assert!(
        output.stdout.contains("+ creates Namespace `rok`"),
        "{output:?}"
    );
    assert_eq!(
        last_line(&output.stdout),
        "2 changes in 1 task; nothing was changed."
    );
    assert!(practice.runs().is_empty(), "a plan is no run");
    let absent = &practice.state("cluster")["objects"]["namespaces//rok"];
    assert!(absent.is_null(), "a plan changes nothing");

    let output = practice.expect(0, &["apply", text(&overlay), "--yes"]);
    assert_eq!(
        output.stdout,
        "Everything is in place: 1 changed, 3 unchanged, 2 verified.\n"
    );
    let run = practice.run_of(&output);
    let mut sent = changes(&run);
    sent.sort();
    assert_eq!(
        sent,
        [
            "PATCH /api/v1/namespaces/rok",
            "PATCH /api/v1/namespaces/rok-system"
        ]
    );
    for name in ["rok", "rok-system"] {
        let stored = &practice.state("cluster")["objects"][format!("namespaces//{name}")];
        assert_eq!(stored["kind"], "Namespace");
    }

    let output = practice.expect(0, &["--apply", text(&overlay), "--yes"]);
    assert_eq!(
        output.stdout,
        "Nothing had to be changed: 4 unchanged, 1 verified, 1 not checked.\n"
    );
    assert_eq!(changes(&practice.run_of(&output)), [""; 0]);
    practice.expect(0, &["plan", "--apply", text(&overlay)]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_lives_in_a_namespace_of_the_same_build_is_planned_and_applied_with_it() {
    let practice = Practice::new();
    shop(&practice);
    let plan = practice.expect(3, &["plan", "--apply", "shop/base"]);
    for line in [
        "+ creates Namespace `shop`",
        "+ creates ConfigMap `shop/settings`",
        "+ creates ServiceAccount `shop/shop`",
        "+   color: blue",
    ] {
        assert!(plan.stdout.contains(line), "{line}: {}", plan.stdout);
    }
    let output = practice.expect(0, &["apply", "shop/base", "--yes"]);
    let run = practice.run_of(&output);
    let sent = changes(&run);
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(sent[0], "PATCH /api/v1/namespaces/shop");
    let asked_again = output.stderr.matches("Approv").count();
    assert_eq!(asked_again, 1, "{}", output.stderr);

    // An overlay, from another directory: what differs is written, and shown as it will be stored.
    fs::write(
        practice.env.home().join("shop/base/config.yaml"),
        CONFIG.replace("blue", "green"),
    )
    .expect("it is writable");
    let inside = practice.env.home().join("shop");
    let mut command = practice
        .env
        .command(&["plan", "--apply", "overlay", "--sandbox"]);
    let plan = finish(command.current_dir(&inside), DEADLINE);
    assert_eq!(plan.status.code(), Some(3), "{plan:?}");
    for line in [
        "~ updates ConfigMap `shop/settings`",
        "-   color: blue",
        "+   color: green",
        "+     team: shop",
    ] {
        assert!(plan.stdout.contains(line), "{line}: {}", plan.stdout);
    }
    assert!(!plan.stdout.contains("managedFields"), "{}", plan.stdout);

    let overlay = inside.join("overlay");
    practice.expect(0, &["apply", text(&overlay), "--yes"]);
    fs::write(
        overlay.join("kustomization.yaml"),
        "resources: [../base]\nlabels: [{pairs: {team: shop}}]\nconfigMapGenerator:\n\
         - {name: more, namespace: shop, literals: [a=b], options: {disableNameSuffixHash: true}}\n",
    )
    .expect("it is writable");
    let output = practice.expect(0, &["apply", text(&overlay), "--yes"]);
    assert_eq!(
        changes(&practice.run_of(&output)),
        ["PATCH /api/v1/namespaces/shop/configmaps/more"],
        "what is as it should be is not written"
    );
    let objects = &practice.state("cluster")["objects"];
    assert_eq!(
        objects["configmaps/shop/settings"]["data"],
        json!({"color": "green"})
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_a_secret_keeps_is_written_down_nowhere() {
    let practice = Practice::new();
    let secret = |value: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: key, namespace: default}}\nstringData:\n  \
             user: rok\n  password: {value}\n"
        );
        let files = [
            ("kustomization.yaml", "resources: [secret.yaml]\n"),
            ("secret.yaml", &text),
        ];
        directory(&practice, "secret", &files);
    };
    let mut said = String::new();
    for value in ["canary-one", "canary-two"] {
        secret(value);
        for arguments in [
            &["plan", "--apply", "secret"][..],
            &["plan", "--apply", "secret", "--output", "json"],
            &["apply", "secret", "--yes"],
            &["apply", "secret", "--yes", "--output", "json"],
        ] {
            let Output { stdout, stderr, .. } = practice.run(arguments);
            said.push_str(&stdout);
            said.push_str(&stderr);
        }
    }
    assert!(said.contains("creates Secret `default/key`"), "{said}");
    assert!(said.contains("password: '*** (after)'"), "{said}");
    assert!(said.contains("user: '***'"), "{said}");
    let encoded = "Y2FuYXJ5";
    let kept = &practice.state("cluster")["objects"]["secrets/default/key"]["data"]["password"];
    assert!(
        kept.as_str().is_some_and(|kept| kept.starts_with(encoded)),
        "it was applied"
    );
    let files = snapshot(&practice.env.state_dir().join("runs"));
    assert!(files.len() >= 8, "{:?}", files.keys());
    let written = files.values().map(|file| String::from_utf8_lossy(file));
    for text in written.chain([said.into()]) {
        assert!(
            !text.contains("canary") && !text.contains(encoded),
            "{text}"
        );
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_build_without_objects_says_so() {
    let practice = Practice::new();
    let files = [("kustomization.yaml", "namespace: shop\nresources: []\n")];
    let empty = directory(&practice, "empty", &files);
    let output = practice.expect(0, &["apply", text(&empty)]);
    let note = format!(
        "note: the build of {} has no objects; there is nothing to apply",
        empty.display()
    );
    assert!(output.stderr.contains(&note), "{output:?}");
    assert_eq!(
        output.stdout,
        "Nothing had to be changed: 4 unchanged, 1 verified, 1 not checked.\n"
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_build_error_is_told_in_kustomizes_words() {
    let practice = Practice::new();
    let files = [("kustomization.yaml", "resources: [absent.yaml]\n")];
    directory(&practice, "broken", &files);
    for arguments in [
        &["apply", "broken", "--yes"][..],
        &["plan", "--apply", "broken"],
    ] {
        let output = practice.expect(1, arguments);
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(told.contains("absent.yaml: no such file"), "{told}");
    }
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn nothing_is_applied_that_nobody_approved_and_a_resumed_run_goes_on() {
    let practice = Practice::new();
    shop(&practice);
    let output = practice.expect(2, &["apply", "shop/base"]);
    let place = practice.env.home().join("shop/base");
    let hint = format!(
        "hint: look at it with `rok-deploy plan --apply {}`, then approve it with `--yes`",
        place.display()
    );
    assert!(output.stderr.contains(&hint), "{output:?}");
    let run = practice.run_of(&output);
    assert_eq!(changes(&run), [""; 0]);

    // From elsewhere, without naming the directory again.
    let id = run
        .file_name()
        .and_then(|id| id.to_str())
        .expect("a run has an id");
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let mut command = practice.env.command(&["resume", id, "--yes"]);
    let output = finish(command.current_dir(elsewhere.path()), DEADLINE);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        outcomes(&run),
        [
            "manifests.cluster unchanged",
            "manifests.build unchanged",
            "cluster.lease verified",
            "manifests.definitions changed",
            "manifests.objects changed",
            "manifests.ready verified",
        ]
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn programs_read_the_same_events_as_of_any_run() {
    let practice = Practice::new();
    shop(&practice);
    let output = practice.expect(0, &["apply", "shop/base", "--yes", "--output", "json"]);
    let [run] = &practice.runs()[..] else {
        panic!("there is one run: {:?}", practice.runs())
    };
    let lines = parse_lines(&output.stdout);
    let mut journal = events(run);
    for event in &mut journal {
        // What chains the lines of the journal.
        event.as_object_mut().and_then(|event| event.remove("prev"));
    }
    assert_eq!(lines, journal);
    let built = lines.iter().find(|line| {
        line["event"]["kind"] == "step_done" && line["event"]["step"] == "manifests.build"
    });
    assert_eq!(
        built.expect("it was built")["event"]["facts"]["manifests.built"],
        json!([
            "Namespace `shop`",
            "ServiceAccount `shop/shop`",
            "ConfigMap `shop/settings`"
        ])
    );
    let plan = practice.expect(0, &["plan", "--apply", "shop/base", "--output", "json"]);
    let document: Value = serde_json::from_str(&plan.stdout).expect("a plan is one document");
    assert_eq!(document["recipe"], "apply");
    assert_eq!(document["tasks"][0]["steps"][2]["finding"], "satisfied");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn without_a_cluster_the_build_is_checked() {
    let practice = Practice::new();
    shop(&practice);
    let output = practice.expect(0, &["apply", "shop/base", "--no-cluster"]);
    assert_eq!(
        output.stdout,
        "Nothing had to be changed: 1 unchanged, 5 not checked.\n"
    );
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_does_not_become_ready_is_named_when_the_wait_is_over() {
    let practice = Practice::new();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: never, namespace: default}\nspec:\n  \
               containers: [{name: main, image: none}]\n";
    let files = [
        ("kustomization.yaml", "resources: [pod.yaml]\n"),
        ("pod.yaml", pod),
    ];
    directory(&practice, "never", &files);
    practice.expect(3, &["plan", "--apply", "never"]);
    practice.change_state("cluster", |cluster| {
        cluster["sabotage"] = json!(["Unschedulable"]);
    });
    let output = practice.expect(5, &["apply", "never", "--yes", "--wait", "1s"]);
    let told = "`manifests.ready`: gave up after 1 s: Pod `default/never` (";
    assert!(output.stdout.starts_with(told), "{output:?}");
    // Resuming looks again.
    let output = practice.expect(5, &["resume", "--yes", "--wait", "1s"]);
    assert_eq!(changes(&practice.run_of(&output)).len(), 1, "applied once");
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_needs_something_that_nobody_makes_stops_the_plan() {
    let practice = Practice::new();
    let files = [
        (
            "kustomization.yaml",
            "namespace: nowhere\nresources: [config.yaml]\n",
        ),
        ("config.yaml", CONFIG),
    ];
    directory(&practice, "lost", &files);
    let output = practice.expect(1, &["apply", "lost", "--yes"]);
    assert!(
        output
            .stdout
            .contains("ConfigMap `nowhere/settings` cannot be applied"),
        "{output:?}"
    );
    assert!(
        output
            .stderr
            .contains("neither the cluster nor the build has its namespace"),
        "{output:?}"
    );
    assert_eq!(changes(&practice.run_of(&output)), [""; 0]);
}

//! `rok-deploy verify`: the whole chain proven, each link broken in turn, and nothing left behind.

mod azure;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::support::env::{Output, finish};
use super::support::practice::{DEADLINE, PREFIX, Practice, ROLE, Running, Served, events, writes};

const POD: &str = "pods/rok/rok-verify-storage-access";
const ACCOUNT: &str = "serviceaccounts/rok/rok";
const LINKS: [&str; 9] = [
    "service_account",
    "token",
    "issuer",
    "provider",
    "trust",
    "role",
    "policy",
    "prefix",
    "bucket",
];

/// A finished installation.
fn installed() -> Practice {
    let practice = Practice::new();
    practice.journey();
    practice
}

/// The last chain of a run, each link with its state.
fn chain(run: &Path) -> Vec<(String, String)> {
    let mut chains = events(run).into_iter().filter_map(|event| {
        let event = &event["event"];
        let chain = if event["kind"] == "step_failed" {
            &event["error"]["chain"]
        } else {
            &event["chain"]
        };
        chain["links"].as_array().cloned()
    });
    let last = chains.next_back().expect("the run proves a chain");
    let text = |value: &Value| value.as_str().expect("it is text").to_owned();
    last.iter()
        .map(|link| (text(&link["link"]), text(&link["state"])))
        .collect()
}

/// The first link that is broken, else the first that nothing is known of.
fn weakest(run: &Path) -> Option<String> {
    let chain = chain(run);
    let first = |state: &str| chain.iter().find(|(_, found)| found == state);
    let found = first("broken").or_else(|| first("unknown"));
    found.map(|(link, _)| link.clone())
}

/// Pod and account of a proof that are there now.
fn left(practice: &Practice) -> Vec<String> {
    let mut left = left_in(practice, "cluster");
    let account = practice.state("cluster")["objects"][ACCOUNT].clone();
    left.extend(account.is_object().then(|| ACCOUNT.to_owned()));
    left
}

/// The Pod of a proof that is in this cluster now. Its account may be Rok's own.
fn left_in(practice: &Practice, half: &str) -> Vec<String> {
    let objects = practice.state(half)["objects"].clone();
    let pod = objects[POD].is_object().then(|| POD.to_owned());
    pod.into_iter().collect()
}

/// A verification that fails at this link, says why and what mends it, and leaves nothing.
fn fails(practice: &Practice, link: &str, cause: &str, remedy: &str) -> Output {
    let output = practice.expect(5, &["verify", "--wait", "2s"]);
    let run = practice.run_of(&output);
    assert_eq!(weakest(&run).as_deref(), Some(link), "{output:?}");
    assert!(
        output.stderr.contains(cause),
        "{cause} in {}",
        output.stderr
    );
    assert!(
        output.stderr.contains(remedy),
        "{remedy} in {}",
        output.stderr
    );
    assert_eq!(
        writes(&run),
        [Value::Null; 0],
        "a verification changes nothing"
    );
    output
}

/// Breaks a finished installation, and expects the verification to find it.
fn broken(half: &str, change: impl FnOnce(&mut Value), link: &str, cause: &str, remedy: &str) {
    let practice = installed();
    practice.change_state(half, change);
    fails(&practice, link, cause, remedy);
    assert_eq!(left(&practice), [""; 0], "nothing is left of the proof");
}

fn sabotaged(how: Value, link: &str, cause: &str, remedy: &str) {
    let sabotage = |state: &mut Value| state["sabotage"] = json!([how]);
    broken("cluster", sabotage, link, cause, remedy);
}

/// Rewrites a document that is kept as text.
fn rewrite(text: &mut Value, from: &str, to: &str) {
    let old = text.as_str().expect("a document is text");
    assert!(old.contains(from), "{from} in {old}");
    *text = old.replace(from, to).into();
}

fn trust(state: &mut Value) -> &mut Value {
    &mut state["roles"][ROLE]["trust"]["current"]
}

fn kubectl(practice: &Practice, served: &Served, arguments: &[&str]) {
    let environment = fs::read_to_string(served.env_file()).expect("it is ready");
    let config = environment
        .lines()
        .find_map(|line| line.strip_prefix("export KUBECONFIG="))
        .expect("it names a kubeconfig");
    let mut command: Command = practice.env.program("kubectl", arguments);
    command.env("KUBECONFIG", config.trim_matches('\''));
    let output = finish(&mut command, DEADLINE);
    assert!(output.status.success(), "kubectl {arguments:?}: {output:?}");
}

#[test]
fn a_finished_installation_is_proven_to_the_bucket() {
    let practice = installed();
    let (meaning, refs) = (practice.meaning(), practice.refs());
    let output = practice.expect(0, &["verify"]);
    let run = practice.run_of(&output);
    let proven = LINKS.map(|link| (link.to_owned(), "proven".to_owned()));
    assert_eq!(chain(&run), proven);
    assert!(output.stdout.contains("IAM provider"), "{}", output.stdout);
    assert!(
        output.stdout.contains("Everything is as intended"),
        "{}",
        output.stdout
    );
    assert_eq!(writes(&run), [Value::Null; 0]);
    assert_eq!((practice.meaning(), practice.refs()), (meaning, refs));
    assert_eq!(left(&practice), [""; 0]);
}

#[test]
fn a_first_run_proves_with_a_pod_and_leaves_the_first_bucket() {
    let practice = Practice::new();
    let output = practice.journey();
    for step in [
        "rok.verify-pod",
        "rok.pod-identity",
        "rok.pod-storage",
        "rok.verify-clean-up",
    ] {
        assert!(output.stderr.contains(step), "{step} in {}", output.stderr);
    }
    let bucket = format!("{PREFIX}-chocks-ca");
    assert!(practice.state("aws")["buckets"][&bucket].is_object());
    assert_eq!(left(&practice), [""; 0]);
    // Nothing changed, so no Pod is started again.
    let output = practice.journey();
    let line = |step: &str| {
        output
            .stderr
            .lines()
            .find(|line| line.contains(step))
            .map(str::to_owned)
    };
    let spared = line("rok.verify-pod").expect("it is told");
    assert!(spared.contains("nothing was changed"), "{spared}");
}

#[test]
fn without_a_pod_the_chain_is_proven_from_outside() {
    let practice = installed();
    let output = practice.expect(0, &["verify", "--no-pod"]);
    let run = practice.run_of(&output);
    assert_eq!(weakest(&run), None);
    let began = events(&run).iter().any(|event| {
        event["event"]["step"] == "rok.verify-pod" && event["event"]["kind"] == "step_acting"
    });
    assert!(!began, "no Pod");
    assert!(output.stderr.contains("--no-pod"), "{}", output.stderr);
}

#[test]
fn a_verification_never_creates_a_bucket() {
    let practice = installed();
    practice.change_state("aws", |state| state["buckets"] = json!({}));
    let output = practice.expect(0, &["verify"]);
    assert!(
        output.stderr.contains("does not exist yet"),
        "{}",
        output.stderr
    );
    assert_eq!(practice.state("aws")["buckets"], json!({}));
}

#[test]
fn one_task_is_verified_alone() {
    let practice = installed();
    let output = practice.expect(0, &["verify", "cloudidentity"]);
    assert!(output.stderr.contains("aws.trust"), "{}", output.stderr);
    assert!(
        !output.stderr.contains("verified     rok.storage-access"),
        "{}",
        output.stderr
    );
    let unknown = practice.expect(2, &["verify", "nonsense"]);
    assert!(
        unknown.stderr.contains("unknown task `nonsense`"),
        "{unknown:?}"
    );
}

#[test]
fn nothing_installed_is_told_check_by_check() {
    let practice = Practice::new();
    let output = practice.expect(5, &["verify"]);
    assert!(output.stderr.contains("aws.iam-role"), "{}", output.stderr);
    assert!(
        output.stderr.contains("rok-deploy run"),
        "{}",
        output.stderr
    );
    assert!(practice.state("aws")["roles"][ROLE].is_null());
    assert_eq!(left(&practice), [""; 0]);
}

#[test]
fn a_deleted_provider_is_the_broken_link() {
    let delete = |state: &mut Value| state["providers"] = json!({});
    broken("aws", delete, "provider", "OIDC provider", "rok-deploy run");
}

#[test]
fn a_missing_client_id_is_the_broken_link() {
    let change = |state: &mut Value| {
        for (_, provider) in state["providers"].as_object_mut().expect("there is one") {
            provider["client_ids"]["current"] = json!(["other"]);
        }
    };
    let remedy = "add-client-id-to-open-id-connect-provider";
    broken("aws", change, "provider", "sts.amazonaws.com", remedy);
}

#[test]
fn a_trust_policy_for_another_subject_is_the_broken_link() {
    let change = |state: &mut Value| rewrite(trust(state), "rok:rok", "rok:other");
    broken(
        "aws",
        change,
        "trust",
        "system:serviceaccount:rok:other",
        "rok-deploy run",
    );
}

#[test]
fn a_trust_policy_for_another_audience_is_the_broken_link() {
    let change = |state: &mut Value| rewrite(trust(state), "sts.amazonaws.com", "sts.example.com");
    broken("aws", change, "trust", "sts.example.com", "rok-deploy run");
}

#[test]
fn a_policy_for_another_prefix_is_the_broken_link() {
    let change = |state: &mut Value| {
        for (_, policy) in state["policies"].as_object_mut().expect("there is one") {
            for version in policy["versions"].as_array_mut().expect("it has versions") {
                let document = &mut version["document"];
                if document.as_str().is_some_and(|text| text.contains(PREFIX)) {
                    rewrite(document, PREFIX, "rok-other");
                }
            }
        }
    };
    broken("aws", change, "prefix", "rok-other", "rok-deploy run");
}

#[test]
fn a_detached_policy_is_the_broken_link() {
    let change = |state: &mut Value| state["roles"][ROLE]["grants"]["attached"] = json!({});
    broken("aws", change, "policy", "attached", "attach-role-policy");
}

#[test]
fn a_webhook_that_is_off_leaves_the_pod_without_a_token() {
    sabotaged(
        json!("WebhookOff"),
        "token",
        "AWS_ROLE_ARN: found nothing",
        "mutatingwebhookconfiguration",
    );
}

#[test]
fn a_webhook_that_is_down_keeps_the_pod_from_being_made() {
    sabotaged(
        json!("WebhookDownAndFailing"),
        "token",
        "failed calling webhook",
        "pod-identity-webhook",
    );
}

#[test]
fn a_wrong_issuer_is_the_broken_link() {
    let other = json!({ "OtherIssuer": "https://oidc.example.com/id/OTHER" });
    sabotaged(
        other,
        "issuer",
        "https://oidc.example.com/id/OTHER",
        "describe-cluster",
    );
}

#[test]
fn exec_that_is_refused_is_named_with_the_rights_it_takes() {
    sabotaged(json!("ExecRefused"), "token", "exec", "pods/exec");
}

#[test]
fn exec_that_breaks_after_the_upgrade_is_named() {
    sabotaged(json!("ExecBreaksAfterUpgrade"), "token", "exec", "kubectl");
}

#[test]
fn an_image_that_cannot_be_pulled_names_the_answers_that_change_it() {
    sabotaged(
        json!("ImageNotPullable"),
        "token",
        "ImagePullBackOff",
        "--set verify_image=",
    );
}

#[test]
fn a_pod_that_finds_no_node_says_so() {
    sabotaged(json!("Unschedulable"), "token", "Unschedulable", "kubectl");
}

#[test]
fn an_account_of_another_role_is_the_broken_link_and_stays() {
    let practice = installed();
    let served = practice.serve();
    let other = "eks.amazonaws.com/role-arn=arn:aws:iam::123451234512:role/other";
    kubectl(
        &practice,
        &served,
        &["create", "serviceaccount", "rok", "-n", "rok"],
    );
    kubectl(
        &practice,
        &served,
        &["annotate", "serviceaccount", "rok", "-n", "rok", other],
    );
    fails(
        &practice,
        "service_account",
        "role/other",
        "kubectl annotate serviceaccount rok",
    );
    served.stop();
    assert_eq!(left(&practice), [ACCOUNT], "it is not ours");
}

#[test]
fn a_pod_that_is_older_than_the_annotation_has_to_be_made_anew() {
    let practice = installed();
    let served = practice.serve();
    kubectl(
        &practice,
        &served,
        &["create", "serviceaccount", "rok", "-n", "rok"],
    );
    let manifest = practice
        .clone()
        .join("rok/rok-test/rok-verify-storage-access-eks.yaml");
    let manifest = manifest.to_str().expect("a temporary path is text");
    kubectl(&practice, &served, &["create", "-f", manifest]);
    let pod = "pod/rok-verify-storage-access";
    kubectl(
        &practice,
        &served,
        &["wait", "--for=condition=Ready", pod, "-n", "rok"],
    );
    Practice::next_second();
    let role = format!("eks.amazonaws.com/role-arn=arn:aws:iam::123451234512:role/{ROLE}");
    kubectl(
        &practice,
        &served,
        &["annotate", "serviceaccount", "rok", "-n", "rok", &role],
    );
    let remedy = "kubectl delete pod rok-verify-storage-access --namespace rok";
    fails(
        &practice,
        "token",
        "a Pod keeps what it was made with",
        remedy,
    );
    served.stop();
    assert_eq!(left(&practice), [POD, ACCOUNT], "neither is ours");
}

#[test]
fn where_exec_is_forbidden_the_pod_asks_by_itself() {
    let practice = installed();
    practice.change_state("cluster", |state| {
        state["denials"] = json!([{ "verb": "create", "group": "", "resource": "pods/exec" }]);
    });
    let output = practice.expect(0, &["verify"]);
    assert!(
        output.stderr.contains("exec is forbidden"),
        "{}",
        output.stderr
    );
    assert_eq!(weakest(&practice.run_of(&output)), None);
    assert_eq!(left(&practice), [""; 0]);
}

#[test]
fn a_restricted_namespace_gets_a_restricted_pod() {
    let practice = installed();
    practice.change_state("cluster", |state| {
        let labels = &mut state["objects"]["namespaces//rok"]["metadata"]["labels"];
        labels["pod-security.kubernetes.io/enforce"] = "restricted".into();
    });
    let output = practice.expect(0, &["verify"]);
    assert_eq!(weakest(&practice.run_of(&output)), None);
}

#[test]
fn a_pod_with_keys_of_its_own_is_not_taken_for_the_role() {
    let practice = installed();
    let path = practice
        .clone()
        .join("rok/rok-test/rok-verify-storage-access-eks.yaml");
    let manifest = fs::read_to_string(&path).expect("it was rendered");
    let served = practice.serve();
    let environment = fs::read_to_string(served.env_file()).expect("it is ready");
    let mut keys = String::new();
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let export = format!("export {name}=");
        let value = environment
            .lines()
            .find_map(|line| line.strip_prefix(&export));
        let value = value.expect("it is exported").trim_matches('\'');
        writeln!(keys, "        - name: {name}\n          value: {value}").expect("a string grows");
    }
    served.stop();
    let manifest = manifest.replace("      env:\n", &format!("      env:\n{keys}"));
    fs::write(&path, manifest).expect("it is writable");
    let output = practice.expect(5, &["verify", "objectstorage", "--wait", "2s"]);
    assert_eq!(
        weakest(&practice.run_of(&output)).as_deref(),
        Some("role"),
        "{output:?}"
    );
    assert_eq!(left(&practice), [""; 0]);
}

#[test]
fn an_edited_build_is_found_by_value_and_not_by_text() {
    let practice = installed();
    let path = practice
        .clone()
        .join("rok/rok-cluster/overlays/deploy/patches/configvars.yaml");
    let text = fs::read_to_string(&path).expect("it was rendered");
    let line = text
        .lines()
        .find(|line| line.contains("bucket_prefix"))
        .expect("it has one");
    let edited = text.replace(
        line,
        &format!(
            "    # {}\n    daemons.s3d.bucket_prefix: other",
            line.trim()
        ),
    );
    fs::write(&path, edited).expect("it is writable");
    let output = practice.expect(5, &["verify", "objectstorage", "--no-pod"]);
    assert!(
        output.stderr.contains(&format!(
            "daemons.s3d.bucket_prefix: found other, expected {PREFIX}"
        )),
        "{}",
        output.stderr
    );
}

/// Waits until the journal of the run that has just begun says this.
fn reaches(practice: &Practice, before: &[PathBuf], running: &mut Running, at: &str) {
    running.wait_for("the journal", || {
        let mut runs = practice.runs().into_iter();
        let run = runs.find(|run| !before.contains(run))?;
        let journal = fs::read_to_string(run.join("journal.jsonl")).ok()?;
        journal.contains(at).then_some(())
    });
}

/// Killed while the Pod is there, a verification is resumed; what the proof made is gone then.
#[test]
fn what_a_killed_proof_left_is_gone_after_a_resume() {
    for (arguments, at) in [
        (
            &["verify", "--latency", "30ms"][..],
            r#""kind":"step_acted","step":"rok.verify-account""#,
        ),
        (
            &["verify", "--latency", "30ms"],
            r#""kind":"step_acted","step":"rok.verify-pod""#,
        ),
        (
            &["verify", "--latency", "30ms"],
            r#""kind":"step_done","step":"rok.pod-identity""#,
        ),
        (
            &["verify", "--latency", "30ms"],
            r#""kind":"step_acting","step":"rok.verify-clean-up""#,
        ),
    ] {
        let practice = installed();
        let before = practice.runs();
        let mut running = practice.start(arguments);
        reaches(&practice, &before, &mut running, at);
        running.kill();
        let output = practice.expect(0, &["resume"]);
        assert_eq!(weakest(&practice.run_of(&output)), None, "{at}");
        assert_eq!(left(&practice), [""; 0], "{at}");
    }
}

/// What an abandoned run left is replaced and removed by the next one.
#[test]
fn what_an_abandoned_proof_left_is_gone_after_the_next() {
    let practice = installed();
    let before = practice.runs();
    let mut running = practice.start(&["verify", "--latency", "30ms"]);
    let at = r#""kind":"step_done","step":"rok.verify-pod""#;
    reaches(&practice, &before, &mut running, at);
    running.kill();
    assert_eq!(left(&practice), [POD, ACCOUNT]);
    practice.expect(0, &["verify"]);
    assert_eq!(left(&practice), [""; 0]);
}

#[test]
fn a_stop_in_the_middle_leaves_nothing() {
    let practice = installed();
    practice.change_state("cluster", |state| {
        state["sabotage"] = json!(["ImageNotPullable"]);
    });
    let before = practice.runs();
    let mut running = practice.start(&["verify"]);
    let at = r#""kind":"step_settling","step":"rok.verify-pod""#;
    reaches(&practice, &before, &mut running, at);
    running.signal("INT");
    let output = running.finish();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(left(&practice), [""; 0]);
}

#[test]
fn another_image_and_its_secret_are_remembered_in_the_repository() {
    let practice = Practice::new();
    let mirror = "registry.example.com/mirror/rok-tools:1.5";
    let image = format!("verify_image={mirror}");
    practice.expect(0, &["run", "--yes", "--set", &image]);
    let env =
        fs::read_to_string(practice.clone().join("deploy/env.cloudidentity")).expect("it is there");
    assert!(env.contains(&format!("VERIFY_IMAGE={mirror}")), "{env}");
    let manifest = practice
        .clone()
        .join("rok/rok-test/rok-verify-storage-access-eks.yaml");
    let manifest = fs::read_to_string(manifest).expect("it is there");
    assert!(manifest.contains(&format!("image: {mirror}")), "{manifest}");
    let plan = practice.expect(0, &["plan"]);
    assert!(plan.stdout.contains("Nothing would change."), "{plan:?}");
    let wrong = practice.expect(2, &["plan", "--set", "verify_image=https://registry/x"]);
    assert!(wrong.stderr.contains("verify_image"), "{wrong:?}");
}

/// The account of a Rok that is deployed already carries no label of a proof.
#[test]
fn the_account_of_a_live_rok_is_used_and_survives() {
    let practice = installed();
    let served = practice.serve();
    let account = live_account(&practice, &served, &[]);
    practice.expect(0, &["verify"]);
    served.stop();
    assert_eq!(left(&practice), [ACCOUNT]);
    let uid = |state: &Value| state["objects"][ACCOUNT]["metadata"]["uid"].clone();
    assert_eq!(
        uid(&practice.state("cluster")),
        account,
        "it is the same one"
    );
}

#[test]
fn a_token_for_another_audience_is_seen_in_the_pod() {
    let practice = installed();
    let served = practice.serve();
    live_account(&practice, &served, &["eks.amazonaws.com/audience=vault"]);
    let cause = "audience of aws-iam-token: found vault, expected sts.amazonaws.com";
    fails(&practice, "token", cause, "eks.amazonaws.com/audience");
    served.stop();
}

#[test]
fn a_token_that_lives_shorter_is_seen_in_the_pod() {
    let practice = installed();
    let served = practice.serve();
    live_account(
        &practice,
        &served,
        &["eks.amazonaws.com/token-expiration=3600"],
    );
    let cause = "expirationSeconds of aws-iam-token: found 3600, expected 86400";
    fails(
        &practice,
        "token",
        cause,
        "eks.amazonaws.com/token-expiration",
    );
    served.stop();
}

/// A role that somebody brought may list and not create.
#[test]
fn a_bucket_that_may_not_be_created_names_the_missing_right() {
    let practice = installed();
    practice.change_state("aws", |state| {
        state["buckets"] = json!({});
        let roles = state["roles"].as_object_mut().expect("there are some");
        let mut role = roles.remove(ROLE).expect("the run made it");
        role["name"] = "brought".into();
        role["tags"] = json!({});
        roles.insert("brought".into(), role);
        for (_, policy) in state["policies"].as_object_mut().expect("there are some") {
            for version in policy["versions"].as_array_mut().expect("it has versions") {
                let document = &mut version["document"];
                if document.as_str().is_some_and(|text| text.contains(PREFIX)) {
                    rewrite(document, "s3:*", "s3:List*");
                }
            }
        }
    });
    Practice::next_second();
    let arguments = [
        "--set",
        "aws_identity_method=existing",
        "--set",
        "aws_s3_role=brought",
    ];
    let output = practice.expect(
        5,
        &[&["run", "--yes", "--wait", "2s"], &arguments[..]].concat(),
    );
    assert!(
        output.stderr.contains("CreateBucket: AccessDenied"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("s3:CreateBucket"),
        "{}",
        output.stderr
    );
    assert_eq!(
        weakest(&practice.run_of(&output)).as_deref(),
        Some("policy"),
        "{output:?}"
    );
    assert_eq!(left(&practice), [""; 0]);
    assert_eq!(practice.state("aws")["buckets"], json!({}));
}

/// Makes an account as Rok's manifests do, with further annotations; returns its UID.
fn live_account(practice: &Practice, served: &Served, annotations: &[&str]) -> Value {
    let role = format!("eks.amazonaws.com/role-arn=arn:aws:iam::123451234512:role/{ROLE}");
    kubectl(
        practice,
        served,
        &["create", "serviceaccount", "rok", "-n", "rok"],
    );
    let annotate = ["annotate", "serviceaccount", "rok", "-n", "rok", &role];
    kubectl(practice, served, &[&annotate[..], annotations].concat());
    practice.state("cluster")["objects"][ACCOUNT]["metadata"]["uid"].clone()
}

#[test]
fn a_pod_that_somebody_made_by_hand_is_used_and_left() {
    let practice = installed();
    let served = practice.serve();
    live_account(&practice, &served, &[]);
    let manifest = practice
        .clone()
        .join("rok/rok-test/rok-verify-storage-access-eks.yaml");
    let manifest = manifest.to_str().expect("a temporary path is text");
    kubectl(&practice, &served, &["create", "-f", manifest]);
    let output = practice.expect(0, &["verify"]);
    assert!(
        output
            .stderr
            .contains("was there before; it is used and left"),
        "{}",
        output.stderr
    );
    served.stop();
    assert_eq!(left(&practice), [POD, ACCOUNT]);
}

/// Who may not read events still hears what the Pod's status says.
#[test]
fn without_the_right_to_read_events_the_status_tells() {
    let practice = installed();
    practice.change_state("cluster", |state| {
        state["denials"] = json!([{ "verb": "list", "group": "", "resource": "events" }]);
        state["sabotage"] = json!(["ImageNotPullable"]);
    });
    fails(
        &practice,
        "token",
        "ImagePullBackOff",
        "--set verify_image=",
    );
}

#[test]
fn a_quota_that_is_used_up_is_named() {
    let practice = installed();
    let served = practice.serve();
    let quota = ["create", "-f"];
    let path = practice.env.home().join("quota.yaml");
    fs::write(
        &path,
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none, namespace: rok}\n\
         spec: {hard: {pods: \"0\"}}\n",
    )
    .expect("the home is writable");
    let path = path.to_str().expect("a temporary path is text");
    kubectl(&practice, &served, &[&quota[..], &[path]].concat());
    fails(
        &practice,
        "token",
        "exceeded quota",
        "kubectl describe resourcequota",
    );
    served.stop();
}

/// Whoever resumes may wait for another time, and do without the Pod that does not come up.
#[test]
fn a_resumed_run_takes_another_wait_and_no_pod() {
    let practice = Practice::new();
    practice.make_world();
    practice.change_state("cluster", |state| {
        state["sabotage"] = json!(["ImageNotPullable"]);
    });
    let output = practice.expect(5, &["run", "--yes", "--wait", "1s"]);
    assert!(
        output.stderr.contains("gave up after 1 s"),
        "{}",
        output.stderr
    );
    assert_eq!(left(&practice), [""; 0]);
    let output = practice.expect(5, &["resume", "--wait", "2s"]);
    assert!(
        output.stderr.contains("gave up after 2 s"),
        "{}",
        output.stderr
    );
    let output = practice.expect(0, &["resume", "--no-pod"]);
    assert_eq!(weakest(&practice.run_of(&output)), None);
    assert_eq!(left(&practice), [""; 0]);
}

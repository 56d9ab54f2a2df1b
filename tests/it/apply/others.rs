//! A cluster that others use too: managers with fields of their own, controllers that take their time.

use super::super::support::practice::Served;
use super::*;

/// Runs kubectl in the served world; it has to succeed.
fn kubectl(practice: &Practice, served: &Served, arguments: &str) -> String {
    let script = format!(". '{}' && kubectl {arguments}", served.env_file().display());
    let output = finish(&mut practice.env.program("sh", &["-c", &script]), DEADLINE);
    assert!(output.status.success(), "kubectl {arguments}: {output:?}");
    output.stdout
}

fn color(practice: &Practice, served: &Served) -> String {
    let get = "get configmap settings -n shop -o jsonpath={.data.color}";
    kubectl(practice, served, get)
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn fields_of_another_manager_are_a_conflict_and_stay() {
    let practice = Practice::new();
    let served = practice.serve();
    shop(&practice);
    practice.expect(0, &["apply", "shop/base", "--yes"]);
    let theirs = format!(
        "{}  size: large\n",
        CONFIG
            .replace("blue", "green")
            .replace("settings", "settings\n  namespace: shop")
    );
    fs::write(practice.env.home().join("theirs.yaml"), theirs).expect("the home is writable");
    let take = "apply --server-side --force-conflicts -f theirs.yaml --field-manager";

    kubectl(&practice, &served, &format!("{take} someone"));
    let reason = "ConfigMap `shop/settings`: `.data.color` of `someone` is in the way";
    let plan = practice.expect(4, &["plan", "--apply", "shop/base"]);
    for line in [reason, "-   color: green", "+   color: blue"] {
        assert!(plan.stdout.contains(line), "{line}: {}", plan.stdout);
    }
    let output = practice.expect(4, &["apply", "shop/base", "--yes"]);
    assert_eq!(
        output.stdout,
        format!("`manifests.objects`: {reason}; nothing was changed.\n")
    );
    for hint in [
        "take them out of the manifests",
        "--force-conflicts --field-manager rok-deploy",
    ] {
        assert!(output.stderr.contains(hint), "{hint}: {}", output.stderr);
    }
    assert!(!output.stderr.contains("Git"), "{}", output.stderr);
    assert_eq!(changes(&practice.run_of(&output)), [""; 0]);

    kubectl(&practice, &served, &format!("{take} kustomize-controller"));
    let output = practice.expect(4, &["apply", "shop/base", "--yes"]);
    let hint = "ConfigMap `shop/settings` is kept by Flux: push the change to Git instead";
    assert!(output.stderr.contains(hint), "{}", output.stderr);
    assert_eq!(color(&practice, &served), "green");

    // The choice that the hint names.
    let place = practice.env.home().join("shop/base");
    let force = format!(
        "apply --server-side --force-conflicts --field-manager rok-deploy -k {}",
        place.display()
    );
    kubectl(&practice, &served, &force);
    assert_eq!(color(&practice, &served), "blue");
    practice.expect(0, &["plan", "--apply", "shop/base"]);
    served.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn what_flux_keeps_is_pointed_out_where_nothing_is_in_the_way() {
    let practice = Practice::new();
    let served = practice.serve();
    let kept = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kept\n  namespace: default\n  labels:\n    \
                kustomize.toolkit.fluxcd.io/name: apps\n    kustomize.toolkit.fluxcd.io/namespace: flux-system\n\
                data:\n  color: blue\n";
    let ours = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kept\n  namespace: default\ndata:\n  size: small\n";
    let files = [
        ("kustomization.yaml", "resources: [ours.yaml]\n"),
        ("ours.yaml", ours),
        ("theirs.yaml", kept),
    ];
    directory(&practice, "kept", &files);
    kubectl(
        &practice,
        &served,
        "apply --server-side --field-manager kustomize-controller -f kept/theirs.yaml",
    );
    let output = practice.expect(0, &["apply", "kept", "--yes"]);
    let note = "note: ConfigMap `default/kept` is kept by Flux (Kustomization `flux-system/apps`), which \
                may undo this: push it to Git instead";
    assert_eq!(output.stderr.matches(note).count(), 1, "{}", output.stderr);
    let data = "get configmap kept -o jsonpath={.data}";
    let data: Value = serde_json::from_str(&kubectl(&practice, &served, data)).expect("JSON");
    assert_eq!(data, json!({"color": "blue", "size": "small"}));

    let output = practice.expect(0, &["apply", "kept", "--yes"]);
    assert!(!output.stderr.contains("Flux"), "{}", output.stderr);
    served.stop();
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_definition_and_an_object_of_it_come_in_one_build() {
    let practice = Practice::new();
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  \
        name: widgets.shop.example\nspec:\n  group: shop.example\n  scope: Namespaced\n  names: {plural: widgets, \
        singular: widget, kind: Widget, listKind: WidgetList}\n  versions:\n  - name: v1\n    served: true\n    \
        storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n          \
        spec: {type: object, properties: {size: {type: integer}}}\n";
    let widget = "apiVersion: shop.example/v1\nkind: Widget\nmetadata: {name: first, namespace: default}\n\
                  spec: {size: 3}\n";
    let files = [
        (
            "kustomization.yaml",
            "resources: [widget.yaml, definition.yaml]\n",
        ),
        ("definition.yaml", definition),
        ("widget.yaml", widget),
    ];
    let place = directory(&practice, "widgets", &files);
    let plan = practice.expect(3, &["plan", "--apply", "widgets"]);
    for line in [
        "+ creates CustomResourceDefinition `widgets.shop.example`",
        "+ creates Widget `default/first`",
    ] {
        assert!(plan.stdout.contains(line), "{line}: {}", plan.stdout);
    }
    let output = practice.expect(0, &["apply", "widgets", "--yes"]);
    assert_eq!(changes(&practice.run_of(&output)).len(), 2, "{output:?}");
    let output = practice.expect(0, &["apply", "widgets", "--yes"]);
    assert_eq!(changes(&practice.run_of(&output)), [""; 0]);

    fs::write(place.join("widget.yaml"), widget.replace('3', "4")).expect("it is writable");
    let plan = practice.expect(3, &["plan", "--apply", "widgets"]);
    assert!(
        plan.stdout.contains("~ updates Widget `default/first`"),
        "{}",
        plan.stdout
    );
    assert_eq!(
        last_line(&plan.stdout),
        "1 change in 1 task; nothing was changed."
    );
    practice.expect(0, &["apply", "widgets", "--yes"]);
}

#[test]
#[ignore = "needs the peers of tests/run"]
fn a_deployment_is_waited_for() {
    let practice = Practice::new();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: default}\nspec:\n  \
        replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
        spec: {containers: [{name: web, image: 'nginx:1.29'}]}\n";
    let files = [
        ("kustomization.yaml", "resources: [web.yaml]\n"),
        ("web.yaml", deployment),
    ];
    directory(&practice, "web", &files);
    let served = practice.serve();
    let output = practice.expect(0, &["apply", "web", "--yes"]);
    let run = practice.run_of(&output);
    assert_eq!(changes(&run).len(), 1, "{output:?}");
    assert!(outcomes(&run).contains(&"manifests.ready verified".to_owned()));
    let available = "get deployment web -o jsonpath={.status.availableReplicas}";
    assert_eq!(kubectl(&practice, &served, available), "2");
    let output = practice.expect(0, &["apply", "web", "--yes"]);
    assert_eq!(changes(&practice.run_of(&output)), [""; 0]);
    served.stop();
}
